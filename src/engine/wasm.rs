//! The running wasm of one sandbox: its memory, table, exports, and the way in.

use super::exceptions::Thrower;
use super::pace::{PIECE, Pace, Paced};
use super::short::{self, Bodies, Known, Steps};
use super::store::Store;
use super::vm::{self, CallConfig};
use super::{Owner, Raw, Recorder, Unwind};
use crate::memory::{self, LinearHandle};
use rustc_hash::FxHashMap;
use std::marker::PhantomPinned;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use wasmer_types::FunctionType;
use wasmer_vm::{
    InternalStoreHandle, TableElement, VMCallerCheckedAnyfunc, VMFuncRef, VMGlobalDefinition,
    VMMemoryDefinition, VMTable, VMTableDefinition,
};

/// A function that can be called: an export or a table entry. Valid as long as the wasm instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Func(pub(super) NonNull<VMCallerCheckedAnyfunc>);

impl From<VMFuncRef> for Func {
    fn from(function: VMFuncRef) -> Self {
        Self(function.0)
    }
}

/// The running wasm of one sandbox.
pub struct Wasm {
    // Everything below points into the store, which is therefore dropped last.
    pub(super) exports: FxHashMap<String, Func>,
    pub(super) memory: NonNull<VMMemoryDefinition>,
    pub(super) linear: Option<LinearHandle>,
    pub(super) table: Option<FuncTable>,
    /// Every mutable global of the module, in index order.
    pub(super) globals: Vec<NonNull<VMGlobalDefinition>>,
    /// The first of them, when it is an i32: wasm-ld and fastcomp put the stack pointer there. A trap does not give
    /// it back, so a call restores it.
    pub(super) stack_pointer: Option<NonNull<VMGlobalDefinition>>,
    pub(super) interrupt: Vec<NonNull<VMGlobalDefinition>>,
    /// What host functions ask while they work on and on. The sandbox's, whichever its instance is.
    pub(super) pace: Pace,
    pub(super) config: CallConfig,
    /// What functions are made of, for those that are short.
    pub(super) bodies: Option<Arc<Bodies>>,
    pub(super) known: Known,
    /// The most parameters or results that any function of the module has.
    pub(super) widest: usize,
    /// How many calls into wasm are on the stack.
    pub(super) depth: u32,
    /// Tells instances apart: a [`Func`] is good for one of them.
    pub(super) epoch: u32,
    /// For a module that can catch exceptions.
    pub(super) throws: Option<Thrower>,
    pub(super) store: Option<Store>,
    /// Host functions use this while a call of [`Wasm::enter`] waits: the compiler must not take a reference to it for the
    /// only way there.
    pub(super) _shared: PhantomPinned,
}

/// The function table that indirect calls go through.
pub(super) struct FuncTable {
    pub(super) definition: NonNull<VMTableDefinition>,
    /// For growing it; a table that is neither imported nor exported cannot be grown from outside.
    pub(super) table: Option<InternalStoreHandle<VMTable>>,
    /// So many entries instantiation made.
    pub(super) born: u32,
    /// Those of them that were set since, as they were: a table has thousands of entries, of which few are ever set.
    pub(super) moved: FxHashMap<u32, Option<Func>>,
    /// What it was at last.
    pub(super) image: TableImage,
    /// Entries set since.
    pub(super) touched: Vec<u32>,
}

/// The function table at one moment, as what differs from the one that instantiation made: good for any instance of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableImage(Arc<Entries>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Entries {
    len: u32,
    /// In order of the index.
    set: Vec<(u32, Entry)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Null,
    Export(String),
    /// What instantiation put into another place.
    Born(u32),
    /// A function of the host's, by a number of its own.
    Host(u32),
}

impl TableImage {
    /// Of the table: how many entries it had.
    pub fn table_len(&self) -> u32 {
        self.0.len
    }

    /// Whether functions of the host's are in it.
    pub fn has_hosts(&self) -> bool {
        let mut entries = self.0.set.iter();
        entries.any(|(_, entry)| matches!(entry, Entry::Host(_)))
    }
}

