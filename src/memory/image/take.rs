//! How images are made of a memory's bytes: all of them, or what has changed since another image.

use super::{Image, Part, refused};
use crate::memory::Error;
use crate::memory::os::{self, Backend};
use crate::memory::pages::{Bytes, Run, Whole};
use std::sync::Arc;

/// Each mapped part is a map of the process, of which it may have some 65,000: beyond this, small neighbours are copied together.
pub(super) const MOST_PARTS: usize = 256;

impl Image {
    /// Takes the image of `bytes` for the given backend. Pages that are all zero are not stored.
    pub fn take(bytes: &[u8], backend: Backend) -> Result<Self, Error> {
        Self::take_touched(bytes, |_| true, backend)
    }

    /// The same, knowing that the pages for which `touched` is false are all zero: they are not looked at, for each would
    /// then need a page of memory.
    pub(in crate::memory) fn take_touched(
        bytes: &[u8],
        touched: impl Fn(usize) -> bool,
        backend: Backend,
    ) -> Result<Self, Error> {
        debug_assert_eq!(bytes.len() % os::page_size(), 0);
        let runs: Vec<_> = runs(bytes, touched).collect();
        let filled = runs.last().map_or(0, |(at, run)| at + run.len());
        let parts = match backend {
            Backend::CopyOnWrite if filled > 0 => {
                let whole = Whole::seal(filled, &runs).map_err(|e| refused(filled, e))?;
                vec![Part {
                    at: 0,
                    len: filled.next_multiple_of(os::page_size()),
                    bytes: Bytes::File(Arc::new(whole)),
                    offset: 0,
                }]
            }
            Backend::CopyOnWrite => Vec::new(),
            Backend::Portable => runs.iter().map(|(at, run)| on_heap(*at, run)).collect(),
        };
        Ok(Self {
            len: bytes.len(),
            parts: parts.into(),
            own: runs.iter().map(|(_, run)| run.len()).sum(),
        })
    }

    /// Takes the image of `bytes`, which were `parent` before the pages of `written` (offset, length) were written: only what
    /// differs is stored.
    pub(in crate::memory) fn take_changes(
        parent: &Image,
        bytes: &[u8],
        written: &[(usize, usize)],
        backend: Backend,
    ) -> Result<Self, Error> {
        let changed = parent.changed(bytes, written);
        let mut parts = Vec::with_capacity(parent.parts.len() + 2 * changed.len());
        let mut next = changed.iter().copied().peekable();
        for part in &parent.parts {
            let mut from = part.at;
            // Runs before this part lie where the parent has zeroes.
            while from < part.end() {
                while next.peek().is_some_and(|(at, len)| at + len <= from) {
                    next.next();
                }
                let Some((at, len)) = next.peek().copied().filter(|(at, _)| *at < part.end())
                else {
                    parts.push(part.cut(from, part.end()));
                    break;
                };
                if at > from {
                    parts.push(part.cut(from, at));
                }
                from = at + len;
            }
        }
        let runs = match backend {
            Backend::CopyOnWrite => joined(&mut parts, &changed),
            Backend::Portable => changed,
        };
        let mut own = 0;
        for (at, len) in runs {
            let part = match backend {
                Backend::CopyOnWrite => {
                    let run = Run::new(len).map_err(|e| refused(len, e))?;
                    own += parent.write_run(&run, bytes, at, len, written)?;
                    Part {
                        at,
                        len,
                        bytes: Bytes::Run(Arc::new(run)),
                        offset: 0,
                    }
                }
                Backend::Portable => {
                    own += len;
                    on_heap(at, &bytes[at..at + len])
                }
            };
            parts.push(part);
        }
        parts.sort_unstable_by_key(|part| part.at);
        Ok(Self {
            len: bytes.len(),
            parts: parts.into(),
            own,
        })
    }

    /// The runs of pages among `written` that differ from this image.
    fn changed(&self, bytes: &[u8], written: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let page = os::page_size();
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (from, len) in written {
            for at in (*from..from + len).step_by(page) {
                let is = &bytes[at..at + page];
                let same = match self.page(at) {
                    Some(was) => is == was,
                    None => !is_dirty(is),
                };
                match runs.last_mut() {
                    _ if same => {}
                    Some((start, len)) if *start + *len == at => *len += page,
                    _ => runs.push((at, page)),
                }
            }
        }
        runs
    }

