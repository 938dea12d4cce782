//! emval: JavaScript values held by C++ through handles.
//!
//! Handles are numbered as the module's generation expects: four fixed ones for `undefined`, `null`, `true` and
//! `false`, then dynamic ones, consecutive from 5 or even from 10. Numbers and names are kept without JavaScript,
//! so that an image without other values can go to another thread.

mod callers;
pub mod coroutines;
mod imports;

pub use imports::IMPORTS;

use super::embind::convert::Destructor;
use super::embind::{Out, handles, keep_again};
use super::js::{HandleRef, Js, JsRef, JsValue, Kind, ViewKind, throw};
use super::pool::{Pool, PoolImage};
use super::{Runtime, bounds};
use crate::engine::{Result, Unwind};
use callers::Caller;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// A value behind an emval handle. What only JavaScript can make is made when it is used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Value {
    #[default]
    Vacant,
    Number(f64),
    /// UTF-16 code units.
    Text(Box<[u16]>),
    /// `globalThis[name]`, or `globalThis`: looked up when used.
    Global(Option<Box<str>>),
    /// `Module[name]`: looked up when used, since the facade is made after start-up.
    ModuleProperty(Box<str>),
    Js(JsRef),
    /// A class handle whose JavaScript object nobody has asked for yet; `true`: it is finalized when collected.
    Handle(HandleRef, bool),
    /// A view of linear memory that nobody has looked at yet: element type, address, count.
    View(ViewKind, u32, u32),
    /// What `_emval_run_destructors` is to do.
    Destructors(Vec<Destructor>),
}

