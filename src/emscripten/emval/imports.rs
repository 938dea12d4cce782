//! The imports by which C++ handles JavaScript values.

use super::Value;
use super::callers::{self, Kind as CallKind, Target};
use super::coroutines;
use crate::emscripten::embind::convert::{Arg, Destructors, read_value, run_destructor, to_wire};
use crate::emscripten::embind::numbers::Wire;
use crate::emscripten::embind::registry::TypeKind;
use crate::emscripten::embind::{Out, require_type};
use crate::emscripten::js::{JsValue, Kind, Operator};
use crate::emscripten::{ImportFn, Runtime, text};
use crate::engine::{Args, PIECE, Result, Unwind};
use std::sync::Arc;
use wasmer_types::Type;

macro_rules! scoped {
    ($($name:literal $function:path;)* operators: $($operation:literal $operator:ident;)*) => {
        pub const IMPORTS: &[(&str, ImportFn)] = &[
            ("_emval_incref", incref),
            ("_emval_decref", decref),
            ("_emval_register_symbol", register_symbol),
            ("_emval_run_destructors", run_destructors),
            ("_emval_get_method_caller", get_method_caller),
            ("_emval_create_invoker", create_invoker),
            $(($name, |rt, a| in_scope(rt, a, $function)),)*
            $(($operation, |rt, a| in_scope(rt, a, |rt, a| operate(rt, a, Operator::$operator))),)*
        ];
    };
}

scoped! {
    "_emval_new_array" new_array;
    "_emval_new_object" new_object;
    "_emval_new_cstring" new_cstring;
    "_emval_new_u8string" new_u8string;
    "_emval_new_u16string" new_u16string;
    "_emval_new_array_from_memory_view" new_array_from_memory_view;
    "_emval_array_to_memory_view" array_to_memory_view;
    "_emval_take_value" take_value;
    "_emval_get_global" get_global;
    "_emval_get_module_property" get_module_property;
    "_emval_get_property" get_property;
    "_emval_set_property" set_property;
    "_emval_as" cast;
    "_emval_as_int64" cast;
    "_emval_as_uint64" cast;
    "_emval_call" call;
    "_emval_call_method" call_method;
    "_emval_call_void_method" call_void_method;
    "_emval_new" construct;
    "_emval_invoke" invoke;
    "_emval_invoke_i64" invoke;
    "_emval_typeof" type_of;
    "_emval_is_number" is_number;
    "_emval_is_string" is_string;
    "_emval_strictly_equals" strictly_equals;
    "_emval_not" not;
    "_emval_throw" throw_value;
    "_emval_iter_begin" iter_begin;
    "_emval_iter_next" iter_next;
    "_emval_await" unsupported_await;
    "_emval_coro_suspend" coroutines::suspend;
    "_emval_coro_make_promise" coroutines::make_promise;
    "_emval_from_current_cxa_exception" coroutines::from_current_exception;
    "_emval_is_catchable_cpp_exception_object" coroutines::is_catchable;
    operators:
    "_emval_equals" Equals;
    "_emval_greater_than" Greater;
    "_emval_less_than" Less;
    "_emval_in" In;
    "_emval_delete" Delete;
    "_emval_instanceof" InstanceOf;
}

/// Gives back the JavaScript values that one import made: C++ may call it in a loop.
fn in_scope(rt: &mut Runtime, a: &mut Args, function: ImportFn) -> Result {
    let js = rt.js();
    let scope = js.open_scope();
    let result = function(rt, a);
    js.close_scope(scope);
    result
}

fn incref(rt: &mut Runtime, a: &mut Args) -> Result {
    rt.emval_incref(a.u32(0));
    Ok(())
}

fn decref(rt: &mut Runtime, a: &mut Args) -> Result {
    rt.emval_decref(a.u32(0))
}

/// Symbols are read where they are used: their text is constant.
fn register_symbol(_: &mut Runtime, _: &mut Args) -> Result {
    Ok(())
}

fn run_destructors(rt: &mut Runtime, a: &mut Args) -> Result {
    let mut list = rt.emval_take_destructors(a.u32(0))?;
    while let Some(destructor) = list.pop() {
        run_destructor(rt, destructor)?;
    }
    Ok(())
}

