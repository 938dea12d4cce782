//! Interruption points: a check at each function entry and loop header, so that any thread can stop wasm.
//!
//! The compiler takes a flag for an ordinary global: without a write to some global in between, it uses again what an
//! earlier point has read, and a loop would read its flag once, before it begins. So the points of a function have flags
//! of their own, which rise together. Where a function has more loops than there are flags, the rest share one, and
//! write to a global that nobody reads; that costs more than the check. Globals are a class of memory of their own to the
//! compiler: loads from linear memory are optimised as before.

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

/// The export under which the first of the added flags is found. Not zero: trap at the next interruption point.
pub(super) const FLAG: &str = "emvm:interrupt";
/// The export under which the start function is found: emvm calls it itself, once host functions can reach the memory.
pub(super) const START: &str = "emvm:start";

/// How many flags there are. One is for function entries.
pub(super) const FLAGS: u32 = 32;

/// The middleware. One per compilation: it remembers the globals it adds.
#[derive(Debug, Default)]
pub(super) struct InterruptionPoints {
    added: Mutex<Option<Added>>,
}

/// Indices of the added globals: [`FLAGS`] from `flag` on.
#[derive(Clone, Copy, Debug)]
struct Added {
    written: u32,
    flag: u32,
}

impl InterruptionPoints {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }
}

impl ModuleMiddleware for InterruptionPoints {
    fn generate_function_middleware<'a>(
        &self,
        _: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        // wasmer describes the module before it walks over functions; an index that no global has is refused.
        let nowhere = Added {
            written: u32::MAX,
            flag: u32::MAX - FLAGS,
        };
        Box::new(Points {
            globals: self.added.lock().unwrap_or(nowhere),
            made: 0,
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
        *self.added.lock() = Some(Added {
            written: written.as_u32(),
            flag: flag.as_u32(),
        });
        Ok(())
    }
}

#[derive(Debug)]
struct Points {
    globals: Added,
    /// Points of this function so far.
    made: u32,
}

impl Points {
    fn point<'a>(&mut self, state: &mut MiddlewareReaderState<'a>) {
        let shared = FLAGS - 1;
        state.extend(&[
            Operator::GlobalGet {
                global_index: self.globals.flag + self.made.min(shared),
            },
            Operator::If {
                blockty: BlockType::Empty,
            },
            Operator::Unreachable,
            Operator::End,
        ]);
        if self.made >= shared {
            state.extend(&[
                Operator::I32Const { value: 0 },
                Operator::GlobalSet {
                    global_index: self.globals.written,
                },
            ]);
        }
        self.made += 1;
    }
}

impl<'a> FunctionMiddleware<'a> for Points {
    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        if self.made == 0 {
            self.point(state);
        }
        let header = matches!(operator, Operator::Loop { .. });
        state.push_operator(operator);
        if header {
            self.point(state);
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

    /// Wasm traps at its next interruption point while the flag is set.
    pub fn set(&self, raised: bool) {
        for flag in self.0.iter() {
            // SAFETY: by the holder's promise the globals are alive; each is an aligned i32 that wasm only reads.
            unsafe { flag.as_ref() }.store(i32::from(raised), Ordering::Relaxed);
        }
    }
}
