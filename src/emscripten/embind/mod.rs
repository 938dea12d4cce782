//! embind: C++ classes, functions and values, as the module's static constructors describe them.
//!
//! Start-up fills a [`registry::Registry`]; the facade is made once from [`describe::describe`]; from then on the
//! only state that changes is the handles, their counts, the deletion queue and the instances of JavaScript
//! subclasses, which [`Embind::restore`] puts back.

pub mod convert;
pub mod describe;
mod funcs;
pub mod handles;
pub mod inherited;
pub mod invoke;
mod members;
mod names;
pub mod numbers;
mod plan;
mod pointers;
pub mod records;
mod register;
pub mod registry;
mod resolve;
pub mod short;
pub mod signatures;
mod strings;

pub use register::IMPORTS;

use super::Runtime;
use super::js::{HandleRef, Js, JsRef, JsValue};
use super::pool::{Pool, PoolImage};
use crate::engine::{Func, Result, Shortcut, Unwind, ValRaw, WasmInstance};
use funcs::ResolvedFunction;
use handles::Handle;
use inherited::SubclassInstance;
use registry::{Constant, FuncId, Registry, TypeIdx};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a call gives.
#[derive(Clone, Copy, Debug)]
pub enum Out {
    Js(JsValue),
    /// A new class handle, whose object JavaScript has yet to make. `smart` ones are finalized when collected.
    Handle {
        handle: HandleRef,
        smart: bool,
    },
}

impl Out {
    pub fn into_js(self, rt: &mut Runtime) -> Result<JsValue> {
        match self {
            Out::Js(value) => Ok(value),
            Out::Handle { handle, smart } => {
                let js = rt.js();
                js.make_handle(rt, handle, smart)
            }
        }
    }
}

/// The state of embind in one sandbox.
#[derive(Default)]
pub struct Embind {
    /// Shared with the sandbox's functions and with other sandboxes once it is complete.
    pub reg: Arc<Registry>,
    builder: resolve::Builder,
    /// `reg.funcs` in this instance.
    funcs: Vec<Option<ResolvedFunction>>,
    /// By callable.
    shortcuts: Vec<Shortcut>,
    /// Function pointer and signature to the entry in `funcs`, while registering.
    func_index: FxHashMap<(u32, String), FuncId>,
    malloc: Option<Func>,
    free: Option<Func>,

    handles: Pool<Handle>,
    counts: Pool<u32>,
    /// How many handles are live.
    live: u32,
    queue: Vec<HandleRef>,
    delay: Option<JsRef>,
    inherited: FxHashMap<u32, SubclassInstance>,
    /// `delay` or `inherited` are not those of the image that it was at last.
    values_changed: bool,

    /// The image is taken: nothing can be registered any more.
    closed: bool,
    /// Which image it was at last.
    base: u64,
}

/// What [`Embind::restore`] goes back to. JavaScript values in it are its own: see [`Image::release`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Image {
    #[serde(with = "crate::saved::shared")]
    reg: Arc<Registry>,
    handles: PoolImage<Handle>,
    counts: PoolImage<u32>,
    live: u32,
    queue: Vec<HandleRef>,
    delay: Option<JsRef>,
    inherited: Vec<(u32, SubclassInstance)>,
}

impl Image {
    /// What keeps another sandbox or thread from taking it over, in words: JavaScript values.
    pub fn bound_by(&self) -> Option<String> {
        if let Some((_, handle)) = self.live_handles().next() {
            let class = self.reg.pointer(handle.pointer).class;
            let name = &self.reg.class(class).name;
            return Some(match self.live {
                1 => format!("JavaScript holds a C++ object ({name})"),
                n => format!("JavaScript holds {n} C++ objects (a {name} among them)"),
            });
        }
        if self.delay.is_some() {
            return Some("setDelayFunction was given a JavaScript function".into());
        }
        if !self.inherited.is_empty() {
            return Some("there are instances of JavaScript subclasses".into());
        }
        let constants = self.reg.constants.iter();
        constants
            .clone()
            .any(|c| matches!(c, Constant::Js(_)))
            .then(|| "a constant of the module is a JavaScript value".into())
    }

