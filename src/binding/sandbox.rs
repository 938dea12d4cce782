//! A sandbox as the addon keeps it, and the ways in for what comes from JavaScript: [`enter`], [`SandboxCell::alone`] and
//! [`SandboxCell::look`].

use super::gate::{Gate, Hold};
use super::js::Reading;
use super::lent::Claim;
use super::memory::MemoryBuffer;
use super::node_api::{Env, Failed, Reference, Res, Value, panic_text};
use super::{ending, errors, in_flight};
use crate::emscripten::js::JsRef;
use crate::emscripten::{Runtime, exceptions::Description};
use crate::engine::{Owner, Unwind};
use crate::instance::Instance;
use crate::memory::{Leftover, LinearHandle};
use std::cell::{OnceCell, RefCell};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

// SAFETY: every `Runtime` lives in an `Instance`'s box from before it is linked until after its store is dropped, is
// never moved out of it, and is only used on the thread of its JavaScript environment.
unsafe impl Owner for Runtime {
    fn wasm(&mut self) -> &mut crate::engine::Wasm {
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

    pub fn set_fault_hook(&self, function: Value) {
        *self.fault_hook.borrow_mut() = Reference::weak(self.env, function);
    }

    /// Tells of a fault. No exception may be pending; one that the hook throws is dropped.
    fn tell(&self, error: Value) {
        let hook = self.fault_hook.borrow().as_ref().and_then(Reference::value);
        if let Some(hook) = hook
            && let Err(failed) = self.env.call(hook, &[error])
        {
            self.env.exception_of(failed);
        }
    }

    pub fn set_explainer(&self, function: Value) {
        *self.explainer.borrow_mut() = Reference::weak(self.env, function);
    }

    /// What the module says of a C++ exception. No exception may be pending.
    pub fn explain(&self, ptr: u32) -> Option<String> {
        let explainer = self
            .explainer
            .borrow()
            .as_ref()
            .and_then(Reference::value)?;
        let env = self.env;
        match env.call(explainer, &[env.number(f64::from(ptr))]) {
            Ok(text) => env.to_string(text).ok(),
            Err(failed) => {
                env.exception_of(failed);
                None
            }
        }
    }

    pub fn set_script_error(&self, keeper: Value, function: Value) {
        *self.script_error.borrow_mut() =
            Reference::kept_by(self.env, keeper, "#scriptError", function);
    }

    pub fn set_errno_error(&self, keeper: Value, function: Value) {
        *self.errno_error.borrow_mut() =
            Reference::kept_by(self.env, keeper, "#errnoError", function);
    }

    /// An error of the file system.
    pub fn errno_error(&self, number: i32, name: &str, text: &str) -> Value {
        let env = self.env;
        let args = [env.int(number), env.message(name), env.message(text)];
        made_by(env, &self.errno_error, &args).unwrap_or_else(|| env.error_with_code(name, text))
    }

    /// An error of one of the module's own classes.
    pub fn script_error(&self, class: &str, message: &str) -> Value {
        let env = self.env;
        let args = [env.message(class), env.message(message)];
        made_by(env, &self.script_error, &args).unwrap_or_else(|| match class {
            "TypeError" => env.type_error(message),
            "RangeError" => env.range_error(message),
            _ => env.error(message),
        })
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

    /// Works on the instance as [`SandboxCell::alone`] does, with what puts another region or another memory in place of the
    /// current one, for a generation that is over. Whoever may still have that finds it as it was.
    pub fn replace_memory<R>(&self, what: &str, work: impl FnOnce(&mut Instance) -> R) -> Res<R> {
        if self.is_busy() {
            return Err(errors::busy(self.env, what));
        }
        let claim = self.buffer.claim(self.env);
        let linear = claim.as_ref().and_then(|_| self.linear());
        if let Some(linear) = &linear
            && !in_flight::has_room(linear.private_bytes())
        {
            return Err(errors::in_flight(self.env));
        }
        self.buffer.end(self.env, claim.as_ref());
        let Some((claim, linear)) = claim.zip(linear) else {
            return self.alone(what, work);
        };
        linear.hold();
        let done = self.alone(what, work);
        let mut left = linear.take_left();
        if !self.linear().is_some_and(|now| Arc::ptr_eq(&now, &linear)) {
            left.push(Leftover::memory(linear));
        } else if left.is_empty() {
            self.buffer.owe();
        }
        self.park(left, claim, done.is_err());
        done
    }

    /// The same within a generation, which may be given another region: its image is taken, or it starts from one.
    pub fn change_memory<R>(&self, what: &str, work: impl FnOnce(&mut Instance) -> R) -> Res<R> {
        let claim = self.buffer.claim(self.env);
        let linear = claim.as_ref().and_then(|_| self.linear());
        let Some((claim, linear)) = claim.zip(linear) else {
            return self.alone(what, work);
        };
        linear.hold();
        let done = self.alone(what, work);
        let left = linear.take_left();
        if left.is_empty() {
            linear.let_go();
        } else {
            self.buffer.end(self.env, Some(&claim));
            self.park(left, claim, done.is_err());
        }
        done
    }

    /// The same for what only looks at the memory, as a whole: whoever may have it goes on as before.
    pub fn keep_memory<R>(&self, what: &str, work: impl FnOnce(&mut Instance) -> R) -> Res<R> {
        if self.is_busy() {
            return Err(errors::busy(self.env, what));
        }
        let claim = self.buffer.claim(self.env);
        let Some(linear) = claim.and_then(|_| self.linear()) else {
            return self.alone(what, work);
        };
        linear.hold();
        let done = self.alone(what, work);
        linear.let_go();
        done
    }

    fn park(&self, left: Vec<Leftover>, claim: Claim, failed: bool) {
        // JavaScript runs while nothing is thrown.
        let thrown = failed.then(|| self.env.take_exception());
        in_flight::park(self.env, left, claim);
        if let Some(thrown) = thrown {
            self.env.throw(thrown);
        }
    }

    fn linear(&self) -> Option<LinearHandle> {
        self.look(|instance| instance.runtime.wasm.linear().cloned())?
    }

    /// The JavaScript error that crossed wasm under this key.
    pub fn take_js_error(&self, key: u32) -> Option<Value> {
        let at = self
            .carried
            .borrow()
            .iter()
            .position(|kept| kept.0 == key)?;
        let kept = self.carried.borrow_mut().swap_remove(at);
        let js = self.look(|instance| instance.runtime.js())?;
        let value = js.value(kept);
        js.release(kept);
        Some(value.into())
    }

    pub fn carry_error(&self, kept: JsRef) {
        self.carried.borrow_mut().push(kept);
    }

    /// The outermost call is over: nothing throws these any more.
    fn drop_errors(&self) {
        if self.carried.borrow().is_empty() {
            return;
        }
        let left = std::mem::take(&mut *self.carried.borrow_mut());
        if let Some(js) = self.look(|instance| instance.runtime.js()) {
            for kept in left {
                js.release(kept);
            }
        }
    }

    /// Runs the exception's `what()`: a call like any other, for limits and recycling.
    pub fn describe_exception(&self, ptr: u32) -> Option<Description> {
        // Within a call that goes on, its limit holds; `enter` has ended the limit of an outermost one.
        let own = self.gate.entered() <= 1;
        let mut held = self.hold()?;
        let interrupter = held.state().interrupter.clone();
        if own {
            interrupter.begin();
        }
        let describe = || held.state().runtime.describe_exception(ptr);
        let described = catch_unwind(AssertUnwindSafe(describe)).ok();
        if own {
            interrupter.end(None);
        }
        described
    }

    fn memory(&self) -> Option<(*mut u8, usize)> {
        self.look(|instance| {
            let memory = instance.runtime.wasm.memory_mut();
            (memory.as_mut_ptr(), memory.len())
        })
    }

    /// The ArrayBuffer over the linear memory as it is now.
    pub fn array_buffer(&self) -> Option<Value> {
        let (base, len) = self.memory()?;
        self.buffer.value(self.env, base, len)
    }

    /// The ArrayBuffer for a view of it that ends at `end`.
    pub fn array_buffer_for(&self, end: usize) -> Option<Value> {
        let (base, len) = self.memory()?;
        self.buffer.value_for(self.env, base, len, end)
    }

    /// The ArrayBuffer that the facade reads fields in, and nobody else has: over what lies below some address.
    pub fn field_buffer(&self) -> Option<Value> {
        let (base, len) = self.memory()?;
        self.buffer.inner(self.env, base, len)
    }

    /// Views of a memory that has grown or moved end.
    pub fn follow_memory(&self) {
        if let Some((base, len)) = self.memory() {
            self.buffer.follow(self.env, base, len);
        }
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

/// What a function of the facade makes of these.
fn made_by(env: Env, function: &RefCell<Option<Reference>>, args: &[Value]) -> Option<Value> {
    let function = function.borrow().as_ref().and_then(Reference::value)?;
    match env.call(function, args) {
        Ok(made) => Some(made),
        Err(failed) => {
            env.exception_of(failed);
            None
        }
    }
}

/// Runs a call into a sandbox: guards it, limits it, and turns what it ended with into a value or a JavaScript exception.
#[inline]
pub fn enter<R>(
    cell: &SandboxCell,
    entering: Entering,
    call: impl FnOnce(&mut Runtime) -> Result<R, Unwind>,
) -> Res<Option<R>> {
    match catch_unwind(AssertUnwindSafe(|| run(cell, entering, call))) {
        Ok(done) => done,
        Err(panic) => Err(panicked(cell, panic_text(&*panic))),
    }
}

/// A fault of emvm's own ended a call, and nobody has ended what the call had begun.
#[cold]
fn panicked(cell: &SandboxCell, text: String) -> Failed {
    let outermost = !cell.is_busy();
    let unwind = Unwind::Bug(text);
    cell.look(|instance| {
        if outermost {
            instance.interrupter.end(None);
        }
        instance.note(&unwind);
    });
    surface(cell, unwind, outermost)
}

#[inline]
fn run<R>(
    cell: &SandboxCell,
    entering: Entering,
    call: impl FnOnce(&mut Runtime) -> Result<R, Unwind>,
) -> Res<Option<R>> {
    let Some(mut held) = cell.hold() else {
        return Err(errors::disposed(cell.env));
    };
    let outermost = held.is_outermost();
    let instance = held.state();
    if entering == Entering::Module {
        instance.stats.calls += 1;
    }
    if outermost {
        instance.runtime.forget_refusals();
        instance.interrupter.begin();
    }
    // It goes before the instance may.
    let paced = instance.runtime.wasm.paced();
    // What never enters wasm, or stays in host code for long, would not see that it is being stopped.
    // An unwinding is large: boxed at once, it is not moved about on the way of those that return.
    let called = if !outermost && instance.interrupter.is_raised() {
        Err(Box::new(Unwind::unreachable()))
    } else {
        call(&mut instance.runtime).map_err(Box::new)
    };
    let instance = held.state();
    let told = paced.is_some_and(|paced| paced.was_told());
    let unwind = match called {
        Ok(value) if !told => {
            if outermost {
                instance.interrupter.end_well();
            }
            let memory = instance.runtime.wasm.memory();
            cell.buffer.follow(cell.env, memory.as_ptr(), memory.len());
            if outermost {
                cell.drop_errors();
            }
            return Ok(Some(value));
        }
        // Work of the host's that was told to stop.
        Ok(_) => Box::new(Unwind::Interrupted),
        Err(unwind) => unwind,
    };
    match unwound(cell, instance, *unwind, outermost) {
        None => Ok(None),
        Some(failed) => Err(failed),
    }
}

/// What an unwinding is for JavaScript; `None` when it is no error.
#[cold]
fn unwound(
    cell: &SandboxCell,
    instance: &mut Instance,
    unwind: Unwind,
    outermost: bool,
) -> Option<Failed> {
    let unwind = match outermost {
        true => instance.interrupter.end(Some(unwind)),
        false => instance.interrupter.name(Some(unwind)),
    };
    let memory = instance.runtime.wasm.memory();
    cell.buffer.follow(cell.env, memory.as_ptr(), memory.len());
    let unwind = match unwind {
        None | Some(Unwind::KeepAlive) => return None,
        Some(unwind) => unwind,
    };
    instance.note(&unwind);
    let unwind = instance.runtime.explain(unwind);
    Some(surface(cell, unwind, outermost))
}

/// Throws in JavaScript what ended a call.
#[cold]
fn surface(cell: &SandboxCell, unwind: Unwind, outermost: bool) -> Failed {
    if ending::is_ending() {
        // Nobody is told: no JavaScript runs any more, and no error can be made.
        return Failed::Thrown;
    }
    let fault = outermost && unwind.is_fault();
    let error = errors::of_unwind(cell.env, cell, unwind);
    if outermost {
        cell.drop_errors();
    }
    if fault {
        cell.tell(error);
    }
    cell.env.throw(error)
}
