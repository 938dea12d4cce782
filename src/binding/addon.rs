//! The sandbox as a JavaScript object, for `lib/sandbox.js`.

use super::exports::{self, ExportSite};
use super::program::ProgramHandle;
use super::sandbox::SandboxCell;
use super::{allocations, errors, js, raw};
use crate::emscripten::embind::signatures;
use crate::emscripten::js::JsValue;
use crate::instance::{Host, Instance, MountPoint, RecycleError, Settings, StartError};
use crate::program::Program;
use napi::bindgen_prelude::*;
use napi::{JsValue as _, sys};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The factory that makes errors: `lib/errors.js` gives it once per thread.
#[napi]
pub fn set_error_factory(env: &Env, factory: Unknown) {
    errors::set_factory(env.raw(), factory.raw());
    let _ = env.add_env_cleanup_hook((), |()| errors::clear_factory());
}

/// Stops the running call of a sandbox of any thread of the process; false when there is no such sandbox.
#[napi]
pub fn interrupt(id: f64) -> bool {
    crate::instance::Interrupter::interrupt_by_id(id as u64)
}

/// A number for `interrupt(id)` that nothing else in the process has.
#[napi]
pub fn new_interrupt_id() -> f64 {
    crate::instance::Interrupter::new_id() as f64
}

/// A real folder that the module sees at a path of its own.
#[napi(object)]
pub struct MountSpec {
    pub at: String,
    pub path: String,
    pub readonly: bool,
}

/// Options of a sandbox that its instance sees.
#[napi(object)]
#[derive(Default)]
pub struct SandboxSettings {
    pub memory_max: Option<f64>,
    pub timeout: Option<f64>,
    pub stack: Option<u32>,
    pub env: Option<HashMap<String, String>>,
    pub args: Option<Vec<String>>,
    pub mounts: Option<Vec<MountSpec>>,
    /// Bytes of standard input.
    pub stdin: Option<Uint8Array>,
    /// `navigator.languages[0]`, where there is one.
    pub language: Option<String>,
    pub lenient: Option<bool>,
    pub no_initial_run: Option<bool>,
    /// Canonical names of imports that the user answers, in the order of their functions.
    pub user_imports: Option<Vec<String>>,
}

/// Figures of a sandbox.
#[napi(object)]
pub struct SandboxStats {
    pub generation: f64,
    pub recycles: f64,
    pub calls: f64,
    pub traps: f64,
    pub timeouts: f64,
    pub heap_bytes: f64,
    pub heap_peak_bytes: f64,
    pub resident_bytes: f64,
    pub dirty_bytes: f64,
    pub cleaned_in_place: f64,
    pub last: f64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

#[napi(js_name = "Sandbox")]
pub struct SandboxObject {
    pub(super) cell: Box<SandboxCell>,
    program: RefCell<Option<Arc<Program>>>,
    settings: RefCell<Option<Settings>>,
    /// Data of the raw functions; they hold this object, so it outlives them.
    sites: RefCell<Vec<Box<ExportSite>>>,
    /// JavaScript as the instance sees it.
    js: RefCell<Option<Rc<js::NapiJs>>>,
    /// What was reported to V8 as external memory.
    reported: Cell<i64>,
}

pub(super) fn pending() -> Error {
    Error::from_status(Status::PendingException)
}

#[napi]
impl SandboxObject {
    #[napi(constructor)]
    pub fn new(env: &Env, program: &ProgramHandle, settings: SandboxSettings) -> Self {
        let mut environment: Vec<_> = settings.env.unwrap_or_default().into_iter().collect();
        environment.sort();
        let settings = Settings {
            memory_max: settings.memory_max.map(|bytes| bytes as u64),
            timeout: settings.timeout.map(|ms| Duration::from_secs_f64(ms / 1e3)),
            stack: settings.stack.map(|bytes| bytes as usize),
            env: environment,
            args: settings.args.unwrap_or_default(),
            mounts: settings
                .mounts
                .unwrap_or_default()
                .into_iter()
                .map(|mount| MountPoint {
                    at: mount.at,
                    path: mount.path.into(),
                    readonly: mount.readonly,
                })
                .collect(),
            stdin: settings.stdin.map(|bytes| bytes.to_vec().into()),
            language: settings.language,
            lenient: settings.lenient.unwrap_or(false),
            no_initial_run: settings.no_initial_run.unwrap_or(false),
            user_imports: settings.user_imports.unwrap_or_default(),
        };
        Self {
            cell: SandboxCell::new(env.raw()),
            program: RefCell::new(Some(program.program.clone())),
            settings: RefCell::new(Some(settings)),
            sites: RefCell::default(),
            js: RefCell::default(),
            reported: Cell::new(0),
        }
    }

