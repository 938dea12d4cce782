//! The bytes of a linear memory at one moment: right after start-up, or at a checkpoint.

use super::os::{self, Backend};
use super::pages::{Bytes, Run, Whole};
use super::{Error, Region, WASM_PAGE};
use std::sync::Arc;

/// Bytes that regions are restored to. Immutable; shared by every sandbox and thread of the process.
///
/// An image is a list of parts. That of a start has one, a sealed file. That of a checkpoint has the parts of its parent, cut
/// where pages have changed, and between them runs of its own: equal pages are shared.
#[derive(Debug)]
pub struct Image {
    /// Whole pages: of wasm, for a linear memory.
    len: usize,
    /// In order, whole pages, not overlapping. What lies between and behind them is zeroes.
    parts: Box<[Part]>,
    /// Bytes that were stored for this image.
    own: usize,
}

/// A range of the memory and where its bytes are.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub at: usize,
    pub len: usize,
    pub bytes: Bytes,
    pub offset: usize,
}

impl Part {
    pub fn end(&self) -> usize {
        self.at + self.len
    }

    /// Shows the same bytes as `other` where both are.
    pub fn continues(&self, other: &Part) -> bool {
        self.bytes.is_same(&other.bytes)
            && self.offset.wrapping_sub(self.at) == other.offset.wrapping_sub(other.at)
    }

    fn cut(&self, from: usize, to: usize) -> Part {
        Part {
            at: from,
            len: to - from,
            bytes: self.bytes.clone(),
            offset: self.offset + (from - self.at),
        }
    }
}

/// Each mapped part is a map of the process, of which it may have some 65,000: beyond this, small neighbours are copied together.
const MOST_PARTS: usize = 256;

impl Image {
    /// Takes the image of `bytes` for the given backend. Pages that are all zero are not stored.
    pub fn take(bytes: &[u8], backend: Backend) -> Result<Self, Error> {
        Self::take_touched(bytes, |_| true, backend)
    }

