//! Interruption points: a check at each function entry and loop header, so that any thread can stop wasm.
//!
//! The compiler takes the flag for an ordinary global: without a write to some global in between, it uses again what an
//! earlier point has read, and a loop would read the flag once, before it begins. So each point in a loop writes to a
//! second global that nobody reads. Globals are a class of memory of their own to the compiler: loads from linear memory
//! are optimised as before.

use parking_lot::Mutex;
use std::sync::Arc;
use wasmer::sys::wasmparser::{BlockType, Operator};
use wasmer::sys::{FunctionMiddleware, MiddlewareError, MiddlewareReaderState, ModuleMiddleware};
use wasmer_types::{
    ExportIndex, GlobalIndex, GlobalInit, GlobalType, LocalFunctionIndex, ModuleInfo, Mutability,
    Type,
};

/// The export under which the added flag is found. Not zero: trap at the next interruption point.
pub(super) const FLAG: &str = "emvm:interrupt";
/// The export under which the start function is found: emvm calls it itself, once host functions can reach the memory.
pub(super) const START: &str = "emvm:start";

/// The middleware. One per compilation: it remembers the globals it adds.
#[derive(Debug, Default)]
pub(super) struct InterruptionPoints {
    added: Mutex<Option<Added>>,
}

/// Indices of the added globals.
#[derive(Clone, Copy, Debug)]
struct Added {
    flag: GlobalIndex,
    written: GlobalIndex,
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
        let added = *self.added.lock();
        let index = |global: fn(Added) -> GlobalIndex| added.map_or(u32::MAX, |a| global(a).as_u32());
        Box::new(Points {
            flag: index(|a| a.flag),
            written: index(|a| a.written),
            entered: false,
        })
    }

    fn transform_module_info(&self, module: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let mut add = || {
            module.global_initializers.push(GlobalInit::I32Const(0));
            module.globals.push(GlobalType::new(Type::I32, Mutability::Var))
        };
        // The flag comes last: that is how it is found again.
        let (written, flag) = (add(), add());
        module
            .exports
            .insert(FLAG.into(), ExportIndex::Global(flag));
        if let Some(start) = module.start_function.take() {
            module
                .exports
                .insert(START.into(), ExportIndex::Function(start));
        }
        *self.added.lock() = Some(Added { flag, written });
        Ok(())
    }
}

#[derive(Debug)]
struct Points {
    flag: u32,
    written: u32,
    entered: bool,
}

impl Points {
    fn point<'a>(&self, state: &mut MiddlewareReaderState<'a>) {
        state.extend(&[
            Operator::GlobalGet {
                global_index: self.flag,
            },
            Operator::If {
                blockty: BlockType::Empty,
            },
            Operator::Unreachable,
            Operator::End,
        ]);
    }
}

impl<'a> FunctionMiddleware<'a> for Points {
    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        if !self.entered {
            self.entered = true;
            self.point(state);
        }
        let header = matches!(operator, Operator::Loop { .. });
        state.push_operator(operator);
        if header {
            self.point(state);
            state.extend(&[
                Operator::I32Const { value: 0 },
                Operator::GlobalSet {
                    global_index: self.written,
                },
            ]);
        }
        Ok(())
    }
}

/// The flag of a running instance, for other threads.
pub struct InterruptFlag(std::ptr::NonNull<std::sync::atomic::AtomicI32>);

// SAFETY: the flag is only accessed atomically. Whoever holds one forgets it before its store goes (see `Interrupter`).
unsafe impl Send for InterruptFlag {}

impl InterruptFlag {
    pub(super) fn new(global: std::ptr::NonNull<wasmer_vm::VMGlobalDefinition>) -> Self {
        Self(global.cast())
    }

    pub fn is_set(&self) -> bool {
        // SAFETY: as in `set`.
        unsafe { self.0.as_ref() }.load(std::sync::atomic::Ordering::Relaxed) != 0
    }

    /// Wasm traps at its next interruption point while the flag is set.
    pub fn set(&self, raised: bool) {
        // SAFETY: by the holder's promise the global is alive; it is an aligned i32 that wasm only reads.
        unsafe { self.0.as_ref() }.store(i32::from(raised), std::sync::atomic::Ordering::Relaxed);
    }
}
