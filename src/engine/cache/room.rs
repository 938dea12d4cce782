//! How much a cache folder may hold: when it is full, what was not used for longest goes.

use rustc_hash::FxHashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes, where `EMVM_CACHE_MAX_MB` says nothing else. Room for about a hundred programs of opencv's size.
const USUAL: u64 = 4 << 30;
/// Files that were never renamed are somebody's work until then.
const PART_AGE: Duration = Duration::from_hours(1);
/// How often a use is noted, at most.
const NOTED: Duration = Duration::from_hours(1);

/// Bytes that the folder may hold.
pub(super) fn limit() -> u64 {
    let given = std::env::var("EMVM_CACHE_MAX_MB").ok();
    given
        .and_then(|text| text.trim().parse::<u64>().ok())
        .map_or(USUAL, |megabytes| megabytes.saturating_mul(1 << 20))
}

/// What belongs to one key.
#[derive(Default)]
struct Entry {
    files: Vec<PathBuf>,
    bytes: u64,
    used: Option<SystemTime>,
}

/// Removes what was not used for longest until `limit` holds; `keep` stays. What is mapped goes on running. Only files
/// that have names of the cache's are touched.
pub(super) fn make_room(folder: &Path, keep: &str, limit: u64) {
    let Ok(list) = fs::read_dir(folder) else {
        return;
    };
    let now = SystemTime::now();
    let mut entries: FxHashMap<String, Entry> = FxHashMap::default();
    for file in list.flatten() {
        let path = file.path();
        let (Some(stem), Some(kind), Ok(metadata)) = (
            path.file_stem().and_then(|stem| stem.to_str()),
            path.extension().and_then(|kind| kind.to_str()),
            file.metadata(),
        ) else {
            continue;
        };
        let hex = |length| stem.len() == length && stem.bytes().all(|b| b.is_ascii_hexdigit());
        if !metadata.is_file() {
            continue;
        }
        let changed = metadata.modified().ok();
        match kind {
            "part" if hex(16) => {
                let age = changed.and_then(|changed| now.duration_since(changed).ok());
                if age.is_some_and(|age| age > PART_AGE) {
                    let _ = fs::remove_file(&path);
                }
            }
            "code" | "seal" | "hint" | "kept" if hex(64) => {
                let entry = entries.entry(stem.to_owned()).or_default();
                entry.bytes += metadata.len();
                entry.used = entry.used.max(changed);
                entry.files.push(path);
            }
            _ => {}
        }
    }
    let mut total: u64 = entries.values().map(|entry| entry.bytes).sum();
    entries.remove(keep);
    let mut oldest: Vec<Entry> = entries.into_values().collect();
    oldest.sort_unstable_by_key(|entry| entry.used);
    for entry in oldest {
        if total <= limit {
            break;
        }
        for path in &entry.files {
            let _ = fs::remove_file(path);
        }
        total -= entry.bytes;
    }
}

/// Notes that an entry was used. Where the folder cannot be written, the order of making is the order of going.
pub(super) fn note_use(seal: &fs::File) {
    let now = SystemTime::now();
    let noted = seal.metadata().and_then(|metadata| metadata.modified());
    let age = noted.ok().and_then(|noted| now.duration_since(noted).ok());
    if age.is_none_or(|age| age > NOTED) {
        let _ = seal.set_modified(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(folder: &Path, digit: char, days: u64) -> String {
        let key: String = std::iter::repeat_n(digit, 64).collect();
        let used = SystemTime::now() - Duration::from_secs(days * 86400);
        for kind in ["code", "seal"] {
            let path = folder.join(format!("{key}.{kind}"));
            fs::write(&path, [0; 500]).unwrap();
            fs::File::open(&path).unwrap().set_modified(used).unwrap();
        }
        key
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let keys =
            [('a', 3), ('b', 9), ('c', 1), ('d', 20)].map(|(digit, days)| entry(at, digit, days));
        fs::write(at.join("notes.code"), [0; 5000]).unwrap();
        fs::write(at.join("0123456789abcdef.part"), [0; 5000]).unwrap();
        make_room(at, &keys[3], 2500);
        let left = keys.map(|key| at.join(key + ".code").exists());
        assert_eq!(left, [false, false, true, true]);
        assert!(at.join("notes.code").exists(), "not the cache's");
        assert!(
            at.join("0123456789abcdef.part").exists(),
            "somebody writes it"
        );
        let part = fs::File::open(at.join("0123456789abcdef.part")).unwrap();
        part.set_modified(SystemTime::now() - 2 * PART_AGE).unwrap();
        make_room(at, "", 0);
        let names = fs::read_dir(at)
            .unwrap()
            .map(|file| file.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["notes.code"]);
    }

    #[test]
    fn a_use_is_noted_once_in_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let seal = fs::File::create(folder.path().join("seal")).unwrap();
        let long_ago = SystemTime::now() - 10 * NOTED;
        seal.set_modified(long_ago).unwrap();
        note_use(&seal);
        let noted = seal.metadata().unwrap().modified().unwrap();
        assert!(noted > long_ago + 9 * NOTED);
        note_use(&seal);
        assert_eq!(seal.metadata().unwrap().modified().unwrap(), noted);
    }
}
