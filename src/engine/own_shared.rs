//! Shared memories of a module's own become imports: the host makes them, over bytes of V8's.

use super::vm::OWN_MEMORY;
use wasmer::sys::wasmparser::Operator;
use wasmer::sys::{FunctionMiddleware, MiddlewareError, MiddlewareReaderState, ModuleMiddleware};
use wasmer_types::entity::EntityRef;
use wasmer_types::{ImportIndex, ImportKey, LocalFunctionIndex, MemoryIndex, ModuleInfo};

/// The middleware. The imports come last, in the order of the memories; a module whose own memories are not all shared is
/// refused before it is compiled.
#[derive(Debug, Default)]
pub(super) struct OwnShared;

impl ModuleMiddleware for OwnShared {
    fn generate_function_middleware<'a>(
        &self,
        _: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        Box::new(NoChange)
    }

    fn transform_module_info(&self, module: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let own = module.num_imported_memories..module.memories.len();
        let is_shared = |at: &usize| module.memories[MemoryIndex::new(*at)].shared;
        if !own.clone().all(|at| is_shared(&at)) {
            return Ok(());
        }
        for at in own {
            let key = ImportKey {
                module: OWN_MEMORY.into(),
                field: at.to_string(),
                import_idx: module.imports.len() as u32,
            };
            module
                .imports
                .insert(key, ImportIndex::Memory(MemoryIndex::new(at)));
            module.num_imported_memories += 1;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct NoChange;

impl<'a> FunctionMiddleware<'a> for NoChange {
    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        state.push_operator(operator);
        Ok(())
    }
}
