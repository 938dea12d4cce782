//! Growth of the linear memory, by the policies of the generations.

use super::abi::Growth;
use super::{ImportFn, Runtime};
use crate::engine::{Args, Result, Unwind};

const PAGE: u64 = 65536;
const GIB: u64 = 1 << 30;

/// The sizes to try one after another, in bytes; `limit` is a multiple of a page.
fn candidates(old: u64, requested: u64, limit: u64, growth: Growth) -> Vec<u64> {
    let page = |n: u64| n.next_multiple_of(PAGE);
    if growth == Growth::Doubling {
        let most = 2 * GIB - PAGE;
        let mut size = old.max(16 << 20);
        while size < requested.min(most) {
            size = match size <= GIB / 2 {
                true => page(2 * size),
                false => page((3 * size + 2 * GIB) / 4).min(most),
            };
        }
        return vec![size.min(limit)];
    }
    [1, 2, 4]
        .into_iter()
        .map(|cut| {
            let generous = match growth {
                Growth::Doubling => requested,
                Growth::Linear { step } => old.saturating_add((step / cut).min(limit)),
                Growth::Geometric { step, cap } => {
                    // A step that the glue spells may be anything; a conversion to an integer saturates.
                    let size = old as f64 * (1.0 + step / cut as f64);
                    let most = cap.map_or(limit, |cap| requested.saturating_add(cap));
                    (size.ceil() as u64).min(most)
                }
            };
            page(requested.max(generous).min(limit)).min(limit)
        })
        .collect()
}

impl Runtime {
    fn heap_size(&self) -> u64 {
        self.wasm.memory().len() as u64
    }
    /// What the module may ask for: one page less than 4 GiB at most, for sizes to fit into 32 bits.
    fn heap_max(&self) -> u64 {
        self.wasm.max_bytes().min((4 << 30) - PAGE)
    }
    /// Grows to at least `requested` bytes; false when that may not be.
    pub fn resize_heap(&mut self, requested: u64) -> Result<bool> {
        let (old, limit) = (self.heap_size(), self.heap_max());
        if requested <= limit && !self.abi.fixed_memory {
            for size in candidates(old, requested, limit, self.abi.growth) {
                let delta = (size.saturating_sub(old) / PAGE) as u32;
                if size >= requested && self.wasm.grow(delta) {
                    self.process.refused_growth = None;
                    return Ok(true);
                }
            }
        }
        if self.abi.aborting_malloc {
            return Err(Unwind::OutOfMemory {
                requested,
                limit,
                aborted: true,
            });
        }
        self.process.refused_growth = Some(requested);
        Ok(false)
    }
}

fn emscripten_resize_heap(rt: &mut Runtime, args: &mut Args) -> Result {
    let grown = rt.resize_heap(u64::from(args.u32(0)))?;
    args.ret_i32(i32::from(grown))
}
fn emscripten_get_heap_max(rt: &mut Runtime, args: &mut Args) -> Result {
    let size = if rt.abi.fixed_memory {
        rt.heap_size()
    } else {
        rt.heap_max()
    };
    args.ret_u32(size as u32)
}
fn emscripten_get_heap_size(rt: &mut Runtime, args: &mut Args) -> Result {
    args.ret_u32(rt.heap_size() as u32)
}
/// Up to 1.38.24 the module keeps the end of its heap at `DYNAMICTOP_PTR`, has raised it already, and asks for memory up
/// to there. Gives 0 when there is none.
fn enlarge_memory(rt: &mut Runtime, args: &mut Args) -> Result {
    let requested = match rt.abi.dynamic_top {
        Some(at) => u64::from(rt.wasm.read_u32(at)?),
        None => rt.heap_size() + PAGE,
    };
    let grown = !rt.abi.fixed_memory && rt.resize_heap(requested)?;
    args.ret_i32(i32::from(grown))
}
fn abort_on_cannot_grow_memory(rt: &mut Runtime, args: &mut Args) -> Result {
    let asked = u64::from(args.u32(0));
    let requested = if asked > 0 {
        asked
    } else {
        rt.process.refused_growth.unwrap_or(rt.heap_size() + 1)
    };
    Err(Unwind::OutOfMemory {
        requested,
        limit: rt.heap_max(),
        aborted: true,
    })
}

