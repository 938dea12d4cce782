//! What the native host may do with JavaScript values.

use super::{Hook, NapiJs, OPERATORS, opaque, raw_of};
use crate::binding::raw::{self, Reference, get};
use crate::binding::{crossing, errors};
use crate::emscripten::Runtime;
use crate::emscripten::js::{
    HandleRef, Js, JsRef, JsValue, Kind, Operator, Scope, TimerCommand, ViewKind,
};
use crate::engine::Unwind;
use napi::sys;
use std::ptr;

impl Js for NapiJs {
    fn kind(&self, value: JsValue) -> Kind {
        match get!(napi_typeof, self.env, raw_of(value)) {
            Some(sys::ValueType::napi_null) => Kind::Null,
            Some(sys::ValueType::napi_boolean) => Kind::Boolean,
            Some(sys::ValueType::napi_number) => Kind::Number,
            Some(sys::ValueType::napi_string) => Kind::String,
            Some(sys::ValueType::napi_symbol) => Kind::Symbol,
            Some(sys::ValueType::napi_object) => Kind::Object,
            Some(sys::ValueType::napi_function) => Kind::Function,
            Some(sys::ValueType::napi_bigint) => Kind::BigInt,
            Some(sys::ValueType::napi_external) => Kind::External,
            _ => Kind::Undefined,
        }
    }
    fn undefined(&self) -> JsValue {
        opaque(self.undefined_value())
    }
    fn null(&self) -> JsValue {
        opaque(get!(napi_get_null, self.env).unwrap_or(ptr::null_mut()))
    }
    fn boolean(&self, value: bool) -> JsValue {
        opaque(get!(napi_get_boolean, self.env, value).unwrap_or(ptr::null_mut()))
    }
    fn number(&self, value: f64) -> JsValue {
        let int = value as i32;
        // Small integers are cheaper to make, and for V8 to work with; -0 is not one.
        let made = if f64::from(int) == value && (int != 0 || value.is_sign_positive()) {
            get!(napi_create_int32, self.env, int)
        } else {
            get!(napi_create_double, self.env, value)
        };
        opaque(made.unwrap_or(ptr::null_mut()))
    }
    fn bigint_i64(&self, value: i64) -> JsValue {
        opaque(get!(napi_create_bigint_int64, self.env, value).unwrap_or(ptr::null_mut()))
    }
    fn bigint_u64(&self, value: u64) -> JsValue {
        opaque(get!(napi_create_bigint_uint64, self.env, value).unwrap_or(ptr::null_mut()))
    }
    fn string_latin1(&self, bytes: &[u8]) -> JsValue {
        let made = get!(
            napi_create_string_latin1,
            self.env,
            bytes.as_ptr().cast(),
            bytes.len() as isize
        );
        opaque(made.unwrap_or(ptr::null_mut()))
    }
    fn string_utf8(&self, bytes: &[u8]) -> JsValue {
        if bytes.is_ascii() {
            return self.string_latin1(bytes);
        }
        let made = get!(
            napi_create_string_utf8,
            self.env,
            bytes.as_ptr().cast(),
            bytes.len() as isize
        );
        opaque(made.unwrap_or(ptr::null_mut()))
    }
    fn string_utf16(&self, units: &[u16]) -> JsValue {
        let made = get!(
            napi_create_string_utf16,
            self.env,
            units.as_ptr(),
            units.len() as isize
        );
        opaque(made.unwrap_or(ptr::null_mut()))
    }
    fn object(&self) -> JsValue {
        opaque(raw::object(self.env))
    }
    fn array(&self) -> JsValue {
        opaque(raw::array(self.env, []))
    }

