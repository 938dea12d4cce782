//! What the facade can do with handles and the rest of embind, beside calling.

use super::super::js::NapiJs;
use super::super::node_api::{Value, with_arguments};
use super::super::sandbox::{Entering, enter};
use super::{CallData, Raws, give};
use crate::emscripten::Runtime;
use crate::emscripten::embind::invoke::CallArguments;
use crate::emscripten::embind::registry::Constant;
use crate::emscripten::embind::{Out, handles, inherited, short};
use crate::emscripten::emval::coroutines;
use crate::emscripten::js::{HandleRef, Js, JsValue};
use crate::engine::Result;
use napi::sys;
use std::sync::Arc;

/// What the facade can do with handles and the rest, by position in the list it gets.
pub(super) const OPERATIONS: [(&str, Operation); 26] = [
    ("delete", |rt, _, a| {
        handles::delete(rt, a.handle_at(0)).map(|()| rt.js.undefined())
    }),
    ("clone", |rt, js, a| {
        Ok(match handles::clone(rt, a.handle_at(0))? {
            handles::CloneOutcome::Same => js.boolean(true),
            handles::CloneOutcome::New(handle, smart) => give(js, Out::Handle { handle, smart }),
        })
    }),
    ("isDeleted", |rt, js, a| {
        Ok(js.boolean(handles::is_deleted(rt, a.handle_at(0))))
    }),
    ("deleteLater", |rt, js, a| {
        handles::delete_later(rt, a.handle_at(0)).map(|()| js.undefined())
    }),
    ("isAliasOf", |rt, js, a| {
        let alias = handles::is_alias_of(rt, a.handle_at(0), a.handle_at(2))?;
        Ok(js.boolean(alias))
    }),
    ("finalize", |rt, js, a| {
        handles::finalize(rt, a.handle_at(0)).map(|()| js.undefined())
    }),
    ("peek", |rt, js, a| peek(rt, js, a.handle_at(0))),
    ("flush", |rt, js, _| {
        handles::flush_pending_deletes(rt).map(|()| js.undefined())
    }),
    ("setDelay", |rt, js, a| {
        let function = a.value(0);
        let function = js.truthy(function).then_some(function);
        handles::set_delay(rt, function).map(|()| js.undefined())
    }),
    ("countEmvals", |rt, js, _| {
        Ok(js.number(rt.emval.count() as f64))
    }),
    ("firstEmval", |rt, js, _| {
        let Some((handle, refs)) = rt.emval_first() else {
            return Ok(js.null());
        };
        let (value, record) = (rt.emval_value(handle)?, js.object());
        js.set_named(rt, record, "refcount", js.number(f64::from(refs)))?;
        js.set_named(rt, record, "value", value)?;
        Ok(record)
    }),
    ("live", |rt, js, _| {
        let list = js.array();
        for (i, (class, handle)) in rt.embind.live(rt.generation).into_iter().enumerate() {
            let at = 3 * i as u32;
            js.set_index(rt, list, at, js.string_utf8(class.as_bytes())?)?;
            js.set_index(rt, list, at + 1, js.number(handle.id))?;
            js.set_index(rt, list, at + 2, js.number(handle.key))?;
        }
        Ok(list)
    }),
    ("inheritedCount", |rt, js, _| {
        Ok(js.number(rt.embind.inherited_count() as f64))
    }),
    ("inheritedObjects", |rt, js, _| {
        let list = js.array();
        for (i, object) in rt.embind.inherited_objects().into_iter().enumerate() {
            js.set_index(rt, list, i as u32, js.value(object))?;
        }
        Ok(list)
    }),
    ("registerInherited", |rt, js, a| {
        let class = a.number(0) as u32;
        inherited::register(rt, class, a.handle_at(1), a.value(3)).map(|()| js.undefined())
    }),
    ("unregisterInherited", |rt, js, a| {
        let class = a.number(0) as u32;
        inherited::unregister(rt, class, a.handle_at(1)).map(|()| js.undefined())
    }),
    ("constants", |rt, js, _| constants(rt, js)),
    ("emvalToValue", |rt, _, a| {
        rt.emval_value(a.number(0) as u32)
    }),
    ("emvalToHandle", |rt, js, a| {
        let handle = rt.emval_handle(a.value(0))?;
        Ok(js.number(f64::from(handle)))
    }),
    ("emvalKeep", |rt, js, a| {
        rt.emval_incref(a.number(0) as u32);
        Ok(js.undefined())
    }),
    ("emvalDrop", |rt, js, a| {
        rt.emval_decref(a.number(0) as u32).map(|()| js.undefined())
    }),
    ("resumeCoroutine", |rt, js, a| {
        let rejected = js.truthy(a.value(2));
        coroutines::resume(rt, a.number(0) as u32, a.value(1), rejected).map(|()| js.undefined())
    }),
    ("field", |rt, js, a| {
        let reg = Arc::clone(&rt.embind.reg);
        let Some(field) = short::field(rt, &reg, a.number(0) as u32) else {
            return Ok(js.undefined());
        };
        let list = js.array();
        let numbers = [field.view as u32, field.context, field.class];
        for (at, number) in (0..).zip(numbers) {
            js.set_index(rt, list, at, js.number(f64::from(number)))?;
        }
        Ok(list)
    }),
    ("fieldBuffer", |_, js, _| {
        Ok(js
            .field_buffer()
            .map_or_else(|| js.undefined(), JsValue::from))
    }),
    ("throwCurrent", |rt, _, _| Err(coroutines::current(rt))),
    ("setHooks", |_, js, a| {
        js.set_hooks(a.value(0).into());
        Ok(js.undefined())
    }),
];

