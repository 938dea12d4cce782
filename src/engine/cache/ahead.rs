//! Code that is loaded while its source is still being read: reading tells which code it is, but that of the last time is likely.
//!
//! A file `SOURCE.hint` names the code that a source of this place and length led to. It is believed in nothing: the code is checked as
//! ever, and what reading asks for is used only if it is that.

use super::{Cache, CachedCode, open_regular};
use blake3::Hash;
use parking_lot::Mutex;
use std::io::Read;
use std::thread::{Builder, JoinHandle};

/// The code of a source that is being read.
#[derive(Debug)]
pub(super) struct Ahead {
    /// What the source is called.
    source: Hash,
    /// What the hint said.
    said: Option<Hash>,
    loading: Mutex<Option<JoinHandle<Option<CachedCode>>>>,
}

impl Ahead {
    /// Begins to load; nothing where there is no hint.
    pub fn begin(cache: &Cache, source: Hash) -> Self {
        let said = hinted(cache, &source);
        let start = |key: Hash| {
            let cache = cache.clone();
            let load = move || cache.load(&key);
            Builder::new().name("emvm-load".into()).spawn(load).ok()
        };
        Self {
            source,
            said,
            loading: Mutex::new(said.and_then(start)),
        }
    }

    /// The code, if it is that of `key`.
    pub fn take(&self, key: &Hash) -> Option<CachedCode> {
        let loading = self.loading.lock().take()?;
        let loaded = loading.join().ok()?;
        loaded.filter(|_| self.said == Some(*key))
    }

    /// Notes which code it was.
    pub fn note(&self, cache: &Cache, key: &Hash) {
        if self.said != Some(*key) {
            // Not being able to costs the next process time, nothing else.
            let _ = cache.replace(&cache.hint_path(&self.source), key.to_hex().as_bytes());
        }
    }
}

fn hinted(cache: &Cache, source: &Hash) -> Option<Hash> {
    let file = open_regular(&cache.hint_path(source)).ok()?;
    let mut text = String::new();
    file.take(65).read_to_string(&mut text).ok()?;
    Hash::from_hex(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_believed_in_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let [source, key] = [blake3::hash(b"source"), blake3::hash(b"code")];
        let path = cache.hint_path(&source);
        for text in ["", "nonsense", &"g".repeat(64), &"0".repeat(9000)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(hinted(&cache, &source), None);
        }
        let ahead = Ahead::begin(&cache, source);
        ahead.note(&cache, &key);
        assert_eq!(hinted(&cache, &source), Some(key));
        // There is no such code.
        let ahead = Ahead::begin(&cache, source);
        assert!(ahead.take(&key).is_none());
        assert!(ahead.take(&key).is_none());
    }
}
