//! The running wasm of one sandbox: its memory, table, exports, and the way in.

mod access;
mod table;

use super::exceptions::Thrower;
use super::pace::{Pace, PaceGuard};
use super::short::{self, Bodies, Steps, StepsCache};
use super::stack::Nesting;
use super::store::Store;
use super::vm::{self, CallConfig};
use super::{AllocationTracker, Owner, Unwind, ValRaw};
use crate::memory::{self, LinearHandle};
use rustc_hash::FxHashMap;
use std::marker::PhantomPinned;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use wasmer_types::FunctionType;
use wasmer_vm::{
    VMCallerCheckedAnyfunc, VMFuncRef, VMGlobalDefinition, VMMemoryDefinition, VMTableDefinition,
};

/// A function that can be called: an export or a table entry. Valid as long as the wasm instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Func(pub(super) NonNull<VMCallerCheckedAnyfunc>);

impl From<VMFuncRef> for Func {
    fn from(function: VMFuncRef) -> Self {
        Self(function.0)
    }
}

/// The running wasm of one sandbox.
pub struct WasmInstance {
    // Everything below points into the store, which is therefore dropped last.
    pub(super) exports: FxHashMap<String, Func>,
    pub(super) memory: NonNull<VMMemoryDefinition>,
    pub(super) linear: Option<LinearHandle>,
    /// The function table that indirect calls go through.
    pub(super) table: Option<NonNull<VMTableDefinition>>,
    /// The first mutable global, when it is an i32: wasm-ld and fastcomp put the stack pointer there. A trap does not give
    /// it back, so a call restores it.
    pub(super) stack_pointer: Option<NonNull<VMGlobalDefinition>>,
    pub(super) interrupt: Vec<NonNull<VMGlobalDefinition>>,
    /// What host functions ask while they work on and on. The sandbox's, whichever its instance is.
    pub(super) pace: Pace,
    pub(super) config: CallConfig,
    /// What functions are made of, for those that are short.
    pub(super) bodies: Option<Arc<Bodies>>,
    pub(super) known: StepsCache,
    /// The most parameters or results that any function of the module has.
    pub(super) widest: usize,
    /// How many calls into wasm are on the stack.
    pub(super) depth: u32,
    pub(super) nesting: Nesting,
    /// Tells instances apart: a [`Func`] is good for one of them.
    pub(super) epoch: u32,
    /// For a module that can catch exceptions.
    pub(super) throws: Option<Thrower>,
    pub(super) store: Option<Store>,
    /// Host functions use this while a call of [`WasmInstance::enter`] waits: the compiler must not take a reference to it for the
    /// only way there.
    pub(super) _shared: PhantomPinned,
}

static mut NO_MEMORY: VMMemoryDefinition = VMMemoryDefinition {
    base: NonNull::dangling().as_ptr(),
    current_length: 0,
};

impl Default for WasmInstance {
    /// No module yet: no memory, no exports.
    fn default() -> Self {
        Self {
            exports: FxHashMap::default(),
            // SAFETY: never written: its length is 0 and only `Linear` writes definitions.
            memory: unsafe { NonNull::new_unchecked(&raw mut NO_MEMORY) },
            linear: None,
            table: None,
            stack_pointer: None,
            interrupt: Vec::new(),
            pace: Pace::default(),
            config: CallConfig::with_stack(super::STACK_BYTES),
            bodies: None,
            known: StepsCache::default(),
            widest: 1,
            depth: 0,
            nesting: Nesting::default(),
            epoch: 0,
            throws: None,
            store: None,
            _shared: PhantomPinned,
        }
    }
}

