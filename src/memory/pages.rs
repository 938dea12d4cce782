//! Where the pages of images are kept: memory files that many images share, or the heap.

use super::os::{self, SealedFile, Window};
use parking_lot::Mutex;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Weak};

/// Bytes that parts of images show. Immutable; given back when no image has a part of them any more.
#[derive(Clone, Debug)]
pub(super) enum Bytes {
    /// A file of its own: the image of a start.
    File(Arc<Whole>),
    /// A run of a shared memory file: what a checkpoint changed.
    Run(Arc<Run>),
    /// Copied into regions, where nothing is mapped.
    Heap(Arc<[u8]>),
}

/// A file that nobody writes to any more.
#[derive(Debug)]
pub(super) struct Whole {
    file: SealedFile,
    window: Window,
    /// For each page whether it is stored; `None`: all are. The others are holes: reading one would make the system find a
    /// page for it.
    stored: Option<Box<[bool]>>,
}

/// Pages of a [`Pile`], written once when they were taken.
#[derive(Debug)]
pub(super) struct Run {
    pile: Arc<Pile>,
    at: usize,
    len: usize,
}

/// A memory file from which runs are taken: a descriptor and a map for thousands of checkpoints.
#[derive(Debug)]
struct Pile {
    file: SealedFile,
    window: Window,
    /// In order, never empty, never touching.
    free: Mutex<Vec<Range<usize>>>,
}

/// Bytes of address space of a pile, unless one run needs more.
const PILE: usize = 1 << 30;

static PILES: Mutex<Vec<Weak<Pile>>> = Mutex::new(Vec::new());

impl Whole {
    /// A sealed memory file of `len` bytes, which is not 0, with these runs (offset, bytes).
    pub fn seal(len: usize, runs: &[(usize, &[u8])]) -> io::Result<Self> {
        let page = os::page_size();
        let file = os::seal(len, runs)?;
        let mut stored = vec![false; len.div_ceil(page)].into_boxed_slice();
        for (at, run) in runs {
            stored[at / page..(at + run.len()).div_ceil(page)].fill(true);
        }
        let window = Window::over(&file, len)?;
        Ok(Self {
            file,
            window,
            stored: Some(stored),
        })
    }

    /// `len` bytes of a file of the user's, which must neither change nor shrink.
    pub fn over(file: std::fs::File, len: usize) -> io::Result<Self> {
        let file = os::opened(file)?;
        let window = Window::over(&file, len)?;
        Ok(Self {
            file,
            window,
            stored: None,
        })
    }

    pub fn bytes(&self) -> &[u8] {
        self.window.bytes()
    }

    fn is_stored(&self, at: usize) -> bool {
        match &self.stored {
            Some(stored) => stored.get(at / os::page_size()).is_some_and(|s| *s),
            None => true,
        }
    }
}

impl Pile {
    fn new(len: usize) -> io::Result<Self> {
        let file = os::memory_file(len)?;
        let window = Window::shared(&file, len)?;
        Ok(Self {
            file,
            window,
            free: Mutex::new(std::iter::once(0..len).collect()),
        })
    }

    fn take(&self, len: usize) -> Option<usize> {
        let mut free = self.free.lock();
        let which = free.iter().position(|range| range.len() >= len)?;
        let at = free[which].start;
        free[which].start += len;
        if free[which].is_empty() {
            free.remove(which);
        }
        Some(at)
    }

    fn give_back(&self, at: usize, len: usize) {
        os::punch(&self.file, at, len);
        let mut free = self.free.lock();
        let mut next = free.partition_point(|range| range.start < at);
        if next > 0 && free[next - 1].end == at {
            next -= 1;
            free[next].end = at + len;
        } else {
            free.insert(next, at..at + len);
        }
        if next + 1 < free.len() && free[next].end == free[next + 1].start {
            free[next].end = free[next + 1].end;
            free.remove(next + 1);
        }
    }
}

impl Run {
    /// Room for `len` bytes, whole pages that read as zero.
    pub fn new(len: usize) -> io::Result<Self> {
        let mut piles = PILES.lock();
        piles.retain(|pile| pile.strong_count() > 0);
        let known = piles.iter().filter_map(Weak::upgrade);
        let found = known
            .filter_map(|pile| pile.take(len).map(|at| (pile, at)))
            .next();
        let (pile, at) = match found {
            Some(found) => found,
            None => {
                let pile = Arc::new(Pile::new(PILE.max(len))?);
                piles.push(Arc::downgrade(&pile));
                pile.take(len)
                    .map(|at| (pile, at))
                    .ok_or(io::ErrorKind::OutOfMemory)?
            }
        };
        Ok(Self { pile, at, len })
    }

    /// Only before anything shows it.
    pub fn write(&self, at: usize, bytes: &[u8]) -> io::Result<()> {
        debug_assert!(at + bytes.len() <= self.len);
        os::write(&self.pile.file, self.at + at, bytes)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.pile.give_back(self.at, self.len);
    }
}

impl Bytes {
    /// The bytes from `at` on, at most `len` of them, for reading; `None` where they are zeroes. The range lies in one page.
    pub fn within_page(&self, at: usize, len: usize) -> Option<&[u8]> {
        let bytes = match self {
            Bytes::File(whole) => {
                if !whole.is_stored(at) {
                    return None;
                }
                whole.window.bytes()
            }
            Bytes::Run(run) => &run.pile.window.bytes()[run.at..run.at + run.len],
            Bytes::Heap(bytes) => bytes,
        };
        Some(&bytes[at..bytes.len().min(at + len)])
    }

    /// The file to map, and where in it `at` is; `None`: it is to be copied.
    pub fn mapped(&self, at: usize) -> Option<(&SealedFile, usize)> {
        match self {
            Bytes::File(whole) => Some((&whole.file, at)),
            Bytes::Run(run) => Some((&run.pile.file, run.at + at)),
            Bytes::Heap(_) => None,
        }
    }

    /// All of it, where it is on the heap.
    pub fn heap(&self) -> Option<&[u8]> {
        match self {
            Bytes::Heap(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn is_same(&self, other: &Bytes) -> bool {
        match (self, other) {
            (Bytes::File(a), Bytes::File(b)) => Arc::ptr_eq(a, b),
            (Bytes::Run(a), Bytes::Run(b)) => Arc::ptr_eq(a, b),
            (Bytes::Heap(a), Bytes::Heap(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn runs_share_a_file_and_what_is_given_back_is_used_again() {
        let page = os::page_size();
        let pile = Pile::new(8 * page).unwrap();
        let (a, b, c) = (pile.take(page), pile.take(2 * page), pile.take(page));
        assert_eq!((a, b, c), (Some(0), Some(page), Some(3 * page)));
        os::write(&pile.file, page, &[7; 16]).unwrap();
        assert_eq!(pile.window.bytes()[page], 7);
        pile.give_back(0, page);
        pile.give_back(3 * page, page);
        pile.give_back(page, 2 * page);
        assert!(pile.free.lock().iter().eq(std::iter::once(&(0..8 * page))));
        assert_eq!(pile.window.bytes()[page], 0, "its page is gone");
        assert_eq!(pile.take(8 * page), Some(0));
        assert_eq!(pile.take(page), None);
    }
}
