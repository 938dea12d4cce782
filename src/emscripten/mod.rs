//! The native host: Emscripten's runtime in Rust. It reaches JavaScript values only through [`js::Js`].
//!
//! Each module of this folder offers `IMPORTS`, a list of `(canonical import name, function)`. Canonical means: as
//! current Emscripten spells it in the wasm, without fastcomp's additional leading underscore.

#![forbid(unsafe_code)]

pub mod abi;
mod bounds;
mod console;
pub mod embind;
pub mod emval;
pub mod environment;
pub mod exceptions;
mod fastcomp;
pub mod fs;
pub mod functions;
mod heap;
mod imports;
mod indirect;
pub mod js;
mod js_imports;
mod lifecycle;
mod lineage;
mod main_loop;
mod math;
pub mod pool;
mod printf;
mod process;
mod pthread;
mod state;
pub mod syscalls;
mod system;
mod text;
mod time;
mod timers;

use crate::engine::{Args, Func, Result, Unwind, ValRaw, WasmInstance};
use abi::Abi;
pub use imports::answer;
#[cfg(any(test, fuzzing))]
pub use imports::names as import_names;
pub use js_imports::{exact_int, from_js, js_import, missing_import, to_int32, to_js};
pub use lineage::{Eras, Lineage};
pub use process::Process;
pub use state::StateImage;
use std::marker::PhantomPinned;
use std::rc::Rc;
use std::sync::Arc;

/// A host function. It may call back into wasm through `Runtime`, which may call host functions in turn.
pub type ImportFn = fn(&mut Runtime, &mut Args) -> Result;

/// All that a host function can reach. One per sandbox; its state is what a recycle restores.
///
/// A [`Func`] belongs to one wasm instance: an image must hold table indices or export names instead, and whatever keeps
/// a `Func` must be able to look it up again in another instance of the same program.
pub struct Runtime {
    pub wasm: WasmInstance,
    pub abi: Arc<Abi>,
    pub embind: embind::Embind,
    pub emval: emval::Emval,
    pub exceptions: exceptions::Exceptions,
    pub fs: fs::FileSystem,
    pub functions: functions::TableFunctions,
    /// Variables and arguments, as the user set them up.
    pub env: environment::Environment,
    pub process: Process,
    /// Work that waits for the event loop.
    pub timers: timers::Timers,
    pub js: Rc<dyn js::Js>,
    /// The JavaScript functions that answer imports, by the number in [`Args::index`].
    pub js_imports: Vec<Option<js::JsRef>>,
    /// How many of them are the user's: those come first.
    pub user_imports: usize,
    /// One of them was called.
    pub ran_javascript: bool,
    /// One of the package's own was.
    pub ran_package: bool,
    /// The same during start-up, a warm-up included.
    pub ran_at_start: bool,
    /// Unresolved imports: module, name, signature.
    pub missing: Vec<(String, String, String)>,
    /// The number of this instance in its sandbox: 0 until the image is taken, then from 1.
    pub generation: u64,
    /// What is good in it of what was made before.
    pub eras: Eras,
    /// Host functions get here by an address of their own while a call further out waits, and so do calls that come back
    /// from JavaScript: the compiler must not take a reference for the only way here.
    _shared: PhantomPinned,
}

impl Runtime {
    /// A runtime without a module yet.
    pub fn new(abi: Arc<Abi>, js: Rc<dyn js::Js>) -> Self {
        let mut fs = fs::FileSystem::default();
        fs.nul_ends_line = abi.no_filesystem;
        fs.opens_folders_to_create = abi.opens_folders_to_create;
        fs.unlisted_descriptors = abi.unlisted_descriptors;
        let wasm = WasmInstance::default();
        fs.set_pace(wasm.pace().clone());
        Self {
            wasm,
            abi,
            embind: embind::Embind::default(),
            emval: emval::Emval::default(),
            exceptions: exceptions::Exceptions::default(),
            functions: functions::TableFunctions::default(),
            fs,
            env: environment::Environment::default(),
            process: Process::default(),
            timers: timers::Timers::default(),
            js,
            js_imports: Vec::new(),
            user_imports: 0,
            ran_javascript: false,
            ran_package: false,
            ran_at_start: false,
            missing: Vec::new(),
            generation: 0,
            eras: Eras::default(),
            _shared: PhantomPinned,
        }
    }

    /// Bytes that are kept for the module outside of its memory.
    pub fn held_outside(&self) -> u64 {
        self.fs.stored() + self.emval.text_bytes() as u64
    }

    /// JavaScript, detached from the borrow of the runtime: what it runs may come back in.
    #[inline]
    pub fn js(&self) -> Rc<dyn js::Js> {
        Rc::clone(&self.js)
    }
    /// Enters wasm; see [`crate::engine::enter`].
    #[inline]
    pub fn enter(&mut self, func: Func, slots: &mut [ValRaw]) -> Result {
        crate::engine::enter(self, func, slots)
    }
    /// Calls a function of the module. `args` are in wasm order; the result is zero when there is none.
    pub fn call(&mut self, func: Func, args: &[ValRaw]) -> Result<ValRaw> {
        let mut slots = smallvec::SmallVec::<[ValRaw; 12]>::from_slice(args);
        // A function that is not of the type its name or pointer promises must find room all the same.
        let room = self.wasm.widest();
        if slots.len() < room {
            slots.resize(room, ValRaw::default());
        }
        self.enter(func, &mut slots)?;
        Ok(slots[0])
    }
    /// Calls an export by its canonical name.
    pub fn call_export(&mut self, name: &str, args: &[ValRaw]) -> Result<ValRaw> {
        let func = self
            .wasm
            .export(name)
            .ok_or_else(|| Unwind::MissingImport {
                module: "exports".into(),
                name: name.into(),
                signature: String::new(),
            })?;
        self.call(func, args)
    }
    pub fn malloc(&mut self, bytes: u32) -> Result<u32> {
        Ok(self
            .call_export("malloc", &[ValRaw::from_u32(bytes)])?
            .u32())
    }
    pub fn free(&mut self, ptr: u32) -> Result {
        self.call_export("free", &[ValRaw::from_u32(ptr)]).map(drop)
    }
}
