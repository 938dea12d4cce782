//! The N-API layer: values in and out, classes, ArrayBuffers. The only place that knows JavaScript.

mod addon;
mod allocations;
mod capabilities;
mod checkpoints;
mod crossing;
mod embind;
mod ending;
mod errors;
mod exports;
mod fs;
mod gate;
mod heap;
mod in_flight;
mod instrument;
mod js;
mod lazy;
mod lent;
pub mod memory;
mod node_api;
mod pages;
mod program;
mod quiet;
pub mod sandbox;
mod scan;
mod scripts;
mod table;
mod v8;
pub mod webassembly;

use std::collections::HashSet;
use std::sync::LazyLock;

/// Variables of Emscripten's JavaScript that `lib/facade` provides to code cut out of the glue.
fn facade_provides(name: &str) -> bool {
    static PROVIDED: LazyLock<HashSet<String>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../lib/facade/provided.json")).unwrap_or_default()
    });
    PROVIDED.contains(name)
}