    /// Instantiates the module; nothing of it runs yet, so its imports may come later.
    #[napi(catch_unwind)]
    pub fn instantiate(&self, env: &Env, this: This) -> Result<()> {
        let (Some(program), Some(settings)) = (self.program.take(), self.settings.take()) else {
            return Err(Error::from_reason("a sandbox starts once"));
        };
        let js = Rc::new(js::NapiJs::new(env.raw(), &*self.cell, this.object.raw()));
        *self.js.borrow_mut() = Some(js.clone());
        let _held = self.cell.hold();
        let host = Host {
            js,
            js_imports: Vec::new(),
        };
        let instance = Instance::new(program, settings, host).map_err(|error| {
            self.throw_start(env, error);
            pending()
        })?;
        self.cell.set_instance(Some(instance));
        self.report(env);
        Ok(())
    }

    /// The functions of the user's imports, then of the program's own, in the order of their names.
    #[napi]
    pub fn set_imports(&self, env: &Env, imports: Vec<Option<Unknown>>) -> Result<()> {
        let runtime = &mut self.live(env)?.runtime;
        let js = runtime.js();
        for old in std::mem::take(&mut runtime.js_imports)
            .into_iter()
            .flatten()
        {
            js.release(old);
        }
        let keep = |value: &Unknown| js.keep(JsValue(value.raw() as usize));
        runtime.js_imports = imports
            .iter()
            .map(|function| function.as_ref().map(keep))
            .collect();
        Ok(())
    }

    /// Runs the module's start-up as far as `main`, which [`Sandbox::run_main`] runs unless it is told to wait; with these
    /// arguments in place of the settings'.
    #[napi(catch_unwind)]
    pub fn start(
        &self,
        env: &Env,
        no_initial_run: Option<bool>,
        args: Option<Vec<String>>,
    ) -> Result<()> {
        if no_initial_run == Some(true) {
            self.live(env)?.hold_main();
        }
        if let Some(args) = args {
            self.live(env)?.set_args(args);
        }
        self.start_part(env, Instance::start)
    }

    /// Runs `main`, once the module object is what `main` may look for. Nothing when it need not run.
    #[napi(catch_unwind)]
    pub fn run_main(&self, env: &Env) -> Result<()> {
        self.start_part(env, Instance::run_main)
    }

    fn start_part(
        &self,
        env: &Env,
        part: fn(&mut Instance) -> std::result::Result<(), StartError>,
    ) -> Result<()> {
        let held = self.cell.hold();
        let started = part(self.live(env)?);
        drop(held);
        started.map_err(|error| {
            self.throw_start(env, error);
            self.cell.release();
            pending()
        })?;
        self.follow(env)?;
        self.report(env);
        Ok(())
    }

    /// Takes the image that every generation starts from; this one becomes generation 1.
    #[napi(catch_unwind)]
    pub fn take_image(&self, env: &Env, private: bool) -> Result<()> {
        if self.cell.is_busy() {
            return Err(self.busy(env, "take the image"));
        }
        let taken = self.live(env)?.take_image(private);
        self.follow(env)?;
        taken.map_err(|error| {
            self.throw_start(env, error);
            pending()
        })
    }

    /// For tests: what differs from the state right after start-up; null when the program is started anew instead.
    #[napi]
    pub fn compare_with_image(&self, env: &Env) -> Result<Option<Vec<String>>> {
        Ok(self.live(env)?.differences())
    }

