//! The module's memory, as far as the books need to look into it.

use std::ptr::NonNull;
use wasmer_vm::VMMemoryDefinition;

/// The linear memory of an instance.
pub struct Heap(Option<NonNull<VMMemoryDefinition>>);

/// dlmalloc's words before a block: the size of its chunk, and whether the chunk before it and it itself are in use.
const SIZE: u32 = !7;
const BEFORE_IN_USE: u32 = 1;
const IN_USE: u32 = 2;
const LEAST: u32 = 16;
/// Chunks between the beginning of a block and its rest.
const STEPS: usize = 64;

impl Heap {
    /// # Safety
    /// The definition lives as long as what is made, which stays on the thread that runs the instance.
    pub unsafe fn new(memory: Option<NonNull<VMMemoryDefinition>>) -> Self {
        Self(memory)
    }

    pub fn read(&self, at: u32) -> Option<u32> {
        // SAFETY: by the promise of `new`; the definition names accessible bytes, and wasm waits meanwhile.
        let bytes = unsafe {
            let now = self.0?.read();
            std::slice::from_raw_parts(now.base, now.current_length)
        };
        let word = bytes.get(at as usize..)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    }

    /// Whether the block at `start` is in use and ends where another begins: only dlmalloc cuts off the end of a block by its own
    /// `free`.
    pub fn ends_at(&self, start: u32, next: u32) -> bool {
        let head = start.checked_sub(4).and_then(|at| self.read(at));
        head.is_some_and(|head| head & IN_USE != 0 && start.checked_add(head & SIZE) == Some(next))
    }

    /// Where the rest of a block of so many bytes begins, when what begins at `start` now is a smaller one: only dlmalloc does that by
    /// its own `free`, and its words prove it.
    pub fn rest(&self, start: u32, bytes: u32) -> Option<u32> {
        let end = start.checked_add(bytes)?;
        let mut at = start;
        for _ in 0..STEPS {
            let head = self.read(at.checked_sub(4)?)?;
            let size = head & SIZE;
            let next = at.checked_add(size)?;
            // A chunk that is in use has four bytes more than its block, and reaches into the next one's first word.
            let whole = next - 4 >= end;
            if size < LEAST || (at == start && (whole || head & IN_USE == 0)) {
                return None;
            }
            if whole {
                return (head & IN_USE != 0).then_some(at);
            }
            let after = self.read(next - 4)?;
            if (after & BEFORE_IN_USE != 0) != (head & IN_USE != 0) {
                return None;
            }
            at = next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memory with these chunks one after the other, the first block at 16: size, in use.
    fn rest(chunks: &[(u32, bool)], bytes: u32) -> Option<u32> {
        let mut memory = vec![0u8; 4096];
        let mut at = 16usize;
        let mut before = true;
        for (size, used) in chunks {
            let head = size | u32::from(before) | if *used { IN_USE } else { 0 };
            memory[at - 4..at].copy_from_slice(&head.to_le_bytes());
            at += *size as usize;
            before = *used;
        }
        let mut definition = VMMemoryDefinition {
            base: memory.as_mut_ptr(),
            current_length: memory.len(),
        };
        // SAFETY: both live as long as the heap.
        unsafe { Heap::new(Some(NonNull::from(&mut definition))) }.rest(16, bytes)
    }

    #[test]
    fn a_whole_block_has_no_rest() {
        assert_eq!(rest(&[(112, true)], 100), None);
        assert_eq!(rest(&[(112, true), (64, true)], 108), None);
    }

    #[test]
    fn a_block_without_its_beginning_has_one() {
        // 48 bytes before an aligned block.
        assert_eq!(rest(&[(48, true), (208, true)], 250), Some(64));
        // The beginning went, and a part of it was given again.
        assert_eq!(rest(&[(16, true), (32, false), (208, true)], 250), Some(64));
    }

    #[test]
    fn what_is_not_dlmallocs_has_none() {
        assert_eq!(rest(&[(8, true)], 100), None);
        assert_eq!(rest(&[(48, true), (208, false)], 250), None);
        assert_eq!(rest(&[], 100), None);
        assert_eq!(rest(&[(4000, true)], 8000), None);
    }
}
