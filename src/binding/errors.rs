//! From an [`Unwind`] to the error that JavaScript sees.

use super::crossing;
use super::node_api::{Env, Failed, Reference, TOO_LONG, TOO_LONG_CODE, Value};
use super::sandbox::SandboxCell;
use crate::engine::{TrapKind, Unwind};
use crate::instance::StartError;
use std::cell::RefCell;

thread_local! {
    /// `lib/base/errors.js` gives each thread its factory: `({ code, message, ...fields }) => Error`.
    static FACTORY: RefCell<Option<Reference>> = const { RefCell::new(None) };
}

pub fn set_factory(env: Env, function: Value) {
    FACTORY.set(Reference::new(env, function));
}

/// The factory's references must not outlive the environment.
pub fn clear_factory() {
    FACTORY.take();
}

/// An error of one of emvm's classes.
pub fn make(env: Env, code: &str, message: &str, fields: &[(&str, Value)]) -> Value {
    let made = || {
        let factory = FACTORY.with_borrow(|factory| factory.as_ref()?.value())?;
        let object = env.object();
        for (name, value) in fields {
            env.define(object, name, *value).ok()?;
        }
        env.define(object, "code", env.message(code)).ok()?;
        env.define(object, "message", env.message(message)).ok()?;
        match env.call(factory, &[object]) {
            Ok(error) => Some(error),
            Err(failed) => {
                env.exception_of(failed);
                None
            }
        }
    };
    made().unwrap_or_else(|| env.error_with_code(code, message))
}

/// The `imports` of a `MissingImportError`: `[{ module, name, signature }]`.
fn missing_imports(env: Env, imports: &[(String, String, String)]) -> Value {
    let describe = |(module, name, signature): &(String, String, String)| {
        let import = env.object();
        for (key, text) in [("module", module), ("name", name), ("signature", signature)] {
            env.define(import, key, env.message(text))?;
        }
        Ok(import)
    };
    let described: Result<Vec<_>, Failed> = imports.iter().map(describe).collect();
    let list = described.and_then(|list| env.list(list));
    list.unwrap_or_else(|_| env.undefined())
}

pub fn throw(env: Env, code: &str, message: &str) -> Failed {
    env.throw(make(env, code, message, &[]))
}

#[cold]
pub fn disposed(env: Env) -> Failed {
    let text = "the sandbox was disposed: open another one";
    throw(env, "EMVM_ERR_DISPOSED", text)
}

#[cold]
pub fn busy(env: Env, what: &str) -> Failed {
    let text = format!(
        "cannot {what}: the module is on the stack; do it after the running call has returned"
    );
    throw(env, "EMVM_ERR_BUSY", &text)
}

/// As much memory of past generations waits for requests as may: `isReady()` waits when it sees `inFlight`.
pub fn in_flight(env: Env) -> Failed {
    let text = "cannot recycle: requests under way (files, sockets, crypto, zlib) may still hold views of the memory of past \
        generations, and as much of it waits for them as may; use `await vm.isReady()`, which waits, or give requests copies";
    let fields = [("inFlight", env.boolean(true))];
    env.throw(make(env, "EMVM_ERR_BUSY", text, &fields))
}

