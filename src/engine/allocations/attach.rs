//! The host function of an instance, and the way from wasm to it.

use super::exits::Caller;
use super::hooks::signature;
use super::{AllocationTracker, HOOK};
use crate::engine::fiber;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use wasmer_types::{ModuleInfo, RawValue};
use wasmer_vm::{
    VMCallerCheckedAnyfunc, VMContext, VMFunctionBody, VMFunctionContext, VMTableDefinition,
    on_host_stack,
};

/// What the table of an instance names. To be kept in place as long as the instance runs.
pub struct Attachment {
    anyfunc: Box<VMCallerCheckedAnyfunc>,
    tracker: Rc<AllocationTracker>,
}

impl Attachment {
    pub fn tracker(&self) -> &Rc<AllocationTracker> {
        &self.tracker
    }
}

/// Whether the code of a module was compiled with hooks.
pub fn is_watched(info: &ModuleInfo) -> bool {
    info.exports.contains_key(HOOK)
}

/// Puts the host function into the table that was added for it.
///
/// # Safety
/// `table` is the table that [`AllocationHooks`](super::AllocationHooks) added, of a living instance that only runs on
/// this thread, and the result is dropped after the last run of the instance.
pub unsafe fn attach(
    engine: &wasmer::Engine,
    table: NonNull<VMTableDefinition>,
    tracker: Rc<AllocationTracker>,
) -> Attachment {
    let anyfunc = Box::new(VMCallerCheckedAnyfunc {
        func_ptr: called as *const VMFunctionBody,
        type_signature_hash: engine.as_sys().register_signature(&signature()),
        vmctx: VMFunctionContext {
            host_env: Rc::as_ptr(&tracker).cast_mut().cast(),
        },
        call_trampoline: never,
    });
    // SAFETY: the table has one entry; a funcref is a pointer to the record, which the result keeps.
    unsafe {
        let entry = table.as_ref().base.cast::<*const VMCallerCheckedAnyfunc>();
        entry.write(&raw const *anyfunc);
    }
    Attachment { anyfunc, tracker }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // Whoever calls it now broke the promise: better a null than a dangling pointer.
        self.anyfunc.func_ptr = std::ptr::null();
    }
}

/// wasm calls here, on its own stack, as it calls any function: the system's convention with the context first. It adds its frame
/// pointer and its return address to the arguments.
#[cfg(all(target_arch = "x86_64", unix))]
#[unsafe(naked)]
unsafe extern "C" fn called(
    tracker: *const AllocationTracker,
    event: i32,
    a: u32,
    b: u32,
    c: u32,
    result: u32,
) -> u32 {
    // The first push is for the alignment of the stack.
    core::arch::naked_asm!(
        "mov rax, [rsp]",
        "push rbp",
        "push rax",
        "push rbp",
        "call {called_from}",
        "add rsp, 24",
        "ret",
        called_from = sym called_from,
    )
}

#[cfg(all(target_arch = "aarch64", unix))]
#[unsafe(naked)]
unsafe extern "C" fn called(
    tracker: *const AllocationTracker,
    event: i32,
    a: u32,
    b: u32,
    c: u32,
    result: u32,
) -> u32 {
    core::arch::naked_asm!(
        "mov x6, x29",
        "mov x7, x30",
        "b {called_from}",
        called_from = sym called_from,
    )
}

#[cfg(not(all(unix, any(target_arch = "x86_64", target_arch = "aarch64"))))]
unsafe extern "C" fn called(
    tracker: *const AllocationTracker,
    event: i32,
    a: u32,
    b: u32,
    c: u32,
    result: u32,
) -> u32 {
    // SAFETY: handed on.
    unsafe { called_from(tracker, event, a, b, c, result, 0, 0) }
}

/// `frame` and `pc` are 0 where they are not known: the unwinder has to find them.
unsafe extern "C" fn called_from(
    tracker: *const AllocationTracker,
    event: i32,
    a: u32,
    b: u32,
    c: u32,
    result: u32,
    frame: usize,
    pc: usize,
) -> u32 {
    // SAFETY: the context set in `attach`, which the attachment keeps.
    let tracker = unsafe { &*tracker };
    // SAFETY: the allocator's function waits for this one; it calls others, so it has a frame.
    let caller = (pc != 0).then(|| unsafe { Caller::new(frame, pc) });
    // The tracker needs more stack than wasm may have left.
    let given = on_host_stack(|| {
        catch_unwind(AssertUnwindSafe(|| {
            // Places are named by JavaScript.
            fiber::on_thread(|| tracker.event(event, [a, b, c], result, caller))
        }))
    });
    given.unwrap_or(result)
}

/// The way in from the host. Nobody takes it: the table is emvm's own.
unsafe extern "C" fn never(_: *mut VMContext, _: *const VMFunctionBody, _: *mut RawValue) {}
