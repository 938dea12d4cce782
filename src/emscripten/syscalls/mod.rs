//! `__syscall_*` and WASI calls, in every spelling that Emscripten has used.
