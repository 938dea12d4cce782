//! The allocation tracker: which blocks are allocated, and by which calls.

use super::exits::{self, Caller};
use super::{Event, Heap};
use crate::engine::Code;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use wasmer_compiler::FRAME_INFO;

/// Told of the number of a block that was made: whoever knows JavaScript notes its stack under it. Numbers of
/// blocks that are gone are given again.
pub type Capture = Box<dyn Fn(u32)>;

/// Frames of one wasm stack that are kept: the innermost.
const DEPTH: usize = 256;

/// What is allocated since [`AllocationTracker::start`], by wasm stack.
pub struct AllocationTracker {
    code: Range,
    heap: Heap,
    capture: RefCell<Option<Capture>>,
    recording: Cell<bool>,
    allocations: RefCell<Allocations>,
}

/// Where the functions of a module lie: other modules' on the stack have indices of their own.
struct Range {
    first: usize,
    last: usize,
    /// The function that begins at `last`.
    last_index: u32,
}

impl Range {
    fn of(code: &Code) -> Self {
        let info = code.module().info();
        let functions = code.module().sys_artifact().into_iter();
        let functions = functions.flat_map(|artifact| artifact.finished_functions().iter());
        let mut range = Self {
            first: usize::MAX,
            last: 0,
            last_index: 0,
        };
        for (local, function) in functions {
            let at = function.0 as usize;
            range.first = range.first.min(at);
            if at >= range.last {
                (range.last, range.last_index) = (at, info.func_index(local).as_u32());
            }
        }
        range
    }

    fn has(&self, pc: usize, function: u32) -> bool {
        pc >= self.first && (pc < self.last || function == self.last_index)
    }
}

#[derive(Default)]
struct Allocations {
    /// By address.
    live: BTreeMap<u32, Block>,
    stacks: Vec<Box<[u32]>>,
    known: FxHashMap<Box<[u32]>, u32>,
    /// What the program counters met so far are of.
    places: FxHashMap<usize, Place>,
    names: BTreeMap<u32, String>,
    free_numbers: Vec<u32>,
    numbers: u32,
    made: u64,
    freed: u64,
}

/// What a program counter is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Function(u32),
    /// Of another module: a trampoline that emvm made.
    OtherWasm,
    Host,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    bytes: u32,
    stack: u32,
    number: u32,
}

/// What is allocated now.
#[derive(Default)]
pub struct Report {
    /// Functions of each wasm stack, innermost first.
    pub stacks: Vec<Box<[u32]>>,
    /// Names from the name section, as they stand there.
    pub names: BTreeMap<u32, String>,
    /// Address, bytes, stack, number.
    pub blocks: Vec<(u32, u32, u32, u32)>,
    pub made: u64,
    pub freed: u64,
}

impl AllocationTracker {
    /// For instances of `code`, which outlives it.
    pub fn new(code: &Code, heap: Heap) -> Self {
        Self {
            code: Range::of(code),
            heap,
            capture: RefCell::default(),
            recording: Cell::default(),
            allocations: RefCell::default(),
        }
    }

    /// Begins with none: what is allocated already is not watched.
    pub fn start(&self, capture: Option<Capture>) {
        *self.allocations.borrow_mut() = Allocations::default();
        *self.capture.borrow_mut() = capture;
        self.recording.set(true);
    }

    pub fn stop(&self) {
        self.recording.set(false);
        self.capture.borrow_mut().take();
    }

    pub fn report(&self) -> Report {
        let allocations = self.allocations.borrow();
        let blocks = allocations
            .live
            .iter()
            .map(|(at, block)| (*at, block.bytes, block.stack, block.number));
        Report {
            blocks: blocks.collect(),
            stacks: allocations.stacks.clone(),
            names: allocations.names.clone(),
            made: allocations.made,
            freed: allocations.freed,
        }
    }

    /// The host function: gives what the wasm goes on with.
    pub(super) fn event(
        &self,
        event: i32,
        [a, b, c]: [u32; 3],
        result: u32,
        caller: Option<Caller>,
    ) -> u32 {
        if !self.recording.get() {
            return result;
        }
        match Event::from_i32(event) {
            Some(Event::Malloc) => self.made(result, a, caller),
            Some(Event::Calloc) => self.made(result, a.wrapping_mul(b), caller),
            Some(Event::Memalign) => self.made(result, b, caller),
            Some(Event::PosixMemalign) if result == 0 => {
                self.made(self.heap.read(c).unwrap_or(0), a, caller);
            }
            // A block that is not known was there before: its successor is left out as well.
            Some(Event::ReallocBegins) => {
                return u32::from(a == 0 || self.allocations.borrow().live.contains_key(&a));
            }
            Some(Event::Realloc) => self.moved(a, b, c != 0, result, caller),
            Some(Event::Free) => self.allocations.borrow_mut().freed(&self.heap, a),
            Some(Event::PosixMemalign) | None => {}
        }
        result
    }

    fn made(&self, at: u32, bytes: u32, caller: Option<Caller>) {
        if at == 0 {
            return;
        }
        let number = {
            let mut allocations = self.allocations.borrow_mut();
            allocations.overwritten(&self.heap, at, bytes);
            let stack = allocations.stack(&self.code, caller);
            let number = allocations.number();
            let block = Block {
                bytes,
                stack,
                number,
            };
            allocations.live.insert(at, block);
            allocations.made += 1;
            number
        };
        // Taken out meanwhile: it may run anything, even another allocation.
        let capture = self.capture.borrow_mut().take();
        if let Some(capture) = capture {
            capture(number);
            let mut place = self.capture.borrow_mut();
            if place.is_none() && self.recording.get() {
                *place = Some(capture);
            }
        }
    }

