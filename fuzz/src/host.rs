//! A runtime with a small module in it, and JavaScript played by the fuzzer's bytes: what a value's getters, functions
//! and conversions do is theirs to decide, and they may come back into the module.

use super::Bytes;
use emvm::emscripten::Runtime;
use emvm::emscripten::abi::Abi;
use emvm::emscripten::embind::{Embind, Image};
use emvm::emscripten::emval::coroutines;
use emvm::emscripten::js::{
    HandleRef, Js, JsRef, JsValue, Kind, Operator, Scope, TimerCommand, ViewKind,
};
use emvm::engine::{self, Answer, Args, Code, HostFn, Setup, Unwind, ValRaw};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use wasmer_types::{FunctionType, Type};

static CODE: LazyLock<Code> = LazyLock::new(|| {
    Code::compile(include_bytes!("callee.wasm"), None).expect("the callee compiles")
});

/// What runs when JavaScript, or the module's `hook`, may do as it likes.
pub type Meddle = fn(&mut Runtime, &Fake);

#[derive(Clone, Debug)]
pub enum Value {
    Undefined,
    Null,
    Boolean(bool),
    Number(f64),
    Big(bool, Vec<u64>),
    Text(Vec<u16>),
    Bytes(Vec<u8>),
    Symbol,
    Function,
    Object(BTreeMap<String, usize>),
    Handle(HandleRef),
}

/// JavaScript as the fuzzer plays it. The first values are fixed: undefined, null, false, true.
pub struct Fake {
    values: RefCell<Vec<Value>>,
    kept: RefCell<BTreeMap<u32, usize>>,
    next: Cell<u32>,
    input: RefCell<Vec<u8>>,
    meddle: Cell<Option<Meddle>>,
    depth: Cell<u32>,
    /// Handles that were given out.
    pub handles: RefCell<Vec<HandleRef>>,
}

thread_local! {
    static FAKE: RefCell<Option<Rc<Fake>>> = const { RefCell::new(None) };
}

fn hook(rt: &mut Runtime, args: &mut Args) -> Result<(), Unwind> {
    let fake = FAKE.with_borrow(Clone::clone).expect("a fake is set up");
    let (choice, given) = (fake.byte(), args.u32(0));
    match choice % 8 {
        0 => Err(fake.throw()),
        1 | 2 => {
            fake.run(rt);
            Ok(())
        }
        3 => args.ret_u32(given ^ u32::from(choice)),
        _ => args.ret_u32(given),
    }
}

/// A runtime over the callee, whose JavaScript takes its decisions from `decisions`.
pub fn runtime(abi: Abi, decisions: &[u8], meddle: Meddle) -> (Box<Runtime>, Rc<Fake>) {
    runtime_of(&CODE, abi, decisions, meddle, hook, 4 << 20)
}

/// A runtime over other code, which imports `hook`. `most`: bytes of its memory.
pub fn runtime_of(
    code: &Code,
    abi: Abi,
    decisions: &[u8],
    meddle: Meddle,
    hook: HostFn<Runtime>,
    most: u64,
) -> (Box<Runtime>, Rc<Fake>) {
    let fake = Rc::new(Fake::new(decisions, meddle));
    FAKE.set(Some(fake.clone()));
    let mut rt = Box::new(Runtime::new(Arc::new(abi), fake.clone()));
    rt.generation = 1;
    let setup = Setup {
        code,
        answer: &|_, _, _| Some(Answer::Function(hook, 0)),
        rename: &|name| name.to_owned(),
        memory_cap: Some(most),
        stack: Some(1 << 18),
        adopts: false,
    };
    engine::link(&mut rt, &setup).expect("the callee links");
    (rt, fake)
}

/// One of the ABI's generations.
pub fn abi(input: &mut Bytes<'_>) -> Abi {
    let bits = input.u16();
    let bit = |n: u16| bits >> n & 1 == 1;
    Abi {
        fastcomp: bits % 64 == 63,
        emval_even: bit(1),
        embind_checks: bit(2),
        embind_counts: bit(3),
        embind_args_suffix: bit(4),
        embind_bare_fields: bit(5),
        std_string_utf8: bit(6),
        emval_deletes_args: bit(7),
        finalizers: bit(9),
        ..Abi::default()
    }
}

