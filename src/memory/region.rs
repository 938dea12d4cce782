//! One reservation of address space that shows an image and what was written since.

use super::image::{Image, Part};
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
        };
        region.prefer_large_pages(SMALL_PAGES_WITHOUT_IMAGE);
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
            unsafe { os::show(self.base.add(self.accessible), more) }.map_err(|source| Error {
                what: "memory for growth",
                bytes: more,
                source,
            })?;
            self.accessible = len;
        }
        Ok(())
    }

    /// Replaces everything by `image`. Nothing may refer to the bytes.
    ///
    /// On an error the region shows nothing.
    pub fn adopt(&mut self, image: &Arc<Image>) -> Result<(), Error> {
        if self.accessible > 0 {
            // SAFETY: the range lies in this reservation and, by the caller's promise, nothing refers to it.
            unsafe { os::hide(self.base, self.accessible) }.map_err(|e| refused(image, e))?;
            self.accessible = 0;
        }
        self.image = None;
        self.extend(image.len())?;
        for part in image.parts() {
            self.show_part(part).map_err(|e| refused(image, e))?;
        }
        self.prefer_large_pages(image.filled() + SMALL_PAGES);
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

    /// The region shows `image` byte for byte, but over another one, of which `image` was taken: now it is over `image`. Views
    /// of its bytes stay good.
    pub fn rebase(&mut self, image: &Arc<Image>) -> Result<(), Error> {
        debug_assert!(self.accessible == image.len());
        if !image.is_copied() {
            for part in image.parts() {
                if !self.shows(part) {
                    self.show_part(part).map_err(|e| refused(image, e))?;
                }
            }
        }
        self.image = Some(image.clone());
        Ok(())
    }

    fn shows(&self, part: &Part) -> bool {
        self.image.as_ref().is_some_and(|own| own.has_part(part))
    }

    /// As [`Region::adopt`], in the time that the difference between the two images takes, and what was written since.
    pub fn switch(&mut self, image: &Arc<Image>) -> Result<(), Error> {
        let last = match &self.image {
            Some(last) if !last.is_copied() && !image.is_copied() => last.clone(),
            _ => return self.adopt(image),
        };
        self.extend(image.len())?;
        if self.accessible > image.len() {
            let more = self.accessible - image.len();
            // SAFETY: the range lies in this reservation and, by the caller's promise, nothing refers to it.
            unsafe { os::hide(self.base.add(image.len()), more) }.map_err(|e| refused(image, e))?;
            self.accessible = image.len();
        }
        for (at, len) in only_in(&last, image) {
            // SAFETY: as above.
            unsafe {
                let place = self.base.add(at);
                os::hide(place, len)
                    .and_then(|()| os::show(place, len))
                    .map_err(|e| refused(image, e))?;
            }
        }
        for part in image.parts() {
            if !last.has_part(part) {
                self.show_part(part).map_err(|e| refused(image, e))?;
            }
        }
        self.image = Some(image.clone());
        if !self.copy_back(Written::MOST) {
            self.restore()?;
        }
        Ok(())
    }

    /// Ranges (offset, length) of pages that may differ from the image, in order.
    pub fn written(&self) -> Vec<(usize, usize)> {
        let Some(image) = self.image.as_ref().filter(|image| !image.is_copied()) else {
            return self.touched();
        };
        let mut ranges = Vec::new();
        let told = os::written_pages(self.base, self.accessible, usize::MAX, |at, len| {
            ranges.push((at, len));
        });
        if told {
            return ranges;
        }
        if image.parts().is_empty() {
            return self.touched();
        }
        os::written_slowly(self.base, self.accessible).unwrap_or_else(|| self.touched())
    }

    /// The same for a region that is ordinary memory.
    fn touched(&self) -> Vec<(usize, usize)> {
        let page = os::page_size();
        match os::touched_pages(self.base, self.accessible) {
            Some(touched) => {
                let pages = touched.iter().enumerate().filter(|(_, touched)| **touched);
                pages.map(|(at, _)| (at * page, page)).collect()
            }
            None if self.accessible > 0 => vec![(0, self.accessible)],
            None => Vec::new(),
        }
    }

    /// Brings the region back to its image and gives every other page back to the system. Nothing may refer to the bytes.
    ///
    /// On an error the region is unusable and must be dropped.
    pub fn restore(&mut self) -> Result<(), Error> {
        let Some(image) = self.image.clone() else {
            return Ok(());
        };
        let accessible = self.accessible;
        let unreleased = |source| Error {
            what: "a recycle's page release",
            bytes: accessible,
            source,
        };
        // SAFETY: the ranges lie in this reservation and, by the caller's promise, nothing refers to them. What had
        // grown is hidden, so a load past the image's length faults as in a new instance.
        unsafe {
            if !image.is_empty() {
                os::decommit(self.base, image.len()).map_err(unreleased)?;
            }
            if self.accessible > image.len() {
                os::hide(self.base.add(image.len()), self.accessible - image.len())
                    .map_err(unreleased)?;
                self.prefer_large_pages(image.filled() + SMALL_PAGES);
            }
        }
        self.accessible = image.len();
        if image.is_copied() {
            for part in image.parts() {
                self.show_part(part).map_err(|e| refused(&image, e))?;
            }
        }
        Ok(())
    }

    /// Brings the region back to its image by copying over the pages that were written, which then stay where they are: no
    /// page table changes, no other core is interrupted, and the next generation finds its pages in place.
    ///
    /// Does so only where it is quicker than dropping pages: at most `most` were written, nothing had grown, and the system
    /// can tell. Otherwise gives `false`, and the region is as dirty as before. Nothing may refer to the bytes.
    pub fn copy_back(&mut self, most: usize) -> bool {
        let Some(image) = self.image.clone() else {
            return false;
        };
        if image.is_copied() || self.accessible > image.len() {
            return false;
        }
        let mut written = Written::default();
        if !os::written_pages(
            self.base,
            image.len(),
            most.min(Written::MOST),
            |at, len| {
                written.push(at, len);
            },
        ) {
            return false;
        }
        let page = os::page_size();
        for at in written
            .ranges()
            .flat_map(|(at, len)| (at..at + len).step_by(page))
        {
            // SAFETY: the page lies in the accessible part, which is whole pages and which, by the caller's promise,
            // nothing refers to; the image is another mapping.
            unsafe {
                let to = self.base.add(at);
                match image.page(at) {
                    Some(bytes) => ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()),
                    None => ptr::write_bytes(to, 0, page),
                }
            }
        }
        true
    }

    /// No address space at all.
    pub(super) fn none() -> Self {
        Self {
            base: ptr::null_mut(),
            accessible: 0,
            shared: false,
            image: None,
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
    /// then there after a few faults, not thousands. A range that is mapped anew forgets it.
    fn prefer_large_pages(&mut self, small: usize) {
        let from = small.next_multiple_of(os::LARGE_PAGE);
        if from < RESERVATION {
            // SAFETY: the range lies in this reservation.
            unsafe { os::prefer_large_pages(self.base.add(from), RESERVATION - from) };
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

/// Ranges (offset, length) below both lengths where `last` has bytes and `image` has zeroes.
fn only_in(last: &Image, image: &Image) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    for part in last.parts() {
        let (mut from, end) = (part.at, part.end().min(image.len()));
        let first = image.parts().partition_point(|other| other.end() <= from);
        for other in &image.parts()[first..] {
            if other.at >= end {
                break;
            }
            if other.at > from {
                ranges.push((from, other.at - from));
            }
            from = other.end();
        }
        if from < end {
            ranges.push((from, end - from));
        }
    }
    ranges
}

/// Ranges of written pages, without an allocation.
struct Written {
    ranges: [(usize, usize); Self::MOST],
    count: usize,
}

impl Written {
    const MOST: usize = 128;

    fn push(&mut self, at: usize, len: usize) {
        self.ranges[self.count] = (at, len);
        self.count += 1;
    }

    fn ranges(&self) -> impl Iterator<Item = (usize, usize)> {
        self.ranges[..self.count].iter().copied()
    }
}

impl Default for Written {
    fn default() -> Self {
        Self {
            ranges: [(0, 0); Self::MOST],
            count: 0,
        }
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
mod tests {
    use super::super::{Backend, WASM_PAGE};
    use super::*;

    fn bytes(region: &Region) -> &[u8] {
        // SAFETY: the accessible part is readable and the region outlives the slice.
        unsafe { std::slice::from_raw_parts(region.base(), region.accessible()) }
    }

    fn poke(region: &Region, at: usize, value: u8) {
        assert!(at < region.accessible());
        // SAFETY: in bounds.
        unsafe { region.base().add(at).write(value) };
    }

    fn backends() -> Vec<Backend> {
        let mut all = vec![Backend::Portable];
        if cfg!(target_os = "linux") {
            all.push(Backend::CopyOnWrite);
        }
        all
    }

    fn sample() -> Vec<u8> {
        let mut image = vec![0u8; 3 * WASM_PAGE];
        image[7] = 1;
        image[2 * WASM_PAGE + 5000] = 2;
        image
    }

    #[test]
    fn restore_brings_bytes_and_length_back() {
        for backend in backends() {
            let sample = sample();
            let image = Arc::new(Image::take(&sample, backend).unwrap());
            let mut region = Region::with_image(&image).unwrap();
            for _ in 0..3 {
                assert_eq!(bytes(&region), sample, "{backend:?}");
                poke(&region, 7, 99);
                poke(&region, WASM_PAGE, 98);
                region.extend(5 * WASM_PAGE).unwrap();
                poke(&region, 5 * WASM_PAGE - 1, 97);
                region.restore().unwrap();
                assert_eq!(region.accessible(), 3 * WASM_PAGE);
            }
            assert_eq!(bytes(&region), sample);
        }
    }

    #[test]
    fn growth_after_a_restore_shows_zeroes() {
        for backend in backends() {
            let image = Arc::new(Image::take(&sample(), backend).unwrap());
            let mut region = Region::with_image(&image).unwrap();
            region.extend(4 * WASM_PAGE).unwrap();
            poke(&region, 3 * WASM_PAGE + 1, 42);
            region.restore().unwrap();
            region.extend(4 * WASM_PAGE).unwrap();
            assert!(
                bytes(&region)[3 * WASM_PAGE..].iter().all(|b| *b == 0),
                "{backend:?}"
            );
        }
    }

    #[test]
    fn regions_of_nothing_share_their_place() {
        let first = Region::nothing().unwrap();
        let base = first.base();
        drop(first);
        assert_eq!(Region::nothing().unwrap().base(), base);
    }

    #[test]
    fn another_image_replaces_the_first() {
        for backend in backends() {
            let first = Arc::new(Image::take(&sample(), backend).unwrap());
            let second = Arc::new(Image::take(&vec![9u8; WASM_PAGE], backend).unwrap());
            let mut region = Region::with_image(&first).unwrap();
            poke(&region, 100, 1);
            region.adopt(&second).unwrap();
            assert_eq!(bytes(&region), vec![9u8; WASM_PAGE]);
            region.adopt(&first).unwrap();
            assert_eq!(bytes(&region), sample());
        }
    }

    #[test]
    fn an_empty_image_restores_to_nothing() {
        for backend in backends() {
            let image = Arc::new(Image::take(&[], backend).unwrap());
            let mut region = Region::with_image(&image).unwrap();
            region.extend(WASM_PAGE).unwrap();
            region.restore().unwrap();
            assert_eq!(region.accessible(), 0);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pages_that_were_written_are_copied_back_in_place() {
        let sample = sample();
        let image = Arc::new(Image::take(&sample, Backend::CopyOnWrite).unwrap());
        let mut region = Region::with_image(&image).unwrap();
        // A stored page, a hole of the file, what follows the file.
        let places = [7, WASM_PAGE + 9, 3 * WASM_PAGE - 1];
        for round in 1..4 {
            for at in places {
                poke(&region, at, 99);
            }
            assert!(!region.copy_back(places.len() - 1), "too many");
            assert_ne!(bytes(&region), sample);
            if !region.copy_back(places.len()) {
                assert_eq!(round, 1, "the system can tell or it cannot");
                return;
            }
            assert_eq!(bytes(&region), sample);
            let (_, private) = os::dirty_bytes(region.base(), sample.len()).unwrap();
            assert!(private >= places.len() * os::page_size(), "the pages stay");
        }
        region.extend(4 * WASM_PAGE).unwrap();
        assert!(
            !region.copy_back(Written::MOST),
            "what has grown is to be hidden"
        );
    }

    #[test]
    fn a_region_goes_from_image_to_image_and_shows_each() {
        for backend in backends() {
            let first = Arc::new(Image::take(&sample(), backend).unwrap());
            let mut region = Region::with_image(&first).unwrap();
            let mut points = vec![(first, sample())];
            for round in 0..6u8 {
                poke(&region, 7, round);
                poke(&region, usize::from(round) * 9000, 50 + round);
                if round % 2 == 0 {
                    let more = region.accessible() + WASM_PAGE;
                    region.extend(more).unwrap();
                    poke(&region, more - 3, 5);
                }
                let written = region.written();
                let last = region.image.clone().unwrap();
                let now = bytes(&region).to_vec();
                let image = Image::take_changes(&last, &now, &written, backend).unwrap();
                assert!(backend == Backend::Portable || image.own_bytes() <= 3 * os::page_size());
                let image = Arc::new(image);
                region.rebase(&image).unwrap();
                assert_eq!(bytes(&region), now);
                points.push((image, now));
                let to = &points[usize::from(round * 5 % (round + 2))];
                poke(&region, WASM_PAGE, 77);
                region.switch(&to.0).unwrap();
                assert_eq!(bytes(&region), to.1, "{backend:?}");
            }
            for from in 0..points.len() {
                for (image, was) in &points {
                    region.switch(image).unwrap();
                    assert_eq!(bytes(&region), was);
                    region.extend(region.accessible() + WASM_PAGE).unwrap();
                    assert_eq!(bytes(&region).last(), Some(&0));
                    region.switch(&points[from].0).unwrap();
                    assert_eq!(bytes(&region), points[from].1);
                }
            }
        }
    }

    #[test]
    fn only_a_sealed_image_is_copied_back() {
        let image = Arc::new(Image::take(&sample(), Backend::Portable).unwrap());
        assert!(!Region::with_image(&image).unwrap().copy_back(Written::MOST));
        assert!(!Region::new(WASM_PAGE).unwrap().copy_back(Written::MOST));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn restored_pages_are_given_back() {
        let image = Arc::new(Image::take(&sample(), Backend::CopyOnWrite).unwrap());
        let mut region = Region::with_image(&image).unwrap();
        region.extend(64 * WASM_PAGE).unwrap();
        for at in (0..64 * WASM_PAGE).step_by(4096) {
            poke(&region, at, 1);
        }
        let (_, private) = os::dirty_bytes(region.base(), 64 * WASM_PAGE).unwrap();
        assert_eq!(private, 64 * WASM_PAGE);
        region.restore().unwrap();
        let (_, private) = os::dirty_bytes(region.base(), 64 * WASM_PAGE).unwrap();
        assert_eq!(private, 0);
    }
}
