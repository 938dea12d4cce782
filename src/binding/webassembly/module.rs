//! Modules: compiling them, and what they say of themselves.

use crate::binding::node_api::{Arguments, Env, Kind, Res, Value};
use crate::engine::{Cache, store, vm};
use crate::webassembly::{
    CompileFailure, CompiledModule, ExternKind, ValueKind, compile_kept, known, validate,
};
use std::sync::Arc;
use wasmer_types::ExternType;

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
