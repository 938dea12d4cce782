//! Opening a source: reading and compiling off the main thread.

use crate::emscripten;
use crate::engine::{Cache, Progress};
use crate::program::{self, NameState, Program, ReadError, Reading, SourceFile};
use napi::bindgen_prelude::*;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// What to open.
#[napi(object)]
pub struct SourceSpec {
    pub path: Option<String>,
    pub bytes: Option<Uint8Array>,
    pub wasm_path: Option<String>,
    pub wasm_bytes: Option<Uint8Array>,
    /// Folder of compiled code; absent: the user's own; empty: none.
    pub cache: Option<String>,
}

/// A failure, for `lib/errors.js` to make an error of.
#[napi(object)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

/// A compiled program, shared by all sandboxes and threads of the process.
#[napi(js_name = "Program")]
pub struct ProgramHandle {
    pub(super) program: Arc<Program>,
}

struct Files {
    source: SourceFile,
    wasm: Option<SourceFile>,
    missing: Option<ReadError>,
}

pub struct OpenTask {
    files: Option<Files>,
    cache: Option<Cache>,
    progress: Option<Arc<ThreadsafeFunction<(String, f64, f64), ()>>>,
}

type Outcome = std::result::Result<Arc<Program>, Failure>;

impl Task for OpenTask {
    type Output = Outcome;
    type JsValue = Either<ProgramHandle, Failure>;

    fn compute(&mut self) -> Result<Self::Output> {
        let files = self
            .files
            .take()
            .ok_or_else(|| Error::from_reason("opened twice"))?;
        let progress = self.progress.take().map(|function| -> Box<Progress> {
            Box::new(move |phase, done, total| {
                let now = (phase.to_owned(), done as f64, total as f64);
                function.call(Ok(now), ThreadsafeFunctionCallMode::NonBlocking);
                true
            })
        });
        let cache = self.cache.as_ref();
        // A file that a parser or the compiler cannot cope with must not take the process down.
        let opened = catch_unwind(AssertUnwindSafe(|| open(files, cache, progress)));
        Ok(opened.unwrap_or_else(|panic| {
            let text = super::sandbox::panic_text(&*panic);
            Err(Failure {
                code: "EMVM_ERR_INVALID_WASM".into(),
                message: format!("emvm failed on this file, please report it: {text}"),
            })
        }))
    }

    fn resolve(&mut self, _: Env, outcome: Self::Output) -> Result<Self::JsValue> {
        Ok(match outcome {
            Ok(program) => Either::A(ProgramHandle { program }),
            Err(failure) => Either::B(failure),
        })
    }
}

fn open(files: Files, cache: Option<&Cache>, progress: Option<Box<Progress>>) -> Outcome {
    let reading = match files.missing {
        Some(error) => Err(error),
        None => read(&files.source, files.wasm),
    };
    let reading = reading.map_err(failure)?;
    Program::get(reading, cache, progress).map_err(|e| Failure {
        code: "EMVM_ERR_INVALID_WASM".into(),
        message: e.to_string(),
    })
}

pub(super) fn read(
    source: &SourceFile,
    wasm: Option<SourceFile>,
) -> std::result::Result<Reading, ReadError> {
    let host = program::Host {
        is_native: &|name| emscripten::answer(name).is_some(),
        provides: &super::facade_provides,
        is_live: &program::glue::is_live_name,
    };
    program::read(source, wasm, host)
}

fn failure(error: ReadError) -> Failure {
    let code = match &error {
        ReadError::InvalidWasm { .. } | ReadError::UnsupportedFeature { .. } => {
            "EMVM_ERR_INVALID_WASM"
        }
        _ => "EMVM_ERR_SOURCE",
    };
    Failure {
        code: code.into(),
        message: error.to_string(),
    }
}

/// Reads and compiles a source. `onProgress` is called with phase, done and total while compiling.
#[napi(ts_return_type = "Promise<Program | Failure>")]
pub fn open_program(
    spec: SourceSpec,
    on_progress: Option<ThreadsafeFunction<(String, f64, f64), ()>>,
) -> AsyncTask<OpenTask> {
    let cache = match spec.cache.as_deref() {
        None => Cache::of_user(),
        Some("") => None,
        Some(folder) => Some(Cache::at(folder)),
    };
    AsyncTask::new(OpenTask {
        files: Some(files(&spec)),
        cache,
        progress: on_progress.map(Arc::new),
    })
}

fn files(spec: &SourceSpec) -> Files {
    let load = |path: &Option<String>, bytes: &Option<Uint8Array>| match (path, bytes) {
        (path, Some(bytes)) => Ok(Some(SourceFile {
            path: path.as_ref().map(Into::into),
            bytes: bytes.to_vec(),
        })),
        (Some(path), None) => SourceFile::load(Path::new(path)).map(Some),
        (None, None) => Ok(None),
    };
    let source = load(&spec.path, &spec.bytes);
    let wasm = load(&spec.wasm_path, &spec.wasm_bytes);
    match (source, wasm) {
        (Ok(source), Ok(wasm)) => Files {
            source: source.unwrap_or_default(),
            wasm,
            missing: None,
        },
        (Err(error), _) | (_, Err(error)) => Files {
            source: SourceFile::default(),
            wasm: None,
            missing: Some(error),
        },
    }
}

