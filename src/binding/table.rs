//! The function table, memory and stack of a sandbox for `lib/facade`, and `main`.

use super::addon::{SandboxObject, pending};
use super::exports::{self, ExportSite};
use super::sandbox::enter;
use super::{errors, raw};
use crate::emscripten::Runtime;
use crate::emscripten::functions::signature;
use crate::emscripten::js::JsValue;
use crate::emscripten::to_int32;
use crate::engine::Unwind;
use napi::JsValue as _;
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// As many entries as V8 allows a table.
const MAX_TABLE: u32 = 10_000_000;

#[napi]
impl SandboxObject {
    /// `addFunction`: puts a function into the table and gives its index. `name`: it is this export of the module; `last`: the
    /// index it was given last.
    #[napi]
    pub fn table_add(
        &self,
        env: &Env,
        function: Unknown,
        name: Option<String>,
        letters: Option<String>,
        last: Option<u32>,
    ) -> Result<u32> {
        let runtime = &mut self.live(env)?.runtime;
        let added = match name {
            Some(name) => runtime.add_exported(&name),
            None => runtime.add_function(
                JsValue(function.raw() as usize),
                letters.as_deref().and_then(signature).as_ref(),
                last,
            ),
        };
        self.unwrap(env, added)
    }

    #[napi]
    pub fn table_remove(&self, env: &Env, index: u32) -> Result<()> {
        let removed = self.live(env)?.runtime.remove_function(index);
        self.unwrap(env, removed)
    }

    /// Sets an entry to an exported function, or to null.
    #[napi]
    pub fn table_set(
        &self,
        env: &Env,
        index: u32,
        function: Option<Unknown>,
        name: Option<String>,
    ) -> Result<()> {
        if function.is_some() && name.is_none() {
            let text = "WebAssembly.Table.set(): Argument 1 is invalid for table: function-typed object expected";
            let refused = Err(Unwind::script("TypeError", text));
            return self.unwrap(env, refused);
        }
        let set = self.live(env)?.runtime.put_exported(index, name.as_deref());
        self.unwrap(env, set)
    }

