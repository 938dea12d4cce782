//! Clocks, dates and their text.

mod calendar;
mod strftime;
mod strptime;
mod tm;
mod tzset;

use super::fs::Errno;
use super::{ImportFn, Runtime};
use crate::engine::{Args, InterruptFlag, Result, Unwind};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// `Date.now()`: whole milliseconds.
pub fn date_now() -> f64 {
    super::fs::now_ms() as f64
}

/// Since the process began to run emvm, never backwards.
pub fn monotonic_nanos() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

/// `performance.now()`.
pub fn monotonic_ms() -> f64 {
    monotonic_nanos() as f64 / 1e6
}

const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const CLOCK_MONOTONIC_RAW: u32 = 4;

fn emscripten_date_now(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret(date_now())
}
fn emscripten_get_now(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret(monotonic_ms())
}
fn emscripten_get_now_res(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret(1.0)
}
fn is_monotonic(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret(1.0)
}

impl Runtime {
    /// A `timespec`, or a `timeval` when `fraction` is in microseconds.
    fn write_time(&mut self, at: u32, seconds: i64, fraction: u32) -> Result {
        if self.abi.time64 {
            self.wasm.write_i64(at, seconds)?;
            self.wasm.write_u32(at.wrapping_add(8), fraction)
        } else {
            self.wasm.write_i32(at, seconds as i32)?;
            self.wasm.write_u32(at.wrapping_add(4), fraction)
        }
    }
    /// Waits, in pieces short enough to be stopped in between.
    pub(super) fn sleep(&mut self, duration: Duration) -> Result {
        const PIECE: Duration = Duration::from_millis(10);
        let interrupt = self.wasm.interrupt_flag();
        let mut left = duration;
        while !left.is_zero() {
            if interrupt.as_ref().is_some_and(InterruptFlag::is_set) {
                return Err(Unwind::Interrupted);
            }
            let piece = left.min(PIECE);
            std::thread::sleep(piece);
            left -= piece;
        }
        Ok(())
    }
}

