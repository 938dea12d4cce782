//! WASI preview 1, as Emscripten's modules use it, and the rest of it for standalone ones.
//!
//! Error numbers are positive. `wasi_unstable` has another order of `whence`, which Emscripten never followed: its modules
//! pass C's numbers in both.

use super::arguments::{Fail, Handler, Outcome, Words, wasi_call};
use super::files::{position, whence};
use super::layout::Record;
use super::wasi_paths as paths;
use crate::emscripten::fs::{Errno, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG, Seek, Stat, flags};
use crate::emscripten::{ImportFn, Runtime, time};
use crate::engine::{Args, Result, Unwind};

macro_rules! wasi {
    ($($name:literal => $handler:path;)*) => {
        pub const IMPORTS: &[(&str, ImportFn)] = &[$(
            ($name, wasi!(@import $handler)),
            (concat!("__wasi_", $name), wasi!(@import $handler)),
        )*];
    };
    (@import $handler:path) => {{
        fn import(rt: &mut Runtime, args: &mut Args) -> Result {
            const HANDLER: Handler = $handler;
            wasi_call(rt, args, HANDLER)
        }
        import as ImportFn
    }};
}

wasi! {
    "args_get" => args_get;
    "args_sizes_get" => args_sizes_get;
    "environ_get" => environ_get;
    "environ_sizes_get" => environ_sizes_get;
    "clock_res_get" => clock_res_get;
    "clock_time_get" => clock_time_get;
    "random_get" => random_get;
    "proc_exit" => proc_exit;
    "proc_raise" => not_implemented;
    "sched_yield" => success;
    "fd_advise" => fd_advise;
    "fd_allocate" => fd_allocate;
    "fd_close" => fd_close;
    "fd_datasync" => fd_sync;
    "fd_fdstat_get" => fd_fdstat_get;
    "fd_fdstat_set_flags" => fd_fdstat_set_flags;
    "fd_fdstat_set_rights" => fd_exists;
    "fd_filestat_get" => fd_filestat_get;
    "fd_filestat_set_size" => fd_filestat_set_size;
    "fd_filestat_set_times" => paths::fd_filestat_set_times;
    "fd_pread" => fd_pread;
    "fd_prestat_get" => paths::fd_prestat_get;
    "fd_prestat_dir_name" => paths::fd_prestat_dir_name;
    "fd_pwrite" => fd_pwrite;
    "fd_read" => fd_read;
    "fd_readdir" => paths::fd_readdir;
    "fd_renumber" => fd_renumber;
    "fd_seek" => fd_seek;
    "fd_sync" => fd_sync;
    "fd_tell" => fd_tell;
    "fd_write" => fd_write;
    "path_create_directory" => paths::path_create_directory;
    "path_filestat_get" => paths::path_filestat_get;
    "path_filestat_set_times" => paths::path_filestat_set_times;
    "path_link" => paths::path_link;
    "path_open" => paths::path_open;
    "path_readlink" => paths::path_readlink;
    "path_remove_directory" => paths::path_remove_directory;
    "path_rename" => paths::path_rename;
    "path_symlink" => paths::path_symlink;
    "path_unlink_file" => paths::path_unlink_file;
    "poll_oneoff" => paths::poll_oneoff;
    "sock_accept" => not_a_socket;
    "sock_recv" => not_a_socket;
    "sock_send" => not_a_socket;
    "sock_shutdown" => not_a_socket;
}

fn success(_: &mut Runtime, _: &mut Words) -> Outcome {
    Ok(0)
}
fn not_implemented(_: &mut Runtime, _: &mut Words) -> Outcome {
    Err(Errno::ENOSYS.into())
}
fn not_a_socket(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.fd_path(w.i32())?;
    Err(Errno::ENOTSOCK.into())
}
fn fd_exists(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.fd_path(w.i32())?;
    Ok(0)
}

