//! Types that are no classes, and constants.

use super::{open, text};
use crate::emscripten::Runtime;
use crate::emscripten::embind::registry::*;
use crate::emscripten::embind::require_type;
use crate::emscripten::embind::resolve::{build_constant, register_type, when};
use crate::emscripten::js::ViewKind;
use crate::engine::{Args, Result, Unwind};

fn plain(rt: &mut Runtime, raw: u32, name: u32, kind: TypeKind) -> Result {
    open(rt)?;
    let name = text(rt, name)?;
    register_type(rt, raw, name, kind, false)
}

pub(super) fn register_void(rt: &mut Runtime, a: &mut Args) -> Result {
    plain(rt, a.u32(0), a.u32(1), TypeKind::Void)
}

pub(super) fn register_bool(rt: &mut Runtime, a: &mut Args) -> Result {
    let sized = a.len() > 4;
    let at = 2 + usize::from(sized);
    let size = if sized { a.u32(2) } else { 1 };
    let kind = TypeKind::Bool {
        size,
        when_true: a.i32(at),
        when_false: a.i32(at + 1),
    };
    plain(rt, a.u32(0), a.u32(1), kind)
}

pub(super) fn register_integer(rt: &mut Runtime, a: &mut Args) -> Result {
    let (size, min) = (a.u32(2), a.i32(3));
    if !matches!(size, 1 | 2 | 4) {
        let name = text(rt, a.u32(1))?;
        return Err(Unwind::script(
            "TypeError",
            format!("invalid integer width ({size}): {name}"),
        ));
    }
    let signed = min != 0;
    let max = if signed {
        f64::from(a.i32(4))
    } else {
        let shift = 32 - 8 * size;
        f64::from(a.u32(4) << shift >> shift)
    };
    plain(
        rt,
        a.u32(0),
        a.u32(1),
        TypeKind::Int {
            size,
            signed,
            min: f64::from(min),
            max,
        },
    )
}

pub(super) fn register_bigint(rt: &mut Runtime, a: &mut Args) -> Result {
    // With i64 legalised into pairs of i32, Emscripten leaves these types unregistered.
    if !a.is_i64(3) {
        return Ok(());
    }
    plain(
        rt,
        a.u32(0),
        a.u32(1),
        TypeKind::BigInt {
            signed: a.i64(3) != 0,
        },
    )
}

pub(super) fn register_float(rt: &mut Runtime, a: &mut Args) -> Result {
    plain(rt, a.u32(0), a.u32(1), TypeKind::Float { size: a.u32(2) })
}

pub(super) fn register_std_string(rt: &mut Runtime, a: &mut Args) -> Result {
    let utf8 = rt.abi.std_string_utf8 && text(rt, a.u32(1))? == "std::string";
    plain(rt, a.u32(0), a.u32(1), TypeKind::StdString { utf8 })
}

pub(super) fn register_std_wstring(rt: &mut Runtime, a: &mut Args) -> Result {
    plain(
        rt,
        a.u32(0),
        a.u32(2),
        TypeKind::WideString {
            unit: if a.u32(1) == 2 { 2 } else { 4 },
        },
    )
}

pub(super) fn register_emval(rt: &mut Runtime, a: &mut Args) -> Result {
    open(rt)?;
    let name = if a.len() == 2 {
        text(rt, a.u32(1))?
    } else {
        "emscripten::val".to_owned()
    };
    register_type(
        rt,
        a.u32(0),
        name,
        TypeKind::Emval { optional: false },
        false,
    )
}

pub(super) fn register_optional(rt: &mut Runtime, a: &mut Args) -> Result {
    open(rt)?;
    let (raw, inner) = (a.u32(0), a.u32(1));
    rt.embind.note_optional(raw, inner);
    register_type(
        rt,
        raw,
        "emscripten::val".to_owned(),
        TypeKind::Emval { optional: true },
        false,
    )
}

pub(super) fn register_memory_view(rt: &mut Runtime, a: &mut Args) -> Result {
    open(rt)?;
    let name = text(rt, a.u32(2))?;
    let Some(kind) = ViewKind::ALL.get(a.u32(1) as usize) else {
        return Err(Unwind::binding(format!(
            "{name}: unknown element type {}",
            a.u32(1)
        )));
    };
    register_type(rt, a.u32(0), name, TypeKind::MemoryView(*kind), true)
}

pub(super) fn register_enum(rt: &mut Runtime, a: &mut Args) -> Result {
    open(rt)?;
    let name = text(rt, a.u32(1))?;
    let style = match a.u32(4) {
        0 => EnumStyle::Object,
        1 => EnumStyle::Number,
        _ => EnumStyle::String,
    };
    let reg = rt.embind.registry_mut();
    let index = reg.enums.len() as u32;
    reg.enums.push(Enum {
        name: name.clone(),
        style,
        size: a.u32(2),
        signed: a.u32(3) != 0,
        values: Vec::new(),
    });
    register_type(rt, a.u32(0), name.clone(), TypeKind::Enum(index), false)?;
    let reg = rt.embind.registry_mut();
    if reg.public(&name).is_some() {
        return Err(Unwind::binding(format!(
            "Cannot register public name '{name}' twice"
        )));
    }
    reg.set_public(&name, Public::Enum(index));
    Ok(())
}

pub(super) fn register_enum_value(rt: &mut Runtime, a: &mut Args) -> Result {
    open(rt)?;
    let ty = require_type(rt, a.u32(0), "enum")?;
    let name = text(rt, a.u32(1))?;
    let TypeKind::Enum(index) = rt.embind.reg.ty(ty).kind else {
        return Err(Unwind::script(
            "InternalError",
            format!("{name} belongs to a type that is no enum"),
        ));
    };
    rt.embind.registry_mut().enums[index as usize]
        .values
        .push((name, a.i32(2)));
    Ok(())
}

pub(super) fn register_constant(rt: &mut Runtime, a: &mut Args) -> Result {
    open(rt)?;
    let (name, raw, value) = (text(rt, a.u32(0))?, a.u32(1), a.f64(2));
    when(rt, &[], &[raw], move |rt| {
        build_constant(rt, name, raw, value)
    })
}