fn clock_gettime(rt: &mut Runtime, args: &mut Args) -> Result {
    let (clock, to) = (args.u32(0), args.u32(1));
    let since = match clock {
        CLOCK_REALTIME => Duration::from_millis(super::fs::now_ms().max(0) as u64),
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW => Duration::from_nanos(monotonic_nanos()),
        _ => return rt.fail(args, Errno::EINVAL),
    };
    rt.write_time(to, since.as_secs() as i64, since.subsec_nanos())?;
    args.ret_i32(0)
}
fn clock_getres(rt: &mut Runtime, args: &mut Args) -> Result {
    let (clock, to) = (args.u32(0), args.u32(1));
    let nanos = match clock {
        CLOCK_REALTIME => 1_000_000,
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW => 1,
        _ => return rt.fail(args, Errno::EINVAL),
    };
    rt.write_time(to, 0, nanos)?;
    args.ret_i32(0)
}
fn clock_settime(rt: &mut Runtime, args: &mut Args) -> Result {
    let refused = if args.u32(0) == CLOCK_REALTIME {
        Errno::EPERM
    } else {
        Errno::EINVAL
    };
    rt.fail(args, refused)
}
fn stime(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.fail(args, Errno::EPERM)
}
/// `clock_getcpuclockid(pid, clock*)`.
fn clock_getcpuclockid(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.wasm.write_u32(args.u32(1), 2)?;
    args.ret_i32(0)
}
fn timespec_get(rt: &mut Runtime, args: &mut Args) -> Result {
    let (to, base) = (args.u32(0), args.u32(1));
    // TIME_UTC
    if base == 1 {
        let ms = super::fs::now_ms();
        rt.write_time(
            to,
            ms.div_euclid(1000),
            ms.rem_euclid(1000) as u32 * 1_000_000,
        )?;
        args.ret_i32(1)
    } else {
        rt.set_errno(Errno::EINVAL)?;
        args.ret_i32(0)
    }
}
fn gettimeofday(rt: &mut Runtime, args: &mut Args) -> Result {
    let ms = super::fs::now_ms();
    rt.write_time(
        args.u32(0),
        ms.div_euclid(1000),
        ms.rem_euclid(1000) as u32 * 1000,
    )?;
    args.ret_i32(0)
}
fn ftime(rt: &mut Runtime, args: &mut Args) -> Result {
    let (at, ms) = (args.u32(0), super::fs::now_ms());
    let size = if rt.abi.time64 { 8 } else { 4 };
    if rt.abi.time64 {
        rt.wasm.write_i64(at, ms.div_euclid(1000))?;
    } else {
        rt.wasm.write_i32(at, ms.div_euclid(1000) as i32)?;
    }
    rt.wasm
        .write_u16(at.wrapping_add(size), ms.rem_euclid(1000) as u16)?;
    rt.wasm.write_u32(at.wrapping_add(size + 2), 0)?;
    args.ret_i32(0)
}
fn time(rt: &mut Runtime, args: &mut Args) -> Result {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs() as i64;
    let to = args.u32(0);
    if to != 0 {
        if rt.abi.time64 {
            rt.wasm.write_i64(to, since)?;
        } else {
            rt.wasm.write_i32(to, since as i32)?;
        }
    }
    args.ret_i64(since)
}
fn difftime(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret(f64::from(args.i32(0)) - f64::from(args.i32(1)))
}
/// Microseconds since the first call.
fn clock(rt: &mut Runtime, args: &mut Args) -> Result {
    let now = monotonic_nanos() / 1000;
    let start = *rt.process.clock_start.get_or_insert(now);
    args.ret_i32((now - start) as i32)
}
/// `times(buffer)`: no account is kept.
fn times(rt: &mut Runtime, args: &mut Args) -> Result {
    if args.u32(0) != 0 {
        rt.wasm.bytes_mut(args.u32(0), 16)?.fill(0);
    }
    args.ret_i32(0)
}
fn usleep(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.sleep(Duration::from_micros(u64::from(args.u32(0))))?;
    args.ret_i32(0)
}
fn sleep(rt: &mut Runtime, args: &mut Args) -> Result {
    rt.sleep(Duration::from_secs(u64::from(args.u32(0))))?;
    args.ret_i32(0)
}
fn emscripten_sleep_ms(rt: &mut Runtime, args: &mut Args) -> Result {
    // NaN is no time, and what no clock reaches is a time that none waits for.
    let ms = args.f64(0);
    let ms = if ms > 0.0 { ms.min(1e12) } else { 0.0 };
    rt.sleep(Duration::from_secs_f64(ms / 1e3))
}
fn nanosleep(rt: &mut Runtime, args: &mut Args) -> Result {
    let (request, left) = (args.u32(0), args.u32(1));
    let (seconds, nanos) = match rt.abi.time64 {
        true => (
            rt.wasm.read_i64(request)?,
            rt.wasm.read_u32(request.wrapping_add(8))?,
        ),
        false => (
            i64::from(rt.wasm.read_i32(request)?),
            rt.wasm.read_u32(request.wrapping_add(4))?,
        ),
    };
    let Some(seconds) = u64::try_from(seconds)
        .ok()
        .filter(|_| nanos < 1_000_000_000)
    else {
        return rt.fail(args, Errno::EINVAL);
    };
    rt.sleep(Duration::new(seconds, nanos))?;
    if left != 0 {
        rt.write_time(left, 0, 0)?;
    }
    args.ret_i32(0)
}
pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("emscripten_date_now", emscripten_date_now),
    ("_emscripten_date_now", emscripten_date_now),
    ("emscripten_get_now", emscripten_get_now),
    ("emscripten_performance_now", emscripten_get_now),
    ("emscripten_get_now_res", emscripten_get_now_res),
    ("_emscripten_get_now_is_monotonic", is_monotonic),
    ("emscripten_get_now_is_monotonic", is_monotonic),
    ("clock_gettime", clock_gettime),
    ("__clock_gettime", clock_gettime),
    ("clock_getres", clock_getres),
    ("clock_settime", clock_settime),
    ("clock_getcpuclockid", clock_getcpuclockid),
    ("timespec_get", timespec_get),
    ("gettimeofday", gettimeofday),
    ("ftime", ftime),
    ("time", time),
    ("stime", stime),
    ("difftime", difftime),
    ("clock", clock),
    ("times", times),
    ("usleep", usleep),
    ("sleep", sleep),
    ("nanosleep", nanosleep),
    ("emscripten_thread_sleep", emscripten_sleep_ms),
    ("_localtime_js", tm::localtime_js),
    ("_gmtime_js", tm::gmtime_js),
    ("_mktime_js", tm::mktime_js),
    ("_timegm_js", tm::timegm_js),
    ("_tzset_js", tzset::tzset_js),
    ("localtime", tm::localtime),
    ("localtime_r", tm::localtime_r),
    ("__localtime_r", tm::localtime_r),
    ("gmtime", tm::gmtime),
    ("gmtime_r", tm::gmtime_r),
    ("__gmtime_r", tm::gmtime_r),
    ("mktime", tm::mktime_js),
    ("timegm", tm::timegm_js),
    ("asctime", tm::asctime),
    ("asctime_r", tm::asctime_r),
    ("__asctime_r", tm::asctime_r),
    ("ctime", tm::ctime),
    ("ctime_r", tm::ctime_r),
    ("tzset", tzset::tzset),
    ("strftime", strftime::strftime),
    ("strftime_l", strftime::strftime),
    ("strptime", strptime::strptime),
    ("strptime_l", strptime::strptime),
];
