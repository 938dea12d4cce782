//! Reading a source: from a glue file or a bare `.wasm` to the facts an instance is made from.
