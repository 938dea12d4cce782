//! Compiled code on disk, so that a module is compiled once per machine and user.
//!
//! A cached file is machine code that will be run, so nothing of it is used before its checksum matches, and its folder
//! and file must belong to this user and be writable by nobody else. Files are written to the side and renamed: two
//! processes that start at once each see nothing or a whole file.

use super::{Code, fingerprint};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 16] = b"emvm code 1\0\0\0\0\0";
/// Magic, key, checksum of the payload.
const HEADER: usize = 16 + 32 + 32;

/// A folder of compiled code.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The user's own cache folder: `$XDG_CACHE_HOME/emvm` or its like on other systems; `EMVM_CACHE_DIR` overrides it.
    pub fn of_user() -> Option<Self> {
        if let Some(folder) = std::env::var_os("EMVM_CACHE_DIR").filter(|v| !v.is_empty()) {
            return Some(Self {
                folder: folder.into(),
            });
        }
        use etcetera::BaseStrategy;
        let strategy = etcetera::choose_base_strategy().ok()?;
        Some(Self {
            folder: strategy.cache_dir().join("emvm"),
        })
    }

    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The key of a module: its bytes and all that decides what code they become.
    pub fn key(wasm: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(fingerprint().as_bytes());
        hasher.update(&[0]);
        hasher.update(wasm);
        hasher.finalize()
    }

    fn path(&self, key: &blake3::Hash) -> PathBuf {
        self.folder.join(format!("{}.code", key.to_hex()))
    }

    /// The code under `key`. A file that is damaged, truncated, foreign or not ours alone is removed and counts as absent.
    pub fn load(&self, key: &blake3::Hash) -> Option<Code> {
        let path = self.path(key);
        match self.read(&path, key) {
            Ok(Some(code)) => Some(code),
            Ok(None) => None,
            Err(_) => {
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    fn read(&self, path: &Path, key: &blake3::Hash) -> io::Result<Option<Code>> {
        let mut file = match open_regular(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        check_private(&file.metadata()?)?;
        check_private(&fs::metadata(&self.folder)?)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let (header, payload) = bytes.split_at_checked(HEADER).ok_or_else(damaged)?;
        let whole = &header[..16] == MAGIC
            && &header[16..48] == key.as_bytes()
            && &header[48..80] == blake3::hash(payload).as_bytes();
        if !whole {
            return Err(damaged());
        }
        // SAFETY: the checksum says that these are the bytes that `store` wrote for this key, which includes the
        // fingerprint, and the checks above that nobody else could have written them.
        unsafe { Code::load(payload) }
            .map(Some)
            .map_err(|_| damaged())
    }

    /// Keeps code under `key`. A failure is no error for the caller: the code is compiled again next time.
    pub fn store(&self, key: &blake3::Hash, code: &Code) -> io::Result<()> {
        let payload = code.save().map_err(io::Error::other)?;
        create_private(&self.folder)?;
        check_private(&fs::metadata(&self.folder)?)?;
        let mut salt = [0u8; 8];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let aside = self.folder.join(format!(
            "{}.{:016x}.part",
            key.to_hex(),
            u64::from_le_bytes(salt)
        ));
        let written = (|| {
            let mut file = create_new(&aside)?;
            file.write_all(MAGIC)?;
            file.write_all(key.as_bytes())?;
            file.write_all(blake3::hash(&payload).as_bytes())?;
            file.write_all(&payload)?;
            drop(file);
            fs::rename(&aside, self.path(key))
        })();
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written
    }
}

#[cfg(unix)]
mod private {
    use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    /// Opens without following a link in the last place.
    pub fn open_regular(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    pub fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    pub fn create_private(folder: &Path) -> io::Result<()> {
        if fs::metadata(folder).is_ok() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    /// Belongs to this user, and nobody else may write to it.
    pub fn check_private(metadata: &Metadata) -> io::Result<()> {
        // SAFETY: geteuid has no preconditions and cannot fail.
        let me = unsafe { libc::geteuid() };
        if metadata.uid() == me && metadata.mode() & 0o022 == 0 {
            Ok(())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

#[cfg(not(unix))]
mod private {
    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub fn open_regular(path: &Path) -> io::Result<File> {
        if fs::symlink_metadata(path)?.is_file() {
            File::open(path)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    pub fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub fn create_private(folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    /// The user's profile is private by its access lists.
    pub fn check_private(_: &Metadata) -> io::Result<()> {
        Ok(())
    }
}

use private::{check_private, create_new, create_private, open_regular};

#[cfg(test)]
mod tests {
    use super::*;

    /// (module (func (export "seven") (result i32) i32.const 7))
    const SEVEN: &[u8] = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x09\x01\x05seven\0\0\x0a\x06\x01\x04\0\x41\x07\x0b";

    fn stored(folder: &Path) -> (Cache, blake3::Hash, PathBuf) {
        let cache = Cache::at(folder.join("emvm"));
        let key = Cache::key(SEVEN);
        assert!(cache.load(&key).is_none());
        let code = Code::compile(SEVEN, None).unwrap();
        cache.store(&key, &code).unwrap();
        let path = cache.path(&key);
        (cache, key, path)
    }

    #[test]
    fn what_was_stored_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, key, _) = stored(folder.path());
        assert!(cache.load(&key).is_some());
        assert!(cache.load(&blake3::hash(b"other")).is_none());
    }

    #[test]
    fn damage_anywhere_is_noticed_and_the_file_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, key, path) = stored(folder.path());
        let whole = fs::read(&path).unwrap();
        for at in [0, 20, 60, HEADER + 1, whole.len() / 2, whole.len() - 1] {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            assert!(cache.load(&key).is_none(), "a flipped bit at {at}");
            assert!(!path.exists());
        }
        for len in [0, 10, HEADER, whole.len() - 1] {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(cache.load(&key).is_none(), "cut to {len}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_files_that_others_may_write_are_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (cache, key, path) = stored(folder.path());
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(cache.load(&key).is_none());
        fs::rename(&elsewhere, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(cache.load(&key).is_none());
    }
}
