//! Images in files, so that another process starts where this one is.
//!
//! ```text
//!  0        header: magic, version, page size, lengths, checksums of what follows, checksum of all before
//!  64 KiB   the pages of memory that are not zero, run after run: mapped, not read
//!  ...      everything else, by postcard: memory length, runs, globals, table, host state, origin
//! ```
//!
//! Nothing of a file is used before its checksums match (see `image_check`). It is written aside and renamed, and never written to again: what is mapped
//! must not change. Whoever can write to it, or to its folder, decides what the module finds in its memory, so it must belong
//! to this user or to root, and nobody else may write to it.

use super::Image;
use super::image_check::{Check, Stamp, Summing};
use crate::engine::{self, Cache};
use crate::memory;
use crate::saved;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, LazyLock, Weak};

const MAGIC: [u8; 16] = *b"emvm image 2\0\0\0\0";
/// A multiple of every page size.
const PAGES_AT: usize = 64 * 1024;

/// Why a file gives no image, or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is no image of emvm's")]
    Foreign,
    #[error("it is damaged or cut short")]
    Damaged,
    #[error("it was made by emvm {0}, this is {version}: make it anew", version = env!("CARGO_PKG_VERSION"))]
    Version(String),
    #[error("it was made on a machine with memory pages of another size")]
    PageSize,
    #[error("it was made in the time zone {0}, which the module may have looked at; this is {here}", here = zone())]
    Zone(String),
    #[error("it is not a file that only its owner, this user or root, may write to")]
    Writable,
    #[error("a module may write to it (`mounts`)")]
    Mounted,
    #[error("it holds what is of one sandbox: {0}")]
    Bound(#[from] postcard::Error),
    #[error(transparent)]
    Memory(#[from] memory::Error),
}

#[derive(Serialize, Deserialize)]
struct Header {
    magic: [u8; 16],
    version: String,
    page_size: usize,
    pages: usize,
    rest: usize,
    pages_sum: [u8; 32],
    rest_sum: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Rest {
    zone: String,
    /// Bytes of linear memory; `None`: the module has none.
    memory: Option<usize>,
    runs: Vec<(usize, usize)>,
}

/// The time zone of this process, as far as a module can see it.
fn zone() -> String {
    let system = jiff::tz::TimeZone::system();
    system.iana_name().unwrap_or("unknown").to_owned()
}

/// Writes an image to a file, in place of what has its name.
pub fn save(image: &Image, path: &Path) -> Result<(), FileError> {
    // A device or a pipe would be gone.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("there is something else than a file").into());
    }
    let mut salt = [0u8; 8];
    getrandom::fill(&mut salt).map_err(io::Error::other)?;
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{:016x}.part", u64::from_le_bytes(salt)));
    let aside = Path::new(&aside);
    let written = write(image, aside).and_then(|()| Ok(fs::rename(aside, path)?));
    if written.is_err() {
        let _ = fs::remove_file(aside);
    }
    written
}

fn write(image: &Image, path: &Path) -> Result<(), FileError> {
    let mut file = BufWriter::with_capacity(1 << 20, create(path)?);
    file.write_all(&vec![0; PAGES_AT])?;
    let runs = image.memory().map_or_else(Vec::new, memory::Image::runs);
    let mut sum = Summing::default();
    let mut pages = 0;
    for run in &runs {
        if let Some(memory) = image.memory() {
            memory.read(*run, |bytes| {
                sum.update(bytes);
                file.write_all(bytes)
            })?;
        }
        pages += run.1;
    }
    let rest = Rest {
        zone: zone(),
        memory: image.memory().map(memory::Image::len),
        runs,
    };
    let mut bytes = Vec::new();
    saved::save(&rest, &mut bytes)?;
    image.save_state(&mut bytes)?;
    file.write_all(&bytes)?;
    let header = Header {
        magic: MAGIC,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        page_size: memory::page_size(),
        pages,
        rest: bytes.len(),
        pages_sum: sum.finish(),
        rest_sum: *blake3::hash(&bytes).as_bytes(),
    };
    let mut head = Vec::new();
    saved::save(&header, &mut head)?;
    head.extend_from_slice(blake3::hash(&head).as_bytes());
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&head)?;
    file.flush()?;
    Ok(())
}

/// Images of files that are open: a file is looked at once, and mapped by all sandboxes of the process.
static OPEN: LazyLock<Mutex<FxHashMap<Stamp, Weak<Image>>>> = LazyLock::new(Mutex::default);