    /// Replaces the instance by a fresh one.
    #[napi(catch_unwind)]
    pub fn recycle(&self, env: &Env) -> Result<()> {
        let instance = self.live(env)?;
        if self.cell.is_busy() {
            return Err(self.busy(env, "recycle"));
        }
        // Start-up may run JavaScript, where the program is started anew.
        let _held = self.cell.hold();
        self.cell.buffer.detach(env.raw());
        match instance.recycle() {
            Ok(()) => Ok(()),
            Err(RecycleError::Busy) => Err(self.busy(env, "recycle")),
            Err(RecycleError::Failed(error)) => {
                self.throw_start(env, error);
                Err(pending())
            }
        }
    }

    /// Gives everything back.
    #[napi(catch_unwind)]
    pub fn dispose(&self, env: &Env) -> Result<()> {
        if self.cell.is_busy() {
            return Err(self.busy(env, "dispose"));
        }
        self.cell.release();
        self.program.take();
        self.report(env);
        Ok(())
    }

    /// Stops the call that is running now.
    #[napi]
    pub fn interrupt(&self) {
        if let Some(instance) = self.cell.instance() {
            instance.interrupter.interrupt();
        }
    }

    /// The number that `interrupt(id)` takes in any thread.
    #[napi(getter)]
    pub fn interrupt_id(&self) -> f64 {
        self.cell
            .instance()
            .map_or(0.0, |instance| instance.interrupter.id() as f64)
    }

    /// How much was registered with embind so far: it grows where `main` registers too.
    #[napi(getter)]
    pub fn embind_registrations(&self) -> u32 {
        self.cell.instance().map_or(0, |instance| {
            let registry = &instance.runtime.embind.reg;
            (registry.types.len() + registry.funcs.len()) as u32
        })
    }

    /// Argument and result types of what `embind()` describes, as JSON: what declarations are made from.
    #[napi]
    pub fn embind_signatures(&self) -> String {
        self.cell.instance().map_or_else(String::new, |instance| {
            signatures::signatures(&instance.runtime.embind.reg)
        })
    }

    #[napi(getter)]
    pub fn generation(&self) -> f64 {
        self.cell
            .instance()
            .map_or(0.0, |instance| instance.generation() as f64)
    }

    #[napi(getter)]
    pub fn busy_now(&self) -> bool {
        self.cell.is_busy()
    }

    /// Bytes of linear memory.
    #[napi(getter)]
    pub fn heap_bytes(&self) -> f64 {
        self.cell
            .instance()
            .map_or(0.0, |instance| instance.runtime.wasm.memory().len() as f64)
    }

    /// The same with what the addon keeps of it outside of linear memory: files, and strings that C++ holds.
    #[napi(getter)]
    pub fn held_bytes(&self) -> f64 {
        let instance = self.cell.instance();
        instance.map_or(0.0, |instance| {
            let runtime = &instance.runtime;
            (runtime.wasm.memory().len() as u64 + runtime.held_outside()) as f64
        })
    }

    /// Milliseconds and calls since the last recycle, and traps so far: what policies look at.
    #[napi]
    pub fn since_recycle(&self) -> Vec<f64> {
        self.cell.instance().map_or_else(Vec::new, |instance| {
            let stats = &instance.stats;
            vec![
                stats.since_recycle.elapsed().as_secs_f64() * 1e3,
                (stats.calls - stats.calls_at_recycle) as f64,
                (stats.traps + stats.timeouts) as f64,
            ]
        })
    }

    /// The books of allocations begin anew, empty; `capture` is called with the number of each block that is made. Without it
    /// they end. False where the code does not tell of allocations.
    #[napi]
    pub fn record(&self, env: &Env, capture: Option<Function<u32, ()>>) -> Result<bool> {
        let Some(books) = self.live(env)?.runtime.wasm.recorder() else {
            return Ok(false);
        };
        match capture {
            Some(capture) => books.start(allocations::capture(env.raw(), capture.raw())),
            None => books.stop(),
        }
        Ok(true)
    }

    /// What is allocated since, as JSON.
    #[napi]
    pub fn recorded(&self, env: &Env) -> Result<Option<String>> {
        let books = self.live(env)?.runtime.wasm.recorder();
        Ok(books.map(|books| allocations::report(books)))
    }

