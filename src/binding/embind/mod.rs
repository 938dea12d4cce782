//! embind's functions as JavaScript sees them: raw callbacks, each with its own data.

mod description;
mod operations;

use super::js::NapiJs;
use super::node_api::{Env, Res, Value, with_arguments, with_data};
use super::sandbox::{Entering, SandboxCell, enter};
use crate::emscripten::Runtime;
use crate::emscripten::embind::invoke::{CallArguments, CallResult, invoke, invoke_plain};
use crate::emscripten::embind::numbers::Wire;
use crate::emscripten::embind::registry::Registry;
use crate::emscripten::embind::short::Plain;
use crate::emscripten::embind::{Out, short};
use crate::emscripten::js::{HandleRef, Js, JsValue};
use crate::engine::{Unwind, ValRaw};
use napi::sys;
use operations::{OPERATIONS, operate};
use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use wasmer_types::Type;

/// What one native function needs to know.
struct CallData {
    cell: *const SandboxCell,
    shared: *const Installation,
    /// Which callable, or which operation.
    index: u32,
}

/// Everything behind one facade. Lives until the facade's owner object is collected: every function made by the
/// facade holds that object, so no function can outlive its data.
struct Installation {
    reg: Arc<Registry>,
    js: Rc<NapiJs>,
    /// Of `call` and `call_with_numbers`.
    calls: Box<[CallData]>,
    operations: Box<[CallData]>,
}

struct Raws<'a> {
    env: Env,
    args: &'a [Value],
}

impl CallArguments for Raws<'_> {
    #[inline]
    fn value(&self, at: usize) -> JsValue {
        let value = self.args.get(at).copied();
        value.unwrap_or_else(|| self.env.undefined()).into()
    }
    #[inline]
    fn as_number(&self, at: usize) -> Option<f64> {
        self.args.get(at).and_then(|value| self.env.as_f64(*value))
    }
    #[inline]
    fn as_raw(&self, at: usize, ty: Type) -> Option<ValRaw> {
        let value = *self.args.get(at)?;
        match ty {
            // As ToInt32 does.
            Type::I32 => self.env.as_i32(value).map(ValRaw::from_i32),
            _ => self
                .env
                .as_f64(value)
                .map(|number| Wire::Number(number).raw(ty)),
        }
    }
}

/// Arguments that are in the registers, behind the number of the function.
struct InRegisters<'a> {
    js: &'a NapiJs,
    numbers: &'a [Cell<f64>],
}

impl CallArguments for InRegisters<'_> {
    fn value(&self, at: usize) -> JsValue {
        self.js.number(self.number(at))
    }
    #[inline]
    fn as_number(&self, at: usize) -> Option<f64> {
        self.numbers.get(at + 1).map(Cell::get)
    }
}

impl InRegisters<'_> {
    fn number_of_function(&self) -> u32 {
        self.numbers
            .first()
            .map_or(u32::MAX, |number| number.get() as u32)
    }
}

/// As many numbers as any plain function takes, its own number included.
const MOST_NUMBERS: usize = 12;

impl Raws<'_> {
    fn handle_at(&self, at: usize) -> HandleRef {
        HandleRef {
            id: self.number(at),
            key: self.number(at + 1),
        }
    }
}

/// Gives a new handle as its id, with the rest in the registers: the facade makes the object.
fn give(js: &NapiJs, out: Out) -> JsValue {
    match out {
        Out::Js(value) => value,
        Out::Handle { handle, smart } => {
            js.write_register(0, handle.key);
            js.write_register(1, f64::from(u8::from(smart)));
            js.number(handle.id)
        }
    }
}

unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    with_arguments(env, info, |env, args, data| {
        // SAFETY: the data of this callback, which outlives the function (see `Installed`).
        let (data, shared) = unsafe {
            let data = &*data.cast::<CallData>();
            (data, &*data.shared)
        };
        // One native function serves all callables: each of its own would cost a kilobyte and more.
        let index = args.first().and_then(|value| env.as_u32(*value));
        let args = args.get(1..).unwrap_or_default();
        let passed = Raws { env, args };
        // SAFETY: the sandbox is alive, since the facade's owner holds it.
        let cell = unsafe { &*data.cell };
        let short = index
            .and_then(|index| cell.short_call(|rt| short::invoke(rt, &shared.reg, index, &passed)));
        if let Some((result, _)) = short {
            return Ok(match result {
                Plain::Nothing => env.undefined(),
                Plain::Int(value) => env.int(value),
                Plain::Number(value) => shared.js.number(value).into(),
                Plain::Bool(value) => env.boolean(value),
            });
        }
        let call = |rt: &mut Runtime| {
            let callable = index
                .and_then(|index| shared.reg.callables.get(index as usize))
                .ok_or_else(|| Unwind::Bug("a call without a callable".into()))?;
            match invoke(rt, &shared.reg, callable, &passed)? {
                CallResult::Out(out @ Out::Handle { .. }) if callable.gives_val(&shared.reg) => {
                    // A number may be the val itself: the registers say that there is a handle, and hold its id.
                    let id = give(&shared.js, out);
                    shared
                        .js
                        .write_register(2, shared.js.to_f64(id).unwrap_or(-1.0));
                    Ok(shared
                        .js
                        .register_array()
                        .map(JsValue::from)
                        .map_err(|failed| {
                            shared
                                .js
                                .unwind(failed, || Unwind::Bug("no registers".into()))
                        })?)
                }
                CallResult::Out(out) => Ok(give(&shared.js, out)),
                CallResult::Leaves(leaves) => {
                    for (i, leaf) in leaves.into_iter().enumerate() {
                        shared.js.write_register(i, leaf);
                    }
                    Ok(shared.js.undefined())
                }
            }
        };
        let called = enter(cell, Entering::Module, call)?;
        Ok(called.map_or_else(|| env.undefined(), Value::from))
    })
}