/// Writes a list of strings as `args_get` and `environ_get` do: pointers at `list`, text at `text`.
fn strings_get(rt: &mut Runtime, strings: &[String], list: u32, mut text: u32) -> Outcome {
    for (i, string) in strings.iter().enumerate() {
        rt.wasm.write_u32(list.wrapping_add(4 * i as u32), text)?;
        text = text.wrapping_add(rt.write_c_string(text, string, u32::MAX)? + 1);
    }
    Ok(0)
}
fn strings_sizes(rt: &mut Runtime, strings: &[String], w: &mut Words) -> Outcome {
    rt.wasm.write_u32(w.u32(), strings.len() as u32)?;
    let bytes: usize = strings.iter().map(|s| s.len() + 1).sum();
    rt.wasm.write_u32(w.u32(), bytes as u32)?;
    Ok(0)
}
fn args_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let args = rt.env.args();
    strings_get(rt, &args, w.u32(), w.u32())
}
fn args_sizes_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let args = rt.env.args();
    strings_sizes(rt, &args, w)
}
fn environ_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let strings = rt.env.strings();
    strings_get(rt, &strings, w.u32(), w.u32())
}
fn environ_sizes_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let strings = rt.env.strings();
    strings_sizes(rt, &strings, w)
}

fn clock_time_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (clock, _precision, to) = (w.u32(), w.i64(), w.u32());
    let nanos = match clock {
        0 => (time::date_now() * 1e6).round() as u64,
        1..=3 => time::monotonic_nanos(),
        _ => return Err(Errno::EINVAL.into()),
    };
    rt.wasm.write_u64(to, nanos)?;
    Ok(0)
}
fn clock_res_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (clock, to) = (w.u32(), w.u32());
    let nanos = match clock {
        0 => 1_000_000,
        1..=3 => 1,
        _ => return Err(Errno::EINVAL.into()),
    };
    rt.wasm.write_u64(to, nanos)?;
    Ok(0)
}
fn random_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (buf, len) = (w.u32(), w.u32());
    rt.wasm.in_pieces(buf, len, |piece| {
        getrandom::fill(piece).map_err(|_| Fail::from(Errno::EIO))
    })?;
    Ok(0)
}
fn proc_exit(_: &mut Runtime, w: &mut Words) -> Outcome {
    Err(Fail::Unwind(Unwind::Exit(w.i32())))
}

fn fd_write(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, iov, count, written) = (w.i32(), w.u32(), w.u32(), w.u32());
    let total = rt.write_parts(fd, iov, count, None)?;
    rt.wasm.write_u32(written, total)?;
    Ok(0)
}
fn fd_read(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, iov, count, read) = (w.i32(), w.u32(), w.u32(), w.u32());
    let total = rt.read_parts(fd, iov, count, None)?;
    rt.wasm.write_u32(read, total)?;
    Ok(0)
}
fn fd_pwrite(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, iov, count, at, written) = (w.i32(), w.u32(), w.u32(), w.i64(), w.u32());
    let total = rt.write_parts(fd, iov, count, Some(position(at)?))?;
    rt.wasm.write_u32(written, total)?;
    Ok(0)
}
fn fd_pread(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, iov, count, at, read) = (w.i32(), w.u32(), w.u32(), w.i64(), w.u32());
    let total = rt.read_parts(fd, iov, count, Some(position(at)?))?;
    rt.wasm.write_u32(read, total)?;
    Ok(0)
}
fn fd_seek(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, offset, whence_number, to) = (w.i32(), w.i64(), w.i32(), w.u32());
    let new = rt.fs.seek(fd, offset, whence(whence_number)?)?;
    rt.wasm.write_u64(to, new)?;
    if offset == 0 && whence_number == 0 {
        rt.fs.rewind_dir(fd)?;
    }
    Ok(0)
}
fn fd_tell(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let position = rt.fs.seek(w.i32(), 0, Seek::Current)?;
    rt.wasm.write_u64(w.u32(), position)?;
    Ok(0)
}
fn fd_close(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.close(w.i32())?;
    Ok(0)
}
fn fd_sync(rt: &mut Runtime, w: &mut Words) -> Outcome {
    rt.fs.sync(w.i32())?;
    Ok(0)
}
fn fd_renumber(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (from, to) = (w.i32(), w.i32());
    rt.fs.fd_path(to)?;
    rt.fs.dup2(from, to)?;
    if from != to {
        rt.fs.close(from)?;
    }
    Ok(0)
}
fn fd_advise(rt: &mut Runtime, w: &mut Words) -> Outcome {
    match rt.fs.is_seekable(w.i32())? {
        true => Ok(0),
        false => Err(Errno::ESPIPE.into()),
    }
}
fn fd_allocate(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, offset, len) = (w.i32(), w.i64(), w.i64());
    rt.fs.allocate(fd, offset, len)?;
    Ok(0)
}
fn fd_filestat_set_size(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, len) = (w.i32(), w.i64());
    rt.fs.ftruncate(fd, len)?;
    Ok(0)
}

