//! Path strings, as Emscripten's `PATH` module treats them.

/// Non-empty components.
pub fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|p| !p.is_empty())
}

pub fn join(base: &str, name: &str) -> String {
    if base.ends_with('/') {
        format!("{base}{name}")
    } else {
        format!("{base}/{name}")
    }
}

/// The parent of an absolute, normalised path.
pub fn dirname(path: &str) -> &str {
    match path.rfind('/') {
        None => ".",
        Some(0) => "/",
        Some(i) => &path[..i],
    }
}

/// The last component, trailing slashes left out.
pub fn basename(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        "/"
    } else {
        path.rsplit('/').next().unwrap_or(path)
    }
}

/// `path` made absolute against `cwd`, with `.` and `..` resolved by text alone.
pub fn resolve(cwd: &str, path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let base = if path.starts_with('/') { "" } else { cwd };
    for part in parts(base).chain(parts(path)) {
        match part {
            "." => {}
            ".." => drop(out.pop()),
            name => out.push(name),
        }
    }
    format!("/{}", out.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_only() {
        assert_eq!(resolve("/a/b", "../c//./d"), "/a/c/d");
        assert_eq!(resolve("/", "../../x"), "/x");
        assert_eq!(
            (dirname("/a/b"), dirname("/a"), basename("/a/b/")),
            ("/a", "/", "b")
        );
        assert_eq!(join("/", "x"), "/x");
    }
}
