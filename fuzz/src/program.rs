//! Reading sources: glue JavaScript and WebAssembly, alone or together.
//!
//! The first byte says what the rest is. Whatever it is, reading gives facts or an error.

use emvm::program::{Host, SourceFile, esm, read, wasm_code, wasm_custom, wasm_facts};

const HOST: Host<'static> = Host {
    is_native: &|name| emvm::emscripten::answer(name).is_some(),
    provides: &|name| name.len() % 2 == 0,
    is_live: &|name| name.starts_with("HEAP"),
};

/// A wasm that stands beside glue whose own is not the subject.
const PLAIN: &[u8] = include_bytes!("../../__test__/fixtures/capi-O2.wasm");

fn file(bytes: &[u8]) -> SourceFile {
    SourceFile {
        path: None,
        bytes: bytes.to_vec(),
        beside: None,
    }
}

/// One input.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    match kind % 4 {
        0 => {
            let facts = wasm_facts::read(bytes);
            let valid = wasm_code::check(bytes).is_ok();
            assert!(!valid || facts.is_ok(), "valid wasm cannot be read");
            let _ = emvm::engine::drops_segments(bytes) || emvm::engine::writes_tables(bytes);
            let _ = wasm_custom::function_names(bytes);
            let _ = read(&file(bytes), None, HOST);
        }
        1 => {
            let _ = read(&file(bytes), None, HOST);
        }
        2 => {
            let reading = read(&file(bytes), Some(file(PLAIN)), HOST);
            let key = reading.map_or([7; 32], |reading| reading.key);
            let _ = esm::body(bytes, PLAIN, true, &key);
        }
        _ => {
            let at = bytes.windows(4).position(|w| w == b"\0asm");
            let (glue, wasm) = bytes.split_at(at.unwrap_or(bytes.len()));
            let _ = read(&file(glue), Some(file(wasm)), HOST);
            let _ = esm::body(glue, wasm, false, &[7; 32]);
        }
    }
}
