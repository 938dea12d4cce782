//! Readings of small sources.

mod eras;
mod sources;

use super::*;

/// A wasm whose imports are functions of the given signatures and whose exports are functions `() -> ()`.
fn wasm(imports: &[(&str, &str, &str)], exports: &[&str]) -> Vec<u8> {
    fn name(out: &mut Vec<u8>, name: &str) {
        out.push(name.len() as u8);
        out.extend(name.bytes());
    }
    fn section(out: &mut Vec<u8>, id: u8, count: usize, body: Vec<u8>) {
        let mut size = body.len() + 1;
        out.push(id);
        while size >= 128 {
            out.push((size & 127) as u8 | 128);
            size >>= 7;
        }
        out.push(size as u8);
        out.push(count as u8);
        out.extend(body);
    }
    let mut out = b"\0asm\x01\0\0\0".to_vec();
    let mut types = vec![0x60, 0, 0];
    let mut entries = Vec::new();
    for (index, (module, field, signature)) in imports.iter().enumerate() {
        let letters: Vec<u8> = signature
            .bytes()
            .map(|b| match b {
                b'i' => 0x7f,
                b'j' => 0x7e,
                b'f' => 0x7d,
                _ => 0x7c,
            })
            .collect();
        types.extend([0x60, letters.len() as u8]);
        types.extend(letters);
        types.push(0);
        name(&mut entries, module);
        name(&mut entries, field);
        entries.extend([0, index as u8 + 1]);
    }
    section(&mut out, 1, imports.len() + 1, types);
    section(&mut out, 2, imports.len(), entries);
    section(&mut out, 3, exports.len(), vec![0; exports.len()]);
    let mut list = Vec::new();
    for (index, export) in exports.iter().enumerate() {
        name(&mut list, export);
        list.extend([0, (imports.len() + index) as u8]);
    }
    section(&mut out, 7, exports.len(), list);
    section(
        &mut out,
        10,
        exports.len(),
        [2, 0, 0x0b].repeat(exports.len()),
    );
    out
}

const NATIVE: [&str; 12] = [
    "emscripten_resize_heap",
    "emscripten_memcpy_big",
    "fd_write",
    "__cxa_throw",
    "abort",
    "_embind_register_void",
    "_embind_register_bool",
    "_embind_register_emval",
    "_emval_create_invoker",
    "__syscall5",
    "asm2wasm.f64-rem",
    "emscripten_asm_const_int",
];

fn host() -> Host<'static> {
    Host {
        is_native: &|name| NATIVE.contains(&name) || name.starts_with("invoke_"),
        provides: &|name| matches!(name, "UTF8ToString" | "FS"),
        is_live: &glue::is_live_name,
    }
}

fn read_js(text: &str, wasm: &[u8]) -> Reading {
    let data = base64_simd::STANDARD.encode_to_string(wasm);
    let text = text.replace(
        "@WASM@",
        &format!("data:application/octet-stream;base64,{data}"),
    );
    let source = SourceFile {
        path: None,
        bytes: text.into_bytes(),
        beside: None,
    };
    read(&source, None, host()).expect("the glue reads")
}

fn names(reading: &Reading) -> Vec<(&str, &str)> {
    let mut names: Vec<(&str, &str)> = reading
        .import_names
        .iter()
        .map(|((_, field), name)| (field.as_str(), name.as_str()))
        .collect();
    names.sort_unstable();
    names
}

const SHELL: &str = r#"var moduleOverrides={};var HEAPU8,HEAP32,wasmMemory;function preRun(){}function initRuntime(){callRuntimeCallbacks(__ATINIT__)}
var runDependencies=0;var __ATINIT__=[];var wasmBinaryFile="@WASM@";function createWasm(){}"#;
