//! Rust functions that wasm can call, of any signature, without boxing a value.

use super::allocations::Exit;
use super::exceptions::Thrower;
use super::store::{Handle, Store};
use super::vm::{HostTrap, Place};
use super::{Args, Owner, Pace, Unwind, ValRaw, thunks};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmer_types::{FunctionType, RawValue};
use wasmer_vm::VMFunction;

/// A host function over a context `T`.
pub type HostFn<T> = fn(&mut T, &mut Args) -> Result<(), Unwind>;

/// What all host functions of an instance have in common.
pub(super) struct Hosts<T> {
    /// The owner of the instance. It outlives the store: whoever owns both drops the store first.
    pub data: *mut T,
    pub throws: Option<Thrower>,
    pub pace: Pace,
    /// The code tells of allocations, and stacks go through host functions.
    pub watched: bool,
}

impl<T> Clone for Hosts<T> {
    fn clone(&self) -> Self {
        Self {
            throws: self.throws.clone(),
            pace: self.pace.clone(),
            ..*self
        }
    }
}

/// What one of them carries.
struct HostContext<T> {
    function: HostFn<T>,
    ty: FunctionType,
    index: u32,
    hosts: Hosts<T>,
}

impl<T> HostContext<T> {
    /// How many values the array of a call has room for. Behind a thunk one more result takes the exception that is to be thrown.
    fn slots(&self) -> usize {
        let results = self.ty.results().len() + usize::from(self.hosts.throws.is_some());
        self.ty.params().len().max(results)
    }
}

/// Makes a host function for a store: where it throws, one that goes behind a thunk.
///
/// # Safety
/// `data` stays valid and in place as long as the store, and wasm of this store only runs on the thread that owns `data`,
/// entered from code that does not use a reference to `data` while wasm runs: [`enter`](super::enter) borrows all of it.
/// `T` is `!Unpin`, so that references further out promise the compiler nothing about what happens here.
pub(super) unsafe fn host_function<T: Owner>(
    store: &mut Store,
    ty: &FunctionType,
    function: HostFn<T>,
    index: u32,
    hosts: &Hosts<T>,
) -> Handle<VMFunction> {
    let declared = match &hosts.throws {
        Some(_) => thunks::host_type(ty),
        None => ty.clone(),
    };
    let body = match hosts.watched {
        true => run_watched::<T>,
        false => run::<T>,
    };
    let context = HostContext {
        function,
        ty: ty.clone(),
        index,
        hosts: hosts.clone(),
    };
    store.host_function(declared, Place::Thread, body, context)
}

/// Where stacks are looked at while wasm waits.
fn run_watched<T: Owner>(context: &HostContext<T>, values: *mut RawValue) -> Result<(), HostTrap> {
    // SAFETY: the trampoline's own array, of so many values.
    let _exit = unsafe { Exit::new(values, context.slots()) };
    run(context, values)
}

#[inline]
fn run<T: Owner>(context: &HostContext<T>, values: *mut RawValue) -> Result<(), HostTrap> {
    // SAFETY: the trampoline allocates room for parameters and results; `ValRaw` has the layout of `RawValue`.
    let slots = unsafe { std::slice::from_raw_parts_mut(values.cast::<ValRaw>(), context.slots()) };
    // SAFETY: by the promise made to `host_function`.
    let data = unsafe { &mut *context.hosts.data };
    let called = catch_unwind(AssertUnwindSafe(|| {
        let mut args = Args::new(&mut *slots, &context.ty, context.index);
        (context.function)(data, &mut args)?;
        // One that was told to stop may have left its work half done: wasm does not see that.
        match context.hosts.pace.was_told() {
            true => Err(Unwind::Interrupted),
            false => Ok(()),
        }
    }));
    let unwind = match called {
        Ok(Ok(())) => None,
        Ok(Err(unwind)) => Some(Box::new(unwind)),
        Err(panic) => Some(Box::new(Unwind::Bug(panic_text(&*panic)))),
    };
    let Some(thrower) = &context.hosts.throws else {
        return unwind.map_or(Ok(()), |unwind| Err(unwind as HostTrap));
    };
    let thrown = unwind
        .as_ref()
        .and_then(|unwind| thrower.exception(data.wasm().store.as_mut()?, unwind));
    slots[context.ty.results().len()] = ValRaw::from_u32(thrown.unwrap_or(0));
    match unwind {
        Some(unwind) if thrown.is_none() => Err(unwind),
        _ => Ok(()),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".into())
}
