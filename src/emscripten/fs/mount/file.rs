//! Open files of the real disk, and how they are read and written on each system.

use super::super::errno::{Errno, Result};
use super::super::node::Stat;
use super::{Mount, os, stat_of};
use crate::engine::{PIECE, Pace};
use crate::memory::descriptor_limit;
use cap_std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An open file or folder of the real disk.
pub struct RealFile {
    pub mount: usize,
    pub inside: String,
    /// None for a folder.
    pub(super) file: Option<(File, Slot)>,
}

impl RealFile {
    pub(super) fn file(&self) -> Result<&File> {
        let open = self.file.as_ref().map(|(file, _)| file);
        open.ok_or(Errno::EISDIR)
    }
    pub fn read_at(&self, buf: &mut [u8], at: u64, pace: &Pace) -> Result<usize> {
        let file = self.file()?;
        in_pieces(buf.chunks_mut(PIECE), at, pace, |piece, at| {
            os::read_at(file, piece, at)
        })
    }
    pub fn write_at(&self, data: &[u8], at: u64, pace: &Pace) -> Result<usize> {
        let file = self.file()?;
        in_pieces(data.chunks(PIECE), at, pace, |piece, at| {
            os::write_at(file, piece, at)
        })
    }
    pub fn stat(&self, mounts: &[Mount]) -> Result<Stat> {
        match &self.file {
            Some((file, _)) => Ok(stat_of(&file.metadata()?)),
            None => mounts
                .get(self.mount)
                .ok_or(Errno::ENODEV)?
                .stat(&self.inside),
        }
    }
    pub fn size(&self, mounts: &[Mount]) -> Result<u64> {
        Ok(match &self.file {
            Some(_) => self.stat(mounts)?.size,
            None => 0,
        })
    }
    pub fn set_len(&self, len: u64) -> Result<()> {
        Ok(self.file()?.set_len(len)?)
    }
    pub fn sync(&self) -> Result<()> {
        match &self.file {
            Some((file, _)) => Ok(file.sync_all()?),
            None => Ok(()),
        }
    }
}

/// Moves one piece after the other, from `at` in the file on; gives how many bytes. A failure after the first piece ends it, as a
/// short piece does.
fn in_pieces<P: Deref<Target = [u8]>>(
    pieces: impl Iterator<Item = P>,
    at: u64,
    pace: &Pace,
    mut step: impl FnMut(P, u64) -> io::Result<usize>,
) -> Result<usize> {
    let mut done = 0;
    for piece in pieces {
        pace.go_on()?;
        let whole = piece.len();
        let count = match step(piece, at.saturating_add(done as u64)) {
            Ok(count) => count,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error.into()),
        };
        done += count;
        if count < whole {
            break;
        }
    }
    Ok(done)
}

/// A place among the descriptors that modules may have of the process, which needs some itself.
pub(super) struct Slot;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

impl Slot {
    pub(super) fn take() -> Result<Self> {
        let slot = Slot;
        if TAKEN.fetch_add(1, Ordering::Relaxed) >= descriptor_limit() / 2 {
            return Err(Errno::EMFILE);
        }
        Ok(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
    }
}
