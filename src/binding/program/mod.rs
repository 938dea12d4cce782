//! Opening a source: reading and compiling off the main thread.

mod facts;

use crate::emscripten;
use crate::engine::{Cache, CompileError, Progress};
use crate::instance::files::{self, Stamp};
use crate::instance::{Compiling, OpenError, Program};
use crate::program::{self, Beside, NameState, ReadError, Reading, SourceFile};
use facts::facts;
use napi::bindgen_prelude::*;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

/// What to open.
#[napi(object)]
pub struct SourceSpec {
    pub path: Option<String>,
    pub bytes: Option<Uint8Array>,
    pub wasm_path: Option<String>,
    pub wasm_bytes: Option<Uint8Array>,
    /// The files around the source, where only Node.js can see them.
    pub beside: Option<Vec<NearbyFile>>,
    /// The wasm in an encoding that the engine takes, where its own is not.
    pub translated: Option<Uint8Array>,
    /// Its code is to tell of allocations.
    pub watched: Option<bool>,
    /// No recycle will bring better code later: it is waited for.
    pub settled: Option<bool>,
    /// It is to run: what no host runs is refused before it is compiled.
    pub runs: Option<bool>,
    /// Folder of compiled code; absent: the user's own; empty: none.
    pub cache: Option<String>,
}

/// A file that was read through Node.js.
#[napi(object)]
pub struct NearbyFile {
    pub path: String,
    pub bytes: Uint8Array,
}

/// A failure, for `lib/base/errors.js` to make an error of.
#[napi(object)]
pub struct Failure {
    pub code: String,
    pub message: String,
    /// The WebAssembly features that the engine lacks, when that is the failure.
    pub feature: Option<String>,
    /// What the source lacks, when that is the failure: `'file'` (one is not to be had from the disk), `'glue'` (it is
    /// other JavaScript), `'wasm'` (glue without its WebAssembly).
    pub lacks: Option<String>,
}

/// A compiled program, shared by all sandboxes and threads of the process.
#[napi(js_name = "Program")]
pub struct ProgramHandle {
    pub(super) program: Arc<Program>,
}

/// A source as the user gave it, its files not read yet.
struct SourceInput {
    path: Option<PathBuf>,
    bytes: Option<Vec<u8>>,
}

/// The cache folder, and why compiled code could not be kept there; once in a process.
#[napi(catch_unwind)]
pub fn unkept_code() -> Option<String> {
    crate::engine::take_unkept()
}

impl SourceInput {
    fn new(path: Option<String>, bytes: Option<Uint8Array>) -> Option<Self> {
        let given = Self {
            path: path.map(PathBuf::from),
            bytes: bytes.map(|b| b.to_vec()),
        };
        (given.path.is_some() || given.bytes.is_some()).then_some(given)
    }

    /// What identifies it without reading it.
    fn stamp(&self) -> Option<Stamp> {
        self.bytes.is_none().then_some(())?;
        Stamp::of(self.path.as_ref()?)
    }

    fn load(self) -> std::result::Result<SourceFile, ReadError> {
        match (self.path, self.bytes) {
            (path, Some(bytes)) => Ok(SourceFile {
                path,
                bytes,
                beside: None,
            }),
            (Some(path), None) => SourceFile::load(&path),
            (None, None) => Err(ReadError::Empty),
        }
    }
}

struct Request {
    source: Option<SourceInput>,
    wasm: Option<SourceInput>,
    beside: Option<Beside>,
    translated: Option<Vec<u8>>,
    how: Compiling,
    runs: bool,
    cache: Option<Cache>,
}

impl From<SourceSpec> for Request {
    fn from(spec: SourceSpec) -> Self {
        Self {
            source: SourceInput::new(spec.path, spec.bytes),
            wasm: SourceInput::new(spec.wasm_path, spec.wasm_bytes),
            beside: spec.beside.map(|files| {
                files
                    .into_iter()
                    .map(|file| (file.path.into(), file.bytes.to_vec()))
                    .collect()
            }),
            translated: spec.translated.map(|bytes| bytes.to_vec()),
            how: Compiling {
                watched: spec.watched.unwrap_or(false),
                glue: false,
                settled: spec.settled.unwrap_or(false),
            },
            runs: spec.runs.unwrap_or(false),
            cache: Cache::chosen(spec.cache.as_deref()),
        }
    }
}

impl Request {
    /// The stamps of all files it names; `None` when bytes were given instead.
    fn stamps(&self) -> Option<Vec<Stamp>> {
        self.source
            .iter()
            .chain(&self.wasm)
            .map(SourceInput::stamp)
            .collect()
    }

