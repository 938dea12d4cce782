//! The wasm objects of one realm, found by number, and released together.

use super::types::ValueKind;
use crate::engine::vm::{self, MemoryPlace};
use crate::engine::{ImageError, compiled::CompiledModule, store};
use crate::memory::{Leftover, LinearHandle, SharedMemory};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use wasmer::ExternType;
use wasmer_types::{
    FunctionType, GlobalType, MemoryType, Mutability, Pages, RawValue, TableType, Type,
};
use wasmer_vm::{
    InternalStoreHandle, LinearMemory, MaybeInstanceOwned, StoreObject, TableElement, VMExtern,
    VMFuncRef, VMFunction, VMFunctionKind, VMGlobal, VMMemory, VMTable, VMTag,
};

/// A wasm function by identity.
pub type FuncRef = VMFuncRef;

/// Memories of one realm that are not disposed of. Another few threads should have address space for as many.
const MEMORIES: usize = 4096;

/// What the engine or the limits refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    Range(String),
}

/// The limits of a memory, in wasm pages.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimits {
    pub min: u32,
    pub max: Option<u32>,
}

type HandleMap<T> = FxHashMap<usize, InternalStoreHandle<T>>;

/// All wasm objects of one realm. Objects are named by the address wasmer keeps their definition at, which is fixed.
#[derive(Default)]
pub struct Store {
    engine: store::Store,
    functions: HandleMap<VMFunction>,
    memories: HandleMap<VMMemory>,
    tables: HandleMap<VMTable>,
    globals: HandleMap<VMGlobal>,
    tags: Vec<InternalStoreHandle<VMTag>>,
    /// Memories of V8's that other threads may have, and whether this realm has made them.
    shared: FxHashMap<usize, (Arc<SharedMemory>, bool)>,
    /// Bytes that each memory may reach.
    pub memory_cap: Option<u64>,
    /// The tag under which JavaScript exceptions travel through wasm that can catch.
    js_tag: Option<usize>,
    /// Whether some module of the realm can catch exceptions.
    pub exceptions: bool,
}

impl Store {
    /// What both hosts do with a store.
    pub fn engine(&mut self) -> &mut store::Store {
        &mut self.engine
    }
    /// Keeps a module's code for as long as the store.
    pub fn keep_module(&mut self, module: &Arc<CompiledModule>) {
        self.exceptions |= module.exceptions;
        self.engine.keep_compiled(module);
    }

    /// Whether there can be an image of it.
    pub fn check_image(&self) -> Result<(), ImageError> {
        if self.engine.tracker().is_some() {
            return Err(ImageError::Recorded);
        }
        if !self.shared.is_empty() {
            return Err(ImageError::Shared);
        }
        if self.engine.compiled().any(|module| module.drops_segments) {
            return Err(ImageError::Segments);
        }
        Ok(())
    }
    /// The object of this number that an import of the type may be.
    pub fn external(&self, ty: &ExternType, key: usize) -> Option<VMExtern> {
        Some(match ty {
            ExternType::Function(_) => VMExtern::Function(*self.functions.get(&key)?),
            ExternType::Memory(_) => VMExtern::Memory(*self.memories.get(&key)?),
            ExternType::Table(_) => VMExtern::Table(*self.tables.get(&key)?),
            ExternType::Global(_) => VMExtern::Global(*self.globals.get(&key)?),
            ExternType::Tag(_) => VMExtern::Tag(*self.tags.get(key.checked_sub(1)?)?),
        })
    }
    fn object<T: StoreObject>(&self, named: &HandleMap<T>, key: usize) -> Option<&T> {
        Some(named.get(&key)?.get(self.engine.objects()))
    }

    // Functions, named by the address of their `VMCallerCheckedAnyfunc`: the identity that `call_indirect` sees.

