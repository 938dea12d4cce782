//! A sandbox as the addon keeps it, and the ways in for what comes from JavaScript: [`enter`], [`SandboxCell::alone`] and
//! [`SandboxCell::look`].

mod enter;
mod failures;
mod memory;

pub use enter::enter;

use super::gate::{Gate, Hold};
use super::js::Reading;
use super::memory::MemoryBuffer;
use super::node_api::{Env, Reference, Res, panic_text};
use super::{errors, in_flight};
use crate::emscripten::Runtime;
use crate::emscripten::js::JsRef;
use crate::engine::{Owner, Unwind};
use crate::instance::Instance;
use crate::memory::Leftover;
use std::cell::{OnceCell, RefCell};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

// SAFETY: every `Runtime` lives in an `Instance`'s box from before it is linked until after its store is dropped, is
// never moved out of it, and is only used on the thread of its JavaScript environment.
unsafe impl Owner for Runtime {
    fn wasm(&mut self) -> &mut crate::engine::WasmInstance {
        &mut self.wasm
    }
}

/// A sandbox. Its address is the data of the raw callbacks, so it is boxed and stays in place as long as any of their
/// functions can be called: each of those holds the JavaScript object that owns it.
pub struct SandboxCell {
    pub env: Env,
    pub buffer: MemoryBuffer,
    /// Empty before start-up and after `dispose`.
    gate: Gate<Instance>,
    /// `(className, message) => Error`: the module's own `BindingError` and its kin, made by the facade.
    script_error: RefCell<Option<Reference>>,
    /// `(error) => void`: told of traps, aborts and time-outs, for those who watch a sandbox.
    fault_hook: RefCell<Option<Reference>>,
    /// `(ptr) => text or undefined`: what the module's own functions say of a C++ exception.
    explainer: RefCell<Option<Reference>>,
    /// `(errno, code, text) => Error`: the facade's `FS.ErrnoError`.
    errno_error: RefCell<Option<Reference>>,
    /// The facade reads fields by itself, while no call is on the stack.
    reading: OnceCell<Reading>,
    /// JavaScript errors on their way through the module. What C++ catches never comes out.
    carried: RefCell<Vec<JsRef>>,
}

/// Whether what comes in is a call of the module, as policies and figures count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entering {
    Module,
    /// Its files, its table, its registers.
    Host,
}

impl SandboxCell {
    pub fn new(env: Env) -> Box<Self> {
        Box::new(Self {
            env,
            buffer: MemoryBuffer::default(),
            gate: Gate::new(None),
            script_error: RefCell::new(None),
            fault_hook: RefCell::new(None),
            explainer: RefCell::new(None),
            errno_error: RefCell::new(None),
            reading: OnceCell::new(),
            carried: RefCell::default(),
        })
    }

    /// Whether JavaScript was given a buffer over the generation's memory.
    pub fn is_lent(&self) -> bool {
        self.buffer.is_lent()
    }

    /// A native call of the sandbox is on the stack: nothing may be replaced under it.
    pub fn is_busy(&self) -> bool {
        self.gate.is_busy()
    }

    pub fn reads_fields(&self, reading: Option<Reading>) {
        if let Some(reading) = reading {
            if self.is_busy() {
                reading.stop();
            }
            let _ = self.reading.set(reading);
        }
    }

    /// A call begins; `None` without an instance.
    #[inline]
    fn hold(&self) -> Option<Call<'_>> {
        let held = self.gate.hold()?;
        let reading = self.reading.get().filter(|_| held.is_outermost());
        if let Some(reading) = reading {
            reading.stop();
        }
        Some(Call { held, reading })
    }

    /// Reads or sets what is there, running neither JavaScript nor wasm; `None` when the sandbox has no instance.
    #[inline]
    pub fn look<R>(&self, look: impl FnOnce(&mut Instance) -> R) -> Option<R> {
        self.gate.look(look)
    }

    /// A call of the module that runs no wasm: see [`crate::engine::Shortcut`]. `None` when it was none, or may not be one now.
    #[inline]
    pub fn short_call<R>(&self, call: impl FnOnce(&mut Runtime) -> Option<R>) -> Option<R> {
        // Within a call that is being stopped none begins: that is looked at on the ordinary way.
        if self.gate.entered() > 0 {
            return None;
        }
        self.gate.look(|instance| {
            let done = call(&mut instance.runtime);
            instance.stats.calls += u64::from(done.is_some());
            done
        })?
    }

    /// The same for what cannot be done without an instance.
    pub fn look_live<R>(&self, look: impl FnOnce(&mut Instance) -> R) -> Res<R> {
        self.gate
            .look(look)
            .ok_or_else(|| errors::disposed(self.env))
    }

    /// Works on the instance as a whole: nobody else may be at work on it. Wasm and JavaScript may run.
    pub fn alone<R>(&self, what: &str, work: impl FnOnce(&mut Instance) -> R) -> Res<R> {
        if self.is_busy() {
            return Err(errors::busy(self.env, what));
        }
        let Some(mut held) = self.hold() else {
            return Err(errors::disposed(self.env));
        };
        self.buffer.end_inner(self.env);
        match catch_unwind(AssertUnwindSafe(|| work(held.state()))) {
            Ok(done) => Ok(done),
            Err(panic) => {
                let unwind = Unwind::Bug(panic_text(&*panic));
                Err(self.env.throw(errors::of_unwind(self.env, self, unwind)))
            }
        }
    }

    /// Gives the sandbox its instance.
    pub fn put(&self, instance: Instance) -> Res<()> {
        match self.gate.replace(Some(instance)) {
            Ok(_) => Ok(()),
            Err(_) => Err(errors::busy(self.env, "start")),
        }
    }

    /// Gives up everything that lives in the JavaScript environment; refused while the module is on the stack.
    pub fn release(&self) -> Res<()> {
        if self.is_busy() {
            return Err(errors::busy(self.env, "dispose"));
        }
        let claim = self.buffer.claim(self.env);
        self.buffer.end(self.env, claim.as_ref());
        self.buffer.end_inner(self.env);
        self.drop_errors();
        let left = claim.as_ref().and_then(|_| self.linear());
        let left = left.map(Leftover::memory);
        // Dropped when nothing is borrowed any more: it lets go of JavaScript values.
        let instance = self.gate.replace(None).unwrap_or(None);
        drop(instance);
        if let Some(claim) = claim {
            in_flight::park(self.env, left, claim);
        }
        self.script_error.borrow_mut().take();
        self.fault_hook.borrow_mut().take();
        self.explainer.borrow_mut().take();
        self.errno_error.borrow_mut().take();
        Ok(())
    }

    /// Nobody has the sandbox any more, but perhaps a view of its memory.
    pub fn abandon(&self) {
        self.buffer.abandon();
        // No call is on the stack: nobody has a function of it.
        let _ = self.release();
    }
}

/// A native call on the stack.
struct Call<'a> {
    held: Hold<'a, Instance>,
    /// Of the outermost one: what goes on when it returns.
    reading: Option<&'a Reading>,
}

impl<'a> Deref for Call<'a> {
    type Target = Hold<'a, Instance>;
    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.held
    }
}

impl DerefMut for Call<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.held
    }
}

impl Drop for Call<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(reading) = self.reading {
            reading.go_on();
        }
    }
}
