//! What the glue host takes from a program: its compiled code, and its glue as a function body.

use crate::binding::node_api::{Env, Res, Value};
use crate::binding::program::ProgramHandle;
use crate::instance::Program;
use crate::program::{WasmOrigin, esm};
use crate::webassembly::{CompiledModule, share};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A program's code as the WebAssembly namespace knows it: `[module, marker]`. Bytes equal to the marker stand for it.
///
/// The wasm's own bytes stand for it too.
#[napi(catch_unwind)]
pub fn webassembly_module(env: napi::Env, program: &ProgramHandle) -> Result<Array<'static>> {
    let reading = program.program.reading();
    let code = program.program.code();
    let cache = program.program.cache();
    let compiled = CompiledModule::of_code(code, &reading.wasm, &reading.digest, cache);
    let compiled = Arc::new(compiled);
    // Watched code is only for those who asked for it: they have the marker.
    if program.program.allocators().is_none() {
        share(&reading.digest, reading.wasm.len(), &compiled);
    }
    let env = Env::new(env.raw());
    let made = || -> Res<Value> {
        let module = env.external(compiled.clone())?;
        let marker = env.array_buffer(&esm::marker(&reading.key))?;
        env.list([module, marker])
    };
    match made() {
        // SAFETY: an array of this environment, in the scope of the call.
        Ok(array) => unsafe { Array::from_napi_value(env.raw(), array.raw()) },
        Err(failed) => {
            env.raise(failed);
            Err(Error::from_status(Status::PendingException))
        }
    }
}

/// Glue as a function body; see `src/program/esm.rs`.
#[napi(object)]
pub struct GlueBody {
    pub source: String,
    pub module: bool,
    pub awaits: bool,
    pub imports: Vec<String>,
    pub declares: Vec<String>,
    pub globals: Vec<String>,
    pub arguments: bool,
    pub cut: u32,
    /// Where columns moved: see `lib/rewind/columns.js`.
    pub columns: Uint32Array,
}

/// Parses the glue of a program as the body of a function, on another thread.
pub struct BodyTask {
    program: Option<Arc<Program>>,
    text: Vec<u8>,
}

impl Task for BodyTask {
    type Output = esm::Body;
    type JsValue = GlueBody;

    fn compute(&mut self) -> Result<Self::Output> {
        body_of(|| match &self.program {
            Some(program) => {
                let reading = program.reading();
                let given = reading.wasm_origin == WasmOrigin::Given;
                esm::body(&self.text, &reading.wasm, given, &reading.key)
            }
            None => esm::body(&self.text, &[], false, &[0; 32]),
        })
    }

    fn resolve(&mut self, _: napi::Env, body: Self::Output) -> Result<Self::JsValue> {
        Ok(body.into())
    }
}

impl From<esm::Body> for GlueBody {
    fn from(body: esm::Body) -> Self {
        Self {
            source: body.source,
            module: body.module,
            awaits: body.awaits,
            imports: body.imports,
            declares: body.declares,
            globals: body.globals,
            arguments: body.arguments,
            cut: body.cut as u32,
            columns: crate::program::columns::flat(&body.columns).into(),
        }
    }
}

/// The same for a file that the glue requires: now, and with no wasm cut out.
#[napi(catch_unwind)]
pub fn script_body(text: Uint8Array) -> Result<GlueBody> {
    body_of(|| esm::body(&text, &[], false, &[0; 32])).map(GlueBody::from)
}

/// A file that the parser cannot cope with must not take the process down.
fn body_of<E: std::fmt::Display>(
    make: impl FnOnce() -> std::result::Result<esm::Body, E>,
) -> Result<esm::Body> {
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(body) => body.map_err(|e| Error::from_reason(e.to_string())),
        Err(_) => Err(Error::from_reason(
            "emvm failed on this file, please report it",
        )),
    }
}

/// Makes a function body of a glue file, off the main thread. Without a program no wasm is cut out.
#[napi(ts_return_type = "Promise<GlueBody>", catch_unwind)]
pub fn glue_body(program: Option<&ProgramHandle>, text: Uint8Array) -> AsyncTask<BodyTask> {
    AsyncTask::new(BodyTask {
        program: program.map(|handle| handle.program.clone()),
        text: text.to_vec(),
    })
}
