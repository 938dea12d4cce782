//! The in-memory file system, and mounts of real folders.

/// One sandbox's file system.
#[derive(Default)]
pub struct FileSystem {}
