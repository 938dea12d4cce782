//! The middleware that puts calls of the host function into the allocator's functions.
//!
//! A body is wrapped in a block, so that all ways out of it meet at the block's end; what the call is given lies below the
//! block on the operand stack. The call gives the result back, so no local is needed.
//!
//! ```text
//!   i32.const KIND  local.get 0  local.get 1  i32.const 0
//!   block (result i32)  ...the body; `return` becomes a branch to here...  end
//!   i32.const 0  call_indirect (table added) (i32 i32 i32 i32 i32) -> i32
//! ```

use super::{AllocatorKind, Event, HOOK, WatchedFunction};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use wasmer::sys::wasmparser::{BlockType, Operator, ValType};
use wasmer::sys::{FunctionMiddleware, MiddlewareError, MiddlewareReaderState, ModuleMiddleware};
use wasmer_types::{
    ExportIndex, FunctionType, LocalFunctionIndex, ModuleInfo, SignatureHash, Type,
};

/// The middleware. One per compilation.
#[derive(Debug)]
pub struct AllocationHooks {
    kinds: FxHashMap<u32, AllocatorKind>,
    added: Mutex<Option<Indices>>,
}

/// Indices of what was added to the module.
#[derive(Clone, Copy, Debug)]
struct Indices {
    signature: u32,
    table: u32,
}

impl AllocationHooks {
    pub fn new(watched: &[WatchedFunction]) -> Arc<Self> {
        Arc::new(Self {
            kinds: watched.iter().map(|w| (w.local, w.kind)).collect(),
            added: Mutex::default(),
        })
    }
}

/// `(event, a, b, c, result) -> result`
pub(super) fn signature() -> FunctionType {
    FunctionType::new([Type::I32; 5], [Type::I32])
}

impl ModuleMiddleware for AllocationHooks {
    fn generate_function_middleware<'a>(
        &self,
        function: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        let kind = self.kinds.get(&function.as_u32()).copied();
        match (kind, *self.added.lock()) {
            (Some(kind), Some(added)) => Box::new(WrappedFunction {
                kind,
                added,
                nesting: None,
            }),
            _ => Box::new(NoChange),
        }
    }

    fn transform_module_info(&self, module: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let ty = signature();
        let hash = SignatureHash::new(ty.signature_hash());
        let signature = module.signatures.push(ty);
        module.signature_hashes.push(hash);
        // The last table: see `with_table`.
        let table = module.tables.keys().next_back();
        let table = table
            .ok_or_else(|| MiddlewareError::new("allocations", "the added table is missing"))?;
        module
            .exports
            .insert(HOOK.into(), ExportIndex::Table(table));
        *self.added.lock() = Some(Indices {
            signature: signature.as_u32(),
            table: table.as_u32(),
        });
        Ok(())
    }
}

#[derive(Debug)]
struct NoChange;

impl<'a> FunctionMiddleware<'a> for NoChange {}

#[derive(Debug)]
struct WrappedFunction {
    kind: AllocatorKind,
    added: Indices,
    /// Open blocks of the body; `None` before its first operator.
    nesting: Option<u32>,
}

fn constant<'a>(value: i32) -> Operator<'a> {
    Operator::I32Const { value }
}

fn local<'a>(local_index: u32) -> Operator<'a> {
    Operator::LocalGet { local_index }
}

impl WrappedFunction {
    fn call<'a>(&self) -> [Operator<'a>; 2] {
        [
            constant(0),
            Operator::CallIndirect {
                type_index: self.added.signature,
                table_index: self.added.table,
            },
        ]
    }

    fn begin<'a>(&self, state: &mut MiddlewareReaderState<'a>) {
        let event = |event: Event| constant(event as i32);
        match self.kind {
            AllocatorKind::Free => {
                state.extend([event(Event::Free), local(0), constant(0), constant(0)]);
                state.push_operator(constant(0));
                state.extend(self.call());
                state.push_operator(Operator::Drop);
                return;
            }
            AllocatorKind::Malloc => {
                state.extend([event(Event::Malloc), local(0), constant(0), constant(0)]);
            }
            AllocatorKind::Calloc => {
                state.extend([event(Event::Calloc), local(0), local(1), constant(0)]);
            }
            AllocatorKind::Memalign => {
                state.extend([event(Event::Memalign), local(0), local(1), constant(0)]);
            }
            // What is known of the old block is asked for before the body frees it.
            AllocatorKind::Realloc => {
                state.extend([event(Event::Realloc), local(0), local(1)]);
                state.extend([event(Event::ReallocBegins), local(0)]);
                state.extend([constant(0), constant(0), constant(0)]);
                state.extend(self.call());
            }
            AllocatorKind::PosixMemalign => {
                state.extend([event(Event::PosixMemalign), local(2), local(1), local(0)]);
            }
        }
        state.push_operator(Operator::Block {
            blockty: BlockType::Type(ValType::I32),
        });
    }

    fn end<'a>(&self, state: &mut MiddlewareReaderState<'a>) {
        if self.kind != AllocatorKind::Free {
            state.push_operator(Operator::End);
            state.extend(self.call());
        }
    }
}

impl<'a> FunctionMiddleware<'a> for WrappedFunction {
    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        let nesting = match self.nesting {
            Some(nesting) => nesting,
            None => {
                self.begin(state);
                0
            }
        };
        let leaves = self.kind != AllocatorKind::Free;
        let out = Operator::Br {
            relative_depth: nesting,
        };
        self.nesting = Some(match &operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => nesting + 1,
            Operator::End if nesting > 0 => nesting - 1,
            Operator::End => {
                self.end(state);
                0
            }
            _ => nesting,
        });
        match operator {
            Operator::Return if leaves => state.push_operator(out),
            Operator::ReturnCall { function_index } if leaves => {
                state.extend([Operator::Call { function_index }, out]);
            }
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } if leaves => {
                let call = Operator::CallIndirect {
                    type_index,
                    table_index,
                };
                state.extend([call, out]);
            }
            other => state.push_operator(other),
        }
        Ok(())
    }
}