    fn read(self) -> std::result::Result<Reading, ReadError> {
        let mut source = self.source.ok_or(ReadError::Empty)?.load()?;
        source.beside = self.beside;
        let wasm = self.wasm.map(SourceInput::load).transpose()?;
        let host = program::Host {
            is_native: &|name| emscripten::answer(name).is_some(),
            provides: &super::facade_provides,
            is_live: &program::glue::is_live_name,
        };
        program::read(&source, wasm, host)
    }

    fn open(
        mut self,
        progress: Option<Arc<Progress>>,
    ) -> std::result::Result<Arc<Program>, OpenError> {
        // Files are remembered for what they are without being watched.
        let (how, runs) = (self.how, self.runs);
        let stamps = self.stamps().filter(|_| !how.watched);
        if let Some(known) = stamps.as_ref().and_then(|stamps| files::known(stamps)) {
            if how.settled {
                known.tiers().wait();
            }
            return Ok(known);
        }
        let (mut cache, translated) = (self.cache.take(), self.translated.take());
        if let Some(stamps) = &stamps {
            cache = cache.map(|cache| cache.reading(&files::place(stamps)));
        }
        // What else takes time and needs no JavaScript.
        super::lazy::find();
        let reading = self.read()?;
        if runs && let Some(why) = reading.refused() {
            return Err(OpenError::Refused(why));
        }
        let how = Compiling {
            glue: !runs_natively(&reading),
            ..how
        };
        let program = Program::get(
            reading,
            translated.as_deref(),
            how,
            cache.as_ref(),
            progress,
        )?;
        if let Some(stamps) = stamps {
            files::remember(stamps, &program);
        }
        Ok(program)
    }
}

/// Whether nothing is known that would keep the native host from running it; `lib/choose.js` decides.
fn runs_natively(reading: &Reading) -> bool {
    let answered = |name: &String| {
        let glue = reading.glue.as_ref();
        emscripten::answer(name).is_some() || glue.is_some_and(|g| g.js_imports.contains(name))
    };
    let glue = reading.glue.as_ref().is_none_or(|glue| {
        matches!(glue.names, NameState::Recoverable)
            && glue.shape.api.is_empty()
            && !glue.shape.wrapped
            && !glue.uses.asyncify
    });
    glue && reading.import_names.values().all(answered)
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let (code, feature) = match &error {
            OpenError::Read(ReadError::UnsupportedFeature { feature }) => {
                ("EMVM_ERR_INVALID_WASM", Some(feature.clone()))
            }
            OpenError::Read(ReadError::NoThread(_))
            | OpenError::Compile(CompileError::NoThread(_)) => ("EMVM_ERR_UNSUPPORTED", None),
            OpenError::Read(ReadError::InvalidWasm { .. }) | OpenError::Compile(_) => {
                ("EMVM_ERR_INVALID_WASM", None)
            }
            OpenError::Read(_) => ("EMVM_ERR_SOURCE", None),
            OpenError::NoAllocator | OpenError::Refused(_) => ("EMVM_ERR_UNSUPPORTED", None),
        };
        let lacks = match &error {
            OpenError::Read(ReadError::NotFound { .. } | ReadError::Unreadable { .. }) => {
                Some("file")
            }
            OpenError::Read(ReadError::NoGlue { .. }) => Some("glue"),
            OpenError::Read(ReadError::WasmMissing { .. }) => Some("wasm"),
            _ => None,
        };
        Failure {
            code: code.into(),
            message: error.to_string(),
            feature,
            lacks: lacks.map(str::to_owned),
        }
    }
}

/// Reads and compiles a source, on another thread.
pub struct OpenTask {
    request: Option<Request>,
    progress: Option<Arc<ThreadsafeFunction<(String, f64, f64), ()>>>,
}

fn once<T>(place: &mut Option<T>) -> Result<T> {
    place
        .take()
        .ok_or_else(|| Error::from_reason("a task runs once"))
}

impl Task for OpenTask {
    type Output = std::result::Result<Arc<Program>, Failure>;
    type JsValue = Either<ProgramHandle, Failure>;

