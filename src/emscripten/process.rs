//! What a program knows of itself: its arguments, how it starts and how it ends.

use super::Runtime;
use crate::engine::{Raw, Unwind};

/// The name a program finds in `argv[0]`.
pub const PROGRAM: &str = "./this.program";

/// Process-like state of one instance.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// The last growth that was refused, in bytes: why a module that gives up now gave up.
    pub refused_growth: Option<u64>,
}

impl Runtime {
    /// Runs `main`, if the module has one, with `argv` made from `args`. Gives its status.
    pub fn run_main(&mut self, args: &[String]) -> Result<Option<i32>, Unwind> {
        let Some(main) = ["__main_argc_argv", "main"]
            .iter()
            .find_map(|name| self.wasm.export(name))
        else {
            return Ok(None);
        };
        let mut words = vec![PROGRAM];
        words.extend(args.iter().map(String::as_str));
        let mut pointers = Vec::new();
        for word in &words {
            pointers.push(self.stack_string(word)?);
        }
        let argv = self.stack_alloc((pointers.len() as u32 + 1) * 4)?;
        for (i, pointer) in pointers.iter().chain(&[0]).enumerate() {
            self.wasm.write_u32(argv + i as u32 * 4, *pointer)?;
        }
        let takes = self.wasm.type_of(main).map_or(2, |ty| ty.params().len());
        let all = [
            Raw::from_i32(words.len() as i32),
            Raw::from_u32(argv),
            Raw::from_u32(0),
        ];
        match self.call(main, &all[..takes.min(3)]) {
            Ok(status) => Ok(Some(status.i32())),
            Err(Unwind::KeepAlive) => Ok(None),
            Err(Unwind::Exit(status)) => Ok(Some(status)),
            Err(other) => Err(other),
        }
    }

    /// Room on the module's stack. It is given back when whoever calls restores the stack, or with the instance.
    pub fn stack_alloc(&mut self, bytes: u32) -> Result<u32, Unwind> {
        for name in ["stackAlloc", "_emscripten_stack_alloc"] {
            if let Some(func) = self.wasm.export(name) {
                return Ok(self.call(func, &[Raw::from_u32(bytes)])?.u32());
            }
        }
        self.malloc(bytes)
    }

    fn stack_string(&mut self, text: &str) -> Result<u32, Unwind> {
        let at = self.stack_alloc(text.len() as u32 + 1)?;
        let place = self.wasm.bytes_mut(at, text.len() as u32 + 1)?;
        place[..text.len()].copy_from_slice(text.as_bytes());
        place[text.len()] = 0;
        Ok(at)
    }

    /// Names the true cause: a module that gives up after growth was refused has run out of memory.
    pub fn explain(&mut self, unwind: Unwind) -> Unwind {
        match (unwind, self.process.refused_growth) {
            (Unwind::Abort(_) | Unwind::Cpp(_) | Unwind::Trap { .. }, Some(requested)) => {
                Unwind::OutOfMemory {
                    requested,
                    limit: self.wasm.max_bytes(),
                }
            }
            (other, _) => other,
        }
    }

    /// Forgets the instance, but not what the user set up: another one of the same program is about to be linked.
    pub fn reset(&mut self) {
        let js = self.js();
        self.functions.reset(&*js);
        self.wasm = crate::engine::Wasm::default();
        self.exceptions = Default::default();
        self.process = Process::default();
    }
}