    /// Stores `len` bytes from `at` on, which may reach over pages that are as in this image. Gives how many were stored.
    fn write_run(
        &self,
        run: &Run,
        bytes: &[u8],
        at: usize,
        len: usize,
        written: &[(usize, usize)],
    ) -> Result<usize, Error> {
        let page = os::page_size();
        let is_written = |at: usize| {
            let before = written.partition_point(|(start, _)| *start <= at);
            before > 0 && written[before - 1].0 + written[before - 1].1 > at
        };
        // Reading a page that is a hole would make the system find one for it.
        let holds = |at: usize| is_written(at) || self.page(at).is_some();
        let mut own = 0;
        let mut from = at;
        while from < at + len {
            if !holds(from) {
                from += page;
                continue;
            }
            let mut to = from + page;
            while to < at + len && holds(to) {
                to += page;
            }
            run.write(from - at, &bytes[from..to])
                .map_err(|e| refused(to - from, e))?;
            own += to - from;
            from = to;
        }
        Ok(own)
    }
}

fn on_heap(at: usize, run: &[u8]) -> Part {
    Part {
        at,
        len: run.len(),
        bytes: Bytes::Heap(run.into()),
        offset: 0,
    }
}

/// The runs to store beside `parts`, the rest of the parent: those that changed, but where there would be too many parts, small
/// neighbours are one run, and gone from `parts`.
fn joined(parts: &mut Vec<Part>, changed: &[(usize, usize)]) -> Vec<(usize, usize)> {
    if parts.len() + changed.len() <= MOST_PARTS {
        return changed.to_vec();
    }
    // (at, len, it is one of `changed`), in order.
    let mut pieces: Vec<_> = parts.iter().map(|p| (p.at, p.len, false)).collect();
    pieces.extend(changed.iter().map(|(at, len)| (*at, *len, true)));
    pieces.sort_unstable();
    let mut small = os::page_size();
    // Half as many, so that not each of the next checkpoints joins again.
    while groups(&pieces, small).count() > MOST_PARTS / 2 {
        small *= 2;
    }
    let mut runs = Vec::new();
    for group in groups(&pieces, small) {
        match group {
            [(_, _, false)] => {}
            [(at, len, true)] => runs.push((*at, *len)),
            [first, .., last] => {
                let (from, to) = (first.0, last.0 + last.1);
                parts.retain(|part| part.at < from || part.at >= to);
                runs.push((from, to - from));
            }
            [] => {}
        }
    }
    runs
}

/// Neighbours of at most `small` bytes, with gaps of at most that, together; the others alone.
pub(super) fn groups(
    pieces: &[(usize, usize, bool)],
    small: usize,
) -> impl Iterator<Item = &[(usize, usize, bool)]> {
    pieces.chunk_by(move |a, b| a.1 <= small && b.1 <= small && b.0 - (a.0 + a.1) <= small)
}

pub(super) fn is_dirty(page: &[u8]) -> bool {
    // SAFETY: every bit pattern is a u128; only the aligned middle is read as such.
    let (head, middle, tail) = unsafe { page.align_to::<u128>() };
    head.iter().chain(tail).any(|b| *b != 0) || middle.iter().any(|w| *w != 0)
}

/// Runs of neighbouring pages that are not all zero.
pub(super) fn runs(
    bytes: &[u8],
    touched: impl Fn(usize) -> bool,
) -> impl Iterator<Item = (usize, &[u8])> {
    let page = os::page_size();
    let dirty =
        move |at: usize| touched(at / page) && is_dirty(&bytes[at..bytes.len().min(at + page)]);
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !dirty(at) {
            at += page;
        }
        let start = at;
        while at < bytes.len() && dirty(at) {
            at += page;
        }
        (start < bytes.len()).then(|| (start, &bytes[start..at.min(bytes.len())]))
    })
}
