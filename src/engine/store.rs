//! Wasm objects that come and go together, and what is done with them: both hosts run on such a store.
//!
//! It works on `wasmer_vm` directly, without a `wasmer::Store`: the WebAssembly JavaScript API needs the identity of functions
//! (the address of their record), which `wasmer` hides.

use super::bulk::{self, BulkPace};
use super::compiled::{CompiledModule, compile, host_engine};
use super::image::Globals;
use super::interruption::{FLAG, FLAGS, InterruptFlag, START};
use super::tables::Tables;
use super::tunables::bounded;
use super::vm::{self, CallConfig, HostBody, Place};
use super::{AllocationTracker, Attachment, Code, Func, Heap, Tier, allocations, thunks};
use crate::memory::{LinearHandle, collect_created};
use rustc_hash::FxHashSet;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::NativeEngineExt;
use wasmer_compiler::LinkError;
use wasmer_types::{
    ExportIndex, FunctionType, GlobalIndex, GlobalType, MemoryIndex, MemoryType, ModuleInfo,
    RawValue, TableIndex, TableType, TagIndex, TagKind, Type,
};
use wasmer_vm::{
    InternalStoreHandle, LinearMemory, MemoryError, StoreObject, StoreObjects, Trap,
    VMExceptionObj, VMExtern, VMFunction, VMGlobal, VMGlobalDefinition, VMInstance, VMMemory,
    VMSignatureHash, VMTable, VMTag,
};

/// A function, memory and so on of a store.
pub type Handle<T> = InternalStoreHandle<T>;

/// The objects, and the code that their functions are.
///
/// Invariant: `objects` never moves, since instances point at it, and is dropped before the code.
pub struct Store {
    /// Its instances, as far as they can be stopped.
    paced: Vec<BulkPace>,
    pub(super) objects: Box<StoreObjects>,
    codes: Vec<StoreCode>,
    /// Flags that stop its instances, which other threads write: by the address of the global.
    pub(super) flags: FxHashSet<usize>,
    /// Memories of its own, in the order in which they were made.
    pub(super) linears: Vec<LinearHandle>,
    pub(super) globals: Globals,
    pub(super) tables: Tables,
    /// Of instances whose code tells of allocations, and of which one tracker is told.
    attachments: Vec<Attachment>,
    /// The instance whose data segments were left out.
    unfilled: Option<Handle<VMInstance>>,
}

enum StoreCode {
    Code(Code),
    Compiled(Arc<CompiledModule>),
}

impl StoreCode {
    fn code(&self) -> &Code {
        match self {
            StoreCode::Code(code) => code,
            StoreCode::Compiled(compiled) => &compiled.code,
        }
    }
}

/// Why an instance could not be made.
#[derive(Debug)]
pub enum InstantiateError {
    /// An import is not of the type that is wanted, or a table is larger than any may be.
    Link(String),
    /// The system or a limit refused memory.
    Resource(String),
    /// Filling memory or tables trapped.
    Start(Trap),
}

impl From<wasmer_compiler::InstantiationError> for InstantiateError {
    fn from(error: wasmer_compiler::InstantiationError) -> Self {
        use wasmer_compiler::InstantiationError as E;
        match error {
            E::Start(trap) | E::Link(LinkError::Trap(trap)) => Self::Start(trap),
            E::Link(error @ LinkError::Resource(_)) => Self::Resource(error.to_string()),
            other => Self::Link(other.to_string()),
        }
    }
}

/// What an instance is made of, and what it offers.
pub struct NewInstance {
    /// In the order of the module's exports, without emvm's own.
    pub exports: Vec<VMExtern>,
    /// In index order, imported ones first; globals without emvm's own.
    pub tables: Vec<Handle<VMTable>>,
    pub globals: Vec<Handle<VMGlobal>>,
    pub tags: Vec<Handle<VMTag>>,
    /// What stops it, for [`InterruptFlag`], which is to be forgotten before the store goes.
    pub flags: Vec<NonNull<VMGlobalDefinition>>,
    /// What is to be run once host functions can reach the instance.
    pub start: Option<Func>,
}

impl NewInstance {
    pub fn flag(&self) -> InterruptFlag {
        InterruptFlag::new(self.flags.iter().copied())
    }
}

pub use super::allocations::is_watched;

/// Whether an export is emvm's own, added while compiling.
pub fn is_internal(export: &str) -> bool {
    export == FLAG || export == START || export == allocations::HOOK
}

impl Default for Store {
    fn default() -> Self {
        host_engine();
        Self {
            objects: Box::default(),
            codes: Vec::new(),
            flags: FxHashSet::default(),
            linears: Vec::new(),
            globals: Globals::default(),
            tables: Tables::default(),
            attachments: Vec::new(),
            paced: Vec::new(),
            unfilled: None,
        }
    }
}

