//! Instances of JavaScript subclasses of C++ classes.

use super::handles::{change_count, require, slot_of};
use super::{keep_again, pointers};
use crate::emscripten::Runtime;
use crate::emscripten::js::{HandleRef, Js, JsRef, JsValue};
use crate::engine::{Result, Unwind};
use serde::{Deserialize, Serialize};

/// An instance of a JavaScript subclass, by the pointer at the root of its hierarchy.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SubclassInstance {
    pub object: JsRef,
    pub handle: HandleRef,
}

impl SubclassInstance {
    /// With a reference of its own.
    pub fn again(&self, js: &dyn Js) -> Self {
        Self {
            object: keep_again(js, self.object),
            ..*self
        }
    }
}

/// Makes `object` the JavaScript side of what `handle` points to.
pub fn register(rt: &mut Runtime, class: u32, handle: HandleRef, object: JsValue) -> Result {
    let slot = require(rt, handle)?;
    let ptr = match rt.embind.handles.get_mut(slot) {
        Some(h) => {
            h.preserve = true;
            h.ptr
        }
        None => 0,
    };
    let (ptr, _) = pointers::basest(rt, class, ptr)?;
    if rt.embind.inherited.contains_key(&ptr) {
        return Err(Unwind::binding(format!(
            "Tried to register registered instance: {ptr}"
        )));
    }
    let object = rt.js().keep(object);
    rt.embind
        .inherited
        .insert(ptr, SubclassInstance { object, handle });
    rt.embind.values_changed = true;
    Ok(())
}

pub fn unregister(rt: &mut Runtime, class: u32, handle: HandleRef) -> Result {
    let slot = require(rt, handle)?;
    let ptr = rt.embind.handles.get(slot).map_or(0, |h| h.ptr);
    let (ptr, _) = pointers::basest(rt, class, ptr)?;
    match rt.embind.inherited.remove(&ptr) {
        Some(instance) => {
            rt.embind.values_changed = true;
            rt.js().release(instance.object);
            Ok(())
        }
        None => Err(Unwind::binding(format!(
            "Tried to unregister unregistered instance: {ptr}"
        ))),
    }
}

/// A JavaScript subclass's instance met again on its way out of C++: one more reference to it. One without references
/// takes over the incoming pointer.
pub fn revive(
    rt: &mut Runtime,
    instance: SubclassInstance,
    ptr: u32,
    wire: u32,
) -> Result<JsValue> {
    let slot = require(rt, instance.handle)?;
    let neutered = is_neutered(rt, instance);
    let mut count = 0;
    if let Some(h) = rt.embind.handles.get_mut(slot) {
        count = h.count;
        if neutered {
            h.ptr = ptr;
            h.smart_ptr = wire;
        }
    }
    rt.js.handles_changed();
    change_count(rt, count, 1);
    Ok(rt.js().value(instance.object))
}

/// Whether the subclass's instance has no references left, so that the incoming pointer becomes its own.
pub fn is_neutered(rt: &Runtime, instance: SubclassInstance) -> bool {
    rt.embind
        .handles
        .get(slot_of(instance.handle))
        .and_then(|h| rt.embind.counts.get(h.count))
        .is_none_or(|c| *c == 0)
}
