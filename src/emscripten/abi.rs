//! Which of Emscripten's ABI generations a program was built for. Filled when the program is read.

/// Facts about the generation, each told from evidence in the wasm and the glue, never from a version number alone.
#[derive(Clone, Debug, Default)]
pub struct Abi {
    /// Built by the old fastcomp back end (names had one more leading underscore).
    pub fastcomp: bool,
    /// Function pointers are called through the module's `dynCall_*`: fastcomp's are no table indices, and with
    /// EMULATE_FUNCTION_POINTER_CASTS the functions in the table take everything as i64.
    pub calls_by_dyncall: bool,
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
    /// A missing field of a value object is not named in the error (oldest glue only).
    pub embind_bare_fields: bool,
    /// embind's classes and functions have no names (built with DYNAMIC_EXECUTION=0, oldest ways of naming).
    pub anonymous_classes: bool,
    /// `std::string` is UTF-8 (from 1.38.11, unless built with EMBIND_STD_STRING_IS_UTF8=0).
    pub std_string_utf8: bool,
    /// After a method-caller call, class-handle arguments are deleted by the host (up to 3.1.51).
    pub emval_deletes_args: bool,
    pub exceptions: ExceptionLayout,
    /// The return of `main` ends the program (EXIT_RUNTIME).
    pub exit_runtime: bool,
    /// Class handles that own a smart pointer are destroyed when collected (`FinalizationRegistry`, from 2.0.33).
    pub finalizers: bool,
    /// Built without a file system: a NUL ends a line of output, too.
    pub no_filesystem: bool,
    /// `readlink` gives an absolute path, made from the link's text (up to 3.1.72).
    pub absolute_links: bool,
    /// `open` gives a folder for reading even when told to create it (up to 3.1.74).
    pub opens_folders_to_create: bool,
    /// `/proc/self/fd` cannot be listed (up to 3.1.73).
    pub unlisted_descriptors: bool,
    /// `posix_fadvise` says 0 whatever it is asked about (up to 6.0.2).
    pub any_advice: bool,
    /// The process's umask counts when files are made (from 5.0.5).
    pub applies_umask: bool,
    /// The memory cannot grow by the module's own declaration.
    pub fixed_memory: bool,
    /// Running out of memory aborts (ABORTING_MALLOC) instead of failing `malloc`.
    pub aborting_malloc: bool,
    /// By how much `emscripten_resize_heap` grows the memory.
    pub growth: Growth,
    /// `tm_yday` is reckoned from the time elapsed, an hour off in summer time (up to 3.1.24).
    pub elapsed_yday: bool,
    /// `strftime` miscounts weeks (up to 3.1.7).
    pub old_weeks: bool,
    /// Time zones are named by their offset, `UTC+0100` (from 3.1.64).
    pub zone_offsets: bool,
    /// `DYNAMICTOP_PTR`: where the end of the heap is kept, in modules whose `sbrk` is the host's (up to 1.38.45).
    pub dynamic_top: Option<u32>,
}

/// How much more than was asked for `emscripten_resize_heap` takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Growth {
    /// Up to 1.39.5: the double of the memory, less beyond 512 MiB.
    Doubling,
    /// MEMORY_GROWTH_GEOMETRIC_STEP of the memory, but no more than MEMORY_GROWTH_GEOMETRIC_CAP bytes.
    Geometric { step: f64, cap: Option<u64> },
    /// MEMORY_GROWTH_LINEAR_STEP bytes.
    Linear { step: u64 },
}

impl Default for Growth {
    fn default() -> Self {
        Growth::Geometric {
            step: 0.2,
            cap: Some(96 << 20),
        }
    }
}

/// Where the metadata of a C++ exception is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExceptionLayout {
    /// up to 1.40.1: in a map of the host, keyed by the object's pointer
    HostMap,
    /// 2.0.0 to 3.1.8: 16 bytes before the object; catch clauses pass pointers to `CatchInfo`
    Header16,
    /// from 3.1.9: 24 bytes before the object
    #[default]
    Header24,
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
