//! Types may be used before they are registered: what waits for which type, and what then happens.

use super::convert::from_wire;
use super::plan::bind;
use super::registry::*;
use super::{Embind, Out};
use crate::emscripten::Runtime;
use crate::emscripten::js::Kind;
use crate::engine::{Result, Unwind, ValRaw};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use wasmer_types::Type;

/// Registrations under way. Empty again after start-up, but for types that never came.
#[derive(Default)]
pub struct Builder {
    /// Type id to the waits it takes part in.
    awaiting: FxHashMap<u32, Vec<usize>>,
    waits: Vec<Wait>,
    /// Value objects and arrays that are not finalized yet.
    pub records: FxHashMap<u32, Record>,
    /// How deep types are that became known because another did.
    waking: u32,
    /// Registrations, and the bytes of their names and lists.
    registrations: u32,
    bytes: usize,
}

/// Value objects in value objects, classes over classes, types that wait for types: what is deeper is no C++, and would
/// use up the native stack.
const MOST_LEVELS: u32 = 100;
/// The facade makes some kilobytes of JavaScript for each.
const MOST_REGISTRATIONS: u32 = 400_000;
const MOST_BYTES: usize = 256 << 20;

fn too_deep(what: &str, name: &str) -> Unwind {
    Unwind::script(
        "InternalError",
        format!("{what} {name} is nested more than {MOST_LEVELS} levels deep"),
    )
}

impl Builder {
    /// One more registration.
    pub fn count(&mut self) -> Result {
        self.registrations += 1;
        if self.registrations > MOST_REGISTRATIONS {
            return Err(Unwind::script(
                "InternalError",
                format!("more than {MOST_REGISTRATIONS} embind registrations"),
            ));
        }
        Ok(())
    }
    /// What it is made of.
    pub fn charge(&mut self, bytes: usize) -> Result {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MOST_BYTES {
            return Err(Unwind::script(
                "InternalError",
                format!("embind registrations of more than {} MB", MOST_BYTES >> 20),
            ));
        }
        Ok(())
    }
}

struct Wait {
    missing: usize,
    action: Option<Action>,
}

/// What to do once the types are there.
type Action = Box<dyn FnOnce(&mut Runtime) -> Result>;

/// Binds a callable once all types of its signature are known.
pub fn bind_when_known(
    rt: &mut Runtime,
    callable: CallableId,
    types: Vec<u32>,
    func: FuncId,
    context: u32,
) -> Result {
    let needs = types.clone();
    when(rt, &[], &needs, move |rt| {
        bind(rt, callable, &types, func, context)
    })
}

/// Runs `action` as soon as all of `needs` are registered; until then `announces` are known to be on their way.
pub fn when(
    rt: &mut Runtime,
    announces: &[u32],
    needs: &[u32],
    action: impl FnOnce(&mut Runtime) -> Result + 'static,
) -> Result {
    if !announces.is_empty() {
        let reg = rt.embind.registry_mut();
        for raw in announces {
            reg.dependencies.insert(*raw, needs.to_vec());
        }
    }
    let Embind { builder, reg, .. } = &mut rt.embind;
    let missing: Vec<u32> = needs
        .iter()
        .copied()
        .filter(|n| reg.type_of_raw(*n).is_none())
        .collect();
    if missing.is_empty() {
        return action(rt);
    }
    let wait = builder.waits.len();
    for raw in &missing {
        builder.awaiting.entry(*raw).or_default().push(wait);
    }
    builder.waits.push(Wait {
        missing: missing.len(),
        action: Some(Box::new(action)),
    });
    Ok(())
}

/// Registers a type and wakes who waits for it.
pub fn register_type(
    rt: &mut Runtime,
    raw: u32,
    name: String,
    kind: TypeKind,
    ignore_duplicates: bool,
) -> Result {
    if raw == 0 {
        return Err(Unwind::binding(format!(
            "type \"{name}\" must have a positive integer typeid pointer"
        )));
    }
    if rt.embind.reg.type_of_raw(raw).is_some() {
        if ignore_duplicates {
            return Ok(());
        }
        return Err(Unwind::binding(format!(
            "Cannot register type '{name}' twice"
        )));
    }
    let reg = rt.embind.registry_mut();
    let index = reg.types.len() as TypeIdx;
    reg.types.push(TypeInfo { raw, name, kind });
    reg.by_raw.insert(raw, index);
    reg.dependencies.remove(&raw);
    let waits = rt.embind.builder.awaiting.remove(&raw).unwrap_or_default();
    if waits.is_empty() {
        return Ok(());
    }
    if rt.embind.builder.waking == MOST_LEVELS {
        let name = rt.embind.reg.ty(index).name.clone();
        return Err(too_deep("what waits for type", &name));
    }
    rt.embind.builder.waking += 1;
    let woken = wake(rt, waits);
    // Start-up may have ended meanwhile, with a builder of its own.
    let builder = &mut rt.embind.builder;
    builder.waking = builder.waking.saturating_sub(1);
    woken
}

