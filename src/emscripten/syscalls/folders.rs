//! Calls on names.

use super::arguments::{Fail, Outcome, Words};
use super::layout;
use crate::emscripten::Runtime;
use crate::emscripten::fs::{
    self, Errno, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, now_ms,
};

const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_REMOVEDIR: u32 = 0x200;
const AT_EMPTY_PATH: u32 = 0x1000;

macro_rules! on_path {
    ($($(#[$doc:meta])* $name:ident($rt:ident, $path:ident, $w:ident) $body:block)*) => {
        $($(#[$doc])*
        pub fn $name($rt: &mut Runtime, $w: &mut Words) -> Outcome {
            let $path = $rt.c_string($w.u32())?;
            $body
            #[allow(unreachable_code)]
            Ok(0)
        })*
    };
}

on_path! {
    unlink(rt, path, w) { rt.fs.unlink(&path)?; }
    rmdir(rt, path, w) { rt.fs.rmdir(&path)?; }
    chdir(rt, path, w) { rt.fs.chdir(&path)?; }
    chmod(rt, path, w) { rt.fs.chmod(&path, w.u32(), true)?; }
    chown(rt, path, w) { rt.fs.chown(&path, true)?; }
    lchown(rt, path, w) { rt.fs.chown(&path, false)?; }
    access(rt, path, w) { rt.fs.access(&path, w.u32())?; }
    mkdir(rt, path, w) { return make_dir(rt, path, w.u32()) }
    mknod(rt, path, w) { return make_node(rt, &path, w.u32(), w.u32()) }
    truncate64(rt, path, w) { rt.fs.truncate(&path, w.i64_aligned())?; }
    stat64(rt, path, w) {
        let stat = rt.fs.stat(&path)?;
        return rt.write_stat(w.u32(), &stat)
    }
    lstat64(rt, path, w) {
        let stat = rt.fs.lstat(&path)?;
        return rt.write_stat(w.u32(), &stat)
    }
    rename(rt, path, w) {
        let to = rt.c_string(w.u32())?;
        rt.fs.rename(&path, &to)?;
    }
    link(rt, path, w) {
        let to = rt.c_string(w.u32())?;
        rt.fs.link(&path, &to)?;
    }
    symlink(rt, path, w) {
        let at = rt.c_string(w.u32())?;
        rt.fs.symlink(&path, &at)?;
    }
    readlink(rt, path, w) { return read_link(rt, &path, w.u32(), w.i32()) }
    statfs64(rt, path, w) {
        return write_statfs(rt, &path, w.u32(), w.u32())
    }
}

fn make_dir(rt: &mut Runtime, path: String, mode: u32) -> Outcome {
    // `mkdir("/a/b/")` makes `/a/b`.
    let path = match path.trim_end_matches('/') {
        "" => path.as_str(),
        trimmed => trimmed,
    };
    rt.fs.make_dir(path, mode & !rt.creation_mask())?;
    Ok(0)
}
fn make_node(rt: &mut Runtime, path: &str, mode: u32, dev: u32) -> Outcome {
    match mode & S_IFMT {
        S_IFREG | S_IFCHR | S_IFIFO | 0o060000 | 0o140000 => {}
        _ => return Err(Errno::EINVAL.into()),
    }
    rt.fs.mknod(path, mode & !rt.creation_mask(), dev)?;
    Ok(0)
}
fn read_link(rt: &mut Runtime, path: &str, buf: u32, size: i32) -> Outcome {
    if size <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut target = rt.fs.readlink(path)?;
    if rt.abi.absolute_links {
        let link = rt.fs.real_path(path, false)?;
        target = fs::resolve(fs::dirname(&link), &target);
    }
    let len = target.len().min(size as usize);
    rt.wasm
        .bytes_mut(buf, len as u32)?
        .copy_from_slice(&target.as_bytes()[..len]);
    Ok(len as i32)
}
/// `size` tells the structure's generation: 88 bytes with 64-bit counts (from 4.0.x on), 64 bytes before.
fn write_statfs(rt: &mut Runtime, path: &str, size: u32, buf: u32) -> Outcome {
    let found = rt.fs.statfs(path);
    // The older generation does not look whether there is such a path.
    let f = if size < 88 {
        found.or_else(|_| rt.fs.statfs("/"))?
    } else {
        found?
    };
    let mut out = layout::Record::<88>::new();
    out.u32(4, f.bsize);
    if size >= 88 {
        out.u64(8, f.blocks)
            .u64(16, f.bfree)
            .u64(24, f.bfree)
            .u64(32, f.files)
            .u64(40, f.ffree);
        out.u32(48, f.fsid)
            .u32(56, f.namelen)
            .u32(60, f.bsize)
            .u32(64, f.flags);
    } else {
        out.u32(8, f.blocks as u32)
            .u32(12, f.bfree as u32)
            .u32(16, f.bfree as u32);
        out.u32(20, f.files as u32).u32(24, f.ffree as u32);
        out.u32(28, f.fsid)
            .u32(36, f.namelen)
            .u32(40, f.bsize)
            .u32(44, f.flags);
    }
    let size = size.min(88);
    rt.wasm
        .bytes_mut(buf, size)?
        .copy_from_slice(&out.0[..size as usize]);
    Ok(0)
}
pub fn fstatfs64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.fd_path(w.i32())?;
    write_statfs(rt, "/", w.u32(), w.u32())
}

pub fn fchdir(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.fchdir(w.i32())?;
    Ok(0)
}
/// Gives the length with the NUL; older libraries, to which the buffer was given, only ask whether it is negative.
pub fn getcwd(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (buf, size) = (w.u32(), w.u32());
    if size == 0 {
        return Err(Errno::EINVAL.into());
    }
    let cwd = rt.fs.cwd().to_owned();
    if (size as usize) < cwd.len() + 1 {
        return Err(Errno::ERANGE.into());
    }
    rt.write_c_string(buf, &cwd, size)?;
    Ok(cwd.len() as i32 + 1)
}

pub fn mkdirat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, mode) = (w.i32(), w.u32(), w.u32());
    let path = rt.path_at(dirfd, path, false)?;
    make_dir(rt, path, mode)
}
pub fn mknodat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path) = (w.i32(), w.u32());
    let path = rt.path_at(dirfd, path, false)?;
    make_node(rt, &path, w.u32(), w.u32())
}
pub fn fchownat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, _user, _group, flags) = (w.i32(), w.u32(), w.u32(), w.u32(), w.u32());
    let path = rt.path_at(dirfd, path, false)?;
    rt.fs.chown(&path, flags & AT_SYMLINK_NOFOLLOW == 0)?;
    Ok(0)
}
pub fn fchmodat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path) = (w.i32(), w.u32());
    let path = rt.path_at(dirfd, path, false)?;
    rt.fs.chmod(&path, w.u32(), true)?;
    Ok(0)
}
pub fn fchmodat2(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, mode, flags) = (w.i32(), w.u32(), w.u32(), w.u32());
    let path = rt.path_at(dirfd, path, false)?;
    rt.fs.chmod(&path, mode, flags & AT_SYMLINK_NOFOLLOW == 0)?;
    Ok(0)
}
pub fn newfstatat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, buf, flags) = (w.i32(), w.u32(), w.u32(), w.u32());
    let path = rt.path_at(dirfd, path, flags & AT_EMPTY_PATH != 0)?;
    let stat = match flags & AT_SYMLINK_NOFOLLOW {
        0 => rt.fs.stat(&path)?,
        _ => rt.fs.lstat(&path)?,
    };
    rt.write_stat(buf, &stat)
}
pub fn unlinkat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, flags) = (w.i32(), w.u32(), w.u32());
    let path = rt.path_at(dirfd, path, false)?;
    match flags {
        0 => rt.fs.unlink(&path)?,
        AT_REMOVEDIR => rt.fs.rmdir(&path)?,
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(0)
}
pub fn renameat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (from_fd, from, to_fd, to) = (w.i32(), w.u32(), w.i32(), w.u32());
    let (from, to) = (
        rt.path_at(from_fd, from, false)?,
        rt.path_at(to_fd, to, false)?,
    );
    rt.fs.rename(&from, &to)?;
    Ok(0)
}
pub fn linkat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (from_fd, from, to_fd, to) = (w.i32(), w.u32(), w.i32(), w.u32());
    let (from, to) = (
        rt.path_at(from_fd, from, false)?,
        rt.path_at(to_fd, to, false)?,
    );
    rt.fs.link(&from, &to)?;
    Ok(0)
}
pub fn symlinkat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (target, dirfd, path) = (w.u32(), w.i32(), w.u32());
    let (target, path) = (rt.c_string(target)?, rt.path_at(dirfd, path, false)?);
    rt.fs.symlink(&target, &path)?;
    Ok(0)
}
pub fn readlinkat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, buf, size) = (w.i32(), w.u32(), w.u32(), w.i32());
    let path = rt.path_at(dirfd, path, false)?;
    read_link(rt, &path, buf, size)
}
pub fn faccessat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, amode) = (w.i32(), w.u32(), w.u32());
    let path = rt.path_at(dirfd, path, false)?;
    rt.fs.access(&path, amode)?;
    Ok(0)
}

