//! Compiled code on disk, so that a module is compiled once per machine and user.
//!
//! A cached file is machine code that will be run, so nothing of it is used before its checksum matches, and its folder
//! and file must belong to this user and be writable by nobody else. Files are written to the side and renamed: two
//! processes that start at once each see nothing or a whole file. A folder that a module may write is none: see `guard`.

mod ahead;
mod entry;
mod files;
mod guard;
mod kept;
mod room;
mod unkept;

pub use entry::CacheEntry;
pub use guard::{WritableFolder, is_writable};
pub use unkept::take as take_unkept;

use super::{Code, fingerprint};
use ahead::Ahead;
use files::{check_file, check_private, create_new, create_private, open_lock, open_regular};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const MAGIC: &[u8; 16] = b"emvm code 2\0\0\0\0\0";
/// Magic, key, checksum of the code, checksum of all before and of the notes that follow.
const SEAL: usize = 16 + 32 + 32 + 32;

/// How long a process waits for another one that compiles the same module, and how often it looks.
const WAIT: Duration = Duration::from_mins(10);
const LOOK: Duration = Duration::from_millis(20);

/// A folder of compiled code. Each module has two files: `KEY.code` is what the engine maps, `KEY.seal` proves it.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    /// The source that is being read, whose code is being loaded.
    ahead: Option<Arc<Ahead>>,
}

/// Code from the cache, and what was noted beside it.
struct CachedCode {
    pub code: Code,
    pub notes: String,
}

impl Cache {
    /// The user's own cache folder: `$XDG_CACHE_HOME/emvm` or its like on other systems; `EMVM_CACHE_DIR` overrides it.
    pub fn of_user() -> Option<Self> {
        if let Some(folder) = std::env::var_os("EMVM_CACHE_DIR").filter(|v| !v.is_empty()) {
            return Some(Self {
                folder: folder.into(),
                ahead: None,
            });
        }
        use etcetera::BaseStrategy;
        let strategy = etcetera::choose_base_strategy().ok()?;
        Some(Self {
            folder: strategy.cache_dir().join("emvm"),
            ahead: None,
        })
    }

