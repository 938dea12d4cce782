//! What kind of source was opened, and where its WebAssembly is.

use super::{ReadError, SourceFile};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

const WASM_MAGIC: &[u8] = b"\0asm";

/// What the bytes of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Wasm,
    Glue,
}

/// Nothing else is read: devices have no end, and a pipe may be waited for for ever.
fn check_file(path: &Path) -> std::io::Result<()> {
    let found = std::fs::metadata(path)?;
    match found.is_file() || found.is_dir() {
        true => Ok(()),
        false => Err(std::io::Error::other("it is not a file")),
    }
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    check_file(path)?;
    std::fs::read(path)
}

impl SourceFile {
    /// Reads a file from the disk.
    pub fn load(path: &Path) -> Result<SourceFile, ReadError> {
        let bytes = read_file(path).map_err(|e| {
            if path.is_dir() {
                return ReadError::IsDirectory { path: path.into() };
            }
            match e.kind() {
                std::io::ErrorKind::NotFound => ReadError::NotFound { path: path.into() },
                _ => ReadError::Unreadable {
                    path: path.into(),
                    reason: e.to_string(),
                },
            }
        })?;
        Ok(SourceFile {
            path: Some(path.into()),
            bytes,
            beside: None,
        })
    }

    pub fn kind(&self) -> Result<Kind, ReadError> {
        if self.bytes.is_empty() {
            return Err(ReadError::Empty);
        }
        if self.bytes.starts_with(WASM_MAGIC) {
            return Ok(Kind::Wasm);
        }
        if self.bytes.len() < 4 && WASM_MAGIC.starts_with(&self.bytes) {
            return Err(ReadError::InvalidWasm {
                offset: self.bytes.len() as u64,
                reason: "unexpected end: the file is truncated".into(),
            });
        }
        // Executables, archives and images have NUL bytes early; text has none outside of a string.
        if self.bytes[..self.bytes.len().min(512)].contains(&0) {
            return Err(ReadError::NotEmscripten {
                reason: "it is neither JavaScript nor WebAssembly, but some other binary file"
                    .into(),
            });
        }
        Ok(Kind::Glue)
    }
}

/// Files that the caller read, by path. `..` in a path goes up whatever is there.
#[derive(Clone, Debug, Default)]
pub struct Beside(BTreeMap<PathBuf, Vec<u8>>);

impl FromIterator<(PathBuf, Vec<u8>)> for Beside {
    fn from_iter<I: IntoIterator<Item = (PathBuf, Vec<u8>)>>(files: I) -> Self {
        Self(
            files
                .into_iter()
                .map(|(path, bytes)| (normal(&path), bytes))
                .collect(),
        )
    }
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

/// Where the files around a source are.
#[derive(Clone, Copy)]
pub enum Around<'a> {
    Disk,
    Given(&'a Beside),
}

impl<'a> Around<'a> {
    pub fn of(source: &'a SourceFile) -> Self {
        source.beside.as_ref().map_or(Self::Disk, Self::Given)
    }

    pub fn read(self, path: &Path) -> Option<Vec<u8>> {
        match self {
            Self::Disk => read_file(path).ok(),
            Self::Given(beside) => beside.0.get(&normal(path)).cloned(),
        }
    }

    fn len(self, path: &Path) -> Option<u64> {
        match self {
            Self::Disk => {
                let found = std::fs::metadata(path).ok()?;
                found.is_file().then_some(found.len())
            }
            Self::Given(beside) => Some(beside.0.get(&normal(path))?.len() as u64),
        }
    }

    fn begins_like_wasm(self, path: &Path) -> bool {
        use std::io::Read;
        match self {
            Self::Disk => {
                let mut magic = [0u8; 4];
                check_file(path)
                    .and_then(|()| std::fs::File::open(path))
                    .and_then(|mut file| file.read_exact(&mut magic))
                    .is_ok_and(|()| magic == WASM_MAGIC)
            }
            Self::Given(beside) => beside
                .0
                .get(&normal(path))
                .is_some_and(|bytes| bytes.starts_with(WASM_MAGIC)),
        }
    }

    /// The folders in a folder, in order.
    fn folders_in(self, folder: &Path) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = match self {
            Self::Disk => std::fs::read_dir(folder)
                .map(|entries| {
                    entries
                        .flatten()
                        .map(|e| e.path())
                        .filter(|p| p.is_dir())
                        .collect()
                })
                .unwrap_or_default(),
            Self::Given(beside) => {
                let above = normal(folder);
                let of_files = beside.0.keys().filter_map(|file| file.parent());
                of_files
                    .filter(|found| found.parent() == Some(&above))
                    .map(PathBuf::from)
                    .collect()
            }
        };
        folders.sort();
        folders.dedup();
        folders
    }

    /// Looks for `.wasm` files that the glue may mean, best first: the names it spells, beside it and one folder down,
    /// then, where `siblings` says so, one of the same stem. Only files that are there and begin like WebAssembly are given.
    pub fn candidates(
        self,
        glue: &Path,
        names: &[String],
        siblings: bool,
        looked_at: &mut Vec<PathBuf>,
    ) -> Vec<PathBuf> {
        let folder = glue
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut places = Vec::new();
        for name in names {
            places.push(folder.join(name.trim_start_matches("./")));
        }
        let stem = glue
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        for extension in [".js", ".cjs", ".mjs"] {
            if let Some(stem) = stem.strip_suffix(extension).filter(|_| siblings) {
                places.push(folder.join(format!("{stem}.wasm")));
            }
        }
        let nested = self.folders_in(folder);
        for name in names {
            if let Some(base) = Path::new(name).file_name() {
                places.extend(nested.iter().map(|dir| dir.join(base)));
            }
        }
        let mut found: Vec<PathBuf> = Vec::new();
        for place in places {
            if found.contains(&place) {
                continue;
            }
            if self.begins_like_wasm(&place) {
                found.push(place);
            } else if !looked_at.contains(&place) && place.parent() == Some(folder) {
                looked_at.push(place);
            }
        }
        found
    }

    /// The first wasm in base64 that a file has which the glue requires by a relative path.
    pub fn in_required_files(self, glue: &Path, requires: &[String]) -> Option<(PathBuf, Vec<u8>)> {
        const MAX_BYTES: u64 = 256 << 20;
        let folder = glue
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        for name in requires {
            for extension in ["", ".js", ".json", ".cjs", ".mjs"] {
                let path = folder.join(format!("{name}{extension}"));
                let fits = self.len(&path).is_some_and(|len| len <= MAX_BYTES);
                if !fits {
                    continue;
                }
                if let Some(wasm) = self
                    .read(&path)
                    .and_then(|bytes| super::glue::wasm_literal::find_in_file(&bytes))
                {
                    return Some((path, wasm));
                }
                break;
            }
        }
        None
    }
}