fn latin1(rt: &Runtime, at: u32) -> Result<String> {
    text::latin1(rt.wasm.pace(), rt.wasm.c_str(at)?)
}

fn give(rt: &mut Runtime, a: &mut Args, value: JsValue) -> Result {
    let handle = rt.emval_handle(value)?;
    a.ret_u32(handle)
}

fn new_array(rt: &mut Runtime, a: &mut Args) -> Result {
    let value = rt.js.array();
    give(rt, a, value)
}

fn new_object(rt: &mut Runtime, a: &mut Args) -> Result {
    let value = rt.js.object();
    give(rt, a, value)
}

fn new_cstring(rt: &mut Runtime, a: &mut Args) -> Result {
    let mut units = Vec::new();
    let bytes = rt.wasm.c_str(a.u32(0))?;
    text::check_length(bytes.len())?;
    for piece in bytes.chunks(PIECE) {
        rt.wasm.pace().go_on()?;
        units.extend(piece.iter().map(|b| u16::from(*b)));
    }
    a.ret_u32(rt.emval_insert(Value::Text(units.into()))?)
}

fn new_u8string(rt: &mut Runtime, a: &mut Args) -> Result {
    let text = rt.c_string(a.u32(0))?;
    let units = text::utf16(rt.wasm.pace(), &text)?;
    a.ret_u32(rt.emval_insert(Value::Text(units.into()))?)
}

fn new_u16string(rt: &mut Runtime, a: &mut Args) -> Result {
    let mut units = Vec::new();
    let mut at = a.u32(0);
    loop {
        match rt.wasm.read_u16(at)? {
            0 => break,
            unit => units.push(unit),
        }
        if units.len() > text::MOST {
            return Err(text::too_long());
        }
        at = at.wrapping_add(2);
    }
    a.ret_u32(rt.emval_insert(Value::Text(units.into()))?)
}

fn new_array_from_memory_view(rt: &mut Runtime, a: &mut Args) -> Result {
    let view = rt.emval_value(a.u32(0))?;
    let js = rt.js();
    let array = js.operator(rt, Operator::CopyArray, view, js.undefined())?;
    give(rt, a, array)
}

fn array_to_memory_view(rt: &mut Runtime, a: &mut Args) -> Result {
    let (to, from) = (rt.emval_value(a.u32(0))?, rt.emval_value(a.u32(1))?);
    let js = rt.js();
    js.operator(rt, Operator::SetArray, to, from).map(drop)
}

fn take_value(rt: &mut Runtime, a: &mut Args) -> Result {
    let ty = require_type(rt, a.u32(0), "_emval_take_value")?;
    if let TypeKind::MemoryView(kind) = rt.embind.reg.ty(ty).kind {
        let at = a.u32(1);
        let (count, data) = (rt.wasm.read_u32(at)?, rt.wasm.read_u32(at.wrapping_add(4))?);
        return a.ret_u32(rt.emval_insert(Value::View(kind, data, count))?);
    }
    let reg = Arc::clone(&rt.embind.reg);
    match read_value(rt, &reg, ty, a.u32(1))? {
        Out::Js(value) => give(rt, a, value),
        Out::Handle { handle, smart } => a.ret_u32(rt.emval_insert(Value::Handle(handle, smart))?),
    }
}

/// What was looked up by name stays a name until the facade is there.
fn get_global(rt: &mut Runtime, a: &mut Args) -> Result {
    let name = match a.u32(0) {
        0 => None,
        at => Some(latin1(rt, at)?),
    };
    if rt.generation == 0 {
        return a.ret_u32(rt.emval_insert(Value::Global(name.map(String::into_boxed_str)))?);
    }
    let js = rt.js();
    let value = js.global(rt, name.as_deref())?;
    give(rt, a, value)
}

fn get_module_property(rt: &mut Runtime, a: &mut Args) -> Result {
    let name = latin1(rt, a.u32(0))?;
    if rt.generation == 0 {
        return a.ret_u32(rt.emval_insert(Value::ModuleProperty(name.into_boxed_str()))?);
    }
    let js = rt.js();
    let value = js.module_property(rt, &name)?;
    give(rt, a, value)
}

