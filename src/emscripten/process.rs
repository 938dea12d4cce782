//! What a program knows of itself: its arguments, how it starts and how it ends.

use super::Runtime;
use crate::engine::{Result, TrapKind, Unwind, ValRaw};
use serde::{Deserialize, Serialize};

/// The name a program finds in `argv[0]`.
pub const PROGRAM: &str = "./this.program";

/// A mapping made by the host (up to 3.1.4; later the C library keeps the list).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Mapping {
    pub addr: u32,
    pub len: u32,
    pub flags: u32,
    /// -1 for memory that belongs to no file.
    pub fd: i32,
    pub offset: u64,
}

/// Process-like state of one instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Process {
    pub mappings: Vec<Mapping>,
    /// What the module set; `None` for the generation's default.
    pub umask: Option<u32>,
    /// Variables that the module set (`None`: removed), on top of the environment it was given.
    pub variables: Vec<(String, Option<String>)>,
    /// What `getenv` gave last, and where `__buildEnvironment` keeps its strings.
    pub getenv_memory: u32,
    pub environ_memory: Option<(u32, u32)>,
    /// Microseconds at the first `clock()`.
    pub clock_start: Option<u64>,
    pub zone_set: bool,
    /// Where `localtime` and `asctime` put their results.
    pub tm_memory: u32,
    /// Values of thread-specific keys; key `n` is at `n - 1`.
    pub thread_values: Vec<u32>,
    /// Functions to run at exit, with their arguments, of modules that leave the list to the host.
    pub at_exit: Vec<(u32, u32)>,
    /// The last growth that was refused, in bytes: why a module that gives up now gave up.
    pub refused_growth: Option<u64>,
}

impl Process {
    /// As `clone_from`, which would allocate lists anew.
    pub fn go_back(&mut self, was: &Process) {
        let Process {
            mappings,
            umask,
            variables,
            getenv_memory,
            environ_memory,
            clock_start,
            zone_set,
            tm_memory,
            thread_values,
            at_exit,
            refused_growth,
        } = was;
        self.mappings.clone_from(mappings);
        self.umask = *umask;
        self.variables.clone_from(variables);
        self.getenv_memory = *getenv_memory;
        self.environ_memory = *environ_memory;
        self.clock_start = *clock_start;
        self.zone_set = *zone_set;
        self.tm_memory = *tm_memory;
        self.thread_values.clone_from(thread_values);
        self.at_exit.clone_from(at_exit);
        self.refused_growth = *refused_growth;
    }
}

impl Runtime {
    pub fn umask(&self) -> u32 {
        self.process
            .umask
            .unwrap_or(if self.abi.applies_umask { 0o022 } else { 0o777 })
    }
    /// The bits that new files do not get.
    pub fn creation_mask(&self) -> u32 {
        if self.abi.applies_umask {
            self.umask()
        } else {
            0
        }
    }
    /// Runs `main`, if the module has one, with `argv` made from `args`. Gives its status.
    pub fn run_main(&mut self, args: &[String]) -> Result<Option<i32>> {
        let Some(main) = ["__main_argc_argv", "main"]
            .iter()
            .find_map(|name| self.wasm.export(name))
        else {
            return Ok(None);
        };
        // A main that takes no arguments gets none: its module may have no room to put them.
        let room = ["stackAlloc", "_emscripten_stack_alloc", "malloc"];
        let has_room = room.iter().any(|name| self.wasm.export(name).is_some());
        let mut words = vec![PROGRAM];
        words.extend(args.iter().map(String::as_str));
        words.truncate(if has_room { words.len() } else { 0 });
        let mut pointers = Vec::new();
        for word in &words {
            pointers.push(self.stack_string(word)?);
        }
        let mut argv = 0;
        if has_room {
            argv = self.stack_alloc((pointers.len() as u32 + 1) * 4)?;
            for (i, pointer) in pointers.iter().chain(&[0]).enumerate() {
                self.wasm.write_u32(argv + i as u32 * 4, *pointer)?;
            }
        }
        let takes = self.wasm.type_of(main).map_or(2, |ty| ty.params().len());
        let all = [
            ValRaw::from_i32(words.len() as i32),
            ValRaw::from_u32(argv),
            ValRaw::from_u32(0),
        ];
        match self.call(main, &all[..takes.min(3)]) {
            Ok(status) => {
                if self.abi.exit_runtime && !self.timers.keeps_alive() {
                    self.end_program()?;
                }
                Ok(Some(status.i32()))
            }
            Err(Unwind::KeepAlive) => Ok(None),
            Err(Unwind::Exit(status)) => Ok(Some(status)),
            Err(other) => Err(other),
        }
    }

    /// Room on the module's stack. It is given back when whoever calls restores the stack, or with the instance.
    pub fn stack_alloc(&mut self, bytes: u32) -> Result<u32> {
        for name in ["stackAlloc", "_emscripten_stack_alloc"] {
            if let Some(func) = self.wasm.export(name) {
                return Ok(self.call(func, &[ValRaw::from_u32(bytes)])?.u32());
            }
        }
        self.malloc(bytes)
    }

    fn stack_string(&mut self, text: &str) -> Result<u32> {
        let at = self.stack_alloc(text.len() as u32 + 1)?;
        let place = self.wasm.bytes_mut(at, text.len() as u32 + 1)?;
        place[..text.len()].copy_from_slice(text.as_bytes());
        place[text.len()] = 0;
        Ok(at)
    }

    /// Names the true cause: a module that gives up after growth was refused has run out of memory.
    pub fn explain(&mut self, unwind: Unwind) -> Unwind {
        let gave_up = match &unwind {
            Unwind::Abort(_) | Unwind::Cpp(_) | Unwind::WasmException(_) => true,
            // Null pointers are written through, or checked and followed by `__builtin_trap`.
            Unwind::Trap { kind, .. } => {
                matches!(kind, TrapKind::Unreachable | TrapKind::OutOfBounds)
            }
            _ => false,
        };
        let by_wasm = || self.wasm.linear().and_then(|linear| linear.refused());
        match self
            .process
            .refused_growth
            .or_else(by_wasm)
            .filter(|_| gave_up)
        {
            Some(requested) => Unwind::OutOfMemory {
                requested,
                limit: self.wasm.max_bytes(),
                aborted: matches!(unwind, Unwind::Abort(_)),
            },
            None => unwind,
        }
    }

    /// An outermost call begins: what it ends with has nothing to do with growth that an earlier one was refused.
    pub fn forget_refusals(&mut self) {
        self.process.refused_growth = None;
        if let Some(linear) = self.wasm.linear() {
            linear.forget_refusal();
        }
    }

    /// Forgets the instance, but not what the user set up: another one of the same program is about to be linked.
    pub fn reset(&mut self) {
        let js = self.js();
        self.functions.reset(&*js);
        self.wasm = self.wasm.vacant();
        self.embind.start_over(&*js);
        self.emval.start_over(&*js);
        self.exceptions = Default::default();
        self.process = Process::default();
        self.stop_timers();
        self.timers = Default::default();
        self.fs.reset();
    }
}