/// `sbrk`, where it is the host's: the end of the heap is kept in memory at `DYNAMICTOP_PTR`.
fn sbrk(rt: &mut Runtime, args: &mut Args) -> Result {
    let increment = i64::from(args.i32(0));
    let Some(at) = rt.abi.dynamic_top else {
        return Err(Unwind::Unsupported(
            "sbrk: this module leaves its heap to the host, and its glue, which says where the heap begins, is missing; \
             open the .js file instead of the .wasm"
                .into(),
        ));
    };
    let old = i64::from(rt.wasm.read_u32(at)?);
    let new = old + increment;
    let fits = (0..i64::from(i32::MAX)).contains(&new)
        && (new as u64 <= rt.heap_size() || rt.resize_heap(new as u64)?);
    if !fits {
        return rt.fail(args, super::fs::Errno::ENOMEM);
    }
    rt.wasm.write_u32(at, new as u32)?;
    args.ret_i32(old as i32)
}
fn brk(rt: &mut Runtime, args: &mut Args) -> Result {
    let new = args.u32(0);
    let fits = u64::from(new) <= rt.heap_size() || rt.resize_heap(u64::from(new))?;
    match rt.abi.dynamic_top.filter(|_| fits) {
        Some(at) => rt.wasm.write_u32(at, new)?,
        None => rt.set_errno(super::fs::Errno::ENOMEM)?,
    }
    args.ret_i32(if fits { 0 } else { -1 })
}
/// The engine's own growth is seen by everyone at once.
fn notify_memory_growth(_: &mut Runtime, _: &mut Args) -> Result {
    Ok(())
}

/// Copies like `memmove`. Gives the destination, where the generation's signature has a result.
fn memcpy(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.wasm.copy_within(args.u32(0), args.u32(1), args.u32(2))?;
    args.ret_u32(args.u32(0))
}
fn memset(rt: &mut Runtime, args: &mut Args) -> Result {
    let byte = args.u32(1) as u8;
    rt.wasm.in_pieces(args.u32(0), args.u32(2), |piece| {
        piece.fill(byte);
        Ok::<(), Unwind>(())
    })?;
    args.ret_u32(args.u32(0))
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("emscripten_resize_heap", emscripten_resize_heap),
    ("emscripten_get_heap_max", emscripten_get_heap_max),
    ("emscripten_get_heap_size", emscripten_get_heap_size),
    ("getTotalMemory", emscripten_get_heap_size),
    ("enlargeMemory", enlarge_memory),
    ("abortOnCannotGrowMemory", abort_on_cannot_grow_memory),
    ("sbrk", sbrk),
    ("brk", brk),
    ("emscripten_notify_memory_growth", notify_memory_growth),
    ("emscripten_memcpy_big", memcpy),
    ("emscripten_memcpy_js", memcpy),
    ("_emscripten_memcpy_js", memcpy),
    ("memcpy", memcpy),
    ("memmove", memcpy),
    ("memset", memset),
];

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_fifth_more_each_time() {
        let sizes = candidates(16 * MIB, 16 * MIB + 1, 2 * GIB, Growth::default());
        assert_eq!(sizes, [20_185_088, 18_481_152, 17_629_184]);
        assert!(sizes.iter().all(|s| s % PAGE == 0));
        // Far more than a fifth is asked for: just that.
        assert_eq!(
            candidates(16 * MIB, 100 * MIB, 2 * GIB, Growth::default())[0],
            100 * MIB
        );
        // At most 96 MiB of surplus.
        assert_eq!(
            candidates(GIB, GIB + 1, 4 * GIB, Growth::default())[0],
            (GIB + 1 + 96 * MIB).next_multiple_of(PAGE)
        );
        assert_eq!(
            candidates(100 * MIB, 101 * MIB, 110 * MIB, Growth::default())[0],
            110 * MIB
        );
    }

    #[test]
    fn doubling() {
        assert_eq!(
            candidates(128 * MIB, 129 * MIB, 2 * GIB, Growth::Doubling),
            [256 * MIB]
        );
        assert_eq!(
            candidates(512 * MIB, 600 * MIB, 2 * GIB, Growth::Doubling),
            [GIB]
        );
        assert_eq!(
            candidates(GIB, GIB + 1, 2 * GIB, Growth::Doubling),
            [(5 * GIB / 4)]
        );
        assert_eq!(
            candidates(128 * MIB, 300 * MIB, 320 * MIB, Growth::Doubling),
            [320 * MIB]
        );
        assert_eq!(
            candidates(2 * GIB - 2 * PAGE, 3 * GIB, 4 * GIB, Growth::Doubling),
            [2 * GIB - PAGE]
        );
    }
}
