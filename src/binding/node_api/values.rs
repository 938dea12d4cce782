//! Primitive values in and out.

use super::{Env, Failure, Res, Value};
use napi::sys;
use std::ptr;

/// The longest string of V8, in code units.
const LONGEST: usize = 0x1fff_ffe8;

/// Values that can always be made.
impl Env {
    #[inline]
    pub fn undefined(self) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_get_undefined(self.0, value) })
    }
    #[inline]
    pub fn null(self) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_get_null(self.0, value) })
    }
    #[inline]
    pub fn boolean(self, flag: bool) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_get_boolean(self.0, flag, value) })
    }
    #[inline]
    pub fn int(self, number: i32) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_create_int32(self.0, number, value) })
    }
    #[inline]
    pub fn uint(self, number: u32) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_create_uint32(self.0, number, value) })
    }
    #[inline]
    pub fn number(self, number: f64) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_create_double(self.0, number, value) })
    }
    /// An address or a number below 2^53.
    pub fn address(self, number: usize) -> Value {
        self.number(number as f64)
    }
    pub fn bigint(self, number: i64) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_create_bigint_int64(self.0, number, value) })
    }
    pub fn bigint_u64(self, number: u64) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_create_bigint_uint64(self.0, number, value) })
    }
    pub fn global(self) -> Value {
        // SAFETY: writes one value.
        self.sure(|value| unsafe { sys::napi_get_global(self.0, value) })
    }
}

