//! Compiled code: one engine per program, so that dropping the program frees its code.

use super::allocations::{AllocationHooks, WatchedFunction, with_table};
use super::checks::Checks;
use super::far::FarAccesses;
use super::interruption::InterruptionChecks;
use super::own_shared::OwnShared;
use super::tiers::Tier;
use super::tunables::RecyclableTunables;
use super::workers::NoThread;
use super::{Bodies, CompiledModule};
use bytes::Bytes;
use parking_lot::Mutex;
use shared_buffer::OwnedBuffer;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use wasmer::sys::{CompilerConfig, Cranelift, EngineBuilder, Features, NativeEngineExt};
use wasmer::{Engine, Module};
use wasmer_compiler_singlepass::Singlepass;
use wasmer_types::{CompilationProgress, CompilationProgressCallback, UserAbort};

/// A compiled module with the engine it belongs to. Shared by all sandboxes and threads.
#[derive(Clone)]
pub struct Code {
    engine: Engine,
    module: Module,
    tier: Tier,
    /// The thunks of its function imports, when the module can catch exceptions, by which of them are host functions.
    pub(super) thunks: Arc<Mutex<Option<(Vec<usize>, Arc<CompiledModule>)>>>,
    /// Where they are known.
    pub(super) bodies: Option<Arc<Bodies>>,
}

/// Why there is no compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("{0}")]
    Refused(String),
    /// The system has no threads to compile with.
    #[error(transparent)]
    NoThread(#[from] NoThread),
}

/// Told while compiling: phase, done, total. Returning false gives up.
pub type Progress = dyn Fn(&str, u64, u64) -> bool + Send + Sync;

/// The release of wasmer that code is compiled with.
pub const WASMER_VERSION: &str = env!("EMVM_WASMER");
/// All that takes part in compiling, as `Cargo.lock` has it.
const COMPILER: &str = env!("EMVM_COMPILER");

/// How much more stack baseline code takes: it keeps all locals and intermediate values there.
const BASELINE_STACK: usize = 4;

/// The name and version of what compiles: part of the key of cached code, with the target's features.
pub fn fingerprint() -> String {
    let target = wasmer::sys::Target::default();
    let checks = if interruptible() { "5" } else { "5, none" };
    format!(
        "emvm {} {COMPILER} {} {:?} points {checks}",
        env!("CARGO_PKG_VERSION"),
        target.triple(),
        target.cpu_features()
    )
}

/// Whether code is compiled with interruption checks: always, but for measuring what they cost. `open` refuses `timeout`
/// without them.
fn interruptible() -> bool {
    std::env::var_os("EMVM_INTERRUPTION_POINTS").is_none_or(|value| value != "off")
}

/// An engine that compiles for this machine, with recyclable memories, and an interruption check wherever one may be
/// needed.
pub fn engine() -> Engine {
    engine_with(Checks::default(), None)
}

/// `hooks`: for code that tells of allocations.
fn engine_with(checks: Checks, hooks: Option<Arc<AllocationHooks>>) -> Engine {
    let mut compiler = Cranelift::default();
    if let Some(hooks) = hooks {
        compiler.push_middleware(hooks);
    }
    compiler.push_middleware(InterruptionChecks::new(checks));
    compiler.push_middleware(Arc::new(FarAccesses::default()));
    compiler.push_middleware(Arc::new(OwnShared));
    let mut features = Features::new();
    features.exceptions = true;
    features.relaxed_simd = true;
    features.tail_call = true;
    recyclable(EngineBuilder::new(compiler).set_features(Some(features)))
}

/// An engine that compiles in one pass. What that compiler lacks is no feature of it, so that such modules are refused.
fn baseline_engine(checks: Checks) -> Engine {
    let mut compiler = Singlepass::default();
    // As the other compiler and every JavaScript engine: the bits of a NaN are those of the processor.
    compiler.canonicalize_nans(false);
    compiler.push_middleware(InterruptionChecks::new(checks));
    let mut features = Features::none();
    features.reference_types = true;
    features.bulk_memory = true;
    features.multi_value = true;
    features.extended_const = true;
    recyclable(EngineBuilder::new(compiler).set_features(Some(features)))
}

fn recyclable(builder: EngineBuilder) -> Engine {
    let mut engine: Engine = builder.engine().into();
    engine.set_tunables(RecyclableTunables::new());
    engine
}

fn checks_of(wasm: &[u8]) -> Checks {
    match interruptible() {
        true => Checks::of(wasm),
        false => Checks::none(wasm),
    }
}

impl Code {
    pub fn compile(wasm: &[u8], progress: Option<Arc<Progress>>) -> Result<Self, CompileError> {
        Self::compile_on(wasm, None, progress)
    }

