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
        EXITS.with_borrow_mut(std::vec::Vec::pop);
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

/// Who called a host function that stands in a table: Cranelift links the frames there as well.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    frame: usize,
    pc: usize,
}

impl Caller {
    /// # Safety
    /// `frame` is the frame pointer of the wasm function that waits until this is dropped, `pc` the return address into it.
    pub unsafe fn new(frame: usize, pc: usize) -> Self {
        Self { frame, pc }
    }

    /// Gives the return addresses into wasm from there on, innermost first.
    pub fn frames(&self, is_wasm: &mut dyn FnMut(usize) -> bool) {
        if is_wasm(self.pc) && is_wasm(read(self.frame + WORD)) {
            follow(self.frame, is_wasm);
        }
    }
}

const WORD: usize = size_of::<usize>();

/// SAFETY of all reads here: they are of frames of wasm functions that wait, and of the trampolines and functions that entered wasm
/// above them on the same stack, more than [`SAVED`] words. A frame pointer is followed only when the return address beside it
/// says that it is a wasm function's.
fn read(at: usize) -> usize {
    // SAFETY: see above.
    unsafe { (at as *const usize).read() }
}

fn is_frame(at: usize, pointer: usize) -> bool {
    pointer > at && pointer - at < FRAME && pointer.is_multiple_of(2 * WORD)
}

fn walk(end: usize, is_wasm: &mut dyn FnMut(usize) -> bool) {
    let linked = (0..SAVED)
        .map(|i| end + i * WORD)
        .find(|at| is_frame(*at, read(*at)) && is_wasm(read(*at + WORD)));
    if let Some(at) = linked {
        follow(at, is_wasm);
    }
}

/// From a place where a frame pointer is, which a wasm function's return address follows.
fn follow(mut at: usize, is_wasm: &mut dyn FnMut(usize) -> bool) {
    loop {
        let outer = read(at);
        if !is_frame(at, outer) || !is_wasm(read(outer + WORD)) {
            return;
        }
        at = outer;
    }
}
