//! `ioctl` and `fcntl`.

use super::arguments::{Outcome, Words};
use crate::emscripten::Runtime;
use crate::emscripten::fs::{Errno, flags};

const TCGETA: i32 = 0x5405;
const TCGETS: i32 = 0x5401;
const TCSETS: i32 = 0x5402;
const TCSETAF: i32 = 0x5408;
const TCFLSH: i32 = 0x540b;
const TIOCGPGRP: i32 = 0x540f;
const TIOCSPGRP: i32 = 0x5410;
const TIOCGWINSZ: i32 = 0x5413;
const TIOCSWINSZ: i32 = 0x5414;
const FIONREAD: i32 = 0x541b;
const FIONBIO: i32 = 0x5421;

/// The settings that Emscripten reports of its terminal.
const TERMIOS: [u32; 4] = [25856, 5, 191, 35387];
const TERMIOS_CHARACTERS: [u8; 20] = [
    3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0, 0,
];

pub fn ioctl(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, op) = (w.i32(), w.i32());
    let tty = rt.fs.isatty(fd)?;
    match op {
        FIONREAD => {
            let waiting = rt.fs.pipe_waiting(fd)?.ok_or(Errno::ENOTTY)?;
            let addr = w.optional(&rt.wasm)? as u32;
            rt.wasm.write_u32(addr, waiting as u32)?;
            return Ok(0);
        }
        // Nothing here ever blocks.
        FIONBIO => return Ok(0),
        TCGETA
        | TCGETS
        | TCSETS..=TCSETAF
        | TCFLSH
        | TIOCGPGRP
        | TIOCSPGRP
        | TIOCGWINSZ
        | TIOCSWINSZ => {}
        _ => return Err(Errno::EINVAL.into()),
    }
    if !tty {
        return Err(Errno::ENOTTY.into());
    }
    match op {
        TCGETS => {
            let addr = w.optional(&rt.wasm)? as u32;
            for (i, word) in TERMIOS.into_iter().enumerate() {
                rt.wasm.write_u32(addr.wrapping_add(4 * i as u32), word)?;
            }
            let to = rt
                .wasm
                .bytes_mut(addr.wrapping_add(17), TERMIOS_CHARACTERS.len() as u32)?;
            to.copy_from_slice(&TERMIOS_CHARACTERS);
        }
        TIOCGPGRP => {
            let addr = w.optional(&rt.wasm)? as u32;
            rt.wasm.write_u32(addr, 0)?;
        }
        TIOCSPGRP => return Err(Errno::EINVAL.into()),
        TIOCGWINSZ => {
            let addr = w.optional(&rt.wasm)? as u32;
            rt.wasm.write_u16(addr, 24)?;
            rt.wasm.write_u16(addr.wrapping_add(2), 80)?;
        }
        _ => {}
    }
    Ok(0)
}

pub fn fcntl64(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (fd, cmd) = (w.i32(), w.i32());
    let current = rt.fs.fd_flags(fd)?;
    match cmd {
        // F_DUPFD, F_DUPFD_CLOEXEC
        0 | 1030 => {
            let from = w.optional(&rt.wasm)?;
            Ok(rt.fs.dup(fd, from)?)
        }
        // F_GETFD, F_SETFD: closing on exec means nothing without exec.
        1 | 2 => Ok(0),
        // F_GETFL
        3 => Ok(current as i32),
        // F_SETFL
        4 => {
            use flags::{O_APPEND, O_ASYNC, O_DIRECT, O_NOATIME, O_NONBLOCK};
            let given = w.optional(&rt.wasm)? as u32;
            let mask = O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK;
            rt.fs.set_fd_flags(fd, (current & !mask) | (given & mask))?;
            Ok(0)
        }
        // F_GETLK, by both numbers that musl has used: always unlocked.
        5 | 12 => {
            let addr = w.optional(&rt.wasm)? as u32;
            rt.wasm.write_u16(addr, 2)?;
            Ok(0)
        }
        // F_SETLK, F_SETLKW: one process, so every lock succeeds.
        6 | 7 | 13 | 14 => Ok(0),
        // F_GETOWN: musl would take a negative error number for an owner.
        9 => {
            rt.set_errno(Errno::EINVAL)?;
            Ok(-1)
        }
        _ => Err(Errno::EINVAL.into()),
    }
}
