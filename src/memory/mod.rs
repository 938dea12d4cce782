//! Recyclable linear memory.