/// Texts, as an array of strings.
pub fn texts(env: Env, texts: impl IntoIterator<Item = String>) -> Value {
    let list = texts
        .into_iter()
        .map(|text| env.message(&text))
        .collect::<Vec<_>>();
    env.list(list).unwrap_or_else(|_| env.undefined())
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
pub fn of_unwind(env: Env, cell: &SandboxCell, unwind: Unwind) -> Value {
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

fn describe(env: Env, cell: &SandboxCell, unwind: Unwind) -> Value {
    match unwind {
        Unwind::Js(key) => cell.take_js_error(key).unwrap_or_else(|| env.undefined()),
        Unwind::Script { class, message } => cell.script_error(class, &message),
        Unwind::Trap { kind, stack } => {
            let frames = stack.iter().map(ToString::to_string);
            let fields = [
                ("trap", env.message(trap_name(kind))),
                ("wasmStack", texts(env, frames)),
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
            let fields = [("status", env.number(f64::from(status)))];
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
                ("limit", env.number(limit as f64)),
                ("requested", env.number(requested as f64)),
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
            let fields = [("limit", env.number(limit as f64))];
            make(env, "EMVM_ERR_MEMORY", &message, &fields)
        }
        Unwind::NoStack(bytes) => {
            let message = format!(
                "the system refused {bytes} bytes for the stack of one more call: nest calls less deeply, or lower the `stack` option"
            );
            let fields = [("requested", env.number(bytes as f64))];
            make(env, "EMVM_ERR_MEMORY", &message, &fields)
        }
        Unwind::Timeout { limit, elapsed } => {
            let fields = [
                ("limit", env.number(limit)),
                ("elapsed", env.number(elapsed)),
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
            &[("interrupted", env.boolean(true))],
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
        Unwind::KeepAlive => env.undefined(),
        Unwind::StringTooLong => env.error_with_code(TOO_LONG_CODE, TOO_LONG),
        Unwind::MissingImport {
            module,
            name,
            signature,
        } => {
            let message = format!(
                "the module called {module}.{name}{signature}, an unresolved import: give it in the `imports` option, or use `host: 'glue'`"
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
                ("class", env.message(&class)),
                ("generation", env.number(generation as f64)),
                ("current", env.number(current as f64)),
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
            &[
                ("trap", env.message(trap_name(TrapKind::Other))),
                ("wasmStack", texts(env, Vec::new())),
            ],
        ),
    }
}

fn cpp(env: Env, cell: &SandboxCell, ptr: u32, note: Option<&str>) -> Value {
    let description = cell.describe_exception(ptr);
    let (type_name, what) = description.map_or((None, None), |d| (d.type_name, d.what));
    // Where the type cannot be read, the module may have words of its own for it.
    let (type_name, what) = match what {
        None => match cell.explain(ptr) {
            Some(text) => (type_name.or_else(|| cv_exception(&text)), Some(text)),
            None => (type_name, None),
        },
        what => (type_name, what),
    };
    let message = match (&what, &type_name, note) {
        (Some(what), ..) => what.clone(),
        (None, Some(name), _) => format!("C++ exception of type {name}"),
        (None, None, Some(note)) => note.to_owned(),
        (None, None, None) => format!("C++ exception at {ptr}"),
    };
    let type_value = type_name.map_or_else(|| env.undefined(), |name| env.message(&name));
    let fields = [("type", type_value), ("ptr", env.number(f64::from(ptr)))];
    make(env, "EMVM_ERR_CPP_EXCEPTION", &message, &fields)
}

/// What OpenCV's messages begin with: only `cv::Exception` has them.
fn cv_exception(text: &str) -> Option<String> {
    text.starts_with("OpenCV(")
        .then(|| "cv::Exception".to_owned())
}

/// The JavaScript value to throw for a start that failed.
pub fn of_start(cell: &SandboxCell, error: StartError) -> Value {
    let env = cell.env;
    match error {
        StartError::Missing(list) => {
            let imports = list
                .iter()
                .map(|(module, name, ty)| format!("{module}.{name}{ty}"))
                .collect::<Vec<_>>();
            let message = format!(
                "{} of the module's imports are unresolved: {}; give them in the `imports` option, or open the package's .js file, whose JavaScript has them",
                list.len(),
                imports.join(", ")
            );
            let fields = [("imports", missing_imports(env, &list))];
            make(env, "EMVM_ERR_MISSING_IMPORT", &message, &fields)
        }
        StartError::Mount { at, path, reason } => {
            let shown = path.display();
            let text = format!(
                "Option 'mounts['{at}'].path' is '{shown}', which cannot be mounted: {reason}."
            );
            let fields = [
                ("option", env.message(&format!("mounts['{at}'].path"))),
                ("value", env.message(&shown.to_string())),
                (
                    "accepted",
                    env.message("the path of a folder that can be mounted"),
                ),
            ];
            make(env, "EMVM_ERR_OPTION", &text, &fields)
        }
        StartError::Image(reason) => super::checkpoints::misfit(env, &reason),
        StartError::Link(text) => make(env, "EMVM_ERR_START", &text, &[]),
        StartError::Memory {
            text,
            requested,
            limit,
        } => {
            let limit = limit.map_or_else(|| env.undefined(), |bytes| env.number(bytes as f64));
            let fields = [
                ("limit", limit),
                ("requested", env.number(requested as f64)),
            ];
            make(env, "EMVM_ERR_MEMORY", &text, &fields)
        }
        StartError::System(error) => make(env, "EMVM_ERR_MEMORY", &error.to_string(), &[]),
        StartError::Unwound(unwind) => {
            let fields = [("cause", of_unwind(env, cell, unwind))];
            make(
                env,
                "EMVM_ERR_START",
                "the module's start-up failed",
                &fields,
            )
        }
    }
}
