//! Programs by the files they were read from, so that opening a file again does not read it again.

use super::Program;
use crate::program::WasmOrigin;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::SystemTime;

/// A file as it was: another content means another stamp.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    path: PathBuf,
    len: u64,
    modified: SystemTime,
    /// 0 where the system has none.
    inode: u64,
}

impl Stamp {
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path)
            .ok()
            .filter(std::fs::Metadata::is_file)?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self {
            path: std::fs::canonicalize(path).ok()?,
            len: metadata.len(),
            modified: metadata.modified().ok()?,
            inode,
        })
    }
}

/// Where these are, whatever is in them.
pub fn place(stamps: &[Stamp]) -> String {
    let place = |stamp: &Stamp| format!("{} {}", stamp.len, stamp.path.display());
    stamps.iter().map(place).collect::<Vec<_>>().join("\n")
}

struct FileRecord {
    program: Weak<Program>,
    /// The `.wasm` that the source led to.
    beside: Option<Stamp>,
}

static KNOWN: LazyLock<Mutex<FxHashMap<Vec<Stamp>, FileRecord>>> = LazyLock::new(Mutex::default);

/// The living program that was read from these files, if they and what they led to are as they were.
pub fn known(stamps: &[Stamp]) -> Option<Arc<Program>> {
    let known = KNOWN.lock();
    let entry = known.get(stamps)?;
    if let Some(beside) = &entry.beside
        && Stamp::of(&beside.path).as_ref() != Some(beside)
    {
        return None;
    }
    entry.program.upgrade()
}

/// Remembers what was read. `stamps` were taken before reading.
pub fn remember(stamps: Vec<Stamp>, program: &Arc<Program>) {
    let beside = match &program.reading().wasm_origin {
        WasmOrigin::Beside(path) => match Stamp::of(path) {
            Some(stamp) => Some(stamp),
            None => return,
        },
        _ => None,
    };
    let mut known = KNOWN.lock();
    known.retain(|_, entry| entry.program.strong_count() > 0);
    let program = Arc::downgrade(program);
    known.insert(stamps, FileRecord { program, beside });
}
