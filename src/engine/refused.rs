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
                        && let Some(why) = of_memory(memory)
                    {
                        return Some(why);
                    }
                }
            }
            Payload::MemorySection(memories) => {
                if let Some(why) = memories.into_iter().flatten().find_map(of_memory) {
                    return Some(why);
                }
            }
            Payload::CodeSectionStart { .. } => return None,
            _ => {}
        }
    }
    None
}

pub const THREADS: &str = "this module uses threads (shared memory), which emvm does not run: use a build without -pthread";
pub const MEMORY64: &str = "this module has a 64-bit memory, which emvm does not run (its compiled code has no bounds checks, since every 32-bit address \
     lies in what a memory reserves): use a build without -sMEMORY64";

fn of_memory(memory: wasmparser::MemoryType) -> Option<&'static str> {
    if memory.memory64 {
        return Some(MEMORY64);
    }
    memory.shared.then_some(THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_and_64_bit_memories_are_told_from_others() {
        let own = |flags: u8| [b"\0asm\x01\0\0\0\x05\x04\x01".as_slice(), &[flags, 1, 1]].concat();
        assert_eq!(reason(&own(1)), None);
        assert_eq!(reason(&own(3)), Some(THREADS));
        assert_eq!(reason(&own(5)), Some(MEMORY64));
        let imported = b"\0asm\x01\0\0\0\x02\x09\x01\x01e\x01m\x02\x03\x01\x01";
        assert_eq!(reason(imported), Some(THREADS));
        assert_eq!(reason(b"junk"), None);
    }
}
