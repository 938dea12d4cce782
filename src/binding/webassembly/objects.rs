//! Memories, tables, globals and tags: the functions behind the classes of `lib/webassembly`.

use super::call::tag_kinds;
use super::realm::{ErrorKind, Realm};
use super::value::{to_js, to_wasm};
use crate::binding::node_api::{Arguments, Env, Kind, Res, Value};
use crate::webassembly::{MemoryLimits, StoreError, ValueKind};
use wasmer_types::{Mutability, RawValue};
use wasmer_vm::{TableElement, VMFuncRef};

fn optional(env: Env, value: Value) -> Res<Option<u32>> {
    if env.is(value, Kind::Undefined) {
        Ok(None)
    } else {
        env.to_u32(value).map(Some)
    }
}

fn kind_of(env: Env, value: Value) -> Res<ValueKind> {
    ValueKind::from_number(env.to_u32(value)?).ok_or_else(|| env.throw_type("unknown value type"))
}

fn made(realm: &Realm, result: Result<usize, StoreError>) -> Res<Value> {
    match result {
        Ok(key) => Ok(realm.env.address(key)),
        Err(StoreError::Range(message)) => Err(realm.raise(ErrorKind::Range, &message)),
    }
}

pub fn memory_new(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let limits = MemoryLimits {
        min: env.to_u32(a[1])?,
        max: optional(env, a[2])?,
    };
    let key = made(realm, realm.with(|store| store.new_memory(limits))?)?;
    realm.report();
    Ok(key)
}

pub fn memory_buffer(env: Env, a: &Arguments) -> Res<Value> {
    Realm::of(env, a[0])?.buffer(env.to_usize(a[1])?)
}

/// The former size in pages, or -1 when the memory cannot grow so far.
pub fn memory_grow(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (key, delta) = (env.to_usize(a[1])?, env.to_u32(a[2])?);
    let before = realm.with(|store| store.grow_memory(key, delta))?;
    if before.is_some() {
        realm.drop_buffer(key);
        realm.report();
    }
    Ok(before.map_or_else(|| env.int(-1), |pages| env.uint(pages)))
}

pub fn memory_limits(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    let Some(limits) = realm.with(|store| store.memory_limits(key))? else {
        return Err(realm.stale());
    };
    let max = limits
        .max
        .map_or_else(|| env.undefined(), |max| env.uint(max));
    env.list([env.uint(limits.min), max])
}

/// Gives the pages of a memory back; its length is 0 from then on.
pub fn memory_dispose(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    if realm.depth() > 0 {
        return Err(realm.raise(
            ErrorKind::Busy,
            "the module is still on the stack: dispose of its memory after the call returned",
        ));
    }
    realm.dispose_memory(key)?;
    Ok(env.undefined())
}

fn element(realm: &Realm, kind: ValueKind, value: Value) -> Res<TableElement> {
    let raw = to_wasm(realm, value, kind)?;
    // SAFETY: `to_wasm` gave bits of this kind: null, or a live function of this realm, or an extern number.
    Ok(unsafe {
        match kind {
            ValueKind::ExternRef => {
                TableElement::ExternRef(crate::engine::vm::extern_element(raw.externref))
            }
            _ => TableElement::FuncRef(VMFuncRef::from_raw(raw)),
        }
    })
}

fn table_kind(realm: &Realm, key: usize) -> Res<ValueKind> {
    match realm.with(|store| store.table(key).map(|table| ValueKind::from(table.ty().ty)))? {
        Some(kind) => Ok(kind),
        None => Err(realm.stale()),
    }
}

pub fn table_new(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (kind, min, max) = (kind_of(env, a[1])?, env.to_u32(a[2])?, optional(env, a[3])?);
    made(realm, realm.with(|store| store.new_table(kind, min, max))?)
}

pub fn table_length(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    Ok(env.uint(realm.with(|store| store.table(key).map_or(0, wasmer_vm::VMTable::size))?))
}

/// The element, or undefined past the end.
pub fn table_get(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (key, index) = (env.to_usize(a[1])?, env.to_u32(a[2])?);
    match realm.with(|store| store.table(key).and_then(|table| table.get(index)))? {
        None => Ok(env.undefined()),
        Some(TableElement::FuncRef(None) | TableElement::ExternRef(None)) => Ok(env.null()),
        Some(TableElement::FuncRef(Some(function))) => realm.function_object(function),
        Some(TableElement::ExternRef(Some(number))) => {
            let mut raw = RawValue::default();
            raw.externref = crate::engine::vm::extern_number(number);
            to_js(realm, raw, ValueKind::ExternRef)
        }
    }
}

