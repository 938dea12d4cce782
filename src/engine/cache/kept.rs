//! Other bytes that the next process is to have, sealed as compiled code is: in one file, `KEY.kept`.

use super::files::{check_file, check_private, create_private, open_regular};
use super::{Cache, guard, room};
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

const MAGIC: &[u8; 16] = b"emvm kept 1\0\0\0\0\0";
/// Magic, key, checksum of key and content.
const HEAD: usize = 16 + 32 + 32;

impl Cache {
    fn kept_path(&self, key: &blake3::Hash) -> PathBuf {
        self.folder.join(format!("{}.kept", key.to_hex()))
    }

    /// What was kept under `key`. A file that is damaged, or not ours alone, counts as absent.
    pub fn kept(&self, key: &blake3::Hash) -> Option<Vec<u8>> {
        guard::note_cache(&self.folder);
        if guard::is_writable(&self.folder) {
            return None;
        }
        check_private(&fs::metadata(&self.folder).ok()?).ok()?;
        let mut file = open_regular(&self.kept_path(key)).ok()?;
        check_file(&file.metadata().ok()?).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let (head, content) = bytes.split_at_checked(HEAD)?;
        let whole = &head[..16] == MAGIC
            && &head[16..48] == key.as_bytes()
            && head[48..] == *seal(key, content).as_bytes();
        if !whole {
            return None;
        }
        room::note_use(&file);
        bytes.drain(..HEAD);
        Some(bytes)
    }

    /// Keeps bytes under `key`, in place of what was there.
    pub fn keep(&self, key: &blake3::Hash, content: &[u8]) -> io::Result<()> {
        guard::note_cache(&self.folder);
        if guard::is_writable(&self.folder) {
            return Err(io::Error::other("a module may write to the cache folder"));
        }
        create_private(&self.folder)?;
        check_private(&fs::metadata(&self.folder)?)?;
        let mut bytes = Vec::with_capacity(HEAD + content.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(seal(key, content).as_bytes());
        bytes.extend_from_slice(content);
        self.replace(&self.kept_path(key), &bytes)
    }
}

fn seal(key: &blake3::Hash, content: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes()).update(content);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_there_until_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("emvm"));
        let [key, other] = [blake3::hash(b"key"), blake3::hash(b"other")];
        assert_eq!(cache.kept(&key), None);
        cache.keep(&key, b"some bytes").unwrap();
        assert_eq!(cache.kept(&key).as_deref(), Some(&b"some bytes"[..]));
        assert_eq!(cache.kept(&other), None);
        // The file of another key is none of this one.
        fs::copy(cache.kept_path(&key), cache.kept_path(&other)).unwrap();
        assert_eq!(cache.kept(&other), None);
        let whole = fs::read(cache.kept_path(&key)).unwrap();
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            fs::write(cache.kept_path(&key), &bad).unwrap();
            assert_eq!(cache.kept(&key), None, "byte {at}");
            fs::write(cache.kept_path(&key), &whole[..at]).unwrap();
            assert_eq!(cache.kept(&key), None, "cut at {at}");
        }
        cache.keep(&key, b"").unwrap();
        assert_eq!(cache.kept(&key).as_deref(), Some(&b""[..]));
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_write_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("emvm"));
        let key = blake3::hash(b"key");
        cache.keep(&key, b"some bytes").unwrap();
        let path = cache.kept_path(&key);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert_eq!(cache.kept(&key), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(cache.kept(&key).is_some());
        fs::set_permissions(cache.folder(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(cache.kept(&key), None);
        assert!(cache.keep(&key, b"others").is_err());
    }
}
