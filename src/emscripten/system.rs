//! What a program may ask of the system it runs on, and odds and ends of the C library that old builds leave to the host.

use super::fs::Errno;
use super::process::PROGRAM;
use super::{ImportFn, Runtime};
use crate::engine::{Args, Result, Unwind};

/// `-1`, with errno set.
fn answer<const N: i32>(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(N)
}

const POSIX_VERSION: i32 = 200_809;
const PAGE: i32 = 16384;

/// Emscripten's table, by musl's numbers.
fn sysconf(rt: &mut Runtime, args: &mut Args) -> Result {
    let value = match args.i32(0) {
        30 => PAGE,
        85 => {
            let limit = if rt.abi.fixed_memory {
                rt.wasm.memory().len() as u64
            } else {
                rt.wasm.max_bytes()
            };
            (limit / PAGE as u64) as i32
        }
        132 | 133 | 12 | 137 | 138 | 15 | 235 | 16 | 17 | 18 | 19 | 20 | 149 | 13 | 10 | 236
        | 153 | 9 | 21 | 22 | 159 | 154 | 14 | 77 | 78 | 139 | 82 | 68 | 67 | 164 | 11 | 29
        | 47 | 48 | 95 | 52 | 51 | 46 => POSIX_VERSION,
        27 | 246 | 127 | 128 | 23 | 24 | 160 | 161 | 181 | 182 | 242 | 183 | 184 | 243 | 244
        | 245 | 165 | 178 | 179 | 49 | 50 | 168 | 169 | 175 | 170 | 171 | 172 | 97 | 76 | 32
        | 173 | 35 | 80 | 81 | 79 => -1,
        176 | 177 | 7 | 155 | 8 | 157 | 125 | 126 | 92 | 93 | 129 | 130 | 131 | 94 | 91 => 1,
        74 | 60 | 69 | 70 | 4 => 1024,
        31 | 42 | 72 => 32,
        87 | 26 | 33 => i32::MAX,
        34 | 1 => 47839,
        38 | 36 => 99,
        43 | 37 => 2048,
        0 => 2_097_152,
        3 => 65536,
        28 => 32768,
        44 => 32767,
        75 => 16384,
        39 => 1000,
        89 => 700,
        71 => 256,
        40 => 255,
        2 => 100,
        180 => 64,
        25 => 20,
        5 => 16,
        6 => 6,
        73 => 4,
        84 => cores(),
        83 => cores(),
        _ => return rt.fail(args, Errno::EINVAL),
    };
    args.ret_i32(value)
}
fn cores() -> i32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as i32)
}
fn num_logical_cores(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(cores())
}
/// `fpathconf(fd, name)`, `pathconf(path, name)`: Emscripten's table.
fn pathconf(rt: &mut Runtime, args: &mut Args) -> Result {
    let value = match args.i32(1) {
        0 => 32000,
        1..=3 => 255,
        4 | 5 | 16 | 17 | 18 => 4096,
        6 | 7 | 20 => 1,
        8 => 0,
        9 | 10 | 11 | 12 | 14 | 15 | 19 => -1,
        13 => 64,
        _ => return rt.fail(args, Errno::EINVAL),
    };
    args.ret_i32(value)
}
fn confstr(rt: &mut Runtime, args: &mut Args) -> Result {
    let (name, buf, len) = (args.i32(0), args.u32(1), args.u32(2));
    let value = match name {
        // _CS_PATH
        0 => "/",
        1 => "POSIX_V6_ILP32_OFF32\nPOSIX_V6_ILP32_OFFBIG",
        2 => "glibc 2.14",
        3 => "",
        _ => {
            rt.set_errno(Errno::EINVAL)?;
            return args.ret_i32(0);
        }
    };
    if len != 0 && buf != 0 {
        rt.write_c_string(buf, value, len)?;
    }
    args.ret_i32(value.len() as i32 + 1)
}

fn getentropy(rt: &mut Runtime, args: &mut Args) -> Result {
    // The C library of later builds refuses more than 256 bytes itself; that of earlier ones leaves it to the host, which
    // gives what it is asked for.
    let (buf, len) = (args.u32(0), args.u32(1));
    let mut filled = true;
    rt.wasm.in_pieces(buf, len, |piece| {
        filled &= getrandom::fill(piece).is_ok();
        Ok::<(), Unwind>(())
    })?;
    if !filled {
        return rt.fail(args, Errno::EIO);
    }
    args.ret_i32(0)
}
/// `emscripten_random()`, `emscripten_math_random()`: from 0 to 1.
fn random(_: &mut Runtime, args: &mut Args) -> Result {
    let bits = getrandom::u64().map_err(|e| Unwind::Bug(format!("no entropy: {e}")))?;
    args.ret((bits >> 11) as f64 / (1u64 << 53) as f64)
}
/// No shell: asked for one it says so, a command is refused.
fn system(rt: &mut Runtime, args: &mut Args) -> Result {
    if args.u32(0) == 0 {
        return args.ret_i32(0);
    }
    rt.fail(args, Errno::ENOSYS)
}
/// `_emscripten_system` gives the error number itself.
fn emscripten_system(rt: &mut Runtime, args: &mut Args) -> Result {
    let refused = if args.u32(0) == 0 {
        0
    } else {
        -rt.errno(Errno::ENOSYS)
    };
    args.ret_i32(refused)
}
/// `fork`, `execl` and the like.
fn no_processes(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.fail(args, Errno::ENOSYS)
}
fn no_children(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.fail(args, Errno::ECHILD)
}
fn set_errno(rt: &mut Runtime, args: &mut Args) -> Result {
    let value = args.i32(0);
    rt.write_errno(value)?;
    args.ret_i32(value)
}
fn get_progname(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.write_c_string(args.u32(0), PROGRAM, args.u32(1))
        .map(drop)
}

