//! Catchable host exceptions: a small wasm module between host functions and the modules that import them.
//!
//! wasmer's reverse trampolines have no unwind tables, so an exception cannot be thrown through them. A thunk is wasm:
//! it calls the host function, which gives an exception back as one more result, and throws it with `throw_ref`.

use wasmer_types::{FunctionType, Type};

/// The type of the host function behind a thunk of type `ty`: an `exnref` follows the results, null when all is well.
pub fn host_type(ty: &FunctionType) -> FunctionType {
    let results = ty.results().iter().copied().chain([Type::ExceptionRef]);
    FunctionType::new(ty.params().to_vec(), results.collect::<Vec<_>>())
}

/// A module that imports one host function for each of `types` and exports a thunk for each, in order, named by digits.
pub fn assemble(types: &[FunctionType]) -> Vec<u8> {
    let count = types.len() as u64;
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let mut signatures = leb(2 * count);
    for ty in types {
        signature(&mut signatures, ty);
        signature(&mut signatures, &host_type(ty));
    }
    section(&mut module, 1, &signatures);

    let mut imports = leb(count);
    for at in 0..count {
        imports.extend([0, 0, 0]);
        imports.extend(leb(2 * at + 1));
    }
    section(&mut module, 2, &imports);

    let mut functions = leb(count);
    for at in 0..count {
        functions.extend(leb(2 * at));
    }
    section(&mut module, 3, &functions);

    let mut exports = leb(count);
    for at in 0..count {
        let name = at.to_string();
        exports.extend(leb(name.len() as u64));
        exports.extend(name.as_bytes());
        exports.push(0);
        exports.extend(leb(count + at));
    }
    section(&mut module, 7, &exports);

    let mut code = leb(count);
    for (at, ty) in types.iter().enumerate() {
        let params = ty.params().len() as u64;
        // One local: the exception.
        let mut body = vec![1, 1, EXNREF];
        for param in 0..params {
            body.push(0x20);
            body.extend(leb(param));
        }
        body.push(0x10);
        body.extend(leb(at as u64));
        // local.tee exception; ref.is_null; br_if (return the results); local.get exception; throw_ref; end
        body.push(0x22);
        body.extend(leb(params));
        body.extend([0xd1, 0x0d, 0, 0x20]);
        body.extend(leb(params));
        body.extend([0x0a, 0x0b]);
        code.extend(leb(body.len() as u64));
        code.extend(body);
    }
    section(&mut module, 10, &code);
    module
}

/// A module that imports one function for each of `types` and exports a function for each, in order, that calls it.
pub fn forwarder(types: &[FunctionType]) -> Vec<u8> {
    let count = types.len() as u64;
    let mut module = importer(types);
    let (mut functions, mut exports, mut code) = (leb(count), leb(count), leb(count));
    for (at, ty) in (0..).zip(types) {
        functions.extend(leb(at));
        let name = at.to_string();
        exports.extend(leb(name.len() as u64));
        exports.extend(name.as_bytes());
        exports.push(0);
        exports.extend(leb(count + at));
        let mut body = vec![0];
        for param in 0..ty.params().len() as u64 {
            body.push(0x20);
            body.extend(leb(param));
        }
        body.push(0x10);
        body.extend(leb(at));
        body.push(0x0b);
        code.extend(leb(body.len() as u64));
        code.extend(body);
    }
    section(&mut module, 3, &functions);
    section(&mut module, 7, &exports);
    section(&mut module, 10, &code);
    module
}

/// A module that imports one host function for each of `types`, and does nothing: importing them makes them ready for a table.
pub fn importer(types: &[FunctionType]) -> Vec<u8> {
    let count = types.len() as u64;
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let (mut signatures, mut imports) = (leb(count), leb(count));
    for (at, ty) in types.iter().enumerate() {
        signature(&mut signatures, ty);
        imports.extend([0, 0, 0]);
        imports.extend(leb(at as u64));
    }
    section(&mut module, 1, &signatures);
    section(&mut module, 2, &imports);
    module
}

const EXNREF: u8 = 0x69;

fn type_byte(ty: Type) -> u8 {
    match ty {
        Type::I32 => 0x7f,
        Type::I64 => 0x7e,
        Type::F32 => 0x7d,
        Type::F64 => 0x7c,
        Type::V128 => 0x7b,
        Type::FuncRef => 0x70,
        Type::ExternRef => 0x6f,
        Type::ExceptionRef => EXNREF,
    }
}

fn signature(out: &mut Vec<u8>, ty: &FunctionType) {
    out.push(0x60);
    for types in [ty.params(), ty.results()] {
        out.extend(leb(types.len() as u64));
        out.extend(types.iter().map(|ty| type_byte(*ty)));
    }
}

fn section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    out.extend(leb(content.len() as u64));
    out.extend(content);
}

fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
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