    /// What the `cache` option says: nothing is the user's folder, "" none.
    pub fn chosen(option: Option<&str>) -> Option<Self> {
        match option {
            None => Self::of_user(),
            Some("") => None,
            Some(folder) => Some(Self::at(folder)),
        }
    }

    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            ahead: None,
        }
    }

    /// The same, for what is read from this place: the code that it led to the last time is loaded from here on.
    pub fn reading(mut self, place: &str) -> Self {
        self.ahead = Some(Arc::new(Ahead::begin(
            &self,
            blake3::hash(place.as_bytes()),
        )));
        self
    }

    fn note_source(&self, key: &blake3::Hash) {
        if let Some(ahead) = &self.ahead {
            ahead.note(self, key);
        }
    }

    /// The key of a module, whose bytes have this hash: it holds all that decides what code they become.
    pub fn key(wasm: &blake3::Hash) -> blake3::Hash {
        Self::key_for(&[0], wasm)
    }

    /// The key of the same module compiled to tell of allocations.
    pub fn watched_key(wasm: &blake3::Hash) -> blake3::Hash {
        Self::key_for(b"allocations 3", wasm)
    }

    fn key_for(purpose: &[u8], wasm: &blake3::Hash) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(fingerprint().as_bytes());
        hasher.update(purpose);
        hasher.update(wasm.as_bytes());
        hasher.finalize()
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn code_path(&self, key: &blake3::Hash) -> PathBuf {
        self.folder.join(format!("{}.code", key.to_hex()))
    }

    fn hint_path(&self, source: &blake3::Hash) -> PathBuf {
        self.folder.join(format!("{}.hint", source.to_hex()))
    }

    fn seal_path(&self, key: &blake3::Hash) -> PathBuf {
        self.folder.join(format!("{}.seal", key.to_hex()))
    }

    /// The code under `key`. Files that are damaged, truncated, foreign or not ours alone are removed and count as absent.
    fn load(&self, key: &blake3::Hash) -> Option<CachedCode> {
        if let Some(cached) = self.ahead.as_ref().and_then(|ahead| ahead.take(key)) {
            return Some(cached);
        }
        match self.read(key) {
            Ok(cached) => {
                if cached.is_some() {
                    self.note_source(key);
                }
                cached
            }
            Err(_) => {
                let _ = fs::remove_file(self.seal_path(key));
                let _ = fs::remove_file(self.code_path(key));
                None
            }
        }
    }

    fn read(&self, key: &blake3::Hash) -> io::Result<Option<CachedCode>> {
        // A folder that is not ours alone is left as it is, whatever stands in it.
        guard::note_cache(&self.folder);
        if guard::is_writable(&self.folder) {
            return Ok(None);
        }
        match fs::metadata(&self.folder) {
            Ok(metadata) if check_private(&metadata).is_ok() => {}
            _ => return Ok(None),
        }
        let files = (
            open_regular(&self.seal_path(key)),
            open_regular(&self.code_path(key)),
        );
        let (mut seal, code) = match files {
            (Err(e), _) | (_, Err(e)) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            (seal, code) => (seal?, code?),
        };
        check_file(&seal.metadata()?)?;
        check_file(&code.metadata()?)?;
        let mut bytes = Vec::new();
        seal.read_to_end(&mut bytes)?;
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let (fixed, notes) = bytes.split_at_checked(SEAL).ok_or_else(damaged)?;
        let whole = &fixed[..16] == MAGIC
            && &fixed[16..48] == key.as_bytes()
            && fixed[80..] == *seal_of(&fixed[..80], notes).as_bytes();
        let mut hasher = blake3::Hasher::new();
        if !whole || fixed[48..80] != *hasher.update_reader(&code)?.finalize().as_bytes() {
            return Err(damaged());
        }
        let notes = String::from_utf8(notes.to_vec()).map_err(|_| damaged())?;
        // SAFETY: the checksums say that the file is what `store` wrote for this key, which includes the fingerprint;
        // the checks above that nobody else could have written it. It is only ever replaced by renaming, so it cannot
        // change while it is mapped. The very file that was hashed is mapped, whatever has its name by now.
        let code = unsafe { Code::load(&code) }.map_err(|_| damaged())?;
        room::note_use(&seal);
        Ok(Some(CachedCode { code, notes }))
    }

    /// The right to compile what `key` stands for: other processes wait for it, and find the code when they have it. It ends with the
    /// guard or with the process, however that ends; where it cannot be had, nobody waits.
    fn claim(&self, key: &blake3::Hash) -> Option<Claim> {
        let patience = Instant::now() + WAIT;
        loop {
            match self.try_claim(key) {
                ClaimOutcome::Mine { claim, .. } => return Some(claim),
                // A process that was stopped holds nobody up for ever.
                ClaimOutcome::Others if Instant::now() <= patience => std::thread::sleep(LOOK),
                _ => return None,
            }
        }
    }

    /// The same without waiting.
    fn try_claim(&self, key: &blake3::Hash) -> ClaimOutcome {
        self.claim_now(key).unwrap_or(ClaimOutcome::Nobodys)
    }

    fn claim_now(&self, key: &blake3::Hash) -> Option<ClaimOutcome> {
        guard::note_cache(&self.folder);
        if guard::is_writable(&self.folder) {
            return None;
        }
        create_private(&self.folder).ok()?;
        check_private(&fs::metadata(&self.folder).ok()?).ok()?;
        let path = self.folder.join(format!("{}.lock", key.to_hex()));
        let left = path.exists();
        let file = open_lock(&path).ok()?;
        check_file(&file.metadata().ok()?).ok()?;
        Some(match file.try_lock() {
            Ok(()) => ClaimOutcome::Mine {
                claim: Claim { file, path },
                left,
            },
            Err(_) => ClaimOutcome::Others,
        })
    }

    /// Writes other notes beside the code under `key`.
    pub fn note(&self, key: &blake3::Hash, notes: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        open_regular(&self.seal_path(key))?.read_to_end(&mut bytes)?;
        bytes.truncate(80);
        if bytes.len() < 80 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.extend_from_slice(seal_of(&bytes, notes.as_bytes()).as_bytes());
        bytes.extend_from_slice(notes.as_bytes());
        self.replace(&self.seal_path(key), &bytes)
    }

    /// Keeps code under `key`. A failure is no error for the caller: the code is compiled again next time.
    fn store(&self, key: &blake3::Hash, code: &Code, notes: &str) -> io::Result<()> {
        guard::note_cache(&self.folder);
        if guard::is_writable(&self.folder) {
            return Err(io::Error::other("a module may write to the cache folder"));
        }
        let payload = code.save().map_err(io::Error::other)?;
        create_private(&self.folder)?;
        check_private(&fs::metadata(&self.folder)?)?;
        let mut seal = Vec::with_capacity(SEAL + notes.len());
        seal.extend_from_slice(MAGIC);
        seal.extend_from_slice(key.as_bytes());
        seal.extend_from_slice(blake3::hash(&payload).as_bytes());
        seal.extend_from_slice(seal_of(&seal[..80], notes.as_bytes()).as_bytes());
        seal.extend_from_slice(notes.as_bytes());
        self.replace(&self.code_path(key), &payload)?;
        self.replace(&self.seal_path(key), &seal)?;
        self.note_source(key);
        room::make_room(&self.folder, &key.to_hex(), room::limit());
        Ok(())
    }

    /// Writes to the side and renames.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut salt = [0u8; 8];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let aside = self
            .folder
            .join(format!("{:016x}.part", u64::from_le_bytes(salt)));
        let written = create_new(&aside)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&aside, path));
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written
    }
}