type Operation = fn(&mut Runtime, &NapiJs, &Raws) -> Result<JsValue>;

pub(super) unsafe extern "C" fn operate(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    with_arguments(env, info, |env, args, data| {
        // SAFETY: as in `call`.
        let (data, shared) = unsafe {
            let data = &*data.cast::<CallData>();
            (data, &*data.shared)
        };
        let passed = Raws { env, args };
        let operation = OPERATIONS[data.index as usize].1;
        // SAFETY: as in `call`.
        let called = enter(unsafe { &*data.cell }, Entering::Module, |rt| {
            operation(rt, &shared.js, &passed)
        })?;
        Ok(called.map_or_else(|| env.undefined(), Value::from))
    })
}

/// What those who look into `$$` are shown.
fn peek(rt: &mut Runtime, js: &NapiJs, handle: HandleRef) -> Result<JsValue> {
    let Some(peek) = handles::peek(rt, handle) else {
        return Ok(js.undefined());
    };
    let object = js.object();
    let text = |name: &str| js.string_utf8(name.as_bytes());
    let mut entries = vec![
        ("ptr", js.number(f64::from(peek.ptr))),
        ("count", js.number(f64::from(peek.count))),
        ("deleteScheduled", js.boolean(peek.scheduled)),
        ("preservePointerOnDelete", js.boolean(peek.preserve)),
        ("pointerName", text(&peek.pointer_name)?),
        ("className", text(&peek.class_name)?),
    ];
    if let Some(name) = &peek.smart_name {
        entries.push(("smartPtr", js.number(f64::from(peek.smart_ptr))));
        entries.push(("smartName", text(name)?));
    }
    for (name, value) in entries {
        js.set_named(rt, object, name, value)?;
    }
    Ok(object)
}

fn constants(rt: &mut Runtime, js: &NapiJs) -> Result<JsValue> {
    let list = js.array();
    let reg = Arc::clone(&rt.embind.reg);
    for (i, constant) in reg.constants.iter().enumerate() {
        let value = match constant {
            Constant::Undefined => js.undefined(),
            Constant::Null => js.null(),
            Constant::Bool(value) => js.boolean(*value),
            Constant::Number(value) => js.number(*value),
            Constant::I64(value) => js.bigint_i64(*value),
            Constant::U64(value) => js.bigint_u64(*value),
            Constant::Text(units) => js.string_utf16(units)?,
            Constant::Enum(index, value) => js.enum_value(rt, *index, *value)?,
            Constant::Js(reference) => js.value(*reference),
        };
        js.set_index(rt, list, i as u32, value)?;
    }
    Ok(list)
}
