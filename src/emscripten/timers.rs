//! Work that the module leaves to the event loop: timers, immediates, animation frames, `setitimer`.
//!
//! The list is here, so that a recycle can put it back; JavaScript keeps a timer of its own for each entry, made and
//! cleared through [`Js::timer`](super::js::Js::timer), and comes back with the entry's number to [`Runtime::fire_timer`].

use super::js::{TimerCommand, TimerKind};
use super::main_loop::MainLoop;
use super::time::{date_now, monotonic_ms};
use super::{ImportFn, Runtime, bounds};
use crate::engine::{Args, Result, Unwind, ValRaw};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an entry does when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Task {
    /// `callback(data)`; an interval stays until it is cleared
    Call,
    /// `bool callback(time, data)`, again every so many milliseconds as long as it says so
    TimeoutLoop,
    /// `bool callback(data)`, again as long as it says so
    ImmediateLoop,
    /// `bool callback(time, data)`, again when `repeats` and it says so
    Frame { repeats: bool },
    /// `raise(SIGALRM)`
    Alarm,
    /// `_emscripten_timeout(which, now)`
    Itimer,
    /// one turn of the main loop
    Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Timer {
    task: Task,
    kind: TimerKind,
    /// To go when it is set.
    ms: f64,
    /// Between two calls of a time-out loop.
    every: f64,
    callback: u32,
    data: u32,
    /// The program does not end by itself as long as it waits.
    counted: bool,
}

/// Pending work of one generation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Timers {
    list: BTreeMap<u32, Timer>,
    last_id: u32,
    /// When the next animation frame is due, by `Date.now()`.
    next_frame: f64,
    pub(super) main_loop: MainLoop,
    /// `emscripten_runtime_keepalive_push` less `_pop`.
    keepalive: i32,
}

impl Timers {
    /// As in a program that never used any.
    pub fn is_untouched(&self) -> bool {
        self.last_id == 0 && self.keepalive == 0 && self.main_loop.is_untouched()
    }
    /// A program that ends with `main` does not end yet.
    pub fn keeps_alive(&self) -> bool {
        self.keepalive > 0 || self.list.values().any(|timer| timer.counted)
    }
    /// Milliseconds to the next animation frame, at 60 of them a second.
    pub(super) fn until_frame(&mut self) -> f64 {
        const FRAME: f64 = 1000.0 / 60.0;
        let now = date_now();
        if self.next_frame == 0.0 {
            self.next_frame = now + FRAME;
        } else if now + 2.0 >= self.next_frame {
            let behind = (now + 2.0 - self.next_frame) / FRAME;
            self.next_frame += (behind.floor() + 1.0) * FRAME;
        }
        (self.next_frame - now).max(0.0)
    }
}

const SIGALRM: i32 = 14;

impl Runtime {
    fn add_timer(&mut self, timer: Timer) -> Result<u32> {
        bounds::TIMERS.admit(self.timers.list.len())?;
        self.timers.last_id = self.timers.last_id.checked_add(1).unwrap_or(1);
        let id = self.timers.last_id;
        self.arm(id, timer)?;
        Ok(id)
    }

    fn arm(&mut self, id: u32, timer: Timer) -> Result {
        self.timers.list.insert(id, timer);
        let js = self.js();
        let command = TimerCommand::Set {
            id,
            kind: timer.kind,
            ms: timer.ms,
            is_turn: timer.task == Task::Turn,
        };
        js.timer(command)
    }

    /// The timer of the main loop's next turn.
    pub(super) fn add_turn(&mut self, kind: TimerKind, ms: f64) -> Result<u32> {
        self.add_timer(Timer {
            task: Task::Turn,
            ..call(0, 0, kind, ms)
        })
    }

    pub(super) fn clear_timer(&mut self, id: u32) -> Result {
        match self.timers.list.remove(&id) {
            Some(_) => self.js().timer(TimerCommand::Clear(id)),
            None => Ok(()),
        }
    }

    /// The program is over: nothing of it runs any more.
    pub fn stop_timers(&mut self) {
        self.timers.main_loop = MainLoop::default();
        if !self.timers.list.is_empty() {
            self.timers.list.clear();
            // It only clears timers, which does not fail.
            let _ = self.js().timer(TimerCommand::ClearAll);
        }
    }

    /// Puts back what waited when the image was taken, each with its whole time before it.
    pub(super) fn restore_timers(&mut self, image: &Timers) {
        let js = self.js();
        if !self.timers.list.is_empty() {
            let _ = js.timer(TimerCommand::ClearAll);
        }
        self.timers.clone_from(image);
        for (id, timer) in &image.list {
            // Without the facade's function there were none in the image either.
            let _ = js.timer(TimerCommand::Set {
                id: *id,
                kind: timer.kind,
                ms: timer.ms,
                is_turn: timer.task == Task::Turn,
            });
        }
    }

