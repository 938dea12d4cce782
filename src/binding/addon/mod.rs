//! The sandbox as a JavaScript object, for `lib/sandbox.js`.

mod figures;
mod settings;

use super::checkpoints::PointHandle;
use super::exports::{self, ExportSite};
use super::node_api::{self, Res, Value};
use super::program::ProgramHandle;
use super::sandbox::{Entering, SandboxCell, enter};
use super::{ending, errors, js};
use crate::emscripten::Runtime;
use crate::engine::Unwind;
use crate::instance::{Host, Instance, JsThread, Program, RecycleError, Settings, StartError};
use crate::memory::Writers;
use napi::JsValue as _;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use settings::SandboxSettings;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// The factory that makes errors: `lib/base/errors.js` gives it once per thread.
#[napi(catch_unwind)]
pub fn set_error_factory(env: &Env, factory: Unknown) {
    let own = node_api::Env::new(env.raw());
    errors::set_factory(own, value_of(own, factory));
    let _ = env.add_env_cleanup_hook((), |()| errors::clear_factory());
}

/// Limits of time hold from here on, and calls of this thread are stopped when its JavaScript is to end. False where that
/// cannot be told. Fails when the system refuses a thread.
#[napi(catch_unwind)]
pub fn watch_thread(env: &Env) -> napi::Result<bool> {
    crate::instance::start_watchdog().map_err(|e| napi::Error::from_reason(e.to_string()))?;
    let watches = ending::watch();
    let _ = env.add_env_cleanup_hook((), |()| JsThread::forget());
    Ok(watches)
}

/// Why the system gives no further thread, if it does not.
#[napi(catch_unwind)]
pub fn thread_refused() -> Option<String> {
    let refused = crate::engine::workers::check_count(1);
    refused.err().map(|error| error.to_string())
}

/// Stops the running call of a sandbox of any thread of the process; false when there is no such sandbox.
#[napi(catch_unwind)]
pub fn interrupt(id: f64) -> bool {
    crate::instance::groups::interrupt(id as u64);
    crate::instance::Interrupter::interrupt_by_id(id as u64)
}

/// A number for `interrupt(id)` that nothing else in the process has.
#[napi(catch_unwind)]
pub fn new_interrupt_id() -> f64 {
    crate::instance::Interrupter::new_id() as f64
}

/// A sandbox, as `lib/sandbox.js` has it. It is called as JavaScript has it, since several files add methods to it: those that the
/// compiler comes to first would not know another name.
#[napi]
pub struct Sandbox {
    pub(super) cell: Box<SandboxCell>,
    program: RefCell<Option<Arc<Program>>>,
    settings: RefCell<Option<Settings>>,
    /// JavaScript as the instance sees it.
    js: RefCell<Option<Rc<js::NapiJs>>>,
    /// What was reported to V8 as external memory.
    reported: Cell<i64>,
}

pub(super) fn pending() -> Error {
    Error::from_status(Status::PendingException)
}

/// A value that napi-rs gave.
pub(super) fn value_of(env: node_api::Env, given: Unknown) -> Value {
    Value::from_raw(given.raw()).unwrap_or_else(|| env.undefined())
}

