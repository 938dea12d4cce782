//! Calls about the process: identity, limits, and what a sandbox does not have.

use super::arguments::{Outcome, Words};
use super::layout::Record;
use crate::emscripten::Runtime;
use crate::emscripten::fs::Errno;
use crate::engine::Unwind;

/// As Emscripten's `PROCINFO`.
const PID: i32 = 42;
const PARENT: i32 = 1;
const GROUP: i32 = 42;
const SESSION: i32 = 42;

pub fn zero(_: &mut Runtime, _: &mut Words) -> Outcome {
    Ok(0)
}
pub fn not_implemented(_: &mut Runtime, _: &mut Words) -> Outcome {
    Err(Errno::ENOSYS.into())
}
pub fn not_permitted(_: &mut Runtime, _: &mut Words) -> Outcome {
    Err(Errno::EPERM.into())
}
pub fn pause(_: &mut Runtime, _: &mut Words) -> Outcome {
    Err(Errno::EINTR.into())
}
pub fn mremap(_: &mut Runtime, _: &mut Words) -> Outcome {
    Err(Errno::ENOMEM.into())
}
pub fn wait4(_: &mut Runtime, _: &mut Words) -> Outcome {
    Err(Errno::ENOSYS.into())
}
pub fn getpid(_: &mut Runtime, _: &mut Words) -> Outcome {
    Ok(PID)
}
pub fn getppid(_: &mut Runtime, _: &mut Words) -> Outcome {
    Ok(PARENT)
}
pub fn getpgrp(_: &mut Runtime, _: &mut Words) -> Outcome {
    Ok(GROUP)
}
pub fn getpgid(_: &mut Runtime, w: &mut Words) -> Outcome {
    of_self(w.i32(), GROUP)
}
pub fn getsid(_: &mut Runtime, w: &mut Words) -> Outcome {
    of_self(w.i32(), SESSION)
}
fn of_self(pid: i32, answer: i32) -> Outcome {
    if pid == 0 || pid == PID {
        Ok(answer)
    } else {
        Err(Errno::ESRCH.into())
    }
}
pub fn setpgid(_: &mut Runtime, w: &mut Words) -> Outcome {
    let (pid, group) = (w.i32(), w.i32());
    of_self(pid, 0)?;
    if group == 0 || group == GROUP {
        Ok(0)
    } else {
        Err(Errno::EPERM.into())
    }
}
/// Setting ids works when it changes nothing.
pub fn set_ids(_: &mut Runtime, w: &mut Words) -> Outcome {
    let unchanged = |id: i32| id == 0 || id == -1;
    if (0..w.count().max(1)).all(|_| unchanged(w.i32())) {
        Ok(0)
    } else {
        Err(Errno::EPERM.into())
    }
}
pub fn get_ids(rt: &mut Runtime, w: &mut Words) -> Outcome {
    for _ in 0..3 {
        rt.wasm.write_u32(w.u32(), 0)?;
    }
    Ok(0)
}
pub fn getgroups32(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (size, list) = (w.i32(), w.u32());
    match size {
        1.. => {
            rt.wasm.write_u32(list, 0)?;
            Ok(1)
        }
        _ => Err(Errno::EINVAL.into()),
    }
}
pub fn umask(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let old = rt.umask();
    rt.process.umask = Some(w.u32());
    Ok(old as i32)
}
pub fn exit(_: &mut Runtime, w: &mut Words) -> Outcome {
    Err(Unwind::Exit(w.i32()).into())
}
/// Emscripten's fixed figures.
pub fn getrusage(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (_who, usage) = (w.i32(), w.u32());
    if rt.abi.time64 {
        let mut out = Record::<152>::new();
        out.u64(0, 1).u32(8, 2).u64(16, 3).u32(24, 4);
        rt.wasm.bytes_mut(usage, 152)?.copy_from_slice(&out.0);
    } else {
        let mut out = Record::<136>::new();
        out.u32(0, 1).u32(4, 2).u32(8, 3).u32(12, 4);
        rt.wasm.bytes_mut(usage, 136)?.copy_from_slice(&out.0);
    }
    Ok(0)
}
fn no_limit(rt: &mut Runtime, at: u32) -> Outcome {
    rt.wasm.bytes_mut(at, 16)?.fill(0xff);
    Ok(0)
}
pub fn ugetrlimit(rt: &mut Runtime, w: &mut Words) -> Outcome {
    w.i32();
    no_limit(rt, w.u32())
}
pub fn prlimit64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (_pid, _resource, _new, old) = (w.i32(), w.i32(), w.u32(), w.u32());
    if old == 0 { Ok(0) } else { no_limit(rt, old) }
}
pub fn uname(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let buf = w.u32();
    if buf == 0 {
        return Err(Errno::EFAULT.into());
    }
    for (i, text) in ["Emscripten", "emscripten", "1.0", "#1", "x86-JS"]
        .into_iter()
        .enumerate()
    {
        rt.write_c_string(buf.wrapping_add(65 * i as u32), text, 65)?;
    }
    Ok(0)
}
