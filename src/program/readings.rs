//! Readings of real files: `EMVM_SOURCES=a.js:b.js cargo test --lib print_readings -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "what it is for")]

use super::*;

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

#[test]
#[ignore = "prints readings of the files named in EMVM_SOURCES"]
fn print_readings() {
    let native = std::env::var("EMVM_NATIVE").unwrap_or_default();
    let native: std::collections::HashSet<&str> = native.split(',').collect();
    let provided = std::env::var("EMVM_PROVIDED").unwrap_or_default();
    let provided: std::collections::HashSet<&str> = provided.split(',').collect();
    let host = Host {
        is_native: &|name| native.contains(name) || name.starts_with("invoke_"),
        provides: &|name| provided.contains(name),
        is_live: &glue::is_live_name,
    };
    for entry in std::env::var("EMVM_SOURCES").unwrap_or_default().split(':') {
        let (path, wasm) = match entry.split_once('+') {
            Some((path, wasm)) => (path, Some(SourceFile::load(wasm.as_ref()).unwrap())),
            None => (entry, None),
        };
        let start = std::time::Instant::now();
        let reading = SourceFile::load(path.as_ref()).and_then(|source| read(&source, wasm, host));
        let millis = start.elapsed().as_secs_f64() * 1e3;
        println!("== {path} {millis:.1} ms");
        match reading {
            Err(e) => println!("error: {e}"),
            Ok(reading) => print(&reading),
        }
    }
}

/// Damage of all kinds to real files: whatever comes out, it is an error or a reading, never a panic.
#[test]
#[ignore = "damages the files named in EMVM_SOURCES, EMVM_ROUNDS times each"]
fn damaged_sources() {
    let rounds: u64 = std::env::var("EMVM_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(200);
    let host = Host {
        is_native: &|name| name.starts_with('_'),
        provides: &|_| false,
        is_live: &glue::is_live_name,
    };
    for path in std::env::var("EMVM_SOURCES").unwrap_or_default().split(':') {
        let whole = SourceFile::load(path.as_ref()).unwrap().bytes;
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below.max(1) as u64) as usize
        };
        let mut readings = 0;
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..1 + random(4) {
                let at = random(bytes.len());
                let length = random(60).min(bytes.len() - at);
                match random(5) {
                    0 => bytes.truncate(at),
                    1 => drop(bytes.drain(at..at + length)),
                    2 => bytes[at] = random(256) as u8,
                    3 => {
                        let from = random(whole.len() - length);
                        bytes.splice(at..at, whole[from..from + length].iter().copied());
                    }
                    _ => bytes.insert(at, b"(){}[];,.'\"`/=:"[random(15)]),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            let source = SourceFile {
                path: Some(path.into()),
                bytes,
                beside: None,
            };
            if let Ok(reading) = read(&source, None, host) {
                readings += 1;
                let _ = wasm_code::check(&reading.wasm);
                let _ = wasm_code::read(&reading.wasm);
                let _ = wasm_custom::function_names(&reading.wasm);
            }
        }
        println!("{path}: {readings} of {rounds} still read");
    }
}

fn print(reading: &Reading) {
    println!(
        "wasm {} bytes, {:?}",
        reading.wasm.len(),
        reading.wasm_origin
    );
    println!(
        "dynamic {:?} {:?}",
        reading.dynamic,
        wasm_code::dynamic_top(&reading.wasm, &reading.facts)
    );
    println!("versions {:?} {:?}", reading.versions, reading.abi);
    if std::env::var("EMVM_CHECK").is_ok() {
        let start = std::time::Instant::now();
        let check = wasm_code::check(&reading.wasm);
        println!(
            "check {:.1} ms {check:?}",
            start.elapsed().as_secs_f64() * 1e3
        );
        let start = std::time::Instant::now();
        let code = wasm_code::read(&reading.wasm);
        println!(
            "code {:.1} ms {code:?}",
            start.elapsed().as_secs_f64() * 1e3
        );
    }
    let Some(glue) = &reading.glue else { return };
    println!("names {:?}", glue.names);
    let mut names: Vec<_> = glue.import_names.iter().collect();
    names.sort();
    println!(
        "imports {}",
        names
            .iter()
            .map(|(k, v)| format!("{}.{}={v}", k.0, k.1))
            .collect::<Vec<_>>()
            .join(" ")
    );
    println!("missing {:?}", glue.missing_imports);
    let mut exports: Vec<_> = glue.export_names.iter().collect();
    exports.sort();
    println!(
        "exports {}",
        exports
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
            .join(" ")
    );
    println!("keys {}", glue.module_keys.join(" "));
    println!("options {}", glue.module_options.join(" "));
    println!("layout {:?}", glue.layout);
    println!(
        "constructors {:?} uses {:?} shape {:?} {:?}",
        glue.constructors, glue.uses, glue.shape, glue.evidence
    );
    println!("wasm names {:?}", glue.wasm_names);
    println!("js imports {:?}", glue.js_imports);
    println!("unanswered {:?}", glue.unanswered_imports);
    for (at, text) in &glue.em_asm {
        println!("asm {at} {}", quoted(text));
    }
    if let Some(fragment) = &glue.fragment {
        println!(
            "free {}",
            fragment
                .free_names
                .iter()
                .map(|f| format!("{}:{:?}", f.name, f.role))
                .collect::<Vec<_>>()
                .join(" ")
        );
        println!(
            "fragment pre {} extras {} {} bytes",
            fragment.has_pre,
            fragment.has_extras,
            fragment.source.len()
        );
        println!("undeclared {:?}", undeclared(fragment));
        if let Ok(folder) = std::env::var("EMVM_OUT") {
            let name = blake3::Hash::from(reading.key).to_hex();
            let path = std::path::Path::new(&folder).join(format!("{}.js", &name[..12]));
            let names: Vec<&str> = fragment
                .free_names
                .iter()
                .map(|f| f.name.as_str())
                .collect();
            std::fs::write(
                &path,
                format!(
                    "module.exports = function({}){{\n{}}}\n",
                    names.join(","),
                    fragment.source
                ),
            )
            .unwrap();
            println!("written {}", path.display());
        }
    }
}

/// Names that a fragment uses but neither declares nor takes, in order.
fn undeclared(fragment: &Fragment) -> Vec<String> {
    let text = format!("async function f() {{\n{}\n}}", fragment.source);
    let free: Vec<&str> = fragment
        .free_names
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    glue::parse::with_ast(&text, |ast| {
        let mut names: Vec<String> = ast
            .scoping
            .root_unresolved_references()
            .keys()
            .map(ToString::to_string)
            .filter(|name| !free.contains(&name.as_str()))
            .collect();
        names.sort();
        names
    })
    .expect("the fragment parses")
}