static mut NO_MEMORY: VMMemoryDefinition = VMMemoryDefinition {
    base: NonNull::dangling().as_ptr(),
    current_length: 0,
};

impl Default for Wasm {
    /// No module yet: no memory, no exports.
    fn default() -> Self {
        Self {
            exports: FxHashMap::default(),
            // SAFETY: never written: its length is 0 and only `Linear` writes definitions.
            memory: unsafe { NonNull::new_unchecked(&raw mut NO_MEMORY) },
            linear: None,
            table: None,
            globals: Vec::new(),
            stack_pointer: None,
            interrupt: Vec::new(),
            pace: Pace::default(),
            config: CallConfig::with_stack(super::STACK_BYTES),
            bodies: None,
            known: Known::default(),
            widest: 1,
            depth: 0,
            epoch: 0,
            throws: None,
            store: None,
            _shared: PhantomPinned,
        }
    }
}

impl Wasm {
    /// The linear memory as it is now. Calls into wasm may grow it: take the slice anew after each.
    pub fn memory(&self) -> &[u8] {
        // SAFETY: the definition is valid as long as the store, and names accessible bytes. Wasm cannot run while the
        // slice lives: running it takes `&mut self`.
        unsafe {
            let now = self.memory.read();
            std::slice::from_raw_parts(now.base, now.current_length)
        }
    }
    pub fn memory_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe {
            let now = self.memory.read();
            std::slice::from_raw_parts_mut(now.base, now.current_length)
        }
    }
    /// The recyclable memory behind it; `None` when the module has none or shares it between threads.
    pub fn linear(&self) -> Option<&LinearHandle> {
        self.linear.as_ref()
    }
    /// Grows by `delta` wasm pages (64 KiB); false when the module's or the user's maximum forbids it.
    pub fn grow(&mut self, delta: u32) -> bool {
        self.linear
            .as_ref()
            .is_some_and(|linear| linear.grow(delta).is_some())
    }
    /// The maximum that growth may reach, in bytes: the smaller of the module's own and the user's.
    pub fn max_bytes(&self) -> u64 {
        self.linear.as_ref().map_or(0, |linear| linear.max() as u64)
    }
    /// Which wasm instance of the process this is.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
    /// How many calls into wasm are on the stack: 0 means that the memory may be recycled.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The books of what it allocates; `None` when it was not compiled for that.
    pub fn recorder(&self) -> Option<&Rc<Recorder>> {
        self.store.as_ref()?.recorder()
    }

    /// An exported function by its canonical name (no leading underscore of fastcomp, minification undone).
    pub fn export(&self, name: &str) -> Option<Func> {
        self.exports.get(name).copied()
    }
    pub fn exports(&self) -> impl Iterator<Item = (&str, Func)> {
        self.exports
            .iter()
            .map(|(name, func)| (name.as_str(), *func))
    }

    /// The entry of the function table, `None` when null or out of range.
    pub fn table_get(&self, index: u32) -> Option<Func> {
        let table = self.table.as_ref()?;
        // SAFETY: the definition is valid as long as the store; the index is checked against its length; elements of a
        // funcref table are nullable pointers to records that live as long as the store.
        unsafe {
            let now = table.definition.as_ref();
            if index >= now.current_elements {
                return None;
            }
            NonNull::new(
                now.base
                    .cast::<*mut VMCallerCheckedAnyfunc>()
                    .add(index as usize)
                    .read(),
            )
            .map(Func)
        }
    }
    /// Sets an entry of the function table; false when it is out of range.
    pub fn table_set(&mut self, index: u32, func: Option<Func>) -> bool {
        let set = self.write_entry(index, func);
        if let Some(table) = self.table.as_mut().filter(|_| set) {
            table.touched.push(index);
        }
        set
    }
    fn write_entry(&mut self, index: u32, func: Option<Func>) -> bool {
        let was = self.table_get(index);
        let Some(table) = self.table.as_mut() else {
            return false;
        };
        if was != func && index < table.born {
            table.moved.entry(index).or_insert(was);
        }
        // SAFETY: as in `table_get`.
        unsafe {
            let now = table.definition.as_ref();
            if index >= now.current_elements {
                return false;
            }
            let value = func.map_or(std::ptr::null_mut(), |f| f.0.as_ptr());
            now.base
                .cast::<*mut VMCallerCheckedAnyfunc>()
                .add(index as usize)
                .write(value);
        }
        true
    }
    /// Grows the function table by one null entry and gives its index; `None` at its maximum.
    pub fn table_grow(&mut self) -> Option<u32> {
        let table = self.table.as_ref()?.table?;
        let objects = self.store.as_mut()?.objects_mut();
        table.get_mut(objects).grow(1, TableElement::FuncRef(None))
    }
    pub fn table_len(&self) -> u32 {
        // SAFETY: as in `table_get`.
        self.table
            .as_ref()
            .map_or(0, |t| unsafe { t.definition.as_ref().current_elements })
    }

    /// What the function table is now. `host`: the number of a function of the host's.
    pub(crate) fn table_image(&mut self, host: impl Fn(Func) -> Option<u32>) -> TableImage {
        let len = self.table_len();
        let mut set = Vec::new();
        for index in 0..len {
            let is = self.table_get(index);
            if is != self.born_entry(index) {
                set.push((index, self.entry_of(is, &host)));
            }
        }
        let image = TableImage(Arc::new(Entries { len, set }));
        if let Some(table) = &mut self.table {
            table.image = image.clone();
            table.touched.clear();
        }
        image
    }
    fn born_entry(&self, index: u32) -> Option<Func> {
        let table = self.table.as_ref()?;
        match table.moved.get(&index) {
            Some(was) => *was,
            None if index < table.born => self.table_get(index),
            None => None,
        }
    }
    fn entry_of(&self, is: Option<Func>, host: impl Fn(Func) -> Option<u32>) -> Entry {
        let Some(func) = is else { return Entry::Null };
        if let Some(number) = host(func) {
            return Entry::Host(number);
        }
        let born = self.table.as_ref().map_or(0, |table| table.born);
        if let Some(at) = (0..born).find(|at| self.born_entry(*at) == is) {
            return Entry::Born(at);
        }
        // Nothing but exports, JavaScript functions and entries can be put there.
        let mut exports = self.exports();
        let named = exports.find(|(_, export)| *export == func);
        named.map_or(Entry::Null, |(name, _)| Entry::Export(name.to_owned()))
    }
    fn func_of(&self, entry: &Entry, host: impl Fn(u32) -> Option<Func>) -> Option<Func> {
        match entry {
            Entry::Null => None,
            Entry::Export(name) => self.export(name),
            Entry::Born(at) => self.born_entry(*at),
            Entry::Host(number) => host(*number),
        }
    }
    /// Entries that are not as in `image`.
    pub(crate) fn table_differences(
        &self,
        image: &TableImage,
        host: impl Fn(u32) -> Option<Func>,
    ) -> Vec<u32> {
        (0..self.table_len().min(image.table_len()))
            .filter(|index| self.table_get(*index) != self.in_image(image, *index, &host))
            .collect()
    }
    fn in_image(
        &self,
        image: &TableImage,
        index: u32,
        host: impl Fn(u32) -> Option<Func>,
    ) -> Option<Func> {
        let set = &image.0.set;
        match set.binary_search_by_key(&index, |(at, _)| *at) {
            Ok(at) => self.func_of(&set[at].1, host),
            Err(_) if index < image.table_len() => self.born_entry(index),
            Err(_) => None,
        }
    }
    /// Brings entries and length of the function table back. Only what was set through [`Wasm::table_set`] and grown
    /// through [`Wasm::table_grow`] can have changed: programs that write tables by themselves are started anew instead.
    /// False when it could not grow.
    pub(crate) fn restore_table(
        &mut self,
        image: &TableImage,
        host: impl Fn(u32) -> Option<Func>,
    ) -> bool {
        let Some(table) = &mut self.table else {
            return true;
        };
        let touched = std::mem::take(&mut table.touched);
        let same = Arc::ptr_eq(&table.image.0, &image.0);
        let len = image.table_len();
        if same {
            for index in touched {
                let entry = self.in_image(image, index, &host);
                self.write_entry(index, entry);
            }
        } else {
            while self.table_len() < len {
                if self.table_grow().is_none() {
                    return false;
                }
            }
            for index in 0..self.table_len() {
                let entry = self.in_image(image, index, &host);
                self.write_entry(index, entry);
            }
        }
        if let Some(table) = &mut self.table {
            // SAFETY: as in `table_get`. Entries above are null now, so growing again shows null.
            unsafe { table.definition.as_mut().current_elements = len };
            table.image = image.clone();
        }
        true
    }

    /// With that many slots any function of the module can be entered, whatever its type is.
    pub fn widest(&self) -> usize {
        self.widest
    }

    /// A function of this type has come into the table.
    pub fn widen(&mut self, ty: &FunctionType) {
        self.widest = self.widest.max(ty.params().len()).max(ty.results().len());
    }

    /// The type of a function, `None` for one that another engine made. Registering code asks once and keeps it.
    pub fn type_of(&self, func: Func) -> Option<FunctionType> {
        // SAFETY: a `Func` points at a record that lives as long as the store.
        let hash = unsafe { func.0.as_ref().type_signature_hash };
        self.store.as_ref()?.signature(hash)
    }

    /// What a function does, when it is short.
    pub(super) fn steps_of(&mut self, func: Func) -> Option<Rc<Steps>> {
        if let Some(known) = self.known.get(&func) {
            return known.clone();
        }
        let module = self.store.as_ref()?.modules().next()?;
        let steps = self.bodies.as_ref()?.read(module, func).map(Rc::new);
        self.known.insert(func, steps.clone());
        steps
    }
    pub(super) fn take_steps(&mut self, steps: &Steps, arguments: &[u64]) -> Option<u64> {
        // SAFETY: the definitions are valid as long as the store, and name accessible bytes and entries, which are nullable
        // pointers to records that live as long as it. Nothing else runs meanwhile.
        let (memory, table) = unsafe {
            let memory = self.memory.read();
            let table = self.table.as_ref().map(|table| table.definition.read());
            (
                std::slice::from_raw_parts_mut(memory.base, memory.current_length),
                table.map_or(&[][..], |table| {
                    std::slice::from_raw_parts(
                        table.base.cast::<Option<Func>>(),
                        table.current_elements as usize,
                    )
                }),
            )
        };
        let mut place = short::Place {
            memory,
            table,
            known: &self.known,
            unknown: None,
            depth: short::DEPTH,
        };
        let result = short::take(steps, arguments, &mut place);
        if let Some(callee) = place.unknown {
            self.steps_of(callee);
        }
        result
    }

    /// See [`enter`].
    fn enter(&mut self, func: Func, slots: &mut [Raw]) -> Result<(), Unwind> {
        // Each call that nests takes a wasm stack of its own, and a piece of the host's.
        if self.depth > 0 && !super::stack::has_room() {
            return Err(Unwind::trap(super::TrapKind::StackOverflow));
        }
        // Short functions have no interruption check: host code that calls them on and on is stopped here.
        if self.interrupted() {
            return Err(Unwind::Interrupted);
        }
        // SAFETY: globals live as long as the store.
        let stack_pointer = self
            .stack_pointer
            .map(|g| (g, unsafe { g.as_ref().val.u32 }));
        let paced = self.paced();
        self.depth += 1;
        // SAFETY: a `Func` is of the store; `slots` has room by this function's contract; host functions reach this sandbox
        // through the pointer given at instantiation, and no reference derived from `self` is used until the call returns.
        let called = unsafe { vm::enter(&self.config, func, slots.as_mut_ptr().cast()) };
        self.depth -= 1;
        drop(paced);
        let ended = match called {
            Ok(()) => Ok(()),
            Err(trap) => Err(self.ended(trap, stack_pointer)),
        };
        if self.depth == 0
            && self.throws.is_some()
            && let Some(store) = &mut self.store
        {
            store.forget_exceptions();
        }
        ended
    }

    /// What a call ended with, and the stack pointer it began with.
    #[cold]
    fn ended(
        &self,
        trap: wasmer_vm::Trap,
        stack_pointer: Option<(NonNull<VMGlobalDefinition>, u32)>,
    ) -> Unwind {
        if let Some((mut global, value)) = stack_pointer {
            // SAFETY: globals live as long as the store.
            unsafe { global.as_mut().val.u32 = value };
        }
        if let (Some(thrower), Some(store)) = (&self.throws, &self.store)
            && let Some(exception) = trap.to_exception_ref()
        {
            return thrower.uncaught(store, exception.to_u32_exnref());
        }
        Unwind::from_trap(trap, self.store.iter().flat_map(Store::modules))
    }

    /// Whether the running call is being stopped.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }
    /// Work of the host's that belongs to a call begins: it is told to stop when the call is. `None` within another call. What
    /// is given back goes before the instance does.
    #[inline]
    pub(crate) fn paced(&self) -> Option<Paced> {
        let flag = self.interrupt.first()?.as_ptr();
        // SAFETY: globals live as long as the store, which callers keep: it stays while a call of it is on the stack.
        unsafe { self.pace.begin((&raw const (*flag).val.i32).cast()) }
    }
    /// Without an instance, of the same sandbox.
    pub(crate) fn vacant(&self) -> Self {
        Self {
            pace: self.pace.clone(),
            ..Self::default()
        }
    }

    /// What runs is being stopped.
    fn interrupted(&self) -> bool {
        // SAFETY: globals live as long as the store; other threads write this one atomically (see `InterruptFlag`).
        self.interrupt.first().is_some_and(|flag| unsafe {
            AtomicI32::from_ptr(&raw mut (*flag.as_ptr()).val.i32).load(Ordering::Relaxed) != 0
        })
    }

    /// The module's stack pointer, where it has one.
    pub fn stack_pointer(&self) -> Option<u32> {
        // SAFETY: globals live as long as the store.
        self.stack_pointer.map(|g| unsafe { g.as_ref().val.u32 })
    }
    pub fn set_stack_pointer(&mut self, value: u32) {
        if let Some(mut global) = self.stack_pointer {
            // SAFETY: as above.
            unsafe { global.as_mut().val.u32 = value };
        }
    }

    /// The values of all mutable globals.
    pub(crate) fn globals(&self) -> Vec<u128> {
        // SAFETY: globals live as long as the store.
        self.globals
            .iter()
            .map(|g| unsafe { g.as_ref().val.u128 })
            .collect()
    }
    pub(crate) fn set_globals(&mut self, values: &[u128]) {
        for (global, value) in self.globals.iter_mut().zip(values) {
            // SAFETY: as above; the value was read from this very global, or that of another instance of the program.
            unsafe { global.as_mut().val.u128 = *value };
        }
    }

    /// The interruption flag, for other threads to set while this sandbox lives.
    pub fn interrupt_flag(&self) -> Option<super::InterruptFlag> {
        let flags = (!self.interrupt.is_empty()).then(|| self.interrupt.iter().copied());
        flags.map(super::InterruptFlag::new)
    }

    /// What the memory occupies.
    pub fn residency(&self) -> Option<memory::Residency> {
        self.linear.as_ref()?.residency()
    }
}

