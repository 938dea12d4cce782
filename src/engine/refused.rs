//! Modules that no host runs, told before anything is compiled.

use wasmparser::{Parser, Payload, TypeRef};

/// Why a module is refused, in words; `None` for one that may be compiled.
///
/// Reads what comes before the code: a few microseconds.
pub fn reason(wasm: &[u8]) -> Option<&'static str> {
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports().flatten() {
                    if let TypeRef::Memory(memory) = import.ty
                        && memory.memory64
                    {
                        return Some(MEMORY64);
                    }
                }
            }
            Payload::MemorySection(memories) => {
                let own: Vec<_> = memories.into_iter().flatten().collect();
                if own.iter().any(|memory| memory.memory64) {
                    return Some(MEMORY64);
                }
                let shared = own.iter().filter(|memory| memory.shared).count();
                if shared > 0 && shared < own.len() {
                    return Some(MIXED);
                }
            }
            Payload::CodeSectionStart { .. } => return None,
            _ => {}
        }
    }
    None
}

pub const MIXED: &str = "this module has memories of its own of which some are shared and some are not, which emvm does not run: let it import them";
pub const MEMORY64: &str = "this module has a 64-bit memory, which emvm does not run (its compiled code has no bounds checks, since every 32-bit address \
     lies in what a memory reserves): use a build without -sMEMORY64";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_and_64_bit_memories_are_told_from_others() {
        let own = |flags: u8| [b"\0asm\x01\0\0\0\x05\x04\x01".as_slice(), &[flags, 1, 1]].concat();
        assert_eq!(reason(&own(1)), None);
        assert_eq!(reason(&own(3)), None);
        let two = b"\0asm\x01\0\0\0\x05\x07\x02\x03\x01\x01\x01\x01\x01";
        assert_eq!(reason(two), Some(MIXED));
        assert_eq!(reason(&own(5)), Some(MEMORY64));
        let imported = b"\0asm\x01\0\0\0\x02\x09\x01\x01e\x01m\x02\x03\x01\x01";
        assert_eq!(reason(imported), None);
        assert_eq!(reason(b"junk"), None);
    }
}
