//! Where wasm waits for the host: its frames under a host function that has called wasm again.
//!
//! The unwinder sees the innermost run of wasm only: wasmer has no unwinding tables for the trampolines through which host
//! functions are called. But a trampoline hands over its arguments in an array on its own frame, and Cranelift links the frames of
//! all functions that call others:
//!
//! ```text
//!   the array │ registers saved by the trampoline │ frame pointer of the wasm function │ return address into it │ ...
//! ```

use std::cell::RefCell;

thread_local! {
    /// The ends of the arrays, outermost first.
    static EXITS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Words between the array and the frame pointer, at most: padding, and all registers that a callee saves.
const SAVED: usize = 24;
/// No frame is larger.
const FRAME: usize = 1 << 24;

/// A host function is running that wasm called. Dropped before it returns.
pub struct Exit(());

impl Exit {
    /// # Safety
    /// `array` is the array of `len` values of 16 bytes that a trampoline of wasmer's has just handed to a host function.
    pub unsafe fn new(array: *const wasmer_types::RawValue, len: usize) -> Self {
        EXITS.with_borrow_mut(|exits| exits.push(array.wrapping_add(len) as usize));
        Self(())
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        EXITS.with_borrow_mut(|exits| exits.pop());
    }
}

/// Gives the return addresses into wasm that waits, innermost first. `is_wasm` says whether one is wasm's of the module in question.
pub(super) fn frames(is_wasm: &mut dyn FnMut(usize) -> bool) {
    EXITS.with_borrow(|exits| {
        for &end in exits.iter().rev() {
            walk(end, is_wasm);
        }
    });
}

fn walk(end: usize, is_wasm: &mut dyn FnMut(usize) -> bool) {
    let word = size_of::<usize>();
    let is_frame = |at: usize, pointer: usize| {
        pointer > at && pointer - at < FRAME && pointer.is_multiple_of(2 * word)
    };
    // SAFETY: `end` is in the frame of a trampoline, above which lie, on the same stack, the frames of the wasm function that called
    // it and of those that entered wasm: more than `SAVED` words. They wait until the host function returns, which ends the
    // `Exit`. A frame pointer is followed only when the return address beside it says that it is a wasm function's.
    let read = |at: usize| unsafe { (at as *const usize).read() };
    let linked = (0..SAVED)
        .map(|i| end + i * word)
        .find(|at| is_frame(*at, read(*at)) && is_wasm(read(*at + word)));
    let Some(mut at) = linked else { return };
    loop {
        let outer = read(at);
        if !is_frame(at, outer) || !is_wasm(read(outer + word)) {
            return;
        }
        at = outer;
    }
}