/// Enters wasm: `slots` holds the arguments and, afterwards, the result in its first place. There is at least one slot and
/// at least as many as the function has parameters and results. All of the owner is borrowed: host functions that wasm
/// calls use it meanwhile, and so does what JavaScript calls from there.
#[inline]
pub fn enter<T: Owner>(owner: &mut T, func: Func, slots: &mut [Raw]) -> Result<(), Unwind> {
    owner.wasm().enter(func, slots)
}

macro_rules! access {
    ($($read:ident $write:ident $t:ty;)*) => {
        /// Little-endian loads and stores; past the end of memory they trap as wasm's own would. Each asks whether the call
        /// is being stopped, so that a loop over the module's memory ends with it.
        impl Wasm {
            $(
                pub fn $read(&self, addr: u32) -> Result<$t, Unwind> {
                    const N: usize = size_of::<$t>();
                    self.pace.go_on()?;
                    self.memory()
                        .get(addr as usize..)
                        .and_then(|m| m.first_chunk::<N>())
                        .map(|b| <$t>::from_le_bytes(*b))
                        .ok_or_else(Unwind::out_of_bounds)
                }
                pub fn $write(&mut self, addr: u32, value: $t) -> Result<(), Unwind> {
                    const N: usize = size_of::<$t>();
                    self.pace.go_on()?;
                    self.memory_mut()
                        .get_mut(addr as usize..)
                        .and_then(|m| m.first_chunk_mut::<N>())
                        .map(|b| *b = value.to_le_bytes())
                        .ok_or_else(Unwind::out_of_bounds)
                }
            )*
        }
    };
}

