//! Interruption checks in functions and loops (see [`checks`](super::checks)), so that any thread can stop wasm.
//!
//! The compiler takes a flag for an ordinary global: without a write to some global in between, it uses again what an
//! earlier check has read, and a loop would read its flag once, before it begins. So the checks of a function have flags
//! of their own, which rise together. Where a function has more loops than there are flags, the rest share one, and each
//! writes to a global that nobody reads before it begins. Globals are a class of memory of their own to the compiler:
//! loads from linear memory are optimised as before.

use super::checks::{Checks, FunctionChecks, LoopCheck, is_bulk};
use parking_lot::Mutex;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use wasmer::sys::wasmparser::{BlockType, Operator};
use wasmer::sys::{FunctionMiddleware, MiddlewareError, MiddlewareReaderState, ModuleMiddleware};
use wasmer_types::{
    ExportIndex, GlobalInit, GlobalType, LocalFunctionIndex, ModuleInfo, Mutability, Type,
};
use wasmer_vm::VMGlobalDefinition;

/// The export under which the first of the added flags is found. Not zero: trap at the next interruption check.
pub(super) const FLAG: &str = "emvm:interrupt";
/// The export under which the start function is found: emvm calls it itself, once host functions can reach the memory.
pub(super) const START: &str = "emvm:start";

/// How many flags there are.
pub(super) const FLAGS: u32 = 64;

/// The middleware. One per compilation: it remembers the globals it adds.
#[derive(Debug, Default)]
pub(super) struct InterruptionChecks {
    checks: Arc<Checks>,
    added: Mutex<Option<Indices>>,
}

/// Indices of the added globals: [`FLAGS`] from `flag` on.
#[derive(Clone, Copy, Debug)]
struct Indices {
    written: u32,
    flag: u32,
}

impl InterruptionChecks {
    pub(super) fn new(checks: Checks) -> Arc<Self> {
        Arc::new(Self {
            checks: Arc::new(checks),
            added: Mutex::default(),
        })
    }
}

impl ModuleMiddleware for InterruptionChecks {
    fn generate_function_middleware<'a>(
        &self,
        function: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        // wasmer describes the module before it walks over functions; an index that no global has is refused.
        let nowhere = Indices {
            written: u32::MAX,
            flag: u32::MAX - FLAGS,
        };
        Box::new(Writer {
            globals: self.added.lock().unwrap_or(nowhere),
            checks: self.checks.function(function.as_u32()).cloned(),
            begun: false,
            loops: 0,
            frames: vec![None],
            flags: 0,
        })
    }

    fn transform_module_info(&self, module: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let mut add = || {
            module.global_initializers.push(GlobalInit::I32Const(0));
            module
                .globals
                .push(GlobalType::new(Type::I32, Mutability::Var))
        };
        // The flags come last: that is how they are found again.
        let (written, flag) = (add(), add());
        for _ in 1..FLAGS {
            add();
        }
        module
            .exports
            .insert(FLAG.into(), ExportIndex::Global(flag));
        if let Some(start) = module.start_function.take() {
            module
                .exports
                .insert(START.into(), ExportIndex::Function(start));
        }
        *self.added.lock() = Some(Indices {
            written: written.as_u32(),
            flag: flag.as_u32(),
        });
        Ok(())
    }
}

/// Writes the checks of one function.
#[derive(Debug)]
struct Writer {
    globals: Indices,
    /// `None`: every check.
    checks: Option<FunctionChecks>,
    begun: bool,
    /// Loops so far.
    loops: usize,
    /// Of each open block, the counted loop that it is, and its flag.
    frames: Vec<Option<Counter>>,
    /// Flags taken so far.
    flags: u32,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    local: u32,
    mask: u32,
    flag: u32,
}

impl Writer {
    fn entry(&self) -> bool {
        self.checks.as_ref().is_none_or(|checks| checks.entry)
    }

    fn before_calls(&self) -> bool {
        self.checks.as_ref().is_some_and(|checks| checks.calls)
    }

    fn before_stretches(&self) -> bool {
        self.checks.as_ref().is_none_or(|checks| checks.stretches)
    }

    fn next_loop(&mut self) -> LoopCheck {
        let checks = self.checks.as_ref();
        let check = checks.and_then(|checks| checks.loops.get(self.loops).copied());
        self.loops += 1;
        check.unwrap_or(LoopCheck::Header)
    }

