//! The WebAssembly JavaScript API: raw functions that `lib/webassembly` builds its classes on.

mod call;
mod instantiate;
mod module;
mod objects;
mod program;
mod realm;
mod shared;
mod suspending;
mod threads;
mod value;

use super::node_api::{Arguments, Entry, Env, Kind, Res, Value};
use super::quiet;
use crate::engine::STACK_BYTES;
use crate::memory::RecycleOutcome;
use napi::Error;
use napi::bindgen_prelude::{Object, Result, Status};
use napi_derive::napi;
use realm::{Helpers, Realm};

/// `(helpers, memoryMax, timeout, interruptId, stack, isReplaced)`: a new realm, its limits in bytes and milliseconds; see
/// `Helpers`. JavaScript keeps these, and whatever functions and buffers the realm has: a realm that nobody has is collected.
/// `isReplaced`: it is a generation's.
pub fn realm_create(env: Env, a: &Arguments) -> Res<Value> {
    let helper = |name| {
        env.get_named(a[0], name)
            .and_then(|value| env.follow(value))
    };
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
        Kind::Number => env.to_f64(value).map(Some),
        _ => Ok(None),
    };
    let cap = limit(a[1])?.map(|bytes| bytes as u64);
    let timeout = limit(a[2])?.map(crate::instance::duration);
    let id = limit(a[3])?.map(|id| id as u64);
    let stack = limit(a[4])?.map_or(STACK_BYTES, |bytes| bytes as usize);
    let is_replaced = env.is(a[5], Kind::Boolean) && env.to_bool(a[5])?;
    let realm = Realm::new(env, helpers, cap, timeout, id, stack, is_replaced);
    env.external(realm)
}

pub fn realm_release(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    if realm.is_live() {
        realm.release()?;
    }
    Ok(env.undefined())
}

/// Whether the realm can be released now: requests under way may still have its memory, and so much waits for such already
/// that this cannot.
pub fn realm_can_leave(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.boolean(Realm::of(env, a[0])?.can_leave()))
}

/// Whether it can be rewound now: -1 while wasm is on the stack, -2 where it cannot leave its memory, else the bytes in its memories.
pub fn realm_leave(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    Ok(if realm.depth() > 0 {
        env.int(-1)
    } else if !realm.can_leave() {
        env.int(-2)
    } else {
        env.address(realm.with(|store| store.memory_bytes())?)
    })
}

pub fn realm_is_live(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.boolean(Realm::of(env, a[0])?.is_live()))
}

pub fn realm_depth(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.uint(Realm::of(env, a[0])?.depth()))
}

/// `[calls, traps, timeouts]` so far.
pub fn realm_counters(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let counters = [realm.calls.get(), realm.traps.get(), realm.timeouts.get()];
    env.list(counters.map(|count| env.number(count as f64)))
}

pub fn realm_interrupt(env: Env, a: &Arguments) -> Res<Value> {
    Realm::of(env, a[0])?.interrupter.interrupt();
    Ok(env.undefined())
}

/// `(realm, isTimeout)`: another thread of the generation has failed, or ran too long: each call ends as if it were
/// interrupted, before it begins.
pub fn realm_fail(env: Env, a: &Arguments) -> Res<Value> {
    Realm::of(env, a[0])?.fail(env.to_bool(a[1])?);
    Ok(env.undefined())
}

/// The number with which another thread can stop the realm's calls.
pub fn realm_interrupt_id(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.number(Realm::of(env, a[0])?.interrupter.id() as f64))
}

/// `(realm, capture)`: the allocation tracker begins anew; false where nothing tells of allocations. Without a function it ends.
pub fn realm_record(env: Env, a: &Arguments) -> Res<Value> {
    let tracker = Realm::of(env, a[0])?.with(|store| store.engine().tracker().cloned())?;
    let Some(tracker) = tracker else {
        return Ok(env.boolean(false));
    };
    if env.is(a[1], Kind::Function) {
        tracker.start(super::allocations::capture(env, a[1]));
    } else {
        tracker.stop();
    }
    Ok(env.boolean(true))
}

