//! The N-API layer: values in and out, classes, ArrayBuffers. The only place that knows JavaScript.

pub mod webassembly;