#[napi]
impl Sandbox {
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, program: &ProgramHandle, settings: SandboxSettings) -> Self {
        Self {
            cell: SandboxCell::new(node_api::Env::new(env.raw())),
            program: RefCell::new(Some(program.program.clone())),
            settings: RefCell::new(Some(settings.into())),
            js: RefCell::default(),
            reported: Cell::new(0),
        }
    }

    /// Instantiates the module; nothing of it runs yet, so its imports may come later.
    #[napi(catch_unwind)]
    pub fn instantiate(&self, this: This) -> Result<()> {
        let (Some(program), Some(settings)) = (self.program.take(), self.settings.take()) else {
            return Err(Error::from_reason("a sandbox starts once"));
        };
        let js = Rc::new(js::NapiJs::new(&self.cell, self.keeper(&this)));
        *self.js.borrow_mut() = Some(js.clone());
        let host = Host {
            js,
            js_imports: Vec::new(),
        };
        let instance = self.started(Instance::new(program, settings, host))?;
        self.done(self.cell.put(instance))?;
        self.report();
        Ok(())
    }

    /// The functions of the user's imports, then of the program's own, in the order of their names.
    #[napi(catch_unwind)]
    pub fn set_imports(&self, imports: Vec<Option<Unknown>>) -> Result<()> {
        self.enter(|runtime| {
            let js = runtime.js();
            for old in std::mem::take(&mut runtime.js_imports)
                .into_iter()
                .flatten()
            {
                js.release(old);
            }
            let keep = |given: Unknown| js.keep(value_of(self.cell.env, given).into());
            runtime.js_imports = imports
                .into_iter()
                .map(|function| function.map(keep))
                .collect();
            Ok(())
        })
    }

    /// Runs the module's start-up as far as `main`, which [`Sandbox::run_main`] runs unless it is told to wait; with these
    /// arguments in place of the settings'.
    #[napi(catch_unwind)]
    pub fn start(
        &self,
        no_initial_run: Option<bool>,
        args: Option<Vec<String>>,
        from: Option<&PointHandle>,
    ) -> Result<()> {
        let image = from.map(PointHandle::image).transpose()?;
        self.start_part(|instance| {
            if let Some(image) = image {
                instance.start_from(image);
            }
            if no_initial_run == Some(true) {
                instance.hold_main();
            }
            if let Some(args) = args {
                instance.set_args(args);
            }
            instance.start()
        })
    }

    /// Runs `main`, once the module object is what `main` may look for. Nothing when it need not run.
    #[napi(catch_unwind)]
    pub fn run_main(&self) -> Result<()> {
        self.start_part(Instance::run_main)
    }

    fn start_part(
        &self,
        part: impl FnOnce(&mut Instance) -> std::result::Result<(), StartError>,
    ) -> Result<()> {
        let ran = self.done(self.cell.change_memory("start", part))?;
        if let Err(error) = ran {
            let error = errors::of_start(&self.cell, error);
            self.done(self.cell.release())?;
            self.cell.env.throw(error);
            return Err(pending());
        }
        self.cell.follow_memory();
        self.report();
        Ok(())
    }

    /// Takes the image that every generation starts from; this one becomes generation 1.
    #[napi(catch_unwind)]
    pub fn take_image(&self, private: bool) -> Result<()> {
        let take = |instance: &mut Instance| instance.take_image(private);
        let taken = self.done(self.cell.change_memory("take the image", take))?;
        self.cell.follow_memory();
        self.started(taken)
    }

    /// For tests: what differs from the state right after start-up, or from a checkpoint; null when the program is started anew
    /// instead.
    #[napi(catch_unwind)]
    pub fn compare_with_image(&self, point: Option<&PointHandle>) -> Result<Option<Vec<String>>> {
        let image = point.map(PointHandle::image).transpose()?;
        self.look(|instance| instance.differences(image.as_ref()))
    }

    /// Replaces the instance by a fresh one: as it was at a checkpoint of this sandbox, or after its start.
    #[napi(catch_unwind)]
    pub fn recycle(&self, from: Option<&PointHandle>) -> Result<()> {
        let image = from.map(PointHandle::image).transpose()?;
        let by = match self.cell.is_lent() {
            true => Writers::Anybody,
            false => Writers::ThisThread,
        };
        // Start-up may run JavaScript, where the program is started anew.
        let recycled = self
            .cell
            .replace_memory("recycle", |instance| instance.recycle(image.as_ref(), by));
        match self.done(recycled)? {
            Ok(()) => Ok(()),
            Err(RecycleError::Busy) => {
                errors::busy(self.cell.env, "recycle");
                Err(pending())
            }
            Err(RecycleError::Failed(error)) => self.started(Err(error)),
        }
    }

    /// Gives everything back.
    #[napi(catch_unwind)]
    pub fn dispose(&self) -> Result<()> {
        self.done(self.cell.release())?;
        self.program.take();
        self.report();
        Ok(())
    }

    /// Stops the call that is running now.
    #[napi(catch_unwind)]
    pub fn interrupt(&self) {
        self.cell.look(|instance| instance.interrupter.interrupt());
    }

    /// The number that `interrupt(id)` takes in any thread.
    #[napi(getter, catch_unwind)]
    pub fn interrupt_id(&self) -> f64 {
        let id = self.cell.look(|instance| instance.interrupter.id());
        id.map_or(0.0, |id| id as f64)
    }
    /// `(error) => void`: told of traps, aborts and time-outs of outermost calls.
    #[napi(catch_unwind)]
    pub fn set_fault_hook(&self, function: Unknown) {
        self.cell.set_fault_hook(value_of(self.cell.env, function));
    }

    /// `(ptr) => text or undefined`: asked for what the module says of a C++ exception.
    #[napi(catch_unwind)]
    pub fn set_explainer(&self, function: Unknown) {
        self.cell.set_explainer(value_of(self.cell.env, function));
    }

    /// `(what, id, ms, isTurn) => void`: makes and clears timers of the event loop, which come back to `fireTimer`.
    #[napi(catch_unwind)]
    pub fn set_timers(&self, function: Unknown) {
        if let Some(js) = self.js.borrow().as_ref() {
            js.set_timers(value_of(self.cell.env, function));
        }
    }

    /// `(className, message) => Error` for the module's own error classes.
    #[napi(catch_unwind)]
    pub fn set_script_error(&self, this: This, function: Unknown) {
        let function = value_of(self.cell.env, function);
        self.cell.set_script_error(self.keeper(&this), function);
    }

    /// The ArrayBuffer over the linear memory.
    #[napi(ts_return_type = "ArrayBuffer", catch_unwind)]
    pub fn buffer<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        self.look(|_| ())?;
        match self.cell.array_buffer() {
            Some(value) => unknown(env, value),
            None => {
                let text = "this runtime does not allow buffers over memory outside of V8 (Electron): emvm needs them for HEAPU8 and typed memory views";
                errors::throw(self.cell.env, "EMVM_ERR_UNSUPPORTED", text);
                Err(pending())
            }
        }
    }

    /// Whether a value is an ArrayBuffer over the linear memory. None is made to find out.
    #[napi(catch_unwind)]
    pub fn owns_buffer(&self, value: Unknown) -> bool {
        let value = value_of(self.cell.env, value);
        self.cell.buffer.is_own(self.cell.env, value)
    }

    /// The exported functions of these canonical names, `undefined` where there is none.
    #[napi(ts_return_type = "Array<Function | undefined>", catch_unwind)]
    pub fn functions<'env>(&self, env: &'env Env, names: Vec<String>) -> Result<Unknown<'env>> {
        let found: Vec<_> = self.look(|instance| {
            let runtime = &instance.runtime;
            let site = |name| ExportSite::of_export(&self.cell, runtime, name);
            names.iter().map(|name| site(name)).collect()
        })?;
        let made = || -> Res<Value> {
            let list = self.cell.env.array(found.len());
            for (at, site) in found.into_iter().enumerate() {
                let function = match site {
                    // SAFETY: the site is dropped with the function, which holds this sandbox (see `Facade.holding`).
                    Some(site) => unsafe { exports::owned_function(self.cell.env, site) }?,
                    None => self.cell.env.undefined(),
                };
                self.cell.env.set_index(list, at as u32, function)?;
            }
            Ok(list)
        };
        unknown(env, self.done(made())?)
    }

    /// What `lib/facade/embind.js` makes classes and functions from; `undefined` when the module has no embind. The
    /// description is the same for all sandboxes of a program: it comes when asked for.
    #[napi(catch_unwind)]
    pub fn embind<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        describes: bool,
    ) -> Result<Unknown<'env>> {
        let has_types = self.look(|instance| !instance.runtime.embind.reg.types.is_empty())?;
        let js = self.js.borrow().clone().filter(|_| has_types);
        let Some(js) = js else {
            return unknown(env, self.cell.env.undefined());
        };
        // SAFETY: this object owns the cell, and what is made holds this object.
        let made = unsafe { super::embind::install(&self.cell, js, self.keeper(&this), describes) };
        unknown(env, self.done(made)?)
    }

    /// The sandbox's JavaScript object.
    pub(super) fn keeper(&self, this: &This) -> Value {
        Value::from_raw(this.object.raw()).unwrap_or_else(|| self.cell.env.undefined())
    }

    /// Makes sure that what went wrong is thrown.
    pub(super) fn done<T>(&self, outcome: Res<T>) -> Result<T> {
        outcome.map_err(|failed| {
            self.cell.env.raise(failed);
            pending()
        })
    }

    /// Reads or sets what is there; runs neither JavaScript nor wasm.
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut Instance) -> R) -> Result<R> {
        self.done(self.cell.look_live(look))
    }

    /// Works on the runtime, by what may run JavaScript or wasm.
    pub(super) fn enter<R>(
        &self,
        work: impl FnOnce(&mut Runtime) -> std::result::Result<R, Unwind>,
    ) -> Result<R> {
        let done = self.done(enter(&self.cell, Entering::Host, work))?;
        done.ok_or_else(|| Error::from_reason("the module left to the event loop"))
    }

    pub(super) fn started<T>(&self, outcome: std::result::Result<T, StartError>) -> Result<T> {
        outcome.map_err(|error| {
            let error = errors::of_start(&self.cell, error);
            self.cell.env.throw(error);
            pending()
        })
    }

    /// Tells V8's collector what hangs on this object, so that a forgotten sandbox goes soon. Little of a linear memory
    /// is ever touched; reporting all of it would make every open collect garbage.
    fn report(&self) {
        let len = |instance: &mut Instance| instance.runtime.wasm.memory().len();
        let now = node_api::Env::touched(self.cell.look(len).unwrap_or(0));
        self.cell
            .env
            .adjust_external_memory(now - self.reported.get());
        self.reported.set(now);
    }
}

/// A value for napi-rs to hand on.
pub(super) fn unknown(env: &Env, value: Value) -> Result<Unknown<'_>> {
    // SAFETY: a live value of this environment.
    unsafe { Unknown::from_napi_value(env.raw(), value.raw()) }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.cell.abandon();
    }
}
