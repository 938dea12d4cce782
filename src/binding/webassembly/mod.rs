//! The WebAssembly JavaScript API: raw functions that `lib/webassembly` builds its classes on.

mod call;
mod env;
mod module;
mod objects;
mod program;
mod realm;
mod value;

use crate::engine::STACK_BYTES;
use crate::memory::RecycleOutcome;
use env::{Env, Js, Res, callback};
use napi::bindgen_prelude::{Object, Result, Status};
use napi::{Error, sys};
use napi_derive::napi;
use realm::{Helpers, Realm};
use std::ptr;
use std::time::Duration;

callback!(
    /// `(helpers, memoryMax, timeout, interruptId, stack)`: a new realm, its limits in bytes and milliseconds; see `Helpers`. JavaScript
    /// keeps these, and whatever functions and buffers the realm has: a realm that nobody has is collected.
    realm_create,
    5, |env, a| {
        let helper = |name| env.get(a[0], name).and_then(|value| env.follow(value));
        let helpers = Helpers {
            error: helper(c"error")?,
            adopt: helper(c"adopt")?,
            to_bigint: helper(c"toBigInt")?,
            function_address: helper(c"functionAddress")?,
            extern_in: helper(c"externIn")?,
            extern_out: helper(c"externOut")?,
            exception: helper(c"exception")?,
            describe: helper(c"describe")?,
            holder: helper(c"holder")?,
        };
        let limit = |value| match env.kind(value) {
            sys::ValueType::napi_number => env.to_f64(value).map(Some),
            _ => Ok(None),
        };
        let cap = limit(a[1])?.map(|bytes| bytes as u64);
        let timeout = limit(a[2])?.map(|ms| Duration::from_secs_f64(ms.max(0.0) / 1e3));
        let id = limit(a[3])?.map(|id| id as u64);
        let stack = limit(a[4])?.map_or(STACK_BYTES, |bytes| bytes as usize);
        env.external(Realm::new(env, helpers, cap, timeout, id, stack))
    }
);
callback!(realm_release, 1, |env, a| {
    let realm = Realm::of(env, a[0])?;
    if realm.is_live() {
        realm.release()?;
    }
    Ok(env.undefined())
});
callback!(realm_is_live, 1, |env, a| Ok(
    env.boolean(Realm::of(env, a[0])?.is_live())
));
callback!(realm_depth, 1, |env, a| Ok(
    env.uint(Realm::of(env, a[0])?.depth.get())
));