/// What is allocated since, as JSON; undefined where nothing tells of it.
pub fn realm_recorded(env: Env, a: &Arguments) -> Res<Value> {
    let tracker = Realm::of(env, a[0])?.with(|store| store.engine().tracker().cloned())?;
    match tracker {
        Some(tracker) => env.string(&super::allocations::report(&tracker)),
        None => Ok(env.undefined()),
    }
}
/// `[requested, limit]` in bytes, where the wasm that ran last was refused growth.
pub fn refused_growth(env: Env, _: &Arguments) -> Res<Value> {
    match Realm::last_refusal() {
        Some((requested, limit)) => {
            env.list([requested, limit].map(|bytes| env.number(bytes as f64)))
        }
        None => Ok(env.undefined()),
    }
}

/// `[value]` of a promise that is settled; `undefined` for others, and where V8 does not tell.
pub fn promise_value(env: Env, a: &Arguments) -> Res<Value> {
    match quiet::promise_value(env, a[0]) {
        Some(value) => env.list([value]),
        None => Ok(env.undefined()),
    }
}

/// An image of what changed since the last one: `[number, bytes]`.
pub fn realm_take_point(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (number, bytes) = realm.take_point()?;
    env.list([env.uint(number as u32), env.number(bytes as f64)])
}
/// `(realm, address, function)`: the function object of a wasm function, from an image.
pub fn realm_know_function(env: Env, a: &Arguments) -> Res<Value> {
    let key = env.to_usize(a[1])?;
    Realm::of(env, a[0])?.know_function(key, a[2])?;
    Ok(env.undefined())
}
/// Takes the image of all that the realm's wasm can change; its number.
pub fn realm_take_image(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.address(Realm::of(env, a[0])?.take_image()?))
}

/// `(realm, image)`: brings everything back. `[outcome, functions, instances, memories, tables, globals, tags]`: the dearest
/// way a memory took (0: pages copied, 1: clean region, 2: cleaned in place), and what was made since the image.
pub fn realm_rewind(env: Env, a: &Arguments) -> Res<Value> {
    let (outcome, made) = Realm::of(env, a[0])?.rewind(env.to_usize(a[1])?)?;
    let outcome = match outcome {
        RecycleOutcome::CopiedBack => 0,
        RecycleOutcome::Flipped => 1,
        RecycleOutcome::CleanedInPlace => 2,
    };
    let counts = [
        outcome,
        made.functions,
        made.instances,
        made.memories,
        made.tables,
        made.globals,
        made.tags,
    ];
    env.list(counts.map(|count| env.number(count as f64)))
}

/// `(realm, image)`: it is not needed any more.
pub fn realm_drop_image(env: Env, a: &Arguments) -> Res<Value> {
    Realm::of(env, a[0])?.drop_image(env.to_usize(a[1])?);
    Ok(env.undefined())
}

/// `(realm, image, whole)`: what differs from the image, in words; in the whole memories, or in what was touched of them.
pub fn realm_differences(env: Env, a: &Arguments) -> Res<Value> {
    let found = Realm::of(env, a[0])?.differences(env.to_usize(a[1])?, env.to_bool(a[2])?)?;
    env.list(found.iter().map(|text| env.message(text)))
}

