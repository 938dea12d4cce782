//! emval: JavaScript values held by C++ through handles.

/// The handle table.
#[derive(Default)]
pub struct Emval {}
