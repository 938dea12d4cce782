//! One reservation of address space that shows an image and what was written since.

mod back;

use super::image::{Image, Part};
use super::written::WrittenPages;
use super::{Error, RESERVATION, os};
use std::ptr;
use std::sync::{Arc, OnceLock};

/// Address space for one linear memory.
///
/// ```text
///  base                  image.filled                 accessible                      RESERVATION
///   ├── image, private ─────┼── zeroes, private ──────────┼── faults when touched ─────────┤
/// ```
///
/// `image.len` lies between the second mark and the third. Without an image the first part is empty. That of a checkpoint is
/// mapped from several places. Where copy-on-write is not to be had, the first part is ordinary memory that the image's pages
/// were copied into.
#[derive(Debug)]
pub struct Region {
    /// Start of the reservation; owned, released on drop. Null where there is none.
    base: *mut u8,
    /// `[0, accessible)` may be read and written; the rest faults. Never above 4 GiB.
    accessible: usize,
    /// The reservation is every such region's: it is not released on drop, and nothing of it ever becomes accessible.
    shared: bool,
    /// What `restore` brings back. Where it is mapped, each of its parts is a private mapping. It is dropped after these are gone.
    image: Option<Arc<Image>>,
    written: WrittenPages,
    /// No page comes into being without a fault of whoever touches it.
    are_small: bool,
}

// SAFETY: a region is owned address space; nothing about it is bound to the thread that made it.
unsafe impl Send for Region {}

/// So much of what follows the image keeps to small pages: little work after a recycle shall touch little memory.
const SMALL_PAGES: usize = 1 << 20;
/// The same for a memory without an image, whose layout is not known: Emscripten's own default for the initial memory.
const SMALL_PAGES_WITHOUT_IMAGE: usize = 16 << 20;

impl Region {
    /// A region without an image, with `len` bytes of zeroes.
    pub fn new(len: usize) -> Result<Self, Error> {
        let base = os::reserve(RESERVATION).map_err(|source| Error {
            what: "address space for a linear memory",
            bytes: RESERVATION,
            source,
        })?;
        let mut region = Self {
            base,
            accessible: 0,
            shared: false,
            image: None,
            written: WrittenPages::default(),
            are_small: false,
        };
        region.choose_page_size(SMALL_PAGES_WITHOUT_IMAGE);
        region.extend(len)?;
        Ok(region)
    }

    /// A region that shows `image`.
    pub fn with_image(image: &Arc<Image>) -> Result<Self, Error> {
        let mut region = Self::new(0)?;
        region.adopt(image)?;
        Ok(region)
    }

    pub fn base(&self) -> *mut u8 {
        self.base
    }

    pub fn accessible(&self) -> usize {
        self.accessible
    }

    /// Bytes that the system could have back; all that is accessible where it cannot tell.
    pub fn private_bytes(&self) -> usize {
        os::dirty_bytes(self.base, self.accessible).map_or(self.accessible, |(_, private)| private)
    }

    /// Makes `[0, len)` accessible; new bytes are zero. Does nothing when it is already.
    pub fn extend(&mut self, len: usize) -> Result<(), Error> {
        assert!(len <= RESERVATION);
        assert!(len == 0 || !self.shared);
        if len > self.accessible {
            let more = len - self.accessible;
            // SAFETY: the range lies in this reservation.
            unsafe { os::make_accessible(self.base.add(self.accessible), more) }.map_err(
                |source| Error {
                    what: "memory for growth",
                    bytes: more,
                    source,
                },
            )?;
            self.accessible = len;
        }
        Ok(())
    }

    /// Replaces everything by `image`. Nothing may refer to the bytes.
    ///
    /// On an error the region shows nothing.
    pub fn adopt(&mut self, image: &Arc<Image>) -> Result<(), Error> {
        self.written.forget();
        if self.accessible > 0 {
            // SAFETY: the range lies in this reservation and, by the caller's promise, nothing refers to it.
            unsafe { os::make_inaccessible(self.base, self.accessible) }
                .map_err(|e| refused(image, e))?;
            self.accessible = 0;
        }
        self.image = None;
        self.extend(image.len())?;
        for part in image.parts() {
            self.show_part(part).map_err(|e| refused(image, e))?;
        }
        self.choose_page_size(image.filled() + SMALL_PAGES);
        self.image = Some(image.clone());
        Ok(())
    }

    fn show_part(&mut self, part: &Part) -> std::io::Result<()> {
        debug_assert!(part.end() <= self.accessible);
        // SAFETY: the part lies in the accessible range, to which nothing refers by the promise of whoever calls this; what
        // is copied is elsewhere.
        unsafe {
            let to = self.base.add(part.at);
            match (part.bytes.mapped(part.offset), part.bytes.heap()) {
                (Some((file, offset)), _) => os::map_private(to, part.len, file, offset)?,
                (None, Some(bytes)) => {
                    let bytes = &bytes[part.offset..part.offset + part.len];
                    ptr::copy_nonoverlapping(bytes.as_ptr(), to, part.len);
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// No address space at all.
    pub(super) fn none() -> Self {
        Self {
            base: ptr::null_mut(),
            accessible: 0,
            shared: false,
            image: None,
            written: WrittenPages::default(),
            are_small: false,
        }
    }

    /// A region of which nothing is accessible, ever. All of them lie at the same place.
    pub(super) fn nothing() -> Result<Self, Error> {
        static PLACE: OnceLock<usize> = OnceLock::new();
        let base = match PLACE.get() {
            Some(base) => *base,
            None => {
                let mut own = Self::new(0)?;
                let base = *PLACE.get_or_init(|| own.base as usize);
                if base == own.base as usize {
                    own.abandon();
                }
                base
            }
        };
        Ok(Self {
            base: base as *mut u8,
            accessible: 0,
            shared: true,
            image: None,
            written: WrittenPages::default(),
            are_small: false,
        })
    }

    /// The reservation stays mapped for ever: whoever has its address may go on using it.
    pub(super) fn abandon(&mut self) {
        // What it is mapped from stays as well.
        std::mem::forget(self.image.take());
        self.base = ptr::null_mut();
        self.accessible = 0;
    }

    /// Lets what lies beyond the first `small` bytes be of large pages, if they are wanted: a picture's worth of memory is
    /// then there after a few faults, not thousands. Otherwise all are small. A range that is mapped anew forgets it.
    fn choose_page_size(&mut self, small: usize) {
        let from = small.next_multiple_of(os::LARGE_PAGE).min(RESERVATION);
        // SAFETY: the ranges lie in this reservation.
        unsafe {
            self.are_small = !os::prefer_large_pages(self.base.add(from), RESERVATION - from)
                && os::choose_small_pages(self.base, RESERVATION);
        }
    }
}

fn refused(image: &Image, source: std::io::Error) -> Error {
    Error {
        what: "a mapping of the image",
        bytes: image.len(),
        source,
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if !self.base.is_null() && !self.shared {
            // SAFETY: the region owns its reservation; whoever had its base has promised to be done with it.
            unsafe { os::release(self.base, RESERVATION) };
        }
    }
}

#[cfg(test)]
mod tests;
