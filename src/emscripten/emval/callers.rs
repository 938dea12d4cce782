//! Calls from C++ into JavaScript: argument packs in, a wire value out.

use super::Value;
use crate::emscripten::embind::convert::{Arg, Destructors, read_value, to_wire};
use crate::emscripten::embind::numbers::Wire;
use crate::emscripten::embind::registry::{Registry, TypeIdx, TypeKind};
use crate::emscripten::embind::{Out, handles, require_type};
use crate::emscripten::js::{HandleRef, Js, JsValue, Kind as ValueKind};
use crate::emscripten::{Runtime, bounds};
use crate::engine::{Result, Unwind};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::sync::Arc;

/// Each argument of a pack takes eight bytes, whatever its type.
const SLOT: u32 = 8;

/// The signature of a call that C++ prepared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Caller {
    pub result: TypeIdx,
    #[serde(with = "crate::saved::shared")]
    pub args: Arc<[TypeIdx]>,
    pub kind: Kind,
}

/// What a caller does with its receiver and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Function,
    Method,
    Constructor,
    /// Gives its argument back, converted.
    Cast,
}

/// Result, receiver and the parameters that a wasm function can have.
const MOST_TYPES: u32 = 1002;

/// Reads `count` type ids.
pub fn types(rt: &mut Runtime, count: u32, at: u32) -> Result<Vec<TypeIdx>> {
    if count > MOST_TYPES {
        return Err(Unwind::binding(format!(
            "a call of {count} types: at most {MOST_TYPES} are possible"
        )));
    }
    (0..count)
        .map(|i| {
            let raw = rt.wasm.read_u32(at.wrapping_add(4 * i))?;
            require_type(rt, raw, &format!("parameter {i}"))
        })
        .collect()
}

/// Reads `count` type ids and makes a caller of them; the first is the result's.
pub fn define(rt: &mut Runtime, count: u32, types: u32, kind: Kind) -> Result<u32> {
    let indices = self::types(rt, count, types)?;
    let Some((result, args)) = indices.split_first() else {
        return Err(Unwind::script(
            "InternalError",
            "a method caller without a result type",
        ));
    };
    bounds::CALLERS.admit(rt.emval.callers.len())?;
    rt.emval.callers.push(Caller {
        result: *result,
        args: args.into(),
        kind,
    });
    // Number 0 means that there is none.
    Ok(rt.emval.callers.len() as u32)
}

pub fn caller(rt: &Runtime, id: u32) -> Result<Caller> {
    (id as usize)
        .checked_sub(1)
        .and_then(|i| rt.emval.callers.get(i))
        .cloned()
        .ok_or_else(|| Unwind::script("InternalError", format!("unknown method caller {id}")))
}

/// The values of an argument pack, and the class handles among them.
pub struct Pack {
    pub values: SmallVec<[JsValue; 8]>,
    handles: SmallVec<[HandleRef; 4]>,
}

pub fn read_pack(rt: &mut Runtime, reg: &Registry, types: &[TypeIdx], mut at: u32) -> Result<Pack> {
    let mut pack = Pack {
        values: SmallVec::new(),
        handles: SmallVec::new(),
    };
    for ty in types {
        let out = read_value(rt, reg, *ty, at)?;
        if let Out::Handle { handle, .. } = out {
            pack.handles.push(handle);
        }
        let value = out.into_js(rt)?;
        if rt.abi.emval_deletes_args
            && matches!(out, Out::Js(_))
            && matches!(reg.ty(*ty).kind, TypeKind::Pointer(_))
        {
            let js = rt.js();
            pack.handles.extend(js.handle_of(rt, value));
        }
        pack.values.push(value);
        at = at.wrapping_add(SLOT);
    }
    Ok(pack)
}

/// What is called.
pub enum Target {
    /// `function(...)` with that receiver.
    Function(JsValue, JsValue),
    /// `object[name](...)`
    Method(JsValue, String),
    Constructor(JsValue),
    Cast,
}

/// V8's error for calling something else, which it names by the text of Emscripten's JavaScript.
pub fn require_function(js: &dyn Js, value: JsValue, what: &str) -> Result {
    if js.kind(value) == ValueKind::Function {
        return Ok(());
    }
    Err(Unwind::script(
        "TypeError",
        format!("{what} is not a function"),
    ))
}

/// Makes a prepared call and converts what it gives.
pub fn call(
    rt: &mut Runtime,
    caller: &Caller,
    target: Target,
    destructors_at: u32,
    args: u32,
) -> Result<Wire> {
    let reg = Arc::clone(&rt.embind.reg);
    let pack = read_pack(rt, &reg, &caller.args, args)?;
    let js = rt.js();
    let value = match target {
        Target::Function(function, this) => {
            let what = if caller.kind == Kind::Function && rt.abi.emval_even {
                "toValue(...)"
            } else {
                "func.apply"
            };
            require_function(&*js, function, what)?;
            js.call(rt, function, this, &pack.values)?
        }
        Target::Method(object, name) => {
            let function = js.get_named(rt, object, &name)?;
            let what = if caller.kind == Kind::Method {
                "toValue(...)[getStringOrSymbol(...)]"
            } else {
                "handle[name]"
            };
            require_function(&*js, function, what)?;
            js.call(rt, function, object, &pack.values)?
        }
        Target::Constructor(class) => js.construct(rt, class, &pack.values)?,
        Target::Cast => pack
            .values
            .first()
            .copied()
            .unwrap_or_else(|| js.undefined()),
    };
    if rt.abi.emval_deletes_args {
        for handle in pack.handles {
            handles::delete(rt, handle)?;
        }
    }
    if matches!(reg.ty(caller.result).kind, TypeKind::Void) {
        if destructors_at != 0 {
            store_destructors(rt, Destructors::new(), destructors_at)?;
        }
        return Ok(Wire::Number(0.0));
    }
    returned(rt, &reg, caller.result, value, destructors_at)
}

/// Converts a value for C++, which gets what it has to undo through `destructors_at`.
pub fn returned(
    rt: &mut Runtime,
    reg: &Registry,
    ty: TypeIdx,
    value: JsValue,
    destructors_at: u32,
) -> Result<Wire> {
    let mut destructors = Destructors::new();
    let wire = to_wire(rt, reg, ty, Arg::Value(value), &mut destructors)?;
    if destructors_at != 0 {
        store_destructors(rt, destructors, destructors_at)?;
    }
    Ok(wire)
}

/// Up to 3.1.46 C++ reads the handle whether or not there is something to undo.
fn store_destructors(rt: &mut Runtime, destructors: Destructors, at: u32) -> Result {
    if destructors.is_empty() && rt.abi.emval_even {
        return Ok(());
    }
    let handle = rt.emval_insert(Value::Destructors(destructors.into_vec()))?;
    rt.wasm.write_u32(at, handle)
}
