//! Why a call into wasm did not return.

use super::trap_report::TrapReport;
use std::fmt;

/// The kinds of trap named in `TrapError.trap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    Unreachable,
    OutOfBounds,
    StackOverflow,
    IndirectCall,
    Divide,
    IntegerOverflow,
    BadConversion,
    TableOutOfBounds,
    UnalignedAtomic,
    Other,
}

/// What a host function gives: nothing, unless it is said, or what unwinds wasm.
pub type Result<T = (), E = Unwind> = std::result::Result<T, E>;

/// What unwinds wasm frames. Host functions return it as an error; a call into wasm gives it back as one.
#[derive(Debug)]
pub enum Unwind {
    /// A wasm trap; `stack` holds program counters, outermost last, resolved to names when the error is shown.
    Trap { kind: TrapKind, stack: Vec<Frame> },
    /// A C++ exception thrown through JavaScript-style exception handling: the pointer that `__cxa_throw` was given.
    Cpp(u32),
    /// An uncaught wasm exception (`-fwasm-exceptions`): the payload pointer, where the tag carries one.
    WasmException(Option<u32>),
    /// Emscripten's SjLj token.
    LongJmp,
    /// The module called `exit(status)`.
    Exit(i32),
    /// The runtime unwinds to the event loop and stays alive (`emscripten_exit_with_live_runtime`, `"unwind"`).
    KeepAlive,
    /// `abort()`, with its text.
    Abort(String),
    /// Memory could not grow and the module gave up. Bytes.
    OutOfMemory {
        requested: u64,
        limit: u64,
        /// By an abort, as far as the module knows.
        aborted: bool,
    },
    /// The module made the host keep more of something than it may.
    TooMany { what: &'static str, limit: u64 },
    /// The system refused memory for the native stack of one more call, of so many bytes.
    NoStack(usize),
    /// The call ran past its limit. Milliseconds.
    Timeout { limit: f64, elapsed: f64 },
    /// Another thread asked for the interruption.
    Interrupted,
    /// A JavaScript error crosses wasm frames; the value is kept by the binding under this key.
    Js(u32),
    /// An unresolved import was called.
    MissingImport {
        module: String,
        name: String,
        signature: String,
    },
    /// A feature emvm does not have, named, with the way out.
    Unsupported(String),
    /// An object of a past generation was used.
    Stale {
        class: String,
        generation: u64,
        current: u64,
    },
    /// A text is longer than a JavaScript string can be.
    StringTooLong,
    /// A fault of emvm itself; never expected, reported instead of taking the process down.
    Bug(String),
    /// embind's own errors: class name (`BindingError`, `InternalError`, `UnboundTypeError`, `TypeError`, ...), message.
    Script {
        class: &'static str,
        message: String,
    },
}

/// One wasm frame of a trap's stack.
#[derive(Clone, Debug)]
pub struct Frame {
    pub function: u32,
    pub name: Option<String>,
    /// `None` where only the function is known.
    pub offset: Option<u32>,
}

/// As in `TrapError.wasmStack`.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = self.function;
        if let Some(name) = &self.name {
            write!(f, "{name} (")?;
        }
        write!(f, "wasm-function[{function}]")?;
        if let Some(offset) = self.offset {
            write!(f, "+0x{offset:x}")?;
        }
        f.write_str(if self.name.is_some() { ")" } else { "" })
    }
}

impl Unwind {
    pub fn script(class: &'static str, message: impl Into<String>) -> Self {
        Unwind::Script {
            class,
            message: message.into(),
        }
    }
    /// The instance has failed, as against an error that its code deals with.
    pub fn is_fault(&self) -> bool {
        matches!(
            self,
            Unwind::Trap { .. }
                | Unwind::Abort(_)
                | Unwind::OutOfMemory { .. }
                | Unwind::TooMany { .. }
                | Unwind::Timeout { .. }
                | Unwind::Interrupted
                | Unwind::Bug(_)
        )
    }
    /// embind's `BindingError`.
    pub fn binding(message: impl Into<String>) -> Self {
        Self::script("BindingError", message)
    }
    pub fn out_of_bounds() -> Self {
        Unwind::trap(TrapKind::OutOfBounds)
    }
    /// What an interruption check gives.
    pub fn unreachable() -> Self {
        Unwind::trap(TrapKind::Unreachable)
    }
    /// A trap of the host's own making: there are no wasm frames to name.
    pub fn trap(kind: TrapKind) -> Self {
        Unwind::Trap {
            kind,
            stack: Vec::new(),
        }
    }
}

impl fmt::Display for Unwind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unwind::Trap { kind, .. } => write!(f, "trap: {kind:?}"),
            Unwind::Script { class, message } => write!(f, "{class}: {message}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl std::error::Error for Unwind {}

impl Unwind {
    /// What stopped a call into code of these modules. Host functions' own errors come out as they were.
    pub(super) fn from_trap<'a>(
        trap: wasmer_vm::Trap,
        modules: impl IntoIterator<Item = &'a wasmer::Module>,
    ) -> Self {
        let trap = match trap {
            wasmer_vm::Trap::User(error) => {
                return match error.downcast::<Unwind>() {
                    Ok(unwind) => *unwind,
                    Err(other) => Unwind::Bug(other.to_string()),
                };
            }
            trap => TrapReport::read(&trap, modules),
        };
        match trap.code {
            Some(code) => Unwind::Trap {
                kind: TrapKind::from_code(code),
                stack: trap.stack,
            },
            None => Unwind::Bug("wasmer ran out of memory".into()),
        }
    }
}

impl TrapKind {
    fn from_code(code: wasmer_vm::TrapCode) -> Self {
        use wasmer_vm::TrapCode as C;
        match code {
            C::StackOverflow => Self::StackOverflow,
            C::HeapAccessOutOfBounds | C::HeapMisaligned => Self::OutOfBounds,
            C::TableAccessOutOfBounds => Self::TableOutOfBounds,
            C::IndirectCallToNull | C::BadSignature => Self::IndirectCall,
            C::IntegerOverflow => Self::IntegerOverflow,
            C::IntegerDivisionByZero => Self::Divide,
            C::BadConversionToInteger => Self::BadConversion,
            C::UnreachableCodeReached => Self::Unreachable,
            C::UnalignedAtomic => Self::UnalignedAtomic,
            _ => Self::Other,
        }
    }
}