/// The image in a file. `cache`: where it may be noted that the file is as it should be.
pub fn open(path: &Path, cache: Option<&Cache>) -> Result<Arc<Image>, FileError> {
    let file = open_regular(path)?;
    let metadata = file.metadata()?;
    if !is_private(&metadata) {
        return Err(FileError::Writable);
    }
    let folder = fs::canonicalize(path)?;
    if folder.parent().is_some_and(engine::is_writable) {
        return Err(FileError::Mounted);
    }
    let stamp = Stamp::of(&file);
    let known = stamp.and_then(|stamp| OPEN.lock().get(&stamp)?.upgrade());
    if let Some(image) = known {
        return Ok(image);
    }
    let image = Arc::new(read(file, metadata.len(), cache)?);
    if let Some(stamp) = stamp {
        let mut open = OPEN.lock();
        open.retain(|_, image| image.strong_count() > 0);
        open.insert(stamp, Arc::downgrade(&image));
    }
    Ok(image)
}

fn read(mut file: File, len: u64, cache: Option<&Cache>) -> Result<Image, FileError> {
    let own = file.try_clone()?;
    let check = Check::begin(&own, cache);
    let mut head = vec![0; PAGES_AT.min(usize::try_from(len).unwrap_or(PAGES_AT))];
    file.read_exact(&mut head)?;
    if !head.starts_with(&MAGIC) {
        return Err(FileError::Foreign);
    }
    let mut from = &head[..];
    let header = saved::load::<Header>(&mut from).ok_or(FileError::Damaged)?;
    let end = head.len() - from.len();
    let sum = blake3::hash(&head[..end]);
    // What follows to the pages means nothing, and is zero all the same.
    let is_right = from
        .split_first_chunk::<32>()
        .is_some_and(|(own, padding)| {
            own == sum.as_bytes() && padding.iter().all(|&byte| byte == 0)
        });
    if !is_right {
        return Err(FileError::Damaged);
    }
    if header.version != env!("CARGO_PKG_VERSION") {
        return Err(FileError::Version(header.version));
    }
    if header.page_size != memory::page_size() {
        return Err(FileError::PageSize);
    }
    let rest_at = PAGES_AT
        .checked_add(header.pages)
        .ok_or(FileError::Damaged)?;
    if rest_at.checked_add(header.rest).map(|end| end as u64) != Some(len) {
        return Err(FileError::Damaged);
    }
    let mut bytes = vec![0; header.rest];
    file.seek(SeekFrom::Start(rest_at as u64))?;
    file.read_exact(&mut bytes)?;
    if *blake3::hash(&bytes).as_bytes() != header.rest_sum {
        return Err(FileError::Damaged);
    }
    let mut from = &bytes[..];
    let rest: Rest = saved::load(&mut from).ok_or(FileError::Damaged)?;
    if rest.zone != zone() {
        return Err(FileError::Zone(rest.zone));
    }
    let memory = match rest.memory {
        None => None,
        Some(len) => {
            if !are_runs(&rest.runs, len, header.pages) {
                return Err(FileError::Damaged);
            }
            let is_right = |pages: &[u8]| check.are_right(pages, &header.pages_sum);
            let image = memory::Image::in_file(file, PAGES_AT, len, &rest.runs, is_right)?;
            Some(image.ok_or(FileError::Damaged)?)
        }
    };
    Image::load_state(memory, &mut from).ok_or(FileError::Damaged)
}

/// Whole pages of a memory of `len` bytes, in order, `pages` bytes of them.
fn are_runs(runs: &[(usize, usize)], len: usize, pages: usize) -> bool {
    let page = memory::page_size();
    let mut end = 0;
    let good = runs.iter().all(|(at, size)| {
        let fits = *at >= end && at % page == 0 && size % page == 0 && *size > 0;
        end = at.saturating_add(*size);
        fits && end <= len
    });
    good && len.is_multiple_of(memory::WASM_PAGE)
        && len as u64 <= 1 << 32
        && runs.iter().map(|(_, size)| size).sum::<usize>() == pages
}

#[cfg(unix)]
mod system {
    use crate::memory;
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Path;

    pub fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    pub fn open_regular(path: &Path) -> io::Result<File> {
        // A pipe in the file's place must not be waited for.
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }

    pub fn is_private(metadata: &Metadata) -> bool {
        let owner = metadata.uid();
        // A process that is root's may run for whoever owns the file.
        let own = owner == 0 || owner == memory::user();
        metadata.is_file() && own && metadata.mode() & 0o022 == 0
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }
    pub fn open_regular(path: &Path) -> io::Result<File> {
        File::open(path)
    }
    /// By its access lists.
    pub fn is_private(metadata: &Metadata) -> bool {
        metadata.is_file()
    }
}

use system::{create, is_private, open_regular};
