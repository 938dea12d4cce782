//! The bytes of a linear memory right after start-up.

use super::os::{self, Backend, Sealed, Window};
use super::{Error, Region, WASM_PAGE};
use std::sync::Arc;

/// Sealed bytes that regions are restored to. Immutable; shared by every sandbox and thread of the process.
#[derive(Debug)]
pub struct Image {
    /// Always whole wasm pages.
    len: usize,
    /// Bytes up to the last page that is not zero; `<= len`.
    filled: usize,
    source: Source,
}

#[derive(Debug)]
pub(super) enum Source {
    Sealed(Sealed, Copies),
    /// Runs of non-zero pages: (offset, bytes), in order.
    Pages(Vec<(usize, Box<[u8]>)>),
}

/// What single pages of a sealed image are copied from.
#[derive(Debug)]
pub(super) struct Copies {
    /// The whole file; `None` when it is empty.
    window: Option<Window>,
    /// For each page of the file whether it is stored. The others are holes: reading one would make the system find a page
    /// for it.
    stored: Box<[bool]>,
}

impl Copies {
    fn new(sealed: &Sealed, filled: usize, runs: &[(usize, &[u8])]) -> std::io::Result<Self> {
        let page = os::page_size();
        let mut stored = vec![false; filled.div_ceil(page)].into_boxed_slice();
        for (at, run) in runs {
            stored[at / page..(at + run.len()).div_ceil(page)].fill(true);
        }
        let window = (filled > 0)
            .then(|| Window::over(sealed, filled))
            .transpose()?;
        Ok(Self { window, stored })
    }

    /// The bytes of the page at `at`, a multiple of the page size; `None` when they are zeroes.
    pub(super) fn page(&self, at: usize) -> Option<&[u8]> {
        let page = os::page_size();
        self.stored.get(at / page).filter(|stored| **stored)?;
        let bytes = self.window.as_ref()?.bytes();
        Some(&bytes[at..bytes.len().min(at + page)])
    }
}

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
        debug_assert_eq!(bytes.len() % WASM_PAGE, 0);
        let runs: Vec<_> = runs(bytes, touched).collect();
        let filled = runs.last().map_or(0, |(at, run)| at + run.len());
        let source = match backend {
            Backend::CopyOnWrite => {
                let refused = |source| Error {
                    what: "a memory file for the image",
                    bytes: filled,
                    source,
                };
                let sealed = os::seal(filled, &runs).map_err(refused)?;
                let copies = Copies::new(&sealed, filled, &runs).map_err(refused)?;
                Source::Sealed(sealed, copies)
            }
            Backend::Portable => {
                Source::Pages(runs.iter().map(|(at, run)| (*at, (*run).into())).collect())
            }
        };
        Ok(Self {
            len: bytes.len(),
            filled,
            source,
        })
    }

    /// Bytes of linear memory; what a recycle brings its length back to.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes up to the last page that is not zero; the rest, up to the length, is zeroes.
    pub(super) fn filled(&self) -> usize {
        self.filled
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

    pub(super) fn source(&self) -> &Source {
        &self.source
    }
}

/// Runs of neighbouring pages that are not all zero.
fn runs(bytes: &[u8], touched: impl Fn(usize) -> bool) -> impl Iterator<Item = (usize, &[u8])> {
    let page = os::page_size();
    let dirty = move |at: usize| {
        if !touched(at / page) {
            return false;
        }
        let page = &bytes[at..bytes.len().min(at + page)];
        // SAFETY: every bit pattern is a u128; only the aligned middle is read as such.
        let (head, middle, tail) = unsafe { page.align_to::<u128>() };
        head.iter().chain(tail).any(|b| *b != 0) || middle.iter().any(|w| *w != 0)
    };
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
}
