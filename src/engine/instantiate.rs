//! From compiled code to running wasm.

use super::exceptions::{self, Thrower};
use super::host_function::{HostFn, host_function};
use super::interruption::{FLAGS, START};
use super::tunables::collect_tables;
use super::wasm::{FuncTable, TableImage, Wasm};
use super::{Code, Func, Heap, Pace, Recorder, Unwind, allocations};
use crate::memory::collect_created;
use rustc_hash::FxHashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use wasmer::{
    AsStoreMut, Extern, ExternType, FunctionType, Global, GlobalType, Imports, Instance, Memory,
    MemoryType, Store, Table, TableType, Type, Value,
};
use wasmer_types::{ExportIndex, ImportType};
use wasmer_vm::VMConfig;

/// The answer to one import.
pub enum Answer<T> {
    /// A host function, and the number it finds in [`Args::index`](super::Args::index).
    Function(HostFn<T>, u32),
    /// A memory made to the declared type (with at least so many pages), or a table.
    Memory {
        min_pages: Option<u32>,
    },
    Table {
        min: Option<u32>,
    },
    /// The value of an imported global, as a double (every global Emscripten imports fits).
    Global(f64),
}

/// How to run a module.
pub struct Setup<'a, T> {
    pub code: &'a Code,
    /// The answer for an import: module, field, and type.
    pub answer: &'a dyn Fn(&str, &str, &ExternType) -> Option<Answer<T>>,
    /// Canonical name of an export.
    pub rename: &'a dyn Fn(&str) -> String,
    /// Bytes that the linear memory may reach.
    pub memory_cap: Option<u64>,
    /// Bytes of native stack for wasm.
    pub stack: Option<usize>,
}

/// Why a module could not be instantiated.
#[derive(Debug)]
pub enum InstantiateError {
    /// Imports that nobody answers: module, field, signature.
    Missing(Vec<(String, String, String)>),
    /// An import was answered with another kind or type, or the system refused memory.
    Link(String),
    Memory(String),
    Unwound(Unwind),
}

/// What host functions are given: the owner of the running wasm.
///
/// # Safety
/// Whoever implements it promises that a boxed value, once linked, stays in its box and on its thread until its wasm is
/// replaced or dropped, and that no reference to it is used while wasm runs but those that host functions are given.
pub unsafe trait Owner: 'static {
    fn wasm(&mut self) -> &mut Wasm;
}

/// Instantiates into `owner`, whose address the host functions keep. The start function has not run: see [`Wasm::start`].
pub fn link<T: Owner>(owner: &mut Box<T>, setup: &Setup<T>) -> Result<(), InstantiateError> {
    // The old wasm goes first: it holds the memory that the new one may need.
    let vacant = owner.wasm().vacant();
    let pace = vacant.pace().clone();
    *owner.wasm() = vacant;
    // SAFETY: by the promise of `Owner`.
    let wasm = unsafe { instantiate(setup, &pace, &raw mut **owner) }?;
    *owner.wasm() = wasm;
    Ok(())
}

