//! Bulk memory operations that can be stopped.
//!
//! wasmer does `memory.fill` and `memory.copy` in one piece. Two gigabytes that are touched for the first time take seconds,
//! and compiled code passes no interruption check meanwhile. Each instance has a list of the functions that its code
//! calls for such operations: these here take long ones in pieces, and look at the instance's flag in between.

use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};
use wasmer_types::TrapCode;
use wasmer_vm::libcalls::{
    wasmer_vm_imported_memory32_fill, wasmer_vm_memory32_copy, wasmer_vm_memory32_fill,
};
use wasmer_vm::{
    Trap, VMBuiltinFunctionIndex, VMContext, VMGlobalDefinition, VMInstance, raise_lib_trap,
};

/// Bytes between two looks: a millisecond or two where every page is new.
const PIECE: u32 = 4 << 20;

thread_local! {
    /// The flag of each instance of this thread, by the address of its context.
    static FLAGS: RefCell<FxHashMap<usize, NonNull<AtomicI32>>> = RefCell::default();
}

/// An instance whose bulk operations can be stopped; goes before its store.
#[derive(Debug)]
pub(super) struct BulkPace(usize);

impl Drop for BulkPace {
    fn drop(&mut self) {
        let _ = FLAGS.try_with(|flags| flags.borrow_mut().remove(&self.0));
    }
}

/// Lets bulk operations of a new instance look at its interruption flag.
///
/// # Safety
/// The flag lives as long as the result, which goes on the same thread before the instance.
pub(super) unsafe fn pace(instance: &VMInstance, flag: NonNull<VMGlobalDefinition>) -> BulkPace {
    let (context, offsets) = (instance.vmctx_ptr(), instance.vmoffsets());
    let functions = [
        (
            VMBuiltinFunctionIndex::get_memory_fill_index(),
            fill as *const () as usize,
        ),
        (
            VMBuiltinFunctionIndex::get_imported_memory_fill_index(),
            fill_imported as *const () as usize,
        ),
        (
            VMBuiltinFunctionIndex::get_memory_copy_index(),
            copy as *const () as usize,
        ),
    ];
    for (index, function) in functions {
        let place = offsets.vmctx_builtin_function(index) as usize;
        // SAFETY: the context has its list of functions there, one address each, and no code of the instance runs yet.
        unsafe { context.byte_add(place).cast::<usize>().write(function) };
    }
    FLAGS.with_borrow_mut(|flags| flags.insert(context as usize, flag.cast()));
    BulkPace(context as usize)
}

/// Traps as an interruption check does where the running call is being stopped. No destructor may be waiting.
fn check(context: *mut VMContext) {
    let raised = |flag: &NonNull<AtomicI32>| {
        // SAFETY: by the promise of `pace` it lives as long as its entry. An aligned i32 that other threads write atomically.
        unsafe { flag.as_ref() }.load(Ordering::Relaxed) != 0
    };
    let stopped = FLAGS.try_with(|flags| {
        let flags = flags.try_borrow().ok()?;
        flags.get(&(context as usize)).map(raised)
    });
    if stopped.ok().flatten() == Some(true) {
        // SAFETY: called by wasm, with nothing of Rust's on the stack in between that must be dropped.
        unsafe { raise_lib_trap(Trap::lib(TrapCode::UnreachableCodeReached)) }
    }
}

/// Does `work` on pieces of `len` bytes, as offset and length, from the front or from the back.
fn in_pieces(context: *mut VMContext, len: u32, from_back: bool, work: impl Fn(u32, u32)) {
    let mut done = 0;
    while done < len {
        let piece = PIECE.min(len - done);
        let at = if from_back { len - done - piece } else { done };
        work(at, piece);
        done += piece;
        check(context);
    }
}

type Fill = unsafe extern "C" fn(*mut VMContext, u32, u32, u32, u32);

unsafe fn fill_by(all: Fill, context: *mut VMContext, memory: u32, at: u32, value: u32, len: u32) {
    // SAFETY: of both: called as compiled code calls it.
    let fill = |at, len| unsafe { all(context, memory, at, value, len) };
    let Some(end) = at.checked_add(len).filter(|_| len > PIECE) else {
        return fill(at, len);
    };
    // Traps before anything is written where the whole does not fit.
    fill(end, 0);
    in_pieces(context, len, false, |offset, len| fill(at + offset, len));
}

unsafe extern "C" fn fill(context: *mut VMContext, memory: u32, at: u32, value: u32, len: u32) {
    // SAFETY: handed on.
    unsafe { fill_by(wasmer_vm_memory32_fill, context, memory, at, value, len) }
}

unsafe extern "C" fn fill_imported(
    context: *mut VMContext,
    memory: u32,
    at: u32,
    value: u32,
    len: u32,
) {
    // SAFETY: handed on.
    unsafe {
        fill_by(
            wasmer_vm_imported_memory32_fill,
            context,
            memory,
            at,
            value,
            len,
        );
    }
}

unsafe extern "C" fn copy(
    context: *mut VMContext,
    to_memory: u32,
    from_memory: u32,
    to: u32,
    from: u32,
    len: u32,
) {
    let copy = |to, from, len| {
        // SAFETY: called as compiled code calls it.
        unsafe { wasmer_vm_memory32_copy(context, to_memory, from_memory, to, from, len) }
    };
    let ends = to.checked_add(len).zip(from.checked_add(len));
    let Some((to_end, from_end)) = ends.filter(|_| len > PIECE) else {
        return copy(to, from, len);
    };
    // Traps before anything is written where the whole does not fit.
    copy(to_end, from_end, 0);
    // What lies further on is read before it is written over.
    in_pieces(context, len, to > from, |offset, len| {
        copy(to + offset, from + offset, len);
    });
}
