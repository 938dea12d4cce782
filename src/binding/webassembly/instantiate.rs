//! Instances: their imports linked, their start function run, their exports shown.

use super::call::{self, Import};
use super::module::module_of;
use super::realm::{ErrorKind, Realm};
use super::suspending;
use crate::binding::node_api::{Arguments, Env, Failure, Kind, Res, Value};
use crate::engine::store::{self, InstantiateError};
use crate::engine::vm::{self, Place};
use crate::webassembly::{CompiledModule, ValueKind, host_type};
use std::sync::Arc;
use wasmer_types::{ExternType, FunctionType, RawValue};
use wasmer_vm::VMExtern;

/// With so many exports, function objects are made when they are asked for: a program uses few of them.
const MANY: usize = 256;

/// `(realm, module, imports) -> [value, ...]` in the order of the exports: function objects, or numbers that name
/// the other kinds, and functions as well where there are many. An import is a JavaScript function, or the number of a wasm object; the module's own shared memories follow.
pub fn instantiate(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let module = module_of(env, a[1])?;
    let imports = link(realm, module, a[2])?;
    if module
        .info()
        .tables
        .values()
        .any(|table| table.minimum > MAX_TABLE)
    {
        return Err(realm.raise(
            ErrorKind::Range,
            "WebAssembly.Instance(): a table is larger than 10000000 elements",
        ));
    }
    if module.info().memories.len() > module.info().num_imported_memories {
        let room = realm.with(|store| store.check_memories("WebAssembly.Instance()"))?;
        if let Err(error) = room {
            return Err(realm.raise(ErrorKind::Range, &error.to_string()));
        }
    }
    let held = realm.enter()?;
    let outcome = start(realm, module, &imports);
    let stopped = realm.leave(held, !matches!(outcome, Ok(Ok(_))));
    match outcome? {
        Err(_) if stopped.is_some() => Err(realm.stopped(stopped)),
        Ok(exports) => {
            realm.report();
            show(realm, module, &exports)
        }
        Err(InstantiateError::Start(trap)) => Err(call::surface(realm, &trap)),
        Err(InstantiateError::Resource(message)) => Err(realm.raise(
            ErrorKind::Range,
            &format!("WebAssembly.Instance(): Out of memory: {message}"),
        )),
        Err(InstantiateError::Link(message)) => Err(realm.raise(
            ErrorKind::Link,
            &format!("WebAssembly.Instance(): {message}"),
        )),
    }
}