/// Instantiates. The start function, if any, has not run: see [`Wasm::start`].
///
/// # Safety
/// As for [`host_function`]: `data` stays valid and in place as long as the result.
unsafe fn instantiate<T: 'static>(
    setup: &Setup<T>,
    pace: &Pace,
    data: *mut T,
) -> Result<Wasm, InstantiateError> {
    let mut store = Box::new(Store::new(setup.code.engine().clone()));
    let module = setup.code.module();
    let watched = allocations::is_watched(module.info());
    let mut imports = Imports::new();
    let mut missing = Vec::new();
    let name = |import: &ImportType| (import.module().to_owned(), import.name().to_owned());
    // An import that is there twice is answered once: by the last.
    let mut answered = FxHashMap::default();
    let throws = Thrower::new(&mut store, module, setup.rename);
    let mut behind_thunks = Vec::new();
    // Globals that thunks brought into the store.
    let mut foreign = 0..0;
    let ((built, memories), mut tables) = collect_tables(|| {
        collect_created(
            setup.memory_cap,
            || -> Result<Instance, InstantiateError> {
                for import in module.imports() {
                    let Some(answer) = (setup.answer)(import.module(), import.name(), import.ty())
                    else {
                        missing.push((
                            import.module().to_owned(),
                            import.name().to_owned(),
                            signature(import.ty()),
                        ));
                        continue;
                    };
                    let external = match (answer, import.ty()) {
                        (Answer::Function(function, index), ExternType::Function(ty)) => {
                            // SAFETY: handed on as promised.
                            let (external, func) = unsafe {
                                host_function(
                                    store.as_mut(),
                                    ty,
                                    function,
                                    index,
                                    throws.clone(),
                                    pace.clone(),
                                    data,
                                    watched,
                                )
                            };
                            if throws.is_some() {
                                behind_thunks.push((name(&import), ty.clone(), external));
                                continue;
                            }
                            answered.insert(name(&import), func);
                            external
                        }
                        (Answer::Memory { min_pages }, ExternType::Memory(ty)) => {
                            let min = min_pages.unwrap_or(0).max(ty.minimum.0);
                            let ty = MemoryType::new(min, ty.maximum.map(|max| max.0), ty.shared);
                            Memory::new(store.as_mut(), ty)
                                .map_err(|e| InstantiateError::Memory(e.to_string()))?
                                .into()
                        }
                        (Answer::Table { min }, ExternType::Table(ty)) => {
                            let ty =
                                TableType::new(ty.ty, min.unwrap_or(0).max(ty.minimum), ty.maximum);
                            Table::new(store.as_mut(), ty, Value::FuncRef(None))
                                .map_err(|e| InstantiateError::Link(e.to_string()))?
                                .into()
                        }
                        (Answer::Global(value), ExternType::Global(ty)) => {
                            global(store.as_mut(), *ty, value)
                        }
                        _ => {
                            missing.push((
                                import.module().to_owned(),
                                import.name().to_owned(),
                                signature(import.ty()),
                            ));
                            continue;
                        }
                    };
                    imports.define(import.module(), import.name(), external);
                }
                if !missing.is_empty() {
                    return Err(InstantiateError::Missing(std::mem::take(&mut missing)));
                }
                if throws.is_some() {
                    let before = globals_in(&mut store);
                    for (name, (external, func)) in thunks(setup.code, &mut store, &behind_thunks)
                        .map_err(InstantiateError::Link)?
                    {
                        imports.define(&name.0, &name.1, external);
                        answered.insert(name, func);
                    }
                    foreign = before..globals_in(&mut store);
                }
                Instance::new(store.as_mut(), module, &imports).map_err(|e| match e {
                    wasmer::InstantiationError::Start(e) => {
                        InstantiateError::Unwound(Unwind::from_runtime_error(e))
                    }
                    wasmer::InstantiationError::Link(e) => {
                        let text = e.to_string();
                        if text.contains("memory") {
                            InstantiateError::Memory(text)
                        } else {
                            InstantiateError::Link(text)
                        }
                    }
                    other => InstantiateError::Link(other.to_string()),
                })
            },
        )
    });
    let instance = built?;

    let mut wasm = Wasm {
        config: VMConfig {
            wasm_stack_size: setup.stack,
        },
        trampolines: setup.code.trampolines.clone(),
        bodies: setup.code.bodies.clone(),
        pace: pace.clone(),
        ..Wasm::default()
    };
    if let Some(linear) = memories.into_iter().next() {
        wasm.memory = linear.definition();
        wasm.linear = Some(linear);
    }
    for ty in module.info().signatures.values() {
        wasm.widen(ty);
    }
    let mut growable = module.imports().filter_map(|import| {
        match imports.get_export(import.module(), import.name()) {
            Some(Extern::Table(table)) => Some(table),
            _ => None,
        }
    });
    // The table of hooks was added last.
    let hooks = watched.then(|| tables.pop()).flatten();
    let functions = module
        .imports()
        .filter(|import| matches!(import.ty(), ExternType::Function(_)));
    let imported: Vec<_> = functions.map(|import| name(&import)).collect();
    let mut exported = None;
    for (export, external) in instance.exports.iter() {
        match external {
            Extern::Function(function) => {
                // wasmer makes no funcref of an import that is exported again.
                let again = match module.info().exports.get(export) {
                    Some(ExportIndex::Function(index)) => imported
                        .get(index.as_u32() as usize)
                        .and_then(|name| answered.get(name)),
                    _ => None,
                };
                let func = again.copied().or_else(|| {
                    let funcref = Value::FuncRef(Some(function.clone()));
                    Func::from_raw(funcref.as_raw(store.as_mut()))
                });
                if let Some(func) = func {
                    let canonical = if export == START {
                        export.clone()
                    } else {
                        (setup.rename)(export)
                    };
                    wasm.exports.insert(canonical, func);
                }
            }
            Extern::Table(_) if export == allocations::HOOK => {}
            Extern::Table(table) if table.ty(store.as_mut()).ty == Type::FuncRef => {
                exported = exported.or(Some(table.clone()));
            }
            _ => {}
        }
    }
    wasm.table = tables
        .into_iter()
        .find(|(ty, _)| *ty == Type::FuncRef)
        .map(|(_, definition)| FuncTable {
            definition,
            table: growable.next().or(exported),
            born: Vec::new(),
            image: TableImage::default(),
            touched: Vec::new(),
        });
    let born = (0..wasm.table_len()).map(|i| wasm.table_get(i)).collect();
    if let Some(table) = &mut wasm.table {
        table.born = born;
    }
    let objects = store.objects_mut().as_sys_mut();
    // The interruption flags were added last.
    let mut globals: Vec<_> = objects
        .iter_globals()
        .map(|g| (g.ty().ty, g.ty().mutability.is_mutable(), g.vmglobal()))
        .collect();
    globals.drain(foreign);
    let flags = globals.split_off(globals.len().saturating_sub(FLAGS as usize));
    wasm.interrupt = flags.into_iter().map(|(_, _, flag)| flag).collect();
    let mutable = || globals.iter().filter(|(_, mutable, _)| *mutable);
    wasm.stack_pointer = mutable()
        .next()
        .filter(|(ty, ..)| *ty == Type::I32)
        .map(|(.., global)| *global);
    wasm.globals = mutable().map(|(.., global)| *global).collect();
    if let Some((_, table)) = hooks {
        let memory = wasm.linear.is_some().then_some(wasm.memory);
        // SAFETY: the memory is the store's, which goes with `Wasm` too.
        let heap = unsafe { Heap::new(memory) };
        let recorder = Rc::new(Recorder::new(setup.code, heap));
        // SAFETY: the table is the instance's own, and the site goes with its `Wasm`.
        wasm.site = Some(unsafe { allocations::attach(setup.code.engine(), table, recorder) });
    }
    static EPOCH: AtomicU32 = AtomicU32::new(1);
    wasm.epoch = EPOCH.fetch_add(1, Ordering::Relaxed);
    wasm.throws = throws;
    wasm.instance = Some(instance);
    wasm.store = Some(store);
    Ok(wasm)
}