fn get_property(rt: &mut Runtime, a: &mut Args) -> Result {
    let (object, key) = (rt.emval_value(a.u32(0))?, rt.emval_value(a.u32(1))?);
    let js = rt.js();
    let value = js.get(rt, object, key)?;
    give(rt, a, value)
}

fn set_property(rt: &mut Runtime, a: &mut Args) -> Result {
    let (object, key, value) = (
        rt.emval_value(a.u32(0))?,
        rt.emval_value(a.u32(1))?,
        rt.emval_value(a.u32(2))?,
    );
    let js = rt.js();
    js.set(rt, object, key, value)
}

/// `_emval_as` and its 64-bit forms: the result's wasm type says which.
fn cast(rt: &mut Runtime, a: &mut Args) -> Result {
    let value = rt.emval_value(a.u32(0))?;
    let ty = require_type(rt, a.u32(1), "emval::as")?;
    let reg = Arc::clone(&rt.embind.reg);
    if a.ty().results().first() == Some(&Type::I64) {
        let mut destructors = Destructors::new();
        let wire = to_wire(rt, &reg, ty, Arg::Value(value), &mut destructors)?;
        return a.ret_i64(wire.i64());
    }
    let wire = callers::returned(rt, &reg, ty, value, a.u32(2))?;
    a.ret(wire.number())
}

fn get_method_caller(rt: &mut Runtime, a: &mut Args) -> Result {
    let kind = match a.u32(2) {
        0 => CallKind::Function,
        _ => CallKind::Constructor,
    };
    let id = callers::define(rt, a.u32(0), a.u32(1), kind)?;
    a.ret_u32(id)
}

fn create_invoker(rt: &mut Runtime, a: &mut Args) -> Result {
    let kind = match a.u32(2) {
        0 => CallKind::Function,
        1 => CallKind::Method,
        2 => CallKind::Constructor,
        _ => CallKind::Cast,
    };
    let id = callers::define(rt, a.u32(0), a.u32(1), kind)?;
    a.ret_u32(id)
}

/// The number that the import returns: i64 where it is declared so.
fn give_wire(a: &mut Args, wire: Wire) -> Result {
    if a.ty().results().first() == Some(&Type::I64) {
        a.ret_i64(wire.i64())
    } else {
        a.ret(wire.number())
    }
}

/// Up to 3.1.47 `(function, argc, types, args) -> handle`; then `(caller, function, destructors, args) -> number`.
fn call(rt: &mut Runtime, a: &mut Args) -> Result {
    let js = rt.js();
    if a.ty().results().first() == Some(&Type::I32) {
        let function = rt.emval_value(a.u32(0))?;
        let pack = unprepared(rt, a.u32(1), a.u32(2), a.u32(3))?;
        callers::require_function(&*js, function, "handle.apply")?;
        let value = js.call(rt, function, js.undefined(), &pack)?;
        return give(rt, a, value);
    }
    let caller = callers::caller(rt, a.u32(0))?;
    let function = rt.emval_value(a.u32(1))?;
    let target = match caller.kind {
        CallKind::Constructor => Target::Constructor(function),
        _ => Target::Function(function, js.null()),
    };
    let wire = callers::call(rt, &caller, target, a.u32(2), a.u32(3))?;
    give_wire(a, wire)
}

/// The arguments of a call whose types come along.
fn unprepared(rt: &mut Runtime, count: u32, types: u32, args: u32) -> Result<Vec<JsValue>> {
    let indices = callers::types(rt, count, types)?;
    let reg = Arc::clone(&rt.embind.reg);
    Ok(callers::read_pack(rt, &reg, &indices, args)?
        .values
        .into_vec())
}

fn construct(rt: &mut Runtime, a: &mut Args) -> Result {
    let class = rt.emval_value(a.u32(0))?;
    let pack = unprepared(rt, a.u32(1), a.u32(2), a.u32(3))?;
    let js = rt.js();
    let value = js.construct(rt, class, &pack)?;
    give(rt, a, value)
}

