//! `__syscall_*` and WASI calls, in every spelling that Emscripten has used.
//!
//! | versions | spelling | arguments |
//! | --- | --- | --- |
//! | up to 1.39.8 | `__syscall5` | the number, then a pointer to packed i32 |
//! | 1.39.9 to 1.39.11 | `__syscall5` | wasm parameters |
//! | 1.39.12 to 2.0.31 | `__sys_open` | wasm parameters |
//! | from 2.0.32 | `__syscall_openat` | wasm parameters |
//!
//! [`arguments::Words`] hides the difference; a handler is written once. System calls give a negative error number, WASI
//! calls a positive one.

mod arguments;
mod control;
mod files;
mod folders;
mod layout;
mod mapping;
mod poll;
mod process;
mod sockets;
mod table;
mod wasi;
mod wasi_paths;

pub use table::IMPORTS;
pub use wasi::IMPORTS as WASI;

use super::Runtime;
use crate::engine::{Args, Result};

impl Runtime {
    /// The text of a C string, as JavaScript's decoder would give it.
    pub fn c_string(&self, addr: u32) -> Result<String> {
        super::text::utf8(self.wasm.pace(), self.wasm.c_str(addr)?)
    }
    /// Writes `text` and a NUL, cut to `max` bytes at a character's end, as `stringToUTF8` does. Gives the length.
    pub fn write_c_string(&mut self, addr: u32, text: &str, max: u32) -> Result<u32> {
        if max == 0 {
            return Ok(0);
        }
        let mut end = text.len().min(max as usize - 1);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let to = self.wasm.bytes_mut(addr, end as u32 + 1)?;
        to[..end].copy_from_slice(&text.as_bytes()[..end]);
        to[end] = 0;
        Ok(end as u32)
    }
    /// The number of an error in the module's own numbering.
    pub fn errno(&self, error: super::fs::Errno) -> i32 {
        error.number(self.abi.linux_errno)
    }
    /// Stores `errno` where the module's C library looks, as Emscripten's `setErrNo` does.
    pub fn set_errno(&mut self, error: super::fs::Errno) -> Result {
        self.write_errno(self.errno(error))
    }
    pub(super) fn write_errno(&mut self, number: i32) -> Result {
        if self.wasm.export("__errno_location").is_some() {
            let addr = self.call_export("__errno_location", &[])?.u32();
            self.wasm.write_i32(addr, number)?;
        }
        Ok(())
    }
    /// -1, with `errno` set.
    pub(super) fn fail(&mut self, args: &mut Args, error: super::fs::Errno) -> Result {
        self.set_errno(error)?;
        args.ret_i32(-1)
    }
}
