//! Which of Emscripten's ABI generations a program was built for. Filled when the program is read.

/// Facts about the generation, each told from evidence in the wasm and the glue, never from a version number alone.
#[derive(Clone, Debug, Default)]
pub struct Abi {
    /// Built by the old fastcomp back end (names had one more leading underscore).
    pub fastcomp: bool,
    /// errno values are Linux's (up to 1.38.46), not WASI's.
    pub linux_errno: bool,
    pub stat: StatLayout,
    /// `timespec`/`time_t` hold 64-bit seconds (from 3.1.17).
    pub time64: bool,
    /// Dynamic emval handles are even numbers from 10 (from 3.1.54); otherwise consecutive from 5.
    pub emval_even: bool,
    /// ASSERTIONS build: numbers are type- and range-checked by embind (before 3.0.0: always).
    pub embind_checks: bool,
    /// embind checks argument counts (up to 3.1.67 always, then with ASSERTIONS).
    pub embind_counts: bool,
    /// The text `" args!"` ends wrong-count messages (up to 3.1.44).
    pub embind_args_suffix: bool,
    /// `std::string` is UTF-8 (from 1.38.11, unless built with EMBIND_STD_STRING_IS_UTF8=0).
    pub std_string_utf8: bool,
    /// After a method-caller call, class-handle arguments are deleted by the host (up to 3.1.51).
    pub emval_deletes_args: bool,
    /// Class handles that own a smart pointer are destroyed when collected (`FinalizationRegistry`, from 2.0.33).
    pub finalizers: bool,
    /// Built without a file system: a NUL ends a line of output, too.
    pub no_filesystem: bool,
    /// The process's umask counts when files are made (from 5.0.5).
    pub applies_umask: bool,
    /// The memory cannot grow by the module's own declaration: running out of it aborts instead of failing `malloc`.
    pub fixed_memory: bool,
    /// `emscripten_resize_heap` doubles the memory (up to 1.39.4); later it adds a fifth.
    pub heap_doubles: bool,
    /// Time zones are named by their offset, `UTC+0100` (from 3.1.64).
    pub zone_offsets: bool,
    /// `DYNAMICTOP_PTR`: where the end of the heap is kept, in modules whose `sbrk` is the host's (up to 1.38.45).
    pub dynamic_top: Option<u32>,
}

/// The layout of `struct stat`; emscripten-abi tells sizes and offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatLayout {
    /// up to 3.1.16: 88 bytes
    S88,
    /// 3.1.17 to 3.1.41: 112 bytes
    S112,
    /// from 3.1.42: 96 bytes
    #[default]
    S96,
}