    /// The same, knowing that the pages for which `touched` is false are all zero: they are not looked at, for each would
    /// then need a page of memory.
    pub(super) fn take_touched(
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
    pub(super) fn take_changes(
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

    /// Runs (offset, length) of whole pages that hold everything but zeroes, not too many, in order.
    pub fn runs(&self) -> Vec<(usize, usize)> {
        let page = os::page_size();
        let mut pieces: Vec<(usize, usize, bool)> = Vec::new();
        let pages = self
            .parts
            .iter()
            .flat_map(|p| (p.at..p.end()).step_by(page));
        for at in pages.filter(|at| self.page(*at).is_some_and(is_dirty)) {
            match pieces.last_mut() {
                Some((start, len, _)) if *start + *len == at => *len += page,
                _ => pieces.push((at, page, true)),
            }
        }
        let mut small = page;
        while groups(&pieces, small).count() > MOST_PARTS / 2 {
            small *= 2;
        }
        let joined = groups(&pieces, small).filter_map(|group| {
            let (first, last) = (group.first()?, group.last()?);
            Some((first.0, last.0 + last.1 - first.0))
        });
        joined.collect()
    }

    /// Calls `each` with the bytes of a run, from the first to the last.
    pub fn read<E>(
        &self,
        (at, len): (usize, usize),
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let page = os::page_size();
        let zeroes = vec![0; page];
        for at in (at..at + len).step_by(page) {
            each(self.page(at).unwrap_or(&zeroes))?;
        }
        Ok(())
    }

    /// An image whose runs lie in a file, one after the other from `start` on. `check` sees their bytes first, and says whether
    /// they are right.
    pub fn in_file(
        file: std::fs::File,
        start: usize,
        len: usize,
        runs: &[(usize, usize)],
        check: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<Self>, Error> {
        use std::io::{Read, Seek, SeekFrom};
        let stored: usize = runs.iter().map(|(_, len)| len).sum();
        let backend = os::backend();
        let (all, mut offset) = match backend {
            _ if stored == 0 => return Ok(check(&[]).then(|| Self::empty(len))),
            Backend::CopyOnWrite => {
                let whole = Whole::over(file, start + stored).map_err(|e| refused(stored, e))?;
                if !check(&whole.bytes()[start..]) {
                    return Ok(None);
                }
                (Bytes::File(Arc::new(whole)), start)
            }
            Backend::Portable => {
                let mut bytes = vec![0; stored];
                let mut file = file;
                file.seek(SeekFrom::Start(start as u64))
                    .and_then(|_| file.read_exact(&mut bytes))
                    .map_err(|e| refused(stored, e))?;
                if !check(&bytes) {
                    return Ok(None);
                }
                (Bytes::Heap(bytes.into()), 0)
            }
        };
        let parts = runs.iter().map(|(at, len)| {
            let part = Part {
                at: *at,
                len: *len,
                bytes: all.clone(),
                offset,
            };
            offset += len;
            part
        });
        Ok(Some(Self {
            len,
            parts: parts.collect(),
            own: stored,
        }))
    }

    fn empty(len: usize) -> Self {
        Self {
            len,
            parts: Box::default(),
            own: 0,
        }
    }

    /// Bytes of linear memory; what a recycle brings its length back to.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that were stored for this image; the others are its parent's.
    pub fn own_bytes(&self) -> usize {
        self.own
    }

    /// Bytes up to the last page that is not zero; the rest, up to the length, is zeroes.
    pub(super) fn filled(&self) -> usize {
        self.parts.last().map_or(0, Part::end)
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Nothing of it is mapped. All parts are of one kind.
    pub(super) fn is_copied(&self) -> bool {
        let first = self.parts.first();
        first.is_some_and(|part| part.bytes.heap().is_some())
    }

    /// The part that `at` lies in.
    fn part_at(&self, at: usize) -> Option<&Part> {
        let after = self.parts.partition_point(|part| part.at <= at);
        self.parts[..after].last().filter(|part| at < part.end())
    }

    /// The bytes of the page at `at`, a multiple of the page size; `None` when they are zeroes.
    pub(super) fn page(&self, at: usize) -> Option<&[u8]> {
        let part = self.part_at(at)?;
        part.bytes
            .within_page(part.offset + (at - part.at), os::page_size())
    }

    /// Whether this image shows a part of another one from the same place.
    pub(super) fn has_part(&self, part: &Part) -> bool {
        self.part_at(part.at)
            .is_some_and(|own| own.end() >= part.end() && own.continues(part))
    }

    /// Where `bytes`, a linear memory, differ from the image, in words.
    pub fn difference(self: &Arc<Self>, bytes: &[u8]) -> Result<Option<String>, Error> {
        if bytes.len() != self.len {
            return Ok(Some(format!(
                "{} bytes of memory, were {}",
                bytes.len(),
                self.len
            )));
        }
        let fresh = Region::with_image(self)?;
        // SAFETY: a region over an image shows at least its bytes, and lives until the end of the function.
        let image = unsafe { std::slice::from_raw_parts(fresh.base(), self.len) };
        let pages = bytes.chunks(WASM_PAGE).zip(image.chunks(WASM_PAGE));
        let differing = pages.clone().filter(|(is, was)| is != was).count();
        let at = pages
            .enumerate()
            .filter(|(_, (is, was))| is != was)
            .find_map(|(page, (is, was))| {
                let within = is.iter().zip(was).position(|(is, was)| is != was)?;
                Some(page * WASM_PAGE + within)
            });
        Ok(at.map(|at| {
            let (is, was) = (bytes[at], image[at]);
            format!("{differing} wasm pages differ, the first byte at {at:#x}: {is}, was {was}")
        }))
    }
}

fn refused(bytes: usize, source: std::io::Error) -> Error {
    Error {
        what: "a memory file for the image",
        bytes,
        source,
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
fn groups(
    pieces: &[(usize, usize, bool)],
    small: usize,
) -> impl Iterator<Item = &[(usize, usize, bool)]> {
    pieces.chunk_by(move |a, b| a.1 <= small && b.1 <= small && b.0 - (a.0 + a.1) <= small)
}

fn is_dirty(page: &[u8]) -> bool {
    // SAFETY: every bit pattern is a u128; only the aligned middle is read as such.
    let (head, middle, tail) = unsafe { page.align_to::<u128>() };
    head.iter().chain(tail).any(|b| *b != 0) || middle.iter().any(|w| *w != 0)
}

/// Runs of neighbouring pages that are not all zero.
fn runs(bytes: &[u8], touched: impl Fn(usize) -> bool) -> impl Iterator<Item = (usize, &[u8])> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_page_that_is_not_zero() {
        let page = os::page_size();
        let mut bytes = vec![0u8; 16 * page];
        for at in [0, page, 5 * page + 17, 15 * page + page - 1] {
            bytes[at] = 1;
        }
        let found: Vec<_> = runs(&bytes, |_| true)
            .map(|(at, run)| (at / page, run.len() / page))
            .collect();
        assert_eq!(found, [(0, 2), (5, 1), (15, 1)]);
        assert_eq!(runs(&vec![0u8; 4 * page], |_| true).count(), 0);
        assert_eq!(runs(&bytes, |at| at == 5).count(), 1);
    }

    fn backends() -> Vec<Backend> {
        let mut all = vec![Backend::Portable];
        if cfg!(target_os = "linux") {
            all.push(Backend::CopyOnWrite);
        }
        all
    }

    fn shown(image: &Arc<Image>) -> Vec<u8> {
        let region = Region::with_image(image).unwrap();
        // SAFETY: the region shows its image, and lives until the copy is made.
        unsafe { std::slice::from_raw_parts(region.base(), image.len()) }.to_vec()
    }

    /// Pseudo-random numbers.
    fn noise(seed: &mut u64) -> usize {
        *seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (*seed >> 33) as usize
    }

    #[test]
    fn images_of_changes_show_what_was_and_store_what_differs() {
        let page = os::page_size();
        for backend in backends() {
            let mut bytes = vec![0u8; 64 * WASM_PAGE];
            for at in (0..40 * WASM_PAGE).step_by(3 * page) {
                bytes[at] = 1;
            }
            let first = Arc::new(Image::take(&bytes, backend).unwrap());
            let mut all = vec![(first, bytes.clone())];
            let mut seed = 7;
            for round in 0..40 {
                let (parent, of_parent) = all[noise(&mut seed) % all.len()].clone();
                bytes = of_parent;
                if round % 5 == 4 {
                    bytes.resize(bytes.len() + WASM_PAGE, 0);
                }
                let mut written = Vec::new();
                for _ in 0..[1, 20, 300][round % 3] {
                    let at = noise(&mut seed) % (bytes.len() / page) * page;
                    // Some are written with what was there.
                    bytes[at + 5] = (noise(&mut seed) % 3) as u8;
                    written.push((at, page));
                }
                written.sort_unstable();
                written.dedup();
                let image = Image::take_changes(&parent, &bytes, &written, backend).unwrap();
                assert!(backend == Backend::Portable || image.parts.len() <= MOST_PARTS);
                let ends = image.parts.windows(2).all(|p| p[0].end() <= p[1].at);
                assert!(ends, "parts overlap");
                all.push((Arc::new(image), bytes.clone()));
            }
            for (image, bytes) in &all {
                assert_eq!(&shown(image), bytes, "{backend:?}");
            }
        }
    }

    #[test]
    fn a_page_that_is_written_with_its_own_bytes_is_shared() {
        for backend in backends() {
            let bytes = vec![3u8; 2 * WASM_PAGE];
            let parent = Image::take(&bytes, backend).unwrap();
            let same = Image::take_changes(&parent, &bytes, &[(0, WASM_PAGE)], backend).unwrap();
            assert_eq!(same.own_bytes(), 0);
            assert_eq!(parent.own_bytes(), 2 * WASM_PAGE);
        }
    }
}
