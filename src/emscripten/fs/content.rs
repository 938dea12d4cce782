//! The bytes of a file: copy-on-write chunks, with holes.

use super::errno::{Errno, Result};
use crate::engine::Pace;
use crate::memory::zeroed;
use crate::saved::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

const CHUNK: u64 = 64 * 1024;

/// Larger offsets are refused (EFBIG): no 32-bit module can fill such a file, but its sparse bookkeeping would cost us.
pub const MAX_FILE: u64 = 1 << 40;

/// The most that is handed out in one piece: a sparse file may claim far more than the machine has.
const MAX_VIEW: usize = 1 << 31;

/// The bytes of a file. Cloning shares the chunks; writing copies the chunk that is written.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Absent chunks, and what a chunk lacks at its end, read as zeros. No chunk holds bytes past `len`.
    chunks: BTreeMap<u64, Arc<Vec<u8>>>,
    len: u64,
    /// The sum of the chunks' lengths: what the file costs.
    stored: u64,
}

impl Content {
    pub fn from_bytes(bytes: &[u8], pace: &Pace) -> Result<Self> {
        let mut content = Content::default();
        for (i, part) in bytes.chunks(CHUNK as usize).enumerate() {
            pace.go_on()?;
            content.chunks.insert(i as u64, Arc::new(part.to_vec()));
        }
        content.len = bytes.len() as u64;
        content.stored = content.len;
        Ok(content)
    }
    pub fn len(&self) -> u64 {
        self.len
    }
    /// Bytes of memory that the contents take (holes take none).
    pub fn stored(&self) -> u64 {
        self.stored
    }
    #[cfg(any(test, fuzzing))]
    pub fn check(&self) -> std::result::Result<(), String> {
        let held: u64 = self.chunks.values().map(|c| c.len() as u64).sum();
        if held != self.stored {
            return Err(format!(
                "a file holds {held} bytes and notes {}",
                self.stored
            ));
        }
        let mut ends = self
            .chunks
            .iter()
            .map(|(at, c)| (at * CHUNK, c.len() as u64));
        if ends.any(|(start, len)| len > CHUNK || start + len > self.len) {
            return Err("a file holds bytes past its end".into());
        }
        Ok(())
    }
    /// Copies from `pos`; gives how many bytes there were.
    pub fn read(&self, pos: u64, buf: &mut [u8], pace: &Pace) -> Result<usize> {
        if pos >= self.len {
            return Ok(0);
        }
        let total = (buf.len() as u64).min(self.len - pos) as usize;
        let mut done = 0;
        while done < total {
            pace.go_on()?;
            let at = pos + done as u64;
            let offset = (at % CHUNK) as usize;
            let count = (CHUNK as usize - offset).min(total - done);
            let out = &mut buf[done..done + count];
            let have = self
                .chunks
                .get(&(at / CHUNK))
                .and_then(|c| c.get(offset..))
                .unwrap_or_default();
            let copied = have.len().min(count);
            out[..copied].copy_from_slice(&have[..copied]);
            out[copied..].fill(0);
            done += count;
        }
        Ok(total)
    }
    /// All bytes, or ENOMEM when they do not fit (a sparse file may claim far more than it holds).
    pub fn to_vec(&self, pace: &Pace) -> Result<Vec<u8>> {
        let len = usize::try_from(self.len)
            .ok()
            .filter(|n| *n <= MAX_VIEW)
            .ok_or(Errno::ENOMEM)?;
        let mut out = zeroed(len).ok_or(Errno::ENOMEM)?;
        for (index, chunk) in &self.chunks {
            pace.go_on()?;
            let start = (index * CHUNK) as usize;
            out[start..start + chunk.len()].copy_from_slice(chunk);
        }
        Ok(out)
    }
    /// How many bytes more are stored after a write: what it adds, and what fills the gap before it in its chunk.
    pub fn growth(&self, pos: u64, len: usize) -> u64 {
        let Some(end) = pos.checked_add(len as u64).filter(|end| *end <= MAX_FILE) else {
            return 0;
        };
        (pos / CHUNK..end.div_ceil(CHUNK))
            .map(|index| {
                let held = self
                    .chunks
                    .get(&index)
                    .map_or(0, |chunk| chunk.len() as u64);
                (end - index * CHUNK).min(CHUNK).saturating_sub(held)
            })
            .sum()
    }
    /// One that is stopped has written a part.
    pub fn write(&mut self, pos: u64, data: &[u8], pace: &Pace) -> Result<()> {
        let end = pos
            .checked_add(data.len() as u64)
            .filter(|e| *e <= MAX_FILE)
            .ok_or(Errno::EFBIG)?;
        let mut done = 0;
        while done < data.len() {
            if let Err(stopped) = pace.go_on() {
                self.len = self.len.max(pos + done as u64);
                return Err(stopped.into());
            }
            let at = pos + done as u64;
            let offset = (at % CHUNK) as usize;
            let count = (CHUNK as usize - offset).min(data.len() - done);
            let chunk = Arc::make_mut(self.chunks.entry(at / CHUNK).or_default());
            if chunk.len() < offset + count {
                self.stored += (offset + count - chunk.len()) as u64;
                chunk.resize(offset + count, 0);
            }
            chunk[offset..offset + count].copy_from_slice(&data[done..done + count]);
            done += count;
        }
        self.len = self.len.max(end);
        Ok(())
    }
    pub fn resize(&mut self, len: u64) -> Result<()> {
        if len > MAX_FILE {
            return Err(Errno::EFBIG);
        }
        if len < self.len {
            let (last, keep) = (len / CHUNK, (len % CHUNK) as usize);
            let dropped = self.chunks.split_off(&(last + u64::from(keep > 0)));
            self.stored -= dropped.values().map(|c| c.len() as u64).sum::<u64>();
            if let Some(chunk) = self.chunks.get_mut(&last).filter(|c| c.len() > keep) {
                self.stored -= (chunk.len() - keep) as u64;
                Arc::make_mut(chunk).truncate(keep);
            }
        }
        self.len = len;
        Ok(())
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let chunks = self.chunks.iter();
        let chunks: BTreeMap<_, _> = chunks.map(|(at, chunk)| (at, Bytes(chunk))).collect();
        (self.len, chunks).serialize(to)
    }
}

