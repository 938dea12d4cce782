//! Validation of a binary and the features its function bodies use. Costs a pass over all code, so it is done when a
//! program is compiled, not when compiled code is found in the cache.

use super::ReadError;
use super::wasm_facts::WasmFacts;
use std::collections::BTreeSet;
use wasmparser::{Operator, Parser, Payload, ValType, Validator, WasmFeatures};

/// What the function bodies and types use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeFacts {
    /// Proposals in use, by wasmparser's names: `simd`, `threads`, `legacy_exceptions`, `bulk_memory`, ...
    pub features: BTreeSet<&'static str>,
    pub memory_init: bool,
    pub data_drop: bool,
    pub memory_grow: bool,
    /// Tables are written by wasm itself, so their entries are state that it can change.
    pub table_writes: bool,
}

/// The features that the engine (wasmer with Cranelift) takes.
pub fn engine_features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::THREADS
        | WasmFeatures::WIDE_ARITHMETIC
        | WasmFeatures::FLOATS
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::GC_TYPES
}

macro_rules! proposal_of {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        fn proposal_of(op: &Operator<'_>) -> &'static str {
            match op {
                $( Operator::$op { .. } => stringify!($proposal), )*
                _ => "unknown",
            }
        }
    };
}
wasmparser::for_each_operator!(proposal_of);

/// Reads all function bodies. Malformed code ends the reading of that body; [`check`] is what reports it.
pub fn read(wasm: &[u8]) -> CodeFacts {
    let mut facts = CodeFacts::default();
    let mut last = "mvp";
    let mut parser = Parser::new(0);
    parser.set_features(WasmFeatures::all());
    for payload in parser.parse_all(wasm).flatten() {
        match payload {
            Payload::CodeSectionEntry(body) => {
                if let Ok(locals) = body.get_locals_reader() {
                    for (_, ty) in locals.into_iter().flatten() {
                        if ty == ValType::V128 {
                            facts.features.insert("simd");
                        }
                    }
                }
                let Ok(mut ops) = body.get_operators_reader() else {
                    continue;
                };
                while !ops.eof() {
                    let Ok(op) = ops.read() else { break };
                    let proposal = proposal_of(&op);
                    if proposal != "mvp" && !std::ptr::eq(proposal, last) {
                        last = proposal;
                        facts.features.insert(proposal);
                    }
                    match op {
                        Operator::MemoryInit { .. } => facts.memory_init = true,
                        Operator::DataDrop { .. } => facts.data_drop = true,
                        Operator::MemoryGrow { .. } => facts.memory_grow = true,
                        Operator::TableSet { .. }
                        | Operator::TableGrow { .. }
                        | Operator::TableFill { .. }
                        | Operator::TableCopy { .. }
                        | Operator::TableInit { .. }
                        | Operator::ElemDrop { .. } => facts.table_writes = true,
                        _ => {}
                    }
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader.into_iter().flatten() {
                    if memory.shared {
                        facts.features.insert("threads");
                    }
                    if memory.memory64 {
                        facts.features.insert("memory64");
                    }
                }
            }
            Payload::TypeSection(reader) => {
                for ty in reader
                    .into_iter()
                    .flatten()
                    .flat_map(wasmparser::RecGroup::into_types)
                {
                    match &ty.composite_type.inner {
                        wasmparser::CompositeInnerType::Func(f) => {
                            if f.params()
                                .iter()
                                .chain(f.results())
                                .any(|t| *t == ValType::V128)
                            {
                                facts.features.insert("simd");
                            }
                            if f.results().len() > 1 {
                                facts.features.insert("multi_value");
                            }
                        }
                        _ => {
                            facts.features.insert("gc");
                        }
                    }
                }
            }
            _ => {}
        }
    }
    facts
}

/// Validates the whole binary against what the engine takes. A binary that would be valid with more features is told
/// apart from one that is broken.
pub fn check(wasm: &[u8]) -> Result<(), ReadError> {
    let Err(error) = Validator::new_with_features(engine_features()).validate_all(wasm) else {
        return Ok(());
    };
    let everything = WasmFeatures::all() - WasmFeatures::COMPONENT_MODEL;
    if Validator::new_with_features(everything)
        .validate_all(wasm)
        .is_ok()
    {
        let names: Vec<&str> = read(wasm)
            .features
            .into_iter()
            .filter(|name| !supported(name))
            .collect();
        return Err(ReadError::UnsupportedFeature {
            feature: match names.is_empty() {
                true => error.message().to_string(),
                false => names.join(", "),
            },
        });
    }
    Err(ReadError::InvalidWasm {
        offset: error.offset(),
        reason: error.message().to_string(),
    })
}

/// Whether the engine takes the proposal of that name.
pub fn supported(feature: &str) -> bool {
    !matches!(
        feature,
        "legacy_exceptions"
            | "gc"
            | "function_references"
            | "stack_switching"
            | "shared_everything_threads"
            | "tail_call"
            | "memory_control"
            | "custom_descriptors"
            | "memory64"
            | "unknown"
    )
}

/// Finds where `sbrk` of a build from 1.38.46 to 2.0.2 keeps the heap's end: the address that the function which calls
/// `emscripten_resize_heap` loads from and stores to. The heap begins above the stack.
pub fn dynamic_top(wasm: &[u8], facts: &WasmFacts) -> Option<(u32, u32)> {
    let elder = facts
        .imports
        .iter()
        .any(|i| i.module == "env" && i.name == "table");
    let resize = facts
        .function_imports()
        .position(|(import, _)| import.name == "emscripten_resize_heap")? as u32;
    if !elder || super::is_fastcomp(facts) {
        return None;
    }
    let stack = facts
        .globals
        .iter()
        .filter(|g| g.mutable && !g.imported)
        .filter_map(|g| g.constant)
        .max()?;
    // Emscripten keeps this much between the two; any aligned address above the stack would do.
    const GAP: u32 = 160;
    let base = (u32::try_from(stack).ok()?.checked_add(GAP + 15)?) & !15;
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        let Payload::CodeSectionEntry(body) = payload else {
            continue;
        };
        if let Some(pointer) = sbrk_pointer(&body, resize) {
            return Some((pointer, base));
        }
    }
    None
}

/// The constant address that a function both loads from and stores to, if it calls `callee`.
fn sbrk_pointer(body: &wasmparser::FunctionBody<'_>, callee: u32) -> Option<u32> {
    let mut calls = false;
    let mut loaded = Vec::new();
    let mut constants = Vec::new();
    let mut last: Option<u32> = None;
    for op in body.get_operators_reader().ok()? {
        let op = op.ok()?;
        match op {
            Operator::Call { function_index } => calls |= function_index == callee,
            Operator::I32Const { value } => constants.push(value as u32),
            Operator::I32Load { memarg } => {
                if let Some(address) = last {
                    loaded.push(address.wrapping_add(memarg.offset as u32));
                }
            }
            _ => {}
        }
        last = match op {
            Operator::I32Const { value } => Some(value as u32),
            _ => None,
        };
    }
    let stored = |address: &u32| constants.iter().filter(|c| *c == address).count() > 1;
    calls.then_some(loaded)?.into_iter().find(stored)
}
