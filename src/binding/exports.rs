//! The module's exported functions as raw JavaScript functions: `_malloc`, `_my_function` and so on.

use super::raw::{self, get};
use super::sandbox::{SandboxCell, enter};
use crate::emscripten::js::JsValue;
use crate::emscripten::{Runtime, from_js, to_int32, to_js};
use crate::engine::{Func, Raw, Unwind};
use napi::sys;
use smallvec::SmallVec;
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
    found: std::cell::Cell<Option<(u32, Func)>>,
}

struct Entry {
    index: u32,
    /// Set when it is a JavaScript function of that generation.
    generation: Option<u64>,
}

/// Describes an export; `None` when it is no function of the module, or has types that JavaScript cannot hold.
pub fn site(cell: &SandboxCell, name: &str) -> Option<Box<ExportSite>> {
    let runtime = &cell.instance()?.runtime;
    let func = runtime.wasm.export(name)?;
    ExportSite::new(cell, name.to_owned(), func, None)
}

impl ExportSite {
    /// Describes an entry of the function table.
    pub fn of_entry(cell: &SandboxCell, index: u32) -> Option<Box<Self>> {
        let runtime = &cell.instance()?.runtime;
        let func = runtime.wasm.table_get(index)?;
        let generation = runtime
            .functions
            .contains(func)
            .then_some(runtime.generation);
        Self::new(
            cell,
            index.to_string(),
            func,
            Some(Entry { index, generation }),
        )
    }

    fn new(
        cell: &SandboxCell,
        name: String,
        func: Func,
        entry: Option<Entry>,
    ) -> Option<Box<Self>> {
        let runtime = &cell.instance()?.runtime;
        let ty = runtime.wasm.type_of(func)?;
        let scalar = |ty: &Type| matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64);
        if ty.results().len() > 1 || !ty.params().iter().chain(ty.results()).all(scalar) {
            return None;
        }
        Some(Box::new(ExportSite {
            cell,
            name,
            entry,
            params: ty.params().iter().copied().collect(),
            result: ty.results().first().copied(),
            slots: ty.params().len().max(1),
            found: std::cell::Cell::new(Some((runtime.wasm.epoch(), func))),
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
pub unsafe fn function(env: sys::napi_env, site: *const ExportSite) -> Option<sys::napi_value> {
    // SAFETY: by the caller's promise.
    let name = unsafe { &(*site).name };
    get!(
        napi_create_function,
        env,
        name.as_ptr().cast(),
        name.len() as isize,
        Some(call),
        site.cast_mut().cast()
    )
}

/// The same for a site of its own, which goes with the function.
///
/// # Safety
/// The function must not outlive the sandbox.
pub unsafe fn owned_function(env: sys::napi_env, site: Box<ExportSite>) -> Option<sys::napi_value> {
    let site = Box::into_raw(site);
    // SAFETY: the site is freed by the finalizer only, or here when there is no function.
    unsafe {
        let made = function(env, site);
        let kept = made.is_some_and(|function| {
            let none = std::ptr::null_mut();
            sys::napi_add_finalizer(
                env,
                function,
                site.cast(),
                Some(drop_site),
                none,
                none.cast(),
            ) == sys::Status::napi_ok
        });
        if !kept {
            drop(Box::from_raw(site));
            return None;
        }
        made
    }
}

unsafe extern "C" fn drop_site(
    _: sys::napi_env,
    site: *mut std::ffi::c_void,
    _: *mut std::ffi::c_void,
) {
    // SAFETY: made by `owned_function`, dropped once.
    drop(unsafe { Box::from_raw(site.cast::<ExportSite>()) });
}

unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut given = Given::from_elem(std::ptr::null_mut(), INLINE);
    let mut count = given.len();
    let mut data = std::ptr::null_mut();
    let this = std::ptr::null_mut();
    // SAFETY: the arguments are N-API's own; `given` has room for `count`.
    unsafe { sys::napi_get_cb_info(env, info, &mut count, given.as_mut_ptr(), this, &mut data) };
    if count > INLINE {
        given.resize(count, std::ptr::null_mut());
        // SAFETY: as above; now there is room for all.
        unsafe {
            sys::napi_get_cb_info(env, info, &mut count, given.as_mut_ptr(), this, &mut data)
        };
    }
    given.truncate(count);
    // SAFETY: the data is the site, which outlives the function (see `function`).
    let site = unsafe { &*data.cast::<ExportSite>() };
    // SAFETY: a sandbox outlives its sites.
    unsafe { enter(env, site.cell, |rt| run(env, rt, site, &given)) }
}

/// Arguments that need no allocation.
const INLINE: usize = 8;
type Given = SmallVec<[sys::napi_value; INLINE]>;

fn run(
    env: sys::napi_env,
    rt: &mut Runtime,
    site: &ExportSite,
    given: &[sys::napi_value],
) -> Result<JsValue, Unwind> {
    if let Some(Entry {
        generation: Some(generation),
        ..
    }) = site.entry
        && generation != rt.generation
    {
        return Err(Unwind::Stale {
            class: "function".into(),
            generation,
            current: rt.generation,
        });
    }
    let mut slots = SmallVec::<[Raw; 8]>::new();
    for (i, ty) in site.params.iter().enumerate() {
        slots.push(match given.get(i) {
            Some(value) => scalar(env, rt, *ty, *value)?,
            None if *ty == Type::I64 => {
                return Err(Unwind::script(
                    "TypeError",
                    "Cannot convert undefined to a BigInt",
                ));
            }
            None if matches!(ty, Type::F32) => Raw::from_f32(f32::NAN),
            None if matches!(ty, Type::F64) => Raw::from_f64(f64::NAN),
            None => Raw::default(),
        });
    }
    slots.resize(site.slots, Raw::default());
    let epoch = rt.wasm.epoch();
    let func = match site.found.get() {
        Some((at, func)) if at == epoch => func,
        _ => {
            let func = site.find(rt)?;
            site.found.set(Some((epoch, func)));
            func
        }
    };
    rt.wasm.enter(func, &mut slots)?;
    Ok(match site.result {
        None => JsValue(raw::undefined(env) as usize),
        Some(Type::I32) => JsValue(
            get!(napi_create_int32, env, slots[0].i32()).unwrap_or(std::ptr::null_mut()) as usize,
        ),
        Some(ty) => to_js(&*rt.js, ty, slots[0]),
    })
}

/// A number as wasm takes it; anything else goes the long way.
fn scalar(
    env: sys::napi_env,
    rt: &mut Runtime,
    ty: Type,
    value: sys::napi_value,
) -> Result<Raw, Unwind> {
    if ty != Type::I64
        && let Some(number) = get!(napi_get_value_double, env, value)
    {
        return Ok(match ty {
            Type::F32 => Raw::from_f32(number as f32),
            Type::F64 => Raw::from_f64(number),
            _ => Raw::from_i32(to_int32(number)),
        });
    }
    from_js(rt, ty, JsValue(value as usize))
}
