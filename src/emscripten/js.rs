//! JavaScript values as the native host sees them: opaque. The binding implements [`Js`] over N-API.

use crate::engine::Unwind;

/// A JavaScript value, valid until the host function or the call that received it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsValue(pub usize);

/// A JavaScript value kept alive by the binding until [`Js::release`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JsRef(pub u32);

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

/// What the native host may do with JavaScript values.
pub trait Js {
    fn kind(&self, value: JsValue) -> Kind;
    fn undefined(&self) -> JsValue;
    fn number(&self, value: f64) -> JsValue;
    fn keep(&mut self, value: JsValue) -> JsRef;
    fn value(&self, reference: JsRef) -> JsValue;
    fn release(&mut self, reference: JsRef);
    fn call(
        &mut self,
        function: JsValue,
        this: JsValue,
        args: &[JsValue],
    ) -> Result<JsValue, Unwind>;
}
