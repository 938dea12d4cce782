//! What the native host may do with JavaScript values.

use super::{Hook, NapiJs, OPERATORS, type_error};
use crate::binding::node_api::{self, Reference, Value};
use crate::binding::{crossing, errors};
use crate::emscripten::js::{
    HandleRef, Js, JsRef, JsValue, Kind, Operator, Scope, TimerCommand, ViewKind,
};
use crate::emscripten::{Runtime, exact_int};
use crate::engine::{Result, Unwind};

/// The same values for Node-API.
fn values(args: &[JsValue]) -> &[Value] {
    // SAFETY: both are a pointer that is not null, and nothing else; `JsValue`s come from values of this environment.
    unsafe { std::slice::from_raw_parts(args.as_ptr().cast(), args.len()) }
}

impl NapiJs {
    fn made(&self, made: node_api::Res<Value>) -> Result<JsValue> {
        made.map(JsValue::from)
            .map_err(|failed| self.unmade(failed))
    }
}

impl Js for NapiJs {
    fn kind(&self, value: JsValue) -> Kind {
        self.env.kind(value.into())
    }
    fn undefined(&self) -> JsValue {
        self.env.undefined().into()
    }
    fn null(&self) -> JsValue {
        self.env.null().into()
    }
    fn boolean(&self, value: bool) -> JsValue {
        self.env.boolean(value).into()
    }
    fn handles_changed(&self) {
        self.count_changes();
    }
    fn number(&self, value: f64) -> JsValue {
        // Small integers are cheaper to make, and for V8 to work with; -0 is not one.
        match exact_int(value) {
            Some(int) if int != 0 || value.is_sign_positive() => self.env.int(int).into(),
            _ => self.env.number(value).into(),
        }
    }
    fn bigint_i64(&self, value: i64) -> JsValue {
        self.env.bigint(value).into()
    }
    fn bigint_u64(&self, value: u64) -> JsValue {
        self.env.bigint_u64(value).into()
    }
    fn string_latin1(&self, bytes: &[u8]) -> Result<JsValue> {
        self.made(self.env.latin1(bytes))
    }
    fn string_utf8(&self, bytes: &[u8]) -> Result<JsValue> {
        if bytes.is_ascii() {
            return self.string_latin1(bytes);
        }
        self.made(self.env.utf8(bytes))
    }
    fn string_utf16(&self, units: &[u16]) -> Result<JsValue> {
        self.made(self.env.utf16(units))
    }
    fn object(&self) -> JsValue {
        self.env.object().into()
    }
    fn array(&self) -> JsValue {
        self.env.array(0).into()
    }

    fn to_f64(&self, value: JsValue) -> Option<f64> {
        self.env.as_f64(value.into())
    }
    fn to_bool(&self, value: JsValue) -> Option<bool> {
        self.env.as_bool(value.into())
    }
    fn truthy(&self, value: JsValue) -> bool {
        self.to_bool(value)
            .unwrap_or_else(|| self.env.truthy(value.into()))
    }
    fn to_bigint(&self, value: JsValue) -> Option<(bool, Vec<u64>)> {
        self.env.as_bigint(value.into())
    }
    fn to_utf16(&self, value: JsValue) -> Option<Vec<u16>> {
        self.env.to_utf16(value.into()).ok()
    }
    fn utf8_len(&self, value: JsValue) -> Option<u32> {
        self.env.utf8_len(value.into()).ok().map(|len| len as u32)
    }
    fn write_utf8(&self, value: JsValue, out: &mut [u8]) {
        // Only a string gets here, for which there is room.
        let _ = self.env.write_utf8(value.into(), out);
    }
    fn bytes_len(&self, value: JsValue) -> Option<u32> {
        self.env.bytes_len(value.into()).ok().map(|len| len as u32)
    }
    fn copy_bytes(&self, value: JsValue, out: &mut [u8]) {
        // A view of linear memory may have died when room was made for it.
        let copied = self.env.copy_bytes(value.into(), out).unwrap_or(0);
        out[copied..].fill(0);
    }
    fn strict_equals(&self, left: JsValue, right: JsValue) -> bool {
        self.env.strict_equals(left.into(), right.into())
    }

