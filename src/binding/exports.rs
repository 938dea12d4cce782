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
    params: SmallVec<[Type; 8]>,
    result: Option<Type>,
    /// Parameters or results, whichever are more; at least 1.
    slots: usize,
    /// The function in the wasm instance of that epoch.
    found: std::cell::Cell<Option<(u32, Func)>>,
}

/// Describes an export; `None` when it is no function of the module, or has types that JavaScript cannot hold.
pub fn site(cell: &SandboxCell, name: &str) -> Option<Box<ExportSite>> {
    let runtime = &cell.instance()?.runtime;
    let func = runtime.wasm.export(name)?;
    let ty = runtime.wasm.type_of(func)?;
    let scalar = |ty: &Type| matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64);
    if ty.results().len() > 1 || !ty.params().iter().chain(ty.results()).all(scalar) {
        return None;
    }
    Some(Box::new(ExportSite {
        cell,
        name: name.to_owned(),
        params: ty.params().iter().copied().collect(),
        result: ty.results().first().copied(),
        slots: ty.params().len().max(1),
        found: std::cell::Cell::new(Some((runtime.wasm.epoch(), func))),
    }))
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

unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut given = [std::ptr::null_mut(); 16];
    let mut count = given.len();
    let mut data = std::ptr::null_mut();
    // SAFETY: the arguments are N-API's own; `given` has room for `count`.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            given.as_mut_ptr(),
            std::ptr::null_mut(),
            &mut data,
        )
    };
    // SAFETY: the data is the site, which outlives the function (see `function`).
    let site = unsafe { &*data.cast::<ExportSite>() };
    // SAFETY: a sandbox outlives its sites.
    unsafe {
        enter(env, site.cell, |rt| {
            run(env, rt, site, &given[..count.min(given.len())])
        })
    }
}

fn run(
    env: sys::napi_env,
    rt: &mut Runtime,
    site: &ExportSite,
    given: &[sys::napi_value],
) -> Result<JsValue, Unwind> {
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
            let func = rt
                .wasm
                .export(&site.name)
                .ok_or_else(|| Unwind::Bug(format!("export {} is gone", site.name)))?;
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
