//! Short functions: what costs less to step through than to enter.
//!
//! A call into wasm takes a stack of its own, so that it can overflow, and a place to go back to when it traps: about 30 ns
//! for a body that loads a field in one. Bodies of a few operators without loops are read when they have been called some
//! times, and what only computes, loads, stores at its end and calls such functions through the table (embind's invokers do)
//! is done here. Whatever would trap is left to the compiled code, which then does all of it: see [`read`].

mod compute;
mod read;
mod steps;
#[cfg(test)]
mod tests;

pub use steps::{DEPTH, Load, Place, Steps, StepsCache, take};

use super::{Func, WasmInstance};
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use wasmer_types::{FunctionType, LocalFunctionIndex, ModuleInfo, SignatureIndex};
use wasmer_vm::VMSignatureHash;
use wasmparser::{BinaryReader, FunctionBody, Parser, Payload};

/// A function is looked at when it has been called so often.
const CALLS: u8 = 16;
/// It is not tried again when it could not be done so often in a row.
const MISSES: u8 = 16;

/// The bodies of a module's functions.
#[derive(Debug)]
pub struct Bodies {
    wasm: Arc<Vec<u8>>,
    places: OnceLock<Box<[Range<u32>]>>,
}

impl Bodies {
    /// `wasm` is what the code was compiled of.
    pub fn new(wasm: Arc<Vec<u8>>) -> Self {
        Self {
            wasm,
            places: OnceLock::new(),
        }
    }

    fn body(&self, index: usize) -> Option<FunctionBody<'_>> {
        let places = self.places.get_or_init(|| places(&self.wasm));
        let Range { start, end } = places.get(index)?.clone();
        let bytes = self.wasm.get(start as usize..end as usize)?;
        (bytes.len() <= read::MOST_BYTES)
            .then(|| FunctionBody::new(BinaryReader::new(bytes, u64::from(start))))
    }

    /// What a function of the module does, when it is short.
    pub(super) fn read(&self, module: &wasmer::Module, func: Func) -> Option<Steps> {
        let artifact = module.sys_artifact()?;
        // SAFETY: a `Func` points at a record that lives as long as the store.
        let code = unsafe { func.0.as_ref().func_ptr };
        let mut functions = artifact.finished_functions().iter();
        let (index, _) = functions.find(|(_, body)| body.0 == code)?;
        let info = module.info();
        let types = TypesOf {
            info,
            hashes: artifact.signatures(),
        };
        let signature = *info.functions.get(info.func_index(index))?;
        let (ty, hash) = types.signature(signature)?;
        let body = self.body(LocalFunctionIndex::as_u32(index) as usize)?;
        read::steps(&body, ty, hash, &types)
    }
}

fn places(wasm: &[u8]) -> Box<[Range<u32>]> {
    let payloads = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    let bodies = payloads.filter_map(|payload| match payload {
        Payload::CodeSectionEntry(body) => Some(body.range()),
        _ => None,
    });
    bodies
        .map(|range| range.start as u32..range.end as u32)
        .collect()
}

struct TypesOf<'a, H> {
    info: &'a ModuleInfo,
    hashes: &'a H,
}

impl<H: std::ops::Index<SignatureIndex, Output = VMSignatureHash>> TypesOf<'_, H> {
    fn signature(&self, index: SignatureIndex) -> Option<(&FunctionType, VMSignatureHash)> {
        let ty = self.info.signatures.get(index)?;
        Some((ty, self.hashes[index]))
    }
}

impl<H: std::ops::Index<SignatureIndex, Output = VMSignatureHash>> read::Types for TypesOf<'_, H> {
    fn signature(&self, index: u32) -> Option<(&FunctionType, VMSignatureHash)> {
        TypesOf::signature(self, SignatureIndex::from_u32(index))
    }
}

/// What one place that calls a function knows of it.
#[derive(Clone, Debug, Default)]
pub struct Shortcut {
    calls: u8,
    misses: u8,
    steps: Option<Rc<Steps>>,
}

impl Shortcut {
    /// Whether the next call may be short. Counts calls until that is known.
    #[inline]
    pub fn is_open(&mut self, wasm: &mut WasmInstance, func: Func) -> bool {
        self.steps.is_some() || (self.calls < CALLS && self.look(wasm, func))
    }

    /// No call from here on is short.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.steps.is_none() && self.calls == CALLS
    }

    #[cold]
    fn look(&mut self, wasm: &mut WasmInstance, func: Func) -> bool {
        self.calls += 1;
        if self.calls == CALLS {
            self.steps = wasm.steps_of(func);
        }
        self.steps.is_some()
    }

    /// The load of a function that only reads a field: see [`Steps::field`].
    pub fn field(&self) -> Option<Load> {
        self.steps.as_deref()?.field()
    }

    /// Does the call, when that is possible. `arguments` are as many as the function has, each as its bits.
    #[inline]
    pub fn take(&mut self, wasm: &mut WasmInstance, arguments: &[u64]) -> Option<u64> {
        let result = wasm.take_steps(self.steps.as_deref()?, arguments);
        match result {
            Some(_) => self.misses = 0,
            None => self.missed(),
        }
        result
    }

    #[cold]
    fn missed(&mut self) {
        self.misses += 1;
        if self.misses == MISSES {
            self.steps = None;
        }
    }
}
