//! wasmer's machine room: entering wasm without boxing values, host functions of any signature, instantiation.
//!
//! Everything here works on `wasmer_vm` objects directly, without a `wasmer::Store`: the WebAssembly JavaScript API
//! needs the identity of functions (the address of their `VMCallerCheckedAnyfunc`), which `wasmer` hides.

use super::Code;
pub use super::allocations::is_watched;
use super::allocations::{HOOK, Heap, Recorder, Site, attach};
use super::interruption::{FLAG, FLAGS, InterruptFlag, START};
use crate::memory::{LinearHandle, collect_created};
use std::any::Any;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::mem::offset_of;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::rc::Rc;
use wasmer::sys::NativeEngineExt;
use wasmer_types::{ExportIndex, FunctionType, GlobalIndex, RawValue};
use wasmer_vm::{
    InternalStoreHandle, LinearMemory, MaybeInstanceOwned, StoreObjects, Trap,
    VMCallerCheckedAnyfunc, VMConfig, VMContext, VMDynamicFunctionContext, VMExtern, VMFunction,
    VMFunctionBody, VMFunctionContext, VMFunctionKind, VMInstance, VMMemoryDefinition,
    VMTableDefinition,
};

/// How a host function leaves other than by returning.
pub enum HostExit {
    /// Unwinds all wasm frames down to the call that entered wasm; nothing in wasm can catch it.
    Trap(Box<dyn std::error::Error + Send + Sync>),
    /// Throws a wasm exception (a 1-based index into the store's exceptions): `catch` clauses see it.
    Throw(u32),
}

/// What runs when wasm calls a host function: arguments come in, results go out through `slots`.
pub type HostBody<T> = fn(&T, slots: *mut RawValue) -> Result<(), HostExit>;

/// The context wasm passes to a host function.
///
/// Invariant: boxed and owned by the `VMFunction`, so its address is good as long as the store.
struct HostContext<T> {
    body: HostBody<T>,
    data: T,
    objects: *const StoreObjects,
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
    pub fn stack(&self) -> usize {
        self.0.wasm_stack_size.unwrap_or(super::STACK_BYTES)
    }
}

/// Enters wasm. `slots` holds the arguments and receives the results.
///
/// # Safety
/// `func` belongs to a live store; `slots` points to `max(params, results)` values and outlives the call.
#[inline]
pub unsafe fn enter(
    config: &CallConfig,
    func: NonNull<VMCallerCheckedAnyfunc>,
    slots: *mut RawValue,
) -> Result<(), Trap> {
    // SAFETY: the caller vouches for `func`; the trampoline matches its signature by construction.
    unsafe {
        let func = func.as_ref();
        wasmer_vm::wasmer_call_trampoline(
            None,
            &config.0,
            func.vmctx,
            func.call_trampoline,
            func.func_ptr,
            slots.cast(),
        )
    }
}

