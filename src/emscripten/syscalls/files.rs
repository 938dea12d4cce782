//! Calls on open files, and `open` itself.

use super::arguments::{Fail, Outcome, Words};
use super::layout;
use crate::emscripten::Runtime;
use crate::emscripten::fs::{Errno, Seek, Stat, flags};
use crate::engine::Result;

pub const AT_FDCWD: i32 = -100;

impl Runtime {
    /// `calculateAt`: a path of an `...at` call. Empty ones only where the call allows it.
    pub(super) fn path_at(&self, dirfd: i32, path: u32, allow_empty: bool) -> Result<String, Fail> {
        let path = self.c_string(path)?;
        Ok(self.resolve_at(dirfd, path, allow_empty)?)
    }
    pub(super) fn resolve_at(
        &self,
        dirfd: i32,
        path: String,
        allow_empty: bool,
    ) -> Result<String, Errno> {
        if path.starts_with('/') {
            return Ok(path);
        }
        let dir = if dirfd == AT_FDCWD {
            self.fs.cwd()
        } else {
            self.fs.fd_path(dirfd)?
        };
        match (path.is_empty(), allow_empty) {
            (true, true) => Ok(dir.to_owned()),
            (true, false) => Err(Errno::ENOENT),
            _ => Ok(crate::emscripten::fs::join(dir, &path)),
        }
    }
    pub(super) fn write_stat(&mut self, addr: u32, stat: &Stat) -> Outcome {
        let (record, size) = layout::stat(stat, self.abi.stat);
        self.wasm
            .bytes_mut(addr, size)?
            .copy_from_slice(&record.0[..size as usize]);
        Ok(0)
    }
    fn iovec(&self, iov: u32, i: u32) -> Result<(u32, u32)> {
        let at = iov.wrapping_add(i.wrapping_mul(8));
        Ok((
            self.wasm.read_u32(at)?,
            self.wasm.read_u32(at.wrapping_add(4))?,
        ))
    }
    /// `readv`: stops at the first part that is not filled; an error after some bytes gives the bytes.
    pub(super) fn read_parts(
        &mut self,
        fd: i32,
        iov: u32,
        count: u32,
        at: Option<u64>,
    ) -> Result<u32, Fail> {
        self.each_part(iov, count, at, |rt, ptr, len, at| {
            Ok(rt.fs.read(fd, rt.wasm.bytes_mut(ptr, len)?, at))
        })
    }
    /// `writev`, in the same way.
    pub(super) fn write_parts(
        &mut self,
        fd: i32,
        iov: u32,
        count: u32,
        at: Option<u64>,
    ) -> Result<u32, Fail> {
        if count == 0 {
            self.fs.write(fd, &[], at)?;
        }
        self.each_part(iov, count, at, |rt, ptr, len, at| {
            Ok(rt.fs.write(fd, rt.wasm.bytes(ptr, len)?, at))
        })
    }
    fn each_part(
        &mut self,
        iov: u32,
        count: u32,
        mut at: Option<u64>,
        run: impl Fn(&mut Self, u32, u32, Option<u64>) -> Result<Result<usize, Errno>, Fail>,
    ) -> Result<u32, Fail> {
        let mut total = 0u32;
        for i in 0..count {
            let (ptr, len) = self.iovec(iov, i)?;
            let done = match run(self, ptr, len, at)? {
                Ok(done) => done as u32,
                Err(_) if total > 0 => break,
                Err(errno) => return Err(errno.into()),
            };
            total = total.saturating_add(done);
            at = at.map(|a| a + u64::from(done));
            if done < len {
                break;
            }
        }
        Ok(total)
    }
}

pub(super) fn whence(number: i32) -> Result<Seek, Errno> {
    Ok(match number {
        0 => Seek::Set,
        1 => Seek::Current,
        2 => Seek::End,
        _ => return Err(Errno::EINVAL),
    })
}

/// A file position that came as a signed number.
pub(super) fn position(offset: i64) -> Result<u64, Errno> {
    u64::try_from(offset).map_err(|_| Errno::EINVAL)
}

