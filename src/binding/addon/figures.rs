//! What a sandbox tells of itself: figures, what was registered, and the record of its allocations.

use super::super::allocations;
use super::super::node_api::Value;
use super::Sandbox;
use crate::emscripten::embind::signatures;
use crate::instance::Instance;
use napi::JsValue as _;
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Figures of a sandbox.
#[napi(object)]
pub struct SandboxStats {
    pub generation: f64,
    pub recycles: f64,
    pub calls: f64,
    pub traps: f64,
    pub timeouts: f64,
    pub heap_bytes: f64,
    pub heap_peak_bytes: f64,
    pub resident_bytes: f64,
    pub dirty_bytes: f64,
    pub cleaned_in_place: f64,
    pub tier: String,
    pub last: f64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

#[napi]
impl Sandbox {
    /// How much was registered with embind so far: it grows where `main` registers too.
    #[napi(getter, catch_unwind)]
    pub fn embind_registrations(&self) -> u32 {
        let registered = self.cell.look(|instance| {
            let registry = &instance.runtime.embind.reg;
            (registry.types.len() + registry.funcs.len()) as u32
        });
        registered.unwrap_or(0)
    }

    /// Argument and result types of what `embind()` describes, as JSON: what declarations are made from.
    #[napi(catch_unwind)]
    pub fn embind_signatures(&self) -> String {
        let text = |instance: &mut Instance| signatures::signatures(&instance.runtime.embind.reg);
        self.cell.look(text).unwrap_or_default()
    }

    #[napi(getter, catch_unwind)]
    pub fn generation(&self) -> f64 {
        let generation = self.cell.look(|instance| instance.generation());
        generation.map_or(0.0, |generation| generation as f64)
    }

    #[napi(getter, catch_unwind)]
    pub fn busy_now(&self) -> bool {
        self.cell.is_busy()
    }

    /// Whether JavaScript was given a buffer over the memory since the generation began.
    #[napi(getter, catch_unwind)]
    pub fn lends(&self) -> bool {
        self.cell.is_lent()
    }

    /// Bytes of linear memory.
    #[napi(getter, catch_unwind)]
    pub fn heap_bytes(&self) -> f64 {
        let len = self
            .cell
            .look(|instance| instance.runtime.wasm.memory().len());
        len.map_or(0.0, |len| len as f64)
    }

    /// The same with what the addon keeps of it outside of linear memory: files, and strings that C++ holds.
    #[napi(getter, catch_unwind)]
    pub fn held_bytes(&self) -> f64 {
        let held = self.cell.look(|instance| {
            let runtime = &instance.runtime;
            (runtime.wasm.memory().len() as u64 + runtime.held_outside()) as f64
        });
        held.unwrap_or(0.0)
    }

    /// Milliseconds and calls since the last recycle, and traps so far: what policies look at.
    #[napi(catch_unwind)]
    pub fn since_recycle(&self) -> Vec<f64> {
        let since = self.cell.look(|instance| {
            let stats = &instance.stats;
            vec![
                stats.since_recycle.elapsed().as_secs_f64() * 1e3,
                (stats.calls - stats.calls_at_recycle) as f64,
                (stats.traps + stats.timeouts) as f64,
            ]
        });
        since.unwrap_or_default()
    }

    /// The allocation tracker begins anew, empty; `capture` is called with the number of each block that is made. Without it
    /// they end. False where the code does not tell of allocations.
    #[napi(catch_unwind)]
    pub fn record(&self, capture: Option<Function<u32, ()>>) -> Result<bool> {
        let tracker = self.look(|instance| instance.runtime.wasm.tracker().cloned())?;
        let Some(tracker) = tracker else {
            return Ok(false);
        };
        match capture.and_then(|capture| Value::from_raw(capture.raw())) {
            Some(capture) => tracker.start(allocations::capture(self.cell.env, capture)),
            None => tracker.stop(),
        }
        Ok(true)
    }

    /// What is allocated since, as JSON.
    #[napi(catch_unwind)]
    pub fn recorded(&self) -> Result<Option<String>> {
        let tracker = self.look(|instance| instance.runtime.wasm.tracker().cloned())?;
        Ok(tracker.map(|tracker| allocations::report(&tracker)))
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<SandboxStats> {
        self.look(|instance| {
            let times = instance.stats.recycle_times();
            let wasm = &instance.runtime.wasm;
            let residency = wasm.residency();
            SandboxStats {
                generation: instance.generation() as f64,
                recycles: instance.stats.recycles as f64,
                calls: instance.stats.calls as f64,
                traps: instance.stats.traps as f64,
                timeouts: instance.stats.timeouts as f64,
                heap_bytes: wasm.memory().len() as f64,
                heap_peak_bytes: wasm.linear().map_or(0, |l| l.peak()) as f64,
                resident_bytes: residency.map_or(wasm.memory().len(), |r| r.resident) as f64,
                dirty_bytes: residency.map_or(wasm.memory().len(), |r| r.dirty) as f64,
                cleaned_in_place: instance.stats.cleaned_in_place as f64,
                tier: instance.tier.name().to_owned(),
                last: times.last,
                p50: times.p50,
                p99: times.p99,
                max: times.max,
            }
        })
    }
}
