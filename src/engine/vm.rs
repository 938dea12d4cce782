//! wasmer's machine room: entering wasm without boxing values, host functions of any signature.

use super::{Func, Unwind, fiber};
use std::any::Any;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::mem::offset_of;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use wasmer_types::{FunctionType, RawValue};
use wasmer_vm::{
    InternalStoreHandle, LinearMemory, MaybeInstanceOwned, StoreObjects, Trap,
    VMCallerCheckedAnyfunc, VMConfig, VMContext, VMDynamicFunctionContext, VMFunction,
    VMFunctionBody, VMFunctionContext, VMFunctionKind,
};

/// Unwinds all wasm frames down to the call that entered wasm; nothing in wasm can catch it.
pub type HostTrap = Box<dyn std::error::Error + Send + Sync>;

/// What runs when wasm calls a host function: arguments come in, results go out through `slots`.
pub type HostBody<T> = fn(&T, slots: *mut RawValue) -> Result<(), HostTrap>;

/// The context wasm passes to a host function.
///
/// Invariant: boxed and owned by the `VMFunction`, so its address is good as long as the store.
struct HostContext<T> {
    body: HostBody<T>,
    data: T,
}

/// How calls into wasm are set up.
pub struct CallConfig(VMConfig);

impl CallConfig {
    /// Calls have `stack` bytes of native stack.
    pub fn with_stack(stack: usize) -> Self {
        Self(VMConfig {
            wasm_stack_size: Some(stack),
        })
    }
    /// The same as wasmer says it.
    pub(super) fn vm(&self) -> &VMConfig {
        &self.0
    }
    pub fn stack(&self) -> usize {
        self.0.wasm_stack_size.unwrap_or(super::STACK_BYTES)
    }
}

/// Enters wasm. `slots` holds the arguments and receives the results. Where the system refuses a stack for the call, the trap is an
/// [`Unwind::NoStack`].
///
/// # Safety
/// `func` belongs to a live store; `slots` points to `max(params, results)` values and outlives the call.
#[inline]
pub unsafe fn enter(config: &CallConfig, func: Func, slots: *mut RawValue) -> Result<(), Trap> {
    // Host functions catch their own panics; wasmer panics when it gets no stack.
    let called = panic::catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller vouches for `func`; the trampoline matches its signature by construction.
        unsafe {
            let func = func.0.as_ref();
            wasmer_vm::wasmer_call_trampoline(
                None,
                &config.0,
                func.vmctx,
                func.call_trampoline,
                func.func_ptr,
                slots.cast(),
            )
        }
    }));
    called.unwrap_or_else(|_| Err(Trap::User(Box::new(Unwind::NoStack(config.stack())))))
}

/// Where the body of a host function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the thread's own stack, where JavaScript can be called.
    Thread,
    /// On the stack that wasm was entered from, which may be a fiber's: it can suspend the call.
    Caller,
}

/// Makes a host function of any signature.
pub fn host_function<T: 'static>(
    engine: &wasmer::Engine,
    objects: &mut StoreObjects,
    signature: FunctionType,
    place: Place,
    body: HostBody<T>,
    data: T,
) -> InternalStoreHandle<VMFunction> {
    let mut context = Box::new(VMDynamicFunctionContext {
        address: std::ptr::null(),
        ctx: HostContext { body, data },
    });
    context.address = match place {
        Place::Thread => host_entry::<T, true> as *const VMFunctionBody,
        Place::Caller => host_entry::<T, false> as *const VMFunctionBody,
    };
    let anyfunc = VMCallerCheckedAnyfunc {
        // Filled in by wasmer when a module imports the function: each module has its own reverse trampolines.
        func_ptr: std::ptr::null(),
        type_signature_hash: engine.as_sys().register_signature(&signature),
        vmctx: VMFunctionContext {
            host_env: (&raw mut *context).cast::<c_void>(),
        },
        call_trampoline: match place {
            Place::Thread => host_trampoline::<T, true>,
            Place::Caller => host_trampoline::<T, false>,
        },
    };
    InternalStoreHandle::new(
        objects,
        VMFunction {
            anyfunc: MaybeInstanceOwned::Host(Box::new(UnsafeCell::new(anyfunc))),
            kind: VMFunctionKind::Dynamic,
            signature,
            host_data: context as Box<dyn Any>,
        },
    )
}

