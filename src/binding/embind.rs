//! embind's functions as JavaScript sees them: raw callbacks, each with its own data.

use super::js::NapiJs;
use super::node_api::{Env, Res, Value, with_arguments, with_data};
use super::sandbox::{Entering, SandboxCell, enter};
use crate::emscripten::Runtime;
use crate::emscripten::embind::invoke::{Passed, Returned, invoke, invoke_plain};
use crate::emscripten::embind::numbers::Wire;
use crate::emscripten::embind::registry::{Constant, Registry};
use crate::emscripten::embind::short::Plain;
use crate::emscripten::embind::{Out, describe, handles, short};
use crate::emscripten::emval::coroutines;
use crate::emscripten::js::{HandleRef, Js, JsValue};
use crate::engine::{Raw, Unwind};
use napi::sys;
use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use wasmer_types::Type;

/// What one native function needs to know.
struct CallData {
    cell: *const SandboxCell,
    shared: *const Installed,
    /// Which callable, or which operation.
    index: u32,
}

/// Everything behind one facade. Lives until the facade's owner object is collected: every function made by the
/// facade holds that object, so no function can outlive its data.
struct Installed {
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

impl Passed for Raws<'_> {
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
    fn as_raw(&self, at: usize, ty: Type) -> Option<Raw> {
        let value = *self.args.get(at)?;
        match ty {
            // As ToInt32 does.
            Type::I32 => self.env.as_i32(value).map(Raw::from_i32),
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

impl Passed for InRegisters<'_> {
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
                Returned::Out(out @ Out::Handle { .. }) if callable.gives_val(&shared.reg) => {
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
                Returned::Out(out) => Ok(give(&shared.js, out)),
                Returned::Leaves(leaves) => {
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

/// What the facade can do with handles and the rest, by position in the list it gets.
const OPERATIONS: [(&str, Operation); 26] = [
    ("delete", |rt, _, a| {
        handles::delete(rt, a.handle_at(0)).map(|()| rt.js.undefined())
    }),
    ("clone", |rt, js, a| {
        Ok(match handles::clone(rt, a.handle_at(0))? {
            handles::Cloned::Same => js.boolean(true),
            handles::Cloned::New(handle, smart) => give(js, Out::Handle { handle, smart }),
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
        handles::register_inherited(rt, class, a.handle_at(1), a.value(3)).map(|()| js.undefined())
    }),
    ("unregisterInherited", |rt, js, a| {
        let class = a.number(0) as u32;
        handles::unregister_inherited(rt, class, a.handle_at(1)).map(|()| js.undefined())
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

type Operation = fn(&mut Runtime, &NapiJs, &Raws) -> Result<JsValue, Unwind>;

unsafe extern "C" fn operate(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
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
fn peek(rt: &mut Runtime, js: &NapiJs, handle: HandleRef) -> Result<JsValue, Unwind> {
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

fn constants(rt: &mut Runtime, js: &NapiJs) -> Result<JsValue, Unwind> {
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

fn function(env: Env, callback: sys::napi_callback, data: &CallData) -> Res<Value> {
    let data = ptr::from_ref(data).cast_mut().cast();
    // SAFETY: the data is of an `Installed`, which outlives its functions.
    unsafe { env.function("", callback, data) }
}

/// What `lib/facade/embind.js` builds the facade from: `{ description, call, operations, registers, owner }`,
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
    let (reg, description) = cell.look_live(|instance| {
        let runtime = &instance.runtime;
        let reg = Arc::clone(&runtime.embind.reg);
        let description = describes.then(|| describe::describe(&reg, &runtime.abi));
        (reg, description)
    })?;
    let registers = js.register_array()?;
    let mut installed = Box::new(Installed {
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
    if let Some(description) = description {
        env.define(object, "description", env.string(&description)?)?;
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