/// Makes the instance and runs its start function. The realm is held, so that it is not released meanwhile.
fn start(
    realm: &Realm,
    module: &Arc<CompiledModule>,
    imports: &[VMExtern],
) -> Res<Result<Vec<VMExtern>, InstantiateError>> {
    let made = realm.with(|store| {
        store.keep_module(module);
        let cap = store.memory_cap;
        // SAFETY: the code is kept.
        let made = unsafe {
            let engine = store.engine();
            engine.instantiate(&module.code, imports, &realm.calls_with, cap, true)
        }?;
        realm.interrupter.add(made.flag());
        Ok((made.exports, made.start))
    })?;
    let (exports, start) = match made {
        Ok(made) => made,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(start) = start {
        let mut none = [RawValue::default()];
        // SAFETY: the function is of the realm's store; it neither takes nor gives anything.
        let ran = unsafe { vm::enter(&realm.calls_with, start, none.as_mut_ptr()) };
        if let Err(trap) = ran {
            return Ok(Err(InstantiateError::Start(trap)));
        }
    }
    Ok(Ok(exports))
}

fn link(realm: &Realm, module: &CompiledModule, given: Value) -> Res<Vec<VMExtern>> {
    let env = realm.env;
    // Emscripten's `addFunction` wraps functions in small modules, through which watched code calls out as well.
    let beside = realm.with(|store| store.engine().tracker().is_some())?;
    let watched = beside || store::is_watched(module.info());
    let mut imports = Vec::new();
    let mut thunked = Vec::new();
    for (at, import) in module.info().imports().enumerate() {
        let value = env.get_index(given, at as u32)?;
        let found = match import.ty() {
            // An array holds a function that may suspend.
            ExternType::Function(ty)
                if env.is(value, Kind::Function) || env.is(value, Kind::Object) =>
            {
                let suspends = env.is(value, Kind::Object);
                let function = match suspends {
                    true => env.get_index(value, 0)?,
                    false => value,
                };
                let data = Import::new(realm, function, ty, module.exceptions, watched)?;
                let ty = if module.exceptions {
                    thunked.push((at, ty.clone()));
                    host_type(ty)
                } else {
                    ty.clone()
                };
                let (place, body): (_, vm::HostBody<Import>) = match (suspends, watched) {
                    (true, _) => (Place::Caller, suspending::suspending),
                    (false, true) => (Place::Thread, call::imported_watched),
                    (false, false) => (Place::Thread, call::imported),
                };
                Some(realm.with(|store| store.host_function(ty, place, body, data))?)
            }
            ExternType::Function(ty) => {
                let key = env.to_usize(value)?;
                let known = realm.with(|store| {
                    store
                        .function(key)
                        .map(|function| function.signature.clone())
                })?;
                if known.as_ref() != Some(ty) {
                    let what = "imported function does not match the expected type";
                    return Err(mismatch(realm, at, import.module(), import.name(), what));
                }
                realm.with(|store| store.external(import.ty(), key))?
            }
            other => {
                let key = env.to_usize(value)?;
                realm.with(|store| store.external(other, key))?
            }
        };
        match found {
            Some(found) => imports.push(found),
            None => return Err(realm.stale()),
        }
    }
    let put = realm.with(|store| {
        let engine = store.engine();
        engine.put_thunks(&module.code, &mut imports, &thunked)
    })?;
    put.map_err(|why| {
        let env = realm.env;
        env.throw_plain(&format!(
            "internal error in emvm: the thunks of imports: {why}"
        ))
    })?;
    Ok(imports)
}

/// The JavaScript API's own limit.
const MAX_TABLE: u32 = 10_000_000;

fn mismatch(realm: &Realm, at: usize, module: &str, name: &str, what: &str) -> Failure {
    realm.raise(
        ErrorKind::Link,
        &format!("WebAssembly.Instance(): Import #{at} \"{module}\" \"{name}\": {what}"),
    )
}

fn show(realm: &Realm, module: &CompiledModule, exports: &[VMExtern]) -> Res<Value> {
    let env = realm.env;
    let info = module.info();
    let own = realm.with(|store| {
        let (handle, at, count) = store.engine().own_function(info, exports)?;
        Some((store.name_function(handle), at, count))
    })?;
    if let Some((function, at, count)) = own {
        realm.note_functions(function, at, info.num_imported_functions, count);
    }
    let array = env.array(exports.len());
    for (at, export) in exports.iter().enumerate() {
        let value = match export {
            VMExtern::Function(handle) => {
                let function = realm.with(|store| store.name_function(*handle))?;
                match exports.len() >= MANY {
                    true => env.address(function.0.as_ptr() as usize),
                    false => realm.function_object(function)?,
                }
            }
            VMExtern::Memory(handle) => {
                env.address(realm.with(|store| store.name_memory(*handle))?.key())
            }
            VMExtern::Table(handle) => env.address(realm.with(|store| store.name_table(*handle))?),
            VMExtern::Global(handle) => {
                env.address(realm.with(|store| store.name_global(*handle))?)
            }
            VMExtern::Tag(handle) => env.address(realm.with(|store| store.name_tag(*handle))?),
        };
        env.set_index(array, at as u32, value)?;
    }
    Ok(array)
}

/// `(realm, address) -> function`: the function object of an export that [`instantiate`] gave as a number.
pub fn exported_function(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    match realm.with(|store| store.function_ref(key))? {
        Some(function) => realm.function_object(function),
        None => Err(realm.stale()),
    }
}

/// `(realm, address) -> [[params], [results]]`
pub fn function_type(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    let ty = realm.with(|store| {
        store
            .function(key)
            .map(|function| function.signature.clone())
    })?;
    let Some(ty): Option<FunctionType> = ty else {
        return Err(realm.stale());
    };
    let kinds = |types: &[wasmer_types::Type]| {
        env.list(types.iter().map(|ty| env.uint(ValueKind::from(*ty) as u32)))
    };
    env.list([kinds(ty.params())?, kinds(ty.results())?])
}