impl<'a> Deserialize<'a> for Content {
    fn deserialize<D: Deserializer<'a>>(from: D) -> std::result::Result<Self, D::Error> {
        let (len, chunks) = <(u64, BTreeMap<u64, Bytes>)>::deserialize(from)?;
        Ok(Self {
            len,
            stored: chunks.values().map(|chunk| chunk.0.len() as u64).sum(),
            chunks: chunks
                .into_iter()
                .map(|(at, chunk)| (at, Arc::new(chunk.0.to_vec())))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_what_a_write_adds() {
        let mut content = Content::default();
        for (pos, len) in [
            (40_000, 3),
            (10, 5),
            (40_001, 9),
            (65_530, 200_000),
            (0, 70_000),
            (500_000, 1),
        ] {
            let (before, growth) = (content.stored(), content.growth(pos, len));
            content.write(pos, &vec![1; len], &Pace::default()).unwrap();
            assert_eq!(content.stored() - before, growth, "{len} bytes at {pos}");
        }
        assert_eq!(content.growth(u64::MAX, 2), 0);
    }

    #[test]
    fn sparse_and_across_chunks() {
        let mut c = Content::default();
        c.write(CHUNK - 2, b"abcd", &Pace::default()).unwrap();
        assert_eq!(c.len(), CHUNK + 2);
        let mut buf = [9u8; 6];
        assert_eq!(c.read(CHUNK - 4, &mut buf, &Pace::default()).unwrap(), 6);
        assert_eq!(&buf, b"\0\0abcd");
        c.write(10 * CHUNK, b"z", &Pace::default()).unwrap();
        assert!(c.stored() < 2 * CHUNK + 8, "holes cost nothing");
        assert_eq!(c.read(5 * CHUNK, &mut buf, &Pace::default()).unwrap(), 6);
        assert_eq!(buf, [0; 6]);
    }

    #[test]
    fn shrink_then_grow_reads_zeros() {
        let mut c = Content::from_bytes(b"hello world", &Pace::default()).unwrap();
        c.resize(5).unwrap();
        c.resize(8).unwrap();
        assert_eq!(c.to_vec(&Pace::default()).unwrap(), b"hello\0\0\0");
        c.resize(0).unwrap();
        assert_eq!((c.len(), c.stored()), (0, 0));
    }

    #[test]
    fn clones_do_not_see_later_writes() {
        let a = Content::from_bytes(b"one", &Pace::default()).unwrap();
        let mut b = a.clone();
        b.write(0, b"two", &Pace::default()).unwrap();
        assert_eq!(a.to_vec(&Pace::default()).unwrap(), b"one");
        assert_eq!(b.to_vec(&Pace::default()).unwrap(), b"two");
    }

    #[test]
    fn absurd_sizes_are_errors() {
        let mut c = Content::default();
        assert_eq!(c.resize(MAX_FILE + 1), Err(Errno::EFBIG));
        assert_eq!(
            c.write(u64::MAX - 1, b"xyz", &Pace::default()),
            Err(Errno::EFBIG)
        );
        c.resize(MAX_FILE).unwrap();
        assert_eq!(c.stored(), 0);
    }
}