impl WasmInstance {
    /// The linear memory as it is now. Calls into wasm may grow it: take the slice anew after each.
    pub fn memory(&self) -> &[u8] {
        // SAFETY: the definition is valid as long as the store, and names accessible bytes. Wasm cannot run while the
        // slice lives: running it takes `&mut self`.
        unsafe {
            let now = self.memory.read();
            std::slice::from_raw_parts(now.base, now.current_length)
        }
    }
    pub fn memory_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe {
            let now = self.memory.read();
            std::slice::from_raw_parts_mut(now.base, now.current_length)
        }
    }
    /// The recyclable memory behind it; `None` when the module has none or shares it between threads.
    pub fn linear(&self) -> Option<&LinearHandle> {
        self.linear.as_ref()
    }
    /// Grows by `delta` wasm pages (64 KiB); false when the module's or the user's maximum forbids it.
    pub fn grow(&mut self, delta: u32) -> bool {
        self.linear
            .as_ref()
            .is_some_and(|linear| linear.grow(delta).is_some())
    }
    /// The maximum that growth may reach, in bytes: the smaller of the module's own and the user's.
    pub fn max_bytes(&self) -> u64 {
        self.linear.as_ref().map_or(0, |linear| linear.max() as u64)
    }
    /// Which wasm instance of the process this is.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
    /// How many calls into wasm are on the stack: 0 means that the memory may be recycled.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The tracker of what it allocates; `None` when it was not compiled for that.
    pub fn tracker(&self) -> Option<&Rc<AllocationTracker>> {
        self.store.as_ref()?.tracker()
    }

    /// An exported function by its canonical name (no leading underscore of fastcomp, minification undone).
    pub fn export(&self, name: &str) -> Option<Func> {
        self.exports.get(name).copied()
    }
    /// With that many slots any function of the module can be entered, whatever its type is.
    pub fn widest(&self) -> usize {
        self.widest
    }

    /// A function of this type has come into the table.
    pub fn widen(&mut self, ty: &FunctionType) {
        self.widest = self.widest.max(ty.params().len()).max(ty.results().len());
    }

    /// The type of a function, `None` for one that another engine made. Registering code asks once and keeps it.
    pub fn type_of(&self, func: Func) -> Option<FunctionType> {
        // SAFETY: a `Func` points at a record that lives as long as the store.
        let hash = unsafe { func.0.as_ref().type_signature_hash };
        self.store.as_ref()?.signature(hash)
    }

    /// What a function does, when it is short.
    pub(super) fn steps_of(&mut self, func: Func) -> Option<Rc<Steps>> {
        if let Some(known) = self.known.get(&func) {
            return known.clone();
        }
        let module = self.store.as_ref()?.modules().next()?;
        let steps = self.bodies.as_ref()?.read(module, func).map(Rc::new);
        self.known.insert(func, steps.clone());
        steps
    }
    pub(super) fn take_steps(&mut self, steps: &Steps, arguments: &[u64]) -> Option<u64> {
        // SAFETY: the definitions are valid as long as the store, and name accessible bytes and entries, which are nullable
        // pointers to records that live as long as it. Nothing else runs meanwhile.
        let (memory, table) = unsafe {
            let memory = self.memory.read();
            let table = self.table.map(|table| table.read());
            (
                std::slice::from_raw_parts_mut(memory.base, memory.current_length),
                table.map_or(&[][..], |table| {
                    std::slice::from_raw_parts(
                        table.base.cast::<Option<Func>>(),
                        table.current_elements as usize,
                    )
                }),
            )
        };
        let mut place = short::Place {
            memory,
            table,
            known: &self.known,
            unknown: None,
            depth: short::DEPTH,
        };
        let result = short::take(steps, arguments, &mut place);
        if let Some(callee) = place.unknown {
            self.steps_of(callee);
        }
        result
    }

    /// See [`enter`].
    fn enter(&mut self, func: Func, slots: &mut [ValRaw]) -> Result<(), Unwind> {
        // Each call that nests takes a wasm stack of its own, and a piece of the host's.
        if self.depth > 0 && !super::stack::has_room() {
            return Err(Unwind::trap(super::TrapKind::StackOverflow));
        }
        // Short functions have no interruption check: host code that calls them on and on is stopped here.
        if self.interrupted() {
            return Err(Unwind::Interrupted);
        }
        // SAFETY: globals live as long as the store.
        let stack_pointer = self
            .stack_pointer
            .map(|g| (g, unsafe { g.as_ref().val.u32 }));
        let paced = self.paced();
        self.depth += 1;
        self.nesting.at(self.depth);
        // SAFETY: a `Func` is of the store; `slots` has room by this function's contract; host functions reach this sandbox
        // through the pointer given at instantiation, and no reference derived from `self` is used until the call returns.
        let called = unsafe { vm::enter(&self.config, func, slots.as_mut_ptr().cast()) };
        self.depth -= 1;
        drop(paced);
        let ended = match called {
            Ok(()) => Ok(()),
            Err(trap) => Err(self.ended(trap, stack_pointer)),
        };
        if self.depth == 0 {
            self.nesting.end();
            if self.throws.is_some()
                && let Some(store) = &mut self.store
            {
                store.forget_exceptions();
            }
        }
        ended
    }

    /// What a call ended with, and the stack pointer it began with.
    #[cold]
    fn ended(
        &self,
        trap: wasmer_vm::Trap,
        stack_pointer: Option<(NonNull<VMGlobalDefinition>, u32)>,
    ) -> Unwind {
        if let Some((mut global, value)) = stack_pointer {
            // SAFETY: globals live as long as the store.
            unsafe { global.as_mut().val.u32 = value };
        }
        if let (Some(thrower), Some(store)) = (&self.throws, &self.store)
            && let Some(exception) = trap.to_exception_ref()
        {
            return thrower.uncaught(store, exception.to_u32_exnref());
        }
        Unwind::from_trap(trap, self.store.iter().flat_map(Store::modules))
    }

    /// Whether the running call is being stopped.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }
    /// Work of the host's that belongs to a call begins: it is told to stop when the call is. `None` within another call. What
    /// is given back goes before the instance does.
    #[inline]
    pub(crate) fn paced(&self) -> Option<PaceGuard> {
        let flag = self.interrupt.first()?.as_ptr();
        // SAFETY: globals live as long as the store, which callers keep: it stays while a call of it is on the stack.
        unsafe { self.pace.begin((&raw const (*flag).val.i32).cast()) }
    }
    /// Without an instance, of the same sandbox.
    pub(crate) fn vacant(&self) -> Self {
        Self {
            pace: self.pace.clone(),
            ..Self::default()
        }
    }

    /// What runs is being stopped.
    fn interrupted(&self) -> bool {
        // SAFETY: globals live as long as the store; other threads write this one atomically (see `InterruptFlag`).
        self.interrupt.first().is_some_and(|flag| unsafe {
            AtomicI32::from_ptr(&raw mut (*flag.as_ptr()).val.i32).load(Ordering::Relaxed) != 0
        })
    }

    /// The module's stack pointer, where it has one.
    pub fn stack_pointer(&self) -> Option<u32> {
        // SAFETY: globals live as long as the store.
        self.stack_pointer.map(|g| unsafe { g.as_ref().val.u32 })
    }
    pub fn set_stack_pointer(&mut self, value: u32) {
        if let Some(mut global) = self.stack_pointer {
            // SAFETY: as above.
            unsafe { global.as_mut().val.u32 = value };
        }
    }

    /// What images are taken of; `None` without a module.
    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }
    pub(crate) fn store_mut(&mut self) -> Option<&mut Store> {
        self.store.as_mut()
    }

    /// The interruption flag, for other threads to set while this sandbox lives.
    pub fn interrupt_flag(&self) -> Option<super::InterruptFlag> {
        let flags = (!self.interrupt.is_empty()).then(|| self.interrupt.iter().copied());
        flags.map(super::InterruptFlag::new)
    }

    /// What the memory occupies.
    pub fn residency(&self) -> Option<memory::Residency> {
        self.linear.as_ref()?.residency()
    }
}

/// Enters wasm: `slots` holds the arguments and, afterwards, the result in its first place. There is at least one slot and
/// at least as many as the function has parameters and results. All of the owner is borrowed: host functions that wasm
/// calls use it meanwhile, and so does what JavaScript calls from there.
#[inline]
pub fn enter<T: Owner>(owner: &mut T, func: Func, slots: &mut [ValRaw]) -> Result<(), Unwind> {
    owner.wasm().enter(func, slots)
}