/// A call of a function that takes and gives numbers, for whom registers are the cheapest way: its number and arguments are in the
/// registers, and the result will be in the first. Gives `true` when there is none, since the program goes on later.
unsafe extern "C" fn call_with_numbers(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    with_data(env, info, |env, data| {
        // SAFETY: as in `call`.
        let (data, shared) = unsafe {
            let data = &*data.cast::<CallData>();
            (data, &*data.shared)
        };
        // SAFETY: as in `call`.
        let cell = unsafe { &*data.cell };
        let js = &*shared.js;
        let registers = js.registers()?;
        let taken;
        let numbers = match registers.shared() {
            Some(numbers) => numbers,
            None => {
                taken = registers.take::<MOST_NUMBERS>();
                &taken
            }
        };
        let passed = InRegisters { js, numbers };
        let index = passed.number_of_function();
        let short = cell.short_call(|rt| short::invoke(rt, &shared.reg, index, &passed));
        // Of its object, for who reads a field by itself; 0 where it is not known.
        let (result, object) = match short {
            Some(done) => done,
            None => {
                // What wasm calls may use the registers.
                let numbers = registers.take::<MOST_NUMBERS>();
                let passed = InRegisters {
                    js,
                    numbers: &numbers,
                };
                let called = enter(cell, Entering::Module, |rt| {
                    let callable = shared.reg.callables.get(index as usize);
                    let callable =
                        callable.ok_or_else(|| Unwind::Bug("a call without a callable".into()))?;
                    invoke_plain(rt, &shared.reg, callable, &passed)
                })?;
                match called {
                    Some(result) => (result, 0),
                    None => return Ok(Some(env.boolean(true))),
                }
            }
        };
        registers.write(1, f64::from(object));
        registers.write(
            0,
            match result {
                Plain::Nothing => 0.0,
                Plain::Int(value) => value.into(),
                Plain::Number(value) => value,
                Plain::Bool(value) => u8::from(value).into(),
            },
        );
        Ok(None)
    })
}

fn function(env: Env, callback: sys::napi_callback, data: &CallData) -> Res<Value> {
    let data = ptr::from_ref(data).cast_mut().cast();
    // SAFETY: the data is of an `Installed`, which outlives its functions.
    unsafe { env.function("", callback, data) }
}

/// What `lib/facade/embind.js` builds the facade from: `{ description, call, callWithNumbers, operations, registers, owner }`,
/// the description when it is asked for.
///
/// # Safety
/// `cell` lives as long as `sandbox`, the JavaScript object that owns it.
pub unsafe fn install(
    cell: &SandboxCell,
    js: Rc<NapiJs>,
    sandbox: Value,
    describes: bool,
) -> Res<Value> {
    let env = cell.env;
    let (reg, abi) = cell.look_live(|instance| {
        let runtime = &instance.runtime;
        let reg = Arc::clone(&runtime.embind.reg);
        let abi = describes.then(|| Arc::clone(&runtime.abi));
        (reg, abi)
    })?;
    let registers = js.register_array()?;
    let mut installed = Box::new(Installation {
        reg,
        js,
        calls: Box::new([]),
        operations: Box::new([]),
    });
    let address = ptr::from_ref(&*installed);
    let data = |count: u32| -> Box<[CallData]> {
        (0..count)
            .map(|index| CallData {
                cell,
                shared: address,
                index,
            })
            .collect()
    };
    installed.calls = data(2);
    installed.operations = data(OPERATIONS.len() as u32);

    let object = env.object();
    if let Some(abi) = abi {
        let described = description::description(env, &installed.reg, &abi)?;
        env.define(object, "description", described)?;
    }
    let entries: [(&str, sys::napi_callback); 2] = [
        ("call", Some(call)),
        ("callWithNumbers", Some(call_with_numbers)),
    ];
    for ((name, callback), data) in entries.into_iter().zip(&installed.calls) {
        env.define(object, name, function(env, callback, data)?)?;
    }
    let operations = env.object();
    for ((name, _), data) in OPERATIONS.iter().zip(&installed.operations) {
        env.define(operations, name, function(env, Some(operate), data)?)?;
    }
    let owner = env.object();
    env.define(owner, "sandbox", sandbox)?;
    // The functions are in nobody's hands before this has gone well.
    env.define(owner, "data", env.external(installed)?)?;
    env.define(object, "operations", operations)?;
    env.define(object, "registers", registers)?;
    env.define(object, "owner", owner)?;
    Ok(object)
}
