//! Errors that leave one call into a module and come back into another one further out.
//!
//! A C++ exception, a `longjmp` or an `exit` that passes a JavaScript function on its way is an error object there. When
//! that function lets it out into the module again, the module must see what it was.

use super::node_api::{Env, Kind, Value};
use super::sandbox::SandboxCell;
use crate::engine::Unwind;
use napi::sys;

const CPP: u64 = 1;
const LONG_JMP: u64 = 2;
const EXIT: u64 = 3;
const WASM_EXCEPTION: u64 = 4;

fn tag(cell: &SandboxCell, kind: u64) -> sys::napi_type_tag {
    let generation = cell.look(|instance| instance.generation()).unwrap_or(0);
    sys::napi_type_tag {
        lower: std::ptr::from_ref(cell) as u64,
        upper: generation << 8 | kind,
    }
}

/// Marks an error with what unwinds.
pub fn mark(env: Env, cell: &SandboxCell, unwind: &Unwind, error: Value) {
    let kind = match unwind {
        Unwind::Cpp(_) => CPP,
        Unwind::LongJmp => LONG_JMP,
        Unwind::Exit(_) => EXIT,
        Unwind::WasmException(Some(_)) => WASM_EXCEPTION,
        _ => return,
    };
    env.tag(error, tag(cell, kind));
}

/// What a JavaScript error was before it left this sandbox's module, in this generation.
pub fn restored(env: Env, cell: &SandboxCell, error: Value) -> Option<Unwind> {
    let is_object = env.is(error, Kind::Object);
    let is = |kind| is_object && env.is_tagged(error, tag(cell, kind));
    let number = |name: &std::ffi::CStr| match env.get_named(error, name) {
        Ok(value) => env.as_f64(value),
        Err(failed) => {
            env.exception_of(failed);
            None
        }
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
