//! Wasm exceptions on their way through host functions.
//!
//! An exception that wasm does not catch ends the call into it as an [`Unwind`]; a host function further out that lets the
//! unwinding pass must throw it again, so that the wasm around it can catch it. JavaScript errors travel through such
//! wasm under a tag of their own: its destructors run, and `catch (...)` sees them.

use super::Unwind;
use super::store::{Handle, NewInstance, Store};
use std::cell::Cell;
use std::rc::Rc;
use wasmer_types::{ExportIndex, ModuleInfo, RawValue, Type};
use wasmer_vm::VMTag;

/// What throws in the store of a module that can catch.
#[derive(Clone, Debug)]
pub(super) struct Thrower(Rc<Tags>);

#[derive(Debug)]
struct Tags {
    js: Handle<VMTag>,
    /// Known once there is an instance.
    cpp: Cell<Option<Handle<VMTag>>>,
    /// The last `longjmp` that left wasm: its tag, and what it carries.
    jump: Cell<Option<(Handle<VMTag>, u32)>>,
}

impl Thrower {
    /// `None` for a module without tags of its own.
    pub fn new(store: &mut Store, info: &ModuleInfo) -> Option<Self> {
        (!info.tags.is_empty()).then(|| {
            Self(Rc::new(Tags {
                js: store.new_tag([Type::I32]),
                cpp: Cell::default(),
                jump: Cell::default(),
            }))
        })
    }

    /// The module has its instance.
    pub fn know(&self, made: &NewInstance, info: &ModuleInfo, rename: &dyn Fn(&str) -> String) {
        let named = info.exports.iter().find_map(|(name, index)| match index {
            ExportIndex::Tag(tag) if rename(name) == "__cpp_exception" => Some(tag.as_u32()),
            _ => None,
        });
        let cpp = made.tags.get(named.unwrap_or(0) as usize);
        self.0.cpp.set(cpp.copied());
    }

    /// The exception that an unwinding is for wasm, if it is one.
    pub fn exception(&self, store: &mut Store, unwind: &Unwind) -> Option<u32> {
        let (tag, payload) = match unwind {
            Unwind::WasmException(Some(pointer)) => (self.0.cpp.get()?, *pointer),
            Unwind::Js(key) => (self.0.js, *key),
            Unwind::LongJmp => self.0.jump.get()?,
            _ => return None,
        };
        let mut value = RawValue::default();
        value.u32 = payload;
        store.new_exception(tag, vec![value])
    }

    /// What an exception is that wasm did not catch.
    pub fn uncaught(&self, store: &Store, exnref: u32) -> Unwind {
        let Some((tag, payload)) = store.exception(exnref) else {
            return Unwind::WasmException(None);
        };
        // SAFETY: any bits are a number, and both tags carry one of 32 bits.
        let first = payload.first().map(|value| unsafe { value.u32 });
        match first {
            Some(key) if tag == self.0.js => Unwind::Js(key),
            pointer if Some(tag) == self.0.cpp.get() => Unwind::WasmException(pointer),
            // Emscripten has no third tag.
            Some(argument) => {
                self.0.jump.set(Some((tag, argument)));
                Unwind::LongJmp
            }
            None => Unwind::WasmException(None),
        }
    }
}