pub fn open(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let path = rt.c_string(w.u32())?;
    let flags = w.u32();
    let mode = w.optional(&rt.wasm)?;
    open_path(rt, &path, flags, mode)
}
pub fn openat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, flags) = (w.i32(), w.u32(), w.u32());
    let path = rt.path_at(dirfd, path, false)?;
    let mode = w.optional(&rt.wasm)?;
    open_path(rt, &path, flags, mode)
}
fn open_path(rt: &mut Runtime, path: &str, flags: u32, mode: i32) -> Outcome {
    let mode = mode as u32 & !rt.creation_mask();
    Ok(rt.fs.open(path, flags, mode)?)
}
pub fn close(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.close(w.i32())?;
    Ok(0)
}
pub fn read(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, ptr, len) = (w.i32(), w.u32(), w.u32());
    let buf = rt.wasm.bytes_mut(ptr, len)?;
    Ok(rt.fs.read(fd, buf, None)? as i32)
}
pub fn write(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, ptr, len) = (w.i32(), w.u32(), w.u32());
    let data = rt.wasm.bytes(ptr, len)?;
    Ok(rt.fs.write(fd, data, None)? as i32)
}
pub fn readv(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, iov, count) = (w.i32(), w.u32(), w.u32());
    Ok(rt.read_parts(fd, iov, count, None)? as i32)
}
pub fn writev(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, iov, count) = (w.i32(), w.u32(), w.u32());
    Ok(rt.write_parts(fd, iov, count, None)? as i32)
}
pub fn preadv(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, iov, count, at) = (w.i32(), w.u32(), w.u32(), w.i64());
    Ok(rt.read_parts(fd, iov, count, Some(position(at)?))? as i32)
}
pub fn pwritev(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, iov, count, at) = (w.i32(), w.u32(), w.u32(), w.i64());
    Ok(rt.write_parts(fd, iov, count, Some(position(at)?))? as i32)
}
pub fn pread64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, ptr, len, at) = (w.i32(), w.u32(), w.u32(), w.i64_aligned());
    let buf = rt.wasm.bytes_mut(ptr, len)?;
    Ok(rt.fs.read(fd, buf, Some(position(at)?))? as i32)
}
pub fn pwrite64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, ptr, len, at) = (w.i32(), w.u32(), w.u32(), w.i64_aligned());
    let data = rt.wasm.bytes(ptr, len)?;
    Ok(rt.fs.write(fd, data, Some(position(at)?))? as i32)
}
/// `_llseek(fd, high, low, result*, whence)`: the high half comes first.
pub fn llseek(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, high, low, result) = (w.i32(), w.i32(), w.u32(), w.u32());
    let offset = i64::from(high) << 32 | i64::from(low);
    let position = rt.fs.seek(fd, offset, whence(w.i32())?)?;
    rt.wasm.write_u64(result, position)?;
    if offset == 0 && position == 0 {
        rt.fs.rewind_dir(fd)?;
    }
    Ok(0)
}
pub fn dup(rt: &mut Runtime, w: &mut Words) -> Outcome {
    Ok(rt.fs.dup(w.i32(), 0)?)
}
pub fn dup2(rt: &mut Runtime, w: &mut Words) -> Outcome {
    Ok(rt.fs.dup2(w.i32(), w.i32())?)
}
pub fn dup3(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, to, extra) = (w.i32(), w.i32(), w.u32());
    if fd == to || extra & !flags::O_CLOEXEC != 0 {
        return Err(Errno::EINVAL.into());
    }
    Ok(rt.fs.dup2(fd, to)?)
}
pub fn pipe(rt: &mut Runtime, w: &mut Words) -> Outcome {
    make_pipe(rt, w.u32(), 0)
}
pub fn pipe2(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fds, extra) = (w.u32(), w.u32());
    if extra & !(flags::O_CLOEXEC | flags::O_NONBLOCK) != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    make_pipe(rt, fds, extra)
}
fn make_pipe(rt: &mut Runtime, fds: u32, extra: u32) -> Outcome {
    if fds == 0 {
        return Err(Errno::EFAULT.into());
    }
    rt.wasm.bytes(fds, 8)?;
    let (read, write) = rt.fs.pipe(extra)?;
    rt.wasm.write_i32(fds, read)?;
    rt.wasm.write_i32(fds + 4, write)?;
    Ok(0)
}
pub fn fsync(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.sync(w.i32())?;
    Ok(0)
}
pub fn fstat64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let stat = rt.fs.fstat(w.i32())?;
    rt.write_stat(w.u32(), &stat)
}
pub fn ftruncate64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, len) = (w.i32(), w.i64_aligned());
    rt.fs.ftruncate(fd, len)?;
    Ok(0)
}
pub fn fallocate(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, mode, offset, len) = (w.i32(), w.i32(), w.i64(), w.i64());
    if mode != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    rt.fs.allocate(fd, offset, len)?;
    Ok(0)
}
pub fn fadvise64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    if rt.abi.any_advice {
        return Ok(0);
    }
    match rt.fs.is_seekable(w.i32())? {
        true => Ok(0),
        false => Err(Errno::ESPIPE.into()),
    }
}
pub fn fchmod(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.fchmod(w.i32(), w.u32())?;
    Ok(0)
}
pub fn fchown(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.fchown(w.i32())?;
    Ok(0)
}
