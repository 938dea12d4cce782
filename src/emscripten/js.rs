//! JavaScript values as the native host sees them: opaque. The binding implements [`Js`] over N-API.
//!
//! Methods that can run the user's JavaScript (getters, `valueOf`, functions) take the [`Runtime`]: that code may
//! come back through any entry of the module and change it, so no caller may hold on to parts of it meanwhile.

use super::Runtime;
use crate::engine::{Result, Unwind};
use serde::{Deserialize, Serialize};
use std::ptr::NonNull;

/// A JavaScript value, valid until the host function or the call that received it returns. There is no null one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct JsValue(pub NonNull<()>);

/// A JavaScript value kept alive by the binding until [`Js::release`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JsRef(pub u32);

/// A region of time in which the values made are given back together.
#[derive(Clone, Copy, Debug)]
pub struct Scope(pub usize);

/// `typeof`, with `null` told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Undefined,
    Null,
    Boolean,
    Number,
    String,
    Symbol,
    Object,
    Function,
    BigInt,
    External,
}

impl Kind {
    /// What `typeof` says.
    pub fn type_of(self) -> &'static str {
        match self {
            Kind::Undefined => "undefined",
            Kind::Null | Kind::Object | Kind::External => "object",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Symbol => "symbol",
            Kind::Function => "function",
            Kind::BigInt => "bigint",
        }
    }
}

/// Operators that only JavaScript can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Operator {
    Equals = 0,
    Less = 1,
    Greater = 2,
    In = 3,
    Delete = 4,
    InstanceOf = 5,
    /// `left[Symbol.iterator]()`
    Iterate = 6,
    /// `Array.from(left)`
    CopyArray = 7,
    /// `left.set(right)`
    SetArray = 8,
    /// the number or the error that `Number(left)` gives
    Number = 9,
}

/// The element type of a view over linear memory, numbered as embind does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum ViewKind {
    I8 = 0,
    U8 = 1,
    I16 = 2,
    U16 = 3,
    I32 = 4,
    U32 = 5,
    F32 = 6,
    F64 = 7,
    I64 = 8,
    U64 = 9,
}

impl ViewKind {
    pub const ALL: [ViewKind; 10] = [
        ViewKind::I8,
        ViewKind::U8,
        ViewKind::I16,
        ViewKind::U16,
        ViewKind::I32,
        ViewKind::U32,
        ViewKind::F32,
        ViewKind::F64,
        ViewKind::I64,
        ViewKind::U64,
    ];
    pub fn width(self) -> u32 {
        match self {
            ViewKind::I8 | ViewKind::U8 => 1,
            ViewKind::I16 | ViewKind::U16 => 2,
            ViewKind::I32 | ViewKind::U32 | ViewKind::F32 => 4,
            _ => 8,
        }
    }
}

/// A class handle as JavaScript holds it: numbers that name a slot and prove that it is still the same handle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandleRef {
    pub id: f64,
    pub key: f64,
}

/// How the event loop gets to a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u32)]
pub enum TimerKind {
    Timeout = 0,
    Interval = 1,
    Immediate = 2,
    Microtask = 3,
}

/// What is to happen to a timer of the event loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimerCommand {
    Set {
        id: u32,
        kind: TimerKind,
        ms: f64,
        /// A turn of the main loop, around which the module object's hooks run.
        is_turn: bool,
    },
    Clear(u32),
    ClearAll,
}

/// What the native host may do with JavaScript values.
pub trait Js {
    fn kind(&self, value: JsValue) -> Kind;
    fn undefined(&self) -> JsValue;
    fn null(&self) -> JsValue;
    fn boolean(&self, value: bool) -> JsValue;
    fn number(&self, value: f64) -> JsValue;
    fn bigint_i64(&self, value: i64) -> JsValue;
    fn bigint_u64(&self, value: u64) -> JsValue;
    /// Strings fail when they are longer than JavaScript's can be.
    fn string_latin1(&self, bytes: &[u8]) -> Result<JsValue>;
    /// Invalid sequences become U+FFFD.
    fn string_utf8(&self, bytes: &[u8]) -> Result<JsValue>;
    fn string_utf16(&self, units: &[u16]) -> Result<JsValue>;
    fn object(&self) -> JsValue;
    fn array(&self) -> JsValue;

    /// The number, when it is one.
    fn to_f64(&self, value: JsValue) -> Option<f64>;
    /// The boolean, when it is one.
    fn to_bool(&self, value: JsValue) -> Option<bool>;
    /// `!!value`
    fn truthy(&self, value: JsValue) -> bool;
    /// A bigint as sign and 64-bit words, lowest first.
    fn to_bigint(&self, value: JsValue) -> Option<(bool, Vec<u64>)>;
    /// The code units of a string.
    fn to_utf16(&self, value: JsValue) -> Option<Vec<u16>>;
    /// The length in UTF-8 of a string.
    fn utf8_len(&self, value: JsValue) -> Option<u32>;
    /// Writes a string in UTF-8 with a NUL; `out` has room for both. Lone surrogates become U+FFFD.
    fn write_utf8(&self, value: JsValue, out: &mut [u8]);
    /// The length of an `ArrayBuffer` or of a typed array with one-byte elements.
    fn bytes_len(&self, value: JsValue) -> Option<u32>;
    /// Copies such a value; `out` has exactly its length.
    fn copy_bytes(&self, value: JsValue, out: &mut [u8]);
    fn strict_equals(&self, left: JsValue, right: JsValue) -> bool;

