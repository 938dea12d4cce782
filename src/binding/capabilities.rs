//! What this build can do on this machine.

use crate::engine;
use crate::memory::{backend, backend_refusal};
use napi::Env;
use napi_derive::napi;
use serde_json::json;

/// Capabilities as JSON, for `capabilities()`.
#[napi(catch_unwind)]
pub fn native_capabilities() -> String {
    let target = wasmer::sys::Target::default();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "engine": "wasmer (cranelift)",
        "engineVersion": engine::WASMER_VERSION,
        "target": target.triple().to_string(),
        "cpuFeatures": target.cpu_features().iter().map(|feature| format!("{feature:?}")).collect::<Vec<_>>(),
        "backend": backend().name(),
        "copyOnWrite": backend() == crate::memory::Backend::CopyOnWrite,
        "backendReason": backend_refusal(),
        "features": {
            "simd": true, "relaxedSimd": true, "bulkMemory": true, "exceptions": true, "legacyExceptions": false,
            "threads": true, "memory64": false, "tailCalls": false,
        },
        "debugAssertions": cfg!(debug_assertions),
    })
    .to_string()
}

/// Whether views of a module's memory can be had in this runtime.
#[napi(catch_unwind)]
pub fn external_buffers(env: Env) -> bool {
    super::memory::external_buffers(super::node_api::Env::new(env.raw()))
}
