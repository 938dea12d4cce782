//! Live class handles: what a JavaScript object of a C++ class stands for.
//!
//! JavaScript holds two numbers. `id` is class << 24 | slot, `key` is generation << 16 | serial, so a handle
//! of another generation, or of an earlier tenant of the slot, never matches the slot's key.

use super::funcs::call_i32;
use super::registry::Registry;
use crate::emscripten::Runtime;
use crate::emscripten::js::{HandleRef, JsValue};
use crate::engine::{Result, Unwind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const SLOT_BITS: u32 = 24;
const SERIAL_BITS: u32 = 16;
/// No smart pointer.
pub const NO_SMART: u32 = u32::MAX;

/// A C++ object that JavaScript has: a slot of the list that handles are indices of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Handle {
    /// 0 when the slot is vacant; `serial` then remembers where to go on.
    pub key: u64,
    pub serial: u32,
    pub ptr: u32,
    /// The registered pointer type (never a smart one).
    pub pointer: u32,
    pub smart_ptr: u32,
    pub smart: u32,
    /// The shared count's entry.
    pub count: u32,
    pub scheduled: bool,
    /// An instance of a JavaScript subclass: `delete()` leaves the pointer.
    pub preserve: bool,
}

/// What a new handle stands for.
#[derive(Clone, Copy, Debug)]
pub struct NewHandle {
    pub ptr: u32,
    pub pointer: u32,
    pub smart_ptr: u32,
    pub smart: u32,
}

pub fn slot_of(handle: HandleRef) -> u32 {
    (handle.id as u64 & ((1 << SLOT_BITS) - 1)) as u32
}

pub fn class_of(handle: HandleRef) -> u32 {
    (handle.id as u64 >> SLOT_BITS) as u32
}

fn generation_of(handle: HandleRef) -> u64 {
    handle.key as u64 >> SERIAL_BITS
}

/// Why a handle does not name a live object.
pub enum Absence {
    Deleted,
    Stale(Unwind),
}

fn class_name(reg: &Registry, handle: HandleRef) -> &str {
    reg.classes
        .get(class_of(handle) as usize)
        .map_or("object", |c| c.name.as_str())
}

/// What a handle stands for, if it is live.
#[inline]
pub fn live(rt: &Runtime, handle: HandleRef) -> Option<&Handle> {
    let held = rt.embind.handles.get(slot_of(handle))?;
    (held.key == handle.key as u64 && held.key != 0).then_some(held)
}

/// The slot of a live handle.
#[inline]
pub fn find(rt: &Runtime, handle: HandleRef) -> Result<u32, Absence> {
    match live(rt, handle) {
        Some(_) => Ok(slot_of(handle)),
        None => Err(gone(rt, handle)),
    }
}

#[cold]
fn gone(rt: &Runtime, handle: HandleRef) -> Absence {
    let generation = generation_of(handle);
    if generation == rt.generation || generation == 0 {
        return Absence::Deleted;
    }
    Absence::Stale(Unwind::Stale {
        class: class_name(&rt.embind.reg, handle).to_owned(),
        generation,
        current: rt.generation,
    })
}

/// The slot of a live handle, or embind's error for a method called on a deleted one.
pub fn require(rt: &Runtime, handle: HandleRef) -> Result<u32> {
    find(rt, handle).map_err(|gone| match gone {
        Absence::Stale(stale) => stale,
        Absence::Deleted => Unwind::binding(format!(
            "{} instance already deleted",
            class_name(&rt.embind.reg, handle)
        )),
    })
}

fn occupy(rt: &mut Runtime, mut handle: Handle) -> Result<HandleRef> {
    let generation = rt.generation;
    let embind = &mut rt.embind;
    let serial = match embind.handles.next_free() {
        Some(slot) => embind.handles.get(slot).map_or(1, |h| h.serial + 1),
        None => 1,
    };
    if embind.handles.len() >> SLOT_BITS != 0 {
        return Err(Unwind::script(
            "InternalError",
            "too many live handles: 16777216",
        ));
    }
    let class = embind.reg.pointer(handle.pointer).class;
    handle.serial = serial;
    handle.key = generation << SERIAL_BITS | u64::from(serial);
    let key = handle.key;
    let slot = embind.handles.insert(handle);
    embind.live += 1;
    Ok(HandleRef {
        id: (u64::from(class) << SLOT_BITS | u64::from(slot)) as f64,
        key: key as f64,
    })
}

