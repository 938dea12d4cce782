//! Arguments and results of system calls, whatever the ABI generation.

use crate::emscripten::Runtime;
use crate::emscripten::fs::Errno;
use crate::engine::{Args, Result, Unwind, WasmInstance};
use smallvec::SmallVec;

/// How a call failed: with an error number for the module, or for good.
#[derive(Debug)]
pub enum Fail {
    Errno(Errno),
    Unwind(Unwind),
}

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Fail::Errno(errno)
    }
}

impl From<Unwind> for Fail {
    fn from(unwind: Unwind) -> Self {
        Fail::Unwind(unwind)
    }
}

pub type Outcome = Result<i32, Fail>;

/// What a system call is written as.
pub type Handler = fn(&mut Runtime, &mut Words) -> Outcome;

/// The most words that any call takes.
const MOST: usize = 9;

/// The arguments of one call, read from first to last. Missing ones are 0.
pub struct Words {
    /// The value, and whether it came as one i64.
    words: SmallVec<[(i64, bool); MOST]>,
    at: usize,
    /// From a block of memory: optional arguments follow in line instead of behind a pointer.
    packed: bool,
}

impl Words {
    pub fn direct(args: &Args) -> Self {
        let word = |i| {
            if args.is_i64(i) {
                (args.i64(i), true)
            } else {
                (i64::from(args.i32(i)), false)
            }
        };
        Words {
            words: (0..args.len()).map(word).collect(),
            at: 0,
            packed: false,
        }
    }
    /// Those at `addr`, as far as memory goes.
    pub fn packed(memory: &[u8], addr: u32) -> Self {
        let block = memory.get(addr as usize..).unwrap_or_default();
        let word = |b: &[u8]| {
            (
                i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])),
                false,
            )
        };
        Words {
            words: block.chunks_exact(4).take(MOST).map(word).collect(),
            at: 0,
            packed: true,
        }
    }
    fn next(&mut self) -> (i64, bool) {
        self.at += 1;
        self.words.get(self.at - 1).copied().unwrap_or_default()
    }
    pub fn i32(&mut self) -> i32 {
        self.next().0 as i32
    }
    pub fn u32(&mut self) -> u32 {
        self.next().0 as u32
    }
    /// One i64, or two i32 with the low half first.
    pub fn i64(&mut self) -> i64 {
        match self.next() {
            (value, true) => value,
            (low, false) => i64::from(low as u32) | i64::from(self.i32()) << 32,
        }
    }
    /// A 64-bit argument that older C libraries align by a word of zero.
    pub fn i64_aligned(&mut self) -> i64 {
        let left = self.words.len().saturating_sub(self.at);
        if self.packed || (!self.wide() && left >= 3) {
            self.at += 1;
        }
        self.i64()
    }
    /// Whether the next argument is one i64.
    pub fn wide(&self) -> bool {
        self.words.get(self.at).is_some_and(|w| w.1)
    }
    /// How many arguments a direct call has; 0 for a packed one, which does not tell.
    pub fn count(&self) -> usize {
        if self.packed { 0 } else { self.words.len() }
    }
    /// The optional last argument: behind a pointer to the variable arguments, 0 when there is none.
    pub fn optional(&mut self, wasm: &WasmInstance) -> Result<i32> {
        if self.packed {
            return Ok(self.i32());
        }
        match self.u32() {
            0 => Ok(0),
            addr => wasm.read_i32(addr),
        }
    }
}

/// Runs a system call. `number`: as `__syscallN` has it, 0 for calls with names.
pub fn system_call(rt: &mut Runtime, args: &mut Args, number: i32, handler: Handler) -> Result {
    // The older of the two `__syscallN` forms repeats the number in front of the pointer.
    let packed = number != 0 && args.len() == 2 && args.i32(0) == number;
    let mut words = match packed {
        true => Words::packed(rt.wasm.memory(), args.u32(1)),
        false => Words::direct(args),
    };
    match handler(rt, &mut words) {
        Ok(value) => args.ret_i32(value),
        Err(Fail::Errno(errno)) => args.ret_i32(-rt.errno(errno)),
        Err(Fail::Unwind(unwind)) => Err(unwind),
    }
}

/// Runs a WASI call: 0, or an error number.
pub fn wasi_call(rt: &mut Runtime, args: &mut Args, handler: Handler) -> Result {
    match handler(rt, &mut Words::direct(args)) {
        Ok(value) => args.ret_i32(value),
        Err(Fail::Errno(errno)) => args.ret_i32(rt.errno(errno)),
        Err(Fail::Unwind(unwind)) => Err(unwind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ValRaw;
    use wasmer_types::{FunctionType, Type};

    fn words(types: &[Type], values: &[i64]) -> Words {
        let ty = FunctionType::new(types.to_vec(), vec![Type::I32]);
        let mut slots: Vec<ValRaw> = values.iter().map(|v| ValRaw::from_i64(*v)).collect();
        Words::direct(&Args::new(&mut slots, &ty, 0))
    }

    #[test]
    fn sixty_four_bits_in_every_form() {
        use Type::{I32, I64};
        // ftruncate64(fd, i64), (fd, low, high), (fd, zero, low, high)
        let mut w = words(&[I32, I64], &[3, 1 << 40]);
        assert_eq!((w.i32(), w.i64_aligned()), (3, 1 << 40));
        let mut w = words(&[I32, I32, I32], &[3, 7, 1]);
        assert_eq!((w.i32(), w.i64_aligned()), (3, (1 << 32) + 7));
        let mut w = words(&[I32, I32, I32, I32], &[3, 0, 7, 1]);
        assert_eq!((w.i32(), w.i64_aligned()), (3, (1 << 32) + 7));
        let block: Vec<u8> = [3i32, 0, -1, -1]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        let mut w = Words::packed(&block, 0);
        assert_eq!((w.i32(), w.i64_aligned(), w.i32()), (3, -1, 0));
        let mut w = Words::packed(&block, 1 << 20);
        assert_eq!(w.i32(), 0);
    }
}
