//! Large allocations of somebody else's (the bytes of a JavaScript buffer) that are brought back to an image where they are, or copied
//! to pages of our own first.
//!
//! Their pages are replaced by a private mapping of the image: same bytes, same place. From then on the system knows which pages were
//! written, so that to bring them back costs what was changed. The allocation stays its owner's, who frees it as before.

use super::image::Image;
use super::{Backend, Error, os};
use std::ptr;
use std::sync::Arc;

/// One allocation.
#[derive(Debug)]
pub struct Foreign {
    /// Of its first page.
    start: usize,
    /// What is given to whoever asked for memory.
    data: usize,
    len: usize,
    image: Arc<Image>,
}

/// So many written pages are copied back; where there are more, all are dropped.
const COPIED_PAGES: usize = 256;
/// Smaller ones are compared as quickly.
const LEAST: usize = 1 << 20;

impl Foreign {
    /// Takes the image of `bytes` and continues on it. `None` where that cannot be done: the allocation does not have whole pages
    /// of its own, or the system does not tell which pages were written.
    pub fn take(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let able = os::backend() == Backend::CopyOnWrite && os::tells_written_pages();
        if bytes.len() < LEAST || !able {
            return Ok(None);
        }
        let Some((start, len)) = os::own_pages(bytes) else {
            return Ok(None);
        };
        // SAFETY: the pages are those of this allocation, which the caller holds; nothing writes to it meanwhile.
        unsafe { Self::begin(start, len, bytes.as_ptr() as usize) }.map(Some)
    }

    /// A copy of `bytes` on pages of our own, as they would be after [`Foreign::take`]. `None` where the system does not tell which
    /// pages were written.
    pub fn copied(bytes: &[u8]) -> Result<Option<(Self, OwnPages)>, Error> {
        let able = os::backend() == Backend::CopyOnWrite && os::tells_written_pages();
        if bytes.len() < LEAST || !able {
            return Ok(None);
        }
        let pages = OwnPages::of(bytes).map_err(|source| Error {
            what: "memory for a copy of a buffer",
            bytes: bytes.len(),
            source,
        })?;
        // SAFETY: all of these pages are ours, and nobody has their address yet.
        let taken = unsafe { Self::begin(pages.base as usize, pages.len, pages.base as usize) }?;
        Ok(Some((taken, pages)))
    }

    /// Takes the image of whole pages, of which `data` is the first byte that their owner has, and continues on it.
    ///
    /// # Safety
    /// The pages are of one allocation, to which nothing writes meanwhile.
    unsafe fn begin(start: usize, len: usize, data: usize) -> Result<Self, Error> {
        // SAFETY: by the caller's promise.
        let all = unsafe { std::slice::from_raw_parts(start as *const u8, len) };
        let touched = os::touched_pages(start as *const u8, len);
        let may_hold = |page: usize| {
            touched
                .as_ref()
                .and_then(|pages| pages.get(page))
                .is_none_or(|touched| *touched)
        };
        let image = Image::take_touched(all, may_hold, Backend::CopyOnWrite)?;
        let taken = Self {
            start,
            data,
            len,
            image: Arc::new(image),
        };
        let refused = |source| Error {
            what: "a mapping of a buffer's image",
            bytes: len,
            source,
        };
        let filled = taken.image.filled();
        for part in taken.image.parts() {
            if let Some((file, offset)) = part.bytes.mapped(part.offset) {
                // SAFETY: whole pages of the allocation, by the same bytes.
                unsafe { os::map_private((start + part.at) as *mut u8, part.len, file, offset) }
                    .map_err(refused)?;
            }
        }
        if filled < len {
            // SAFETY: what follows is zeroes, and stays so.
            unsafe { os::decommit((start + filled) as *mut u8, len - filled) }.map_err(refused)?;
        }
        Ok(taken)
    }