    /// An entry's time has come. `skip`: the main loop's turn is not wanted (`preMainLoop` said so).
    pub fn fire_timer(&mut self, id: u32, skip: bool) -> Result {
        let Some(timer) = self.timers.list.get(&id).copied() else {
            return Ok(());
        };
        if timer.kind != TimerKind::Interval {
            self.timers.list.remove(&id);
        }
        match self.run_timer(id, timer, skip) {
            Ok(()) | Err(Unwind::KeepAlive) => {}
            // As in Emscripten: a program that ends itself is no error of whoever started it.
            Err(Unwind::Exit(_)) => return Ok(()),
            Err(other) => return Err(other),
        }
        if self.abi.exit_runtime && !self.timers.keeps_alive() {
            self.end_program()?;
            self.stop_timers();
        }
        Ok(())
    }

    fn run_timer(&mut self, id: u32, timer: Timer, skip: bool) -> Result {
        let data = ValRaw::from_u32(timer.data);
        match timer.task {
            Task::Call => self.call_pointer("vi", timer.callback, &[data]).map(drop),
            Task::TimeoutLoop => {
                let started = monotonic_ms();
                let time = ValRaw::from_f64(started);
                if self
                    .call_pointer("idi", timer.callback, &[time, data])?
                    .i32()
                    != 0
                {
                    let ms = (started + timer.every - monotonic_ms()).max(0.0);
                    self.arm(id, Timer { ms, ..timer })?;
                }
                Ok(())
            }
            Task::ImmediateLoop => {
                if self.call_pointer("ii", timer.callback, &[data])?.i32() != 0 {
                    self.arm(id, timer)?;
                }
                Ok(())
            }
            Task::Frame { repeats } => {
                let time = ValRaw::from_f64(monotonic_ms());
                let more = self
                    .call_pointer("idi", timer.callback, &[time, data])?
                    .i32()
                    != 0;
                if repeats && more {
                    let ms = self.timers.until_frame();
                    self.arm(id, Timer { ms, ..timer })?;
                }
                Ok(())
            }
            Task::Alarm => self
                .call_export("raise", &[ValRaw::from_i32(SIGALRM)])
                .map(drop),
            Task::Itimer => {
                let now = ValRaw::from_f64(monotonic_ms());
                self.call_export("_emscripten_timeout", &[data, now])
                    .map(drop)
            }
            Task::Turn => self.turn(skip),
        }
    }
}

/// A call of `callback(data)` after `ms`, or again and again.
fn call(callback: u32, data: u32, kind: TimerKind, ms: f64) -> Timer {
    Timer {
        task: Task::Call,
        kind,
        ms,
        every: ms,
        callback,
        data,
        counted: true,
    }
}

