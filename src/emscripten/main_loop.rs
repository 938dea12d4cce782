//! `emscripten_set_main_loop` and its kin: one function that runs again and again, as the event loop gets to it.

use super::fs::Stdio;
use super::js::TimerKind;
use super::time::monotonic_ms;
use super::{ImportFn, Runtime, bounds};
use crate::engine::{Args, Result, Unwind, ValRaw};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// `EM_TIMING_SETTIMEOUT`: every so many milliseconds.
const TIMEOUT: i32 = 0;
/// `EM_TIMING_RAF`: every so many frames.
const FRAMES: i32 = 1;
/// `EM_TIMING_SETIMMEDIATE`
const IMMEDIATE: i32 = 2;
/// Bytes that are kept of a blocker's name.
const LONGEST_NAME: usize = 1000;

/// The main loop of a program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MainLoop {
    function: Option<Function>,
    mode: i32,
    /// Milliseconds or frames, as the mode says.
    value: f64,
    /// When the last turn began.
    turned: Option<f64>,
    /// The timer of the next turn; none while it is paused or turns.
    next: Option<u32>,
    /// Raised by whatever stops or starts it: a turn that finds another number than it began with is the last.
    revision: u32,
    blockers: VecDeque<Blocker>,
    expected_blockers: i32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Function {
    callback: u32,
    argument: Option<u32>,
}

/// Work to be done before the next turn.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Blocker {
    callback: u32,
    argument: u32,
    name: String,
}

impl MainLoop {
    pub(super) fn is_untouched(&self) -> bool {
        self.revision == 0 && self.blockers.is_empty() && self.expected_blockers == 0
    }
}

impl Runtime {
    fn schedule_turn(&mut self) -> Result {
        let main_loop = &self.timers.main_loop;
        let (kind, ms) = match main_loop.mode {
            TIMEOUT => {
                let since = main_loop
                    .turned
                    .map_or(f64::INFINITY, |at| monotonic_ms() - at);
                (
                    TimerKind::Timeout,
                    (main_loop.value - since).max(0.0).trunc(),
                )
            }
            FRAMES => {
                let frames = main_loop.value.max(1.0) - 1.0;
                let ms = self.timers.until_frame() + frames * 1000.0 / 60.0;
                (TimerKind::Timeout, ms)
            }
            _ => (TimerKind::Immediate, 0.0),
        };
        let id = self.add_turn(kind, ms)?;
        self.timers.main_loop.next = Some(id);
        Ok(())
    }

    /// One turn, or one of the blockers that come before the next.
    pub(super) fn turn(&mut self, skip: bool) -> Result {
        self.timers.main_loop.next = None;
        let revision = self.timers.main_loop.revision;
        if let Some(blocker) = self.timers.main_loop.blockers.pop_front() {
            let started = monotonic_ms();
            self.call_pointer(
                "vi",
                blocker.callback,
                &[ValRaw::from_u32(blocker.argument)],
            )?;
            let took = (monotonic_ms() - started).trunc();
            let line = format!("main loop blocker \"{}\" took {took} ms", blocker.name);
            self.print(Stdio::Out, &line)?;
            if self.timers.main_loop.revision == revision {
                let id = self.add_turn(TimerKind::Timeout, 0.0)?;
                self.timers.main_loop.next = Some(id);
            }
            return Ok(());
        }
        let Some(function) = self.timers.main_loop.function else {
            return Ok(());
        };
        if self.timers.main_loop.mode == TIMEOUT {
            self.timers.main_loop.turned = Some(monotonic_ms());
        }
        if !skip {
            let called = match function.argument {
                Some(argument) => {
                    self.call_pointer("vi", function.callback, &[ValRaw::from_u32(argument)])
                }
                None => self.call_pointer("v", function.callback, &[]),
            };
            match called {
                Ok(_) | Err(Unwind::KeepAlive) => {}
                Err(error) => {
                    // A loop that failed does not go on.
                    self.timers.main_loop.function = None;
                    return Err(error);
                }
            }
        }
        if self.timers.main_loop.revision == revision {
            self.schedule_turn()?;
        }
        Ok(())
    }

    /// `Module.pauseMainLoop`.
    pub fn pause_main_loop(&mut self) -> Result {
        let main_loop = &mut self.timers.main_loop;
        main_loop.revision = main_loop.revision.wrapping_add(1);
        match main_loop.next.take() {
            Some(id) => self.clear_timer(id),
            None => Ok(()),
        }
    }