    fn display(&self, _: &mut Runtime, value: JsValue) -> String {
        let text = self.env.coerce_to_string(value.into());
        match text.and_then(|text| self.env.to_string(text)) {
            Ok(text) => text,
            Err(failed) => {
                self.env.exception_of(failed);
                self.kind(value).type_of().to_owned()
            }
        }
    }
    fn get(&self, rt: &mut Runtime, object: JsValue, key: JsValue) -> Result<JsValue> {
        self.found(self.env.get(object.into(), key.into()), || {
            let name = self.display(rt, key);
            self.unreadable(object, &name)
        })
    }
    fn set(&self, rt: &mut Runtime, object: JsValue, key: JsValue, value: JsValue) -> Result {
        let set = self.env.set(object.into(), key.into(), value.into());
        set.map_err(|failed| {
            self.unwind(failed, || {
                let (name, what) = (self.display(rt, key), self.display(rt, object));
                type_error(format!(
                    "Cannot set properties of {what} (setting '{name}')"
                ))
            })
        })
    }
    fn get_named(&self, _: &mut Runtime, object: JsValue, name: &str) -> Result<JsValue> {
        let found = self.env.get(object.into(), self.key(name)?);
        self.found(found, || self.unreadable(object, name))
    }
    fn set_named(&self, rt: &mut Runtime, object: JsValue, name: &str, value: JsValue) -> Result {
        let key = self.key(name)?;
        self.set(rt, object, key.into(), value)
    }
    fn get_index(&self, _: &mut Runtime, object: JsValue, index: u32) -> Result<JsValue> {
        let found = self.env.get_index(object.into(), index);
        self.found(found, || self.unreadable(object, &index.to_string()))
    }
    fn set_index(&self, _: &mut Runtime, object: JsValue, index: u32, value: JsValue) -> Result {
        let set = self.env.set_index(object.into(), index, value.into());
        set.map_err(|failed| {
            self.unwind(failed, || type_error(format!("Cannot set element {index}")))
        })
    }
    fn has_named(&self, _: &mut Runtime, object: JsValue, name: &str) -> Result<bool> {
        let found = self.env.has(object.into(), self.key(name)?);
        found.map_err(|failed| {
            self.unwind(failed, || {
                type_error(format!("Cannot use 'in' operator to search for '{name}'"))
            })
        })
    }
    fn call(
        &self,
        rt: &mut Runtime,
        function: JsValue,
        this: JsValue,
        args: &[JsValue],
    ) -> Result<JsValue> {
        self.follow_memory(rt);
        let called = self.env.call_on(this.into(), function.into(), values(args));
        self.found(called, || {
            type_error(format!("{} is not a function", self.display(rt, function)))
        })
    }
    fn construct(&self, rt: &mut Runtime, class: JsValue, args: &[JsValue]) -> Result<JsValue> {
        self.follow_memory(rt);
        let made = self.env.construct(class.into(), values(args));
        self.found(made, || {
            type_error(format!("{} is not a constructor", self.display(rt, class)))
        })
    }
    fn operator(
        &self,
        _: &mut Runtime,
        operator: Operator,
        left: JsValue,
        right: JsValue,
    ) -> Result<JsValue> {
        let known = self.operators.borrow().as_ref().and_then(Reference::value);
        let function = match known {
            Some(function) => function,
            None => {
                let made = self.env.run_script(OPERATORS);
                let made = made.map_err(|failed| self.unmade(failed))?;
                *self.operators.borrow_mut() = Reference::new(self.env, made);
                made
            }
        };
        let args = [self.env.uint(operator as u32), left.into(), right.into()];
        let bug = || Unwind::Bug("an operator failed".into());
        self.found(self.env.call(function, &args), bug)
    }
    fn global(&self, rt: &mut Runtime, name: Option<&str>) -> Result<JsValue> {
        let global = self.env.global().into();
        match name {
            Some(name) => self.get_named(rt, global, name),
            None => Ok(global),
        }
    }
    fn module_property(&self, _: &mut Runtime, name: &str) -> Result<JsValue> {
        self.call_hook(Hook::ModuleProperty, &[self.key(name)?])
    }

    fn view(&self, _: &mut Runtime, kind: ViewKind, at: u32, count: u32) -> Result<JsValue> {
        let end = at as usize + count as usize * kind.width() as usize;
        let Some(buffer) = self.cell().array_buffer_for(end) else {
            return Err(Unwind::Unsupported(
                "views of the module's memory: this runtime allows no external ArrayBuffers".into(),
            ));
        };
        let made = self.env.view(kind, count as usize, buffer, at as usize);
        self.found(made, || {
            Unwind::script("RangeError", format!("Invalid typed array length: {count}"))
        })
    }

