//! Accesses that no memory is large enough for.
//!
//! Compiled code has no bounds checks where the address space behind a memory faults. V8 reserves exactly 8 GiB for a shared
//! memory, so an index and an offset near 4 GiB each reach past the end. Such an offset is out of bounds with every index: the
//! instruction is made to trap before it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wasmer::sys::wasmparser::{MemArg, Operator};
use wasmer::sys::{FunctionMiddleware, MiddlewareError, MiddlewareReaderState, ModuleMiddleware};
use wasmer_types::{LocalFunctionIndex, ModuleInfo};

/// Bytes that a 32-bit memory can have.
const MOST: u64 = 1 << 32;

macro_rules! arms {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*) )*) => {
        /// What of memory an instruction names.
        fn memarg(operator: &Operator) -> Option<MemArg> {
            $( arms!(@arm operator, $op $({ $($arg: $ty),* })?); )*
            None
        }
    };
    (@arm $operator:ident, $op:ident { memarg: $ty:ty $(, $rest:ident: $other:ty)* }) => {
        if let Operator::$op { memarg, .. } = $operator {
            return Some(*memarg);
        }
    };
    (@arm $($other:tt)*) => {};
}

wasmer::sys::wasmparser::for_each_operator!(arms);

/// Whether the access is out of bounds whatever its index.
fn is_far(memarg: &MemArg) -> bool {
    memarg.offset + (1 << memarg.max_align) > MOST
}

/// The middleware. One per compilation: it looks only at modules with a shared memory.
#[derive(Debug, Default)]
pub(super) struct FarAccesses {
    shared: Arc<AtomicBool>,
}

impl ModuleMiddleware for FarAccesses {
    fn generate_function_middleware<'a>(
        &self,
        _: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        Box::new(Writer {
            looks: self.shared.load(Ordering::Relaxed),
        })
    }

    fn transform_module_info(&self, module: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let shared = module.memories.values().any(|memory| memory.shared);
        self.shared.store(shared, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Debug)]
struct Writer {
    looks: bool,
}

impl<'a> FunctionMiddleware<'a> for Writer {
    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        if self.looks
            && let Some(memarg) = memarg(&operator).filter(is_far)
        {
            // An access behind the largest memory there can be, and within 8 GiB.
            let behind = MemArg {
                align: 2,
                max_align: 2,
                offset: MOST / 2,
                memory: memarg.memory,
            };
            state.extend(&[
                Operator::I32Const { value: -1 },
                Operator::I32Load { memarg: behind },
                Operator::Drop,
            ]);
        }
        state.push_operator(operator);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_memory_has_is_far() {
        let load = |offset, max_align| Operator::I64Load {
            memarg: MemArg {
                align: 0,
                max_align,
                offset,
                memory: 0,
            },
        };
        let far = |operator| memarg(&operator).is_some_and(|memarg| is_far(&memarg));
        assert!(!far(load(0xffff_fff8, 3)));
        assert!(far(load(0xffff_fff9, 3)));
        assert!(!far(load(0xffff_fff0, 4)));
        assert!(far(load(0xffff_fff1, 4)));
        assert!(!far(load(0xffff_ffff, 0)));
        assert!(!far(Operator::Nop));
        let store = Operator::V128Store64Lane {
            memarg: MemArg {
                align: 0,
                max_align: 3,
                offset: 0xffff_ffff,
                memory: 0,
            },
            lane: 1,
        };
        assert!(far(store));
    }
}