    fn moved(&self, old: u32, bytes: u32, known: bool, new: u32, caller: Option<Caller>) {
        // Nothing to give and something asked for: the old block stays as it was.
        if new == 0 && bytes != 0 {
            return;
        }
        {
            let mut allocations = self.allocations.borrow_mut();
            if let Some(block) = allocations.live.remove(&old) {
                allocations.forget(block, true);
            }
        }
        if known {
            self.made(new, bytes, caller);
        } else {
            self.allocations
                .borrow_mut()
                .overwritten(&self.heap, new, bytes);
        }
    }
}

fn end_of(start: u32, block: Block) -> u32 {
    start.saturating_add(block.bytes)
}

impl Allocations {
    /// What begins at an address is given back. Functions that align give an address inside of what `malloc` gave them, and give back
    /// what they did not need of it, before and after.
    fn freed(&mut self, heap: &Heap, at: u32) {
        let found = self.live.range(..=at).next_back();
        let Some((&start, &block)) = found else {
            return;
        };
        let end = end_of(start, block);
        if start == at {
            self.live.remove(&start);
            let left = heap.within(at, end, |other| {
                other == at || self.live.contains_key(&other)
            });
            self.move_to(left, block, true);
        } else if at < end {
            self.live.remove(&start);
            let cut = heap.ends_at(start, at).then_some((start, at - start));
            self.move_to(cut, block, true);
        }
    }

    /// No two blocks overlap: what lay where a new one lies is no more, or was the same one, told of by an inner function, or lies
    /// beside it: functions that align take more than they keep.
    fn overwritten(&mut self, heap: &Heap, at: u32, bytes: u32) {
        if at == 0 {
            return;
        }
        let new_end = at.saturating_add(bytes.max(1));
        let before = self.live.range(..at).next_back();
        let first = match before {
            Some((&start, block)) if at - start < block.bytes => start,
            _ => at,
        };
        let touched = self.live.range(first..new_end);
        let touched: Vec<(u32, Block)> = touched.map(|(at, block)| (*at, *block)).collect();
        for (start, block) in touched {
            self.live.remove(&start);
            let known = |other: u32| other == at || self.live.contains_key(&other);
            let left = match start < at {
                true => heap.within(start, at, known),
                false => heap.within(at, end_of(start, block), known),
            };
            self.move_to(left, block, false);
        }
    }

    /// A block goes on as this address and so many bytes, or not at all.
    fn move_to(&mut self, left: Option<(u32, u32)>, block: Block, freed: bool) {
        match left {
            Some((at, bytes)) => {
                self.live.insert(at, Block { bytes, ..block });
            }
            None => self.forget(block, freed),
        }
    }

    fn forget(&mut self, block: Block, freed: bool) {
        self.free_numbers.push(block.number);
        match freed {
            true => self.freed += 1,
            false => self.made -= 1,
        }
    }

    fn number(&mut self) -> u32 {
        self.free_numbers.pop().unwrap_or_else(|| {
            self.numbers += 1;
            self.numbers - 1
        })
    }

    /// The present wasm stack, innermost first.
    fn frames(&mut self, code: &Range, caller: Option<Caller>) -> Vec<u32> {
        let mut frames = Vec::with_capacity(32);
        match caller {
            Some(caller) => caller.frames(&mut |pc| {
                let place = self.place(code, pc);
                if let Place::Function(function) = place {
                    frames.push(function);
                }
                place != Place::Host && frames.len() < DEPTH
            }),
            None => backtrace::trace(|frame| {
                if let Place::Function(function) = self.place(code, frame.ip() as usize) {
                    frames.push(function);
                }
                frames.len() < DEPTH
            }),
        }
        // Neither passes JavaScript or wasmer's trampolines into host functions.
        let mut outer = Vec::new();
        exits::frames(&mut |pc| {
            let place = self.place(code, pc);
            if let Place::Function(function) = place {
                outer.push(function);
            }
            place != Place::Host
        });
        // Where the unwinder does, it has seen them.
        if !frames.ends_with(&outer) {
            frames.append(&mut outer);
            frames.truncate(DEPTH);
        }
        frames
    }

    /// The number of the present wasm stack.
    fn stack(&mut self, code: &Range, caller: Option<Caller>) -> u32 {
        let frames = self.frames(code, caller);
        let frames = frames.into_boxed_slice();
        if let Some(known) = self.known.get(&frames) {
            return *known;
        }
        let number = self.stacks.len() as u32;
        self.stacks.push(frames.clone());
        self.known.insert(frames, number);
        number
    }

    fn place(&mut self, code: &Range, pc: usize) -> Place {
        if let Some(known) = self.places.get(&pc) {
            return *known;
        }
        // A return address may be the first of the next function.
        let info = pc.checked_sub(1).and_then(|pc| {
            let known = FRAME_INFO.read().ok()?;
            known.lookup_frame_info(pc)
        });
        let place = match info {
            None => Place::Host,
            Some(info) if code.has(pc, info.func_index()) => {
                let index = info.func_index();
                if let Some(name) = info.function_name() {
                    self.names.insert(index, name.to_owned());
                }
                Place::Function(index)
            }
            Some(_) => Place::OtherWasm,
        };
        self.places.insert(pc, place);
        place
    }
}