    fn live_handles(&self) -> impl Iterator<Item = (usize, &Handle)> {
        let all = self.handles.items().iter().enumerate();
        all.filter(|(_, handle)| handle.key != 0)
    }

    /// Nothing goes back to it any more.
    pub fn release(&self, js: &dyn Js) {
        self.delay.into_iter().for_each(|delay| js.release(delay));
        for (_, instance) in &self.inherited {
            js.release(instance.object);
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        std::mem::size_of_val(self.handles.items()) + self.inherited.len() * 32
    }
}

impl Embind {
    /// How many handles were not deleted.
    #[cfg(any(test, fuzzing))]
    pub fn live_handles(&self) -> u32 {
        self.live
    }
    /// Class name and handle of each live handle of a generation (the image's own are left out).
    pub fn live(&self, generation: u64) -> Vec<(String, HandleRef)> {
        self.handles
            .iter()
            .filter(|(_, h)| h.key != 0 && h.key >> 16 == generation)
            .map(|(slot, h)| {
                let class = self.reg.pointer(h.pointer).class;
                let id = (u64::from(class) << 24 | u64::from(slot)) as f64;
                (
                    self.reg.class(class).name.clone(),
                    HandleRef {
                        id,
                        key: h.key as f64,
                    },
                )
            })
            .collect()
    }
    pub fn inherited_count(&self) -> usize {
        self.inherited.len()
    }
    /// The live instances of JavaScript subclasses.
    pub fn inherited_objects(&self) -> Vec<JsRef> {
        let mut all: Vec<_> = self
            .inherited
            .iter()
            .map(|(ptr, i)| (*ptr, i.object))
            .collect();
        all.sort_unstable_by_key(|(ptr, _)| *ptr);
        all.into_iter().map(|(_, object)| object).collect()
    }
    fn is_closed(&self) -> bool {
        self.closed
    }
    fn note_optional(&mut self, raw: u32, inner: u32) {
        self.registry_mut().optionals.insert(raw, inner);
    }

    fn registry_mut(&mut self) -> &mut Registry {
        Arc::make_mut(&mut self.reg)
    }
    #[inline]
    fn resolved(&self, id: FuncId) -> Option<&ResolvedFunction> {
        self.funcs.get(id as usize)?.as_ref()
    }
    fn add_function(
        &mut self,
        wasm: &WasmInstance,
        by_dyncall: bool,
        table_index: u32,
        signature: String,
    ) -> FuncId {
        if let Some(id) = self.func_index.get(&(table_index, signature.clone())) {
            return *id;
        }
        let id = self.funcs.len() as FuncId;
        self.funcs.push(ResolvedFunction::of(
            wasm,
            by_dyncall,
            table_index,
            &signature,
        ));
        self.registry_mut()
            .funcs
            .push((table_index, signature.clone()));
        self.func_index.insert((table_index, signature), id);
        id
    }

    /// The state now, which ends registration. Later changes are noted, so that going back costs what they cost.
    pub fn snapshot(&mut self, js: &dyn Js) -> Image {
        self.closed = true;
        self.builder = resolve::Builder::default();
        self.func_index = FxHashMap::default();
        let handles = self.handles.snapshot(Clone::clone);
        self.base = handles.id();
        self.values_changed = false;
        let inherited = self.inherited.iter();
        Image {
            reg: Arc::clone(&self.reg),
            handles,
            counts: self.counts.snapshot(Clone::clone),
            live: self.live,
            queue: self.queue.clone(),
            delay: self.delay.map(|delay| keep_again(js, delay)),
            inherited: inherited.map(|(ptr, i)| (*ptr, i.again(js))).collect(),
        }
    }