fn vacate(rt: &mut Runtime, slot: u32) {
    let embind = &mut rt.embind;
    let serial = embind.handles.get(slot).map_or(0, |h| h.serial);
    let vacant = Handle {
        serial,
        ..Handle::default()
    };
    embind.live -= 1;
    rt.js.handles_changed();
    // A slot whose serials are used up stays empty until the next generation.
    if (serial + 1) >> SERIAL_BITS != 0 {
        embind.handles.replace(slot, vacant);
    } else {
        embind.handles.remove(slot, vacant);
    }
}

/// A handle that owns what it points to.
pub fn create(rt: &mut Runtime, new: NewHandle) -> Result<HandleRef> {
    if new.ptr == 0 {
        return Err(Unwind::script(
            "InternalError",
            "makeClassHandle requires ptr and ptrType",
        ));
    }
    let count = rt.embind.counts.insert(1);
    occupy(
        rt,
        Handle {
            ptr: new.ptr,
            pointer: new.pointer,
            smart_ptr: new.smart_ptr,
            smart: new.smart,
            count,
            ..Handle::default()
        },
    )
}

pub(super) fn change_count(rt: &mut Runtime, count: u32, by: i32) -> u32 {
    match rt.embind.counts.get_mut(count) {
        Some(value) => {
            *value = value.wrapping_add_signed(by);
            *value
        }
        None => 0,
    }
}

/// The result of `clone()`: a new handle, or the same object again.
pub enum CloneOutcome {
    Same,
    New(HandleRef, bool),
}

pub fn clone(rt: &mut Runtime, handle: HandleRef) -> Result<CloneOutcome> {
    let slot = require(rt, handle)?;
    let copy = rt.embind.handles.get(slot).cloned().unwrap_or_default();
    change_count(rt, copy.count, 1);
    if copy.preserve {
        return Ok(CloneOutcome::Same);
    }
    let smart = copy.smart != NO_SMART;
    Ok(CloneOutcome::New(
        occupy(
            rt,
            Handle {
                scheduled: false,
                ..copy
            },
        )?,
        smart,
    ))
}

/// Takes one reference away and destroys the C++ object with the last.
fn release(rt: &mut Runtime, slot: u32) -> Result {
    let Some(handle) = rt.embind.handles.get(slot).cloned() else {
        return Ok(());
    };
    if change_count(rt, handle.count, -1) != 0 {
        return Ok(());
    }
    let reg = Arc::clone(&rt.embind.reg);
    let smart = (handle.smart != NO_SMART && handle.smart_ptr != 0)
        .then(|| reg.pointer(handle.smart).smart.as_ref())
        .flatten();
    match smart {
        Some(smart) => call_i32(rt, smart.destroy, &[handle.smart_ptr])?,
        None => call_i32(
            rt,
            reg.class(reg.pointer(handle.pointer).class).destroy,
            &[handle.ptr],
        )?,
    };
    if !handle.preserve {
        rt.embind.counts.remove(handle.count, 0);
    }
    Ok(())
}

fn require_unscheduled(rt: &Runtime, handle: HandleRef) -> Result<u32> {
    let slot = require(rt, handle)?;
    match rt.embind.handles.get(slot) {
        Some(h) if h.scheduled && !h.preserve => {
            Err(Unwind::binding("Object already scheduled for deletion"))
        }
        _ => Ok(slot),
    }
}

pub fn delete(rt: &mut Runtime, handle: HandleRef) -> Result {
    let slot = require_unscheduled(rt, handle)?;
    release(rt, slot)?;
    if find(rt, handle).is_ok() && rt.embind.handles.get(slot).is_some_and(|h| !h.preserve) {
        vacate(rt, slot);
    }
    Ok(())
}