const UTIME_NOW: u32 = 0x3fff_ffff;
const UTIME_OMIT: u32 = 0x3fff_fffe;

pub fn utimensat(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (dirfd, path, times, flags) = (w.i32(), w.u32(), w.u32(), w.u32());
    let path = rt.path_at(dirfd, path, true)?;
    let (atime, mtime) = match times {
        0 => (Some(now_ms()), Some(now_ms())),
        times => {
            let size = if rt.abi.time64 { 16 } else { 8 };
            (
                read_time(rt, times)?,
                read_time(rt, times.wrapping_add(size))?,
            )
        }
    };
    if atime.is_some() || mtime.is_some() {
        rt.fs
            .utime(&path, atime, mtime, flags & AT_SYMLINK_NOFOLLOW == 0)?;
    }
    Ok(0)
}
/// A `timespec` in milliseconds; `None` when the time is to stay.
fn read_time(rt: &Runtime, at: u32) -> Result<Option<i64>, Fail> {
    let (seconds, nanos) = match rt.abi.time64 {
        true => (rt.wasm.read_i64(at)?, rt.wasm.read_u32(at.wrapping_add(8))?),
        false => (
            i64::from(rt.wasm.read_i32(at)?),
            rt.wasm.read_u32(at.wrapping_add(4))?,
        ),
    };
    Ok(match nanos {
        UTIME_NOW => Some(now_ms()),
        UTIME_OMIT => None,
        nanos if nanos < 1_000_000_000 => {
            let ms = seconds
                .checked_mul(1000)
                .and_then(|ms| ms.checked_add(i64::from(nanos / 1_000_000)));
            Some(ms.ok_or(Errno::EINVAL)?)
        }
        _ => return Err(Errno::EINVAL.into()),
    })
}

pub fn getdents64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, buf, size) = (w.i32(), w.u32(), w.u32());
    let start = rt.fs.position(fd)? / u64::from(layout::DIRENT);
    let room = (size / layout::DIRENT) as usize;
    let entries = rt.fs.dir_entries(fd, start as usize, room)?;
    let mut at = buf;
    let mut next = start;
    for entry in &entries {
        next += 1;
        let kind = match entry.kind {
            S_IFIFO => 1,
            S_IFCHR => 2,
            S_IFDIR => 4,
            S_IFLNK => 10,
            _ => 8,
        };
        let record = layout::dirent(
            entry.ino,
            next * u64::from(layout::DIRENT),
            kind,
            &entry.name,
        );
        rt.wasm
            .bytes_mut(at, layout::DIRENT)?
            .copy_from_slice(&record.0);
        at += layout::DIRENT;
    }
    rt.fs.seek(
        fd,
        (next * u64::from(layout::DIRENT)) as i64,
        crate::emscripten::fs::Seek::Set,
    )?;
    Ok((at - buf) as i32)
}