    /// A handle does not stand for what it did: whoever remembers what that was asks again.
    fn handles_changed(&self);

    /// `String(value)`, for messages; never throws.
    fn display(&self, rt: &mut Runtime, value: JsValue) -> String;
    fn get(&self, rt: &mut Runtime, object: JsValue, key: JsValue) -> Result<JsValue>;
    fn set(&self, rt: &mut Runtime, object: JsValue, key: JsValue, value: JsValue) -> Result;
    fn get_named(&self, rt: &mut Runtime, object: JsValue, name: &str) -> Result<JsValue>;
    fn set_named(&self, rt: &mut Runtime, object: JsValue, name: &str, value: JsValue) -> Result;
    fn get_index(&self, rt: &mut Runtime, object: JsValue, index: u32) -> Result<JsValue>;
    fn set_index(&self, rt: &mut Runtime, object: JsValue, index: u32, value: JsValue) -> Result;
    /// `name in object`
    fn has_named(&self, rt: &mut Runtime, object: JsValue, name: &str) -> Result<bool>;
    fn call(
        &self,
        rt: &mut Runtime,
        function: JsValue,
        this: JsValue,
        args: &[JsValue],
    ) -> Result<JsValue>;
    fn construct(&self, rt: &mut Runtime, class: JsValue, args: &[JsValue]) -> Result<JsValue>;
    fn operator(
        &self,
        rt: &mut Runtime,
        operator: Operator,
        left: JsValue,
        right: JsValue,
    ) -> Result<JsValue>;
    /// `globalThis[name]`, or `globalThis`.
    fn global(&self, rt: &mut Runtime, name: Option<&str>) -> Result<JsValue>;
    /// `Module[name]`
    fn module_property(&self, rt: &mut Runtime, name: &str) -> Result<JsValue>;

    /// A typed array over linear memory, which dies with the generation and with growth.
    fn view(&self, rt: &mut Runtime, kind: ViewKind, ptr: u32, count: u32) -> Result<JsValue>;

    /// Makes or clears a timer of the event loop.
    fn timer(&self, command: TimerCommand) -> Result;

    /// Makes the JavaScript object of a new class handle. `smart` handles are finalized when collected.
    fn make_handle(&self, rt: &mut Runtime, handle: HandleRef, smart: bool) -> Result<JsValue>;
    /// What names the class handle of this sandbox that `value` is, if it is one.
    fn handle_of(&self, rt: &mut Runtime, value: JsValue) -> Option<HandleRef>;
    /// The object that stands for an enum's value, `undefined` when it has no name.
    fn enum_value(&self, rt: &mut Runtime, index: u32, value: f64) -> Result<JsValue>;
    /// embind's JavaScript subclass of a wrapper class.
    fn inheriting_constructor(
        &self,
        rt: &mut Runtime,
        name: &str,
        class: u32,
        properties: JsValue,
    ) -> Result<JsValue>;
    /// The module's `flushPendingDeletes`.
    fn flush_function(&self, rt: &mut Runtime) -> Result<JsValue>;
    /// A function that deletes the handle when called; `std::shared_ptr`s hold it.
    fn delete_function(&self, rt: &mut Runtime, handle: HandleRef) -> Result<JsValue>;

    /// Goes on with a coroutine of C++ once `promise` has settled, by [`super::emval::coroutines::resume`].
    fn suspend(&self, rt: &mut Runtime, promise: JsValue, awaiter: u32) -> Result;
    /// A promise for C++ to settle: itself, `resolve`, `reject`.
    fn make_promise(&self, rt: &mut Runtime) -> Result<[JsValue; 3]>;
    /// The error that JavaScript would catch for this.
    fn error_of(&self, rt: &mut Runtime, unwind: Unwind) -> JsValue;
    /// What an error was that left this instance's module, when thrown into it again goes on unwinding.
    fn unwind_of(&self, error: JsValue) -> Option<Unwind>;

    fn keep(&self, value: JsValue) -> JsRef;
    /// Keeps an error for [`Unwind::Js`]: until it comes out of the module, or the outermost call has ended without it.
    fn keep_error(&self, value: JsValue) -> JsRef {
        self.keep(value)
    }
    fn value(&self, reference: JsRef) -> JsValue;
    fn release(&self, reference: JsRef);
    /// Values made from here to [`Js::close_scope`] are given back there.
    fn open_scope(&self) -> Scope;
    fn close_scope(&self, scope: Scope);
}

/// Throws `value` as JavaScript's `throw` does.
pub fn throw(js: &dyn Js, value: JsValue) -> Unwind {
    Unwind::Js(js.keep_error(value).0)
}

/// JavaScript values are of one sandbox: images that have some are not kept in files.
impl Serialize for JsRef {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a JavaScript value"))
    }
}

impl<'a> Deserialize<'a> for JsRef {
    fn deserialize<D: serde::Deserializer<'a>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("a JavaScript value"))
    }
}
