//! What a process remembers under keys, up to a bound: what is lost is found again by other means.

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::hash::Hash;

/// Beyond this many, all of them go.
pub struct BoundedMap<K, V> {
    most: usize,
    entries: Mutex<FxHashMap<K, V>>,
}

impl<K: Hash + Eq, V: Clone> BoundedMap<K, V> {
    pub fn at_most(most: usize) -> Self {
        Self {
            most,
            entries: Mutex::default(),
        }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        self.entries.lock().get(key).cloned()
    }

    pub fn insert(&self, key: K, value: V) {
        let mut entries = self.entries.lock();
        if entries.len() >= self.most {
            entries.clear();
        }
        entries.insert(key, value);
    }

    #[cfg(test)]
    pub fn clear(&self) {
        self.entries.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_remembered_than_allowed() {
        let known = BoundedMap::at_most(2);
        for key in 0..5 {
            known.insert(key, key * 10);
            assert_eq!(known.get(&key), Some(key * 10));
            assert!(known.entries.lock().len() <= 2);
        }
        assert_eq!(known.get(&0), None);
    }
}
