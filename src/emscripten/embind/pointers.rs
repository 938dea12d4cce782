//! Class pointers across the border: upcasts, downcasts, smart pointers.

use super::Out;
use super::convert::{Arg, Destructor, Destructors};
use super::funcs::call_i32;
use super::handles::{self, Absence, NO_SMART, NewHandle};
use super::inherited;
use super::register::legal_name;
use super::registry::{Pointer, Registry};
use crate::emscripten::Runtime;
use crate::emscripten::js::{HandleRef, JsValue, Kind};
use crate::engine::{Result, Unwind};

/// The pointer and the class at the root of the hierarchy.
pub fn basest(rt: &mut Runtime, mut class: u32, mut ptr: u32) -> Result<(u32, u32)> {
    loop {
        let c = rt.embind.reg.class(class);
        let (Some(base), Some(upcast)) = (c.base, c.upcast) else {
            return Ok((ptr, class));
        };
        ptr = call_i32(rt, upcast, &[ptr])?;
        class = base;
    }
}

pub fn upcast(rt: &mut Runtime, mut ptr: u32, from: u32, to: u32) -> Result<u32> {
    let mut class = from;
    while class != to {
        let c = rt.embind.reg.class(class);
        let (Some(base), Some(step)) = (c.base, c.upcast) else {
            return Err(Unwind::binding(format!(
                "Expected null or instance of {}, got an instance of {}",
                rt.embind.reg.class(to).name,
                c.name
            )));
        };
        ptr = call_i32(rt, step, &[ptr])?;
        class = base;
    }
    Ok(ptr)
}

/// `None` when the object is not of that class.
fn downcast(rt: &mut Runtime, ptr: u32, from: u32, to: u32) -> Result<Option<u32>> {
    if from == to {
        return Ok(Some(ptr));
    }
    let class = rt.embind.reg.class(to);
    let (Some(base), Some(step)) = (class.base, class.downcast) else {
        return Ok(None);
    };
    match downcast(rt, ptr, from, base)? {
        // A failed dynamic_cast gives null, which embind would go on with: the static class is the better answer.
        Some(ptr) => Ok(Some(call_i32(rt, step, &[ptr])?).filter(|p| *p != 0)),
        None => Ok(None),
    }
}

/// What a function returned as a pointer, reference or smart pointer.
pub fn from_wire(rt: &mut Runtime, reg: &Registry, index: u32, wire: u32) -> Result<Out> {
    let pointer = reg.pointer(index);
    let ptr = match &pointer.smart {
        Some(smart) => call_i32(rt, smart.get_pointee, &[wire])?,
        None => wire,
    };
    if ptr == 0 {
        if let Some(smart) = &pointer.smart {
            call_i32(rt, smart.destroy, &[wire])?;
        }
        return Ok(Out::Js(rt.js.null()));
    }
    if !rt.embind.inherited.is_empty() {
        let (root, _) = basest(rt, pointer.class, ptr)?;
        if let Some(instance) = rt.embind.inherited.get(&root).copied() {
            let neutered = inherited::is_neutered(rt, instance);
            let object = inherited::revive(rt, instance, ptr, wire)?;
            if !neutered && let Some(smart) = &pointer.smart {
                call_i32(rt, smart.destroy, &[wire])?;
            }
            return Ok(Out::Js(object));
        }
    }
    let actual = call_i32(rt, reg.class(pointer.class).actual_type, &[ptr])?;
    let mut target = pointer.smart.as_ref().map_or(index, |s| s.pointee);
    let mut object = ptr;
    if let Some((plain, constant)) = reg.actual.get(&actual) {
        let to = if pointer.is_const { *constant } else { *plain };
        if let Some(down) = downcast(rt, ptr, pointer.class, reg.pointer(to).class)? {
            target = to;
            object = down;
        }
    }
    let smart = pointer.smart.is_some();
    let handle = handles::create(
        rt,
        NewHandle {
            ptr: object,
            pointer: target,
            smart_ptr: if smart { wire } else { 0 },
            smart: if smart { index } else { NO_SMART },
        },
    )?;
    Ok(Out::Handle { handle, smart })
}

/// How an error names what a handle holds.
fn held_name(rt: &Runtime, reg: &Registry, slot: u32) -> String {
    rt.embind.handles.get(slot).map_or_else(String::new, |h| {
        reg.pointer(if h.smart != NO_SMART {
            h.smart
        } else {
            h.pointer
        })
        .name
        .clone()
    })
}

#[cold]
fn deleted(pointer: &Pointer) -> Unwind {
    Unwind::binding(format!(
        "Cannot pass deleted object as a pointer of type {}",
        pointer.name
    ))
}

