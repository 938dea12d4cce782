//! Sources that are no glue at all, broken, nested deeply, in several files.

use super::*;

fn fails(bytes: &[u8]) -> ReadError {
    let source = SourceFile {
        path: None,
        bytes: bytes.to_vec(),
        beside: None,
    };
    read(&source, None, host()).expect_err("no module")
}

#[test]
fn sources_that_are_none() {
    assert_eq!(fails(b""), ReadError::Empty);
    assert!(matches!(
        fails(b"\0as"),
        ReadError::InvalidWasm { offset: 3, .. }
    ));
    assert!(matches!(
        fails(b"\x7fELF\0\0"),
        ReadError::NotEmscripten { .. }
    ));
    assert!(matches!(fails(b"var x = 1"), ReadError::NoGlue { .. }));
    assert!(matches!(
        fails(b"function ( {"),
        ReadError::NotEmscripten { .. }
    ));
    assert!(matches!(
        fails(b"\xff\xfe\xfd"),
        ReadError::NotEmscripten { .. }
    ));
    assert!(matches!(
        fails(b"Module.onRuntimeInitialized=1"),
        ReadError::WasmMissing { .. }
    ));
    for open in [
        "(",
        "[",
        "{a:",
        "!",
        "a=>",
        "if(a)",
        "`${",
        "class{static x=",
    ] {
        let text = format!("x={}", open.repeat(200_000));
        assert!(
            matches!(fails(text.as_bytes()), ReadError::NotEmscripten { .. }),
            "{open}"
        );
    }
}

#[test]
fn truncated_wasm_is_reported_wherever_it_ends() {
    let whole = wasm(&[("env", "abort", "")], &["malloc", "free"]);
    assert!(wasm_facts::read(&whole).is_ok() && wasm_code::check(&whole).is_ok());
    let valid = |end: &usize| {
        wasm_facts::read(&whole[..*end]).is_ok() && wasm_code::check(&whole[..*end]).is_ok()
    };
    // Without anything, with types, with imports: these are modules too.
    assert_eq!((0..whole.len()).filter(valid).count(), 3);
    let mut other = whole.clone();
    other.extend([10, 4, 1, 2, 0, 0xff]);
    assert!(matches!(
        wasm_facts::read(&other),
        Err(ReadError::InvalidWasm { .. })
    ));
}

#[test]
fn truncated_glue_never_panics() {
    let wasm = wasm(&[("a", "a", "i")], &["c"]);
    let data = base64_simd::STANDARD.encode_to_string(&wasm);
    let text = format!(
        "\u{feff}#!/usr/bin/env node\nvar Module={{}};{}var _x=()=>{{}};var wasmImports={{a:_x}};function run(){{}} run();Module.y={{z:1}};",
        SHELL.replace(
            "@WASM@",
            &format!("data:application/octet-stream;base64,{data}")
        )
    );
    for end in 0..text.len() {
        let source = SourceFile {
            path: None,
            bytes: text.as_bytes()[..end].to_vec(),
            beside: None,
        };
        let _ = read(&source, None, host());
    }
    assert!(read_js(&text, &wasm).glue.is_some());
}

#[test]
fn finds_the_wasm_beside_the_glue() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("codec.js");
    let text =
        "var Module={};var wasmBinaryFile=\"impl.wasm\";function _x(){}var wasmImports={a:_x};";
    let small = wasm(&[("a", "a", "i")], &["c"]);
    std::fs::write(&path, text).unwrap();
    let load = || SourceFile::load(&path).and_then(|source| read(&source, None, host()));
    let ReadError::WasmMissing { looked_at } = load().unwrap_err() else {
        panic!("it is not there yet")
    };
    assert_eq!(
        looked_at,
        [
            folder.path().join("impl.wasm"),
            folder.path().join("codec.wasm")
        ]
    );
    std::fs::write(
        folder.path().join("codec.wasm"),
        wasm(&[("b", "q", "i")], &[]),
    )
    .unwrap();
    std::fs::write(folder.path().join("impl.wasm"), &small).unwrap();
    let reading = load().unwrap();
    assert_eq!(
        reading.wasm_origin,
        WasmOrigin::Beside(folder.path().join("impl.wasm"))
    );
    assert_eq!(*reading.wasm, small);
    assert!(matches!(
        SourceFile::load(folder.path()),
        Err(ReadError::IsDirectory { .. })
    ));
    let nothing = folder.path().join("nothing.js");
    assert_eq!(
        SourceFile::load(&nothing).unwrap_err(),
        ReadError::NotFound { path: nothing }
    );
}

/// Whatever nests as deep as is let through must not overflow the stack: that would end the process.
#[test]
fn deep_nesting_fits_the_stack() {
    for depth in [500, 1_000, 1_400, 2_900, 5_900] {
        nest(depth);
    }
}

fn nest(depth: usize) {
    for (prefix, open, close) in NESTS {
        let text = format!("{prefix}{}1{}", open.repeat(depth), close.repeat(depth));
        if let Err(e) = glue::parse::with_ast(&text, |ast| ast.nodes.len()) {
            assert!(e.to_string().contains("levels deep"), "{open}: {e}");
        }
    }
}

const NESTS: [(&str, &str, &str); 24] = [
    ("x=", "(", ")"),
    ("x=", "[", "]"),
    ("x=", "{a:", "}"),
    ("", "{", "}"),
    ("x=", "f(", ")"),
    ("x=", "!", ""),
    ("x=", "a?b:", ""),
    ("x=", "a=", ""),
    ("x=", "1+", ""),
    ("x=", "a=>", ""),
    ("x=", "a=>{return ", "}"),
    ("x=", "function(){return ", "}"),
    ("", "function f(){", "}"),
    ("x=", "class{static x=", "}"),
    ("x=", "`${", "}`"),
    ("", "if(a)", ""),
    ("", "if(a){}else ", ""),
    ("", "for(;;)", ""),
    ("", "try{", "}catch{}"),
    ("", "while(a){switch(b){case 1:", "}}"),
    ("x=", "new ", ""),
    ("x=", "await ", ""),
    ("x=a", ".b", ""),
    ("x=", "([{a:", "}])"),
];