/// Strings, which may be longer than V8 takes.
impl Env {
    pub fn string(self, text: &str) -> Res<Value> {
        self.utf8(text.as_bytes())
    }
    /// Invalid sequences become U+FFFD.
    pub fn utf8(self, bytes: &[u8]) -> Res<Value> {
        if bytes.len() > LONGEST {
            // V8 counts bytes here; the text may still fit.
            let units: Vec<u16> = String::from_utf8_lossy(bytes).encode_utf16().collect();
            return self.utf16(&units);
        }
        let (at, len) = (bytes.as_ptr().cast(), bytes.len() as isize);
        // SAFETY: pointer and length of one slice.
        self.given(|value| unsafe { sys::napi_create_string_utf8(self.0, at, len, value) })
    }
    pub fn latin1(self, bytes: &[u8]) -> Res<Value> {
        if bytes.len() > LONGEST {
            return Err(Failure::TooLong);
        }
        let (at, len) = (bytes.as_ptr().cast(), bytes.len() as isize);
        // SAFETY: pointer and length of one slice.
        self.given(|value| unsafe { sys::napi_create_string_latin1(self.0, at, len, value) })
    }
    pub fn utf16(self, units: &[u16]) -> Res<Value> {
        if units.len() > LONGEST {
            return Err(Failure::TooLong);
        }
        let (at, len) = (units.as_ptr(), units.len() as isize);
        // SAFETY: pointer and length of one slice.
        self.given(|value| unsafe { sys::napi_create_string_utf16(self.0, at, len, value) })
    }
    /// A string as UTF-8; lone surrogates become U+FFFD.
    pub fn to_string(self, value: Value) -> Res<String> {
        let len = self.utf8_len(value)?;
        let mut bytes = vec![0; len + 1];
        let len = self.write_utf8(value, &mut bytes)?;
        bytes.truncate(len);
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
    pub fn utf8_len(self, value: Value) -> Res<usize> {
        let (value, mut len) = (value.raw(), 0);
        let none = ptr::null_mut();
        // SAFETY: with no room given, only the length is written.
        self.check(unsafe { sys::napi_get_value_string_utf8(self.0, value, none, 0, &mut len) })?;
        Ok(len)
    }
    /// Writes a string and a NUL, as far as there is room; gives how many bytes without the NUL.
    pub fn write_utf8(self, value: Value, out: &mut [u8]) -> Res<usize> {
        let (at, room) = (out.as_mut_ptr().cast(), out.len());
        // SAFETY: pointer and length of one slice.
        self.told(|len| unsafe {
            sys::napi_get_value_string_utf8(self.0, value.raw(), at, room, len)
        })
    }
    /// The code units of a string.
    pub fn to_utf16(self, value: Value) -> Res<Vec<u16>> {
        let (raw, mut len) = (value.raw(), 0);
        let none = ptr::null_mut();
        // SAFETY: with no room given, only the length is written.
        self.check(unsafe { sys::napi_get_value_string_utf16(self.0, raw, none, 0, &mut len) })?;
        let mut units = vec![0; len + 1];
        let (at, room) = (units.as_mut_ptr(), units.len());
        // SAFETY: pointer and length of one slice.
        self.check(unsafe { sys::napi_get_value_string_utf16(self.0, raw, at, room, &mut len) })?;
        units.truncate(len);
        Ok(units)
    }
}

/// Numbers and flags out; none of these runs JavaScript.
impl Env {
    /// The number, when it is one.
    #[inline]
    pub fn as_f64(self, value: Value) -> Option<f64> {
        // SAFETY: writes one number.
        self.read(|number| unsafe { sys::napi_get_value_double(self.0, value.raw(), number) })
    }
    /// ToInt32 of a number, when it is one.
    #[inline]
    pub fn as_i32(self, value: Value) -> Option<i32> {
        // SAFETY: writes one number.
        self.read(|number| unsafe { sys::napi_get_value_int32(self.0, value.raw(), number) })
    }
    #[inline]
    pub fn as_u32(self, value: Value) -> Option<u32> {
        // SAFETY: writes one number.
        self.read(|number| unsafe { sys::napi_get_value_uint32(self.0, value.raw(), number) })
    }
    pub fn as_bool(self, value: Value) -> Option<bool> {
        // SAFETY: writes one flag.
        self.read(|flag| unsafe { sys::napi_get_value_bool(self.0, value.raw(), flag) })
    }
    /// The low 64 bits of a bigint, when it is one.
    #[inline]
    pub fn as_i64(self, value: Value) -> Option<i64> {
        let (mut number, mut lossless) = (0, false);
        // SAFETY: writes one number and one flag.
        let status = unsafe {
            sys::napi_get_value_bigint_int64(self.0, value.raw(), &mut number, &mut lossless)
        };
        (status == sys::Status::napi_ok).then_some(number)
    }
    /// A bigint as sign and 64-bit words, lowest first.
    pub fn as_bigint(self, value: Value) -> Option<(bool, Vec<u64>)> {
        let (value, mut sign, mut count) = (value.raw(), 0, 0);
        let (no_sign, no_words) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: with no room given, only the number of words is written.
        let status = unsafe {
            sys::napi_get_value_bigint_words(self.0, value, no_sign, &mut count, no_words)
        };
        if status != sys::Status::napi_ok {
            return None;
        }
        let mut words = vec![0; count];
        let at = words.as_mut_ptr();
        // SAFETY: there is room for `count` words.
        let status =
            unsafe { sys::napi_get_value_bigint_words(self.0, value, &mut sign, &mut count, at) };
        (status == sys::Status::napi_ok).then_some((sign != 0, words))
    }
    fn number_expected<T>(self, found: Option<T>) -> Res<T> {
        found.ok_or(Failure::Refused(sys::Status::napi_number_expected))
    }
    pub fn to_f64(self, value: Value) -> Res<f64> {
        self.number_expected(self.as_f64(value))
    }
    pub fn to_usize(self, value: Value) -> Res<usize> {
        self.to_f64(value).map(|number| number as usize)
    }
    pub fn to_u32(self, value: Value) -> Res<u32> {
        self.to_f64(value).map(|number| number as u32)
    }
    pub fn to_bool(self, value: Value) -> Res<bool> {
        let found = self.as_bool(value);
        found.ok_or(Failure::Refused(sys::Status::napi_boolean_expected))
    }
}