    pub fn host_function<T: 'static>(
        &mut self,
        ty: FunctionType,
        place: vm::Place,
        body: vm::HostBody<T>,
        data: T,
    ) -> VMExtern {
        VMExtern::Function(self.engine.host_function(ty, place, body, data))
    }
    pub fn name_function(&mut self, handle: InternalStoreHandle<VMFunction>) -> FuncRef {
        let place = handle.get(self.engine.objects()).anyfunc.as_ptr();
        self.functions.insert(place.as_ptr() as usize, handle);
        VMFuncRef(place)
    }
    /// A function met in a table or as a value.
    pub fn adopt_function(&mut self, function: FuncRef, ty: FunctionType) {
        self.functions
            .entry(function.0.as_ptr() as usize)
            .or_insert_with(|| {
                let function = VMFunction {
                    anyfunc: MaybeInstanceOwned::Instance(function.0),
                    signature: ty,
                    kind: VMFunctionKind::Static,
                    host_data: Box::new(()),
                };
                InternalStoreHandle::new(self.engine.objects_mut(), function)
            });
    }
    pub fn function(&self, key: usize) -> Option<&VMFunction> {
        self.object(&self.functions, key)
    }
    /// The function of a key that [`Store::name_function`] gave.
    pub fn function_ref(&self, key: usize) -> Option<FuncRef> {
        let function = self.function(key)?;
        Some(VMFuncRef(function.anyfunc.as_ptr()))
    }

    // Memories.

    /// Refuses one more memory where there are as many as may be.
    pub fn check_memories(&self, what: &str) -> Result<(), StoreError> {
        let linears = self.linears();
        if linears.len() < MEMORIES {
            return Ok(());
        }
        let live = linears.iter().filter(|linear| !linear.is_released());
        if live.count() < MEMORIES {
            return Ok(());
        }
        Err(StoreError::Range(format!(
            "{what}: this namespace has {MEMORIES} memories, and each keeps 8 GiB of address space until it is disposed of \
             (memory.dispose()) or the namespace goes: wasm objects are not collected one by one. Open modules with open(), \
             whose generations are given back"
        )))
    }
    pub fn new_memory(&mut self, limits: MemoryLimits) -> Result<usize, StoreError> {
        self.check_memories("WebAssembly.Memory()")?;
        let ty = MemoryType::new(Pages(limits.min), limits.max.map(Pages), false);
        let made = self.engine.new_memory(ty, self.memory_cap);
        let handle = made.map_err(|error| {
            StoreError::Range(format!(
                "WebAssembly.Memory(): could not allocate memory ({error})"
            ))
        })?;
        Ok(self.name_memory(handle).key())
    }
    pub fn name_memory(&mut self, handle: InternalStoreHandle<VMMemory>) -> MemoryPlace {
        let place = MemoryPlace::of(handle.get(self.engine.objects()));
        self.memories.insert(place.key(), handle);
        place
    }
    pub fn memory(&self, key: usize) -> Option<&VMMemory> {
        self.object(&self.memories, key)
    }
    /// Takes a shared memory in, of which `memory` is this store's adapter.
    pub fn adopt_shared(&mut self, shared: Arc<SharedMemory>, memory: VMMemory, is_ours: bool) {
        let handle = InternalStoreHandle::new(self.engine.objects_mut(), memory);
        let key = self.name_memory(handle).key();
        self.shared.insert(key, (shared, is_ours));
    }
    pub fn shared(&self, key: usize) -> Option<Arc<SharedMemory>> {
        self.shared.get(&key).map(|(shared, _)| shared.clone())
    }
    /// The store is about to go, and what it has made is of no use to other threads either.
    pub fn end_shared(&self) {
        for (shared, is_ours) in self.shared.values() {
            if *is_ours {
                shared.end();
            }
        }
    }
    pub fn memory_limits(&self, key: usize) -> Option<MemoryLimits> {
        let memory = self.memory(key)?;
        let ty = memory.ty();
        Some(MemoryLimits {
            min: memory.size().0,
            max: ty.maximum.map(|pages| pages.0),
        })
    }
    /// Grows by `delta` pages; the former number of pages, or none when a limit forbids it.
    pub fn grow_memory(&mut self, key: usize, delta: u32) -> Option<u32> {
        let handle = *self.memories.get(&key)?;
        handle
            .get_mut(self.engine.objects_mut())
            .grow(Pages(delta))
            .ok()
            .map(|pages| pages.0)
    }
    /// The store is about to be dropped: what takes long of it is left to another thread.
    pub fn retire_memories(&self) {
        for linear in self.linears() {
            linear.retire();
        }
    }
    /// Gives the pages of a memory back. Instances that use it see a memory of length 0. With `held`, others may still have
    /// its bytes, which are given back here instead.
    pub fn dispose_memory(&mut self, key: usize, held: bool) -> Vec<Leftover> {
        let is_it = |linear: &&LinearHandle| linear.definition().as_ptr() as usize == key;
        let Some(linear) = self.linears().iter().find(is_it) else {
            return Vec::new();
        };
        if held {
            linear.hold();
        }
        // The address range stays reserved: wasm code relies on faults, not on checks.
        let _ = linear.release();
        linear.take_left()
    }
    /// The growth that a memory was last refused, and what it may have, in bytes.
    pub fn refused_growth(&self) -> Option<(u64, u64)> {
        let refused = |linear: &LinearHandle| Some((linear.refused()?, linear.max() as u64));
        let shared = |(shared, _): &(Arc<SharedMemory>, bool)| {
            Some((shared.refused()?, shared.cap() as u64))
        };
        let own = self.linears().iter().find_map(refused);
        own.or_else(|| self.shared.values().find_map(shared))
    }
    pub fn forget_refusals(&self) {
        for linear in self.linears() {
            linear.forget_refusal();
        }
        for (shared, _) in self.shared.values() {
            shared.forget_refusal();
        }
    }
    pub fn linears(&self) -> &[LinearHandle] {
        self.engine.linears()
    }
    /// Resident and dirty bytes of all memories.
    pub fn residency(&self) -> (usize, usize) {
        let known = self
            .linears()
            .iter()
            .filter_map(|linear| linear.residency())
            .map(|one| (one.resident, one.dirty));
        let shared = self
            .shared
            .values()
            .filter_map(|(shared, _)| shared.residency());
        known
            .chain(shared)
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
    /// Bytes of the memories that V8 knows nothing of.
    pub fn unshared_bytes(&self) -> usize {
        let shared: usize = self.shared.values().map(|(shared, _)| shared.len()).sum();
        self.memory_bytes().saturating_sub(shared)
    }
    pub fn memory_bytes(&self) -> usize {
        self.memories
            .values()
            .map(|handle| handle.get(self.engine.objects()).size().bytes().0)
            .sum()
    }

    // Tables.

    pub fn new_table(
        &mut self,
        element: ValueKind,
        min: u32,
        max: Option<u32>,
    ) -> Result<usize, StoreError> {
        let ty = TableType::new(element.into(), min, max);
        let made = self.engine.new_table(ty);
        let handle =
            made.map_err(|error| StoreError::Range(format!("WebAssembly.Table(): {error}")))?;
        Ok(self.name_table(handle))
    }
    pub fn name_table(&mut self, handle: InternalStoreHandle<VMTable>) -> usize {
        let key = handle.get(self.engine.objects()).vmtable().as_ptr() as usize;
        self.tables.insert(key, handle);
        key
    }
    pub fn table(&self, key: usize) -> Option<&VMTable> {
        self.object(&self.tables, key)
    }
    pub fn set_table(&mut self, key: usize, index: u32, element: TableElement) -> bool {
        let Some(handle) = self.tables.get(&key).copied() else {
            return false;
        };
        handle
            .get_mut(self.engine.objects_mut())
            .set(index, element)
            .is_ok()
    }
    pub fn grow_table(&mut self, key: usize, delta: u32, element: TableElement) -> Option<u32> {
        let handle = *self.tables.get(&key)?;
        let table = handle.get_mut(self.engine.objects_mut());
        // The JavaScript API's own limit.
        if table.size().checked_add(delta)? > 10_000_000 {
            return None;
        }
        table.grow(delta, element)
    }

    // Globals.

    pub fn new_global(&mut self, ty: ValueKind, mutable: bool, value: RawValue) -> usize {
        let mutability = if mutable {
            Mutability::Var
        } else {
            Mutability::Const
        };
        let ty = GlobalType::new(ty.into(), mutability);
        let handle = self.engine.new_global(ty, value);
        self.name_global(handle)
    }
    pub fn name_global(&mut self, handle: InternalStoreHandle<VMGlobal>) -> usize {
        let key = handle.get(self.engine.objects()).vmglobal().as_ptr() as usize;
        self.globals.insert(key, handle);
        key
    }
    pub fn global(&self, key: usize) -> Option<&VMGlobal> {
        self.object(&self.globals, key)
    }

    // Tags and exceptions.

    pub fn new_tag(&mut self, params: Vec<Type>) -> usize {
        let handle = self.engine.new_tag(params);
        self.name_tag(handle)
    }
    /// The number of a tag, from 1.
    pub fn name_tag(&mut self, handle: InternalStoreHandle<VMTag>) -> usize {
        if let Some(at) = self.tags.iter().position(|known| *known == handle) {
            return at + 1;
        }
        self.tags.push(handle);
        self.tags.len()
    }
    pub fn tag(&self, key: usize) -> Option<&VMTag> {
        self.tags
            .get(key.checked_sub(1)?)
            .map(|handle| handle.get(self.engine.objects()))
    }
    pub fn js_tag(&mut self) -> usize {
        if self.js_tag.is_none() {
            self.js_tag = Some(self.new_tag(vec![Type::ExternRef]));
        }
        self.js_tag.unwrap_or_default()
    }
    pub fn is_js_tag(&self, key: usize) -> bool {
        self.js_tag == Some(key)
    }
    /// A new exception, by its 1-based number.
    pub fn new_exception(&mut self, tag: usize, payload: Vec<RawValue>) -> Option<u32> {
        let tag = *self.tags.get(tag.checked_sub(1)?)?;
        self.engine.new_exception(tag, payload)
    }
    /// Tag and payload of an exception.
    pub fn exception(&mut self, exnref: u32) -> Option<(usize, Vec<RawValue>)> {
        let (tag, payload) = self.engine.exception(exnref)?;
        Some((self.name_tag(tag), payload))
    }
}