/// The way from the host into a host function (an export that is an import).
unsafe extern "C" fn host_trampoline<T, const ON_THREAD: bool>(
    vmctx: *mut VMContext,
    _body: *const VMFunctionBody,
    slots: *mut RawValue,
) {
    // SAFETY: `vmctx` is the `host_env` set in `host_function`.
    unsafe { host_entry::<T, ON_THREAD>(vmctx.cast(), slots) }
}

unsafe extern "C-unwind" fn host_entry<T, const ON_THREAD: bool>(
    context: *mut VMDynamicFunctionContext<HostContext<T>>,
    slots: *mut RawValue,
) {
    const { assert!(offset_of!(VMDynamicFunctionContext<HostContext<()>>, address) == 0) };
    // SAFETY: wasm hands back the context it was given; the store outlives the call.
    let context = unsafe { &(*context).ctx };
    let outcome = wasmer_vm::on_host_stack(|| {
        panic::catch_unwind(AssertUnwindSafe(|| {
            let body = || (context.body)(&context.data, slots);
            match ON_THREAD {
                true => fiber::on_thread(body),
                false => body(),
            }
        }))
    });
    // From here on this is the wasm stack, which may be nearly used up: nothing is allocated.
    match outcome {
        Ok(Ok(())) => {}
        // SAFETY: wasm frames hold nothing that needs dropping; the entry into wasm catches the unwinding.
        Ok(Err(error)) => unsafe { wasmer_vm::raise_user_trap(error) },
        // SAFETY: as above; the panic goes on at the entry into wasm.
        Err(payload) => unsafe { wasmer_vm::resume_panic(payload) },
    }
}

/// The module that the imports which stand for a module's own shared memories come from.
pub const OWN_MEMORY: &str = "emvm:memory";

/// Whether an import is emvm's own, added while compiling. They come after the module's.
pub fn is_own_memory(module: &str) -> bool {
    module == OWN_MEMORY
}

/// The bits of a global.
pub fn global_get(global: &wasmer_vm::VMGlobal) -> RawValue {
    // SAFETY: the definition lives as long as the global; wasm is not running while the host reads.
    unsafe { global.vmglobal().as_ref().val }
}

/// Sets the bits of a global; the caller checks type and mutability.
pub fn global_set(global: &wasmer_vm::VMGlobal, value: RawValue) {
    // SAFETY: as for `global_get`.
    unsafe { global.vmglobal().as_mut().val = value }
}

/// Where a linear memory is now and how long: changes with each growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySpan {
    pub base: *mut u8,
    pub len: usize,
}

/// The place wasmer keeps a memory's base and length in: fixed for the life of the memory, so it is its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlace(NonNull<wasmer_vm::VMMemoryDefinition>);

impl MemoryPlace {
    pub fn of(memory: &wasmer_vm::VMMemory) -> Self {
        Self(memory.vmmemory())
    }
    pub fn key(self) -> usize {
        self.0.as_ptr() as usize
    }
    /// # Safety
    /// The memory's store is alive.
    #[inline]
    pub unsafe fn span(self) -> MemorySpan {
        // SAFETY: the caller vouches for the store.
        let definition = unsafe { self.0.as_ref() };
        MemorySpan {
            base: definition.base,
            len: definition.current_length,
        }
    }
}

/// A reference to any JavaScript value, as wasm sees it: a 1-based number. wasmer never looks behind it.
pub fn extern_element(number: usize) -> Option<wasmer_vm::VMExternRef> {
    // SAFETY: wasmer only moves externrefs about; the number is never used as an index into the store by emvm.
    unsafe { wasmer_vm::VMExternRef::from_raw(RawValue { externref: number }) }
}

/// The number given to `extern_element`.
pub fn extern_number(element: wasmer_vm::VMExternRef) -> usize {
    // SAFETY: any bits are a valid number.
    unsafe { element.into_raw().externref }
}

/// The payload of an exception, copied.
pub fn exception_payload(exception: &wasmer_vm::VMExceptionObj) -> Vec<RawValue> {
    // SAFETY: the payload lives as long as the exception; wasm is not running.
    unsafe { exception.payload().as_ref().to_vec() }
}