/// Calls an import with arguments of the fuzzer's choice. `arity` parameters are declared, all i32 but for a few.
pub fn call_import(
    rt: &mut Runtime,
    name: &str,
    params: &[Type],
    values: &[u32],
) -> Result<u32, Unwind> {
    let function = emvm::emscripten::answer(name).expect("a known import");
    let ty = FunctionType::new(params.to_vec(), vec![Type::I32]);
    let mut slots: Vec<ValRaw> = (params.iter().zip(values))
        .map(|(ty, value)| match ty {
            Type::F64 => ValRaw::from_f64(f64::from(*value as i32)),
            Type::I64 => ValRaw::from_i64(i64::from(*value as i32)),
            _ => ValRaw::from_u32(*value),
        })
        .collect();
    slots.resize(params.len().max(1), ValRaw::default());
    function(rt, &mut Args::new(&mut slots, &ty, 0))?;
    Ok(slots[0].u32())
}

/// Goes back to the image, and asks whether that is where we are.
pub fn restore(embind: &mut Embind, image: &Image, live: u32, js: &dyn Js) {
    embind.restore(image, js);
    assert_eq!(
        embind.live_handles(),
        live,
        "live handles come back with the image"
    );
}

/// Values are places in a list; none is null.
fn js_value(place: usize) -> JsValue {
    JsValue(NonNull::without_provenance(
        NonZeroUsize::MIN.saturating_add(place),
    ))
}

fn place_of(value: JsValue) -> usize {
    value.0.addr().get() - 1
}

impl Fake {
    fn new(decisions: &[u8], meddle: Meddle) -> Self {
        let fixed = vec![
            Value::Undefined,
            Value::Null,
            Value::Boolean(false),
            Value::Boolean(true),
        ];
        Self {
            values: RefCell::new(fixed),
            kept: RefCell::default(),
            next: Cell::new(1),
            input: RefCell::new(decisions.iter().rev().copied().collect()),
            meddle: Cell::new(Some(meddle)),
            depth: Cell::new(0),
            handles: RefCell::default(),
        }
    }
    pub fn byte(&self) -> u8 {
        self.input.borrow_mut().pop().unwrap_or(0)
    }
    fn put(&self, value: Value) -> JsValue {
        let mut values = self.values.borrow_mut();
        // What grows for ever ends at a size that no finding needs.
        if values.len() > 1 << 16 {
            return js_value(0);
        }
        values.push(value);
        js_value(values.len() - 1)
    }
    /// A string, which may be longer than those of JavaScript.
    fn text(&self, units: Vec<u16>) -> Result<JsValue, Unwind> {
        if units.len() > 100 && self.byte().is_multiple_of(8) {
            return Err(Unwind::StringTooLong);
        }
        Ok(self.put(Value::Text(units)))
    }
    fn at(&self, value: JsValue) -> Value {
        self.values.borrow()[place_of(value)].clone()
    }
    /// A value of the fuzzer's choice.
    pub fn any(&self) -> JsValue {
        let choice = self.byte();
        match choice % 16 {
            n @ 0..=3 => js_value(n.into()),
            4 => self.number(f64::from(self.byte())),
            5 => self.number(f64::from(choice) * -1e9),
            6 => self.number(f64::NAN),
            7 => self.put(Value::Big(
                choice > 127,
                vec![u64::MAX; usize::from(choice >> 6)],
            )),
            8 => self.put(Value::Text(vec![
                0xd800 | u16::from(choice);
                usize::from(self.byte())
            ])),
            9 => self.put(Value::Text("value".encode_utf16().collect())),
            10 => self.put(Value::Bytes(vec![choice; usize::from(self.byte())])),
            11 => self.put(Value::Symbol),
            12 => self.put(Value::Function),
            13 => self.array(),
            14 => {
                let handles = self.handles.borrow();
                match handles.get(usize::from(self.byte())) {
                    Some(handle) => self.put(Value::Handle(*handle)),
                    None => self.put(Value::Handle(HandleRef {
                        id: f64::from(self.byte()),
                        key: f64::from(choice) * 65537.0,
                    })),
                }
            }
            _ => js_value(usize::from(self.byte()) % self.values.borrow().len()),
        }
    }
    fn throw(&self) -> Unwind {
        emvm::emscripten::js::throw(self, self.any())
    }
    /// JavaScript runs: it may come back in, but not for ever.
    pub fn run(&self, rt: &mut Runtime) {
        if self.depth.get() < 6
            && let Some(meddle) = self.meddle.get()
        {
            self.depth.set(self.depth.get() + 1);
            meddle(rt, self);
            self.depth.set(self.depth.get() - 1);
        }
    }
    /// What a getter, a function or a conversion gives.
    fn outcome(&self, rt: &mut Runtime) -> Result<JsValue, Unwind> {
        match self.byte() % 8 {
            0 => Err(self.throw()),
            1 => {
                self.run(rt);
                Ok(self.any())
            }
            _ => Ok(self.any()),
        }
    }
    fn property(&self, rt: &mut Runtime, object: JsValue, name: &str) -> Result<JsValue, Unwind> {
        if let Value::Object(fields) = self.at(object)
            && let Some(at) = fields.get(name)
        {
            return Ok(js_value(*at));
        }
        self.outcome(rt)
    }
    fn change(&self, object: JsValue, name: String, value: JsValue) {
        if let Some(Value::Object(fields)) = self.values.borrow_mut().get_mut(place_of(object)) {
            fields.insert(name, place_of(value));
        }
    }
    fn name_of(&self, key: JsValue) -> String {
        match self.at(key) {
            Value::Text(units) => String::from_utf16_lossy(&units),
            other => format!("{other:?}"),
        }
    }
}