    /// Whether these are the bytes whose image it is.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        bytes.as_ptr() as usize == self.data
    }

    /// Brings them back; gives whether anything was written. Nothing may write meanwhile. They must be those of which it is.
    pub fn restore(&self, bytes: &mut [u8]) -> Result<bool, Error> {
        assert!(self.is_of(bytes));
        let base = self.start as *mut u8;
        let mut written = Vec::new();
        let few = os::written_pages(base, self.len, COPIED_PAGES, |at, len| {
            written.push((at, len));
        });
        if few {
            let page = os::page_size();
            for at in written
                .iter()
                .flat_map(|(at, len)| (*at..at + len).step_by(page))
            {
                // SAFETY: a written page of the allocation, which the caller holds; the image is another mapping.
                unsafe {
                    let to = base.add(at);
                    match self.image.page(at) {
                        Some(then) => ptr::copy_nonoverlapping(then.as_ptr(), to, then.len()),
                        None => ptr::write_bytes(to, 0, page),
                    }
                }
            }
            return Ok(!written.is_empty());
        }
        // SAFETY: as above; without them the image is seen again.
        unsafe { os::decommit(base, self.len) }.map_err(|source| Error {
            what: "the release of a buffer's pages",
            bytes: self.len,
            source,
        })?;
        Ok(true)
    }

    /// Ranges (offset, length) of the bytes, in order, outside of which nothing was written.
    pub fn written(&self) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        let before = self.data - self.start;
        let told = os::written_pages(self.start as *const u8, self.len, usize::MAX, |at, len| {
            let from = at.saturating_sub(before);
            ranges.push((from, at + len - before - from));
        });
        if told {
            ranges
        } else {
            vec![(0, self.len - before)]
        }
    }

    /// Whether each byte is that of the image. Pages that were not written are the image's, and are left alone: to read one gives it
    /// an entry in the page table, which each look for written pages would go by from then on.
    pub fn is_same(&self, bytes: &[u8]) -> bool {
        assert!(self.is_of(bytes));
        let page = os::page_size();
        let mut written = Vec::new();
        let told = os::written_pages(self.start as *const u8, self.len, usize::MAX, |at, len| {
            written.push((at, len));
        });
        if !told {
            written = vec![(0, self.len)];
        }
        let pages = written
            .iter()
            .flat_map(|(at, len)| (*at..at + len).step_by(page));
        pages.clone().all(|at| {
            // SAFETY: a page of the allocation, which the caller holds.
            let now = unsafe { std::slice::from_raw_parts((self.start + at) as *const u8, page) };
            match self.image.page(at) {
                Some(then) => {
                    now[..then.len()] == *then && now[then.len()..].iter().all(|byte| *byte == 0)
                }
                None => now.iter().all(|byte| *byte == 0),
            }
        })
    }
}

/// Pages that nobody else has.
#[derive(Debug)]
pub struct OwnPages {
    base: *mut u8,
    len: usize,
}

impl OwnPages {
    fn of(bytes: &[u8]) -> std::io::Result<Self> {
        let len = bytes.len().next_multiple_of(os::page_size());
        let pages = Self {
            base: os::reserve(len)?,
            len,
        };
        // SAFETY: the range was just reserved, and is as long as the bytes at least.
        unsafe {
            os::make_accessible(pages.base, len)?;
            ptr::copy_nonoverlapping(bytes.as_ptr(), pages.base, bytes.len());
        }
        Ok(pages)
    }

    pub fn base(&self) -> *mut u8 {
        self.base
    }
}

impl Drop for OwnPages {
    fn drop(&mut self) {
        // SAFETY: a whole reservation; whoever was given its address keeps this as long.
        unsafe { os::release(self.base, self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_pages_of_its_own() {
        let page = os::page_size();
        let mut bytes = vec![0u8; (3 << 20) + 123];
        bytes[7] = 1;
        bytes[(3 << 20) + 122] = 2;
        let Some((foreign, pages)) = Foreign::copied(&bytes).unwrap() else {
            return;
        };
        // SAFETY: as many bytes as were copied, and nobody else has them.
        let copy = unsafe { std::slice::from_raw_parts_mut(pages.base(), bytes.len()) };
        assert_eq!(copy, &bytes[..]);
        assert!(!foreign.restore(copy).unwrap());
        copy[7] = 9;
        copy[5 * page] = 9;
        copy[(3 << 20) + 122] = 9;
        assert!(foreign.restore(copy).unwrap());
        assert_eq!(copy, &bytes[..]);
        assert!(foreign.is_same(copy));
    }

    #[test]
    fn bytes_come_back_where_they_are() {
        let page = os::page_size();
        // More than any threshold of an allocator: it has a mapping of its own.
        let mut bytes = vec![0u8; (40 << 20) + 123];
        bytes[5] = 1;
        bytes[3 * page + 7] = 2;
        bytes[20 << 20..21 << 20].fill(3);
        let Some(foreign) = Foreign::take(&bytes).unwrap() else {
            return;
        };
        assert_eq!(
            (bytes[5], bytes[3 * page + 7], bytes[(20 << 20) + 9]),
            (1, 2, 3)
        );
        assert!(!foreign.restore(&mut bytes).unwrap());
        for many in [false, true] {
            bytes[5] = 9;
            bytes[4 * page] = 9;
            bytes[(21 << 20) + 5] = 9;
            if many {
                bytes.fill(7);
            }
            assert!(!foreign.is_same(&bytes));
            assert!(foreign.restore(&mut bytes).unwrap());
            assert!(foreign.is_same(&bytes));
            assert_eq!(
                (bytes[5], bytes[4 * page], bytes[(21 << 20) + 5]),
                (1, 0, 0)
            );
            assert_eq!(bytes[20 << 20..21 << 20], [3; 1 << 20][..]);
        }
        drop(bytes);
    }
}
