//! Custom sections of a WebAssembly binary.

use super::wasm_facts::{Dylink, WasmFacts};
use wasmparser::{KnownCustom, Parser, Payload};

/// Custom sections are advice: a malformed one is passed over, as engines do.
pub fn read(facts: &mut WasmFacts, section: &wasmparser::CustomSectionReader<'_>) {
    facts.custom_sections.push(section.name().to_string());
    match section.as_known() {
        KnownCustom::Name(_) => facts.has_names = true,
        KnownCustom::Producers(reader) => {
            for field in reader.into_iter().flatten() {
                for value in field.values.into_iter().flatten() {
                    facts.producers.push((
                        field.name.into(),
                        value.name.into(),
                        value.version.into(),
                    ));
                }
            }
        }
        KnownCustom::Dylink0(reader) => {
            let mut dylink = Dylink::default();
            for sub in reader.into_iter().flatten() {
                match sub {
                    wasmparser::Dylink0Subsection::MemInfo(info) => {
                        dylink.memory_size = info.memory_size;
                        dylink.memory_alignment = info.memory_alignment;
                        dylink.table_size = info.table_size;
                        dylink.table_alignment = info.table_alignment;
                    }
                    wasmparser::Dylink0Subsection::Needed(names) => {
                        dylink.needed = names.into_iter().map(str::to_string).collect();
                    }
                    _ => {}
                }
            }
            facts.dylink = Some(dylink);
        }
        _ if section.name() == "target_features" => {
            facts.target_features = target_features(section.data()).unwrap_or_default();
        }
        _ if section.name() == "dylink" => facts.dylink = Some(Dylink::default()),
        _ => {}
    }
}

/// The tool-conventions layout: a vector of (prefix byte, name); `+` means used.
fn target_features(data: &[u8]) -> wasmparser::Result<Vec<String>> {
    let mut reader = wasmparser::BinaryReader::new(data, 0);
    let count = reader.read_var_u32()?;
    let mut features = Vec::new();
    for _ in 0..count {
        let prefix = reader.read_u8()?;
        let name = reader.read_string()?;
        if prefix == b'+' {
            features.push(name.to_string());
        }
    }
    Ok(features)
}

/// Function names of the `name` section by function index; empty without one. Read only when a stack is shown.
pub fn function_names(wasm: &[u8]) -> std::collections::HashMap<u32, String> {
    let mut names = std::collections::HashMap::new();
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        let Payload::CustomSection(section) = payload else {
            continue;
        };
        let KnownCustom::Name(reader) = section.as_known() else {
            continue;
        };
        for sub in reader.into_iter().flatten() {
            if let wasmparser::Name::Function(map) = sub {
                for naming in map.into_iter().flatten() {
                    names.insert(naming.index, naming.name.to_string());
                }
            }
        }
    }
    names
}
