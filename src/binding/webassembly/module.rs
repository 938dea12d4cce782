//! Modules and instances.

use super::call::{self, Import};
use super::realm::{ErrorKind, Realm};
use super::suspending;
use crate::binding::node_api::{Arguments, Env, Failure, Kind, Res, Value};
use crate::engine::Cache;
use crate::engine::store::{self, InstantiateError};
use crate::engine::vm::{self, Place};
use crate::webassembly::{
    CompileFailure, CompiledModule, ExternKind, ValueKind, compile_kept, host_type, known, validate,
};
use std::sync::Arc;
use wasmer_types::{ExternType, FunctionType, RawValue};
use wasmer_vm::VMExtern;

pub fn module_of<'a>(env: Env, value: Value) -> Res<&'a Arc<CompiledModule>> {
    // SAFETY: `lib/webassembly` passes the external that compiling gave it and keeps it.
    unsafe { env.from_external::<Arc<CompiledModule>>(value) }
}

pub fn module_validate(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.boolean(validate(&env.bytes(a[0])?)))
}

/// `(bytes) -> module`, when they were compiled before and still are; else undefined. Nobody writes the bytes meanwhile.
pub fn module_known(env: Env, a: &Arguments) -> Res<Value> {
    match env.with_bytes(a[0], known)? {
        Some(module) => env.external(module),
        None => Ok(env.undefined()),
    }
}

/// `(module) -> boolean`: whether its code came from the cache.
pub fn module_from_cache(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.boolean(module_of(env, a[0])?.from_cache))
}

/// `(bytes, cache, original) -> module`, or `[why]` for what did not compile; followed by the bytes, as an
/// ArrayBuffer, when they use the first encoding of exceptions; or `[why, undefined, true]` for what is not run here.
/// `cache`: folder of compiled code; undefined: the user's own; empty: none. `original`: what the bytes were translated from.
pub fn module_compile(env: Env, a: &Arguments) -> Res<Value> {
    let (bytes, source) = (env.bytes(a[0])?, Source::of(env, a[1], a[2])?);
    settle(env, source.compile(&bytes), &bytes)
}

/// Where compiled code is kept, and under which name.
struct Source {
    cache: Option<Cache>,
    original: Option<Vec<u8>>,
}

impl Source {
    fn of(env: Env, cache: Value, original: Value) -> Res<Self> {
        let folder = match env.kind(cache) {
            Kind::String => Some(env.to_string(cache)?),
            _ => None,
        };
        let original = match env.kind(original) {
            Kind::Object => Some(env.bytes(original)?),
            _ => None,
        };
        Ok(Self {
            cache: Cache::chosen(folder.as_deref()),
            original,
        })
    }
    fn compile(&self, bytes: &[u8]) -> Result<Arc<CompiledModule>, CompileFailure> {
        let original = self.original.as_deref().unwrap_or(bytes);
        compile_kept(bytes, original, self.cache.as_ref())
    }
}

fn settle(
    env: Env,
    outcome: Result<Arc<CompiledModule>, CompileFailure>,
    bytes: &[u8],
) -> Res<Value> {
    match outcome {
        Ok(module) => env.external(module),
        Err(CompileFailure::Invalid(message)) => env.list([env.message(&message)]),
        Err(CompileFailure::LegacyExceptions(message)) => {
            env.list([env.message(&message), env.array_buffer(bytes)?])
        }
        Err(CompileFailure::Refused(why)) => {
            env.list([env.message(why), env.undefined(), env.boolean(true)])
        }
    }
}

/// `(bytes, cache, original, done)`: calls `done` with what `module_compile` would have given.
pub fn module_compile_async(env: Env, a: &Arguments) -> Res<Value> {
    let (bytes, source) = (env.bytes(a[0])?, Source::of(env, a[1], a[2])?);
    let done = env.keep(a[3])?;
    let work = move || {
        let outcome = source.compile(&bytes);
        (outcome, bytes)
    };
    env.in_background("emvm:compile", work, move |env, compiled| {
        let function = env.deref(done);
        env.forget(done);
        let (outcome, bytes) = compiled.unwrap_or_else(|| {
            let why = "the compiler failed on this module";
            (Err(CompileFailure::Invalid(why.into())), Vec::new())
        });
        let outcome = settle(env, outcome, &bytes)?;
        env.call(function?, &[outcome]).map(drop)
    })?;
    Ok(env.undefined())
}

/// `[module, name, kind, detail, ...]` of the imports; the detail of a global is its type, plus 16 when mutable.
pub fn module_imports(env: Env, a: &Arguments) -> Res<Value> {
    let module = module_of(env, a[0])?;
    let info = module.info();
    let imports = info
        .imports()
        .filter(|import| !vm::is_own_memory(import.module()))
        .collect::<Vec<_>>();
    let mut flat = Vec::with_capacity(imports.len() * 4);
    for import in &imports {
        let detail = match import.ty() {
            ExternType::Global(ty) => {
                ValueKind::from(ty.ty) as u32 | u32::from(ty.mutability.is_mutable()) << 4
            }
            _ => 0,
        };
        flat.extend([
            env.string(import.module())?,
            env.string(import.name())?,
            env.uint(kind_of(import.ty()) as u32),
            env.uint(detail),
        ]);
    }
    env.list(flat)
}

/// `[minimum, maximum, ...]` of the shared memories of a module's own: whoever instantiates it gives them after its imports.
pub fn module_own_memories(env: Env, a: &Arguments) -> Res<Value> {
    let module = module_of(env, a[0])?;
    let mut flat = Vec::new();
    for import in module.info().imports() {
        if let ExternType::Memory(ty) = import.ty()
            && vm::is_own_memory(import.module())
        {
            let maximum = ty.maximum.unwrap_or(wasmer_types::Pages::max_value());
            flat.extend([env.uint(ty.minimum.0), env.uint(maximum.0)]);
        }
    }
    env.list(flat)
}

/// `[name, kind, ...]` of the exports.
pub fn module_exports(env: Env, a: &Arguments) -> Res<Value> {
    let module = module_of(env, a[0])?;
    let exports = module
        .info()
        .exports()
        .filter(|export| !store::is_internal(export.name()))
        .collect::<Vec<_>>();
    let mut flat = Vec::with_capacity(exports.len() * 2);
    for export in &exports {
        flat.extend([
            env.string(export.name())?,
            env.uint(kind_of(export.ty()) as u32),
        ]);
    }
    env.list(flat)
}

pub fn module_custom_sections(env: Env, a: &Arguments) -> Res<Value> {
    let module = module_of(env, a[0])?;
    let name = env.to_string(a[1])?;
    let mut sections = Vec::new();
    for (_, section) in module.sections.iter().filter(|(known, _)| *known == name) {
        sections.push(env.array_buffer(section)?);
    }
    env.list(sections)
}

fn kind_of(ty: &ExternType) -> ExternKind {
    match ty {
        ExternType::Function(_) => ExternKind::Function,
        ExternType::Table(_) => ExternKind::Table,
        ExternType::Memory(_) => ExternKind::Memory,
        ExternType::Global(_) => ExternKind::Global,
        ExternType::Tag(_) => ExternKind::Tag,
    }
}

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
