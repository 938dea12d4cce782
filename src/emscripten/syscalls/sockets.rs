//! Sockets and name look-ups: none in a sandbox. Each call is refused with the error that its caller can handle.

use super::arguments::{Outcome, Words};
use crate::emscripten::Runtime;
use crate::emscripten::fs::Errno;
use crate::engine::{Args, Result};

pub fn socket(_: &mut Runtime, _: &mut Words) -> Outcome {
    Err(Errno::EAFNOSUPPORT.into())
}
/// A call on a descriptor, which can only be of another kind.
pub fn on_socket(rt: &mut Runtime, w: &mut Words) -> Outcome {
    match rt.fs.is_open(w.i32()) {
        true => Err(Errno::ENOTSOCK.into()),
        false => Err(Errno::EBADF.into()),
    }
}
/// `socketcall(call, arguments*)`.
pub fn socketcall(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (call, arguments) = (w.i32(), w.u32());
    let mut words = Words::packed(rt.wasm.memory(), arguments);
    match call {
        // socket, socketpair
        1 | 8 => socket(rt, &mut words),
        _ => on_socket(rt, &mut words),
    }
}

/// `EAI_NONAME`: the name does not resolve.
const EAI_NONAME: i32 = -2;
/// `EAI_FAIL`.
const EAI_FAIL: i32 = -4;

pub fn getaddrinfo(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(EAI_NONAME)
}
pub fn getnameinfo(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(EAI_FAIL)
}
/// `gethostbyname`, `gethostbyaddr`, `getprotobyname`: no entry.
pub fn no_entry(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(0)
}
