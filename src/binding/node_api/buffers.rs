//! ArrayBuffers and typed arrays. No address into one outlives a function of this file, but for those over memory of ours
//! and over shared memory, which somebody keeps.

use super::{Env, Failure, Res, Value, ViewKind};
use napi::sys;
use std::ffi::c_void;
use std::ptr;

/// Where an ArrayBuffer's bytes are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BufferInfo {
    data: *mut u8,
    len: usize,
}

impl BufferInfo {
    const EMPTY: Self = Self {
        data: ptr::null_mut(),
        len: 0,
    };
}

impl Env {
    /// Where the bytes of a typed array or an ArrayBuffer are, with the type of the former.
    fn place(self, value: Value) -> Res<(BufferInfo, Option<sys::napi_typedarray_type>)> {
        let (mut is, mut data, mut len) = (false, ptr::null_mut(), 0);
        // SAFETY: writes one flag.
        self.check(unsafe { sys::napi_is_typedarray(self.0, value.raw(), &mut is) })?;
        if is {
            let (mut kind, mut buffer, mut offset) = (0, ptr::null_mut(), 0);
            // SAFETY: a typed array, and places for each answer.
            self.check(unsafe {
                sys::napi_get_typedarray_info(
                    self.0,
                    value.raw(),
                    &mut kind,
                    &mut len,
                    &mut data,
                    &mut buffer,
                    &mut offset,
                )
            })?;
            let data = data.cast();
            return Ok((BufferInfo { data, len }.sound(), Some(kind)));
        }
        // SAFETY: writes address and length; fails for what is no ArrayBuffer.
        self.check(unsafe {
            sys::napi_get_arraybuffer_info(self.0, value.raw(), &mut data, &mut len)
        })?;
        let data = data.cast();
        Ok((BufferInfo { data, len }.sound(), None))
    }
    /// Where the bytes of an ArrayBuffer, or of a typed array of one-byte elements, are.
    fn bytes_place(self, value: Value) -> Res<BufferInfo> {
        use sys::TypedarrayType as T;
        match self.place(value)? {
            (place, None | Some(T::int8_array | T::uint8_array | T::uint8_clamped_array)) => {
                Ok(place)
            }
            _ => Err(Failure::Refused(sys::Status::napi_invalid_arg)),
        }
    }
    /// How many bytes these have.
    pub fn bytes_len(self, value: Value) -> Res<usize> {
        Ok(self.bytes_place(value)?.len)
    }
    /// Where the bytes of a typed array over a shared memory of V8's are, and how many; nowhere where it has none.
    pub fn shared_place(self, value: Value) -> Res<(*mut u8, usize)> {
        let place = self.bytes_place(value)?;
        Ok((place.data, place.len))
    }
    /// The bytes, copied.
    pub fn bytes(self, value: Value) -> Res<Vec<u8>> {
        self.with_bytes(value, <[u8]>::to_vec)
    }
    /// The bytes where they are. `look` cannot run JavaScript: it is given nothing to run it with, and must not bring it.
    pub fn with_bytes<R>(self, value: Value, look: impl FnOnce(&[u8]) -> R) -> Res<R> {
        let place = self.bytes_place(value)?;
        if place.len == 0 {
            return Ok(look(&[]));
        }
        // SAFETY: so many bytes are there until JavaScript runs again.
        Ok(look(unsafe {
            std::slice::from_raw_parts(place.data, place.len)
        }))
    }
    /// The same, to be filled.
    pub fn fill_bytes<R>(self, value: Value, fill: impl FnOnce(&mut [u8]) -> R) -> Res<R> {
        let place = self.bytes_place(value)?;
        if place.len == 0 {
            return Ok(fill(&mut []));
        }
        // SAFETY: as above.
        Ok(fill(unsafe {
            std::slice::from_raw_parts_mut(place.data, place.len)
        }))
    }
    /// Copies as much as both have, which may overlap: the bytes may be of the very memory that `out` is of.
    pub fn copy_bytes(self, value: Value, out: &mut [u8]) -> Res<usize> {
        let place = self.bytes_place(value)?;
        let count = place.len.min(out.len());
        if count > 0 {
            // SAFETY: so many bytes are there.
            unsafe { ptr::copy(place.data.cast_const(), out.as_mut_ptr(), count) };
        }
        Ok(count)
    }

    /// A new ArrayBuffer with these bytes.
    pub fn array_buffer(self, bytes: &[u8]) -> Res<Value> {
        let (value, data) = self.new_buffer(bytes.len())?;
        if !bytes.is_empty() {
            // SAFETY: the buffer is new and has so many bytes.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
        }
        Ok(value)
    }
    fn new_buffer(self, len: usize) -> Res<(Value, *mut u8)> {
        let mut data = ptr::null_mut();
        // SAFETY: writes an address and a value.
        let value = self.given(|value| unsafe {
            sys::napi_create_arraybuffer(self.0, len, &mut data, value)
        })?;
        if data.is_null() && len > 0 {
            return Err(Failure::Refused(sys::Status::napi_generic_failure));
        }
        Ok((value, data.cast()))
    }
    /// A new Uint8Array with these bytes.
    pub fn uint8_array(self, bytes: &[u8]) -> Res<Value> {
        let buffer = self.array_buffer(bytes)?;
        self.view(ViewKind::U8, bytes.len(), buffer, 0)
    }
    /// A typed array over an ArrayBuffer.
    pub fn view(self, kind: ViewKind, count: usize, buffer: Value, offset: usize) -> Res<Value> {
        let buffer = buffer.raw();
        // SAFETY: a live value.
        self.given(|value| unsafe {
            sys::napi_create_typedarray(self.0, array_type(kind), count, buffer, offset, value)
        })
    }

    /// An ArrayBuffer over memory of ours.
    ///
    /// # Safety
    /// The memory stays until the buffer is detached or `gone` is called with `hint`.
    pub unsafe fn external_buffer(
        self,
        base: *mut u8,
        len: usize,
        gone: sys::napi_finalize,
        hint: *mut c_void,
    ) -> Res<Value> {
        // SAFETY: by the caller's promise.
        self.given(|value| unsafe {
            sys::napi_create_external_arraybuffer(self.0, base.cast(), len, gone, hint, value)
        })
    }
    pub fn is_detached(self, buffer: Value) -> Res<bool> {
        // SAFETY: a live value; writes one flag.
        self.told(|gone| unsafe { sys::napi_is_detached_arraybuffer(self.0, buffer.raw(), gone) })
    }
    /// Every view of the buffer has length 0 from now on.
    pub fn detach(self, buffer: Value) -> Res<()> {
        // SAFETY: a live value; what cannot be detached is refused.
        self.check(unsafe { sys::napi_detach_arraybuffer(self.0, buffer.raw()) })
    }
}

fn array_type(kind: ViewKind) -> sys::napi_typedarray_type {
    use sys::TypedarrayType as T;
    match kind {
        ViewKind::I8 => T::int8_array,
        ViewKind::U8 => T::uint8_array,
        ViewKind::I16 => T::int16_array,
        ViewKind::U16 => T::uint16_array,
        ViewKind::I32 => T::int32_array,
        ViewKind::U32 => T::uint32_array,
        ViewKind::F32 => T::float32_array,
        ViewKind::F64 => T::float64_array,
        ViewKind::I64 => T::bigint64_array,
        ViewKind::U64 => T::biguint64_array,
    }
}

impl BufferInfo {
    /// A detached buffer has no address.
    fn sound(self) -> Self {
        if self.data.is_null() {
            Self::EMPTY
        } else {
            self
        }
    }
}