/// The garbage collector took the object: as `delete`, but silent about what is gone already.
pub fn finalize(rt: &mut Runtime, handle: HandleRef) -> Result {
    match find(rt, handle) {
        Ok(slot) => {
            release(rt, slot)?;
            if find(rt, handle).is_ok() {
                vacate(rt, slot);
            }
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

pub fn is_deleted(rt: &Runtime, handle: HandleRef) -> bool {
    match find(rt, handle) {
        Ok(slot) => rt.embind.handles.get(slot).is_none_or(|h| h.ptr == 0),
        Err(_) => true,
    }
}

pub fn delete_later(rt: &mut Runtime, handle: HandleRef) -> Result {
    let slot = require_unscheduled(rt, handle)?;
    rt.embind.queue.push(handle);
    if rt.embind.queue.len() == 1 {
        call_delay(rt)?;
    }
    if let Some(h) = rt.embind.handles.get_mut(slot) {
        h.scheduled = true;
    }
    Ok(())
}

fn call_delay(rt: &mut Runtime) -> Result {
    let Some(delay) = rt.embind.delay else {
        return Ok(());
    };
    let js = rt.js();
    // First: whoever runs meanwhile may set another.
    let (function, undefined) = (js.value(delay), js.undefined());
    let flush = js.flush_function(rt)?;
    js.call(rt, function, undefined, &[flush]).map(drop)
}

pub fn flush_pending_deletes(rt: &mut Runtime) -> Result {
    while let Some(handle) = rt.embind.queue.pop() {
        let slot = require(rt, handle)?;
        if let Some(h) = rt.embind.handles.get_mut(slot) {
            h.scheduled = false;
        }
        delete(rt, handle)?;
    }
    Ok(())
}

/// `setDelayFunction`; `None` when it is not a function.
pub fn set_delay(rt: &mut Runtime, function: Option<JsValue>) -> Result {
    let js = rt.js();
    let kept = function.map(|f| js.keep(f));
    rt.embind.values_changed = true;
    if let Some(old) = std::mem::replace(&mut rt.embind.delay, kept) {
        js.release(old);
    }
    if rt.embind.queue.is_empty() {
        Ok(())
    } else {
        call_delay(rt)
    }
}

/// The pointer and class at the root of the hierarchy; `None` for a deleted handle's pointer.
fn root(rt: &mut Runtime, handle: HandleRef) -> Result<(Option<u32>, u32)> {
    match find(rt, handle) {
        Ok(slot) => {
            let h = rt.embind.handles.get(slot).cloned().unwrap_or_default();
            let class = rt.embind.reg.pointer(h.pointer).class;
            let (ptr, class) = super::pointers::basest(rt, class, h.ptr)?;
            Ok((Some(ptr), class))
        }
        Err(Absence::Stale(stale)) => Err(stale),
        Err(Absence::Deleted) => {
            let mut class = class_of(handle);
            while let Some(base) = rt
                .embind
                .reg
                .classes
                .get(class as usize)
                .and_then(|c| c.base)
            {
                class = base;
            }
            Ok((None, class))
        }
    }
}

pub fn is_alias_of(rt: &mut Runtime, left: HandleRef, right: HandleRef) -> Result<bool> {
    Ok(root(rt, left)? == root(rt, right)?)
}

/// What those who peek into `$$` see.
pub struct Peek {
    pub ptr: u32,
    pub smart_ptr: u32,
    pub count: u32,
    pub scheduled: bool,
    pub preserve: bool,
    pub pointer_name: String,
    pub class_name: String,
    pub smart_name: Option<String>,
}

pub fn peek(rt: &Runtime, handle: HandleRef) -> Option<Peek> {
    let h = rt.embind.handles.get(find(rt, handle).ok()?)?;
    let reg = &rt.embind.reg;
    let pointer = reg.pointer(h.pointer);
    Some(Peek {
        ptr: h.ptr,
        smart_ptr: h.smart_ptr,
        count: rt.embind.counts.get(h.count).copied().unwrap_or(0),
        scheduled: h.scheduled,
        preserve: h.preserve,
        pointer_name: pointer.name.clone(),
        class_name: reg.class(pointer.class).name.clone(),
        smart_name: (h.smart != NO_SMART).then(|| reg.pointer(h.smart).name.clone()),
    })
}