/// Whether the index is within the table.
pub fn table_set(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (key, index) = (env.to_usize(a[1])?, env.to_u32(a[2])?);
    let element = element(realm, table_kind(realm, key)?, a[3])?;
    Ok(env.boolean(realm.with(|store| store.set_table(key, index, element))?))
}

/// The former length, or -1 when the table cannot grow so far.
pub fn table_grow(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (key, delta) = (env.to_usize(a[1])?, env.to_u32(a[2])?);
    let element = element(realm, table_kind(realm, key)?, a[3])?;
    let before = realm.with(|store| store.grow_table(key, delta, element))?;
    Ok(before.map_or_else(|| env.int(-1), |len| env.uint(len)))
}

/// `[type, minimum, maximum]`
pub fn table_type(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    let found = realm.with(|store| store.table(key).map(|table| (*table.ty(), table.size())))?;
    let Some((ty, size)) = found else {
        return Err(realm.stale());
    };
    let max = ty
        .maximum
        .map_or_else(|| env.undefined(), |max| env.uint(max));
    env.list([env.uint(ValueKind::from(ty.ty) as u32), env.uint(size), max])
}

pub fn global_new(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (kind, mutable) = (kind_of(env, a[1])?, env.to_bool(a[2])?);
    let raw = match kind {
        // `undefined`: the default of a type that cannot cross.
        ValueKind::V128 => RawValue::default(),
        _ => to_wasm(realm, a[3], kind)?,
    };
    Ok(env.address(realm.with(|store| store.new_global(kind, mutable, raw))?))
}

pub fn global_get(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    let found = realm.with(|store| {
        store.global(key).map(|global| {
            (
                ValueKind::from(global.ty().ty),
                crate::engine::vm::global_get(global),
            )
        })
    })?;
    match found {
        Some((kind, raw)) => to_js(realm, raw, kind),
        None => Err(realm.stale()),
    }
}

pub fn global_set(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    let Some(kind) = realm.with(|store| {
        store
            .global(key)
            .map(|global| ValueKind::from(global.ty().ty))
    })?
    else {
        return Err(realm.stale());
    };
    let raw = to_wasm(realm, a[2], kind)?;
    realm.with(|store| {
        store
            .global(key)
            .map(|global| crate::engine::vm::global_set(global, raw))
    })?;
    Ok(env.undefined())
}

/// `[type, mutable]`
pub fn global_type(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    let Some(ty) = realm.with(|store| store.global(key).map(|global| *global.ty()))? else {
        return Err(realm.stale());
    };
    env.list([
        env.uint(ValueKind::from(ty.ty) as u32),
        env.boolean(ty.mutability == Mutability::Var),
    ])
}

pub fn tag_new(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let mut params = Vec::new();
    for at in 0..env.len(a[1])? {
        params.push(kind_of(env, env.get_index(a[1], at)?)?.into());
    }
    Ok(env.address(realm.with(|store| store.new_tag(params))?))
}

pub fn tag_type(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    let kinds = realm.with(|store| tag_kinds(store, key))?;
    env.list(kinds.into_iter().map(|kind| env.uint(kind as u32)))
}

/// The tag under which JavaScript exceptions travel through wasm.
pub fn js_tag(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    Ok(env.address(realm.with(crate::webassembly::Store::js_tag)?))
}

/// ToWebAssemblyValue followed by ToJSValue: what a payload looks like after it went through wasm.
pub fn convert(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let kind = kind_of(env, a[1])?;
    let raw = to_wasm(realm, a[2], kind)?;
    to_js(realm, raw, kind)
}

/// Bytes in all memories of the realm.
pub fn memory_bytes(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    Ok(env.address(realm.with(|store| store.memory_bytes())?))
}

/// `[resident, dirty]` bytes of all memories of the realm, where the system tells.
pub fn memory_residency(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (resident, dirty) = realm.with(|store| store.residency())?;
    env.list([env.address(resident), env.address(dirty)])
}
