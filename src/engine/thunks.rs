//! Catchable host exceptions: a small wasm module between host functions and the modules that import them.
//!
//! wasmer's reverse trampolines have no unwind tables, so an exception cannot be thrown through them. A thunk is wasm:
//! it calls the host function, which gives an exception back as one more result, and throws it with `throw_ref`.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Module, TypeSection, ValType,
};
use wasmer_types::{FunctionType, Type};

/// The type of the host function behind a thunk of type `ty`: an `exnref` follows the results, null when all is well.
pub fn host_type(ty: &FunctionType) -> FunctionType {
    let results = ty.results().iter().copied().chain([Type::ExceptionRef]);
    FunctionType::new(ty.params().to_vec(), results.collect::<Vec<_>>())
}

/// A module that imports one host function for each of `types` and exports a thunk for each, in order, named by digits.
pub fn assemble(types: &[FunctionType]) -> Vec<u8> {
    let host_types: Vec<_> = types.iter().map(host_type).collect();
    let exports = types.iter().zip(0..).map(|(ty, import)| {
        let exception = ty.params().len() as u32;
        let mut body = Function::new([(1, ValType::EXNREF)]);
        call(&mut body, ty, import);
        // Without an exception the results are on the stack, and what leaves the outermost block returns them.
        body.instructions()
            .local_tee(exception)
            .ref_is_null()
            .br_if(0)
            .local_get(exception)
            .throw_ref()
            .end();
        (ty, body)
    });
    module(&host_types, exports)
}

/// A module that imports one function for each of `types` and exports a function for each, in order, that calls it.
pub fn forwarder(types: &[FunctionType]) -> Vec<u8> {
    let exports = types.iter().zip(0..).map(|(ty, import)| {
        let mut body = Function::new([]);
        call(&mut body, ty, import);
        body.instructions().end();
        (ty, body)
    });
    module(types, exports)
}

/// A module that imports one host function for each of `types`, and does nothing: importing them makes them ready for a table.
pub fn importer(types: &[FunctionType]) -> Vec<u8> {
    module(types, [])
}

/// Calls an import with all of the function's parameters.
fn call(body: &mut Function, ty: &FunctionType, import: u32) {
    for param in 0..ty.params().len() as u32 {
        body.instructions().local_get(param);
    }
    body.instructions().call(import);
}

/// A module of functions that it imports and of functions that it exports, named by digits.
fn module<'a>(
    imported: &[FunctionType],
    exported: impl IntoIterator<Item = (&'a FunctionType, Function)>,
) -> Vec<u8> {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    let (mut functions, mut exports) = (FunctionSection::new(), ExportSection::new());
    let mut code = CodeSection::new();
    for ty in imported {
        imports.import("", "", EntityType::Function(types.len()));
        signature(&mut types, ty);
    }
    for (ty, body) in exported {
        let at = functions.len();
        functions.function(types.len());
        signature(&mut types, ty);
        exports.export(&at.to_string(), ExportKind::Func, imports.len() + at);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&imports);
    if !functions.is_empty() {
        module.section(&functions).section(&exports).section(&code);
    }
    module.finish()
}

fn signature(types: &mut TypeSection, ty: &FunctionType) {
    let value_type = |ty: &Type| match ty {
        Type::I32 => ValType::I32,
        Type::I64 => ValType::I64,
        Type::F32 => ValType::F32,
        Type::F64 => ValType::F64,
        Type::V128 => ValType::V128,
        Type::FuncRef => ValType::FUNCREF,
        Type::ExternRef => ValType::EXTERNREF,
        Type::ExceptionRef => ValType::EXNREF,
    };
    let list = |types: &[Type]| types.iter().map(value_type).collect::<Vec<_>>();
    types.ty().function(list(ty.params()), list(ty.results()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compiled::compile;

    #[test]
    fn modules_of_every_shape_compile() {
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
        for wasm in [assemble(&types), importer(&types), forwarder(&types)] {
            let module = compile(&wasm).unwrap_or_else(|_| panic!("valid"));
            assert_eq!(module.info().num_imported_functions, 4);
        }
    }
}