    /// Goes back to the image. JavaScript values kept since are released.
    pub fn restore(&mut self, image: &Image, js: &dyn Js) {
        js.handles_changed();
        self.handles.restore(&image.handles, Clone::clone, drop);
        self.counts.restore(&image.counts, Clone::clone, drop);
        self.live = image.live;
        if !self.queue.is_empty() || !image.queue.is_empty() {
            self.queue.clone_from(&image.queue);
        }
        if !std::mem::take(&mut self.values_changed) && self.base == image.handles.id() {
            return;
        }
        self.base = image.handles.id();
        self.delay.into_iter().for_each(|delay| js.release(delay));
        self.delay = image.delay.map(|delay| keep_again(js, delay));
        for (_, instance) in self.inherited.drain() {
            js.release(instance.object);
        }
        let inherited = image.inherited.iter();
        self.inherited
            .extend(inherited.map(|(ptr, i)| (*ptr, i.again(js))));
    }

    /// Another wasm instance of the program has taken the place of the one before.
    pub fn rebind(&mut self, wasm: &WasmInstance, by_dyncall: bool) {
        self.malloc = None;
        self.free = None;
        let funcs = self.reg.funcs.iter();
        if !by_dyncall {
            self.funcs = funcs
                .map(|(index, signature)| ResolvedFunction::of(wasm, false, *index, signature))
                .collect();
            return;
        }
        // All of a signature differ by the pointer only.
        let mut known = FxHashMap::<&str, Option<ResolvedFunction>>::default();
        let resolved = funcs.map(|(index, signature)| {
            let of = || ResolvedFunction::of(wasm, true, *index, signature);
            let first = known.entry(signature).or_insert_with(of);
            first.as_ref().map(|first| first.at(*index))
        });
        self.funcs = resolved.collect();
    }

    /// Forgets everything, for a wasm instance that replaces the old one and runs its constructors again. These
    /// register the same in the same order, so that the facade stays right.
    pub fn start_over(&mut self, js: &dyn Js) {
        js.handles_changed();
        for constant in &self.reg.constants {
            if let Constant::Js(reference) = constant {
                js.release(*reference);
            }
        }
        self.delay.into_iter().for_each(|delay| js.release(delay));
        self.inherited
            .values()
            .for_each(|instance| js.release(instance.object));
        *self = Self::default();
    }

    /// Makes a new sandbox's embind from the portable image of another of the same program, whose table `wasm` has.
    pub fn adopt(&mut self, image: &Image, wasm: &WasmInstance, by_dyncall: bool) {
        self.closed = true;
        self.reg = Arc::clone(&image.reg);
        self.rebind(wasm, by_dyncall);
        self.handles.restore(&image.handles, Clone::clone, drop);
        self.counts.restore(&image.counts, Clone::clone, drop);
        self.live = image.live;
        self.queue.clone_from(&image.queue);
        self.base = image.handles.id();
    }
}

/// Another reference to the same value.
pub(super) fn keep_again(js: &dyn Js, reference: JsRef) -> JsRef {
    let scope = js.open_scope();
    let again = js.keep(js.value(reference));
    js.close_scope(scope);
    again
}

/// The type with that id, or embind's error about who asked for it.
pub(super) fn require_type(rt: &mut Runtime, raw: u32, human: &str) -> Result<TypeIdx> {
    match rt.embind.reg.type_of_raw(raw) {
        Some(index) => Ok(index),
        None => {
            let name = names::type_name(rt, raw)?;
            Err(Unwind::binding(format!("{human} has unknown type {name}")))
        }
    }
}

impl Runtime {
    /// `malloc` without the search for the export.
    pub(super) fn embind_malloc(&mut self, bytes: u32) -> Result<u32> {
        if self.embind.malloc.is_none() {
            self.embind.malloc = self.wasm.export("malloc");
        }
        match self.embind.malloc {
            Some(malloc) => Ok(self.call(malloc, &[ValRaw::from_u32(bytes)])?.u32()),
            None => self.malloc(bytes),
        }
    }
    pub(super) fn embind_free(&mut self, ptr: u32) -> Result {
        if self.embind.free.is_none() {
            self.embind.free = self.wasm.export("free");
        }
        match self.embind.free {
            Some(free) => self.call(free, &[ValRaw::from_u32(ptr)]).map(drop),
            None => self.free(ptr),
        }
    }
}
