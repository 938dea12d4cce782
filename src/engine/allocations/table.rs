//! Adds a table to a module. A middleware cannot: wasmer settles how tables are laid out before it asks middlewares.

const TABLES: u8 = 4;
/// funcref, no maximum, one entry. Not of a fixed size: wasmer keeps those in a layout of its own.
const ENTRY: [u8; 3] = [0x70, 0x00, 0x01];

/// The module with one more table, the last of all. What is malformed stays so, for the compiler to refuse.
pub fn with_table(wasm: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(wasm.len() + 16);
    let mut at = wasm.len().min(8);
    out.extend_from_slice(&wasm[..at]);
    let mut added = false;
    while at < wasm.len() {
        let id = wasm[at];
        let Some((len, body)) = leb(wasm, at + 1) else {
            break;
        };
        let Some(content) = wasm.get(body..body + len as usize) else {
            break;
        };
        // Types, imports and functions come before tables; custom sections stand anywhere.
        if !added && id > 3 {
            let (count, entries) = match id {
                TABLES => leb(content, 0).unwrap_or((0, 0)),
                _ => (0, content.len()),
            };
            section(&mut out, count + 1, &content[entries..]);
            added = true;
            if id == TABLES {
                at = body + content.len();
                continue;
            }
        }
        out.extend_from_slice(&wasm[at..body + content.len()]);
        at = body + content.len();
    }
    if !added {
        section(&mut out, 1, &[]);
    }
    out.extend_from_slice(&wasm[at..]);
    out
}

fn section(out: &mut Vec<u8>, count: u32, entries: &[u8]) {
    let mut content = Vec::with_capacity(entries.len() + 8);
    write_leb(&mut content, count);
    content.extend_from_slice(entries);
    content.extend_from_slice(&ENTRY);
    out.push(TABLES);
    write_leb(out, content.len() as u32);
    out.extend_from_slice(&content);
}

/// A number and where the next byte is.
fn leb(bytes: &[u8], mut at: usize) -> Option<(u32, usize)> {
    let mut value = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

fn write_leb(out: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::wasm_facts;

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
            let facts = wasm_facts::read(&made).expect("readable");
            assert_eq!(facts.tables.len(), before + 1);
            let last = facts.tables[before];
            assert_eq!((last.min, last.max), (1, None));
            if before == 1 {
                assert_eq!((facts.tables[0].min, facts.tables[0].max), (3, Some(5)));
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