    #[napi]
    pub fn stats(&self, env: &Env) -> Result<SandboxStats> {
        let instance = self.live(env)?;
        let times = instance.stats.recycle_times();
        let wasm = &instance.runtime.wasm;
        let residency = wasm.residency();
        Ok(SandboxStats {
            generation: instance.generation() as f64,
            recycles: instance.stats.recycles as f64,
            calls: instance.stats.calls as f64,
            traps: instance.stats.traps as f64,
            timeouts: instance.stats.timeouts as f64,
            heap_bytes: wasm.memory().len() as f64,
            heap_peak_bytes: wasm.linear().map_or(0, |l| l.peak()) as f64,
            resident_bytes: residency.map_or(wasm.memory().len(), |r| r.resident) as f64,
            dirty_bytes: residency.map_or(wasm.memory().len(), |r| r.dirty) as f64,
            cleaned_in_place: instance.stats.cleaned_in_place as f64,
            last: times.last,
            p50: times.p50,
            p99: times.p99,
            max: times.max,
        })
    }

    /// `(error) => void`: told of traps, aborts and time-outs of outermost calls.
    #[napi]
    pub fn set_fault_hook(&self, function: Unknown) {
        self.cell.set_fault_hook(function.raw());
    }

    /// `(what, id, ms, isTurn) => void`: makes and clears timers of the event loop, which come back to `fireTimer`.
    #[napi]
    pub fn set_timers(&self, function: Unknown) {
        if let Some(js) = self.js.borrow().as_ref() {
            js.set_timers(function.raw());
        }
    }

    /// `(className, message) => Error` for the module's own error classes.
    #[napi]
    pub fn set_script_error(&self, this: This, function: Unknown) {
        self.cell
            .set_script_error(this.object.raw(), function.raw());
    }

    /// The ArrayBuffer over the linear memory.
    #[napi(ts_return_type = "ArrayBuffer")]
    pub fn buffer(&self, env: &Env) -> Result<Unknown<'_>> {
        self.live(env)?;
        match self.cell.array_buffer(env.raw()) {
            // SAFETY: a live value of this environment.
            Some(value) => unsafe { Unknown::from_napi_value(env.raw(), value) },
            None => {
                let text = "this runtime does not allow buffers over memory outside of V8 (Electron): emvm needs them for HEAPU8 and typed memory views";
                errors::throw(env.raw(), "EMVM_ERR_UNSUPPORTED", text);
                Err(pending())
            }
        }
    }

    /// Whether a value is an ArrayBuffer over the linear memory. None is made to find out.
    #[napi]
    pub fn owns_buffer(&self, env: &Env, value: Unknown) -> bool {
        self.cell.buffer.is_own(env.raw(), value.raw())
    }

