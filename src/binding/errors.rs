//! From an [`Unwind`] to the error that JavaScript sees.

use super::crossing;
use super::raw::{self, Reference, get};
use super::sandbox::SandboxCell;
use crate::engine::{TrapKind, Unwind};
use napi::sys;
use std::cell::RefCell;

thread_local! {
    /// `lib/errors.js` gives each thread its factory: `({ code, message, ...fields }) => Error`.
    static FACTORY: RefCell<Option<Reference>> = const { RefCell::new(None) };
}

pub fn set_factory(env: sys::napi_env, function: sys::napi_value) {
    FACTORY.set(Reference::new(env, function));
}

/// The factory's references must not outlive the environment.
pub fn clear_factory() {
    FACTORY.take();
}

/// An error of one of emvm's classes.
/// The `imports` of a `MissingImportError`: `[{ module, name, signature }]`.
pub fn missing_imports(
    env: sys::napi_env,
    imports: &[(String, String, String)],
) -> sys::napi_value {
    let described = imports.iter().map(|(module, name, signature)| {
        let import = raw::object(env);
        for (key, text) in [("module", module), ("name", name), ("signature", signature)] {
            raw::set(env, import, key, raw::string(env, text));
        }
        import
    });
    raw::array(env, described)
}

pub fn make(
    env: sys::napi_env,
    code: &str,
    message: &str,
    fields: &[(&str, sys::napi_value)],
) -> sys::napi_value {
    let object = raw::object(env);
    for (name, value) in fields {
        raw::set(env, object, name, *value);
    }
    let made = FACTORY.with_borrow(|factory| {
        let function = factory.as_ref()?.value()?;
        raw::set(env, object, "code", raw::string(env, code));
        raw::set(env, object, "message", raw::string(env, message));
        get!(
            napi_call_function,
            env,
            raw::undefined(env),
            function,
            1,
            &raw const object
        )
    });
    made.unwrap_or_else(|| {
        let (code, message) = (raw::string(env, code), raw::string(env, message));
        get!(napi_create_error, env, code, message).unwrap_or(std::ptr::null_mut())
    })
}

pub fn throw_value(env: sys::napi_env, error: sys::napi_value) {
    // SAFETY: a live value of this environment.
    unsafe { sys::napi_throw(env, error) };
}

pub fn throw(env: sys::napi_env, code: &str, message: &str) {
    throw_value(env, make(env, code, message, &[]));
}

fn trap_name(kind: TrapKind) -> &'static str {
    match kind {
        TrapKind::Unreachable => "unreachable",
        TrapKind::OutOfBounds => "out-of-bounds",
        TrapKind::StackOverflow => "stack-overflow",
        TrapKind::IndirectCall => "indirect-call",
        TrapKind::Divide => "divide",
        TrapKind::IntegerOverflow => "integer-overflow",
        TrapKind::BadConversion => "bad-conversion",
        TrapKind::TableOutOfBounds => "table-out-of-bounds",
        TrapKind::UnalignedAtomic => "unaligned-atomic",
        TrapKind::Other => "other",
    }
}

fn trap_text(kind: TrapKind) -> &'static str {
    match kind {
        TrapKind::Unreachable => "the module reached code that must not be reached",
        TrapKind::OutOfBounds => "memory access out of bounds",
        TrapKind::StackOverflow => {
            "stack overflow: recursion too deep, or raise the `stack` option"
        }
        TrapKind::IndirectCall => "indirect call to a null or wrongly typed function",
        TrapKind::Divide => "division by zero",
        TrapKind::IntegerOverflow => "integer overflow in a division or conversion",
        TrapKind::BadConversion => "a float has no integer of the wanted type",
        TrapKind::TableOutOfBounds => "table access out of bounds",
        TrapKind::UnalignedAtomic => "an atomic access is not aligned",
        TrapKind::Other => "wasm trapped",
    }
}

/// The JavaScript value to throw for an unwound call of a sandbox.
pub fn of_unwind(env: sys::napi_env, cell: &SandboxCell, unwind: Unwind) -> sys::napi_value {
    let marker = match &unwind {
        Unwind::Cpp(ptr) => Some(Unwind::Cpp(*ptr)),
        Unwind::WasmException(ptr) => Some(Unwind::WasmException(*ptr)),
        Unwind::Exit(status) => Some(Unwind::Exit(*status)),
        Unwind::LongJmp => Some(Unwind::LongJmp),
        _ => None,
    };
    let error = describe(env, cell, unwind);
    if let Some(unwind) = marker {
        crossing::mark(env, cell, &unwind, error);
    }
    error
}

