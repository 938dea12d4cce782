//! Where and why wasm trapped.

use super::Frame;
use wasmer_types::TrapCode;
use wasmer_vm::Trap;

/// A trap that wasm code or the engine raised.
pub struct TrapReport {
    /// `None`: the engine ran out of memory.
    pub code: Option<TrapCode>,
    /// Innermost first.
    pub stack: Vec<Frame>,
}

impl TrapReport {
    /// Reads a trap of code of these modules.
    pub fn read<'a>(trap: &Trap, modules: impl IntoIterator<Item = &'a wasmer::Module>) -> Self {
        let (trace, code) = wasmer_compiler::get_trace_and_trapcode(trap);
        let frames = trace.iter().map(|frame| Frame {
            function: frame.func_index(),
            name: frame.function_name().map(str::to_owned),
            offset: Some(frame.module_offset() as u32),
        });
        let stack = frames.chain(overflowed(trap, modules)).collect();
        Self { code, stack }
    }
}

/// The function that ran out of stack. wasmer does not walk such a stack, but says where it ended.
fn overflowed<'a>(
    trap: &Trap,
    modules: impl IntoIterator<Item = &'a wasmer::Module>,
) -> Option<Frame> {
    let Trap::Wasm { pc, backtrace, .. } = trap else {
        return None;
    };
    if !backtrace.frames().is_empty() {
        return None;
    }
    modules.into_iter().find_map(|module| {
        let extents = module.sys_artifact()?.finished_function_extents()?;
        let (index, _) = extents.into_iter().find(|(_, extent)| {
            let start = extent.ptr.0 as usize;
            (start..start + extent.length).contains(pc)
        })?;
        let info = module.info();
        let function = info.func_index(index);
        Some(Frame {
            function: function.as_u32(),
            name: info.function_names.get(&function).cloned(),
            offset: None,
        })
    })
}
