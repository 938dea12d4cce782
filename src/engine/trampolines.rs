//! Host functions for the function table.
//!
//! wasm calls a host function through a trampoline that wasmer makes for the imports of a module. So a small module imports
//! functions of one type, and they go on from there to the program's table.

use super::compiled::compile;
use super::host_function::{HostFn, Hosts, host_function};
use super::store::{Handle, Store};
use super::{BoundedMap, Code, CompiledModule, Func, Owner, Tier, thunks};
use std::sync::{Arc, LazyLock};
use wasmer_types::{FunctionType, Type};
use wasmer_vm::{VMExtern, VMFunction};

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
        watched: wasm.tracker().is_some(),
    };
    let store = wasm.store.as_mut().ok_or("there is no module")?;
    let functions: Vec<_> = (first..first + BATCH)
        // SAFETY: by the promise of `Owner`: the owner stays in place longer than its store.
        .map(|index| unsafe { host_function(store, ty, function, index, &hosts) })
        .collect();
    let made = for_table(store, ty, functions, hosts.throws.is_some())?;
    if let Some(table) = store.tables.host() {
        table.know(&made);
    }
    Ok(made)
}

/// What stands for these host functions in the table.
fn for_table(
    store: &mut Store,
    ty: &FunctionType,
    functions: Vec<Handle<VMFunction>>,
    throws: bool,
) -> Result<Vec<Func>, String> {
    let imports: Vec<_> = functions.iter().copied().map(VMExtern::Function).collect();
    let types = vec![ty.clone(); BATCH as usize];
    if store.tier() == Tier::Baseline && passes_floats(ty) {
        let forwarders = store.small_instance(&forwarders(&types)?, &imports)?;
        return Ok(functions_of(store, forwarders));
    }
    if !throws {
        store.small_instance(&compile(&thunks::importer(&types))?, &imports)?;
        return Ok(functions
            .into_iter()
            .map(|function| store.func(function))
            .collect());
    }
    let thunks = store.small_instance(&compile(&thunks::assemble(&types))?, &imports)?;
    Ok(functions_of(store, thunks))
}

fn functions_of(store: &Store, exports: Vec<VMExtern>) -> Vec<Func> {
    let functions = exports.into_iter().filter_map(|export| match export {
        VMExtern::Function(function) => Some(store.func(function)),
        _ => None,
    });
    functions.collect()
}

/// Baseline code calls a function of a table in a way of its own (see `baseline`): such a one must be baseline code itself.
fn passes_floats(ty: &FunctionType) -> bool {
    let is_float = |ty: &Type| matches!(ty, Type::F32 | Type::F64);
    ty.params().iter().chain(ty.results()).any(is_float)
}

/// Baseline code that calls imports of these types. Kept, since each kind of function is made again and again.
fn forwarders(types: &[FunctionType]) -> Result<Arc<CompiledModule>, String> {
    static KNOWN: LazyLock<BoundedMap<Vec<u8>, Arc<CompiledModule>>> =
        LazyLock::new(|| BoundedMap::at_most(256));
    let wasm = thunks::forwarder(types);
    if let Some(compiled) = KNOWN.get(&wasm) {
        return Ok(compiled);
    }
    let code = Code::compile_baseline(&wasm, None)
        .ok_or("the baseline compiler refused a function for the table")?;
    let compiled = Arc::new(CompiledModule::of_code(
        code,
        &wasm,
        &blake3::hash(&wasm),
        None,
    ));
    KNOWN.insert(wasm, compiled.clone());
    Ok(compiled)
}
