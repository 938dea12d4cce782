//! Errors that leave one call into a module and come back into another one further out.
//!
//! A C++ exception, a `longjmp` or an `exit` that passes a JavaScript function on its way is an error object there. When
//! that function lets it out into the module again, the module must see what it was.

use super::raw::get;
use super::sandbox::SandboxCell;
use crate::engine::Unwind;
use napi::sys;

const CPP: u64 = 1;
const LONG_JMP: u64 = 2;
const EXIT: u64 = 3;
const WASM_EXCEPTION: u64 = 4;

fn tag(cell: &SandboxCell, kind: u64) -> sys::napi_type_tag {
    let generation = cell.instance().map_or(0, |instance| instance.generation());
    sys::napi_type_tag {
        lower: std::ptr::from_ref(cell) as u64,
        upper: generation << 8 | kind,
    }
}

/// Marks an error with what unwinds.
pub fn mark(env: sys::napi_env, cell: &SandboxCell, unwind: &Unwind, error: sys::napi_value) {
    let kind = match unwind {
        Unwind::Cpp(_) => CPP,
        Unwind::LongJmp => LONG_JMP,
        Unwind::Exit(_) => EXIT,
        Unwind::WasmException(Some(_)) => WASM_EXCEPTION,
        _ => return,
    };
    // SAFETY: a live value of this environment. It fails for what is no object: then nothing is marked.
    unsafe { sys::napi_type_tag_object(env, error, &tag(cell, kind)) };
}

/// What a JavaScript error was before it left this sandbox's module, in this generation.
pub fn restored(env: sys::napi_env, cell: &SandboxCell, error: sys::napi_value) -> Option<Unwind> {
    let is_object = get!(napi_typeof, env, error) == Some(sys::ValueType::napi_object);
    let is = |kind| {
        is_object && get!(napi_check_object_type_tag, env, error, &tag(cell, kind)) == Some(true)
    };
    let number = |name: &std::ffi::CStr| {
        let value = get!(napi_get_named_property, env, error, name.as_ptr())?;
        get!(napi_get_value_double, env, value)
    };
    if is(CPP) {
        return Some(Unwind::Cpp(number(c"ptr")? as u32));
    }
    if is(WASM_EXCEPTION) {
        return Some(Unwind::WasmException(Some(number(c"ptr")? as u32)));
    }
    if is(EXIT) {
        return Some(Unwind::Exit(number(c"status")? as i32));
    }
    is(LONG_JMP).then_some(Unwind::LongJmp)
}