callback!(
    /// `[calls, traps, timeouts]` so far.
    realm_counters,
    1,
    |env, a| {
        let realm = Realm::of(env, a[0])?;
        let counters = [realm.calls.get(), realm.traps.get(), realm.timeouts.get()];
        Ok(env.list(counters.into_iter().map(|count| env.number(count as f64)).collect::<Vec<_>>().into_iter()))
    }
);
callback!(realm_interrupt, 1, |env, a| {
    Realm::of(env, a[0])?.interrupter.interrupt();
    Ok(env.undefined())
});
callback!(
    /// The number with which another thread can stop the realm's calls.
    realm_interrupt_id,
    1,
    |env, a| Ok(env.number(Realm::of(env, a[0])?.interrupter.id() as f64))
);
callback!(
    /// `(realm, capture)`: the books of allocations begin anew; false where nothing tells of them. Without a function they end.
    realm_record, 2, |env, a| {
        let books = Realm::of(env, a[0])?.with(|store| store.recorder().cloned())?;
        let Some(books) = books else { return Ok(env.boolean(false)) };
        if env.is(a[1], sys::ValueType::napi_function) {
            let function = super::node_api::Value::from_raw(a[1]);
            let own = super::node_api::Env::new(env.0);
            books.start(function.and_then(|function| super::allocations::capture(own, function)));
        } else {
            books.stop();
        }
        Ok(env.boolean(true))
    }
);
callback!(
    /// What is allocated since, as JSON; undefined where nothing tells of it.
    realm_recorded, 1, |env, a| {
        let books = Realm::of(env, a[0])?.with(|store| store.recorder().cloned())?;
        Ok(books.map_or_else(|| env.undefined(), |books| env.string(&super::allocations::report(&books))))
    }
);
callback!(
    /// `[requested, limit]` in bytes, where the wasm that ran last was refused growth.
    refused_growth,
    0,
    |env, _a| {
        let Some((requested, limit)) = Realm::last_refusal() else { return Ok(env.undefined()) };
        Ok(env.list([env.number(requested as f64), env.number(limit as f64)].into_iter()))
    }
);
callback!(
    /// Takes the image of all that the realm's wasm can change; its number.
    realm_take_image,
    1,
    |env, a| Ok(env.address(Realm::of(env, a[0])?.take_image()?))
);
callback!(
    /// `(realm, image)`: brings everything back. `[outcome, functions, instances, memories, tables, globals, tags]`: the dearest
    /// way a memory took (0: pages copied, 1: clean region, 2: cleaned in place), and what was made since the image.
    realm_rewind, 2, |env, a| {
        let (outcome, made) = Realm::of(env, a[0])?.rewind(env.to_usize(a[1])?)?;
        let outcome = match outcome {
            RecycleOutcome::CopiedBack | RecycleOutcome::NoImage => 0,
            RecycleOutcome::Flipped => 1,
            RecycleOutcome::CleanedInPlace => 2,
        };
        let counts = [outcome, made.functions, made.instances, made.memories, made.tables, made.globals, made.tags];
        Ok(env.list(counts.into_iter().map(|count| env.number(count as f64)).collect::<Vec<_>>().into_iter()))
    }
);
callback!(
    /// `(realm, image)`: it is not needed any more.
    realm_drop_image, 2, |env, a| {
        Realm::of(env, a[0])?.drop_image(env.to_usize(a[1])?);
        Ok(env.undefined())
    }
);
callback!(
    /// `(realm, image)`: what differs from the image, in words. Slow.
    realm_differences, 2, |env, a| {
        let found = Realm::of(env, a[0])?.differences(env.to_usize(a[1])?)?;
        Ok(env.list(found.iter().map(|text| env.string(text)).collect::<Vec<_>>().into_iter()))
    }
);
const FUNCTIONS: &[(&str, sys::napi_callback)] = &[
    ("realmCreate", Some(realm_create)),
    ("realmRelease", Some(realm_release)),
    ("realmIsLive", Some(realm_is_live)),
    ("realmDepth", Some(realm_depth)),
    ("realmCounters", Some(realm_counters)),
    ("realmInterrupt", Some(realm_interrupt)),
    ("realmInterruptId", Some(realm_interrupt_id)),
    ("realmRecord", Some(realm_record)),
    ("realmRecorded", Some(realm_recorded)),
    ("refusedGrowth", Some(refused_growth)),
    ("realmTakeImage", Some(realm_take_image)),
    ("realmRewind", Some(realm_rewind)),
    ("realmDropImage", Some(realm_drop_image)),
    ("realmDifferences", Some(realm_differences)),
    ("memoryResidency", Some(objects::memory_residency)),
    ("moduleValidate", Some(module::module_validate)),
    ("moduleCompile", Some(module::module_compile)),
    ("moduleKnown", Some(module::module_known)),
    ("moduleCompileAsync", Some(module::module_compile_async)),
    ("moduleImports", Some(module::module_imports)),
    ("moduleExports", Some(module::module_exports)),
    ("moduleCustomSections", Some(module::module_custom_sections)),
    ("instantiate", Some(module::instantiate)),
    ("functionType", Some(module::function_type)),
    ("memoryNew", Some(objects::memory_new)),
    ("memoryBuffer", Some(objects::memory_buffer)),
    ("memoryGrow", Some(objects::memory_grow)),
    ("memoryLimits", Some(objects::memory_limits)),
    ("memoryDispose", Some(objects::memory_dispose)),
    ("memoryBytes", Some(objects::memory_bytes)),
    ("tableNew", Some(objects::table_new)),
    ("tableLength", Some(objects::table_length)),
    ("tableGet", Some(objects::table_get)),
    ("tableSet", Some(objects::table_set)),
    ("tableGrow", Some(objects::table_grow)),
    ("tableType", Some(objects::table_type)),
    ("globalNew", Some(objects::global_new)),
    ("globalGet", Some(objects::global_get)),
    ("globalSet", Some(objects::global_set)),
    ("globalType", Some(objects::global_type)),
    ("tagNew", Some(objects::tag_new)),
    ("tagType", Some(objects::tag_type)),
    ("jsTag", Some(objects::js_tag)),
    ("convert", Some(objects::convert)),
];

fn functions(env: Env) -> Res<Js> {
    let object = env.object();
    for (name, callback) in FUNCTIONS {
        let function = env.function(name, *callback, ptr::null_mut())?;
        // SAFETY: an ordinary object and a string key.
        env.check(unsafe { sys::napi_set_property(env.0, object, env.string(name), function) })?;
    }
    Ok(object)
}

/// The functions behind the `WebAssembly` namespace.
#[napi]
pub fn webassembly(env: napi::Env) -> Result<Object<'static>> {
    match functions(Env(env.raw())) {
        Ok(object) => Ok(Object::from_raw(env.raw(), object)),
        Err(env::Pending) => Err(Error::from_status(Status::PendingException)),
    }
}