fn describe(env: sys::napi_env, cell: &SandboxCell, unwind: Unwind) -> sys::napi_value {
    match unwind {
        Unwind::Js(key) => cell
            .take_js_error(key)
            .unwrap_or_else(|| raw::undefined(env)),
        Unwind::Script { class, message } => cell.script_error(env, class, &message),
        Unwind::Trap { kind, stack } => {
            let frames = stack
                .iter()
                .map(|frame| raw::string(env, &frame.to_string()));
            let fields = [
                ("trap", raw::string(env, trap_name(kind))),
                ("wasmStack", raw::array(env, frames)),
            ];
            make(env, "EMVM_ERR_TRAP", trap_text(kind), &fields)
        }
        Unwind::Abort(text) => {
            let message = if text.is_empty() {
                "Aborted()".to_owned()
            } else {
                format!("Aborted({text})")
            };
            make(env, "EMVM_ERR_ABORT", &message, &[])
        }
        Unwind::Exit(status) => {
            let fields = [("status", raw::number(env, f64::from(status)))];
            make(
                env,
                "EMVM_ERR_EXIT",
                &format!("the module called exit({status})"),
                &fields,
            )
        }
        Unwind::OutOfMemory {
            requested,
            limit,
            aborted,
        } => {
            let fields = [
                ("limit", raw::number(env, limit as f64)),
                ("requested", raw::number(env, requested as f64)),
            ];
            // What looks for Emscripten's own word finds it.
            let word = if aborted { "Aborted(OOM): " } else { "" };
            let message = format!(
                "{word}the module gave up for lack of memory: it asked for {requested} bytes, the limit is {limit}"
            );
            make(env, "EMVM_ERR_MEMORY", &message, &fields)
        }
        Unwind::TooMany { what, limit } => {
            let message = format!(
                "the module made the host keep more than {limit} {what}, which is the most that one generation may have"
            );
            let fields = [("limit", raw::number(env, limit as f64))];
            make(env, "EMVM_ERR_MEMORY", &message, &fields)
        }
        Unwind::NoStack(bytes) => {
            let message = format!(
                "the system refused {bytes} bytes for the stack of one more call: nest calls less deeply, or lower the `stack` option"
            );
            let fields = [("requested", raw::number(env, bytes as f64))];
            make(env, "EMVM_ERR_MEMORY", &message, &fields)
        }
        Unwind::Timeout { limit, elapsed } => {
            let fields = [
                ("limit", raw::number(env, limit)),
                ("elapsed", raw::number(env, elapsed)),
            ];
            make(
                env,
                "EMVM_ERR_TIMEOUT",
                &format!("the call ran for {elapsed:.0} ms, the limit is {limit} ms"),
                &fields,
            )
        }
        Unwind::Interrupted => make(
            env,
            "EMVM_ERR_TIMEOUT",
            "the call was interrupted",
            &[("interrupted", raw::boolean(env, true))],
        ),
        Unwind::Cpp(ptr) => cpp(env, cell, ptr, None),
        Unwind::WasmException(ptr) => cpp(
            env,
            cell,
            ptr.unwrap_or(0),
            Some("a wasm exception left the module"),
        ),
        Unwind::LongJmp => make(
            env,
            "EMVM_ERR_ABORT",
            "longjmp left the module: nobody had called setjmp",
            &[],
        ),
        Unwind::KeepAlive => raw::undefined(env),
        Unwind::MissingImport {
            module,
            name,
            signature,
        } => {
            let message = format!(
                "the module called {module}.{name}{signature}, which nobody answers: give it in the `imports` option, or use `host: 'glue'`"
            );
            make(
                env,
                "EMVM_ERR_MISSING_IMPORT",
                &message,
                &[(
                    "imports",
                    missing_imports(env, &[(module, name, signature)]),
                )],
            )
        }
        Unwind::Unsupported(text) => make(env, "EMVM_ERR_UNSUPPORTED", &text, &[]),
        Unwind::Stale {
            class,
            generation,
            current,
        } => {
            let fields = [
                ("class", raw::string(env, &class)),
                ("generation", raw::number(env, generation as f64)),
                ("current", raw::number(env, current as f64)),
            ];
            let message = format!(
                "this {class} belongs to generation {generation}, the sandbox is at {current}: make it anew after isReady()"
            );
            make(env, "EMVM_ERR_STALE", &message, &fields)
        }
        Unwind::Bug(text) => make(
            env,
            "EMVM_ERR_TRAP",
            &format!("a fault in emvm, please report it: {text}"),
            &[],
        ),
    }
}

fn cpp(env: sys::napi_env, cell: &SandboxCell, ptr: u32, note: Option<&str>) -> sys::napi_value {
    let description = cell.describe_exception(ptr);
    let (type_name, what) = description.map_or((None, None), |d| (d.type_name, d.what));
    let message = match (&what, &type_name, note) {
        (Some(what), ..) => what.clone(),
        (None, Some(name), _) => format!("C++ exception of type {name}"),
        (None, None, Some(note)) => note.to_owned(),
        (None, None, None) => format!("C++ exception at {ptr}"),
    };
    let type_value = type_name.map_or_else(|| raw::undefined(env), |name| raw::string(env, &name));
    let fields = [
        ("type", type_value),
        ("ptr", raw::number(env, f64::from(ptr))),
    ];
    make(env, "EMVM_ERR_CPP_EXCEPTION", &message, &fields)
}
