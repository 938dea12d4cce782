//! Loads and stores in the linear memory, as the host's functions make them.

use super::super::Unwind;
use super::super::pace::PIECE;
use super::WasmInstance;

macro_rules! access {
    ($($t:ident $read:ident $($write:ident)?;)*) => {
        /// Little-endian loads and stores; past the end of memory they trap as wasm's own would. Each asks whether the call
        /// is being stopped, so that a loop over the module's memory ends with it.
        impl WasmInstance {
            $(
                pub fn $read(&self, addr: u32) -> Result<$t, Unwind> {
                    const N: usize = size_of::<$t>();
                    self.pace.go_on()?;
                    self.memory()
                        .get(addr as usize..)
                        .and_then(|m| m.first_chunk::<N>())
                        .map(|b| <$t>::from_le_bytes(*b))
                        .ok_or_else(Unwind::out_of_bounds)
                }
                $(pub fn $write(&mut self, addr: u32, value: $t) -> Result<(), Unwind> {
                    const N: usize = size_of::<$t>();
                    self.pace.go_on()?;
                    self.memory_mut()
                        .get_mut(addr as usize..)
                        .and_then(|m| m.first_chunk_mut::<N>())
                        .map(|b| *b = value.to_le_bytes())
                        .ok_or_else(Unwind::out_of_bounds)
                })?
            )*
        }
    };
}

access! {
    u8 read_u8 write_u8;
    i8 read_i8;
    u16 read_u16 write_u16;
    i16 read_i16;
    u32 read_u32 write_u32;
    i32 read_i32 write_i32;
    u64 read_u64 write_u64;
    i64 read_i64 write_i64;
    f32 read_f32;
    f64 read_f64;
}

impl WasmInstance {
    /// `len` bytes at `addr`. Where the module chooses the length, they are worked on in pieces.
    pub fn bytes(&self, addr: u32, len: u32) -> Result<&[u8], Unwind> {
        self.pace.go_on()?;
        let start = addr as usize;
        self.memory()
            .get(start..start + len as usize)
            .ok_or_else(Unwind::out_of_bounds)
    }
    pub fn bytes_mut(&mut self, addr: u32, len: u32) -> Result<&mut [u8], Unwind> {
        self.pace.go_on()?;
        let start = addr as usize;
        self.memory_mut()
            .get_mut(start..start + len as usize)
            .ok_or_else(Unwind::out_of_bounds)
    }
    /// Works on `len` bytes at `addr` piece by piece, from the first to the last, as long as the call goes on.
    pub fn in_pieces<E: From<Unwind>>(
        &mut self,
        addr: u32,
        len: u32,
        mut work: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let pace = self.pace.clone();
        for piece in self.bytes_mut(addr, len)?.chunks_mut(PIECE) {
            pace.go_on().map_err(Unwind::from)?;
            work(piece)?;
        }
        Ok(())
    }
    /// Copies as `memmove` does, in pieces.
    pub fn copy_within(&mut self, to: u32, from: u32, len: u32) -> Result<(), Unwind> {
        self.bytes(to, len)?;
        self.bytes(from, len)?;
        let (to, from, len) = (to as usize, from as usize, len as usize);
        let pieces = len.div_ceil(PIECE);
        for piece in 0..pieces {
            self.pace.go_on()?;
            // From the end where the first piece would write over what is still to be read.
            let piece = if to > from { pieces - 1 - piece } else { piece };
            let (start, end) = (piece * PIECE, len.min((piece + 1) * PIECE));
            self.memory_mut()
                .copy_within(from + start..from + end, to + start);
        }
        Ok(())
    }
    /// The bytes of a C string, without its NUL.
    pub fn c_str(&self, addr: u32) -> Result<&[u8], Unwind> {
        let tail = self
            .memory()
            .get(addr as usize..)
            .ok_or_else(Unwind::out_of_bounds)?;
        for (i, piece) in tail.chunks(PIECE).enumerate() {
            self.pace.go_on()?;
            if let Some(at) = memchr::memchr(0, piece) {
                return Ok(&tail[..i * PIECE + at]);
            }
        }
        Err(Unwind::out_of_bounds())
    }
}
