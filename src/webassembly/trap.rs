//! What a trap is called: V8's own messages, so that programs that read them go on working.

use crate::engine::{Frame, TrapReport};
use wasmer_types::TrapCode;

/// V8's message.
pub fn message(trap: &TrapReport) -> &'static str {
    trap.code.map_or("wasm ran out of memory", of_code)
}

/// A frame as a line of V8's stacks.
pub fn line(frame: &Frame) -> String {
    let Frame {
        function, offset, ..
    } = frame;
    let Some(offset) = offset else {
        return frame.to_string();
    };
    match &frame.name {
        Some(name) => format!("{name} (wasm-function[{function}]:0x{offset:x})"),
        None => format!("(wasm-function[{function}]:0x{offset:x})"),
    }
}

fn of_code(code: TrapCode) -> &'static str {
    match code {
        TrapCode::StackOverflow => "Maximum call stack size exceeded",
        TrapCode::HeapAccessOutOfBounds => "memory access out of bounds",
        TrapCode::HeapMisaligned | TrapCode::UnalignedAtomic => {
            "operation does not support unaligned accesses"
        }
        TrapCode::TableAccessOutOfBounds => "table index is out of bounds",
        TrapCode::IndirectCallToNull | TrapCode::BadSignature => {
            "null function or function signature mismatch"
        }
        TrapCode::IntegerOverflow => "divide result unrepresentable",
        TrapCode::IntegerDivisionByZero => "divide by zero",
        TrapCode::BadConversionToInteger => "float unrepresentable in integer range",
        TrapCode::UnreachableCodeReached => "unreachable",
        TrapCode::UncaughtException => "wasm exception",
        TrapCode::UninitializedExnRef => "dereferencing a null pointer",
        // wasmer ends a call so for one reason: a wait on a memory that is not shared.
        TrapCode::HostInterrupt => "Atomics.wait cannot be called in this context",
        TrapCode::ReadonlyTableModified => "table is read-only",
        TrapCode::YieldOutsideAsyncContext => "suspended outside of an async call",
    }
}
