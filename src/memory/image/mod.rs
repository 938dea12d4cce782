//! The bytes of a linear memory at one moment: right after start-up, or at a checkpoint.

mod file;
mod take;
#[cfg(test)]
mod tests;

use super::os;
use super::pages::Bytes;
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

impl Image {
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
        if let Some(other) = self.other_length(bytes) {
            return Ok(Some(other));
        }
        let fresh = Region::with_image(self)?;
        // SAFETY: a region over an image shows at least its bytes, and lives until the end of the function.
        let image = unsafe { std::slice::from_raw_parts(fresh.base(), self.len) };
        let mut found = Difference::default();
        let pages = bytes.chunks(WASM_PAGE).zip(image.chunks(WASM_PAGE));
        for (page, (is, was)) in pages.enumerate() {
            found.compare(page * WASM_PAGE, is, was);
        }
        Ok(found.text("wasm pages"))
    }

    /// The same of a memory over this image, whose other pages than those that are `touched` show the image's own.
    pub(super) fn difference_in(&self, bytes: &[u8], touched: &[bool]) -> Option<String> {
        if let Some(other) = self.other_length(bytes) {
            return Some(other);
        }
        let size = os::page_size();
        let zeroes = vec![0; size];
        let mut found = Difference::default();
        for (page, is) in bytes.chunks(size).enumerate() {
            if touched.get(page).copied().unwrap_or(true) {
                let at = page * size;
                // The last page of what is stored may be shorter.
                let was = self.page(at).unwrap_or(&zeroes);
                let stored = was.len().min(is.len());
                found.compare(at, &is[..stored], &was[..stored]);
                found.compare(at + stored, &is[stored..], &zeroes[stored..is.len()]);
            }
        }
        found.text("pages")
    }

    fn other_length(&self, bytes: &[u8]) -> Option<String> {
        let (is, was) = (bytes.len(), self.len);
        (is != was).then(|| format!("{is} bytes of memory, were {was}"))
    }
}

/// Of a comparison, piece by piece: how many pieces differ, and the first byte that does, with what it is and was.
#[derive(Default)]
struct Difference {
    pieces: usize,
    first: Option<(usize, u8, u8)>,
}

impl Difference {
    fn compare(&mut self, at: usize, is: &[u8], was: &[u8]) {
        if is == was {
            return;
        }
        self.pieces += 1;
        let differs = || is.iter().zip(was).position(|(is, was)| is != was);
        if self.first.is_none() {
            self.first = differs().map(|within| (at + within, is[within], was[within]));
        }
    }

    fn text(&self, pieces: &str) -> Option<String> {
        let (at, is, was) = self.first?;
        let count = self.pieces;
        Some(format!(
            "{count} {pieces} differ, the first byte at {at:#x}: {is}, was {was}"
        ))
    }
}

fn refused(bytes: usize, source: std::io::Error) -> Error {
    Error {
        what: "a memory file for the image",
        bytes,
        source,
    }
}
