//! Rust functions that wasm can call, of any signature, without boxing a value.

use super::allocations::Exit;
use super::exceptions::Thrower;
use super::{Args, Func, Pace, Raw, Unwind, thunks};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmer::{AsStoreMut, AsStoreRef, Extern, FunctionType, VMExternToExtern};
use wasmer_types::RawValue;
use wasmer_vm::{
    InternalStoreHandle, MaybeInstanceOwned, VMCallerCheckedAnyfunc, VMContext,
    VMDynamicFunctionContext, VMExtern, VMFunction, VMFunctionBody, VMFunctionContext,
    VMFunctionKind, on_host_stack, raise_user_trap,
};

/// A host function over a context `T`.
pub type HostFn<T> = fn(&mut T, &mut Args) -> Result<(), Unwind>;

/// What one host function carries. wasmer's dynamic trampoline hands it back with the arguments in an array.
struct HostContext<T> {
    function: HostFn<T>,
    ty: FunctionType,
    index: u32,
    /// For a host function behind a thunk: one more result takes the exception that is to be thrown.
    throws: Option<Thrower>,
    pace: Pace,
    /// The sandbox's runtime. It outlives the store: whoever owns both drops the store first.
    data: *mut T,
}

impl<T> HostContext<T> {
    /// How many values the array of a call has room for.
    fn slots(&self) -> usize {
        let results = self.ty.results().len() + usize::from(self.throws.is_some());
        self.ty.params().len().max(results)
    }
}

type Dynamic<T> = VMDynamicFunctionContext<HostContext<T>>;

/// Makes a host function for a store. The [`Func`] is good once a module that imports it is instantiated. `watched`: for
/// code that tells of allocations, whose stacks go through host functions.
///
/// # Safety
/// `data` stays valid and in place as long as the store, and wasm of this store only runs on the thread that owns `data`,
/// entered from code that does not use a reference to `data` while wasm runs: [`enter`](super::enter) borrows all of it.
/// `T` is `!Unpin`, so that references further out promise the compiler nothing about what happens here.
pub(crate) unsafe fn host_function<T: 'static>(
    store: &mut impl AsStoreMut,
    ty: &FunctionType,
    function: HostFn<T>,
    index: u32,
    throws: Option<Thrower>,
    pace: Pace,
    data: *mut T,
    watched: bool,
) -> (Extern, Func) {
    let declared = match &throws {
        Some(_) => thunks::host_type(ty),
        None => ty.clone(),
    };
    let mut host_data = Box::new(Dynamic {
        address: std::ptr::null(),
        ctx: HostContext {
            function,
            ty: ty.clone(),
            index,
            throws,
            pace,
            data,
        },
    });
    host_data.address = match watched {
        true => enter_watched::<T> as *const VMFunctionBody,
        false => enter::<T> as *const VMFunctionBody,
    };
    let anyfunc = VMCallerCheckedAnyfunc {
        // The linker replaces it by a trampoline that packs the arguments into an array.
        func_ptr: std::ptr::null(),
        type_signature_hash: store
            .as_store_ref()
            .engine()
            .as_sys()
            .register_signature(&declared),
        vmctx: VMFunctionContext {
            host_env: std::ptr::from_ref(&*host_data).cast_mut().cast(),
        },
        call_trampoline: call_trampoline::<T>,
    };
    let anyfunc = MaybeInstanceOwned::Host(Box::new(std::cell::UnsafeCell::new(anyfunc)));
    let func = Func(anyfunc.as_ptr());
    let function = VMFunction {
        anyfunc,
        kind: VMFunctionKind::Dynamic,
        signature: declared,
        host_data,
    };
    let handle = InternalStoreHandle::new(store.objects_mut().as_sys_mut(), function);
    (VMExtern::Function(handle).to_extern(store), func)
}

/// wasm calls here, on its own stack, with the arguments at `values`.
unsafe extern "C-unwind" fn enter<T>(this: &mut Dynamic<T>, values: *mut RawValue) {
    let context = &this.ctx;
    let outcome = on_host_stack(|| run(context, values));
    // Nothing may be allocated from here on: this is the wasm stack, and no destructor runs when it is unwound.
    if let Some(unwind) = outcome {
        // SAFETY: wasm is on the stack, and nothing on it needs dropping: `outcome` has been moved out of.
        unsafe { raise_user_trap(unwind) }
    }
}

/// The same where stacks are looked at while wasm waits.
unsafe extern "C-unwind" fn enter_watched<T>(this: &mut Dynamic<T>, values: *mut RawValue) {
    let context = &this.ctx;
    let outcome = on_host_stack(|| {
        // SAFETY: the trampoline's own array, of so many values.
        let _exit = unsafe { Exit::new(values, context.slots()) };
        run(context, values)
    });
    if let Some(unwind) = outcome {
        // SAFETY: as above.
        unsafe { raise_user_trap(unwind) }
    }
}

fn run<T>(context: &HostContext<T>, values: *mut RawValue) -> Option<Box<Unwind>> {
    // SAFETY: the trampoline allocates room for parameters and results; `Raw` has the layout of `RawValue`.
    let slots = unsafe { std::slice::from_raw_parts_mut(values.cast::<Raw>(), context.slots()) };
    // SAFETY: by the promise made to `host_function`.
    let data = unsafe { &mut *context.data };
    let called = catch_unwind(AssertUnwindSafe(|| {
        let mut args = Args::new(&mut *slots, &context.ty, context.index);
        (context.function)(data, &mut args)?;
        // One that was told to stop may have left its work half done: wasm does not see that.
        match context.pace.was_told() {
            true => Err(Unwind::Interrupted),
            false => Ok(()),
        }
    }));
    let called = match (called, &context.throws) {
        (Ok(outcome), Some(thrower)) => {
            // SAFETY: the store runs this call, and wasm waits for it.
            let thrown = outcome
                .as_ref()
                .err()
                .and_then(|unwind| unsafe { thrower.exception(unwind) });
            slots[context.ty.results().len()] = Raw::from_u32(thrown.unwrap_or(0));
            Ok(if thrown.is_some() { Ok(()) } else { outcome })
        }
        (called, _) => called,
    };
    match called {
        Ok(Ok(())) => None,
        Ok(Err(unwind)) => Some(Box::new(unwind)),
        Err(panic) => Some(Box::new(Unwind::Bug(panic_text(&*panic)))),
    }
}

/// The way in when Rust calls a host function through wasmer (a host function in a table, say).
unsafe extern "C" fn call_trampoline<T>(
    vmctx: *mut VMContext,
    _body: *const VMFunctionBody,
    values: *mut RawValue,
) {
    // SAFETY: for host functions wasmer passes the host environment set above.
    unsafe { enter::<T>(&mut *vmctx.cast::<Dynamic<T>>(), values) }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".into())
}
