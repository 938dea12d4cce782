//! Valid random modules, one per seed: `emvm-smith FIRST COUNT` writes each as its length (32 bits, little endian) and
//! its bytes. The same seed gives the same module.
//!
//! Modules end (they carry fuel) and their arithmetic gives one answer: NaNs are canonical, nothing is relaxed. So any
//! two engines must agree on them.

use arbitrary::Unstructured;
use std::io::Write;
use wasm_encoder::{
    EntityType, GlobalType, ImportSection, MemoryType, RefType, TableType, TypeSection, ValType,
};
use wasm_smith::{Config, Module};

/// Loop turns and calls until a module stops itself.
const FUEL: u32 = 20_000;

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .map(|text| text.parse::<u64>().ok());
    let (Some(Some(first)), Some(Some(count))) = (numbers.next(), numbers.next()) else {
        eprintln!("usage: emvm-smith FIRST COUNT");
        std::process::exit(2);
    };
    let imports = imports();
    let mut out = std::io::stdout().lock();
    for seed in first..first + count {
        let bytes = module(seed, &imports);
        let written = out
            .write_all(&(bytes.len() as u32).to_le_bytes())
            .and_then(|()| out.write_all(&bytes));
        if written.is_err() {
            return;
        }
    }
}

/// Empty when no attempt with this seed gives one.
fn module(seed: u64, imports: &[u8]) -> Vec<u8> {
    let mut attempts = (0..8).map(|again| attempt(seed ^ again << 56, imports));
    attempts.find(|bytes| !bytes.is_empty()).unwrap_or_default()
}

fn attempt(seed: u64, imports: &[u8]) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..8 {
        next();
    }
    let size = 512 << (next() % 5);
    let entropy: Vec<u8> = (0..size / 8).flat_map(|_| next().to_le_bytes()).collect();
    let config = Config {
        available_imports: Some(imports.to_vec()),
        export_everything: next() % 2 == 0,
        max_funcs: 1 + (next() % 30) as usize,
        min_funcs: 1,
        min_exports: 1,
        max_instructions: 50 << (next() % 5),
        max_nesting_depth: 4 + (next() % 40) as usize,
        max_imports: 8,
        max_memories: 1,
        min_memories: (next() % 2) as u32,
        max_memory32_bytes: 16 << 20,
        max_tables: 1 + (next() % 3) as usize,
        max_table_elements: 2000,
        max_data_segments: 8,
        max_element_segments: 8,
        max_tags: 4,
        canonicalize_nans: true,
        exceptions_enabled: next() % 16 == 0,
        simd_enabled: next() % 2 == 0,
        reference_types_enabled: next() % 4 != 0,
        generate_custom_sections: next() % 4 == 0,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        extended_const_enabled: next() % 8 == 0,
        tail_call_enabled: false,
        threads_enabled: false,
        min_uleb_size: 1 + (next() % 2 * 4) as u8,
        ..Config::default()
    };
    let mut input = Unstructured::new(&entropy);
    let Ok(mut module) = Module::new(config, &mut input) else {
        return Vec::new();
    };
    if module.ensure_termination(FUEL).is_err() {
        return Vec::new();
    }
    module.to_bytes()
}

/// What modules may import. fuzz/node answers them by name.
fn imports() -> Vec<u8> {
    use ValType::{F32, F64, I32, I64};
    let functions: [(&str, &[ValType], &[ValType]); 7] = [
        ("nothing", &[], &[]),
        ("i32", &[I32, I32], &[I32]),
        ("i64", &[I64, I32], &[I64]),
        ("f32", &[F32], &[F32]),
        ("f64", &[F64, F32, I64], &[F64]),
        ("throws", &[I32], &[]),
        ("back", &[I32], &[I32]),
    ];
    let (mut types, mut list) = (TypeSection::new(), ImportSection::new());
    for (at, (name, params, results)) in functions.iter().enumerate() {
        types
            .ty()
            .function(params.iter().copied(), results.iter().copied());
        list.import("env", name, EntityType::Function(at as u32));
    }
    list.import(
        "env",
        "memory",
        MemoryType {
            minimum: 1,
            maximum: Some(256),
            memory64: false,
            shared: false,
            page_size_log2: None,
        },
    );
    list.import(
        "env",
        "table",
        TableType {
            element_type: RefType::FUNCREF,
            minimum: 20,
            maximum: Some(1000),
            table64: false,
            shared: false,
        },
    );
    for (name, val_type, mutable) in [
        ("seven", I32, false),
        ("mutable", I32, true),
        ("half", F64, false),
    ] {
        list.import(
            "env",
            name,
            GlobalType {
                val_type,
                mutable,
                shared: false,
            },
        );
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&list);
    module.finish()
}
