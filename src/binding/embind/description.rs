//! What a registry holds, for JavaScript: told as it is asked for. It outlives the sandbox that it was taken from, since all sandboxes of a
//! program in a thread share it.

use crate::binding::node_api::{Env, Failure, Res, Value, with_arguments};
use crate::emscripten::abi::Abi;
use crate::emscripten::embind::describe;
use crate::emscripten::embind::registry::Registry;
use napi::sys;
use std::ptr;
use std::sync::Arc;

/// `{ head, one, symbol, symbols }`: the head as JSON; the other three are functions.
pub(super) fn description(env: Env, reg: &Arc<Registry>, abi: &Abi) -> Res<Value> {
    let object = env.object();
    env.define(
        object,
        "head",
        env.string(&describe::shared_head(reg, abi))?,
    )?;
    let functions: [(&str, sys::napi_callback); 3] = [
        ("one", Some(one)),
        ("symbol", Some(symbol)),
        ("symbols", Some(symbols)),
    ];
    for (name, callback) in functions {
        let data = Box::new(Arc::clone(reg));
        let at = ptr::from_ref(&*data).cast_mut().cast();
        // SAFETY: the data goes with the function, and before it is given to anybody when it cannot be tied to it.
        let function = unsafe { env.function(name, callback, at) }?;
        env.drop_with(function, data)?;
        env.define(object, name, function)?;
    }
    Ok(object)
}

fn asked(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    answer: impl FnOnce(Env, &[Value], &Registry) -> Res<Value>,
) -> sys::napi_value {
    with_arguments(env, info, |env, args, data| {
        // SAFETY: the data of `description`, which goes with the function.
        let reg = unsafe { &*data.cast::<Arc<Registry>>() };
        answer(env, args, reg)
    })
}

fn number(env: Env, args: &[Value], at: usize) -> Res<u32> {
    let given = args.get(at).and_then(|value| env.as_u32(*value));
    given.ok_or(Failure::Refused(sys::Status::napi_number_expected))
}

/// `(list, index) => text`: see [`describe::one`].
unsafe extern "C" fn one(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    asked(env, info, |env, args, reg| {
        let (list, index) = (number(env, args, 0)?, number(env, args, 1)?);
        match describe::one(reg, list, index as usize) {
            Some(text) => env.string(&text),
            None => Ok(env.undefined()),
        }
    })
}

/// `(name) => kind + index`, as text; `undefined` for what is not there.
unsafe extern "C" fn symbol(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    asked(env, info, |env, args, reg| {
        let name = args.first().map(|name| env.to_string(*name)).transpose()?;
        match name.and_then(|name| reg.public(&name)) {
            Some(public) => env.string(&text(describe::symbol(public))),
            None => Ok(env.undefined()),
        }
    })
}

/// `() => [name, kind + index, name, kind + index, ...]`
unsafe extern "C" fn symbols(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    asked(env, info, |env, _, reg| {
        let list = env.array(2 * reg.public.len());
        for ((name, public), at) in reg.public.iter().zip((0..).step_by(2)) {
            env.set_index(list, at, env.string(name)?)?;
            let symbol = text(describe::symbol(*public));
            env.set_index(list, at + 1, env.string(&symbol)?)?;
        }
        Ok(list)
    })
}

fn text((kind, index): (char, u32)) -> String {
    format!("{kind}{index}")
}
