//! How a region is brought to an image: the one that it is mapped from, or another one.

use super::super::image::{Image, Part};
use super::super::written::Writers;
use super::super::{Error, os};
use super::{Region, SMALL_PAGES, refused};
use std::ptr;
use std::sync::Arc;

impl Region {
    /// Whether the region is mapped from this image.
    pub fn is_over(&self, image: &Arc<Image>) -> bool {
        self.image
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, image))
    }

    /// The region shows `image` byte for byte, but over another one: now it is over `image`. Views of its bytes stay good.
    pub fn rebase(&mut self, image: &Arc<Image>) -> Result<(), Error> {
        debug_assert!(self.accessible == image.len());
        if !image.is_copied() {
            match self.image.clone() {
                Some(last) => self.remap(&last, image)?,
                None => {
                    for part in image.parts() {
                        self.show_part(part).map_err(|e| refused(image, e))?;
                    }
                }
            }
        }
        self.written.forget();
        self.image = Some(image.clone());
        Ok(())
    }

    /// As [`Region::adopt`], in the time that the difference between the two images takes, and what was written since.
    pub fn switch(&mut self, image: &Arc<Image>, by: Writers) -> Result<(), Error> {
        let last = match &self.image {
            Some(last) if !last.is_copied() && !image.is_copied() => last.clone(),
            _ => return self.adopt(image),
        };
        self.extend(image.len())?;
        if self.accessible > image.len() {
            self.hide_behind(image)?;
        }
        self.remap(&last, image)?;
        self.written.forget();
        self.image = Some(image.clone());
        if !self.copy_back(image, Self::MOST_COPIED, by) {
            self.restore()?;
        }
        Ok(())
    }

    /// Where a switch copies at most so many pages instead of dropping all.
    pub const MOST_COPIED: usize = 128;

    /// Hides what had grown, so that a load past the image's length faults as in a new instance.
    fn hide_behind(&mut self, image: &Image) -> Result<(), Error> {
        let more = self.accessible - image.len();
        self.written.forget();
        // SAFETY: the range lies in this reservation and, by the promise of whoever calls this, nothing refers to it.
        unsafe { os::make_inaccessible(self.base.add(image.len()), more) }
            .map_err(|e| refused(image, e))?;
        self.accessible = image.len();
        self.choose_page_size(image.filled() + SMALL_PAGES);
        Ok(())
    }

    /// Maps the parts of `image` that are not mapped already, in a region over `last`. What was written elsewhere stays.
    fn remap(&mut self, last: &Image, image: &Image) -> Result<(), Error> {
        let emptied = only_in(last, image);
        for (at, len) in &emptied {
            // SAFETY: the range lies in this reservation. What it shows is either not needed any more, or zeroes.
            unsafe {
                let place = self.base.add(*at);
                os::make_inaccessible(place, *len)
                    .and_then(|()| os::make_accessible(place, *len))
                    .map_err(|e| refused(image, e))?;
            }
        }
        for part in image.parts() {
            if !last.has_part(part) {
                self.show_part(part).map_err(|e| refused(image, e))?;
            }
        }
        if !emptied.is_empty() {
            self.choose_page_size(image.filled() + SMALL_PAGES);
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
        self.written.forget();
        let Some(image) = self.image.clone() else {
            return Ok(());
        };
        if !image.is_empty() {
            // SAFETY: the range lies in this reservation and, by the caller's promise, nothing refers to it.
            unsafe { os::decommit(self.base, image.len()) }.map_err(|source| Error {
                what: "a recycle's page release",
                bytes: image.len(),
                source,
            })?;
        }
        if self.accessible > image.len() {
            self.hide_behind(&image)?;
        }
        if image.is_copied() {
            for part in image.parts() {
                self.show_part(part).map_err(|e| refused(&image, e))?;
            }
        }
        Ok(())
    }

    /// Brings the region to `image` by copying over the pages that were written, which then stay where they are: no page table
    /// changes, no other core is interrupted, and the next generation finds its pages in place. `image` need not be the one that
    /// the region is mapped from: pages where the two differ are copied as well.
    ///
    /// Does so only where it is quicker than dropping pages: at most `most` are copied, nothing had grown, and the system
    /// can tell. Otherwise gives `false`, and the region is as dirty as before. Nothing may refer to the bytes.
    pub fn copy_back(&mut self, image: &Arc<Image>, most: usize, by: Writers) -> bool {
        let Some(own) = self.image.clone() else {
            return false;
        };
        let has_grown = self.accessible > image.len();
        if own.is_copied() || image.is_copied() || has_grown || own.len() != image.len() {
            return false;
        }
        let page = os::page_size();
        let mut differing = Vec::new();
        if !Arc::ptr_eq(&own, image) {
            differing = self::differing(&own, image);
            if differing.iter().map(|(_, len)| len / page).sum::<usize>() > most {
                return false;
            }
        }
        if !self
            .written
            .update(self.base, image.len(), most, by, self.are_small)
        {
            return false;
        }
        for (at, len) in self.written.ranges() {
            self.copy_from(image, *at, *len);
        }
        let mut is_more = false;
        for at in pages_of(&differing, page).filter(|at| !self.written.has(*at)) {
            self.copy_from(image, at, page);
            is_more = true;
        }
        if is_more {
            self.written.forget();
        }
        true
    }

    fn copy_from(&self, image: &Image, at: usize, len: usize) {
        let page = os::page_size();
        for at in (at..at + len).step_by(page) {
            // SAFETY: the page lies in the accessible part, which is whole pages and which, by the promise of whoever calls
            // this, nothing refers to; the image is another mapping.
            unsafe {
                let to = self.base.add(at);
                match image.page(at) {
                    Some(bytes) => ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()),
                    None => ptr::write_bytes(to, 0, page),
                }
            }
        }
    }
}

fn pages_of(ranges: &[(usize, usize)], page: usize) -> impl Iterator<Item = usize> {
    ranges
        .iter()
        .flat_map(move |(at, len)| (*at..at + len).step_by(page))
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

/// Ranges (offset, length) where two images are not known to be the same, in order.
fn differing(one: &Image, other: &Image) -> Vec<(usize, usize)> {
    let (mut ones, mut others) = (one.parts(), other.parts());
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    loop {
        ones = &ones[ones.partition_point(|part| part.end() <= at)..];
        others = &others[others.partition_point(|part| part.end() <= at)..];
        let starts = [ones, others].map(|parts| parts.first().map(|part| part.at.max(at)));
        let Some(from) = starts.into_iter().flatten().min() else {
            return ranges;
        };
        let [here, there] = [ones, others].map(|parts| parts.first().filter(|p| p.at <= from));
        let ends = [(ones, here), (others, there)]
            .map(|(parts, in_part)| in_part.map(Part::end).or(parts.first().map(|p| p.at)));
        let to = ends.into_iter().flatten().min().unwrap_or(from);
        let is_same = matches!((here, there), (Some(here), Some(there)) if here.continues(there));
        match ranges.last_mut() {
            _ if is_same => {}
            Some((start, len)) if *start + *len == from => *len += to - from,
            _ => ranges.push((from, to - from)),
        }
        at = to;
    }
}