pub(super) fn file_type(stat: &Stat) -> u8 {
    match stat.kind() {
        S_IFCHR => 2,
        S_IFDIR => 3,
        S_IFREG => 4,
        S_IFLNK => 7,
        _ => 0,
    }
}
fn fd_fdstat_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, to) = (w.i32(), w.u32());
    if paths::is_preopen(fd) && !rt.fs.is_open(fd) {
        let mut out = Record::<24>::new();
        out.0[0] = 3;
        out.u64(8, u64::MAX).u64(16, u64::MAX);
        rt.wasm.bytes_mut(to, 24)?.copy_from_slice(&out.0);
        return Ok(0);
    }
    let stat = rt.fs.fstat(fd)?;
    let open = rt.fs.fd_flags(fd)?;
    let mut out = Record::<24>::new();
    // Only terminals count as character devices: the C library asks this to find out about line buffering.
    out.0[0] = match file_type(&stat) {
        2 if !rt.fs.isatty(fd)? => 4,
        kind => kind,
    };
    out.0[2] = wasi_flags(open);
    // Emscripten's own library does not look at rights; standalone programs refuse to work without.
    let all = u64::MAX;
    let rights = match open & flags::O_ACCMODE {
        flags::O_RDONLY => all & !(1 << 6),
        flags::O_WRONLY => all & !(1 << 1),
        _ => all,
    };
    // A terminal is told by its lack of the rights to seek and tell.
    let seek = if rt.fs.is_seekable(fd)? {
        0
    } else {
        1 << 2 | 1 << 5
    };
    out.u64(8, rights & !seek).u64(16, all);
    rt.wasm.bytes_mut(to, 24)?.copy_from_slice(&out.0);
    Ok(0)
}
fn wasi_flags(open: u32) -> u8 {
    u8::from(open & flags::O_APPEND != 0) | u8::from(open & flags::O_NONBLOCK != 0) << 2
}
fn fd_fdstat_set_flags(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, given) = (w.i32(), w.u32());
    let current = rt.fs.fd_flags(fd)? & !(flags::O_APPEND | flags::O_NONBLOCK);
    let append = if given & 1 != 0 { flags::O_APPEND } else { 0 };
    let nonblock = if given & 4 != 0 { flags::O_NONBLOCK } else { 0 };
    rt.fs.set_fd_flags(fd, current | append | nonblock)?;
    Ok(0)
}
pub(super) fn write_filestat(rt: &mut Runtime, to: u32, stat: &Stat) -> Outcome {
    let mut out = Record::<64>::new();
    let nanos = |ms: i64| ms.max(0) as u64 * 1_000_000;
    out.u64(0, u64::from(stat.dev))
        .u64(8, stat.ino)
        .u64(24, u64::from(stat.nlink))
        .u64(32, stat.size);
    out.u64(40, nanos(stat.atime))
        .u64(48, nanos(stat.mtime))
        .u64(56, nanos(stat.ctime));
    out.0[16] = file_type(stat);
    rt.wasm.bytes_mut(to, 64)?.copy_from_slice(&out.0);
    Ok(0)
}
fn fd_filestat_get(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, to) = (w.i32(), w.u32());
    let stat = match paths::is_preopen(fd) && !rt.fs.is_open(fd) {
        true => rt.fs.stat("/")?,
        false => rt.fs.fstat(fd)?,
    };
    write_filestat(rt, to, &stat)
}
