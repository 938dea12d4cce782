//! Objects, arrays, properties, functions. What reads or calls may run JavaScript.

use super::{Entry, Env, Failure, Res, Value};
use napi::sys;
use std::ffi::{CStr, c_void};
use std::ptr;

pub use crate::emscripten::js::Kind;

impl Env {
    pub fn kind(self, value: Value) -> Kind {
        let mut kind = 0;
        // SAFETY: writes one number; it cannot fail for a value.
        unsafe { sys::napi_typeof(self.0, value.raw(), &mut kind) };
        match kind {
            sys::ValueType::napi_null => Kind::Null,
            sys::ValueType::napi_boolean => Kind::Boolean,
            sys::ValueType::napi_number => Kind::Number,
            sys::ValueType::napi_string => Kind::String,
            sys::ValueType::napi_symbol => Kind::Symbol,
            sys::ValueType::napi_object => Kind::Object,
            sys::ValueType::napi_function => Kind::Function,
            sys::ValueType::napi_external => Kind::External,
            sys::ValueType::napi_bigint => Kind::BigInt,
            _ => Kind::Undefined,
        }
    }
    pub fn is(self, value: Value, kind: Kind) -> bool {
        self.kind(value) == kind
    }
    pub fn strict_equals(self, left: Value, right: Value) -> bool {
        let mut equal = false;
        // SAFETY: two live values; writes one flag.
        unsafe { sys::napi_strict_equals(self.0, left.raw(), right.raw(), &mut equal) };
        equal
    }
    /// `!!value`
    pub fn truthy(self, value: Value) -> bool {
        // SAFETY: a live value; runs no JavaScript.
        let flag =
            self.given(|flag| unsafe { sys::napi_coerce_to_bool(self.0, value.raw(), flag) });
        flag.is_ok_and(|flag| self.as_bool(flag) == Some(true))
    }
    /// `String(value)`; may run JavaScript.
    pub fn coerce_to_string(self, value: Value) -> Res<Value> {
        // SAFETY: a live value.
        self.given(|text| unsafe { sys::napi_coerce_to_string(self.0, value.raw(), text) })
    }
    /// `Number(value)`; may run JavaScript.
    pub fn coerce_to_number(self, value: Value) -> Res<Value> {
        // SAFETY: a live value.
        self.given(|number| unsafe { sys::napi_coerce_to_number(self.0, value.raw(), number) })
    }