    fn compute(&mut self) -> Result<Self::Output> {
        let request = once(&mut self.request)?;
        let progress = self.progress.take().map(|function| -> Arc<Progress> {
            Arc::new(move |phase, done, total| {
                let now = (phase.to_owned(), done as f64, total as f64);
                function.call(Ok(now), ThreadsafeFunctionCallMode::NonBlocking);
                true
            })
        });
        // A file that a parser or the compiler cannot cope with must not take the process down.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            request.open(progress).map_err(Failure::from)
        }));
        Ok(opened.unwrap_or_else(|panic| {
            let text = super::node_api::panic_text(&*panic);
            Err(Failure {
                code: "EMVM_ERR_INVALID_WASM".into(),
                message: format!("emvm failed on this file, please report it: {text}"),
                feature: None,
                lacks: None,
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

/// Reads and compiles a source. `onProgress` is called with phase, done and total while compiling.
#[napi(ts_return_type = "Promise<Program | Failure>", catch_unwind)]
pub fn open_program(
    spec: SourceSpec,
    on_progress: Option<ThreadsafeFunction<(String, f64, f64), ()>>,
) -> AsyncTask<OpenTask> {
    AsyncTask::new(OpenTask {
        request: Some(spec.into()),
        progress: on_progress.map(Arc::new),
    })
}

/// Waits for a program's optimised code, on another thread.
pub struct OptimiseTask(Arc<Program>);

impl Task for OptimiseTask {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        let optimised = catch_unwind(AssertUnwindSafe(|| self.0.optimise()));
        match optimised {
            Ok(done) => done.map_err(|e| Error::from_reason(e.to_string())),
            Err(_) => Err(Error::from_reason(
                "emvm failed on this file, please report it",
            )),
        }
    }

    fn resolve(&mut self, _: Env, (): ()) -> Result<()> {
        Ok(())
    }
}

/// Until the program has optimised code.
#[napi(ts_return_type = "Promise<void>", catch_unwind)]
pub fn optimise_program(program: &ProgramHandle) -> AsyncTask<OptimiseTask> {
    AsyncTask::new(OptimiseTask(program.program.clone()))
}

/// Reads the wasm of a source, on another thread, and compiles nothing.
pub struct ReadWasmTask(Option<Request>);

impl Task for ReadWasmTask {
    type Output = Vec<u8>;
    type JsValue = Buffer;

    fn compute(&mut self) -> Result<Self::Output> {
        let request = once(&mut self.0)?;
        // As when it is opened: no file takes the process down.
        match catch_unwind(AssertUnwindSafe(|| request.read())) {
            Ok(reading) => reading
                .map(|reading| Arc::unwrap_or_clone(reading.wasm))
                .map_err(|e| Error::from_reason(e.to_string())),
            Err(_) => Err(Error::from_reason(
                "emvm failed on this file, please report it",
            )),
        }
    }

    fn resolve(&mut self, _: Env, wasm: Self::Output) -> Result<Self::JsValue> {
        Ok(wasm.into())
    }
}

/// Whether a function of this text that warms a module up keeps nothing outside of it, as far as the text tells.
#[napi(catch_unwind)]
pub fn keeps_nothing_outside(text: String) -> bool {
    program::warm_up::keeps_nothing_outside(&text)
}

/// The bytes of the wasm of a source, compiled or not.
#[napi(ts_return_type = "Promise<Buffer>", catch_unwind)]
pub fn read_wasm(spec: SourceSpec) -> AsyncTask<ReadWasmTask> {
    AsyncTask::new(ReadWasmTask(Some(spec.into())))
}

#[napi]
impl ProgramHandle {
    /// What the JavaScript side needs to know, as JSON.
    #[napi(catch_unwind)]
    pub fn facts(&self) -> &str {
        self.program.facts(|program| facts(program).to_string())
    }

    /// The same of its exports.
    #[napi(catch_unwind)]
    pub fn exports(&self) -> String {
        facts::exports(&self.program).to_string()
    }

    /// The part of it that the native host needs to begin with: see [`facts::exported`].
    #[napi(catch_unwind)]
    pub fn exported(&self) -> &str {
        self.program
            .exported(|program| facts::exported(program).to_string())
    }

    /// Hash of what was read: the program's name in this process.
    #[napi(getter, catch_unwind)]
    pub fn key(&self) -> String {
        blake3::Hash::from_bytes(self.program.reading().key)
            .to_hex()
            .to_string()
    }

    #[napi(getter, catch_unwind)]
    pub fn compile_ms(&self) -> f64 {
        self.program.compile_time.as_secs_f64() * 1e3
    }

    /// How well the code is compiled that is there now: `'baseline'` or `'optimised'`.
    #[napi(getter, catch_unwind)]
    pub fn tier(&self) -> &'static str {
        self.program.tier().name()
    }

    /// Whether better code is being made.
    #[napi(getter, catch_unwind)]
    pub fn is_improving(&self) -> bool {
        !self.program.tiers().is_settled()
    }

    #[napi(getter, catch_unwind)]
    pub fn from_cache(&self) -> bool {
        self.program.from_cache
    }

    /// The bytes of the wasm.
    #[napi(catch_unwind)]
    pub fn wasm(&self) -> Buffer {
        self.program.reading().wasm.to_vec().into()
    }
}
