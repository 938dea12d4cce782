//! embind: C++ classes, functions and values, as the module's static constructors describe them.

/// The registries.
#[derive(Default)]
pub struct Embind {}