impl Js for Fake {
    fn kind(&self, value: JsValue) -> Kind {
        match self.at(value) {
            Value::Undefined => Kind::Undefined,
            Value::Null => Kind::Null,
            Value::Boolean(_) => Kind::Boolean,
            Value::Number(_) => Kind::Number,
            Value::Big(..) => Kind::BigInt,
            Value::Text(_) => Kind::String,
            Value::Symbol => Kind::Symbol,
            Value::Function => Kind::Function,
            Value::Bytes(_) | Value::Object(_) | Value::Handle(_) => Kind::Object,
        }
    }
    fn undefined(&self) -> JsValue {
        js_value(0)
    }
    fn null(&self) -> JsValue {
        js_value(1)
    }
    fn boolean(&self, value: bool) -> JsValue {
        js_value(2 + usize::from(value))
    }
    fn number(&self, value: f64) -> JsValue {
        self.put(Value::Number(value))
    }
    fn bigint_i64(&self, value: i64) -> JsValue {
        self.put(Value::Big(value < 0, vec![value.unsigned_abs()]))
    }
    fn bigint_u64(&self, value: u64) -> JsValue {
        self.put(Value::Big(false, vec![value]))
    }
    fn string_latin1(&self, bytes: &[u8]) -> Result<JsValue, Unwind> {
        self.text(bytes.iter().map(|b| u16::from(*b)).collect())
    }
    fn string_utf8(&self, bytes: &[u8]) -> Result<JsValue, Unwind> {
        let text = String::from_utf8_lossy(bytes);
        self.text(text.encode_utf16().collect())
    }
    fn string_utf16(&self, units: &[u16]) -> Result<JsValue, Unwind> {
        self.text(units.to_vec())
    }
    fn object(&self) -> JsValue {
        self.put(Value::Object(BTreeMap::new()))
    }
    fn array(&self) -> JsValue {
        self.put(Value::Object(BTreeMap::new()))
    }
    fn to_f64(&self, value: JsValue) -> Option<f64> {
        match self.at(value) {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }
    fn to_bool(&self, value: JsValue) -> Option<bool> {
        match self.at(value) {
            Value::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }
    fn truthy(&self, value: JsValue) -> bool {
        match self.at(value) {
            Value::Undefined | Value::Null | Value::Boolean(false) => false,
            Value::Number(number) => number != 0.0 && !number.is_nan(),
            Value::Text(units) => !units.is_empty(),
            _ => true,
        }
    }
    fn to_bigint(&self, value: JsValue) -> Option<(bool, Vec<u64>)> {
        match self.at(value) {
            Value::Big(negative, words) => Some((negative, words)),
            _ => None,
        }
    }
    fn to_utf16(&self, value: JsValue) -> Option<Vec<u16>> {
        match self.at(value) {
            Value::Text(units) => Some(units),
            _ => None,
        }
    }
    fn utf8_len(&self, value: JsValue) -> Option<u32> {
        let units = self.to_utf16(value)?;
        Some(String::from_utf16_lossy(&units).len() as u32)
    }
    fn write_utf8(&self, value: JsValue, out: &mut [u8]) {
        let text = String::from_utf16_lossy(&self.to_utf16(value).unwrap_or_default());
        assert_eq!(out.len(), text.len() + 1, "room for the text and a NUL");
        out[..text.len()].copy_from_slice(text.as_bytes());
        out[text.len()] = 0;
    }
    fn bytes_len(&self, value: JsValue) -> Option<u32> {
        match self.at(value) {
            Value::Bytes(bytes) => Some(bytes.len() as u32),
            _ => None,
        }
    }
    fn copy_bytes(&self, value: JsValue, out: &mut [u8]) {
        if let Value::Bytes(bytes) = self.at(value) {
            assert_eq!(out.len(), bytes.len(), "room for the bytes");
            out.copy_from_slice(&bytes);
        }
    }
    fn strict_equals(&self, left: JsValue, right: JsValue) -> bool {
        left == right
    }
    fn display(&self, rt: &mut Runtime, value: JsValue) -> String {
        if self.byte().is_multiple_of(16) {
            self.run(rt);
        }
        self.name_of(value)
    }
    fn get(&self, rt: &mut Runtime, object: JsValue, key: JsValue) -> Result<JsValue, Unwind> {
        self.property(rt, object, &self.name_of(key))
    }
    fn set(
        &self,
        rt: &mut Runtime,
        object: JsValue,
        key: JsValue,
        value: JsValue,
    ) -> Result<(), Unwind> {
        self.change(object, self.name_of(key), value);
        self.outcome(rt).map(drop)
    }
    fn get_named(&self, rt: &mut Runtime, object: JsValue, name: &str) -> Result<JsValue, Unwind> {
        self.property(rt, object, name)
    }
    fn set_named(
        &self,
        rt: &mut Runtime,
        object: JsValue,
        name: &str,
        value: JsValue,
    ) -> Result<(), Unwind> {
        self.change(object, name.to_owned(), value);
        self.outcome(rt).map(drop)
    }
    fn get_index(&self, rt: &mut Runtime, object: JsValue, index: u32) -> Result<JsValue, Unwind> {
        self.property(rt, object, &index.to_string())
    }
    fn set_index(
        &self,
        rt: &mut Runtime,
        object: JsValue,
        index: u32,
        value: JsValue,
    ) -> Result<(), Unwind> {
        self.change(object, index.to_string(), value);
        self.outcome(rt).map(drop)
    }
    fn has_named(&self, rt: &mut Runtime, _: JsValue, _: &str) -> Result<bool, Unwind> {
        Ok(!self.byte().is_multiple_of(8) || self.truthy(self.outcome(rt)?))
    }
    fn call(
        &self,
        rt: &mut Runtime,
        _: JsValue,
        _: JsValue,
        _: &[JsValue],
    ) -> Result<JsValue, Unwind> {
        self.outcome(rt)
    }
    fn construct(&self, rt: &mut Runtime, _: JsValue, _: &[JsValue]) -> Result<JsValue, Unwind> {
        self.outcome(rt)
    }
    /// Nothing waits here: a promise is settled, or never will be, as the fuzzer decides.
    fn suspend(&self, rt: &mut Runtime, promise: JsValue, awaiter: u32) -> Result<(), Unwind> {
        match self.byte() % 4 {
            0 => Err(self.throw()),
            n @ 1..=2 => coroutines::resume(rt, awaiter, promise, n == 2),
            _ => Ok(()),
        }
    }
    fn make_promise(&self, rt: &mut Runtime) -> Result<[JsValue; 3], Unwind> {
        let promise = self.outcome(rt)?;
        Ok([
            promise,
            self.put(Value::Function),
            self.put(Value::Function),
        ])
    }
    fn error_of(&self, _: &mut Runtime, unwind: Unwind) -> JsValue {
        let text = format!("{unwind:?}");
        self.put(Value::Text(text.encode_utf16().collect()))
    }
    fn unwind_of(&self, _: JsValue) -> Option<Unwind> {
        match self.byte() % 8 {
            0 => Some(Unwind::LongJmp),
            1 => Some(Unwind::Cpp(u32::from(self.byte()) << 8)),
            2 => Some(Unwind::Exit(1)),
            _ => None,
        }
    }
    fn timer(&self, _: TimerCommand) -> Result<(), Unwind> {
        match self.byte() % 16 {
            0 => Err(self.throw()),
            _ => Ok(()),
        }
    }
    fn operator(
        &self,
        rt: &mut Runtime,
        operator: Operator,
        _: JsValue,
        _: JsValue,
    ) -> Result<JsValue, Unwind> {
        let given = self.outcome(rt)?;
        Ok(match operator {
            Operator::Number => self.number(f64::from(self.byte())),
            Operator::Equals | Operator::Less | Operator::Greater => {
                self.boolean(place_of(given).is_multiple_of(2))
            }
            _ => given,
        })
    }
    fn global(&self, rt: &mut Runtime, _: Option<&str>) -> Result<JsValue, Unwind> {
        self.outcome(rt)
    }
    fn module_property(&self, rt: &mut Runtime, _: &str) -> Result<JsValue, Unwind> {
        self.outcome(rt)
    }
    fn view(
        &self,
        rt: &mut Runtime,
        kind: ViewKind,
        ptr: u32,
        count: u32,
    ) -> Result<JsValue, Unwind> {
        let length = u64::from(kind.width()) * u64::from(count);
        let length = u32::try_from(length).map_err(|_| Unwind::out_of_bounds())?;
        let bytes = rt.wasm.bytes(ptr, length)?.to_vec();
        Ok(self.put(Value::Bytes(bytes)))
    }
    fn make_handle(&self, _: &mut Runtime, handle: HandleRef, _: bool) -> Result<JsValue, Unwind> {
        self.handles.borrow_mut().push(handle);
        Ok(self.put(Value::Handle(handle)))
    }
    fn handle_of(&self, _: &mut Runtime, value: JsValue) -> Option<HandleRef> {
        match self.at(value) {
            Value::Handle(handle) => Some(handle),
            _ => None,
        }
    }
    fn enum_value(&self, rt: &mut Runtime, index: u32, _: f64) -> Result<JsValue, Unwind> {
        assert!(
            (index as usize) < rt.embind.reg.enums.len(),
            "a registered enum"
        );
        self.outcome(rt)
    }
    fn inheriting_constructor(
        &self,
        rt: &mut Runtime,
        _: &str,
        class: u32,
        _: JsValue,
    ) -> Result<JsValue, Unwind> {
        assert!(
            (class as usize) < rt.embind.reg.classes.len(),
            "a registered class"
        );
        self.outcome(rt)
    }
    fn flush_function(&self, rt: &mut Runtime) -> Result<JsValue, Unwind> {
        self.outcome(rt)
    }
    fn delete_function(&self, rt: &mut Runtime, _: HandleRef) -> Result<JsValue, Unwind> {
        self.outcome(rt)
    }
    fn keep(&self, value: JsValue) -> JsRef {
        let key = self.next.replace(self.next.get() + 1);
        self.kept.borrow_mut().insert(key, place_of(value));
        JsRef(key)
    }
    fn value(&self, reference: JsRef) -> JsValue {
        let kept = self.kept.borrow();
        js_value(
            *kept
                .get(&reference.0)
                .expect("a reference is used while it is kept"),
        )
    }
    fn handles_changed(&self) {}
    fn release(&self, reference: JsRef) {
        let was = self.kept.borrow_mut().remove(&reference.0);
        assert!(was.is_some(), "a reference is released once");
    }
    fn open_scope(&self) -> Scope {
        Scope(0)
    }
    fn close_scope(&self, _: Scope) {}
}