fn wake(rt: &mut Runtime, waits: Vec<usize>) -> Result {
    for wait in waits {
        let Some(wait) = rt.embind.builder.waits.get_mut(wait) else {
            continue;
        };
        wait.missing = wait.missing.saturating_sub(1);
        if wait.missing == 0
            && let Some(action) = wait.action.take()
        {
            action(rt)?;
        }
    }
    Ok(())
}

/// Refuses a class whose base has as many bases as can be.
pub fn check_bases(rt: &Runtime, name: &str, base: Option<u32>) -> Result {
    let mut levels = 1;
    let mut at = base;
    while let Some(class) = at {
        levels += 1;
        at = rt.embind.reg.class(class).base;
    }
    if levels > MOST_LEVELS {
        return Err(too_deep("class", name));
    }
    Ok(())
}

pub fn class_index(rt: &Runtime, raw: u32) -> Result<u32> {
    let reg = &rt.embind.reg;
    reg.type_of_raw(raw)
        .and_then(|t| reg.class_of_type(t))
        .ok_or_else(|| Unwind::script("InternalError", format!("type {raw} is not a class")))
}

pub fn type_index(rt: &Runtime, raw: u32) -> Result<TypeIdx> {
    rt.embind
        .reg
        .type_of_raw(raw)
        .ok_or_else(|| Unwind::script("InternalError", format!("type {raw} is not registered")))
}

pub fn build_record(rt: &mut Runtime, raw: u32) -> Result {
    let Some(mut record) = rt.embind.builder.records.remove(&raw) else {
        return Ok(());
    };
    for field in &mut record.fields {
        field.get_type = type_index(rt, field.get_type)?;
        field.set_type = type_index(rt, field.set_type)?;
    }
    let name = record.name.clone();
    record.leaves = rt.embind.reg.count_leaves(&record.fields);
    record.depth = rt.embind.reg.record_depth(&record.fields);
    if record.depth > MOST_LEVELS {
        return Err(too_deep("value object", &name));
    }
    let reg = rt.embind.registry_mut();
    reg.records.push(record);
    let index = reg.records.len() as u32 - 1;
    register_type(rt, raw, name, TypeKind::Record(index), false)
}

pub fn build_constant(rt: &mut Runtime, name: String, raw: u32, value: f64) -> Result {
    let ty = type_index(rt, raw)?;
    let reg = Arc::clone(&rt.embind.reg);
    let constant = match &reg.ty(ty).kind {
        TypeKind::Void => Constant::Undefined,
        TypeKind::Bool { .. } => Constant::Bool(value != 0.0),
        TypeKind::Int { signed: true, .. } | TypeKind::Float { .. } => Constant::Number(value),
        TypeKind::Int { size, .. } => {
            let shift = 32 - 8 * size.min(&4);
            let bits = crate::emscripten::to_int32(value) as u32;
            Constant::Number(f64::from(bits << shift >> shift))
        }
        TypeKind::BigInt { .. } => Constant::Number(value),
        TypeKind::Enum(index) => Constant::Enum(*index, value),
        _ => {
            // The value comes as a double even when it is a pointer.
            let wire = ValRaw::from_u32(value as i64 as u32);
            let out = from_wire(rt, &reg, ty, wire, Type::I32)?;
            constant_of(rt, out)?
        }
    };
    drop(reg);
    let reg = rt.embind.registry_mut();
    reg.constants.push(constant);
    let index = reg.constants.len() as u32 - 1;
    reg.set_public(&name, Public::Constant(index));
    Ok(())
}

/// Values that no JavaScript object stands behind keep the image free of JavaScript.
fn constant_of(rt: &mut Runtime, out: Out) -> Result<Constant> {
    let value = out.into_js(rt)?;
    let js = rt.js();
    Ok(match js.kind(value) {
        Kind::Undefined => Constant::Undefined,
        Kind::Null => Constant::Null,
        Kind::Boolean => Constant::Bool(js.truthy(value)),
        Kind::Number => Constant::Number(js.to_f64(value).unwrap_or(f64::NAN)),
        Kind::String => Constant::Text(js.to_utf16(value).unwrap_or_default()),
        _ => Constant::Js(js.keep(value)),
    })
}
