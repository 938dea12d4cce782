//! The function table, memory and stack of a sandbox for `lib/facade`, and `main`.

use super::addon::{Sandbox, unknown, value_of};
use super::exports::{self, ExportSite};
use super::sandbox::{Entering, enter};
use crate::emscripten::Runtime;
use crate::emscripten::functions::signature;
use crate::emscripten::to_int32;
use crate::engine::Unwind;
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// As many entries as V8 allows a table.
const MAX_TABLE: u32 = 10_000_000;

#[napi]
impl Sandbox {
    /// `addFunction`: puts a function into the table and gives its index. `name`: it is this export of the module; `last`: the
    /// index it was given last.
    #[napi(catch_unwind)]
    pub fn table_add(
        &self,
        function: Unknown,
        name: Option<String>,
        letters: Option<String>,
        last: Option<u32>,
    ) -> Result<u32> {
        let function = value_of(self.cell.env, function);
        self.enter(|rt| match name {
            Some(name) => rt.add_exported(&name),
            None => {
                let signature = letters.as_deref().and_then(signature);
                rt.add_function(function.into(), signature.as_ref(), last)
            }
        })
    }

    #[napi(catch_unwind)]
    pub fn table_remove(&self, index: u32) -> Result<()> {
        self.enter(|rt| rt.remove_function(index))
    }

    /// Sets an entry to an exported function, or to null.
    #[napi(catch_unwind)]
    pub fn table_set(
        &self,
        index: u32,
        function: Option<Unknown>,
        name: Option<String>,
    ) -> Result<()> {
        self.enter(|rt| {
            if function.is_some() && name.is_none() {
                let text = "WebAssembly.Table.set(): Argument 1 is invalid for table: function-typed object expected";
                return Err(Unwind::script("TypeError", text));
            }
            rt.put_exported(index, name.as_deref())
        })
    }

    /// The function of an entry, null when there is none.
    #[napi(ts_return_type = "Function | null", catch_unwind)]
    pub fn table_get<'env>(&self, env: &'env Env, index: u32) -> Result<Unknown<'env>> {
        let site =
            self.look(|instance| ExportSite::of_entry(&self.cell, &instance.runtime, index))?;
        let value = match site {
            // SAFETY: the site is dropped with the function, which holds this sandbox (see `Facade.holding`).
            Some(site) => self.done(unsafe { exports::owned_function(self.cell.env, site) })?,
            None => self.cell.env.null(),
        };
        unknown(env, value)
    }

    #[napi(catch_unwind)]
    pub fn table_length(&self) -> Result<u32> {
        self.look(|instance| instance.runtime.wasm.table_len())
    }

    /// Grows the table by null entries and gives its old length.
    #[napi(catch_unwind)]
    pub fn table_grow(&self, delta: u32) -> Result<u32> {
        self.enter(|rt| {
            let before = rt.wasm.table_len();
            for _ in 0..delta {
                if rt.wasm.table_len() >= MAX_TABLE || rt.wasm.table_grow().is_none() {
                    let text = format!("WebAssembly.Table.grow(): failed to grow table by {delta}");
                    return Err(Unwind::script("RangeError", text));
                }
            }
            Ok(before)
        })
    }

    /// Grows the memory by pages of 64 KiB and gives its old length in pages.
    #[napi(catch_unwind)]
    pub fn grow_memory(&self, pages: u32) -> Result<u32> {
        self.enter(|rt| {
            let before = (rt.wasm.memory().len() / 65536) as u32;
            if rt.wasm.grow(pages) {
                return Ok(before);
            }
            let text = "WebAssembly.Memory.grow(): Maximum memory size exceeded";
            Err(Unwind::script("RangeError", text))
        })
    }

    /// The module's stack pointer; set when a value is given. For modules that export no way to it.
    #[napi(catch_unwind)]
    pub fn stack_pointer(&self, value: Option<i32>) -> Result<i32> {
        self.enter(|rt| {
            if let Some(value) = value {
                rt.wasm.set_stack_pointer(value as u32);
            }
            rt.wasm.stack_pointer().map(|sp| sp as i32).ok_or_else(|| {
                Unwind::Unsupported("the module neither exports nor has a stack pointer".into())
            })
        })
    }

    /// The high word of a 64-bit result; set when a value is given.
    #[napi(catch_unwind)]
    pub fn temp_ret0(&self, value: Option<f64>) -> Result<i32> {
        self.enter(|rt| {
            if let Some(value) = value {
                rt.set_high_result(to_int32(value) as u32)?;
            }
            Ok(rt.exceptions.temp_ret0() as i32)
        })
    }

    /// The environment of the module, in place of the one it was opened with; `null` removes a default.
    #[napi(catch_unwind)]
    pub fn set_variables(&self, names: Vec<String>, values: Vec<Option<String>>) -> Result<()> {
        self.look(|instance| {
            let variables = names.into_iter().zip(values).collect();
            instance.runtime.env.set_variables(variables);
        })
    }

    /// Runs `main` and gives its status.
    #[napi(ts_return_type = "number", catch_unwind)]
    pub fn call_main<'env>(&self, env: &'env Env, args: Vec<String>) -> Result<Unknown<'env>> {
        let main = |rt: &mut Runtime| rt.run_main(&args);
        let status = self.done(enter(&self.cell, Entering::Module, main))?;
        let value = match status {
            Some(status) => self.cell.env.int(status.unwrap_or(0)),
            None => self.cell.env.undefined(),
        };
        unknown(env, value)
    }

    /// A timer's time has come. `skip`: the main loop's turn is not wanted.
    #[napi(catch_unwind)]
    pub fn fire_timer(&self, id: u32, skip: bool) -> Result<()> {
        self.run(|rt| rt.fire_timer(id, skip))
    }

    /// `Module.resumeMainLoop` and `Module.pauseMainLoop`.
    #[napi(catch_unwind)]
    pub fn main_loop(&self, runs: bool) -> Result<()> {
        self.run(|rt| match runs {
            true => rt.resume_main_loop(),
            false => rt.pause_main_loop(),
        })
    }

    /// A call into the module that gives nothing.
    fn run(
        &self,
        call: impl FnOnce(&mut Runtime) -> std::result::Result<(), Unwind>,
    ) -> Result<()> {
        self.done(enter(&self.cell, Entering::Module, call))
            .map(drop)
    }

    /// Type and `what()` of a C++ exception.
    #[napi(catch_unwind)]
    pub fn describe_exception(&self, ptr: f64) -> Result<Vec<Option<String>>> {
        self.look(|_| ())?;
        let described = self.cell.describe_exception(ptr as u32);
        Ok(described.map_or_else(Vec::new, |d| vec![d.type_name, d.what]))
    }
}