/// A class handle, or what was passed for one, as the pointer that the wasm takes.
pub fn to_wire(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    arg: Arg,
    destructors: &mut Destructors,
) -> Result<u32> {
    let pointer = reg.pointer(index);
    let handle = match arg {
        Arg::Handle(handle) => handle,
        Arg::Value(value) => match handle_behind(rt, reg, pointer, value, destructors)? {
            Behind::Handle(handle) => handle,
            Behind::Wire(wire) => return Ok(wire),
        },
    };
    let slot = match handles::find(rt, handle) {
        Ok(slot) => slot,
        Err(Absence::Stale(stale)) => return Err(stale),
        Err(Absence::Deleted) => return Err(deleted(pointer)),
    };
    let Some(held) = rt.embind.handles.get(slot) else {
        return Err(deleted(pointer));
    };
    let (ptr, held_pointer, held_smart, held_smart_ptr) =
        (held.ptr, held.pointer, held.smart, held.smart_ptr);
    if ptr == 0 {
        return Err(deleted(pointer));
    }
    let from = reg.pointer(held_pointer);
    if from.is_const && !pointer.is_const {
        return Err(Unwind::binding(format!(
            "Cannot convert argument of type {} to parameter type {}",
            held_name(rt, reg, slot),
            pointer.name
        )));
    }
    let ptr = if from.class == pointer.class {
        ptr
    } else {
        upcast(rt, ptr, from.class, pointer.class)?
    };
    let Some(smart) = &pointer.smart else {
        return Ok(ptr);
    };
    if held_smart == NO_SMART {
        return Err(Unwind::binding(
            "Passing raw pointer to smart pointer is illegal",
        ));
    }
    match smart.policy {
        0 if held_smart == index => Ok(held_smart_ptr),
        0 => Err(Unwind::binding(format!(
            "Cannot convert argument of type {} to parameter type {}",
            held_name(rt, reg, slot),
            pointer.name
        ))),
        1 => Ok(held_smart_ptr),
        2 if held_smart == index => Ok(held_smart_ptr),
        2 => {
            let keeper = match handles::clone(rt, handle)? {
                handles::CloneOutcome::New(clone, _) => clone,
                handles::CloneOutcome::Same => handle,
            };
            let js = rt.js();
            let function = js.delete_function(rt, keeper)?;
            let kept = rt.emval_handle(function)?;
            let shared = call_i32(rt, smart.share, &[ptr, kept])?;
            destructors.push(Destructor::Call(smart.destroy, shared));
            Ok(shared)
        }
        _ => Err(Unwind::binding(if rt.abi.embind_args_suffix {
            "Unsupporting sharing policy"
        } else {
            "Unsupported sharing policy"
        })),
    }
}

enum Behind {
    Handle(HandleRef),
    Wire(u32),
}

#[cold]
fn handle_behind(
    rt: &mut Runtime,
    reg: &Registry,
    pointer: &Pointer,
    value: JsValue,
    destructors: &mut Destructors,
) -> Result<Behind> {
    let js = rt.js();
    match js.kind(value) {
        Kind::Null => {
            if pointer.is_reference {
                return Err(Unwind::binding(format!(
                    "null is not a valid {}",
                    pointer.name
                )));
            }
            let Some(smart) = &pointer.smart else {
                return Ok(Behind::Wire(0));
            };
            let empty = call_i32(rt, smart.construct, &[])?;
            destructors.push(Destructor::Call(smart.destroy, empty));
            return Ok(Behind::Wire(empty));
        }
        Kind::Undefined => {
            // embind reads `$$` of it; newer generic converters look first.
            let looks_first = rt.abi.emval_even
                && (pointer.smart.is_some() || reg.class(pointer.class).base.is_some());
            if !looks_first {
                return Err(Unwind::script(
                    "TypeError",
                    "Cannot read properties of undefined (reading '$$')",
                ));
            }
        }
        Kind::Object | Kind::Function => {
            if let Some(handle) = js.handle_of(rt, value) {
                return Ok(Behind::Handle(handle));
            }
        }
        _ => {}
    }
    let shown = js.display(rt, value);
    Err(Unwind::binding(format!(
        "Cannot pass \"{shown}\" as a {}",
        pointer.name
    )))
}

/// The receiver of a property: checked against the class as embind's `validateThis` does.
pub fn validate_this(
    rt: &mut Runtime,
    reg: &Registry,
    class: u32,
    arg: Arg,
    human: &str,
    access: &str,
) -> Result<u32> {
    let handle = match arg {
        Arg::Handle(handle) => handle,
        Arg::Value(value) => {
            let js = rt.js();
            match js.kind(value) {
                Kind::Object | Kind::Function => match js.handle_of(rt, value) {
                    Some(handle) => handle,
                    None => return Err(incompatible(rt, value, human, access)),
                },
                _ => {
                    let shown = js.display(rt, value);
                    return Err(Unwind::binding(format!(
                        "{human} {access} with invalid \"this\": {shown}"
                    )));
                }
            }
        }
    };
    let slot = match handles::find(rt, handle) {
        Ok(slot) => slot,
        Err(Absence::Stale(stale)) => return Err(stale),
        Err(Absence::Deleted) => {
            return Err(Unwind::binding(format!(
                "cannot call emscripten binding method {human} {access} on deleted object"
            )));
        }
    };
    let (ptr, from) = rt
        .embind
        .handles
        .get(slot)
        .map_or((0, class), |h| (h.ptr, reg.pointer(h.pointer).class));
    if from == class {
        return Ok(ptr);
    }
    let mut at = Some(from);
    while let Some(c) = at.filter(|c| *c != class) {
        at = reg.class(c).base;
    }
    if at.is_none() {
        return Err(Unwind::binding(format!(
            "{human} {access} incompatible with \"this\" of type {}",
            constructor_name(rt, &reg.class(from).name)
        )));
    }
    upcast(rt, ptr, from, class)
}

/// What the JavaScript class of a C++ class has for a name.
fn constructor_name(rt: &Runtime, class: &str) -> String {
    match () {
        () if rt.abi.anonymous_classes => String::new(),
        () if rt.abi.embind_args_suffix => legal_name(class),
        () => class.to_owned(),
    }
}

fn incompatible(rt: &mut Runtime, value: JsValue, human: &str, access: &str) -> Unwind {
    let js = rt.js();
    let name = match js
        .get_named(rt, value, "constructor")
        .and_then(|c| js.get_named(rt, c, "name"))
    {
        Ok(name) => js.display(rt, name),
        Err(unwind) => return unwind,
    };
    Unwind::binding(format!(
        "{human} {access} incompatible with \"this\" of type {name}"
    ))
}
