//! From an [`Unwind`] to the error that JavaScript sees.

use super::crossing;
use super::node_api::{Env, Failure, Reference, TOO_LONG, TOO_LONG_CODE, Value};
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
    let described: Result<Vec<_>, Failure> = imports.iter().map(describe).collect();
    let list = described.and_then(|list| env.list(list));
    list.unwrap_or_else(|_| env.undefined())
}

pub fn throw(env: Env, code: &str, message: &str) -> Failure {
    env.throw(make(env, code, message, &[]))
}

#[cold]
pub fn disposed(env: Env) -> Failure {
    let text = "the sandbox was disposed: open another one";
    throw(env, "EMVM_ERR_DISPOSED", text)
}

#[cold]
pub fn busy(env: Env, what: &str) -> Failure {
    let text = format!(
        "cannot {what}: the module is on the stack; do it after the running call has returned"
    );
    throw(env, "EMVM_ERR_BUSY", &text)
}

/// As much memory of past generations waits for requests as may: `isReady()` waits when it sees `inFlight`.
pub fn in_flight(env: Env) -> Failure {
    let text = "cannot recycle: requests under way (files, sockets, crypto, zlib) may still hold views of the memory of past \
        generations, and as much of it waits for them as may; use `await vm.isReady()`, which waits, or give requests copies";
    let fields = [("inFlight", env.boolean(true))];
    env.throw(make(env, "EMVM_ERR_BUSY", text, &fields))
}

/// Texts, as an array of strings.
pub fn texts(env: Env, texts: Vec<String>) -> Value {
    let list = texts
        .into_iter()
        .map(|text| env.message(&text))
        .collect::<Vec<_>>();
    env.list(list).unwrap_or_else(|_| env.undefined())
}

