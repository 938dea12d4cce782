//! From compiled code to running wasm.

use super::exceptions::Thrower;
use super::host_function::{HostFn, Hosts, host_function};
use super::instance::WasmInstance;
use super::interruption::START;
use super::store::{self, Store, shown};
use super::tables::{HostTable, Names, Tables};
use super::vm::CallConfig;
use super::{Code, Func, Pace, Unwind, ValRaw, allocations};
use std::sync::atomic::{AtomicU32, Ordering};
use wasmer_types::{ExternType, MemoryType, RawValue, TableType, Type};
use wasmer_vm::{VMExtern, VMGlobal};

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
    /// Its memory will be put over an image: what its data segments hold need not be copied before.
    pub adopts: bool,
}

/// Why a module could not be instantiated.
#[derive(Debug)]
pub enum InstantiateError {
    /// Unresolved imports: module, field, signature.
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
    fn wasm(&mut self) -> &mut WasmInstance;
}

/// Instantiates into `owner`, whose address the host functions keep. The start function has not run: see [`WasmInstance::start`].
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

/// Instantiates. The start function, if any, has not run: see [`WasmInstance::start`].
///
/// # Safety
/// As for [`host_function`]: `data` stays valid and in place as long as the result.
unsafe fn instantiate<T: Owner>(
    setup: &Setup<T>,
    pace: &Pace,
    data: *mut T,
) -> Result<WasmInstance, InstantiateError> {
    let module = setup.code.module();
    let info = module.info();
    let mut store = Store::default();
    store.keep(setup.code);
    let hosts = Hosts {
        data,
        throws: Thrower::new(&mut store, info),
        pace: pace.clone(),
        watched: allocations::is_watched(info),
    };
    let config = CallConfig::with_stack(setup.stack.unwrap_or(super::STACK_BYTES));
    let (mut imports, mut thunked, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let mut growable = false;
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        let external = match ((setup.answer)(from, name, import.ty()), import.ty()) {
            (Some(Answer::Function(function, index)), ExternType::Function(ty)) => {
                if hosts.throws.is_some() {
                    thunked.push((imports.len(), ty.clone()));
                }
                // SAFETY: handed on as promised.
                let host = unsafe { host_function(&mut store, ty, function, index, &hosts) };
                VMExtern::Function(host)
            }
            (Some(Answer::Memory { min_pages }), ExternType::Memory(ty)) => {
                let minimum = min_pages.unwrap_or(0).max(ty.minimum.0);
                let ty = MemoryType::new(minimum, ty.maximum.map(|max| max.0), ty.shared);
                let memory = store
                    .new_memory(ty, setup.memory_cap)
                    .map_err(|e| InstantiateError::Memory(e.to_string()))?;
                VMExtern::Memory(memory)
            }
            (Some(Answer::Table { min }), ExternType::Table(ty)) => {
                growable = true;
                let minimum = min.unwrap_or(0).max(ty.minimum);
                let table = store.new_table(TableType::new(ty.ty, minimum, ty.maximum));
                VMExtern::Table(table.map_err(InstantiateError::Link)?)
            }
            (Some(Answer::Global(value)), ExternType::Global(ty)) => {
                VMExtern::Global(store.new_global(*ty, global(ty.ty, value)))
            }
            _ => {
                missing.push((from.to_owned(), name.to_owned(), signature(import.ty())));
                continue;
            }
        };
        imports.push(external);
    }
    if !missing.is_empty() {
        return Err(InstantiateError::Missing(missing));
    }
    store
        .put_thunks(setup.code, &mut imports, &thunked)
        .map_err(InstantiateError::Link)?;
    // SAFETY: the code is kept.
    let made = unsafe {
        store.instantiate(
            setup.code,
            &imports,
            &config,
            setup.memory_cap,
            !setup.adopts,
        )
    };
    let made = made.map_err(|error| refused(error, &store))?;
    if let Some(thrower) = &hosts.throws {
        thrower.know(&made, info, setup.rename);
    }

    let mut wasm = WasmInstance {
        config,
        bodies: setup.code.bodies.clone(),
        pace: hosts.pace,
        throws: hosts.throws,
        interrupt: made.flags,
        ..WasmInstance::default()
    };
    if let Some(linear) = store.linears().first() {
        wasm.memory = linear.definition();
        wasm.linear = Some(linear.clone());
    }
    for ty in info.signatures.values() {
        wasm.widen(ty);
    }
    for ((export, _), external) in shown(info).zip(&made.exports) {
        match external {
            VMExtern::Function(function) => {
                let func = store.func(*function);
                wasm.exports.insert((setup.rename)(export), func);
            }
            VMExtern::Table(table) => {
                growable |= table.get(store.objects()).ty().ty == Type::FuncRef;
            }
            _ => {}
        }
    }
    if let Some(start) = made.start {
        wasm.exports.insert(START.into(), start);
    }
    // The table of hooks was added last.
    let tables = made.tables.len() - usize::from(hosts.watched);
    let mut tables = made.tables[..tables].iter();
    let table = tables.find(|table| table.get(store.objects()).ty().ty == Type::FuncRef);
    let table = table.map(|table| {
        let definition = table.get(store.objects()).vmtable();
        wasm.table = Some(definition);
        let own = store.own_function(info, &made.exports);
        let mut names = Names::new(own.map(|(one, at, count)| (store.func(one), at, count)));
        names.extend(imports.iter().filter_map(|import| match import {
            VMExtern::Function(function) => Some(store.func(*function)),
            _ => None,
        }));
        if own.is_none() {
            names.extend((0..wasm.table_len()).filter_map(|at| wasm.table_get(at)));
        }
        HostTable::new(definition, growable.then_some(*table), names)
    });
    // Programs that write to tables by themselves are started anew, and need no image.
    store.tables = Tables::Host(table);
    let mut globals = made
        .globals
        .iter()
        .map(|global| global.get(store.objects()));
    wasm.stack_pointer = globals
        .find(|global| global.ty().mutability.is_mutable())
        .filter(|global| global.ty().ty == Type::I32)
        .map(VMGlobal::vmglobal);
    static EPOCH: AtomicU32 = AtomicU32::new(1);
    wasm.epoch = EPOCH.fetch_add(1, Ordering::Relaxed);
    wasm.store = Some(store);
    Ok(wasm)
}

fn refused(error: store::InstantiateError, store: &Store) -> InstantiateError {
    match error {
        store::InstantiateError::Link(why) => InstantiateError::Link(why),
        store::InstantiateError::Resource(why) => InstantiateError::Memory(why),
        store::InstantiateError::Start(trap) => {
            InstantiateError::Unwound(Unwind::from_trap(trap, store.modules()))
        }
    }
}

impl WasmInstance {
    /// Copies the data segments, where they were left out for an image: see [`Setup::adopts`].
    pub fn fill(&mut self) -> Result<(), InstantiateError> {
        let Some(store) = self.store.as_mut() else {
            return Ok(());
        };
        let filled = store.fill(&self.config);
        filled.map_err(|error| refused(error, store))
    }

    /// The module's start function, which emvm runs itself: host functions must find the memory first.
    pub fn start(&self) -> Option<Func> {
        self.export(START)
    }
}

/// The bits of a global that an import is answered with.
fn global(ty: Type, value: f64) -> RawValue {
    let value = match ty {
        Type::I64 => ValRaw::from_i64(value as i64),
        Type::F32 => ValRaw::from_f32(value as f32),
        Type::F64 => ValRaw::from_f64(value),
        _ => ValRaw::from_i32(value as i64 as i32),
    };
    RawValue { u128: value.u128() }
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
