//! `poll` and `select`. Never waiting, as in Emscripten without Asyncify.

use super::arguments::{Outcome, Words};
use crate::emscripten::Runtime;
use crate::emscripten::fs::Errno;
use crate::emscripten::fs::flags::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT};

pub fn poll(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fds, count) = (w.u32(), w.u32());
    let mut ready = 0;
    for i in 0..count {
        let at = fds.wrapping_add(i.wrapping_mul(8));
        let fd = rt.wasm.read_i32(at)?;
        let events = u32::from(rt.wasm.read_u16(at.wrapping_add(4))?);
        // As in Emscripten, a descriptor that is not open is only told of to those who ask for it, a negative one too.
        let conditions = rt.fs.poll(fd).unwrap_or(POLLNVAL);
        let found = conditions & (events | POLLERR | POLLHUP);
        ready += i32::from(found != 0);
        rt.wasm.write_u16(at.wrapping_add(6), found as u16)?;
    }
    Ok(ready)
}

/// Sets of 1024 bits in 32-bit words.
const SETSIZE: i32 = 1024;

pub fn select(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let nfds = w.i32();
    let sets = [w.u32(), w.u32(), w.u32()];
    if !(0..=SETSIZE).contains(&nfds) {
        return Err(Errno::EINVAL.into());
    }
    // What makes a descriptor ready to be read, written, or exceptional.
    let wanted = [POLLIN | POLLHUP, POLLOUT | POLLERR, 0];
    let mut total = 0;
    for word in 0..(nfds as u32).div_ceil(32) {
        let mut result = [0u32; 3];
        for bit in 0..32 {
            let fd = (word * 32 + bit) as i32;
            if fd >= nfds {
                break;
            }
            for (set, addr) in sets.into_iter().enumerate().filter(|(_, addr)| *addr != 0) {
                if rt.wasm.read_u32(addr.wrapping_add(4 * word))? & (1 << bit) == 0 {
                    continue;
                }
                if rt.fs.poll(fd)? & wanted[set] != 0 {
                    result[set] |= 1 << bit;
                    total += 1;
                }
            }
        }
        for (set, addr) in sets.into_iter().enumerate().filter(|(_, addr)| *addr != 0) {
            rt.wasm
                .write_u32(addr.wrapping_add(4 * word), result[set])?;
        }
    }
    Ok(total)
}