    /// A flag that no other check of the function reads; or the last, which the compiler must take for changed. What is
    /// written differs each time: writing what is there already would be left out.
    fn flag<'a>(&mut self, state: &mut MiddlewareReaderState<'a>) -> u32 {
        let last = FLAGS - 1;
        if self.flags >= last {
            state.extend(&[
                Operator::I32Const {
                    value: self.flags as i32,
                },
                Operator::GlobalSet {
                    global_index: self.globals.written,
                },
            ]);
        }
        let flag = self.globals.flag + self.flags.min(last);
        self.flags += 1;
        flag
    }

    /// A check of its own.
    fn check<'a>(&mut self, state: &mut MiddlewareReaderState<'a>) {
        let flag = self.flag(state);
        look(flag, state);
    }

    fn back(&self, depth: u32) -> Option<Counter> {
        let at = self.frames.len().checked_sub(1 + depth as usize)?;
        *self.frames.get(at)?
    }
}

fn look<'a>(flag: u32, state: &mut MiddlewareReaderState<'a>) {
    state.extend(&[
        Operator::GlobalGet { global_index: flag },
        Operator::If {
            blockty: BlockType::Empty,
        },
        Operator::Unreachable,
        Operator::End,
    ]);
}

/// Goes back to the beginning of a counted loop, with a look when it is time.
fn go_back<'a>(to: Counter, depth: u32, state: &mut MiddlewareReaderState<'a>) {
    state.extend(&[
        Operator::LocalGet {
            local_index: to.local,
        },
        Operator::I32Const {
            value: to.mask as i32,
        },
        Operator::I32And,
        Operator::BrIf {
            relative_depth: depth,
        },
    ]);
    look(to.flag, state);
    state.push_operator(Operator::Br {
        relative_depth: depth,
    });
}

impl<'a> FunctionMiddleware<'a> for Writer {
    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        if !self.begun {
            self.begun = true;
            if self.entry() {
                self.check(state);
            }
        }
        match operator {
            Operator::Loop { .. } => match self.next_loop() {
                LoopCheck::Header => {
                    let flag = self.flag(state);
                    self.frames.push(None);
                    state.push_operator(operator);
                    look(flag, state);
                }
                LoopCheck::Counted { local, mask } => {
                    let flag = self.flag(state);
                    self.frames.push(Some(Counter { local, mask, flag }));
                    state.push_operator(operator);
                }
                LoopCheck::None => {
                    self.frames.push(None);
                    state.push_operator(operator);
                }
            },
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                self.frames.push(None);
                state.push_operator(operator);
            }
            Operator::End => {
                self.frames.pop();
                state.push_operator(operator);
            }
            Operator::Br { relative_depth } => match self.back(relative_depth) {
                Some(to) => go_back(to, relative_depth, state),
                None => state.push_operator(operator),
            },
            Operator::BrIf { relative_depth } => match self.back(relative_depth) {
                Some(to) => {
                    // The compiler puts what stands after `else` next, so that a round has one jump taken, as before.
                    state.extend(&[
                        Operator::I32Eqz,
                        Operator::If {
                            blockty: BlockType::Empty,
                        },
                        Operator::Else,
                    ]);
                    go_back(to, relative_depth + 1, state);
                    state.push_operator(Operator::End);
                }
                None => state.push_operator(operator),
            },
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. }
                if self.before_calls() =>
            {
                self.check(state);
                state.push_operator(operator);
            }
            ref bulk if self.before_stretches() && is_bulk(bulk) => {
                self.check(state);
                state.push_operator(operator);
            }
            _ => state.push_operator(operator),
        }
        Ok(())
    }
}

/// The flags of a running instance, for other threads.
pub struct InterruptFlag(Box<[NonNull<AtomicI32>]>);

// SAFETY: the flags are only accessed atomically. Whoever holds one forgets it before its store goes (see `Interrupter`).
unsafe impl Send for InterruptFlag {}

impl InterruptFlag {
    pub(super) fn new(globals: impl IntoIterator<Item = NonNull<VMGlobalDefinition>>) -> Self {
        Self(globals.into_iter().map(NonNull::cast).collect())
    }

    pub fn is_set(&self) -> bool {
        // SAFETY: as in `set`.
        self.0
            .first()
            .is_some_and(|flag| unsafe { flag.as_ref() }.load(Ordering::Relaxed) != 0)
    }

    /// Wasm traps at its next interruption check while the flag is set.
    pub fn set(&self, raised: bool) {
        for flag in &self.0 {
            // SAFETY: by the holder's promise the globals are alive; each is an aligned i32 that wasm only reads.
            unsafe { flag.as_ref() }.store(i32::from(raised), Ordering::Relaxed);
        }
    }
}
