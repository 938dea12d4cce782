//! What a trap is called: V8's own messages, so that programs that read them go on working.

use crate::engine::Frame;
use wasmer_types::TrapCode;
use wasmer_vm::Trap;

/// A trap made ready to be shown.
pub struct TrapReport {
    pub code: Option<TrapCode>,
    pub message: &'static str,
    /// One line per wasm frame, innermost first.
    pub frames: Vec<String>,
}

/// Reads a trap that wasm code or the engine raised in one of these modules.
pub fn report<'a>(
    trap: &Trap,
    modules: impl IntoIterator<Item = &'a wasmer::Module>,
) -> TrapReport {
    let (trace, code) = wasmer_compiler::get_trace_and_trapcode(trap);
    let overflow = Frame::of_overflow(trap, modules).map(|frame| frame.to_string());
    let frames = trace
        .iter()
        .map(|frame| {
            let name = frame
                .function_name()
                .map(|name| format!("{name} "))
                .unwrap_or_default();
            format!(
                "{name}(wasm-function[{}]:0x{:x})",
                frame.func_index(),
                frame.module_offset()
            )
        })
        .chain(overflow)
        .collect();
    TrapReport {
        code,
        message: code.map_or("wasm ran out of memory", message),
        frames,
    }
}

fn message(code: TrapCode) -> &'static str {
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
        TrapCode::HostInterrupt => "interrupted",
        TrapCode::ReadonlyTableModified => "table is read-only",
        TrapCode::YieldOutsideAsyncContext => "suspended outside of an async call",
    }
}
