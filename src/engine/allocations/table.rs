//! Adds a table to a module. A middleware cannot: wasmer settles how tables are laid out before it asks middlewares.

use wasm_encoder::{Encode, RawSection, RefType, Section, SectionId, TableType};
use wasmparser::BinaryReader;

const HEADER: usize = 8;
const TABLES: u8 = SectionId::Table as u8;
/// Not of a fixed size: wasmer keeps those in a layout of its own.
const ENTRY: TableType = TableType {
    element_type: RefType::FUNCREF,
    table64: false,
    minimum: 1,
    maximum: None,
    shared: false,
};

/// The module with one more table, the last of all. What is malformed stays so, for the compiler to refuse.
pub fn with_table(wasm: &[u8]) -> Vec<u8> {
    let mut at = wasm.len().min(HEADER);
    let mut out = Vec::with_capacity(wasm.len() + 16);
    out.extend_from_slice(&wasm[..at]);
    let mut added = false;
    while let Some((id, content, len)) = section(&wasm[at..]) {
        // Types, imports and functions come before tables; custom sections stand anywhere.
        if !added && id > SectionId::Function as u8 {
            let tables = if id == TABLES { content } else { &[0] };
            added = add(&mut out, tables);
            if added && id == TABLES {
                at += len;
                continue;
            }
        }
        out.extend_from_slice(&wasm[at..at + len]);
        at += len;
    }
    if !added {
        add(&mut out, &[0]);
    }
    out.extend_from_slice(&wasm[at..]);
    out
}

/// The id and content of the section that `bytes` begin with, and how long it is.
fn section(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let mut reader = BinaryReader::new(bytes, 0);
    let id = reader.read_u8().ok()?;
    let len = reader.read_var_u32().ok()?;
    let content = reader.read_bytes(len as usize).ok()?;
    Some((id, content, reader.current_position()))
}

/// Writes a section of the tables in `content` and one more; false when it has no count.
fn add(out: &mut Vec<u8>, content: &[u8]) -> bool {
    let mut reader = BinaryReader::new(content, 0);
    let Ok(count) = reader.read_var_u32() else {
        return false;
    };
    let mut data = Vec::with_capacity(content.len() + 8);
    count.wrapping_add(1).encode(&mut data);
    data.extend_from_slice(&content[reader.current_position()..]);
    ENTRY.encode(&mut data);
    let id = TABLES;
    RawSection { id, data: &data }.append_to(out);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::Payload;

    fn tables(module: &[u8]) -> Vec<(u64, Option<u64>)> {
        let sections = wasmparser::Parser::new(0).parse_all(module);
        let of = |payload| match payload {
            Payload::TableSection(tables) => tables.into_iter().collect(),
            _ => Vec::new(),
        };
        sections
            .flat_map(|payload| of(payload.expect("readable")))
            .map(|table| table.expect("readable").ty)
            .map(|ty| (ty.initial, ty.maximum))
            .collect()
    }

    #[test]
    fn the_table_is_the_last_wherever_it_must_stand() {
        // (module)
        let none = b"\0asm\x01\0\0\0".to_vec();
        // (module (func))
        let function =
            b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b".to_vec();
        // (module (table 3 5 funcref) (memory 1))
        let table = b"\0asm\x01\0\0\0\x04\x05\x01\x70\x01\x03\x05\x05\x03\x01\0\x01".to_vec();
        for (module, before) in [(none, 0), (function, 0), (table, 1)] {
            let made = with_table(&module);
            wasmparser::validate(&made).expect("valid");
            let tables = tables(&made);
            assert_eq!(tables.len(), before + 1);
            assert_eq!(tables[before], (1, None));
            if before == 1 {
                assert_eq!(tables[0], (3, Some(5)));
            }
        }
    }

    #[test]
    fn what_is_cut_off_stays_as_it_is() {
        let whole = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x04\x05\x01\x70\x01\x03\x05";
        for len in 0..whole.len() {
            let made = with_table(&whole[..len]);
            assert!(made.len() >= len);
        }
    }
}
