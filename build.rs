use std::{env, fs, path::Path};

fn main() {
    napi_build::setup();
    compiler();
}

/// Tells the code what it is compiled with, as it stands in the lock file: cached machine code is good for that alone.
fn compiler() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let lock = Path::new(&root).join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(&lock).expect("Cargo.lock belongs to the sources");
    let mut all = Vec::new();
    let mut name = "";
    for line in text.lines() {
        let value = |key: &str| {
            Some(
                line.strip_prefix(key)?
                    .strip_prefix(" = \"")?
                    .trim_end_matches('"'),
            )
        };
        name = value("name").unwrap_or(name);
        let Some(version) = value("version") else {
            continue;
        };
        if name == "wasmer" {
            println!("cargo::rustc-env=EMVM_WASMER={version}");
        }
        if name.starts_with("wasmer") || name.starts_with("cranelift") || name == "regalloc2" {
            all.push(format!("{name} {version}"));
        }
    }
    println!("cargo::rustc-env=EMVM_COMPILER={}", all.join(", "));
}