    /// The exported functions of these canonical names, `undefined` where there is none.
    #[napi(ts_return_type = "Array<Function | undefined>")]
    pub fn functions(&self, env: &Env, names: Vec<String>) -> Result<Unknown<'_>> {
        let raw_env = env.raw();
        let mut sites = self.sites.borrow_mut();
        let functions: Vec<sys::napi_value> = names
            .iter()
            .map(|name| {
                let Some(site) = exports::site(&self.cell, name) else {
                    return raw::undefined(raw_env);
                };
                // SAFETY: the site is kept by this object, which the function's wrapper holds.
                let function = unsafe { exports::function(raw_env, &raw const *site) };
                sites.push(site);
                function.unwrap_or_else(|| raw::undefined(raw_env))
            })
            .collect();
        // SAFETY: a live value of this environment.
        unsafe { Unknown::from_napi_value(raw_env, raw::array(raw_env, functions)) }
    }

    /// What `lib/facade/embind.js` makes classes and functions from; `undefined` when the module has no embind. The
    /// description is the same for all sandboxes of a program: it comes when asked for.
    #[napi]
    pub fn embind<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        describes: bool,
    ) -> Result<Unknown<'env>> {
        let runtime = &self.live(env)?.runtime;
        let js = self
            .js
            .borrow()
            .clone()
            .filter(|_| !runtime.embind.reg.types.is_empty());
        // SAFETY: this object owns the cell, and what is made holds this object.
        let made = js.and_then(|js| unsafe {
            super::embind::install(
                env.raw(),
                &raw const *self.cell,
                js,
                this.object.raw(),
                describes,
            )
        });
        // SAFETY: a live value of this environment.
        unsafe {
            Unknown::from_napi_value(env.raw(), made.unwrap_or_else(|| raw::undefined(env.raw())))
        }
    }

    pub(super) fn live(&self, env: &Env) -> Result<&mut Instance> {
        self.cell.instance().ok_or_else(|| {
            errors::throw(
                env.raw(),
                "EMVM_ERR_DISPOSED",
                "the sandbox was disposed: open another one",
            );
            pending()
        })
    }

    pub(super) fn follow(&self, env: &Env) -> Result<()> {
        let memory = self.live(env)?.runtime.wasm.memory();
        self.cell
            .buffer
            .follow(env.raw(), memory.as_ptr(), memory.len());
        Ok(())
    }

    fn busy(&self, env: &Env, what: &str) -> Error {
        let text = format!(
            "cannot {what}: the module is on the stack; do it after the running call has returned"
        );
        errors::throw(env.raw(), "EMVM_ERR_BUSY", &text);
        pending()
    }

    /// Tells V8's collector what hangs on this object, so that a forgotten sandbox goes soon. Little of a linear memory
    /// is ever touched; reporting all of it would make every open collect garbage.
    fn report(&self, env: &Env) {
        const TOUCHED: i64 = 16;
        let now = self.cell.instance().map_or(0, |instance| {
            instance.runtime.wasm.memory().len() as i64 / TOUCHED
        });
        let mut total = 0;
        // SAFETY: the environment is live; the call only counts.
        unsafe {
            sys::napi_adjust_external_memory(env.raw(), now - self.reported.get(), &mut total)
        };
        self.reported.set(now);
    }

    fn throw_start(&self, env: &Env, error: StartError) {
        let env = env.raw();
        match error {
            StartError::Missing(list) => {
                let imports = list
                    .iter()
                    .map(|(module, name, ty)| format!("{module}.{name}{ty}"))
                    .collect::<Vec<_>>();
                let message = format!(
                    "nobody answers {} of the module's imports: {}; give them in the `imports` option, or open the glue .js so that its own JavaScript answers",
                    list.len(),
                    imports.join(", ")
                );
                let described = errors::missing_imports(env, &list);
                let error = errors::make(
                    env,
                    "EMVM_ERR_MISSING_IMPORT",
                    &message,
                    &[("imports", described)],
                );
                errors::throw_value(env, error);
            }
            StartError::Mount { at, path, reason } => {
                let shown = path.display();
                let text = format!(
                    "Option 'mounts['{at}'].path' is '{shown}', which cannot be mounted: {reason}."
                );
                let fields = [("option", raw::string(env, &format!("mounts['{at}'].path")))];
                errors::throw_value(env, errors::make(env, "EMVM_ERR_OPTION", &text, &fields));
            }
            StartError::Link(text) => errors::throw(env, "EMVM_ERR_START", &text),
            StartError::Memory {
                text,
                requested,
                limit,
            } => {
                let limit = limit.map_or_else(
                    || raw::undefined(env),
                    |bytes| raw::number(env, bytes as f64),
                );
                let fields = [
                    ("limit", limit),
                    ("requested", raw::number(env, requested as f64)),
                ];
                errors::throw_value(env, errors::make(env, "EMVM_ERR_MEMORY", &text, &fields));
            }
            StartError::System(error) => errors::throw(env, "EMVM_ERR_MEMORY", &error.to_string()),
            StartError::Unwound(unwind) => {
                let cause = errors::of_unwind(env, &self.cell, unwind);
                let error = errors::make(
                    env,
                    "EMVM_ERR_START",
                    "the module's start-up failed",
                    &[("cause", cause)],
                );
                errors::throw_value(env, error);
            }
        }
    }
}

impl Drop for SandboxObject {
    fn drop(&mut self) {
        self.cell.release();
    }
}
