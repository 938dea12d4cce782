//! C structures as bytes.

use crate::emscripten::abi::StatLayout;
use crate::emscripten::fs::Stat;

/// A structure under construction.
pub struct Record<const N: usize>(pub [u8; N]);

impl<const N: usize> Record<N> {
    pub fn new() -> Self {
        Record([0; N])
    }
    pub fn u32(&mut self, at: usize, value: u32) -> &mut Self {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
        self
    }
    pub fn u64(&mut self, at: usize, value: u64) -> &mut Self {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
        self
    }
}

/// `struct stat`.
pub fn stat(stat: &Stat, layout: StatLayout) -> (Record<112>, u32) {
    let mut out = Record::new();
    // (mode, nlink, uid, gid, rdev, size, blksize, blocks, times, ino)
    let (at, size) = match layout {
        StatLayout::S88 => ([12, 16, 20, 24, 28, 40, 48, 52, 56, 80], 88),
        StatLayout::S112 => ([12, 16, 20, 24, 28, 40, 48, 52, 56, 104], 112),
        StatLayout::S96 => ([4, 8, 12, 16, 20, 24, 32, 36, 40, 88], 96),
    };
    out.u32(0, stat.dev)
        .u32(at[0], stat.mode)
        .u32(at[1], stat.nlink)
        .u32(at[2], stat.uid)
        .u32(at[3], stat.gid);
    out.u32(at[4], stat.rdev)
        .u64(at[5], stat.size)
        .u32(at[6], stat.blksize)
        .u32(at[7], stat.blocks as u32);
    if layout != StatLayout::S96 {
        out.u32(8, stat.ino as u32);
    }
    for (i, ms) in [stat.atime, stat.mtime, stat.ctime].into_iter().enumerate() {
        let (seconds, nanos) = (ms.div_euclid(1000), ms.rem_euclid(1000) as u32 * 1_000_000);
        if layout == StatLayout::S88 {
            out.u32(at[8] + 8 * i, seconds as u32)
                .u32(at[8] + 8 * i + 4, nanos);
        } else {
            out.u64(at[8] + 16 * i, seconds as u64)
                .u32(at[8] + 16 * i + 8, nanos);
        }
    }
    out.u64(at[9], stat.ino);
    (out, size)
}

pub const DIRENT: u32 = 280;

/// `struct dirent64`.
pub fn dirent(ino: u64, next: u64, kind: u8, name: &str) -> Record<280> {
    let mut out = Record::new();
    out.u64(0, ino).u64(8, next);
    out.0[16..18].copy_from_slice(&(DIRENT as u16).to_le_bytes());
    out.0[18] = kind;
    let mut end = name.len().min(255);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    out.0[19..19 + end].copy_from_slice(&name.as_bytes()[..end]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_in_three_generations() {
        let sample = Stat {
            dev: 1,
            ino: 77,
            mode: 0o100644,
            nlink: 1,
            size: 5_000_000_000,
            blksize: 4096,
            blocks: 9,
            mtime: 1_234_567,
            atime: -1,
            ..Stat::default()
        };
        let u32_at =
            |r: &Record<112>, at: usize| u32::from_le_bytes(r.0[at..at + 4].try_into().unwrap());
        let u64_at =
            |r: &Record<112>, at: usize| u64::from_le_bytes(r.0[at..at + 8].try_into().unwrap());
        let (old, size) = stat(&sample, StatLayout::S88);
        assert_eq!(
            (size, u32_at(&old, 8), u32_at(&old, 12), u64_at(&old, 40)),
            (88, 77, 0o100644, 5_000_000_000)
        );
        assert_eq!(
            (u32_at(&old, 64), u32_at(&old, 68), u64_at(&old, 80)),
            (1234, 567_000_000, 77)
        );
        assert_eq!(
            (u32_at(&old, 56) as i32, u32_at(&old, 60)),
            (-1, 999_000_000)
        );
        let (mid, size) = stat(&sample, StatLayout::S112);
        assert_eq!(
            (size, u64_at(&mid, 72), u32_at(&mid, 80), u64_at(&mid, 104)),
            (112, 1234, 567_000_000, 77)
        );
        let (new, size) = stat(&sample, StatLayout::S96);
        assert_eq!(
            (size, u32_at(&new, 4), u64_at(&new, 24), u32_at(&new, 36)),
            (96, 0o100644, 5_000_000_000, 9)
        );
        assert_eq!(
            (u64_at(&new, 56), u32_at(&new, 64), u64_at(&new, 88)),
            (1234, 567_000_000, 77)
        );
    }

    #[test]
    fn names_are_cut_between_characters() {
        let long = "\u{e9}".repeat(200);
        let record = dirent(1, 280, 8, &long);
        let end = record.0[19..].iter().position(|b| *b == 0).unwrap();
        assert_eq!(end, 254);
        assert!(std::str::from_utf8(&record.0[19..19 + end]).is_ok());
    }
}
