//! The module's memory, as far as the allocation tracker needs to look into it.

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

    /// The block that is in use between two addresses, the first of which a block begins at: address and bytes. `known`: blocks that are
    /// not it. dlmalloc's words prove that it is one; with another allocator there is none.
    pub fn within(&self, from: u32, end: u32, known: impl Fn(u32) -> bool) -> Option<(u32, u32)> {
        let mut at = from;
        let mut best = None;
        let mut most = 0;
        for _ in 0..STEPS {
            let head = self.read(at.checked_sub(4)?)?;
            let used = head & IN_USE != 0;
            let size = head & SIZE;
            let next = at.checked_add(size)?;
            if size < LEAST {
                return None;
            }
            // A block has the first word of the next chunk, too.
            let bytes = (size - 4).min(end.saturating_sub(at));
            if used && bytes > most && !known(at) {
                (best, most) = (Some((at, bytes)), bytes);
            }
            if next - 4 >= end {
                return best;
            }
            if (self.read(next - 4)? & BEFORE_IN_USE != 0) != used {
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
    fn rest(chunks: &[(u32, bool)], bytes: u32, known: &[u32]) -> Option<(u32, u32)> {
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
        let heap = unsafe { Heap::new(Some(NonNull::from(&mut definition))) };
        heap.within(16, 16 + bytes, |at| known.contains(&at))
    }

    #[test]
    fn a_whole_block_is_found_where_it_was() {
        assert_eq!(rest(&[(112, true)], 100, &[]), Some((16, 100)));
        assert_eq!(rest(&[(112, true), (64, true)], 108, &[16]), None);
    }

    #[test]
    fn a_block_that_was_aligned_is_found() {
        // 48 bytes before it, which are free, or another block.
        assert_eq!(rest(&[(48, false), (208, true)], 250, &[]), Some((64, 202)));
        let aligned = [(48, true), (208, true)];
        assert_eq!(rest(&aligned, 250, &[16]), Some((64, 202)));
        assert_eq!(rest(&aligned, 250, &[16, 64]), None);
        // The beginning was given back, and a part of it given again; so was the end.
        let busy = [(16, true), (32, false), (208, true), (32, true)];
        assert_eq!(rest(&busy, 280, &[16, 272]), Some((64, 204)));
        // What follows is not of it.
        let followed = [(48, true), (80, true), (800, true)];
        assert_eq!(rest(&followed, 120, &[16]), Some((64, 72)));
    }

    #[test]
    fn what_is_not_dlmallocs_has_none() {
        assert_eq!(rest(&[(8, true)], 100, &[]), None);
        assert_eq!(rest(&[(48, false), (208, false)], 250, &[]), None);
        assert_eq!(rest(&[], 100, &[]), None);
        assert_eq!(rest(&[(4000, true)], 8000, &[]), None);
    }
}