    fn timer(&self, command: TimerCommand) -> Result {
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
            } => (kind as i32, id, ms, is_turn),
            TimerCommand::Clear(id) => (-1, id, 0.0, false),
            TimerCommand::ClearAll => (-2, 0, 0.0, false),
        };
        let env = self.env;
        let _scope = node_api::Scope::open(env);
        let args = [
            env.int(what),
            env.uint(id),
            env.number(ms),
            env.int(i32::from(is_turn)),
        ];
        match env.call(function, &args) {
            Ok(_) => Ok(()),
            Err(failed) => {
                Err(self.unwind(failed, || Unwind::Bug("a timer could not be set".into())))
            }
        }
    }

    fn make_handle(&self, _: &mut Runtime, handle: HandleRef, smart: bool) -> Result<JsValue> {
        let env = self.env;
        let args = [
            env.number(handle.id),
            env.number(handle.key),
            env.boolean(smart),
        ];
        self.call_hook(Hook::MakeHandle, &args)
    }
    fn handle_of(&self, _: &mut Runtime, value: JsValue) -> Option<HandleRef> {
        let is_handle = self.call_hook(Hook::HandleOf, &[value.into()]).ok()?;
        self.to_bool(is_handle)?.then(|| HandleRef {
            id: self.read_register(0),
            key: self.read_register(1),
        })
    }
    fn enum_value(&self, _: &mut Runtime, index: u32, value: f64) -> Result<JsValue> {
        let args = [self.env.uint(index), self.env.number(value)];
        self.call_hook(Hook::EnumValue, &args)
    }
    fn inheriting_constructor(
        &self,
        _: &mut Runtime,
        name: &str,
        class: u32,
        properties: JsValue,
    ) -> Result<JsValue> {
        let args = [self.key(name)?, self.env.uint(class), properties.into()];
        self.call_hook(Hook::Inheriting, &args)
    }
    fn suspend(&self, _: &mut Runtime, promise: JsValue, awaiter: u32) -> Result {
        let args = [promise.into(), self.env.uint(awaiter)];
        self.call_hook(Hook::Suspend, &args).map(drop)
    }
    fn make_promise(&self, rt: &mut Runtime) -> Result<[JsValue; 3]> {
        let made = self.call_hook(Hook::MakePromise, &[])?;
        Ok([
            self.get_index(rt, made, 0)?,
            self.get_index(rt, made, 1)?,
            self.get_index(rt, made, 2)?,
        ])
    }
    fn error_of(&self, _: &mut Runtime, unwind: Unwind) -> JsValue {
        errors::of_unwind(self.env, self.cell(), unwind).into()
    }
    fn unwind_of(&self, error: JsValue) -> Option<Unwind> {
        crossing::restored(self.env, self.cell(), error.into())
    }
    fn flush_function(&self, _: &mut Runtime) -> Result<JsValue> {
        self.hook(Hook::Flush).map(JsValue::from)
    }
    fn delete_function(&self, _: &mut Runtime, handle: HandleRef) -> Result<JsValue> {
        let args = [self.env.number(handle.id), self.env.number(handle.key)];
        self.call_hook(Hook::DeleteFunction, &args)
    }

    fn keep(&self, value: JsValue) -> JsRef {
        let slot = self.kept_free.borrow_mut().pop().unwrap_or_else(|| {
            let slot = self.kept_len.get();
            self.kept_len.set(slot + 1);
            slot
        });
        let kept = self.kept.as_ref().and_then(Reference::value);
        // An array of ours: this fails only where JavaScript may not run any more, where nothing looks for the value.
        let _ = kept.map(|array| self.env.set_index(array, slot, value.into()));
        JsRef(slot)
    }
    fn keep_error(&self, value: JsValue) -> JsRef {
        let kept = self.keep(value);
        self.cell().carry_error(kept);
        kept
    }
    fn value(&self, reference: JsRef) -> JsValue {
        let kept = self.kept.as_ref().and_then(Reference::value);
        let value = kept.and_then(|array| self.env.get_index(array, reference.0).ok());
        value.unwrap_or_else(|| self.env.undefined()).into()
    }
    fn release(&self, reference: JsRef) {
        let _scope = node_api::Scope::open(self.env);
        if let Some(array) = self.kept.as_ref().and_then(Reference::value) {
            let _ = self.env.set_index(array, reference.0, self.env.undefined());
            self.kept_free.borrow_mut().push(reference.0);
        }
    }
    fn open_scope(&self) -> Scope {
        Scope(node_api::Scope::open(self.env).into_raw())
    }
    fn close_scope(&self, scope: Scope) {
        // SAFETY: opened by `open_scope` and closed once, in reverse order.
        drop(unsafe { node_api::Scope::from_raw(self.env, scope.0) });
    }
}