fn set_timeout(rt: &mut Runtime, args: &mut Args) -> Result {
    let timer = call(args.u32(0), args.u32(2), TimerKind::Timeout, args.f64(1));
    args.ret_u32(rt.add_timer(timer)?)
}
fn set_timeout_loop(rt: &mut Runtime, args: &mut Args) -> Result {
    let timer = Timer {
        task: Task::TimeoutLoop,
        ms: 0.0,
        ..call(args.u32(0), args.u32(2), TimerKind::Timeout, args.f64(1))
    };
    args.ret_u32(rt.add_timer(timer)?)
}
fn set_interval(rt: &mut Runtime, args: &mut Args) -> Result {
    let timer = call(args.u32(0), args.u32(2), TimerKind::Interval, args.f64(1));
    args.ret_u32(rt.add_timer(timer)?)
}
fn set_immediate(rt: &mut Runtime, args: &mut Args) -> Result {
    let timer = call(args.u32(0), args.u32(1), TimerKind::Immediate, 0.0);
    args.ret_u32(rt.add_timer(timer)?)
}
fn set_immediate_loop(rt: &mut Runtime, args: &mut Args) -> Result {
    let timer = Timer {
        task: Task::ImmediateLoop,
        ..call(args.u32(0), args.u32(1), TimerKind::Immediate, 0.0)
    };
    args.ret_u32(rt.add_timer(timer)?)
}
fn queue_microtask(rt: &mut Runtime, args: &mut Args) -> Result {
    let timer = call(args.u32(0), args.u32(1), TimerKind::Microtask, 0.0);
    rt.add_timer(timer).map(drop)
}
/// `emscripten_clear_timeout`, `_interval`, `_immediate` and `emscripten_cancel_animation_frame`: ids are of one kind.
fn clear(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.clear_timer(args.u32(0))
}
/// `emscripten_async_call(callback, data, ms)`: a negative time means the next frame, which in Node is a time-out.
fn async_call(rt: &mut Runtime, args: &mut Args) -> Result {
    let ms = f64::from(args.i32(2));
    let timer = call(args.u32(0), args.u32(1), TimerKind::Timeout, ms);
    rt.add_timer(timer).map(drop)
}
fn animation_frame<const REPEATS: bool>(rt: &mut Runtime, args: &mut Args) -> Result {
    let ms = rt.timers.until_frame();
    let timer = Timer {
        task: Task::Frame { repeats: REPEATS },
        counted: false,
        ..call(args.u32(0), args.u32(1), TimerKind::Timeout, ms)
    };
    args.ret_u32(rt.add_timer(timer)?)
}
/// `alarm(seconds)`. Without a `raise` nobody could be told.
fn alarm(rt: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(0)?;
    let ms = f64::from(args.u32(0)) * 1000.0;
    if rt.wasm.export("raise").is_none() {
        return match args.u32(0) {
            0 => Ok(()),
            _ => Err(Unwind::Unsupported(
                "alarm: the module exports no raise, so that no signal can reach it; use the `timeout` option to limit a call".into(),
            )),
        };
    }
    let timer = Timer {
        task: Task::Alarm,
        counted: false,
        ..call(0, 0, TimerKind::Timeout, ms)
    };
    rt.add_timer(timer).map(drop)
}
/// `_setitimer_js(which, ms)`: one timer of each kind, 0 disarms it.
fn setitimer(rt: &mut Runtime, args: &mut Args) -> Result {
    let (which, ms) = (args.u32(0), args.f64(1));
    let same = |timer: &Timer| timer.task == Task::Itimer && timer.data == which;
    let armed = rt.timers.list.iter().find(|(_, timer)| same(timer));
    if let Some(id) = armed.map(|(id, _)| *id) {
        rt.clear_timer(id)?;
    }
    if ms > 0.0 {
        rt.add_timer(Timer {
            task: Task::Itimer,
            counted: false,
            ..call(0, which, TimerKind::Timeout, ms)
        })?;
    }
    args.ret_i32(0)
}

fn keepalive_push(rt: &mut Runtime, _: &mut Args) -> Result {
    rt.timers.keepalive += 1;
    Ok(())
}
fn keepalive_pop(rt: &mut Runtime, _: &mut Args) -> Result {
    rt.timers.keepalive -= 1;
    Ok(())
}
fn keepalive_check(rt: &mut Runtime, args: &mut Args) -> Result {
    let alive = !rt.abi.exit_runtime || rt.timers.keeps_alive();
    args.ret_i32(i32::from(alive))
}
fn keepalive_clear(rt: &mut Runtime, _: &mut Args) -> Result {
    rt.timers.keepalive = 0;
    Ok(())
}

/// What only Asyncify's own JavaScript can do.
fn needs_asyncify(_: &mut Runtime, _: &mut Args) -> Result {
    Err(Unwind::Unsupported(
        "emscripten_sleep waits for the event loop in the middle of a call, which needs Asyncify: open the package's .js file with host: 'glue'".into(),
    ))
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("emscripten_set_timeout", set_timeout),
    ("emscripten_clear_timeout", clear),
    ("emscripten_set_timeout_loop", set_timeout_loop),
    ("emscripten_set_interval", set_interval),
    ("emscripten_clear_interval", clear),
    ("emscripten_set_immediate", set_immediate),
    ("emscripten_clear_immediate", clear),
    ("emscripten_set_immediate_loop", set_immediate_loop),
    ("emscripten_queue_microtask", queue_microtask),
    ("emscripten_async_call", async_call),
    (
        "emscripten_request_animation_frame",
        animation_frame::<false>,
    ),
    (
        "emscripten_request_animation_frame_loop",
        animation_frame::<true>,
    ),
    ("emscripten_cancel_animation_frame", clear),
    ("alarm", alarm),
    ("_setitimer_js", setitimer),
    ("emscripten_runtime_keepalive_push", keepalive_push),
    ("emscripten_runtime_keepalive_pop", keepalive_pop),
    ("emscripten_runtime_keepalive_check", keepalive_check),
    ("_emscripten_runtime_keepalive_clear", keepalive_clear),
    ("emscripten_sleep", needs_asyncify),
];

impl Timers {
    /// Of another process, whose clock was another one.
    pub fn on_another_clock(&mut self) {
        self.next_frame = 0.0;
        self.main_loop.on_another_clock();
    }
}