    /// Compiles as long as it is wanted.
    pub fn compile_while(
        wasm: &[u8],
        wanted: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Self, CompileError> {
        Self::compile(wasm, Some(Arc::new(move |_, _, _| wanted())))
    }

    /// Compiles with calls that tell of what these functions allocate and free.
    pub fn compile_watched(
        wasm: &[u8],
        watched: &[WatchedFunction],
        progress: Option<Arc<Progress>>,
    ) -> Result<Self, CompileError> {
        let hooks = AllocationHooks::new(watched);
        Self::compile_on(&with_table(wasm), Some(hooks), progress)
    }

    fn compile_on(
        wasm: &[u8],
        hooks: Option<Arc<AllocationHooks>>,
        progress: Option<Arc<Progress>>,
    ) -> Result<Self, CompileError> {
        super::budget::check(wasm).map_err(CompileError::Refused)?;
        super::workers::check()?;
        let engine = engine_with(checks_of(wasm), hooks);
        Self::compile_with(engine, Tier::Optimised, wasm, progress)
    }

    /// Compiles in one pass: in a tenth of the time, to slower code. `None` for modules that this cannot be done for; what is
    /// wrong with a module [`Code::compile`] says.
    pub fn compile_baseline(wasm: &[u8], progress: Option<Arc<Progress>>) -> Option<Self> {
        let refused = || super::budget::check(wasm).is_err() || super::workers::check().is_err();
        if !super::baseline::fits(wasm) || refused() {
            return None;
        }
        let compile = || {
            let engine = baseline_engine(checks_of(wasm));
            Self::compile_with(engine, Tier::Baseline, wasm, progress)
        };
        // It has places that it does not expect to get to.
        catch_unwind(AssertUnwindSafe(compile)).ok()?.ok()
    }

    fn compile_with(
        engine: Engine,
        tier: Tier,
        wasm: &[u8],
        progress: Option<Arc<Progress>>,
    ) -> Result<Self, CompileError> {
        let module = match progress {
            None => Module::new(&engine, wasm),
            Some(progress) => {
                let callback = move |now: CompilationProgress| {
                    let going = progress(
                        now.phase_name().unwrap_or("compile"),
                        now.phase_step().unwrap_or(0),
                        now.phase_step_count().unwrap_or(0),
                    );
                    if going {
                        Ok(())
                    } else {
                        Err(UserAbort::new("given up"))
                    }
                };
                engine.new_module_with_progress(wasm, CompilationProgressCallback::new(callback))
            }
        };
        let module = module.map_err(|e| CompileError::Refused(e.to_string()))?;
        Ok(Self {
            engine,
            module,
            tier,
            thunks: Arc::default(),
            bodies: None,
        })
    }

    /// The bytes that [`Code::load`] takes.
    pub fn save(&self) -> Result<Vec<u8>, CompileError> {
        Ok(self
            .module
            .serialize()
            .map_err(|e| CompileError::Refused(e.to_string()))?
            .to_vec())
    }

    /// Maps code that was saved to a file.
    ///
    /// # Safety
    /// The file holds what [`Code::save`] of the same [`fingerprint`] gave, unaltered, and stays as it is: it is machine code.
    pub unsafe fn load(file: &std::fs::File) -> Result<Self, CompileError> {
        let engine = engine();
        let failed = |e: &dyn std::fmt::Display| CompileError::Refused(e.to_string());
        let mapped = OwnedBuffer::from_file(file).map_err(|e| failed(&format!("{e:?}")))?;
        // SAFETY: by the caller's promise.
        let module = unsafe { Module::deserialize_unchecked(&engine, Bytes::from_owner(mapped)) }
            .map_err(|e| failed(&e))?;
        Ok(Self {
            engine,
            module,
            tier: Tier::Optimised,
            thunks: Arc::default(),
            bodies: None,
        })
    }

    pub fn bodies(&self) -> Option<&Arc<Bodies>> {
        self.bodies.as_ref()
    }

    /// The code is that of just these functions. It must tell of nothing that they do.
    pub fn with_bodies(mut self, bodies: Option<&Arc<Bodies>>) -> Self {
        self.bodies = bodies.cloned();
        self
    }

    /// Bytes of native stack for as deep a recursion as optimised code has with so many.
    pub fn stack(&self, asked: usize) -> usize {
        match self.tier {
            Tier::Baseline => asked.saturating_mul(BASELINE_STACK),
            Tier::Optimised => asked,
        }
    }

    pub fn tier(&self) -> Tier {
        self.tier
    }

    pub fn module(&self) -> &Module {
        &self.module
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
