//! Output that goes past the file system, and EM_LOG.

use super::fs::Stdio;
use super::{ImportFn, Runtime, text};
use crate::engine::{Args, Result, Unwind};

impl Runtime {
    /// One call of `print` or `printErr`.
    pub fn print(&mut self, stream: Stdio, text: &str) -> Result {
        super::text::check_length(text.len())?;
        self.fs
            .print(stream, text)
            .map_err(|errno| Unwind::script("Error", format!("the print function failed: {errno}")))
    }
}

fn to(stream: Stdio, rt: &mut Runtime, args: &Args) -> Result {
    let text = rt.c_string(args.u32(0))?;
    rt.print(stream, &text)
}
/// `(text, length)`, ended by a NUL before that too.
fn to_n(stream: Stdio, rt: &mut Runtime, args: &Args) -> Result {
    let text = {
        let bytes = rt.wasm.bytes(args.u32(0), args.u32(1))?;
        text::utf8_to_nul(rt.wasm.pace(), bytes)?
    };
    rt.print(stream, &text)
}
const EM_LOG_WARN: u32 = 2;
const EM_LOG_ERROR: u32 = 4;

/// `_emscripten_log_formatted(flags, text)`.
fn log_formatted(rt: &mut Runtime, args: &mut Args) -> Result {
    let text = rt.c_string(args.u32(1))?;
    let stream = if args.u32(0) & (EM_LOG_WARN | EM_LOG_ERROR) != 0 {
        Stdio::Err
    } else {
        Stdio::Out
    };
    rt.print(stream, &text)
}
/// `emscripten_log(flags, format, varargs)`, formatted by the host in old builds.
fn log(rt: &mut Runtime, args: &mut Args) -> Result {
    let format = rt.c_string(args.u32(1))?;
    let text = super::printf::format(rt, &format, args.u32(2))?;
    let stream = if args.u32(0) & (EM_LOG_WARN | EM_LOG_ERROR) != 0 {
        Stdio::Err
    } else {
        Stdio::Out
    };
    rt.print(stream, &text)
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("emscripten_out", |rt, args| to(Stdio::Out, rt, args)),
    ("_emscripten_out", |rt, args| to(Stdio::Out, rt, args)),
    ("emscripten_outn", |rt, args| to_n(Stdio::Out, rt, args)),
    ("emscripten_err", |rt, args| to(Stdio::Err, rt, args)),
    ("_emscripten_err", |rt, args| to(Stdio::Err, rt, args)),
    ("emscripten_errn", |rt, args| to_n(Stdio::Err, rt, args)),
    ("emscripten_dbg", |rt, args| to(Stdio::Err, rt, args)),
    ("_emscripten_dbg", |rt, args| to(Stdio::Err, rt, args)),
    ("emscripten_dbgn", |rt, args| to_n(Stdio::Err, rt, args)),
    ("emscripten_dbg_backtrace", |rt, args| {
        to(Stdio::Err, rt, args)
    }),
    ("emscripten_console_log", |rt, args| {
        to(Stdio::Out, rt, args)
    }),
    ("emscripten_console_warn", |rt, args| {
        to(Stdio::Err, rt, args)
    }),
    ("emscripten_console_error", |rt, args| {
        to(Stdio::Err, rt, args)
    }),
    ("emscripten_console_trace", |rt, args| {
        to(Stdio::Err, rt, args)
    }),
    ("_emscripten_log_formatted", log_formatted),
    ("emscripten_log", log),
    ("emscripten_log_js", log_formatted),
    ("_emscripten_log_js", log_formatted),
];
