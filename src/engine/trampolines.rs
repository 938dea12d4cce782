//! Host functions for the function table.
//!
//! wasm calls a host function through a trampoline that wasmer makes for the imports of a module. So a small module imports
//! functions of one type, and they go on from there to the program's table.

use super::compiled::compile;
use super::host_function::{HostFn, Hosts, host_function};
use super::{Func, Owner, thunks};
use wasmer_types::FunctionType;
use wasmer_vm::VMExtern;

/// How many functions one module carries.
pub const BATCH: u32 = 8;

/// Makes [`BATCH`] host functions that can be put into the function table, numbered from `first`.
pub fn table_functions<T: Owner>(
    owner: &mut T,
    ty: &FunctionType,
    function: HostFn<T>,
    first: u32,
) -> Result<Vec<Func>, String> {
    if ty.params().len() > 100 || ty.results().len() > 1 {
        return Err(
            "a function in the table takes at most 100 numbers and gives at most one".into(),
        );
    }
    let data: *mut T = owner;
    let wasm = owner.wasm();
    let hosts = Hosts {
        data,
        throws: wasm.throws.clone(),
        pace: wasm.pace.clone(),
        watched: wasm.recorder().is_some(),
    };
    let store = wasm.store.as_mut().ok_or("there is no module")?;
    let functions: Vec<_> = (first..first + BATCH)
        // SAFETY: by the promise of `Owner`: the owner stays in place longer than its store.
        .map(|index| unsafe { host_function(store, ty, function, index, &hosts) })
        .collect();
    let imports: Vec<_> = functions.iter().copied().map(VMExtern::Function).collect();
    let types = vec![ty.clone(); BATCH as usize];
    if hosts.throws.is_none() {
        store.small_instance(&compile(&thunks::importer(&types))?, &imports)?;
        return Ok(functions
            .into_iter()
            .map(|function| store.func(function))
            .collect());
    }
    let thunks = store.small_instance(&compile(&thunks::assemble(&types))?, &imports)?;
    let functions = thunks.into_iter().filter_map(|thunk| match thunk {
        VMExtern::Function(function) => Some(store.func(function)),
        _ => None,
    });
    Ok(functions.collect())
}