type ImportName = (String, String);

/// Thunks for host functions: import, type, function.
fn thunks(
    code: &Code,
    store: &mut Store,
    hosts: &[(ImportName, FunctionType, Extern)],
) -> Result<Vec<(ImportName, (Extern, Func))>, String> {
    let module = match code.thunks.get() {
        Some(module) => module.clone(),
        None => {
            let types: Vec<_> = hosts.iter().map(|(_, ty, _)| ty.clone()).collect();
            let made = exceptions::compile(code.engine(), &types)?;
            code.thunks.get_or_init(|| made).clone()
        }
    };
    let externals: Vec<_> = hosts
        .iter()
        .map(|(.., external)| external.clone())
        .collect();
    let linked = exceptions::link(store, &module, &externals)?;
    let names = hosts.iter().map(|(name, ..)| name.clone());
    Ok(names.zip(linked).collect())
}

fn globals_in(store: &mut Store) -> usize {
    store.objects_mut().as_sys_mut().iter_globals().count()
}

impl Wasm {
    /// The module's start function, which emvm runs itself: host functions must find the memory first.
    pub fn start(&self) -> Option<Func> {
        self.export(START)
    }
}

fn global(store: &mut Store, ty: GlobalType, value: f64) -> Extern {
    let value = match ty.ty {
        Type::I64 => Value::I64(value as i64),
        Type::F32 => Value::F32(value as f32),
        Type::F64 => Value::F64(value),
        _ => Value::I32(value as i64 as i32),
    };
    if ty.mutability.is_mutable() {
        Global::new_mut(store, value).into()
    } else {
        Global::new(store, value).into()
    }
}

/// A type as error messages show it, like `(i32, f64) -> i32`.
pub fn signature(ty: &ExternType) -> String {
    let list = |types: &[Type]| {
        types
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match ty {
        ExternType::Function(f) => match f.results() {
            [] => format!("({})", list(f.params())),
            results => format!("({}) -> {}", list(f.params()), list(results)),
        },
        ExternType::Global(g) => format!("global {}", g.ty),
        ExternType::Table(_) => "table".into(),
        ExternType::Memory(_) => "memory".into(),
        ExternType::Tag(_) => "tag".into(),
    }
}