/// All of them, by name. Each is called by [`node_api`](crate::binding::node_api), which lets no panic and no failure through
/// unseen; each gets at a realm's objects by `Realm::with` and `Realm::enter` only.
static FUNCTIONS: &[Entry] = &[
    Entry::new("realmCreate", realm_create),
    Entry::new("realmRelease", realm_release),
    Entry::new("realmCanLeave", realm_can_leave),
    Entry::new("realmLeave", realm_leave),
    Entry::new("realmIsLive", realm_is_live),
    Entry::new("realmDepth", realm_depth),
    Entry::new("realmCounters", realm_counters),
    Entry::new("realmInterrupt", realm_interrupt),
    Entry::new("realmFail", realm_fail),
    Entry::new("realmInterruptId", realm_interrupt_id),
    Entry::new("refusedGrowth", refused_growth),
    Entry::new("realmRecord", realm_record),
    Entry::new("realmRecorded", realm_recorded),
    Entry::new("promiseValue", promise_value),
    Entry::new("realmTakePoint", realm_take_point),
    Entry::new("realmKnowFunction", realm_know_function),
    Entry::new("realmTakeImage", realm_take_image),
    Entry::new("realmRewind", realm_rewind),
    Entry::new("realmDropImage", realm_drop_image),
    Entry::new("realmDifferences", realm_differences),
    Entry::new("memoryResidency", objects::memory_residency),
    Entry::new("moduleValidate", module::module_validate),
    Entry::new("moduleCompile", module::module_compile),
    Entry::new("moduleKnown", module::module_known),
    Entry::new("moduleFromCache", module::module_from_cache),
    Entry::new("moduleCompileAsync", module::module_compile_async),
    Entry::new("moduleImports", module::module_imports),
    Entry::new("moduleExports", module::module_exports),
    Entry::new("moduleCustomSections", module::module_custom_sections),
    Entry::new("instantiate", instantiate::instantiate),
    Entry::new("exportedFunction", instantiate::exported_function),
    Entry::new("functionType", instantiate::function_type),
    Entry::new("memoryNew", objects::memory_new),
    Entry::new("memoryBuffer", objects::memory_buffer),
    Entry::new("memoryGrow", objects::memory_grow),
    Entry::new("memoryLimits", objects::memory_limits),
    Entry::new("memoryDispose", objects::memory_dispose),
    Entry::new("memoryBytes", objects::memory_bytes),
    Entry::new("memoryShare", shared::memory_share),
    Entry::new("memoryGrowShared", shared::memory_grow_shared),
    Entry::new("memoryEndShared", shared::memory_end_shared),
    Entry::new("sharedMemories", shared::shared_memories),
    Entry::new("addressSpace", shared::address_space),
    Entry::new("threadsBegin", threads::threads_begin),
    Entry::new("threadsJoin", threads::threads_join),
    Entry::new("threadsAnswerTo", threads::threads_answer_to),
    Entry::new("realmWait", shared::realm_wait),
    Entry::new("threadsEnd", threads::threads_end),
    Entry::new("threadsEnter", threads::threads_enter),
    Entry::new("threadsLeave", threads::threads_leave),
    Entry::new("threadsLive", threads::threads_live),
    Entry::new("threadsFail", threads::threads_fail),
    Entry::new("threadsTakeFault", threads::threads_take_fault),
    Entry::new("threadsGroups", threads::threads_groups),
    Entry::new("moduleOwnMemories", module::module_own_memories),
    Entry::new("moduleSend", threads::module_send),
    Entry::new("moduleReceive", threads::module_receive),
    Entry::new("tableNew", objects::table_new),
    Entry::new("tableLength", objects::table_length),
    Entry::new("tableGet", objects::table_get),
    Entry::new("tableSet", objects::table_set),
    Entry::new("tableGrow", objects::table_grow),
    Entry::new("tableType", objects::table_type),
    Entry::new("globalNew", objects::global_new),
    Entry::new("globalGet", objects::global_get),
    Entry::new("globalSet", objects::global_set),
    Entry::new("globalType", objects::global_type),
    Entry::new("tagNew", objects::tag_new),
    Entry::new("tagType", objects::tag_type),
    Entry::new("jsTag", objects::js_tag),
    Entry::new("promisingCall", suspending::promising_call),
    Entry::new("promisingResume", suspending::promising_resume),
    Entry::new("convert", objects::convert),
];

fn functions(env: Env) -> Res<Value> {
    let object = env.object();
    for entry in FUNCTIONS {
        env.define(object, entry.name, env.entry(entry)?)?;
    }
    Ok(object)
}

/// The functions behind the `WebAssembly` namespace.
#[napi(catch_unwind)]
pub fn webassembly(env: napi::Env) -> Result<Object<'static>> {
    let own = Env::new(env.raw());
    match functions(own) {
        Ok(object) => Ok(Object::from_raw(env.raw(), object.raw())),
        Err(failed) => {
            own.raise(failed);
            Err(Error::from_status(Status::PendingException))
        }
    }
}