#[napi]
impl ProgramHandle {
    /// What the JavaScript side needs to know, as JSON.
    #[napi]
    pub fn facts(&self) -> String {
        facts(&self.program).to_string()
    }

    #[napi(getter)]
    pub fn compile_ms(&self) -> f64 {
        self.program.compile_time.as_secs_f64() * 1e3
    }

    #[napi(getter)]
    pub fn from_cache(&self) -> bool {
        self.program.from_cache
    }

    /// The bytes of the wasm.
    #[napi]
    pub fn wasm(&self) -> Buffer {
        self.program.reading().wasm.clone().into()
    }
}

fn facts(program: &Program) -> Value {
    let reading = program.reading();
    let glue = reading.glue.as_ref();
    let imports: Vec<Value> = reading
        .facts
        .function_imports()
        .map(|(import, signature)| {
            let name = program.import_name(&import.module, &import.name);
            let by = if emscripten::answer(&name).is_some() {
                "native"
            } else if program.js_imports().contains(&name) {
                "glue"
            } else {
                "nobody"
            };
            json!({ "module": import.module, "field": import.name, "name": name, "signature": signature.to_string(), "by": by })
        })
        .collect();
    let exports: Vec<Value> = reading
        .facts
        .exports
        .iter()
        .map(|export| json!({ "field": export.name, "name": program.export_name(&export.name), "item": item(&export.item) }))
        .collect();
    let fragment = glue.and_then(|g| g.fragment.as_ref()).map(|f| {
        let names: Vec<Value> = f.free_names.iter().map(|free| json!({ "name": free.name, "role": role(&free.role) })).collect();
        json!({
            "source": f.source, "freeNames": names, "hasPre": f.has_pre, "hasExtras": f.has_extras, "extrasAsync": f.extras_async, "isAsync": f.is_async,
        })
    });
    let memory = reading.facts.memories.first();
    json!({
        "key": blake3::Hash::from_bytes(reading.key).to_hex().as_str(),
        "imports": imports,
        "exports": exports,
        "jsImports": program.js_imports(),
        "emAsm": glue.map(|g| g.em_asm.clone()).unwrap_or_default(),
        "fragment": fragment,
        "moduleKeys": glue.map(|g| g.module_keys.clone()).unwrap_or_default(),
        "moduleOptions": glue.map(|g| g.module_options.clone()).unwrap_or_default(),
        "hasGlue": glue.is_some(),
        "minified": glue.and_then(|g| match &g.names { NameState::Minified { reason } => Some(reason.clone()), NameState::Recoverable => None }),
        "uses": glue.map(|g| json!({
            "asyncify": g.uses.asyncify, "pthreads": g.uses.pthreads, "dynamicLinking": g.uses.dynamic_linking,
            "embind": g.uses.embind,
        })),
        "shape": glue.map(|g| json!({ "modularize": g.shape.modularize, "esm": g.shape.esm, "commonjs": g.shape.commonjs })),
        "fastcomp": program.abi().fastcomp,
        "wasmOrigin": format!("{:?}", reading.wasm_origin),
        "versions": format!("{:?}", reading.versions),
        "versionMin": reading.versions.from,
        "versionMax": reading.versions.to,
        "assertions": glue.is_some_and(|g| g.evidence.assertions),
        "conventions": glue.map(|g| json!({
            "int64": g.evidence.int64.map(|kind| format!("{kind:?}")),
            "unsignedPointers": g.evidence.unsigned_pointers,
            "codePoints": g.evidence.code_points,
        })),
        "noInitialRun": glue.is_some_and(|g| g.evidence.no_initial_run),
        "linuxErrno": program.abi().linux_errno,
        "memory": memory.map(|m| json!({ "min": m.min, "max": m.max, "shared": m.shared, "memory64": m.memory64, "imported": m.imported })),
        "restorable": program.restorable().err(),
        "producers": reading.facts.producers,
        "targetFeatures": reading.facts.target_features,
        "hasNames": reading.facts.has_names,
        "wasmBytes": reading.wasm.len(),
    })
}

fn item(item: &program::wasm_facts::Item) -> Value {
    use program::wasm_facts::Item;
    match item {
        Item::Function(signature) => {
            json!({ "kind": "function", "signature": signature.to_string() })
        }
        Item::Memory(_) => json!({ "kind": "memory" }),
        Item::Table(_) => json!({ "kind": "table" }),
        Item::Global(global) => {
            json!({ "kind": "global", "mutable": global.mutable, "value": global.constant })
        }
        Item::Tag => json!({ "kind": "tag" }),
    }
}

fn role(role: &program::Role) -> Value {
    use program::Role;
    match role {
        Role::Module => json!("module"),
        Role::Provided(name) => json!({ "provided": name }),
        Role::Export(name) => json!({ "export": name }),
        Role::CommonJs(name) => json!({ "commonjs": name }),
        Role::Live => json!("live"),
        Role::ImportMeta => json!("import.meta"),
    }
}
