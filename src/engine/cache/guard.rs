//! Cache folders and folders that modules may write keep apart: what a module wrote into a cache folder would be machine
//! code that the next process runs.
//!
//! A folder is known by its device and number, so that links, mounts of the system and other spellings are seen through.
//! Both sides look: a mount at the cache folders of this process when it is made, the cache at the mounts that there are
//! whenever it is used.

use parking_lot::Mutex;
use std::fs;
use std::path::{Path, PathBuf};

/// What tells one folder from all others.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    fs::canonicalize(path).ok()
}

/// A folder and all that it lies in, the innermost first. Of one that is not there yet, those that are.
fn chain(path: &Path) -> Vec<Identity> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = absolute
        .ancestors()
        .find_map(|path| fs::canonicalize(path).ok());
    let there = there.unwrap_or_default();
    there.ancestors().filter_map(identity).collect()
}

/// The cache folders that this process has used.
static CACHES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
/// The folders that modules of this process may write now.
static WRITABLE: Mutex<Vec<(u64, Identity)>> = Mutex::new(Vec::new());

/// A folder that a module may write, as long as this lives.
#[derive(Debug)]
pub struct WritableFolder(u64);

impl WritableFolder {
    /// Notes that a module is about to get the folder; why it may not, when a cache folder lies in it, or it in one.
    pub fn give(path: &Path) -> Result<Self, String> {
        let mount = chain(path);
        let Some(root) = mount.first().copied() else {
            return Err("there is no such folder".into());
        };
        let users = super::Cache::of_user().map(|cache| cache.folder().to_owned());
        let caches: Vec<_> = CACHES.lock().iter().cloned().chain(users).collect();
        // Before looking: a cache that is used from now on sees it.
        let folder = Self::note(root);
        for cache in caches {
            let inside = identity(&cache).is_some_and(|cache| mount.contains(&cache));
            if inside || chain(&cache).contains(&root) {
                return Err(format!(
                    "compiled code is kept in {}, and what a module writes there would run outside of its sandbox: mount \
                     another folder, make it `readonly: true`, or keep the code elsewhere (the `cache` option, EMVM_CACHE_DIR)",
                    cache.display()
                ));
            }
        }
        if cfg!(target_os = "linux")
            && let Ok(path) = fs::canonicalize(path)
            && (path.starts_with("/proc") || path.starts_with("/sys"))
        {
            return Err("the files there are the system's own, and this process's memory: make it `readonly: true`".into());
        }
        Ok(folder)
    }

    fn note(root: Identity) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        WRITABLE.lock().push((number, root));
        Self(number)
    }
}

impl Drop for WritableFolder {
    fn drop(&mut self) {
        WRITABLE.lock().retain(|(number, _)| *number != self.0);
    }
}

/// A cache folder is about to be used.
pub(super) fn note_cache(folder: &Path) {
    let mut caches = CACHES.lock();
    if !caches.iter().any(|known| known == folder) {
        caches.push(folder.to_owned());
    }
}

/// Whether a module of this process may write to a cache folder now, however it got there since.
pub fn is_writable(folder: &Path) -> bool {
    let writable = WRITABLE.lock();
    if writable.is_empty() {
        return false;
    }
    let around = chain(folder);
    writable.iter().any(|(_, root)| around.contains(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_around_or_in_a_cache_is_not_given_away() {
        let place = tempfile::tempdir().unwrap();
        let cache = place.path().join("user/emvm");
        note_cache(&cache);
        // The cache folder is still to be made.
        assert!(WritableFolder::give(place.path()).is_err());
        fs::create_dir_all(cache.join("deeper")).unwrap();
        fs::create_dir(place.path().join("other")).unwrap();
        for around in ["", "user", "user/emvm", "user/emvm/deeper", "other/../user"] {
            assert!(
                WritableFolder::give(&place.path().join(around)).is_err(),
                "{around}"
            );
        }
        assert!(WritableFolder::give(&place.path().join("other")).is_ok());
        #[cfg(unix)]
        {
            let link = place.path().join("other/link");
            std::os::unix::fs::symlink(place.path(), &link).unwrap();
            assert!(WritableFolder::give(&link).is_err());
        }
        assert!(!is_writable(&cache), "all were given back");
    }

    #[test]
    fn a_cache_that_comes_into_a_writable_folder_is_seen() {
        let place = tempfile::tempdir().unwrap();
        let given = WritableFolder::give(place.path()).unwrap();
        let cache = place.path().join("cache");
        assert!(is_writable(&cache), "it is still to be made");
        fs::create_dir(&cache).unwrap();
        assert!(is_writable(&cache));
        drop(given);
        assert!(!is_writable(&cache));
    }
}