/// The name of a trap, and what it says.
fn trap(kind: TrapKind) -> (&'static str, &'static str) {
    const DEEP: &str = "stack overflow: recursion too deep, or raise the `stack` option";
    match kind {
        TrapKind::Unreachable => (
            "unreachable",
            "the module reached code that must not be reached",
        ),
        TrapKind::OutOfBounds => ("out-of-bounds", "memory access out of bounds"),
        TrapKind::StackOverflow => ("stack-overflow", DEEP),
        TrapKind::IndirectCall => (
            "indirect-call",
            "indirect call to a null or wrongly typed function",
        ),
        TrapKind::Divide => ("divide", "division by zero"),
        TrapKind::IntegerOverflow => (
            "integer-overflow",
            "integer overflow in a division or conversion",
        ),
        TrapKind::BadConversion => (
            "bad-conversion",
            "a float has no integer of the wanted type",
        ),
        TrapKind::TableOutOfBounds => ("table-out-of-bounds", "table access out of bounds"),
        TrapKind::UnalignedAtomic => ("unaligned-atomic", "an atomic access is not aligned"),
        TrapKind::Other => ("other", "wasm trapped"),
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
    let trapped = |kind, frames| {
        let frames = texts(env, frames);
        vec![("trap", env.message(trap(kind).0)), ("wasmStack", frames)]
    };
    let (code, message, fields) = match unwind {
        Unwind::Js(key) => return cell.take_js_error(key).unwrap_or_else(|| env.undefined()),
        Unwind::Script { class, message } => return cell.script_error(class, &message),
        Unwind::KeepAlive => return env.undefined(),
        Unwind::StringTooLong => return env.error_with_code(TOO_LONG_CODE, TOO_LONG),
        Unwind::Cpp(ptr) => return cpp(env, cell, ptr, None),
        Unwind::WasmException(ptr) => {
            let note = "a wasm exception left the module";
            return cpp(env, cell, ptr.unwrap_or(0), Some(note));
        }
        Unwind::Trap { kind, stack } => {
            let frames = stack.iter().map(ToString::to_string).collect();
            let text = trap(kind).1.to_owned();
            ("EMVM_ERR_TRAP", text, trapped(kind, frames))
        }
        Unwind::Bug(text) => {
            let text = format!("a fault in emvm, please report it: {text}");
            ("EMVM_ERR_TRAP", text, trapped(TrapKind::Other, Vec::new()))
        }
        Unwind::Abort(text) => ("EMVM_ERR_ABORT", format!("Aborted({text})"), Vec::new()),
        Unwind::LongJmp => {
            let text = "longjmp left the module: nobody had called setjmp";
            ("EMVM_ERR_ABORT", text.to_owned(), Vec::new())
        }
        Unwind::Exit(status) => (
            "EMVM_ERR_EXIT",
            format!("the module called exit({status})"),
            vec![("status", env.int(status))],
        ),
        Unwind::OutOfMemory {
            requested,
            limit,
            aborted,
        } => {
            // What looks for Emscripten's own word finds it.
            let word = if aborted { "Aborted(OOM): " } else { "" };
            let text = format!(
                "{word}the module gave up for lack of memory: it asked for {requested} bytes, the limit is {limit}"
            );
            let (limit, requested) = (env.number(limit as f64), env.number(requested as f64));
            (
                "EMVM_ERR_MEMORY",
                text,
                vec![("limit", limit), ("requested", requested)],
            )
        }
        Unwind::TooMany { what, limit } => (
            "EMVM_ERR_MEMORY",
            format!(
                "the module made the host keep more than {limit} {what}, which is the most that one generation may have"
            ),
            vec![("limit", env.number(limit as f64))],
        ),
        Unwind::NoStack(bytes) => (
            "EMVM_ERR_MEMORY",
            format!(
                "the system refused {bytes} bytes for the stack of one more call: nest calls less deeply, or lower the `stack` option"
            ),
            vec![("requested", env.number(bytes as f64))],
        ),
        Unwind::Timeout { limit, elapsed } => (
            "EMVM_ERR_TIMEOUT",
            format!("the call ran for {elapsed:.0} ms, the limit is {limit} ms"),
            vec![
                ("limit", env.number(limit)),
                ("elapsed", env.number(elapsed)),
            ],
        ),
        Unwind::Interrupted => (
            "EMVM_ERR_TIMEOUT",
            "the call was interrupted".to_owned(),
            vec![("interrupted", env.boolean(true))],
        ),
        Unwind::MissingImport {
            module,
            name,
            signature,
        } => (
            "EMVM_ERR_MISSING_IMPORT",
            format!(
                "the module called {module}.{name}{signature}, an unresolved import: give it in the `imports` option, or use `host: 'glue'`"
            ),
            vec![(
                "imports",
                missing_imports(env, &[(module, name, signature)]),
            )],
        ),
        Unwind::Unsupported(text) => ("EMVM_ERR_UNSUPPORTED", text, Vec::new()),
        Unwind::Stale {
            class,
            generation,
            current,
        } => (
            "EMVM_ERR_STALE",
            format!(
                "this {class} belongs to generation {generation}, the sandbox is at {current}: make it anew after isReady()"
            ),
            vec![
                ("class", env.message(&class)),
                ("generation", env.number(generation as f64)),
                ("current", env.number(current as f64)),
            ],
        ),
    };
    make(env, code, &message, &fields)
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
    let (code, message, fields) = match error {
        StartError::Missing(list) => {
            let imports = list
                .iter()
                .map(|(module, name, ty)| format!("{module}.{name}{ty}"));
            let message = format!(
                "{} of the module's imports are unresolved: {}; give them in the `imports` option, or open the package's .js file, whose JavaScript has them",
                list.len(),
                imports.collect::<Vec<_>>().join(", ")
            );
            let fields = vec![("imports", missing_imports(env, &list))];
            ("EMVM_ERR_MISSING_IMPORT", message, fields)
        }
        StartError::Mount { at, path, reason } => {
            let shown = path.display();
            let text = format!(
                "Option 'mounts['{at}'].path' is '{shown}', which cannot be mounted: {reason}."
            );
            let accepted = "the path of a folder that can be mounted";
            let fields = vec![
                ("option", env.message(&format!("mounts['{at}'].path"))),
                ("value", env.message(&shown.to_string())),
                ("accepted", env.message(accepted)),
            ];
            ("EMVM_ERR_OPTION", text, fields)
        }
        StartError::Image(reason) => return super::checkpoints::misfit(env, &reason),
        StartError::Link(text) => ("EMVM_ERR_START", text, Vec::new()),
        StartError::Memory {
            text,
            requested,
            limit,
        } => {
            let limit = limit.map_or_else(|| env.undefined(), |bytes| env.number(bytes as f64));
            let requested = env.number(requested as f64);
            (
                "EMVM_ERR_MEMORY",
                text,
                vec![("limit", limit), ("requested", requested)],
            )
        }
        StartError::System(error) => ("EMVM_ERR_MEMORY", error.to_string(), Vec::new()),
        StartError::Unwound(unwind) => {
            let text = "the module's start-up failed".to_owned();
            (
                "EMVM_ERR_START",
                text,
                vec![("cause", of_unwind(env, cell, unwind))],
            )
        }
    };
    make(env, code, &message, &fields)
}
