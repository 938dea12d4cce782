//! What each system does in its own way with files of the real disk.

pub use system::*;

#[cfg(unix)]
mod system {
    use cap_std::fs::{File, FileExt, Metadata, MetadataExt};
    use std::io;

    pub fn read_at(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(file, buf, at)
    }
    pub fn write_at(file: &File, data: &[u8], at: u64) -> io::Result<usize> {
        FileExt::write_at(file, data, at)
    }
    /// Permission bits, inode, number of names.
    pub fn details(meta: &Metadata) -> (u32, u64, u32) {
        (meta.mode() & 0o777, meta.ino(), meta.nlink() as u32)
    }
}

#[cfg(windows)]
mod system {
    use cap_std::fs::{File, FileExt, Metadata};
    use std::io;

    pub fn read_at(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::seek_read(file, buf, at)
    }
    pub fn write_at(file: &File, data: &[u8], at: u64) -> io::Result<usize> {
        FileExt::seek_write(file, data, at)
    }
    pub fn details(meta: &Metadata) -> (u32, u64, u32) {
        let write = if meta.permissions().readonly() {
            0
        } else {
            0o222
        };
        (0o555 | write, 0, 1)
    }
}