access! {
    read_u8 write_u8 u8;
    read_i8 write_i8 i8;
    read_u16 write_u16 u16;
    read_i16 write_i16 i16;
    read_u32 write_u32 u32;
    read_i32 write_i32 i32;
    read_u64 write_u64 u64;
    read_i64 write_i64 i64;
    read_f32 write_f32 f32;
    read_f64 write_f64 f64;
}

impl Wasm {
    /// `len` bytes at `addr`. Where the module chooses the length, they are worked on in pieces.
    pub fn bytes(&self, addr: u32, len: u32) -> Result<&[u8], Unwind> {
        self.pace.go_on()?;
        let start = addr as usize;
        self.memory()
            .get(start..start + len as usize)
            .ok_or_else(Unwind::out_of_bounds)
    }
    pub fn bytes_mut(&mut self, addr: u32, len: u32) -> Result<&mut [u8], Unwind> {
        self.pace.go_on()?;
        let start = addr as usize;
        self.memory_mut()
            .get_mut(start..start + len as usize)
            .ok_or_else(Unwind::out_of_bounds)
    }
    /// Works on `len` bytes at `addr` piece by piece, from the first to the last, as long as the call goes on.
    pub fn in_pieces<E: From<Unwind>>(
        &mut self,
        addr: u32,
        len: u32,
        mut work: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let pace = self.pace.clone();
        for piece in self.bytes_mut(addr, len)?.chunks_mut(PIECE) {
            pace.go_on().map_err(Unwind::from)?;
            work(piece)?;
        }
        Ok(())
    }
    /// Copies as `memmove` does, in pieces.
    pub fn copy_within(&mut self, to: u32, from: u32, len: u32) -> Result<(), Unwind> {
        self.bytes(to, len)?;
        self.bytes(from, len)?;
        let (to, from, len) = (to as usize, from as usize, len as usize);
        let pieces = len.div_ceil(PIECE);
        for piece in 0..pieces {
            self.pace.go_on()?;
            // From the end where the first piece would write over what is still to be read.
            let piece = if to > from { pieces - 1 - piece } else { piece };
            let (start, end) = (piece * PIECE, len.min((piece + 1) * PIECE));
            self.memory_mut()
                .copy_within(from + start..from + end, to + start);
        }
        Ok(())
    }
    /// The bytes of a C string, without its NUL.
    pub fn c_str(&self, addr: u32) -> Result<&[u8], Unwind> {
        let tail = self
            .memory()
            .get(addr as usize..)
            .ok_or_else(Unwind::out_of_bounds)?;
        for (i, piece) in tail.chunks(PIECE).enumerate() {
            self.pace.go_on()?;
            if let Some(at) = memchr::memchr(0, piece) {
                return Ok(&tail[..i * PIECE + at]);
            }
        }
        Err(Unwind::out_of_bounds())
    }
}

impl crate::saved::Saved for TableImage {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(Self(crate::saved::Saved::load(from)?))
    }
}
crate::saved::saved_struct!(Entries { len, set });
crate::saved::saved_enum!(Entry { 0 Null ; 1 Export(name), 2 Born(index), 3 Host(number) ; });