    fn to_f64(&self, value: JsValue) -> Option<f64> {
        get!(napi_get_value_double, self.env, raw_of(value))
    }
    fn to_bool(&self, value: JsValue) -> Option<bool> {
        get!(napi_get_value_bool, self.env, raw_of(value))
    }
    fn truthy(&self, value: JsValue) -> bool {
        self.to_bool(value).unwrap_or_else(|| {
            let coerced = get!(napi_coerce_to_bool, self.env, raw_of(value));
            coerced
                .and_then(|c| self.to_bool(opaque(c)))
                .unwrap_or(false)
        })
    }
    fn to_bigint(&self, value: JsValue) -> Option<(bool, Vec<u64>)> {
        let mut count = 0;
        let value = raw_of(value);
        // SAFETY: with no room given, only the number of words is written.
        let status = unsafe {
            sys::napi_get_value_bigint_words(
                self.env,
                value,
                ptr::null_mut(),
                &mut count,
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok {
            return None;
        }
        let mut words = vec![0; count];
        let mut sign = 0;
        // SAFETY: there is room for `count` words.
        let status = unsafe {
            sys::napi_get_value_bigint_words(
                self.env,
                value,
                &mut sign,
                &mut count,
                words.as_mut_ptr(),
            )
        };
        (status == sys::Status::napi_ok).then_some((sign != 0, words))
    }
    fn to_utf16(&self, value: JsValue) -> Option<Vec<u16>> {
        let length = get!(
            napi_get_value_string_utf16,
            self.env,
            raw_of(value),
            ptr::null_mut(),
            0
        )?;
        let mut units = vec![0; length + 1];
        get!(
            napi_get_value_string_utf16,
            self.env,
            raw_of(value),
            units.as_mut_ptr(),
            units.len()
        )?;
        units.truncate(length);
        Some(units)
    }
    fn utf8_len(&self, value: JsValue) -> Option<u32> {
        get!(
            napi_get_value_string_utf8,
            self.env,
            raw_of(value),
            ptr::null_mut(),
            0
        )
        .map(|n| n as u32)
    }
    fn write_utf8(&self, value: JsValue, out: &mut [u8]) {
        get!(
            napi_get_value_string_utf8,
            self.env,
            raw_of(value),
            out.as_mut_ptr().cast(),
            out.len()
        );
    }
    fn bytes_len(&self, value: JsValue) -> Option<u32> {
        self.bytes_of(value).map(|(_, length)| length as u32)
    }
    fn copy_bytes(&self, value: JsValue, out: &mut [u8]) {
        match self.bytes_of(value) {
            // SAFETY: that many bytes are readable there; they may be part of `out`'s memory.
            Some((data, length)) if length >= out.len() && !data.is_null() => unsafe {
                ptr::copy(data, out.as_mut_ptr(), out.len());
            },
            // A view of linear memory that died when room was made for it.
            _ => out.fill(0),
        }
    }
    fn strict_equals(&self, left: JsValue, right: JsValue) -> bool {
        get!(napi_strict_equals, self.env, raw_of(left), raw_of(right)).unwrap_or(false)
    }

    fn display(&self, _: &mut Runtime, value: JsValue) -> String {
        let text = get!(napi_coerce_to_string, self.env, raw_of(value))
            .and_then(|text| self.text_of(text));
        text.unwrap_or_else(|| {
            if get!(napi_is_exception_pending, self.env) == Some(true) {
                raw::take_exception(self.env);
            }
            self.kind(value).type_of().to_owned()
        })
    }
    fn get(&self, rt: &mut Runtime, object: JsValue, key: JsValue) -> Result<JsValue, Unwind> {
        match get!(napi_get_property, self.env, raw_of(object), raw_of(key)) {
            Some(value) => Ok(opaque(value)),
            None => Err(self.failure(|| {
                let name = self.display(rt, key);
                self.unreadable(object, &name)
            })),
        }
    }
    fn set(
        &self,
        rt: &mut Runtime,
        object: JsValue,
        key: JsValue,
        value: JsValue,
    ) -> Result<(), Unwind> {
        // SAFETY: live values of this environment.
        let status =
            unsafe { sys::napi_set_property(self.env, raw_of(object), raw_of(key), raw_of(value)) };
        if status == sys::Status::napi_ok {
            return Ok(());
        }
        Err(self.failure(|| {
            let (name, what) = (self.display(rt, key), self.display(rt, object));
            Unwind::script(
                "TypeError",
                format!("Cannot set properties of {what} (setting '{name}')"),
            )
        }))
    }
    fn get_named(&self, _: &mut Runtime, object: JsValue, name: &str) -> Result<JsValue, Unwind> {
        get!(napi_get_property, self.env, raw_of(object), self.key(name))
            .map(opaque)
            .ok_or_else(|| self.failure(|| self.unreadable(object, name)))
    }
    fn set_named(
        &self,
        rt: &mut Runtime,
        object: JsValue,
        name: &str,
        value: JsValue,
    ) -> Result<(), Unwind> {
        self.set(rt, object, opaque(self.key(name)), value)
    }
    fn get_index(&self, _: &mut Runtime, object: JsValue, index: u32) -> Result<JsValue, Unwind> {
        get!(napi_get_element, self.env, raw_of(object), index)
            .map(opaque)
            .ok_or_else(|| self.failure(|| self.unreadable(object, &index.to_string())))
    }
    fn set_index(
        &self,
        _: &mut Runtime,
        object: JsValue,
        index: u32,
        value: JsValue,
    ) -> Result<(), Unwind> {
        // SAFETY: live values of this environment.
        let status =
            unsafe { sys::napi_set_element(self.env, raw_of(object), index, raw_of(value)) };
        if status == sys::Status::napi_ok {
            return Ok(());
        }
        Err(self.failure(|| Unwind::script("TypeError", format!("Cannot set element {index}"))))
    }
    fn has_named(&self, _: &mut Runtime, object: JsValue, name: &str) -> Result<bool, Unwind> {
        get!(napi_has_property, self.env, raw_of(object), self.key(name)).ok_or_else(|| {
            self.failure(|| {
                Unwind::script(
                    "TypeError",
                    format!("Cannot use 'in' operator to search for '{name}'"),
                )
            })
        })
    }
    fn call(
        &self,
        rt: &mut Runtime,
        function: JsValue,
        this: JsValue,
        args: &[JsValue],
    ) -> Result<JsValue, Unwind> {
        self.follow_memory(rt);
        // JsValue is a napi_value in disguise, so the slice is an argument list.
        let args_at = args.as_ptr().cast::<sys::napi_value>();
        get!(
            napi_call_function,
            self.env,
            raw_of(this),
            raw_of(function),
            args.len(),
            args_at
        )
        .map(opaque)
        .ok_or_else(|| {
            self.failure(|| {
                let what = self.display(rt, function);
                Unwind::script("TypeError", format!("{what} is not a function"))
            })
        })
    }
    fn construct(
        &self,
        rt: &mut Runtime,
        class: JsValue,
        args: &[JsValue],
    ) -> Result<JsValue, Unwind> {
        self.follow_memory(rt);
        let args_at = args.as_ptr().cast::<sys::napi_value>();
        get!(
            napi_new_instance,
            self.env,
            raw_of(class),
            args.len(),
            args_at
        )
        .map(opaque)
        .ok_or_else(|| {
            self.failure(|| {
                let what = self.display(rt, class);
                Unwind::script("TypeError", format!("{what} is not a constructor"))
            })
        })
    }
    fn operator(
        &self,
        _: &mut Runtime,
        operator: Operator,
        left: JsValue,
        right: JsValue,
    ) -> Result<JsValue, Unwind> {
        let known = self.operators.borrow().as_ref().and_then(Reference::value);
        let function = known
            .or_else(|| {
                let made = get!(napi_run_script, self.env, raw::string(self.env, OPERATORS))?;
                *self.operators.borrow_mut() = Reference::new(self.env, made);
                Some(made)
            })
            .ok_or_else(|| Unwind::Bug("JavaScript's operators are out of reach".into()))?;
        let args = [
            self.number_value(f64::from(operator as u32)),
            raw_of(left),
            raw_of(right),
        ];
        get!(
            napi_call_function,
            self.env,
            self.undefined_value(),
            function,
            3,
            args.as_ptr()
        )
        .map(opaque)
        .ok_or_else(|| self.failure(|| Unwind::Bug("an operator failed".into())))
    }
    fn global(&self, rt: &mut Runtime, name: Option<&str>) -> Result<JsValue, Unwind> {
        let global = opaque(get!(napi_get_global, self.env).unwrap_or(ptr::null_mut()));
        match name {
            Some(name) => self.get_named(rt, global, name),
            None => Ok(global),
        }
    }
    fn module_property(&self, _: &mut Runtime, name: &str) -> Result<JsValue, Unwind> {
        self.call_hook(Hook::ModuleProperty, &[self.key(name)])
            .map(opaque)
    }

    fn view(
        &self,
        _: &mut Runtime,
        kind: ViewKind,
        at: u32,
        count: u32,
    ) -> Result<JsValue, Unwind> {
        // SAFETY: the cell outlives the instance that this belongs to.
        let cell = unsafe { &*self.cell };
        let width = match kind {
            ViewKind::I8 | ViewKind::U8 => 1,
            ViewKind::I16 | ViewKind::U16 => 2,
            ViewKind::I32 | ViewKind::U32 | ViewKind::F32 => 4,
            ViewKind::F64 | ViewKind::I64 | ViewKind::U64 => 8,
        };
        let end = at as usize + count as usize * width;
        let Some(buffer) = cell.array_buffer_for(self.env, end) else {
            return Err(Unwind::Unsupported(
                "views of the module's memory: this runtime allows no external ArrayBuffers".into(),
            ));
        };
        let kind = match kind {
            ViewKind::I8 => sys::TypedarrayType::int8_array,
            ViewKind::U8 => sys::TypedarrayType::uint8_array,
            ViewKind::I16 => sys::TypedarrayType::int16_array,
            ViewKind::U16 => sys::TypedarrayType::uint16_array,
            ViewKind::I32 => sys::TypedarrayType::int32_array,
            ViewKind::U32 => sys::TypedarrayType::uint32_array,
            ViewKind::F32 => sys::TypedarrayType::float32_array,
            ViewKind::F64 => sys::TypedarrayType::float64_array,
            ViewKind::I64 => sys::TypedarrayType::bigint64_array,
            ViewKind::U64 => sys::TypedarrayType::biguint64_array,
        };
        get!(
            napi_create_typedarray,
            self.env,
            kind,
            count as usize,
            buffer,
            at as usize
        )
        .map(opaque)
        .ok_or_else(|| {
            self.failure(|| {
                Unwind::script("RangeError", format!("Invalid typed array length: {count}"))
            })
        })
    }

    fn timer(&self, command: TimerCommand) -> Result<(), Unwind> {
        let function = self.timers.borrow().as_ref().and_then(Reference::value);
        let Some(function) = function else {
            return Err(Unwind::Unsupported(
                "timers of a module that has not started yet; open the source with host: 'glue'"
                    .into(),
            ));
        };
        let (what, id, ms, is_turn) = match command {
            TimerCommand::Set {
                id,
                kind,
                ms,
                is_turn,
            } => (f64::from(kind as u32), id, ms, is_turn),
            TimerCommand::Clear(id) => (-1.0, id, 0.0, false),
            TimerCommand::ClearAll => (-2.0, 0, 0.0, false),
        };
        let scope = self.open_scope();
        let args = [
            self.number_value(what),
            self.number_value(f64::from(id)),
            self.number_value(ms),
            self.number_value(f64::from(u8::from(is_turn))),
        ];
        let called = get!(
            napi_call_function,
            self.env,
            self.undefined_value(),
            function,
            args.len(),
            args.as_ptr()
        );
        let done = called
            .map(drop)
            .ok_or_else(|| self.failure(|| Unwind::Bug("a timer could not be set".into())));
        self.close_scope(scope);
        done
    }

    fn make_handle(
        &self,
        _: &mut Runtime,
        handle: HandleRef,
        smart: bool,
    ) -> Result<JsValue, Unwind> {
        let smart = get!(napi_get_boolean, self.env, smart).unwrap_or(ptr::null_mut());
        let args = [
            self.number_value(handle.id),
            self.number_value(handle.key),
            smart,
        ];
        self.call_hook(Hook::MakeHandle, &args).map(opaque)
    }
    fn handle_of(&self, _: &mut Runtime, value: JsValue) -> Option<HandleRef> {
        let is_handle = self.call_hook(Hook::HandleOf, &[raw_of(value)]).ok()?;
        let is_handle = self.to_bool(opaque(is_handle))?;
        is_handle.then(|| HandleRef {
            id: self.read_register(0),
            key: self.read_register(1),
        })
    }
    fn enum_value(&self, _: &mut Runtime, index: u32, value: f64) -> Result<JsValue, Unwind> {
        let args = [
            self.number_value(f64::from(index)),
            self.number_value(value),
        ];
        self.call_hook(Hook::EnumValue, &args).map(opaque)
    }
    fn inheriting_constructor(
        &self,
        _: &mut Runtime,
        name: &str,
        class: u32,
        properties: JsValue,
    ) -> Result<JsValue, Unwind> {
        let args = [
            self.key(name),
            self.number_value(f64::from(class)),
            raw_of(properties),
        ];
        self.call_hook(Hook::Inheriting, &args).map(opaque)
    }
    fn suspend(&self, _: &mut Runtime, promise: JsValue, awaiter: u32) -> Result<(), Unwind> {
        let args = [raw_of(promise), self.number_value(f64::from(awaiter))];
        self.call_hook(Hook::Suspend, &args).map(drop)
    }
    fn make_promise(&self, rt: &mut Runtime) -> Result<[JsValue; 3], Unwind> {
        let made = opaque(self.call_hook(Hook::MakePromise, &[])?);
        Ok([
            self.get_index(rt, made, 0)?,
            self.get_index(rt, made, 1)?,
            self.get_index(rt, made, 2)?,
        ])
    }
    fn error_of(&self, _: &mut Runtime, unwind: Unwind) -> JsValue {
        // SAFETY: the cell lives longer than its instance, which holds this.
        let cell = unsafe { &*self.cell };
        opaque(errors::of_unwind(self.env, cell, unwind))
    }
    fn unwind_of(&self, error: JsValue) -> Option<Unwind> {
        // SAFETY: as above.
        let cell = unsafe { &*self.cell };
        crossing::restored(self.env, cell, raw_of(error))
    }
    fn flush_function(&self, _: &mut Runtime) -> Result<JsValue, Unwind> {
        self.hook(Hook::Flush).map(opaque)
    }
    fn delete_function(&self, _: &mut Runtime, handle: HandleRef) -> Result<JsValue, Unwind> {
        let args = [self.number_value(handle.id), self.number_value(handle.key)];
        self.call_hook(Hook::DeleteFunction, &args).map(opaque)
    }

    fn keep(&self, value: JsValue) -> JsRef {
        let slot = self.kept_free.borrow_mut().pop().unwrap_or_else(|| {
            let slot = self.kept_len.get();
            self.kept_len.set(slot + 1);
            slot
        });
        if let Some(array) = self.kept.as_ref().and_then(Reference::value) {
            // SAFETY: an array of ours and a live value.
            unsafe { sys::napi_set_element(self.env, array, slot, raw_of(value)) };
        }
        JsRef(slot)
    }
    fn keep_error(&self, value: JsValue) -> JsRef {
        let kept = self.keep(value);
        // SAFETY: the cell lives longer than its instance, which holds this.
        unsafe { &*self.cell }.carry_error(kept);
        kept
    }
    fn value(&self, reference: JsRef) -> JsValue {
        let array = self.kept.as_ref().and_then(Reference::value);
        let value = array.and_then(|array| get!(napi_get_element, self.env, array, reference.0));
        opaque(value.unwrap_or_else(|| self.undefined_value()))
    }
    fn release(&self, reference: JsRef) {
        let scope = self.open_scope();
        if let Some(array) = self.kept.as_ref().and_then(Reference::value) {
            // SAFETY: an array of ours and a live value.
            unsafe { sys::napi_set_element(self.env, array, reference.0, self.undefined_value()) };
            self.kept_free.borrow_mut().push(reference.0);
        }
        self.close_scope(scope);
    }
    fn open_scope(&self) -> Scope {
        let scope: Option<sys::napi_handle_scope> = get!(napi_open_handle_scope, self.env);
        Scope(scope.map_or(0, |s| s as usize))
    }
    fn close_scope(&self, scope: Scope) {
        if scope.0 != 0 {
            // SAFETY: opened by `open_scope` and closed once, in reverse order.
            unsafe { sys::napi_close_handle_scope(self.env, scope.0 as sys::napi_handle_scope) };
        }
    }
}