fn call_method(rt: &mut Runtime, a: &mut Args) -> Result {
    let caller = callers::caller(rt, a.u32(0))?;
    let object = rt.emval_value(a.u32(1))?;
    let name = latin1(rt, a.u32(2))?;
    let target = Target::Method(object, name);
    let wire = callers::call(rt, &caller, target, a.u32(3), a.u32(4))?;
    give_wire(a, wire)
}

fn call_void_method(rt: &mut Runtime, a: &mut Args) -> Result {
    let caller = callers::caller(rt, a.u32(0))?;
    let object = rt.emval_value(a.u32(1))?;
    let name = latin1(rt, a.u32(2))?;
    callers::call(rt, &caller, Target::Method(object, name), 0, a.u32(3)).map(drop)
}

fn invoke(rt: &mut Runtime, a: &mut Args) -> Result {
    let caller = callers::caller(rt, a.u32(0))?;
    let target = match caller.kind {
        CallKind::Cast => Target::Cast,
        CallKind::Constructor => Target::Constructor(rt.emval_value(a.u32(1))?),
        CallKind::Function => Target::Function(rt.emval_value(a.u32(1))?, rt.js.undefined()),
        CallKind::Method => Target::Method(rt.emval_value(a.u32(1))?, latin1(rt, a.u32(2))?),
    };
    let wire = callers::call(rt, &caller, target, a.u32(3), a.u32(4))?;
    give_wire(a, wire)
}

fn kind_of(rt: &mut Runtime, handle: u32) -> Result<Kind> {
    let value = rt.emval_value(handle)?;
    Ok(rt.js.kind(value))
}

fn type_of(rt: &mut Runtime, a: &mut Args) -> Result {
    let text = kind_of(rt, a.u32(0))?.type_of();
    a.ret_u32(rt.emval_insert(Value::Text(text.encode_utf16().collect()))?)
}

fn is_number(rt: &mut Runtime, a: &mut Args) -> Result {
    a.ret_i32(i32::from(kind_of(rt, a.u32(0))? == Kind::Number))
}

fn is_string(rt: &mut Runtime, a: &mut Args) -> Result {
    a.ret_i32(i32::from(kind_of(rt, a.u32(0))? == Kind::String))
}

fn operate(rt: &mut Runtime, a: &mut Args, operator: Operator) -> Result {
    let (left, right) = (rt.emval_value(a.u32(0))?, rt.emval_value(a.u32(1))?);
    let js = rt.js();
    let value = js.operator(rt, operator, left, right)?;
    a.ret_i32(i32::from(js.truthy(value)))
}

fn strictly_equals(rt: &mut Runtime, a: &mut Args) -> Result {
    let (left, right) = (rt.emval_value(a.u32(0))?, rt.emval_value(a.u32(1))?);
    a.ret_i32(i32::from(rt.js.strict_equals(left, right)))
}

fn not(rt: &mut Runtime, a: &mut Args) -> Result {
    let value = rt.emval_value(a.u32(0))?;
    a.ret_i32(i32::from(!rt.js.truthy(value)))
}

fn throw_value(rt: &mut Runtime, a: &mut Args) -> Result {
    let value = rt.emval_value(a.u32(0))?;
    Err(super::throw_value(rt, value))
}

fn iter_begin(rt: &mut Runtime, a: &mut Args) -> Result {
    let iterable = rt.emval_value(a.u32(0))?;
    let js = rt.js();
    let iterator = js.operator(rt, Operator::Iterate, iterable, js.undefined())?;
    give(rt, a, iterator)
}

fn iter_next(rt: &mut Runtime, a: &mut Args) -> Result {
    let iterator = rt.emval_value(a.u32(0))?;
    let js = rt.js();
    let next = js.get_named(rt, iterator, "next")?;
    let result = js.call(rt, next, iterator, &[])?;
    let done = js.get_named(rt, result, "done")?;
    if js.truthy(done) {
        return a.ret_u32(0);
    }
    let value = js.get_named(rt, result, "value")?;
    give(rt, a, value)
}

/// Only a module that can be suspended in the middle of a call has any use for it.
fn unsupported_await(_: &mut Runtime, _: &mut Args) -> Result {
    Err(Unwind::Unsupported(
        "val::await needs Asyncify or JSPI: open the package's .js file with host: 'glue' (co_await works on both hosts)"
            .into(),
    ))
}
