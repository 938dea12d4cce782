//! Validation of a binary and the features its function bodies use. Costs a pass over all code, so it is done when a
//! program is compiled, not when compiled code is found in the cache.

use super::ReadError;
use std::collections::BTreeSet;
use wasmparser::{Operator, Parser, Payload, ValType, Validator, WasmFeatures};

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

/// Proposals that the function bodies and types use, by wasmparser's names: `simd`, `threads`, `legacy_exceptions`, `bulk_memory`,
/// ... Malformed code ends the reading of that body.
fn features_of(wasm: &[u8]) -> BTreeSet<&'static str> {
    let mut features = BTreeSet::new();
    let mut last = "mvp";
    let mut parser = Parser::new(0);
    parser.set_features(WasmFeatures::all());
    for payload in parser.parse_all(wasm).flatten() {
        match payload {
            Payload::CodeSectionEntry(body) => {
                if let Ok(locals) = body.get_locals_reader() {
                    for (_, ty) in locals.into_iter().flatten() {
                        if ty == ValType::V128 {
                            features.insert("simd");
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
                        features.insert(proposal);
                    }
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader.into_iter().flatten() {
                    if memory.shared {
                        features.insert("threads");
                    }
                    if memory.memory64 {
                        features.insert("memory64");
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
                                features.insert("simd");
                            }
                            if f.results().len() > 1 {
                                features.insert("multi_value");
                            }
                        }
                        _ => {
                            features.insert("gc");
                        }
                    }
                }
            }
            _ => {}
        }
    }
    features
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
        let names: Vec<&str> = features_of(wasm)
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
