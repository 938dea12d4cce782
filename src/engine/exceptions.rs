//! Wasm exceptions on their way through host functions.
//!
//! An exception that wasm does not catch ends the call into it as an [`Unwind`]; a host function further out that lets the
//! unwinding pass must throw it again, so that the wasm around it can catch it. JavaScript errors travel through such
//! wasm under a tag of their own: its destructors run, and `catch (...)` sees them.

use super::thunks;
use super::{Func, Unwind};
use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;
use wasmer::{AsStoreMut, Engine, Extern, Instance, Module, Store, Value};
use wasmer_types::{ExportIndex, FunctionType, TagKind, Type};
use wasmer_vm::{InternalStoreHandle, StoreObject, StoreObjects, VMExceptionObj, VMTag};

/// What throws in one store whose module can catch.
#[derive(Clone, Debug)]
pub(super) struct Thrower {
    /// The store's own, which stays in place as long as the store.
    objects: NonNull<StoreObjects>,
    cpp: InternalStoreHandle<VMTag>,
    js: InternalStoreHandle<VMTag>,
    /// The last `longjmp` that left wasm: its tag, and what it carries.
    jump: Rc<Cell<Option<(InternalStoreHandle<VMTag>, u32)>>>,
}

impl Thrower {
    /// For a module with tags of its own. Nothing of it is in the store yet.
    pub fn new(
        store: &mut Store,
        module: &Module,
        rename: &dyn Fn(&str) -> String,
    ) -> Option<Self> {
        let info = module.info();
        if info.tags.is_empty() {
            return None;
        }
        let named = info.exports.iter().find_map(|(name, index)| match index {
            ExportIndex::Tag(tag) if rename(name) == "__cpp_exception" => Some(tag.as_u32()),
            _ => None,
        });
        let objects = store.objects_mut().as_sys_mut();
        let js = InternalStoreHandle::new(objects, tag());
        // Its own tags will follow in their order. A handle is a place in such a list, whichever store it is of.
        let mut like = StoreObjects::default();
        let mut places = std::iter::repeat_with(|| InternalStoreHandle::new(&mut like, tag()));
        let cpp = places.nth(VMTag::list(objects).len() + named.unwrap_or(0) as usize)?;
        Some(Self {
            objects: NonNull::from(objects),
            cpp,
            js,
            jump: Rc::default(),
        })
    }

    /// The exception that an unwinding is for wasm, if it is one.
    ///
    /// # Safety
    /// The store lives, and nobody uses a reference to its objects meanwhile.
    pub unsafe fn exception(&self, unwind: &Unwind) -> Option<u32> {
        let (tag, payload) = match unwind {
            Unwind::WasmException(Some(pointer)) => (self.cpp, *pointer),
            Unwind::Js(key) => (self.js, *key),
            Unwind::LongJmp => self.jump.get()?,
            _ => return None,
        };
        // SAFETY: by the caller's promise.
        let objects = unsafe { &mut *self.objects.as_ptr() };
        let mut value = wasmer_types::RawValue::default();
        value.u32 = payload;
        let list = VMExceptionObj::list_mut(objects);
        list.push(VMExceptionObj::new(tag, [value].into()));
        // An exnref is a place in this list, from 1.
        u32::try_from(list.len()).ok()
    }

    /// What an exception is that wasm did not catch.
    ///
    /// # Safety
    /// As for [`Thrower::exception`].
    pub unsafe fn uncaught(&self, exception: &wasmer_vm::VMExceptionRef) -> Unwind {
        // SAFETY: by the caller's promise.
        let exception = exception.0.get(unsafe { self.objects.as_ref() });
        let payload = super::vm::exception_payload(exception);
        // SAFETY: any bits are a number, and both tags carry one of 32 bits.
        let first = payload.first().map(|value| unsafe { value.u32 });
        let tag = exception.tag();
        match first {
            Some(key) if tag == self.js => Unwind::Js(key),
            pointer if tag == self.cpp => Unwind::WasmException(pointer),
            // Emscripten has no third tag.
            Some(argument) => {
                self.jump.set(Some((tag, argument)));
                Unwind::LongJmp
            }
            None => Unwind::WasmException(None),
        }
    }

    /// wasmer keeps exceptions as long as the store: no wasm frame may be live.
    ///
    /// # Safety
    /// As for [`Thrower::exception`].
    pub unsafe fn forget(&self) {
        // SAFETY: by the caller's promise.
        VMExceptionObj::list_mut(unsafe { &mut *self.objects.as_ptr() }).clear();
    }
}

/// The type of both tags: 32 bits.
fn tag() -> VMTag {
    VMTag::new(TagKind::Exception, FunctionType::new([Type::I32], []))
}

/// Compiles the thunks for host functions of these types.
pub(super) fn compile(engine: &Engine, types: &[FunctionType]) -> Result<Module, String> {
    Module::new(engine, thunks::assemble(types)).map_err(|e| e.to_string())
}

/// Puts thunks before host functions, in order.
pub(super) fn link(
    store: &mut Store,
    module: &Module,
    hosts: &[Extern],
) -> Result<Vec<(Extern, Func)>, String> {
    let instance = Instance::new_by_index(store, module, hosts).map_err(|e| e.to_string())?;
    let thunk = |at: usize| {
        let function = instance.exports.get_function(&at.to_string()).ok()?;
        let raw = Value::FuncRef(Some(function.clone())).as_raw(store);
        Some((Extern::Function(function.clone()), Func::from_raw(raw)?))
    };
    (0..hosts.len())
        .map(thunk)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| "a thunk is missing".to_owned())
}