impl Store {
    pub fn objects(&self) -> &StoreObjects {
        &self.objects
    }
    pub fn objects_mut(&mut self) -> &mut StoreObjects {
        &mut self.objects
    }

    /// Keeps code for as long as the store.
    pub fn keep(&mut self, code: &Code) {
        for ty in code.module().info().signatures.values() {
            host_engine().as_sys().register_signature(ty);
        }
        self.codes.push(StoreCode::Code(code.clone()));
    }
    pub fn keep_compiled(&mut self, module: &Arc<CompiledModule>) {
        let known = self.compiled().any(|known| Arc::ptr_eq(known, module));
        if !known {
            self.codes.push(StoreCode::Compiled(module.clone()));
        }
    }
    pub fn compiled(&self) -> impl Iterator<Item = &Arc<CompiledModule>> {
        self.codes.iter().filter_map(|kept| match kept {
            StoreCode::Compiled(compiled) => Some(compiled),
            StoreCode::Code(_) => None,
        })
    }
    /// How well the code of its module is compiled: that which was kept first.
    pub fn tier(&self) -> Tier {
        let first = self.codes.first();
        first.map_or(Tier::Optimised, |kept| kept.code().tier())
    }
    /// The modules whose code may run, the one that was kept first at the beginning.
    pub fn modules(&self) -> impl Iterator<Item = &wasmer::Module> {
        self.codes.iter().map(|kept| kept.code().module())
    }

    /// The memories that were made in it, but for those that are shared between threads.
    pub fn linears(&self) -> &[LinearHandle] {
        &self.linears
    }
    /// The memories themselves, which outlive the store for as long as somebody holds them.
    pub fn take_linears(&mut self) -> Vec<LinearHandle> {
        std::mem::take(&mut self.linears)
    }
    /// The tracker of what its instances allocate; `None` when none was compiled for that.
    pub fn tracker(&self) -> Option<&Rc<AllocationTracker>> {
        self.attachments.first().map(Attachment::tracker)
    }

    // What imports can be.