/// `_emscripten_fs_load_embedded_files`: records `{ name*, length, data* }` until a null name.
fn load_embedded_files(rt: &mut Runtime, args: &mut Args) -> Result {
    let mut at = args.u32(0);
    loop {
        let name = rt.wasm.read_u32(at)?;
        if name == 0 {
            return Ok(());
        }
        let (len, data) = (
            rt.wasm.read_u32(at.wrapping_add(4))?,
            rt.wasm.read_u32(at.wrapping_add(8))?,
        );
        at = at.wrapping_add(12);
        let name = rt.c_string(name)?;
        let path = super::fs::resolve("/", &name);
        let stored = rt
            .fs
            .create_path("/", super::fs::dirname(&path))
            .and_then(|_| {
                let bytes = rt.wasm.bytes(data, len).map_err(|_| Errno::EFAULT)?;
                rt.fs.create_data_file("/", &path[1..], bytes, true, true)
            });
        if let Err(errno) = stored {
            return Err(Unwind::Abort(format!(
                "embedded file {name} could not be made: {errno}"
            )));
        }
    }
}
/// `utime(path, { access, modification }*)`.
fn utime(rt: &mut Runtime, args: &mut Args) -> Result {
    set_times(rt, args, 4, 0)
}
/// `utimes(path, timeval[2])`.
fn utimes(rt: &mut Runtime, args: &mut Args) -> Result {
    set_times(rt, args, 8, 4)
}
/// Old builds only: seconds are 32 bits wide.
fn set_times(rt: &mut Runtime, args: &mut Args, stride: u32, micros: u32) -> Result {
    let path = rt.c_string(args.u32(0))?;
    let at = args.u32(1);
    let time = |i: u32| -> Result<i64> {
        if at == 0 {
            return Ok(super::fs::now_ms());
        }
        let seconds = i64::from(rt.wasm.read_i32(at.wrapping_add(i * stride))?);
        let extra = if micros == 0 {
            0
        } else {
            rt.wasm.read_i32(at.wrapping_add(i * stride + micros))?
        };
        Ok(seconds * 1000 + i64::from(extra / 1000))
    };
    let (atime, mtime) = (time(0)?, time(1)?);
    match rt.fs.utime(&path, Some(atime), Some(mtime), true) {
        Ok(()) => args.ret_i32(0),
        Err(errno) => rt.fail(args, errno),
    }
}
/// A position in the program, for stack traces of sanitizers: unknown.
fn nothing(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(0)
}
/// Emscripten's: a tenth, whatever the machine does.
fn getloadavg(rt: &mut Runtime, args: &mut Args) -> Result {
    let (at, count) = (args.u32(0), args.i32(1).clamp(0, 3));
    for i in 0..count as u32 {
        rt.wasm
            .write_i64(at.wrapping_add(i * 8), 0.1f64.to_bits() as i64)?;
    }
    args.ret_i32(count)
}
fn getpagesize(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(PAGE)
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("sysconf", sysconf),
    ("fpathconf", pathconf),
    ("pathconf", pathconf),
    ("confstr", confstr),
    ("getpagesize", getpagesize),
    ("emscripten_num_logical_cores", num_logical_cores),
    ("getentropy", getentropy),
    ("emscripten_random", random),
    ("emscripten_math_random", random),
    ("system", system),
    ("_emscripten_system", emscripten_system),
    ("fork", no_processes),
    ("vfork", no_processes),
    ("posix_spawn", no_processes),
    ("popen", no_processes),
    ("execl", no_processes),
    ("execle", no_processes),
    ("execlp", no_processes),
    ("execv", no_processes),
    ("execve", no_processes),
    ("execvp", no_processes),
    ("__execvpe", no_processes),
    ("fexecve", no_processes),
    ("wait", no_children),
    ("waitpid", no_children),
    ("wait3", no_children),
    ("wait4", no_children),
    ("waitid", no_children),
    ("__setErrNo", set_errno),
    ("setErrNo", set_errno),
    ("_emscripten_get_progname", get_progname),
    ("_emscripten_fs_load_embedded_files", load_embedded_files),
    ("emscripten_has_asyncify", answer::<0>),
    ("emscripten_debugger", nothing),
    ("emscripten_pc_get_function", nothing),
    ("emscripten_pc_get_file", nothing),
    ("emscripten_pc_get_line", nothing),
    ("emscripten_pc_get_column", nothing),
    ("emscripten_stack_snapshot", nothing),
    ("emscripten_stack_unwind_buffer", nothing),
    ("emscripten_return_address", nothing),
    ("emscripten_get_callstack", nothing),
    ("emscripten_is_main_browser_thread", answer::<1>),
    ("emscripten_is_main_runtime_thread", answer::<1>),
    ("getloadavg", getloadavg),
    ("utime", utime),
    ("utimes", utimes),
    ("flock", answer::<0>),
    ("setgroups", nothing),
    ("__lock", nothing),
    ("__unlock", nothing),
    ("__lockfile", nothing),
    ("__unlockfile", nothing),
    ("arc4random", |_, args| {
        let bits = getrandom::u32().map_err(|e| Unwind::Bug(format!("no entropy: {e}")))?;
        args.ret_u32(bits)
    }),
];