impl Value {
    fn text_bytes(&self) -> usize {
        match self {
            Value::Text(units) => 2 * units.len(),
            _ => 0,
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Entry {
    refs: u32,
    value: Value,
}

impl Entry {
    /// With a reference of its own.
    fn again(&self, js: &dyn Js) -> Self {
        match self.value {
            Value::Js(reference) => Self {
                refs: self.refs,
                value: Value::Js(keep_again(js, reference)),
            },
            _ => self.clone(),
        }
    }

    fn release(self, js: &dyn Js) {
        if let Value::Js(reference) = self.value {
            js.release(reference);
        }
    }
}

/// The handle table.
#[derive(Default)]
pub struct Emval {
    entries: Pool<Entry>,
    callers: Vec<Caller>,
    /// Bytes of the text behind all handles.
    texts: usize,
    /// Which image it was at last.
    base: u64,
}

/// What [`Emval::restore`] goes back to. JavaScript values in it are its own: see [`Image::release`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Image {
    entries: PoolImage<Entry>,
    callers: Vec<Caller>,
    texts: usize,
}

impl Image {
    /// What keeps another sandbox or thread from taking it over, in words: JavaScript values.
    pub fn bound_by(&self) -> Option<String> {
        let values = self.entries.items().iter();
        let bound = values.filter(|e| matches!(e.value, Value::Js(_) | Value::Handle(..)));
        match bound.count() {
            0 => None,
            1 => Some("C++ holds a JavaScript value".into()),
            n => Some(format!("C++ holds {n} JavaScript values")),
        }
    }

    /// Nothing goes back to it any more.
    pub fn release(&self, js: &dyn Js) {
        for entry in self.entries.items() {
            if let Value::Js(reference) = entry.value {
                js.release(reference);
            }
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.texts + std::mem::size_of_val(self.entries.items())
    }
}

impl Emval {
    /// `count_emval_handles()`: the live dynamic handles.
    pub fn count(&self) -> usize {
        self.entries.len() - self.entries.free_len()
    }

    /// Bytes of the strings behind handles.
    pub fn text_bytes(&self) -> usize {
        self.texts
    }

    pub fn snapshot(&mut self, js: &dyn Js) -> Image {
        let entries = self.entries.snapshot(|entry| entry.again(js));
        self.base = entries.id();
        Image {
            entries,
            callers: self.callers.clone(),
            texts: self.texts,
        }
    }

    /// Goes back to the image. JavaScript values kept since are released.
    pub fn restore(&mut self, image: &Image, js: &dyn Js) {
        let entries = &mut self.entries;
        entries.restore(&image.entries, |e| e.again(js), |e| e.release(js));
        self.restore_rest(image);
    }

    fn restore_rest(&mut self, image: &Image) {
        // They are only ever added.
        if std::mem::replace(&mut self.base, image.entries.id()) == image.entries.id() {
            self.callers.truncate(image.callers.len());
        } else {
            self.callers.clone_from(&image.callers);
        }
        self.texts = image.texts;
    }

    /// Forgets everything, for a wasm instance that replaces the old one and runs its constructors again.
    pub fn start_over(&mut self, js: &dyn Js) {
        for (_, entry) in self.entries.iter() {
            if let Value::Js(reference) = entry.value {
                js.release(reference);
            }
        }
        *self = Self::default();
    }

    /// Makes a new sandbox's table from the portable image of another of the same program.
    pub fn adopt(&mut self, image: &Image) {
        self.entries.restore(&image.entries, Clone::clone, drop);
        self.restore_rest(image);
    }
}

const UNDEFINED: u32 = 0;
const NULL: u32 = 1;
const TRUE: u32 = 2;
const FALSE: u32 = 3;

/// What throwing a JavaScript value unwinds with: a C++ exception that had left the module is one again.
pub fn throw_value(rt: &mut Runtime, value: JsValue) -> Unwind {
    match rt.js.unwind_of(value) {
        Some(Unwind::Cpp(object)) => {
            rt.exceptions.throw_again(object);
            Unwind::Cpp(object)
        }
        Some(other) => other,
        None => throw(&*rt.js, value),
    }
}

impl Runtime {
    fn constant_handle(&self, which: u32) -> u32 {
        if self.abi.emval_even {
            2 * (which + 1)
        } else {
            which + 1
        }
    }
    /// The entry of a dynamic handle; `Err` names one of the constants.
    fn entry_of(&self, handle: u32) -> Result<u32, u32> {
        if self.abi.emval_even {
            if handle >= 10 {
                Ok((handle - 10) / 2)
            } else {
                Err((handle / 2).wrapping_sub(1))
            }
        } else if handle >= 5 {
            Ok(handle - 5)
        } else {
            Err(handle.wrapping_sub(1))
        }
    }
    /// A new handle, owned by C++.
    pub(super) fn emval_insert(&mut self, value: Value) -> Result<u32> {
        bounds::HANDLES.admit(self.emval.count())?;
        let texts = self.emval.texts + value.text_bytes();
        bounds::TEXTS.admit(texts)?;
        self.emval.texts = texts;
        let index = self.emval.entries.insert(Entry { refs: 1, value });
        Ok(if self.abi.emval_even {
            10 + 2 * index
        } else {
            5 + index
        })
    }
    /// A handle of a JavaScript value, owned by C++.
    pub fn emval_handle(&mut self, value: JsValue) -> Result<u32> {
        let js = &self.js;
        let which = match js.kind(value) {
            Kind::Undefined => UNDEFINED,
            Kind::Null => NULL,
            Kind::Boolean => {
                if js.truthy(value) {
                    TRUE
                } else {
                    FALSE
                }
            }
            Kind::Number => {
                let number = js.to_f64(value).unwrap_or(f64::NAN);
                return self.emval_insert(Value::Number(number));
            }
            _ => {
                bounds::HANDLES.admit(self.emval.count())?;
                let kept = js.keep(value);
                return self.emval_insert(Value::Js(kept));
            }
        };
        Ok(self.constant_handle(which))
    }
    fn deleted_val(&self, handle: u32) -> Unwind {
        Unwind::binding(format!("Cannot use deleted val. handle = {handle}"))
    }
    /// The lowest live handle and its number of references.
    pub fn emval_first(&self) -> Option<(u32, u32)> {
        let live = |(_, entry): &(u32, &Entry)| entry.refs != 0;
        let (index, entry) = self.emval.entries.iter().find(live)?;
        let handle = if self.abi.emval_even {
            10 + 2 * index
        } else {
            5 + index
        };
        Some((handle, entry.refs))
    }
    /// The value behind a handle.
    pub fn emval_value(&mut self, handle: u32) -> Result<JsValue> {
        self.emval_look(handle, false)
    }
    /// `last`: the handle goes after this look.
    fn emval_look(&mut self, handle: u32, last: bool) -> Result<JsValue> {
        let index = match self.entry_of(handle) {
            Ok(index) => index,
            Err(which) => {
                return match which {
                    UNDEFINED => Ok(self.js.undefined()),
                    NULL => Ok(self.js.null()),
                    TRUE | FALSE => Ok(self.js.boolean(which == TRUE)),
                    _ => Err(self.deleted_val(handle)),
                };
            }
        };
        let js: Rc<dyn Js> = self.js();
        match self.emval.entries.get(index).map(|e| &e.value) {
            Some(Value::Number(number)) => Ok(js.number(*number)),
            Some(Value::Js(reference)) => Ok(js.value(*reference)),
            Some(Value::Text(units)) => js.string_utf16(units),
            Some(Value::Global(name)) => {
                let name = name.clone();
                js.global(self, name.as_deref())
            }
            Some(Value::ModuleProperty(name)) => {
                let name = name.clone();
                js.module_property(self, &name)
            }
            Some(Value::View(kind, at, count)) => {
                let (kind, at, count) = (*kind, *at, *count);
                let view = js.view(self, kind, at, count)?;
                // Whoever looks again must see the same object, unless this is the last look.
                if let Some(entry) = self.emval.entries.get_mut(index)
                    && !last
                {
                    entry.value = Value::Js(js.keep(view));
                }
                Ok(view)
            }
            Some(Value::Handle(handle, smart)) => {
                let (handle, smart) = (*handle, *smart);
                let object = js.make_handle(self, handle, smart)?;
                if let Some(entry) = self.emval.entries.get_mut(index) {
                    entry.value = Value::Js(js.keep(object));
                }
                Ok(object)
            }
            Some(Value::Destructors(_)) => Ok(js.array()),
            Some(Value::Vacant) | None => Err(self.deleted_val(handle)),
        }
    }
    /// The value behind a handle that JavaScript consumes; a class handle without an object stays one.
    pub fn emval_take_out(&mut self, handle: u32) -> Result<Out> {
        if let Ok(index) = self.entry_of(handle)
            && let Some(entry) = self.emval.entries.get(index)
            && let Value::Handle(object, smart) = entry.value
            && entry.refs == 1
        {
            self.emval.entries.remove(index, Entry::default());
            return Ok(Out::Handle {
                handle: object,
                smart,
            });
        }
        self.emval_take(handle).map(Out::Js)
    }
    /// The value behind a handle that JavaScript consumes.
    pub fn emval_take(&mut self, handle: u32) -> Result<JsValue> {
        let alone = self
            .entry_of(handle)
            .is_ok_and(|index| self.emval.entries.get(index).is_some_and(|e| e.refs == 1));
        let value = self.emval_look(handle, alone)?;
        self.emval_decref(handle)?;
        Ok(value)
    }
    pub fn emval_incref(&mut self, handle: u32) {
        if let Ok(index) = self.entry_of(handle)
            && let Some(entry) = self.emval.entries.get_mut(index)
        {
            entry.refs = entry.refs.saturating_add(1);
        }
    }
    pub fn emval_decref(&mut self, handle: u32) -> Result {
        let Ok(index) = self.entry_of(handle) else {
            return Ok(());
        };
        match self.emval.entries.get_mut(index) {
            Some(entry) if entry.refs > 1 => entry.refs -= 1,
            Some(entry) if entry.refs == 1 => {
                let gone = self.emval.entries.remove(index, Entry::default());
                self.emval.texts -= gone.value.text_bytes();
                match gone.value {
                    Value::Js(reference) => self.js.release(reference),
                    // What the collector would do with an object that nobody has any more.
                    Value::Handle(object, true) => handles::finalize(self, object)?,
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }
    /// The list behind a destructors handle, which is consumed.
    fn emval_take_destructors(&mut self, handle: u32) -> Result<Vec<Destructor>> {
        let index = self
            .entry_of(handle)
            .map_err(|_| self.deleted_val(handle))?;
        let list = match self.emval.entries.get(index).map(|e| &e.value) {
            Some(Value::Destructors(list)) => list.clone(),
            _ => return Err(self.deleted_val(handle)),
        };
        self.emval_decref(handle)?;
        Ok(list)
    }
}
