//! `mmap`: memory from the module's own allocator, filled from the file; written back when it is shared.
//!
//! Up to 3.1.4 the whole call is the host's, which keeps the list of mappings; later the C library keeps it and asks the
//! host for the file's part only (`_mmap_js`).

use super::arguments::{Fail, Outcome, Words};
use super::files::position;
use crate::emscripten::abi::StatLayout;
use crate::emscripten::fs::Errno;
use crate::emscripten::process::Mapping;
use crate::emscripten::{Runtime, bounds};
use crate::engine::{Result, Unwind, ValRaw};

const PAGE: u32 = 65536;
const PROT_WRITE: u32 = 2;
const MAP_SHARED: u32 = 1;
const MAP_PRIVATE: u32 = 2;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;

impl Runtime {
    /// Zeroed memory at a page boundary where the module has an allocator that can.
    fn map_memory(&mut self, len: u32) -> Result<u32, Fail> {
        let size = len.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
        let aligned = ["emscripten_builtin_memalign", "memalign"]
            .into_iter()
            .find(|n| self.wasm.export(n).is_some());
        let ptr = match aligned {
            Some(name) => self
                .call_export(name, &[ValRaw::from_u32(PAGE), ValRaw::from_u32(size)])?
                .u32(),
            None => self.malloc(size)?,
        };
        if ptr == 0 {
            return Err(Errno::ENOMEM.into());
        }
        self.wasm.in_pieces(ptr, size, |piece| {
            piece.fill(0);
            Ok::<(), Unwind>(())
        })?;
        Ok(ptr)
    }
    fn map_file(
        &mut self,
        fd: i32,
        len: u32,
        prot: u32,
        flags: u32,
        offset: u64,
    ) -> Result<u32, Fail> {
        self.fs.may_map(fd, prot, flags)?;
        let ptr = self.map_memory(len)?;
        let mut done = 0;
        while done < len {
            let buf = self.wasm.bytes_mut(ptr + done, len - done)?;
            match self.fs.read(fd, buf, Some(offset + u64::from(done)))? {
                0 => break,
                count => done += count as u32,
            }
        }
        Ok(ptr)
    }
    /// Writes a mapping back, unless it is private. The file does not grow: what lies past its end is not of the file.
    fn sync_map(&mut self, fd: i32, addr: u32, len: u32, flags: u32, offset: u64) -> Outcome {
        let size = self.fs.fstat(fd)?.size;
        if flags & MAP_PRIVATE != 0 || flags & MAP_SHARED == 0 {
            return Ok(0);
        }
        let len = u64::from(len).min(size.saturating_sub(offset)) as u32;
        let data = self.wasm.bytes(addr, len)?;
        self.fs.write(fd, data, Some(offset))?;
        Ok(0)
    }
}

/// `mmap2(addr, len, prot, flags, fd, offset in pages of 4096)`.
pub fn mmap2(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (addr, len, prot, flags, fd, page) = (w.u32(), w.u32(), w.u32(), w.u32(), w.i32(), w.u32());
    if addr != 0 || flags & MAP_FIXED != 0 || len == 0 {
        return Err(Errno::EINVAL.into());
    }
    bounds::MAPPINGS.admit(rt.process.mappings.len())?;
    let offset = u64::from(page) << 12;
    let anonymous = flags & MAP_ANONYMOUS != 0 || fd == -1;
    let ptr = match anonymous {
        true => rt.map_memory(len)?,
        false => rt.map_file(fd, len, prot, flags, offset)?,
    };
    let fd = if anonymous { -1 } else { fd };
    rt.process.mappings.push(Mapping {
        addr: ptr,
        len,
        flags,
        fd,
        offset,
    });
    Ok(ptr as i32)
}
pub fn munmap(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (addr, len) = (w.u32(), w.u32());
    if addr == u32::MAX || len == 0 {
        return Err(Errno::EINVAL.into());
    }
    let mappings = &mut rt.process.mappings;
    // Unmapping a part is not supported, and not an error, as in Emscripten.
    let Some(at) = mappings.iter().position(|m| m.addr == addr && m.len == len) else {
        return Ok(0);
    };
    let map = mappings.remove(at);
    if map.fd >= 0 && rt.fs.is_open(map.fd) {
        rt.sync_map(map.fd, addr, len, map.flags, map.offset)?;
    }
    rt.free(addr)?;
    Ok(0)
}
pub fn msync(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (addr, len) = (w.u32(), w.u32());
    match rt.process.mappings.iter().find(|m| m.addr == addr) {
        Some(map) if map.fd >= 0 => {
            let (fd, flags, offset, len) = (map.fd, map.flags, map.offset, len.min(map.len));
            rt.sync_map(fd, addr, len, flags, offset)
        }
        _ => Ok(0),
    }
}

/// `_mmap_js`, from 3.1.5:
/// `(addr, len, prot, flags, fd, offset, allocated*)` up to 3.1.11 gives the address;
/// `(len, prot, flags, fd, offset, allocated*)` up to about 3.1.24 too;
/// later `(len, prot, flags, fd, offset, allocated*, addr*)` gives 0, its offset one i32, one i64 or two halves.
pub fn mmap_js(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let count = w.count();
    let first = count >= 7 && rt.abi.stat == StatLayout::S88;
    if first && w.u32() != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (len, prot, flags, fd) = (w.u32(), w.u32(), w.u32(), w.i32());
    let offset = offset(w, count == 8 && !first)?;
    let (allocated, addr) = (w.u32(), w.u32());
    let ptr = rt.map_file(fd, len, prot, flags, offset)?;
    rt.wasm.write_u32(allocated, 1)?;
    if first || count == 6 {
        return Ok(ptr as i32);
    }
    rt.wasm.write_u32(addr, ptr)?;
    Ok(0)
}
/// `_munmap_js(addr, len, prot, flags, fd, offset)`: the C library frees.
pub fn munmap_js(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let halves = w.count() == 7;
    let (addr, len, prot, flags, fd) = (w.u32(), w.u32(), w.u32(), w.u32(), w.i32());
    let offset = offset(w, halves)?;
    if prot & PROT_WRITE != 0 && rt.fs.is_open(fd) {
        return rt.sync_map(fd, addr, len, flags, offset);
    }
    Ok(0)
}
/// `_msync_js(addr, len, flags, fd)`, later `(addr, len, prot, flags, fd, offset)`.
pub fn msync_js(rt: &mut Runtime, w: &mut Words) -> Outcome {
    let (count, addr, len) = (w.count(), w.u32(), w.u32());
    if count > 4 {
        w.u32();
    }
    let (flags, fd) = (w.u32(), w.i32());
    let offset = if count > 4 { offset(w, count == 7)? } else { 0 };
    rt.sync_map(fd, addr, len, flags, offset)
}
fn offset(w: &mut Words, halves: bool) -> Result<u64, Errno> {
    if halves {
        return position(w.i64());
    }
    match w.wide() {
        true => position(w.i64()),
        false => Ok(u64::from(w.u32())),
    }
}

/// `__map_file(path, size)`, of musl's time zone and locale files: EPERM.
pub fn map_file(rt: &mut Runtime, args: &mut crate::engine::Args) -> Result {
    rt.fail(args, Errno::EPERM)
}