    /// `Module.resumeMainLoop`.
    pub fn resume_main_loop(&mut self) -> Result {
        self.pause_main_loop()?;
        match self.timers.main_loop.function {
            Some(_) => self.schedule_turn(),
            None => Ok(()),
        }
    }

    fn set_main_loop(
        &mut self,
        callback: u32,
        argument: Option<u32>,
        fps: i32,
        forever: bool,
    ) -> Result {
        if self.timers.main_loop.function.is_some() {
            return Err(Unwind::Abort(
                "emscripten_set_main_loop: there can only be one main loop function at once: call emscripten_cancel_main_loop to cancel the previous one before setting a new one with different parameters.".into(),
            ));
        }
        let main_loop = &mut self.timers.main_loop;
        main_loop.function = Some(Function { callback, argument });
        main_loop.revision = main_loop.revision.wrapping_add(1);
        main_loop.turned = None;
        (main_loop.mode, main_loop.value) = if fps > 0 {
            (TIMEOUT, 1000.0 / f64::from(fps))
        } else {
            (FRAMES, 1.0)
        };
        self.schedule_turn()?;
        if forever {
            Err(Unwind::KeepAlive)
        } else {
            Ok(())
        }
    }
}

fn set(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.set_main_loop(args.u32(0), None, args.i32(1), args.i32(2) != 0)
}
fn set_arg(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.set_main_loop(
        args.u32(0),
        Some(args.u32(1)),
        args.i32(2),
        args.i32(3) != 0,
    )
}
fn cancel(rt: &mut Runtime, _: &mut Args) -> Result {
    rt.timers.main_loop.function = None;
    rt.pause_main_loop()
}
fn pause(rt: &mut Runtime, _: &mut Args) -> Result {
    rt.pause_main_loop()
}
fn resume(rt: &mut Runtime, _: &mut Args) -> Result {
    rt.resume_main_loop()
}
/// It counts from the turn after the next, which is set already.
fn set_timing(rt: &mut Runtime, args: &mut Args) -> Result {
    let main_loop = &mut rt.timers.main_loop;
    main_loop.mode = args.i32(0);
    main_loop.value = f64::from(args.i32(1));
    if !matches!(main_loop.mode, TIMEOUT | FRAMES | IMMEDIATE) {
        return Err(Unwind::Unsupported(format!(
            "emscripten_set_main_loop_timing: there is no mode {}; 0, 1 and 2 are milliseconds, frames and immediately",
            main_loop.mode
        )));
    }
    args.ret_i32(i32::from(main_loop.function.is_none()))
}
fn get_timing(rt: &mut Runtime, args: &mut Args) -> Result {
    let (mode, value) = (rt.timers.main_loop.mode, rt.timers.main_loop.value);
    for (at, word) in [(args.u32(0), mode), (args.u32(1), value as i32)] {
        if at != 0 {
            rt.wasm.write_i32(at, word)?;
        }
    }
    Ok(())
}
fn push_blocker(rt: &mut Runtime, args: &mut Args) -> Result {
    bounds::BLOCKERS.admit(rt.timers.main_loop.blockers.len())?;
    let mut name = rt.c_string(args.u32(2))?;
    // It is only shown.
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    let blocker = Blocker {
        callback: args.u32(0),
        argument: args.u32(1),
        name,
    };
    rt.timers.main_loop.blockers.push_back(blocker);
    Ok(())
}
/// For a progress bar, which nobody sees.
fn expect_blockers(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.timers.main_loop.expected_blockers = args.i32(0);
    Ok(())
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("emscripten_set_main_loop", set),
    ("emscripten_set_main_loop_arg", set_arg),
    ("emscripten_cancel_main_loop", cancel),
    ("emscripten_pause_main_loop", pause),
    ("emscripten_resume_main_loop", resume),
    ("emscripten_set_main_loop_timing", set_timing),
    ("emscripten_get_main_loop_timing", get_timing),
    ("_emscripten_push_main_loop_blocker", push_blocker),
    ("_emscripten_push_uncounted_main_loop_blocker", push_blocker),
    (
        "emscripten_set_main_loop_expected_blockers",
        expect_blockers,
    ),
];

impl MainLoop {
    pub(super) fn on_another_clock(&mut self) {
        self.turned = None;
    }
}
