//! WASI calls on names: the root of the file system is the one folder that is open beforehand, as descriptor 3.

use super::arguments::{Fail, Outcome, Words};
use super::wasi::{file_type, write_filestat};
use crate::emscripten::Runtime;
use crate::emscripten::fs::{Errno, Stat, flags, now_ms};
use crate::emscripten::time;

/// Emscripten gives the whole file system under this descriptor. A file that is opened as 3 takes it over.
const PREOPEN: i32 = 3;

pub fn is_preopen(fd: i32) -> bool {
    fd == PREOPEN
}

impl Runtime {
    fn bytes_string(&self, ptr: u32, len: u32) -> Result<String, Fail> {
        let bytes = self.wasm.bytes(ptr, len)?;
        Ok(crate::emscripten::text::utf8(self.wasm.pace(), bytes)?)
    }
    /// A path relative to an open folder, or to the root.
    fn wasi_path(&self, fd: i32, ptr: u32, len: u32) -> Result<String, Fail> {
        let path = self.bytes_string(ptr, len)?;
        if is_preopen(fd) && !self.fs.is_open(fd) {
            return Ok(crate::emscripten::fs::join("/", &path));
        }
        Ok(self.resolve_at(fd, path, false)?)
    }
}

pub fn fd_prestat_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, to) = (w.i32(), w.u32());
    if !is_preopen(fd) || rt.fs.is_open(fd) {
        return Err(Errno::EBADF.into());
    }
    rt.wasm.write_u32(to, 0)?;
    rt.wasm.write_u32(to.wrapping_add(4), 1)?;
    Ok(0)
}
pub fn fd_prestat_dir_name(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, to, len) = (w.i32(), w.u32(), w.u32());
    if !is_preopen(fd) || rt.fs.is_open(fd) {
        return Err(Errno::EBADF.into());
    }
    if len == 0 {
        return Err(Errno::ENAMETOOLONG.into());
    }
    rt.wasm.write_u8(to, b'/')?;
    Ok(0)
}
pub fn path_open(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, look, path, len, how) = (w.i32(), w.u32(), w.u32(), w.u32(), w.u32());
    let (rights, _inherited, fd_flags, to) = (w.i64() as u64, w.i64(), w.u32(), w.u32());
    let path = rt.wasi_path(fd, path, len)?;
    let (reads, writes) = (
        rights & (1 << 1 | 1 << 14) != 0,
        rights & (1 << 6 | 1 << 22) != 0,
    );
    let mut open = match (reads, writes) {
        (true, true) => flags::O_RDWR,
        (false, true) => flags::O_WRONLY,
        _ => flags::O_RDONLY,
    };
    for (bit, flag) in [
        (1, flags::O_CREAT),
        (2, flags::O_DIRECTORY),
        (4, flags::O_EXCL),
        (8, flags::O_TRUNC),
    ] {
        open |= if how & bit != 0 { flag } else { 0 };
    }
    for (bit, flag) in [(1, flags::O_APPEND), (4, flags::O_NONBLOCK)] {
        open |= if fd_flags & bit != 0 { flag } else { 0 };
    }
    if look & 1 == 0 {
        open |= flags::O_NOFOLLOW;
    }
    let opened = match rt.fs.open(&path, open, 0o666) {
        // Rights are asked for in bulk: a folder opened with those to write is still only read.
        Err(Errno::EISDIR) if how & 9 == 0 => {
            rt.fs
                .open(&path, (open & !flags::O_ACCMODE) | flags::O_RDONLY, 0)?
        }
        other => other?,
    };
    // Descriptor 3 stays the root's.
    let opened = if is_preopen(opened) {
        let moved = rt.fs.dup(opened, PREOPEN + 1)?;
        rt.fs.close(opened)?;
        moved
    } else {
        opened
    };
    rt.wasm.write_i32(to, opened)?;
    Ok(0)
}
pub fn path_create_directory(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let path = rt.wasi_path(w.i32(), w.u32(), w.u32())?;
    rt.fs.make_dir(path.trim_end_matches('/'), 0o777)?;
    Ok(0)
}
pub fn path_remove_directory(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let path = rt.wasi_path(w.i32(), w.u32(), w.u32())?;
    rt.fs.rmdir(&path)?;
    Ok(0)
}
pub fn path_unlink_file(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let path = rt.wasi_path(w.i32(), w.u32(), w.u32())?;
    rt.fs.unlink(&path)?;
    Ok(0)
}
pub fn path_rename(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let from = rt.wasi_path(w.i32(), w.u32(), w.u32())?;
    let to = rt.wasi_path(w.i32(), w.u32(), w.u32())?;
    rt.fs.rename(&from, &to)?;
    Ok(0)
}
pub fn path_link(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, _flags) = (w.i32(), w.u32());
    let from = rt.wasi_path(fd, w.u32(), w.u32())?;
    let to = rt.wasi_path(w.i32(), w.u32(), w.u32())?;
    rt.fs.link(&from, &to)?;
    Ok(0)
}
pub fn path_symlink(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let target = rt.bytes_string(w.u32(), w.u32())?;
    let path = rt.wasi_path(w.i32(), w.u32(), w.u32())?;
    rt.fs.symlink(&target, &path)?;
    Ok(0)
}
pub fn path_readlink(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let path = rt.wasi_path(w.i32(), w.u32(), w.u32())?;
    let (buf, size, used) = (w.u32(), w.u32(), w.u32());
    let target = rt.fs.readlink(&path)?;
    let len = target.len().min(size as usize) as u32;
    rt.wasm
        .bytes_mut(buf, len)?
        .copy_from_slice(&target.as_bytes()[..len as usize]);
    rt.wasm.write_u32(used, len)?;
    Ok(0)
}
pub fn path_filestat_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, look) = (w.i32(), w.u32());
    let path = rt.wasi_path(fd, w.u32(), w.u32())?;
    let stat = if look & 1 != 0 {
        rt.fs.stat(&path)?
    } else {
        rt.fs.lstat(&path)?
    };
    write_filestat(rt, w.u32(), &stat)
}
pub fn path_filestat_set_times(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, look) = (w.i32(), w.u32());
    let path = rt.wasi_path(fd, w.u32(), w.u32())?;
    set_times(rt, &path, w, look & 1 != 0)
}
pub fn fd_filestat_set_times(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let path = rt.fs.fd_path(w.i32())?.to_owned();
    set_times(rt, &path, w, true)
}
fn set_times(rt: &mut Runtime, path: &str, w: &mut Words, follow: bool) -> Outcome {
    let (atime, mtime, which) = (w.i64() / 1_000_000, w.i64() / 1_000_000, w.u32());
    let pick = |set: u32, now: u32, given: i64| match (which & set != 0, which & now != 0) {
        (true, true) => Err(Errno::EINVAL),
        (true, false) => Ok(Some(given)),
        (false, true) => Ok(Some(now_ms())),
        (false, false) => Ok(None),
    };
    rt.fs
        .utime(path, pick(1, 2, atime)?, pick(4, 8, mtime)?, follow)?;
    Ok(0)
}
/// Entries as `{ next: u64, ino: u64, name length: u32, type: u8 }` and the name; the last one may be cut.
pub fn fd_readdir(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, buf, size, cookie, used) = (w.i32(), w.u32(), w.u32(), w.i64(), w.u32());
    let cookie = usize::try_from(cookie).map_err(|_| Errno::EINVAL)?;
    let root = is_preopen(fd) && !rt.fs.is_open(fd);
    let dir = if root {
        rt.fs.open("/", flags::O_RDONLY, 0)?
    } else {
        fd
    };
    let entries = rt.fs.dir_entries(dir, cookie, size as usize / 24 + 1);
    if root {
        rt.fs.close(dir)?;
    }
    let mut out = Vec::new();
    for (i, entry) in entries?.iter().enumerate() {
        let stat = Stat {
            mode: entry.kind,
            ..Default::default()
        };
        out.extend_from_slice(&((cookie + i + 1) as u64).to_le_bytes());
        out.extend_from_slice(&entry.ino.to_le_bytes());
        out.extend_from_slice(&(entry.name.len() as u32).to_le_bytes());
        out.extend_from_slice(&u32::from(file_type(&stat)).to_le_bytes());
        out.extend_from_slice(entry.name.as_bytes());
        if out.len() >= size as usize {
            break;
        }
    }
    out.truncate(size as usize);
    rt.wasm
        .bytes_mut(buf, out.len() as u32)?
        .copy_from_slice(&out);
    rt.wasm.write_u32(used, out.len() as u32)?;
    Ok(0)
}