    pub fn host_function<T: 'static>(
        &mut self,
        ty: FunctionType,
        place: Place,
        body: HostBody<T>,
        data: T,
    ) -> Handle<VMFunction> {
        vm::host_function(host_engine(), &mut self.objects, ty, place, body, data)
    }
    /// A function by identity. Of a host function it is good once a module that imports it is instantiated.
    pub fn func(&self, function: Handle<VMFunction>) -> Func {
        Func(function.get(&self.objects).anyfunc.as_ptr())
    }
    pub fn new_memory(
        &mut self,
        ty: MemoryType,
        cap: Option<u64>,
    ) -> Result<Handle<VMMemory>, MemoryError> {
        let tunables = host_engine().tunables();
        let (memory, linears) = collect_created(cap, || {
            tunables.create_host_memory(&ty, &tunables.memory_style(&ty))
        });
        let handle = Handle::new(&mut self.objects, memory?);
        self.linears.extend(linears);
        Ok(handle)
    }
    pub fn new_table(&mut self, ty: TableType) -> Result<Handle<VMTable>, String> {
        let tunables = host_engine().tunables();
        let table = tunables.create_host_table(&ty, &tunables.table_style(&ty))?;
        self.tables.add_own(&table);
        Ok(Handle::new(&mut self.objects, table))
    }
    /// See [`HostTable::grow`](super::tables::HostTable::grow): by one.
    pub(super) fn grow_host_table(&mut self) -> Option<u32> {
        self.tables.host()?.grow(&mut self.objects, 1)
    }
    pub fn new_global(&mut self, ty: GlobalType, value: RawValue) -> Handle<VMGlobal> {
        let global = VMGlobal::new(ty);
        vm::global_set(&global, value);
        Handle::new(&mut self.objects, global)
    }
    pub fn new_tag(&mut self, params: impl Into<Box<[Type]>>) -> Handle<VMTag> {
        let tag = VMTag::new(TagKind::Exception, FunctionType::new(params.into(), []));
        Handle::new(&mut self.objects, tag)
    }

    /// Of a module whose exports these are: one of its own functions, its number among them, and how many there are. Their
    /// records follow one another.
    pub fn own_function(
        &self,
        info: &ModuleInfo,
        exports: &[VMExtern],
    ) -> Option<(Handle<VMFunction>, usize, usize)> {
        let count = info.functions.len() - info.num_imported_functions;
        shown(info).zip(exports).find_map(|((_, index), export)| {
            let (ExportIndex::Function(index), VMExtern::Function(function)) = (index, export)
            else {
                return None;
            };
            let at = info.local_func_index(*index)?;
            Some((*function, at.as_u32() as usize, count))
        })
    }

    /// The type of a function by the hash that it carries.
    pub fn signature(&self, hash: VMSignatureHash) -> Option<FunctionType> {
        host_engine().as_sys().lookup_signature(hash)
    }

    // Exceptions.

    /// A new exception: its place in the store's list, from 1.
    pub fn new_exception(&mut self, tag: Handle<VMTag>, payload: Vec<RawValue>) -> Option<u32> {
        let exceptions = VMExceptionObj::list_mut(&mut self.objects);
        exceptions.push(VMExceptionObj::new(tag, payload.into_boxed_slice()));
        u32::try_from(exceptions.len()).ok()
    }
    /// Tag and payload of an exception.
    pub fn exception(&self, exnref: u32) -> Option<(Handle<VMTag>, Vec<RawValue>)> {
        let exceptions = VMExceptionObj::list(&self.objects);
        let exception = exceptions.get(exnref.checked_sub(1)? as usize)?;
        Some((exception.tag(), vm::exception_payload(exception)))
    }
    /// Drops all exceptions; only when no wasm frame is live. wasmer keeps them for as long as the store.
    pub fn forget_exceptions(&mut self) {
        VMExceptionObj::list_mut(&mut self.objects).clear();
    }
    pub fn exceptions_len(&self) -> usize {
        VMExceptionObj::list(&self.objects).len()
    }

    // Instances.

    /// Makes an instance. Its memories are capped at `cap` bytes, and hold its data segments if it `fills` them. The start function
    /// has not run.
    ///
    /// # Safety
    /// The code is kept: see [`Store::keep`].
    pub unsafe fn instantiate(
        &mut self,
        code: &Code,
        imports: &[VMExtern],
        config: &CallConfig,
        cap: Option<u64>,
        fills: bool,
    ) -> Result<NewInstance, InstantiateError> {
        let no_code = || InstantiateError::Link("not a native module".into());
        let artifact = code.module().sys_artifact().ok_or_else(no_code)?;
        let info = code.module().info();
        for ty in info.tables.values() {
            bounded(ty).map_err(InstantiateError::Link)?;
        }
        let tunables = code.engine().tunables();
        // SAFETY: the objects are in a box that lives longer than the instance, and so does the code by the caller's promise.
        let (made, linears) = collect_created(cap, || unsafe {
            artifact.instantiate(tunables, imports, &mut self.objects)
        });
        let mut instance = made?;
        self.linears.extend(linears);
        let mut find = |index| instance.lookup_by_declaration(index);
        let (mut exports, mut start, mut flag, mut hooks) =
            (Vec::with_capacity(info.exports.len()), None, None, None);
        for (name, index) in &info.exports {
            match (name.as_str(), *index) {
                (FLAG, ExportIndex::Global(first)) => flag = Some(first.as_u32()),
                (START, index) => start = Some(find(index)),
                (allocations::HOOK, index) => hooks = Some(find(index)),
                (_, index) => exports.push(find(index)),
            }
        }
        let mut global = |at| match find(ExportIndex::Global(GlobalIndex::from_u32(at))) {
            VMExtern::Global(global) => Some(global),
            _ => None,
        };
        // The flags were added last.
        let own = flag.unwrap_or(info.globals.len() as u32);
        let globals = (0..own).filter_map(&mut global).collect();
        let flags = (own..).take(flag.map_or(0, |_| FLAGS as usize));
        let flags: Vec<_> = flags.filter_map(&mut global).collect();
        let memory = |at: MemoryIndex| match find(ExportIndex::Memory(at)) {
            VMExtern::Memory(memory) => Some(memory),
            _ => None,
        };
        let memory = info.memories.keys().next().and_then(memory);
        let table = |at: TableIndex| match find(ExportIndex::Table(at)) {
            VMExtern::Table(table) => Some(table),
            _ => None,
        };
        let tables = info.tables.keys().filter_map(table).collect();
        let tag = |at: TagIndex| match find(ExportIndex::Tag(at)) {
            VMExtern::Tag(tag) => Some(tag),
            _ => None,
        };
        let tags = info.tags.keys().filter_map(tag).collect();
        // SAFETY: the instance is new, and nobody else has it.
        let filled = unsafe {
            match fills {
                true => artifact.finish_instantiation(config.vm(), None, &mut instance),
                false => instance
                    .finish_instantiation(config.vm(), None, &[])
                    .map_err(wasmer_compiler::InstantiationError::Start),
            }
        };
        if let Some(flag) = flags.first() {
            let flag = flag.get(&self.objects).vmglobal();
            // SAFETY: the flag is the instance's own, and `paced` goes before the objects.
            self.paced.push(unsafe { bulk::pace(&instance, flag) });
        }
        // Kept even when filling fails: its functions may already sit in imported tables.
        let instance = Handle::<VMInstance>::new(&mut self.objects, instance);
        if !fills {
            self.unfilled = Some(instance);
        }
        filled?;
        let flags = flags.iter().map(|flag| flag.get(&self.objects).vmglobal());
        let flags: Vec<_> = flags.collect();
        self.flags
            .extend(flags.iter().map(|flag| flag.as_ptr() as usize));
        if let Some(VMExtern::Table(table)) = hooks {
            self.attach(code, table, memory);
        }
        let start = match start {
            Some(VMExtern::Function(start)) => Some(self.func(start)),
            _ => None,
        };
        Ok(NewInstance {
            exports,
            tables,
            globals,
            tags,
            flags,
            start,
        })
    }

    /// Copies the data segments of an instance that was made without them.
    pub fn fill(&mut self, config: &CallConfig) -> Result<(), InstantiateError> {
        let Some(instance) = self.unfilled.take() else {
            return Ok(());
        };
        let no_code = || InstantiateError::Link("not a native module".into());
        let code = self
            .codes
            .first()
            .map(StoreCode::code)
            .ok_or_else(no_code)?;
        let artifact = code.module().sys_artifact().ok_or_else(no_code)?;
        let instance = instance.get_mut(&mut self.objects);
        // SAFETY: the instance is of this code, which is kept, and nothing of it has run; its tables get what they have.
        unsafe { artifact.finish_instantiation(config.vm(), None, instance) }?;
        Ok(())
    }

    /// Gives the table of hooks of a new instance what it names.
    fn attach(&mut self, code: &Code, table: Handle<VMTable>, memory: Option<Handle<VMMemory>>) {
        let table = table.get(&self.objects).vmtable();
        let tracker = self.tracker().cloned().unwrap_or_else(|| {
            let memory = memory.map(|memory| memory.get(&self.objects).vmmemory());
            // SAFETY: the memory is of this store, as is the tracker.
            let heap = unsafe { Heap::new(memory) };
            Rc::new(AllocationTracker::new(code, heap))
        });
        // SAFETY: the table is the instance's own, and the attachment goes with the store.
        let attachment = unsafe { allocations::attach(code.engine(), table, tracker) };
        self.attachments.push(attachment);
    }

    /// Puts wasm between `code` and the host functions that it imports, so that it can catch what they throw. `which`: where
    /// they are, and the types that it wants.
    pub fn put_thunks(
        &mut self,
        code: &Code,
        imports: &mut [VMExtern],
        which: &[(usize, FunctionType)],
    ) -> Result<(), String> {
        if which.is_empty() {
            return Ok(());
        }
        let places: Vec<_> = which.iter().map(|(at, _)| *at).collect();
        let known = code.thunks.lock().clone();
        let module = match known.filter(|(known, _)| *known == places) {
            Some((_, module)) => module,
            None => {
                let types: Vec<_> = which.iter().map(|(_, ty)| ty.clone()).collect();
                let module = compile(&thunks::assemble(&types))?;
                *code.thunks.lock() = Some((places.clone(), module.clone()));
                module
            }
        };
        let hosts: Vec<_> = places.iter().map(|at| again(&imports[*at])).collect();
        let made = self.small_instance(&module, &hosts)?;
        for (at, thunk) in places.iter().zip(made) {
            imports[*at] = thunk;
        }
        Ok(())
    }

    /// Makes an instance of a module of emvm's own, which has no start function, and gives its exports.
    pub(super) fn small_instance(
        &mut self,
        module: &Arc<CompiledModule>,
        imports: &[VMExtern],
    ) -> Result<Vec<VMExtern>, String> {
        self.keep_compiled(module);
        let config = CallConfig::with_stack(super::STACK_BYTES);
        // SAFETY: it is kept.
        match unsafe { self.instantiate(&module.code, imports, &config, None, true) } {
            Ok(made) => Ok(made.exports),
            Err(InstantiateError::Link(why) | InstantiateError::Resource(why)) => Err(why),
            Err(InstantiateError::Start(trap)) => Err(trap.to_string()),
        }
    }
}

/// A module's own exports, in order.
pub fn shown(info: &ModuleInfo) -> impl Iterator<Item = (&str, &ExportIndex)> {
    let all = info.exports.iter();
    let named = all.map(|(name, index)| (name.as_str(), index));
    named.filter(|(name, _)| !is_internal(name))
}

/// The same object once more.
pub fn again(external: &VMExtern) -> VMExtern {
    match external {
        VMExtern::Function(handle) => VMExtern::Function(*handle),
        VMExtern::Table(handle) => VMExtern::Table(*handle),
        VMExtern::Memory(handle) => VMExtern::Memory(*handle),
        VMExtern::Global(handle) => VMExtern::Global(*handle),
        VMExtern::Tag(handle) => VMExtern::Tag(*handle),
    }
}