/// Makes a host function of any signature.
pub fn host_function<T: 'static>(
    engine: &wasmer::Engine,
    objects: &mut StoreObjects,
    signature: FunctionType,
    body: HostBody<T>,
    data: T,
) -> InternalStoreHandle<VMFunction> {
    let mut context = Box::new(VMDynamicFunctionContext {
        address: std::ptr::null(),
        ctx: HostContext {
            body,
            data,
            objects: &*objects,
        },
    });
    context.address = host_entry::<T> as *const VMFunctionBody;
    let anyfunc = VMCallerCheckedAnyfunc {
        // Filled in by wasmer when a module imports the function: each module has its own reverse trampolines.
        func_ptr: std::ptr::null(),
        type_signature_hash: engine.as_sys().register_signature(&signature),
        vmctx: VMFunctionContext {
            host_env: (&raw mut *context).cast::<c_void>(),
        },
        call_trampoline: host_trampoline::<T>,
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
unsafe extern "C" fn host_trampoline<T>(
    vmctx: *mut VMContext,
    _body: *const VMFunctionBody,
    slots: *mut RawValue,
) {
    // SAFETY: `vmctx` is the `host_env` set in `host_function`.
    unsafe { host_entry::<T>(vmctx.cast(), slots) }
}

unsafe extern "C-unwind" fn host_entry<T>(
    context: *mut VMDynamicFunctionContext<HostContext<T>>,
    slots: *mut RawValue,
) {
    const { assert!(offset_of!(VMDynamicFunctionContext<HostContext<()>>, address) == 0) };
    // SAFETY: wasm hands back the context it was given; the store outlives the call.
    let context = unsafe { &(*context).ctx };
    let outcome = wasmer_vm::on_host_stack(|| {
        panic::catch_unwind(AssertUnwindSafe(|| (context.body)(&context.data, slots)))
    });
    // From here on this is the wasm stack, which may be nearly used up: nothing is allocated.
    match outcome {
        Ok(Ok(())) => {}
        // SAFETY: wasm frames hold nothing that needs dropping; the entry into wasm catches the unwinding.
        Ok(Err(HostExit::Trap(error))) => unsafe { wasmer_vm::raise_user_trap(error) },
        // SAFETY: as above, and the store is alive while wasm runs.
        Ok(Err(HostExit::Throw(exnref))) => unsafe {
            wasmer_vm::libcalls::throw(&*context.objects, exnref)
        },
        // SAFETY: as above; the panic goes on at the entry into wasm.
        Err(payload) => unsafe { wasmer_vm::resume_panic(payload) },
    }
}

/// Why an instance could not be made.
pub enum InstantiateError {
    Link(String),
    Start(Trap),
}

impl From<wasmer_compiler::InstantiationError> for InstantiateError {
    fn from(error: wasmer_compiler::InstantiationError) -> Self {
        match error {
            wasmer_compiler::InstantiationError::Start(trap) => Self::Start(trap),
            wasmer_compiler::InstantiationError::Link(wasmer_compiler::LinkError::Trap(trap)) => {
                Self::Start(trap)
            }
            other => Self::Link(other.to_string()),
        }
    }
}

/// What an instance offers.
pub struct Instantiated {
    /// In the order of the module's exports, without emvm's own.
    pub exports: Vec<VMExtern>,
    pub memories: Vec<LinearHandle>,
    /// What stops the instance from another thread; to be forgotten before the store goes.
    pub flag: Option<InterruptFlag>,
    /// The table for [`attach`](super::attach), where the code tells of allocations.
    pub hooks: Option<Hooks>,
}

/// Where the code of an instance tells of allocations.
pub struct Hooks {
    pub table: NonNull<VMTableDefinition>,
    /// Its linear memory.
    pub memory: Option<NonNull<VMMemoryDefinition>>,
}

impl Hooks {
    /// Gives the table of hooks of a new instance of `code` what it names. Its store keeps the site; `books`: those of the
    /// store's other instances.
    ///
    /// # Safety
    /// As for [`attach`]; the site and the instance belong to one store.
    pub unsafe fn attach(self, code: &Code, books: Option<Rc<Recorder>>) -> Site {
        let books = books.unwrap_or_else(|| {
            // SAFETY: the memory is of the store, as are the books.
            let heap = unsafe { Heap::new(self.memory) };
            Rc::new(Recorder::new(code, heap))
        });
        // SAFETY: the caller's promise.
        unsafe { attach(code.engine(), self.table, books) }
    }
}

/// Instantiates `code` into the store; `start` runs its start function. Memories are capped at `cap` bytes.
///
/// # Safety
/// `objects` is alive and at a fixed address for as long as the instance, and so is the code.
pub unsafe fn instantiate(
    code: &Code,
    objects: *mut StoreObjects,
    imports: &[VMExtern],
    config: &CallConfig,
    cap: Option<u64>,
    mut keep: impl FnMut(Instantiated) -> Result<(), InstantiateError>,
) -> Result<(), InstantiateError> {
    let artifact = code
        .module()
        .sys_artifact()
        .ok_or_else(|| InstantiateError::Link("not a native module".into()))?;
    let info = code.module().info();
    // SAFETY: see above; each reborrow of the store ends before foreign code runs.
    unsafe {
        let (made, memories) = collect_created(cap, || {
            artifact.instantiate(code.engine().tunables(), imports, &mut *objects)
        });
        let mut handle = made?;
        let (mut exports, mut start, mut flag, mut hooks) =
            (Vec::with_capacity(info.exports.len()), None, None, None);
        for (name, index) in &info.exports {
            match name.as_str() {
                FLAG => flag = Some(*index),
                START => start = Some(handle.lookup_by_declaration(*index)),
                HOOK => hooks = Some(handle.lookup_by_declaration(*index)),
                _ => exports.push(handle.lookup_by_declaration(*index)),
            }
        }
        let memory = info.memories.keys().next().filter(|_| hooks.is_some());
        let memory = memory.map(|index| handle.lookup_by_declaration(ExportIndex::Memory(index)));
        let mut flags = Vec::new();
        if let Some(ExportIndex::Global(first)) = flag {
            let indices = (first.as_u32()..)
                .take(FLAGS as usize)
                .map(GlobalIndex::from_u32);
            flags.extend(
                indices.map(|index| handle.lookup_by_declaration(ExportIndex::Global(index))),
            );
        }
        let filled = artifact.finish_instantiation(&config.0, None, &mut handle);
        // Kept even when starting fails: its functions may already sit in imported tables.
        InternalStoreHandle::<VMInstance>::new(&mut *objects, handle);
        filled?;
        let flags = flags.iter().filter_map(|flag| match flag {
            VMExtern::Global(global) => Some(global.get(&*objects).vmglobal()),
            _ => None,
        });
        let flag = Some(InterruptFlag::new(flags));
        let hooks = match hooks {
            Some(VMExtern::Table(table)) => Some(Hooks {
                table: table.get(&*objects).vmtable(),
                memory: match memory {
                    Some(VMExtern::Memory(memory)) => Some(memory.get(&*objects).vmmemory()),
                    _ => None,
                },
            }),
            _ => None,
        };
        keep(Instantiated {
            exports,
            memories,
            flag,
            hooks,
        })?;
        if let Some(VMExtern::Function(start)) = start {
            let start = start.get(&*objects).anyfunc.as_ptr();
            let mut none = [RawValue::default()];
            enter(config, start, none.as_mut_ptr()).map_err(InstantiateError::Start)?;
        }
        Ok(())
    }
}

/// Whether an export is emvm's own, added while compiling.
pub fn is_internal(export: &str) -> bool {
    export == FLAG || export == START || export == HOOK
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
