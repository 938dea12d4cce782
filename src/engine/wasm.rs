//! The running wasm of one sandbox: its memory, table, exports, and the way in.

use super::{Raw, Unwind};
use wasmer_types::FunctionType;

/// A function that can be called: an export or a table entry. Valid as long as the wasm instance.
#[derive(Clone, Copy, Debug)]
pub struct Func {
    pub(super) anyfunc: wasmer_vm::VMCallerCheckedAnyfunc,
}

/// The running wasm of one sandbox.
pub struct Wasm {}

impl Wasm {
    /// The linear memory as it is now. Calls into wasm may grow it: take the slice anew after each.
    pub fn memory(&self) -> &[u8] {
        todo!()
    }
    pub fn memory_mut(&mut self) -> &mut [u8] {
        todo!()
    }
    /// Grows by `delta` wasm pages (64 KiB); false when the module's or the user's maximum forbids it.
    pub fn grow(&mut self, _delta: u32) -> bool {
        todo!()
    }
    /// The maximum that growth may reach, in bytes: the smaller of the module's own and the user's.
    pub fn max_bytes(&self) -> u64 {
        todo!()
    }
    /// An exported function by its canonical name (no leading underscore of fastcomp, minification undone).
    pub fn export(&self, _name: &str) -> Option<Func> {
        todo!()
    }
    /// The entry of the function table, `None` when null or out of range.
    pub fn table_get(&self, _index: u32) -> Option<Func> {
        todo!()
    }
    pub fn table_len(&self) -> u32 {
        todo!()
    }
    /// The type of a function. Registering code asks once and keeps it.
    pub fn type_of(&self, _func: Func) -> FunctionType {
        todo!()
    }
}

macro_rules! access {
    ($($read:ident $write:ident $t:ty;)*) => {
        /// Little-endian loads and stores; past the end of memory they trap as wasm's own would.
        impl Wasm {
            $(
                pub fn $read(&self, addr: u32) -> Result<$t, Unwind> {
                    const N: usize = size_of::<$t>();
                    self.memory()
                        .get(addr as usize..)
                        .and_then(|m| m.first_chunk::<N>())
                        .map(|b| <$t>::from_le_bytes(*b))
                        .ok_or_else(Unwind::out_of_bounds)
                }
                pub fn $write(&mut self, addr: u32, value: $t) -> Result<(), Unwind> {
                    const N: usize = size_of::<$t>();
                    self.memory_mut()
                        .get_mut(addr as usize..)
                        .and_then(|m| m.first_chunk_mut::<N>())
                        .map(|b| *b = value.to_le_bytes())
                        .ok_or_else(Unwind::out_of_bounds)
                }
            )*
        }
    };
}

access! {
    read_u8 write_u8 u8;
    read_i8 write_i8 i8;
    read_u16 write_u16 u16;
    read_i16 write_i16 i16;
    read_u32 write_u32 u32;
    read_i32 write_i32 i32;
    read_u64 write_u64 u64;
    read_i64 write_i64 i64;
    read_f32 write_f32 f32;
    read_f64 write_f64 f64;
}

impl Wasm {
    /// `len` bytes at `addr`.
    pub fn bytes(&self, addr: u32, len: u32) -> Result<&[u8], Unwind> {
        let start = addr as usize;
        self.memory()
            .get(start..start + len as usize)
            .ok_or_else(Unwind::out_of_bounds)
    }
    pub fn bytes_mut(&mut self, addr: u32, len: u32) -> Result<&mut [u8], Unwind> {
        let start = addr as usize;
        self.memory_mut()
            .get_mut(start..start + len as usize)
            .ok_or_else(Unwind::out_of_bounds)
    }
    /// The bytes of a C string, without its NUL.
    pub fn c_str(&self, addr: u32) -> Result<&[u8], Unwind> {
        let tail = self
            .memory()
            .get(addr as usize..)
            .ok_or_else(Unwind::out_of_bounds)?;
        let len = tail
            .iter()
            .position(|b| *b == 0)
            .ok_or_else(Unwind::out_of_bounds)?;
        Ok(&tail[..len])
    }
    /// Enters wasm: `slots` holds the arguments and, afterwards, the result in its first place.
    pub(crate) fn enter(&mut self, _func: Func, _slots: &mut [Raw]) -> Result<(), Unwind> {
        todo!()
    }
}