/// There are no more descriptors, and as many clocks again will do.
const MOST_SUBSCRIPTIONS: u32 = 8192;

/// `poll_oneoff`: clocks by sleeping, descriptors at once.
pub fn poll_oneoff(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (subscriptions, events, count, ready) = (w.u32(), w.u32(), w.u32(), w.u32());
    if count == 0 || count > MOST_SUBSCRIPTIONS {
        return Err(Errno::EINVAL.into());
    }
    let mut out: Vec<[u8; 32]> = Vec::new();
    let mut timer: Option<(u64, u64)> = None;
    for i in 0..count {
        let at = subscriptions.wrapping_add(i.wrapping_mul(48));
        let user = rt.wasm.read_u64(at)?;
        let kind = rt.wasm.read_u8(at.wrapping_add(8))?;
        match kind {
            0 => {
                let clock = rt.wasm.read_u32(at.wrapping_add(16))?;
                let mut nanos = rt.wasm.read_u64(at.wrapping_add(24))?;
                if rt.wasm.read_u16(at.wrapping_add(40))? & 1 != 0 {
                    let now = match clock {
                        0 => (time::date_now() * 1e6) as u64,
                        _ => time::monotonic_nanos(),
                    };
                    nanos = nanos.saturating_sub(now);
                }
                timer = timer.filter(|t| t.1 <= nanos).or(Some((user, nanos)));
            }
            1 | 2 => {
                let fd = rt.wasm.read_i32(at.wrapping_add(16))?;
                let error = match rt.fs.poll(fd) {
                    Ok(_) => 0,
                    Err(errno) => rt.errno(errno),
                };
                out.push(event(user, error, kind));
            }
            _ => return Err(Errno::EINVAL.into()),
        }
    }
    if out.is_empty()
        && let Some((user, nanos)) = timer
    {
        rt.sleep(std::time::Duration::from_nanos(nanos))?;
        out.push(event(user, 0, 0));
    }
    for (i, event) in out.iter().enumerate() {
        rt.wasm
            .bytes_mut(events.wrapping_add(32 * i as u32), 32)?
            .copy_from_slice(event);
    }
    rt.wasm.write_u32(ready, out.len() as u32)?;
    Ok(0)
}
fn event(user: u64, error: i32, kind: u8) -> [u8; 32] {
    let mut out = [0; 32];
    out[..8].copy_from_slice(&user.to_le_bytes());
    out[8..10].copy_from_slice(&(error as u16).to_le_bytes());
    out[10] = kind;
    out
}