    /// The function of an entry, null when there is none.
    #[napi(ts_return_type = "Function | null")]
    pub fn table_get(&self, env: &Env, index: u32) -> Result<Unknown<'_>> {
        let raw_env = env.raw();
        self.live(env)?;
        let value = match ExportSite::of_entry(&self.cell, index) {
            // SAFETY: the site is dropped with the function, which holds this sandbox (see `Facade.holding`).
            Some(site) => unsafe { exports::owned_function(raw_env, site) },
            None => None,
        };
        // SAFETY: a live value of this environment.
        unsafe { Unknown::from_napi_value(raw_env, value.unwrap_or_else(|| raw::null(raw_env))) }
    }

    #[napi]
    pub fn table_length(&self, env: &Env) -> Result<u32> {
        Ok(self.live(env)?.runtime.wasm.table_len())
    }

    /// Grows the table by null entries and gives its old length.
    #[napi]
    pub fn table_grow(&self, env: &Env, delta: u32) -> Result<u32> {
        let wasm = &mut self.live(env)?.runtime.wasm;
        let before = wasm.table_len();
        for _ in 0..delta {
            if wasm.table_len() >= MAX_TABLE || wasm.table_grow().is_none() {
                let text = format!("WebAssembly.Table.grow(): failed to grow table by {delta}");
                return self.unwrap(env, Err(Unwind::script("RangeError", text)));
            }
        }
        Ok(before)
    }

    /// Grows the memory by pages of 64 KiB and gives its old length in pages.
    #[napi]
    pub fn grow_memory(&self, env: &Env, pages: u32) -> Result<u32> {
        let wasm = &mut self.live(env)?.runtime.wasm;
        let before = (wasm.memory().len() / 65536) as u32;
        let grown = wasm.grow(pages);
        self.follow(env)?;
        if grown {
            return Ok(before);
        }
        let text = "WebAssembly.Memory.grow(): Maximum memory size exceeded";
        self.unwrap(env, Err(Unwind::script("RangeError", text)))
    }

    /// The module's stack pointer; set when a value is given. For modules that export no way to it.
    #[napi]
    pub fn stack_pointer(&self, env: &Env, value: Option<i32>) -> Result<i32> {
        let wasm = &mut self.live(env)?.runtime.wasm;
        if let Some(value) = value {
            wasm.set_stack_pointer(value as u32);
        }
        let missing =
            || Unwind::Unsupported("the module neither exports nor has a stack pointer".into());
        let found = wasm.stack_pointer().map(|sp| sp as i32).ok_or_else(missing);
        self.unwrap(env, found)
    }

    /// The high word of a 64-bit result; set when a value is given.
    #[napi]
    pub fn temp_ret0(&self, env: &Env, value: Option<f64>) -> Result<i32> {
        let runtime = &mut self.live(env)?.runtime;
        let outcome = match value {
            Some(value) => runtime.set_high_result(to_int32(value) as u32),
            None => Ok(()),
        };
        let found = runtime.exceptions.temp_ret0() as i32;
        self.unwrap(env, outcome.map(|()| found))
    }

    /// The environment of the module, in place of the one it was opened with; `null` removes a default.
    #[napi]
    pub fn set_variables(
        &self,
        env: &Env,
        names: Vec<String>,
        values: Vec<Option<String>>,
    ) -> Result<()> {
        self.live(env)?
            .runtime
            .env
            .set_variables(names.into_iter().zip(values).collect());
        Ok(())
    }

    /// Runs `main` and gives its status.
    #[napi(ts_return_type = "number")]
    pub fn call_main(&self, env: &Env, args: Vec<String>) -> Result<Unknown<'_>> {
        let raw_env = env.raw();
        // SAFETY: the cell is this object's own.
        let status = unsafe {
            enter(raw_env, &raw const *self.cell, |rt| {
                let status = rt.run_main(&args)?.unwrap_or(0);
                Ok(JsValue(raw::number(raw_env, f64::from(status)) as usize))
            })
        };
        if status.is_null() {
            return Err(pending());
        }
        // SAFETY: a live value of this environment.
        unsafe { Unknown::from_napi_value(raw_env, status) }
    }

    /// A timer's time has come. `skip`: the main loop's turn is not wanted.
    #[napi]
    pub fn fire_timer(&self, env: &Env, id: u32, skip: bool) -> Result<()> {
        self.run(env, |rt| rt.fire_timer(id, skip))
    }

    /// `Module.resumeMainLoop` and `Module.pauseMainLoop`.
    #[napi]
    pub fn main_loop(&self, env: &Env, runs: bool) -> Result<()> {
        self.run(env, |rt| match runs {
            true => rt.resume_main_loop(),
            false => rt.pause_main_loop(),
        })
    }

    /// A call into the module that gives nothing.
    fn run(
        &self,
        env: &Env,
        call: impl FnOnce(&mut Runtime) -> std::result::Result<(), Unwind>,
    ) -> Result<()> {
        let raw_env = env.raw();
        let nothing = JsValue(raw::undefined(raw_env) as usize);
        // SAFETY: the cell is this object's own.
        let done = unsafe {
            enter(raw_env, &raw const *self.cell, |rt| {
                call(rt).map(|()| nothing)
            })
        };
        if done.is_null() {
            return Err(pending());
        }
        Ok(())
    }

    /// Type and `what()` of a C++ exception.
    #[napi]
    pub fn describe_exception(&self, env: &Env, ptr: f64) -> Result<Vec<Option<String>>> {
        self.live(env)?;
        let described = self.cell.describe_exception(ptr as u32);
        Ok(described.map_or_else(Vec::new, |d| vec![d.type_name, d.what]))
    }

    /// Throws what went wrong.
    pub(super) fn unwrap<T>(&self, env: &Env, result: std::result::Result<T, Unwind>) -> Result<T> {
        result.map_err(|unwind| {
            errors::throw_value(env.raw(), errors::of_unwind(env.raw(), &self.cell, unwind));
            pending()
        })
    }
}