/// What became of asking for a claim.
#[derive(Debug)]
enum ClaimOutcome {
    Mine {
        claim: Claim,
        /// A process that had it ended before the code was there.
        left: bool,
    },
    /// Another process, or another thread, has it.
    Others,
    /// It cannot be had here.
    Nobodys,
}

/// See [`Cache::claim`].
#[derive(Debug)]
struct Claim {
    file: File,
    path: PathBuf,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Those who wait have the file open and get their turn; who comes later finds the code, or makes another file.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn seal_of(fixed: &[u8], notes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(fixed).update(notes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (module (func (export "seven") (result i32) i32.const 7))
    const SEVEN: &[u8] = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x09\x01\x05seven\0\0\x0a\x06\x01\x04\0\x41\x07\x0b";

    fn stored(folder: &Path) -> (Cache, blake3::Hash) {
        let cache = Cache::at(folder.join("emvm"));
        let key = Cache::key(&blake3::hash(SEVEN));
        assert!(cache.load(&key).is_none());
        let code = Code::compile(SEVEN, None).unwrap();
        cache.store(&key, &code, "noted").unwrap();
        (cache, key)
    }

    #[test]
    fn what_was_stored_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, key) = stored(folder.path());
        assert_eq!(cache.load(&key).unwrap().notes, "noted");
        assert!(cache.load(&blake3::hash(b"other")).is_none());
    }

    #[test]
    fn notes_are_written_beside_code_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, key) = stored(folder.path());
        cache.note(&key, "another").unwrap();
        assert_eq!(cache.load(&key).unwrap().notes, "another");
        assert!(cache.note(&blake3::hash(b"other"), "").is_err());
    }

    #[test]
    fn damage_anywhere_is_noticed_and_the_files_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, key) = stored(folder.path());
        let (code, seal) = (cache.code_path(&key), cache.seal_path(&key));
        let whole = (fs::read(&code).unwrap(), fs::read(&seal).unwrap());
        for path in [&code, &seal] {
            let bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            let flipped = [0, 20, 60, middle, bytes.len() - 1].map(|at| {
                let mut bad = bytes.clone();
                bad[at] ^= 1;
                bad
            });
            let cut = [0, 10, middle, bytes.len() - 1].map(|len| bytes[..len].to_vec());
            for bad in flipped.into_iter().chain(cut) {
                fs::write(path, bad).unwrap();
                assert!(cache.load(&key).is_none());
                assert!(!code.exists() && !seal.exists());
                cache.replace(&code, &whole.0).unwrap();
                cache.replace(&seal, &whole.1).unwrap();
            }
        }
        assert!(cache.load(&key).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_files_that_others_may_write_are_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (cache, key) = stored(folder.path());
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(cache.code_path(&key), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, cache.code_path(&key)).unwrap();
        assert!(cache.load(&key).is_none());
        let (cache, key) = {
            fs::remove_dir_all(folder.path().join("emvm")).unwrap();
            stored(folder.path())
        };
        fs::set_permissions(cache.code_path(&key), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(cache.load(&key).is_none());
    }
}