    pub fn object(self) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_create_object(self.0, value) })
    }
    pub fn array(self, len: usize) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_create_array_with_length(self.0, len, value) })
    }
    pub fn is_promise(self, value: Value) -> bool {
        let mut is = false;
        // SAFETY: a live value; writes one flag.
        unsafe { sys::napi_is_promise(self.0, value.raw(), &mut is) };
        is
    }
    pub fn list(self, values: impl IntoIterator<Item = Value>) -> Res<Value> {
        let values = values.into_iter();
        let array = self.array(values.size_hint().0);
        for (at, value) in values.enumerate() {
            self.set_index(array, at as u32, value)?;
        }
        Ok(array)
    }

    pub fn get(self, object: Value, key: Value) -> Res<Value> {
        // SAFETY: live values.
        self.given(|value| unsafe {
            sys::napi_get_property(self.0, object.raw(), key.raw(), value)
        })
    }
    pub fn get_named(self, object: Value, name: &CStr) -> Res<Value> {
        let name = name.as_ptr();
        // SAFETY: a live value and a C string.
        self.given(|value| unsafe {
            sys::napi_get_named_property(self.0, object.raw(), name, value)
        })
    }
    pub fn get_index(self, object: Value, index: u32) -> Res<Value> {
        // SAFETY: a live value.
        self.given(|value| unsafe { sys::napi_get_element(self.0, object.raw(), index, value) })
    }
    pub fn len(self, array: Value) -> Res<u32> {
        // SAFETY: a live value; writes one number.
        self.told(|len| unsafe { sys::napi_get_array_length(self.0, array.raw(), len) })
    }
    pub fn has(self, object: Value, key: Value) -> Res<bool> {
        // SAFETY: live values; writes one flag.
        self.told(|found| unsafe { sys::napi_has_property(self.0, object.raw(), key.raw(), found) })
    }
    pub fn set(self, object: Value, key: Value, value: Value) -> Res<()> {
        // SAFETY: live values.
        self.check(unsafe { sys::napi_set_property(self.0, object.raw(), key.raw(), value.raw()) })
    }
    pub fn set_index(self, object: Value, index: u32, value: Value) -> Res<()> {
        // SAFETY: live values.
        self.check(unsafe { sys::napi_set_element(self.0, object.raw(), index, value.raw()) })
    }
    /// Gives an object of ours a property of its own. No setter of `Object.prototype` gets to see it.
    pub fn define(self, object: Value, name: &str, value: Value) -> Res<()> {
        self.define_as(
            object,
            name,
            value,
            sys::PropertyAttributes::writable
                | sys::PropertyAttributes::enumerable
                | sys::PropertyAttributes::configurable,
        )
    }
    /// A property that only `Object.defineProperty` changes, as `length` of functions is.
    pub fn define_fixed(self, object: Value, name: &str, value: Value) -> Res<()> {
        self.define_as(object, name, value, sys::PropertyAttributes::configurable)
    }
    fn define_as(
        self,
        object: Value,
        name: &str,
        value: Value,
        attributes: sys::napi_property_attributes,
    ) -> Res<()> {
        let property = sys::napi_property_descriptor {
            utf8name: ptr::null(),
            name: self.string(name)?.raw(),
            method: None,
            getter: None,
            setter: None,
            value: value.raw(),
            attributes,
            data: ptr::null_mut(),
        };
        // SAFETY: one descriptor of live values.
        self.check(unsafe { sys::napi_define_properties(self.0, object.raw(), 1, &property) })
    }
    /// Marks an object; see [`Env::is_tagged`]. What is no object is left alone.
    pub fn tag(self, object: Value, tag: sys::napi_type_tag) {
        // SAFETY: a live value; the tag is copied.
        unsafe { sys::napi_type_tag_object(self.0, object.raw(), &tag) };
    }
    pub fn is_tagged(self, object: Value, tag: sys::napi_type_tag) -> bool {
        let mut is = false;
        // SAFETY: a live value; writes one flag.
        unsafe { sys::napi_check_object_type_tag(self.0, object.raw(), &tag, &mut is) };
        is
    }

    /// Calls a function without `this`.
    #[inline]
    pub fn call(self, function: Value, args: &[Value]) -> Res<Value> {
        self.call_on(self.undefined(), function, args)
    }
    #[inline]
    pub fn call_on(self, this: Value, function: Value, args: &[Value]) -> Res<Value> {
        // A `Value` is a `napi_value` that is not null.
        let (count, at) = (args.len(), args.as_ptr().cast());
        // SAFETY: pointer and length of one slice of live values.
        self.given(|value| unsafe {
            sys::napi_call_function(self.0, this.raw(), function.raw(), count, at, value)
        })
    }
    pub fn construct(self, class: Value, args: &[Value]) -> Res<Value> {
        let (count, at) = (args.len(), args.as_ptr().cast());
        // SAFETY: pointer and length of one slice of live values.
        self.given(|value| unsafe { sys::napi_new_instance(self.0, class.raw(), count, at, value) })
    }
    pub fn run_script(self, source: &str) -> Res<Value> {
        let source = self.string(source)?;
        // SAFETY: a live string.
        self.given(|value| unsafe { sys::napi_run_script(self.0, source.raw(), value) })
    }
    /// A function of native code.
    ///
    /// # Safety
    /// `data` is what `callback` expects, as long as the function can be called.
    pub unsafe fn function(
        self,
        name: &str,
        callback: sys::napi_callback,
        data: *mut c_void,
    ) -> Res<Value> {
        let (at, len) = (name.as_ptr().cast(), name.len() as isize);
        // SAFETY: pointer and length of one slice; the rest by the caller's promise.
        self.given(|value| unsafe {
            sys::napi_create_function(self.0, at, len, callback, data, value)
        })
    }
    /// The function of an entry of a list.
    pub fn entry(self, entry: &'static Entry) -> Res<Value> {
        let data = ptr::from_ref(entry).cast_mut().cast();
        // SAFETY: the entry is there as long as the process.
        unsafe { self.function(entry.name, Some(super::entries::dispatch), data) }
    }

    /// Gives `value` to JavaScript, to be dropped by the collector.
    pub fn external<T>(self, value: T) -> Res<Value> {
        unsafe extern "C" fn finalize<T>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
            // SAFETY: the box given to `napi_create_external`, finalized once.
            drop(unsafe { Box::from_raw(data.cast::<T>()) });
        }
        let data = Box::into_raw(Box::new(value));
        let none = ptr::null_mut();
        // SAFETY: the finalizer frees the box.
        let made = self.given(|js| unsafe {
            sys::napi_create_external(self.0, data.cast(), Some(finalize::<T>), none, js)
        });
        if made.is_err() {
            // SAFETY: nobody else has it.
            drop(unsafe { Box::from_raw(data) });
        }
        made
    }
    /// What `external` was given.
    ///
    /// # Safety
    /// `value` is an external made with the same `T`, and stays reachable for `'a`.
    pub unsafe fn from_external<'a, T>(self, value: Value) -> Res<&'a T> {
        let mut data = ptr::null_mut();
        // SAFETY: writes one address.
        self.check(unsafe { sys::napi_get_value_external(self.0, value.raw(), &mut data) })?;
        if data.is_null() {
            return Err(Failure::Refused(sys::Status::napi_invalid_arg));
        }
        // SAFETY: by the caller's promise.
        Ok(unsafe { &*data.cast::<T>() })
    }
    /// Drops `data` when `object` is collected.
    pub fn drop_with<T>(self, object: Value, data: Box<T>) -> Res<()> {
        unsafe extern "C" fn finalize<T>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
            // SAFETY: the box given to `napi_add_finalizer`, finalized once.
            drop(unsafe { Box::from_raw(data.cast::<T>()) });
        }
        let data = Box::into_raw(data);
        let (object, none) = (object.raw(), ptr::null_mut());
        // SAFETY: a live object; the finalizer frees the box.
        let status = unsafe {
            sys::napi_add_finalizer(
                self.0,
                object,
                data.cast(),
                Some(finalize::<T>),
                none,
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: nobody else has it.
            drop(unsafe { Box::from_raw(data) });
        }
        self.check(status)
    }
}
