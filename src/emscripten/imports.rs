//! Which import is answered by which function.

use super::{
    ImportFn, console, embind, emval, environment, exceptions, fastcomp, heap, lifecycle,
    main_loop, math, pthread, syscalls, system, time, timers,
};
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

/// All that are answered, by folder.
const ALL: &[&[(&str, ImportFn)]] = &[
    embind::IMPORTS,
    emval::IMPORTS,
    exceptions::IMPORTS,
    syscalls::IMPORTS,
    syscalls::WASI,
    time::IMPORTS,
    timers::IMPORTS,
    main_loop::IMPORTS,
    environment::IMPORTS,
    heap::IMPORTS,
    console::IMPORTS,
    lifecycle::IMPORTS,
    system::IMPORTS,
    pthread::IMPORTS,
    math::IMPORTS,
    fastcomp::IMPORTS,
];

static IMPORTS: LazyLock<FxHashMap<&'static str, ImportFn>> =
    LazyLock::new(|| ALL.iter().flat_map(|list| list.iter().copied()).collect());

/// The names of all that are answered, those apart that hold a signature or a count.
#[cfg(any(test, fuzzing))]
pub fn names() -> impl Iterator<Item = &'static str> {
    IMPORTS.keys().copied()
}

/// The function that answers an import, by its canonical name.
pub fn answer(name: &str) -> Option<ImportFn> {
    if let Some(function) = IMPORTS.get(name) {
        return Some(*function);
    }
    if name.strip_prefix("invoke_").is_some_and(is_signature) {
        return Some(exceptions::invoke);
    }
    if name
        .strip_prefix("__cxa_find_matching_catch_")
        .is_some_and(|n| n.parse::<u32>().is_ok())
    {
        return Some(exceptions::find_matching_catch);
    }
    None
}

/// Letters of Emscripten's signature strings.
fn is_signature(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b"vijfdp".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_import_has_two_answers() {
        let mut names: Vec<_> = ALL
            .iter()
            .flat_map(|list| list.iter().map(|(name, _)| *name))
            .collect();
        names.sort_unstable();
        let twice: Vec<_> = names
            .windows(2)
            .filter(|w| w[0] == w[1])
            .map(|w| w[0])
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}
