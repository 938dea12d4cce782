//! Host functions for the function table.
//!
//! wasm calls a host function through a trampoline that wasmer makes for the imports of a module. So a small module
//! imports functions of one signature and puts them into a table of its own, from which they go on to the program's.

use super::exceptions;
use super::host_function::{HostFn, host_function};
use super::tunables::collect_tables;
use super::{Func, Owner};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::ptr::NonNull;
use wasmer::{Engine, FunctionType, Imports, Instance, Module, Type};
use wasmer_vm::VMCallerCheckedAnyfunc;

/// How many functions one module carries.
pub const BATCH: u32 = 8;

/// The compiled modules of one program, by signature.
#[derive(Debug, Default)]
pub(super) struct Trampolines {
    plain: Mutex<FxHashMap<FunctionType, Module>>,
    /// For programs that can catch exceptions.
    thunks: Mutex<FxHashMap<FunctionType, Module>>,
}

impl Trampolines {
    fn get(&self, engine: &Engine, ty: &FunctionType) -> Result<Module, String> {
        let mut known = self.plain.lock();
        if let Some(module) = known.get(ty) {
            return Ok(module.clone());
        }
        let bytes = bytes(ty)
            .ok_or("a function in the table takes at most 100 numbers and gives at most one")?;
        let module = Module::new(engine, bytes).map_err(|e| e.to_string())?;
        known.insert(ty.clone(), module.clone());
        Ok(module)
    }

    fn thunks(&self, engine: &Engine, ty: &FunctionType) -> Result<Module, String> {
        let mut known = self.thunks.lock();
        if let Some(module) = known.get(ty) {
            return Ok(module.clone());
        }
        let module = exceptions::compile(engine, &vec![ty.clone(); BATCH as usize])?;
        known.insert(ty.clone(), module.clone());
        Ok(module)
    }
}

/// Makes [`BATCH`] host functions that can be put into the function table, numbered from `first`.
pub fn table_functions<T: Owner>(
    owner: &mut T,
    ty: &FunctionType,
    function: HostFn<T>,
    first: u32,
) -> Result<Vec<Func>, String> {
    let data: *mut T = owner;
    let wasm = owner.wasm();
    let trampolines = wasm.trampolines.clone();
    let throws = wasm.throws.clone();
    let watched = wasm.site.is_some();
    let pace = wasm.pace.clone();
    let store = wasm.store.as_mut().ok_or("there is no module")?;
    if throws.is_some() {
        let hosts: Vec<_> = (0..BATCH)
            // SAFETY: as below.
            .map(|i| unsafe {
                host_function(
                    store.as_mut(),
                    ty,
                    function,
                    first + i,
                    throws.clone(),
                    pace.clone(),
                    data,
                    watched,
                )
            })
            .map(|(external, _)| external)
            .collect();
        let module = trampolines.thunks(store.engine(), ty)?;
        let linked = exceptions::link(store, &module, &hosts)?;
        return Ok(linked.into_iter().map(|(_, func)| func).collect());
    }
    let module = trampolines.get(store.engine(), ty)?;
    let mut imports = Imports::new();
    for i in 0..BATCH {
        // SAFETY: by the promise of `Owner`: the owner stays in place longer than its store.
        let (external, _) = unsafe {
            host_function(
                store.as_mut(),
                ty,
                function,
                first + i,
                None,
                pace.clone(),
                data,
                watched,
            )
        };
        imports.define("e", &i.to_string(), external);
    }
    let (made, tables) = collect_tables(|| Instance::new(store.as_mut(), &module, &imports));
    made.map_err(|e| e.to_string())?;
    // SAFETY: the table has so many entries, and both live as long as the store.
    let entries = tables.first().map(|(_, table)| unsafe {
        std::slice::from_raw_parts(
            table.as_ref().base.cast::<*mut VMCallerCheckedAnyfunc>(),
            BATCH as usize,
        )
    });
    let functions = entries
        .into_iter()
        .flatten()
        .map(|entry| NonNull::new(*entry).map(Func));
    functions
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| "a trampoline module lacks a function".to_owned())
}

fn code(ty: &Type) -> Option<u8> {
    Some(match ty {
        Type::I32 => 0x7f,
        Type::I64 => 0x7e,
        Type::F32 => 0x7d,
        Type::F64 => 0x7c,
        _ => return None,
    })
}

/// The module: one type, [`BATCH`] imports of it named by digits, a table that they fill.
fn bytes(ty: &FunctionType) -> Option<Vec<u8>> {
    if ty.params().len() > 100 || ty.results().len() > 1 {
        return None;
    }
    let list = |types: &[Type]| -> Option<Vec<u8>> {
        let mut out = vec![types.len() as u8];
        for ty in types {
            out.push(code(ty)?);
        }
        Some(out)
    };
    let batch = BATCH as u8;
    let types = [vec![1, 0x60], list(ty.params())?, list(ty.results())?].concat();
    let mut imports = vec![batch];
    // One active segment at 0 of the table: `i32.const 0; end`.
    let mut elements = vec![1, 0, 0x41, 0, 0x0b, batch];
    for i in 0..batch {
        imports.extend([1, b'e', 1, b'0' + i, 0, 0]);
        elements.push(i);
    }
    let table = vec![1, 0x70, 1, batch, batch];
    let mut out = b"\0asm\x01\0\0\0".to_vec();
    for (id, section) in [(1, types), (2, imports), (4, table), (9, elements)] {
        // All sections are shorter than 128 bytes: one byte of length.
        out.extend([id, section.len() as u8]);
        out.extend(section);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_valid() {
        let all = [Type::I32, Type::I64, Type::F32, Type::F64];
        for results in [&[][..], &[Type::I32], &[Type::F64]] {
            let bytes = bytes(&FunctionType::new(all, results)).expect("describable");
            wasmparser::validate(&bytes).expect("valid");
        }
        assert!(bytes(&FunctionType::new([Type::V128], [])).is_none());
    }

    #[test]
    fn the_longest_signature_fits() {
        let bytes =
            bytes(&FunctionType::new(vec![Type::I32; 100], [Type::I32])).expect("describable");
        wasmparser::validate(&bytes).expect("valid");
    }
}
