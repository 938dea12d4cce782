//! The checksum of an image file's pages: computed by several threads, and not at all of a file that is known to be as it was when it
//! was found right, by this process or an earlier one.
//!
//! A file is known by its device, number, length and times. Nobody can set the time of its last change (`ctime`), but two changes
//! within one tick of the clock have the same: so only a file is noted that was at rest for a while before it was read. For other
//! processes it is noted in the cache folder of compiled code, beside which it is trusted as much.

use crate::engine::{BoundedMap, Cache};
use parking_lot::Mutex;
use std::fs::File;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub type Sum = [u8; 32];

/// Each piece has a checksum of its own.
const PIECE: usize = 4 << 20;
const MOST_THREADS: usize = 8;

/// More than any file system's clock takes for a tick.
const AT_REST: Duration = Duration::from_secs(3);

/// The checksum of what is written piece by piece.
#[derive(Default)]
pub struct Summing {
    piece: blake3::Hasher,
    len: usize,
    all: blake3::Hasher,
}

impl Summing {
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.len));
            self.piece.update(now);
            self.len += now.len();
            bytes = later;
            if self.len == PIECE {
                self.end_piece();
            }
        }
    }

    fn end_piece(&mut self) {
        self.all.update(self.piece.finalize().as_bytes());
        self.piece.reset();
        self.len = 0;
    }

    pub fn finish(mut self) -> Sum {
        if self.len > 0 {
            self.end_piece();
        }
        *self.all.finalize().as_bytes()
    }
}

/// The same of bytes that are there, by as many threads as there are processors.
pub fn sum(bytes: &[u8]) -> Sum {
    let pieces: Vec<_> = bytes.chunks(PIECE).collect();
    let sums: Vec<_> = pieces.iter().map(|_| Mutex::new([0; 32])).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((piece, sum)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            pieces.get(at).zip(sums.get(at))
        } {
            *sum.lock() = *blake3::hash(piece).as_bytes();
        }
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..processors.min(MOST_THREADS).min(pieces.len()) {
            // Where there is none this one does it.
            let _ = Builder::new()
                .name("emvm-sum".into())
                .stack_size(256 << 10)
                .spawn_scoped(scope, work);
        }
        work();
    });
    let mut all = blake3::Hasher::new();
    for sum in &sums {
        all.update(&*sum.lock());
    }
    *all.finalize().as_bytes()
}

/// What tells a file from what it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    device: u64,
    number: u64,
    len: u64,
    /// Since 1970, in nanoseconds.
    modified: i128,
    changed: i128,
}

impl Stamp {
    /// Nothing where the system does not tell.
    #[cfg(unix)]
    pub fn of(file: &File) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let m = file.metadata().ok()?;
        let time =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Some(Self {
            device: m.dev(),
            number: m.ino(),
            len: m.size(),
            modified: time(m.mtime(), m.mtime_nsec()),
            changed: time(m.ctime(), m.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    pub fn of(_: &File) -> Option<Self> {
        None
    }

    /// Whether a change from now on gives it another stamp.
    fn is_at_rest(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = now.saturating_sub(AT_REST).as_nanos().cast_signed();
        self.modified < until && self.changed < until
    }

    fn key(&self, sum: &Sum) -> blake3::Hash {
        blake3::hash(format!("image {self:?} {sum:?}").as_bytes())
    }
}

/// Files whose pages were found right, with their checksums.
static KNOWN: LazyLock<BoundedMap<Stamp, Sum>> = LazyLock::new(|| BoundedMap::at_most(4096));

/// A look at a file's pages.
pub struct Check<'a> {
    file: &'a File,
    stamp: Option<Stamp>,
    begun: SystemTime,
    cache: Option<&'a Cache>,
}

impl<'a> Check<'a> {
    /// Before anything of the file is read. `cache`: where it may be noted.
    pub fn begin(file: &'a File, cache: Option<&'a Cache>) -> Self {
        Self {
            file,
            stamp: Stamp::of(file),
            begun: SystemTime::now(),
            cache,
        }
    }

    /// Whether the pages, which are read only where that must be, have this checksum.
    pub fn are_right(&self, pages: &[u8], expected: &Sum) -> bool {
        let rests = self.stamp.filter(|stamp| stamp.is_at_rest(self.begun));
        let Some(stamp) = rests else {
            return sum(pages) == *expected;
        };
        if KNOWN.get(&stamp).as_ref() == Some(expected) {
            return true;
        }
        let noted = self.cache.map(|cache| (cache, stamp.key(expected)));
        let is_noted = noted.is_some_and(|(cache, key)| cache.kept(&key).is_some());
        if !is_noted {
            // What has changed meanwhile is not what was read.
            if sum(pages) != *expected || Stamp::of(self.file) != Some(stamp) {
                return false;
            }
            if let Some((cache, key)) = noted {
                // Not being able to costs the next process time, nothing else.
                let _ = cache.keep(&key, &[]);
            }
        }
        KNOWN.insert(stamp, *expected);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_same_in_one_go_and_piece_by_piece() {
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
            for step in [1 << 16, PIECE, PIECE + 3] {
                let mut summing = Summing::default();
                for piece in bytes.chunks(step) {
                    summing.update(piece);
                }
                assert_eq!(summing.finish(), sum(&bytes), "{len} {step}");
            }
            if len > 0 {
                let mut bad = bytes.clone();
                bad[len - 1] ^= 1;
                assert_ne!(sum(&bad), sum(&bytes));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_noted_is_not_read_and_what_was_changed_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, b"pages").unwrap();
        let file = File::open(&path).unwrap();
        let cache = Cache::at(folder.path().join("emvm"));
        let right = sum(b"pages");
        let at = |begun: SystemTime| Check {
            file: &file,
            stamp: Stamp::of(&file),
            begun,
            cache: Some(&cache),
        };
        // It was written just now: nothing is noted.
        let now = at(SystemTime::now());
        assert!(now.are_right(b"pages", &right));
        assert!(!now.are_right(b"other", &right));
        // Later it is, by this process and in the folder.
        let later = at(SystemTime::now() + 2 * AT_REST);
        assert!(!later.are_right(b"other", &right));
        assert!(later.are_right(b"pages", &right));
        assert!(later.are_right(b"not read", &right));
        assert!(!later.are_right(b"other", &sum(b"pages of another header")));
        KNOWN.clear();
        assert!(later.are_right(b"not read", &right));
        KNOWN.clear();
        let unnoted = Check {
            cache: None,
            ..at(later.begun)
        };
        assert!(!unnoted.are_right(b"other", &right));
        // Another content of the same length, with the old time put back.
        let before = file.metadata().unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&path, b"sages").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(before)
            .unwrap();
        let changed = at(SystemTime::now() + 2 * AT_REST);
        assert_eq!(
            changed.stamp.unwrap().modified,
            later.stamp.unwrap().modified
        );
        assert!(!changed.are_right(b"sages", &right));
        // Changed while it was read.
        let meanwhile = Check {
            cache: None,
            ..later
        };
        assert!(!meanwhile.are_right(b"pages", &right));
    }
}
