//! Host functions that can throw, for modules that can catch.

use super::compiled::{CompileFailure, Compiled, compile};
use crate::engine::thunks::assemble;
pub use crate::engine::thunks::host_type;
use std::sync::Arc;
use wasmer_types::FunctionType;

/// A module that imports one host function for each of `types` and exports a thunk for each, in order.
pub fn compile_thunks(types: &[FunctionType]) -> Result<Arc<Compiled>, CompileFailure> {
    compile(&assemble(types))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmer_types::Type;

    #[test]
    fn thunks_of_every_shape_compile() {
        let all = [
            Type::I32,
            Type::I64,
            Type::F32,
            Type::F64,
            Type::FuncRef,
            Type::ExternRef,
        ];
        let types = [
            FunctionType::new([], []),
            FunctionType::new(all, [Type::F64]),
            FunctionType::new([Type::I32], all),
            FunctionType::new(vec![Type::I32; 200], [Type::I64]),
        ];
        let module = compile_thunks(&types).unwrap_or_else(|_| panic!("valid"));
        assert_eq!(module.info().num_imported_functions, 4);
    }
}
