//! The module's exported functions as raw JavaScript functions: `_malloc`, `_my_function` and so on.

use super::node_api::{Env, Res, Value, with_arguments};
use super::sandbox::{Entering, SandboxCell, enter};
use crate::emscripten::{Runtime, from_js, to_js};
use crate::engine::{Func, Shortcut, Unwind, ValRaw};
use napi::sys;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use wasmer_types::Type;

/// The data of one function: owned by its sandbox, alive as long as it.
pub struct ExportSite {
    cell: *const SandboxCell,
    name: String,
    /// Not an export but an entry of the function table.
    entry: Option<Entry>,
    params: SmallVec<[Type; 8]>,
    result: Option<Type>,
    /// Parameters or results, whichever are more; at least 1.
    slots: usize,
    /// The function in the wasm instance of that epoch.
    found: Cell<Option<(u32, Func)>>,
    shortcut: RefCell<Shortcut>,
    may_be_short: Cell<bool>,
}

/// Functions with more parameters are not called the short way.
const MOST: usize = 8;

struct Entry {
    index: u32,
    /// Set when it is a JavaScript function: since when, and the generation.
    since: Option<(u64, u64)>,
}

impl ExportSite {
    /// Describes an export; `None` when it is no function of the module, or has types that JavaScript cannot hold.
    pub fn of_export(cell: &SandboxCell, runtime: &Runtime, name: &str) -> Option<Box<Self>> {
        let func = runtime.wasm.export(name)?;
        Self::new(cell, runtime, name.to_owned(), func, None)
    }

    /// Describes an entry of the function table.
    pub fn of_entry(cell: &SandboxCell, runtime: &Runtime, index: u32) -> Option<Box<Self>> {
        let func = runtime.wasm.table_get(index)?;
        let since = runtime
            .functions
            .contains(func)
            .then(|| (runtime.eras.current(), runtime.generation));
        let entry = Entry { index, since };
        Self::new(cell, runtime, index.to_string(), func, Some(entry))
    }

    fn new(
        cell: &SandboxCell,
        runtime: &Runtime,
        name: String,
        func: Func,
        entry: Option<Entry>,
    ) -> Option<Box<Self>> {
        let ty = runtime.wasm.type_of(func)?;
        let scalar = |ty: &Type| matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64);
        if ty.results().len() > 1 || !ty.params().iter().chain(ty.results()).all(scalar) {
            return None;
        }
        let entry_is_none = entry.is_none();
        Some(Box::new(ExportSite {
            cell,
            name,
            entry,
            params: ty.params().iter().copied().collect(),
            result: ty.results().first().copied(),
            slots: ty.params().len().max(1),
            found: Cell::new(Some((runtime.wasm.epoch(), func))),
            shortcut: RefCell::default(),
            may_be_short: Cell::new(entry_is_none),
        }))
    }

    fn find(&self, rt: &Runtime) -> Result<Func, Unwind> {
        let Some(entry) = &self.entry else {
            return rt
                .wasm
                .export(&self.name)
                .ok_or_else(|| Unwind::Bug(format!("export {} is gone", self.name)));
        };
        rt.wasm.table_get(entry.index).ok_or_else(|| Unwind::Stale {
            class: "table entry".into(),
            generation: rt.generation,
            current: rt.generation,
        })
    }
}

/// The raw function of a site.
///
/// # Safety
/// `site` stays alive as long as the function can be called.
pub unsafe fn function(env: Env, site: &ExportSite) -> Res<Value> {
    let data = std::ptr::from_ref(site).cast_mut().cast();
    // SAFETY: by the caller's promise.
    unsafe { env.function(&site.name, Some(call), data) }
}

/// The same for a site of its own, which goes with the function.
///
/// # Safety
/// The function must not outlive the sandbox.
pub unsafe fn owned_function(env: Env, site: Box<ExportSite>) -> Res<Value> {
    // SAFETY: the site goes with the function, and before it is given to anybody when it cannot be tied to it.
    let made = unsafe { function(env, &site) }?;
    env.drop_with(made, site)?;
    Ok(made)
}

unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    with_arguments(env, info, |env, given, data| {
        // SAFETY: the data is the site, which outlives the function (see `function`); a sandbox outlives its sites.
        let (site, cell) = unsafe {
            let site = &*data.cast::<ExportSite>();
            (site, &*site.cell)
        };
        if site.may_be_short.get()
            && let Some(result) = cell.short_call(|rt| short(env, rt, site, given))
        {
            return Ok(result);
        }
        let called = enter(cell, Entering::Module, |rt| run(env, rt, site, given))?;
        Ok(called.unwrap_or_else(|| env.undefined()))
    })
}

/// The call, when it is one of a short function with numbers.
#[inline]
fn short(env: Env, rt: &mut Runtime, site: &ExportSite, given: &[Value]) -> Option<Value> {
    let (epoch, func) = site.found.get()?;
    if epoch != rt.wasm.epoch() || site.params.len() > MOST {
        return None;
    }
    let mut shortcut = site.shortcut.borrow_mut();
    if !shortcut.is_open(&mut rt.wasm, func) {
        site.may_be_short.set(!shortcut.is_closed());
        return None;
    }
    let mut arguments = [0u64; MOST];
    for ((bits, ty), value) in arguments.iter_mut().zip(&site.params).zip(given) {
        *bits = match ty {
            Type::I64 => return None,
            // As ToInt32 does.
            Type::I32 => ValRaw::from_i32(env.as_i32(*value)?),
            _ => number(env.as_f64(*value)?, *ty),
        }
        .u64();
    }
    let arguments = arguments.get(..site.params.len())?;
    if given.len() < arguments.len() {
        return None;
    }
    let result = ValRaw::from_u64(shortcut.take(&mut rt.wasm, arguments)?);
    Some(match site.result {
        None => env.undefined(),
        Some(Type::I32) => env.int(result.i32()),
        Some(ty) => to_js(&*rt.js, ty, result).into(),
    })
}

fn run(env: Env, rt: &mut Runtime, site: &ExportSite, given: &[Value]) -> Result<Value, Unwind> {
    if let Some(Entry {
        since: Some((era, generation)),
        ..
    }) = site.entry
        && !rt.eras.has(era)
    {
        return Err(Unwind::Stale {
            class: "function".into(),
            generation,
            current: rt.generation,
        });
    }
    let mut slots = SmallVec::<[ValRaw; 8]>::new();
    for (i, ty) in site.params.iter().enumerate() {
        slots.push(match given.get(i) {
            Some(value) => scalar(env, rt, *ty, *value)?,
            None if *ty == Type::I64 => {
                return Err(Unwind::script(
                    "TypeError",
                    "Cannot convert undefined to a BigInt",
                ));
            }
            None if matches!(ty, Type::F32) => ValRaw::from_f32(f32::NAN),
            None if matches!(ty, Type::F64) => ValRaw::from_f64(f64::NAN),
            None => ValRaw::default(),
        });
    }
    slots.resize(site.slots, ValRaw::default());
    let epoch = rt.wasm.epoch();
    let func = match site.found.get() {
        Some((at, func)) if at == epoch => func,
        _ => {
            let func = site.find(rt)?;
            site.found.set(Some((epoch, func)));
            func
        }
    };
    rt.enter(func, &mut slots)?;
    Ok(match site.result {
        None => env.undefined(),
        Some(Type::I32) => env.int(slots[0].i32()),
        Some(ty) => to_js(&*rt.js, ty, slots[0]).into(),
    })
}

/// A number as wasm takes it; anything else goes the long way.
fn scalar(env: Env, rt: &mut Runtime, ty: Type, value: Value) -> Result<ValRaw, Unwind> {
    let plain = match ty {
        Type::I64 => None,
        // As ToInt32 does.
        Type::I32 => env.as_i32(value).map(ValRaw::from_i32),
        _ => env.as_f64(value).map(|value| number(value, ty)),
    };
    if let Some(plain) = plain {
        return Ok(plain);
    }
    from_js(rt, ty, value.into())
}

#[inline]
fn number(number: f64, ty: Type) -> ValRaw {
    match ty {
        Type::F32 => ValRaw::from_f32(number as f32),
        _ => ValRaw::from_f64(number),
    }
}
