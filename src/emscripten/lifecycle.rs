//! How a program ends, and what keeps it alive.

use super::{ImportFn, Runtime, bounds};
use crate::engine::{Args, Result, Unwind, ValRaw};

/// A C string, or a stand-in when the pointer is null.
pub(super) fn text_or(rt: &Runtime, ptr: u32, otherwise: &str) -> Result<String> {
    if ptr == 0 {
        Ok(otherwise.to_owned())
    } else {
        rt.c_string(ptr)
    }
}

fn abort(_: &mut Runtime, _: &mut Args) -> Result {
    Err(Unwind::Abort(String::new()))
}
fn assert_fail(rt: &mut Runtime, args: &mut Args) -> Result {
    let condition = rt.c_string(args.u32(0))?;
    let file = text_or(rt, args.u32(1), "unknown filename")?;
    let function = text_or(rt, args.u32(3), "unknown function")?;
    let line = args.i32(2);
    Err(Unwind::Abort(format!(
        "Assertion failed: {condition}, at: {file},{line},{function}"
    )))
}
/// `__assert_func(file, line, function, condition)`.
fn assert_func(rt: &mut Runtime, args: &mut Args) -> Result {
    let condition = rt.c_string(args.u32(3))?;
    let file = text_or(rt, args.u32(0), "unknown filename")?;
    let function = text_or(rt, args.u32(2), "unknown function")?;
    let line = args.i32(1);
    Err(Unwind::Abort(format!(
        "Assertion failed: {condition}, at: {file},{line},{function}"
    )))
}
fn stack_overflow(_: &mut Runtime, args: &mut Args) -> Result {
    Err(Unwind::Abort(format!(
        "stack overflow (Attempt to set SP to 0x{:08x})",
        args.u32(0)
    )))
}
fn aborts<const N: usize>(_: &mut Runtime, _: &mut Args) -> Result {
    const TEXTS: [&str; 4] = [
        "trap!",
        "segmentation fault",
        "alignment fault",
        "invalid function pointer called",
    ];
    Err(Unwind::Abort(TEXTS[N].to_owned()))
}

/// `exit(status)`: functions registered for it run where the module hands them out, unfinished lines are printed.
fn exit(rt: &mut Runtime, args: &mut Args) -> Result {
    let status = args.i32(0);
    rt.end_program()?;
    Err(Unwind::Exit(status))
}
impl Runtime {
    /// What the end of a program does: functions registered for it, then what is still to be printed.
    pub fn end_program(&mut self) -> Result {
        while let Some((function, argument)) = self.process.at_exit.pop() {
            self.call_indirect(function, &[ValRaw::from_u32(argument)])?;
        }
        for name in ["__funcs_on_exit", "__stdio_exit"] {
            if self.wasm.export(name).is_some() {
                self.call_export(name, &[])?;
            }
        }
        // A print function that fails must not keep a program from ending.
        let _ = self.fs.flush_lines();
        Ok(())
    }
}
/// `emscripten_force_exit(status)`: nothing that still waits keeps the program going.
fn force_exit(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.stop_timers();
    exit(rt, args)
}
fn exit_at_once(_: &mut Runtime, args: &mut Args) -> Result {
    Err(Unwind::Exit(args.i32(0)))
}
/// `atexit(f)`, `__cxa_atexit(f, argument, dso)`. Emscripten runs none of them unless the runtime exits.
fn atexit(rt: &mut Runtime, args: &mut Args) -> Result {
    bounds::AT_EXIT.admit(rt.process.at_exit.len())?;
    rt.process.at_exit.push((args.u32(0), args.u32(1)));
    args.ret_i32(0)
}
fn live_runtime(_: &mut Runtime, _: &mut Args) -> Result {
    Err(Unwind::KeepAlive)
}
fn call_sighandler(rt: &mut Runtime, args: &mut Args) -> Result {
    let (function, signal) = (args.u32(0), args.i32(1));
    rt.call_indirect(function, &[ValRaw::from_i32(signal)])
        .map(drop)
}
/// `raise` and `kill` of builds whose signals are the host's.
fn no_signals(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.fail(args, super::fs::Errno::EPERM)
}
/// `emscripten_run_script*`: text from C++ is no JavaScript that the package came with.
fn no_scripts(rt: &mut Runtime, args: &mut Args) -> Result {
    let text: String = rt.c_string(args.u32(0))?.chars().take(60).collect();
    Err(Unwind::Unsupported(format!(
        "emscripten_run_script: the module wants to run JavaScript from a string ('{text}'); allow it by answering that import in the `imports` option, or use host: 'glue'"
    )))
}
fn signal(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(0)
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("abort", abort),
    ("_abort_js", abort),
    ("__assert_fail", assert_fail),
    ("__assert_func", assert_func),
    ("__handle_stack_overflow", stack_overflow),
    ("abortStackOverflow", stack_overflow),
    ("llvm_trap", aborts::<0>),
    ("segfault", aborts::<1>),
    ("alignfault", aborts::<2>),
    ("abortFnPtrError", aborts::<3>),
    ("exit", exit),
    ("_exit", exit_at_once),
    ("_Exit", exit_at_once),
    ("__exit", exit_at_once),
    ("emscripten_force_exit", force_exit),
    ("atexit", atexit),
    ("__cxa_atexit", atexit),
    ("__cxa_thread_atexit", atexit),
    ("__cxa_thread_atexit_impl", atexit),
    ("emscripten_exit_with_live_runtime", live_runtime),
    ("emscripten_unwind_to_js_event_loop", live_runtime),
    ("__call_sighandler", call_sighandler),
    ("kill", no_signals),
    ("killpg", no_signals),
    ("raise", no_signals),
    ("emscripten_run_script", no_scripts),
    ("emscripten_run_script_int", no_scripts),
    ("emscripten_run_script_string", no_scripts),
    ("emscripten_async_run_script", no_scripts),
    ("emscripten_async_load_script", no_scripts),
    ("signal", signal),
    ("sigaction", signal),
    ("__sigaction", signal),
    ("sigemptyset", signal),
    ("sigaddset", signal),
    ("sigprocmask", signal),
    ("siginterrupt", signal),
];
