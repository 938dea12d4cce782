//! Images in files.

use super::take::{MOST_PARTS, groups, is_dirty};
use super::{Image, Part, refused};
use crate::memory::Error;
use crate::memory::os::{self, Backend};
use crate::memory::pages::{Bytes, Whole};
use std::sync::Arc;

impl Image {
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
}
