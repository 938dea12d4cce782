//! Function pointers of fastcomp: each counts within the table of its signature, and all those tables lie in the one
//! table of the wasm. Where, only the bodies of the `dynCall_*` exports tell:
//! `call_indirect((pointer & mask) + offset)`.

use super::wasm_facts::{Item, WasmFacts};
use crate::emscripten::abi::PointerTable;
use std::collections::HashMap;
use wasmparser::{FunctionBody, Operator, Parser, Payload};

/// The table of each signature that can be called from outside.
pub fn read(wasm: &[u8], facts: &WasmFacts) -> HashMap<String, PointerTable> {
    let callers: HashMap<u32, &str> = facts
        .exports
        .iter()
        .filter(|export| matches!(export.item, Item::Function(_)))
        .filter_map(|export| {
            let name = export.name.trim_start_matches('_');
            Some((export.index, name.strip_prefix("dynCall_")?))
        })
        .collect();
    let mut index = facts.imported_functions;
    let mut tables = HashMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::CodeSectionEntry(body)) => {
                if let Some(signature) = callers.get(&index)
                    && let Some(table) = table_of(&body)
                {
                    tables.insert((*signature).to_owned(), table);
                }
                index += 1;
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    tables
}

/// `local.get 0; i32.const mask; i32.and; (i32.const offset; i32.add;) call_indirect`
fn table_of(body: &FunctionBody<'_>) -> Option<PointerTable> {
    let mut table = PointerTable::default();
    let mut constant = None;
    for operator in body.get_operators_reader().ok()? {
        match operator.ok()? {
            Operator::I32Const { value } => constant = Some(value as u32),
            Operator::I32And => table.mask = constant.take()?,
            Operator::I32Add => table.offset = constant.take()?,
            Operator::CallIndirect { .. } => return Some(table),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(func (export "dynCall_vi") (param i32 i32) local.get 1 local.get 0 i32.const 7 i32.and i32.const 24 i32.add
    /// call_indirect (type vi))`, and `dynCall_v` without an offset.
    const WASM: &[u8] = &[
        0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // header
        1, 13, 3, 0x60, 2, 0x7f, 0x7f, 0, 0x60, 1, 0x7f, 0, 0x60, 0, 0, // types: vii, vi, v
        3, 3, 2, 0, 1, // functions
        4, 4, 1, 0x70, 0, 32, // table
        7, 26, 2, 10, b'd', b'y', b'n', b'C', b'a', b'l', b'l', b'_', b'v', b'i', 0, 0, // exports
        9, b'd', b'y', b'n', b'C', b'a', b'l', b'l', b'_', b'v', 0, 1, //
        10, 28, 2, 15, 0, 0x20, 1, 0x20, 0, 0x41, 7, 0x71, 0x41, 24, 0x6a, 0x11, 1, 0, 0x0b, // code
        10, 0, 0x20, 0, 0x41, 3, 0x71, 0x11, 2, 0, 0x0b,
    ];

    #[test]
    fn tables_of_signatures() {
        let facts = crate::program::wasm_facts::read(WASM).expect("facts");
        let tables = read(WASM, &facts);
        assert_eq!(tables["vi"], PointerTable { mask: 7, offset: 24 });
        assert_eq!(tables["v"], PointerTable { mask: 3, offset: 0 });
    }
}
