//! `struct tm`: local and universal time, in the signatures of every generation.

use super::calendar::{Fields, MONTHS, WEEKDAYS, Zone, clip, join, split};
use super::tzset::set_zone;
use crate::emscripten::Runtime;
use crate::engine::{Args, Result};

pub const SIZE: u32 = 44;
const GMTOFF: u32 = 36;
const ZONE: u32 = 40;

/// The nine numbers at its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tm {
    pub sec: i32,
    pub min: i32,
    pub hour: i32,
    pub mday: i32,
    pub mon: i32,
    pub year: i32,
    pub wday: i32,
    pub yday: i32,
    pub isdst: i32,
}

impl Tm {
    fn new(f: &Fields, summer: bool) -> Self {
        Tm {
            sec: f.second as i32,
            min: f.minute as i32,
            hour: f.hour as i32,
            mday: f.day as i32,
            mon: f.month as i32,
            year: (f.year - 1900) as i32,
            wday: f.weekday as i32,
            yday: f.year_day as i32,
            isdst: i32::from(summer),
        }
    }
    pub fn read(rt: &Runtime, at: u32) -> Result<Self> {
        let word = |i: u32| rt.wasm.read_i32(at.wrapping_add(4 * i));
        Ok(Tm {
            sec: word(0)?,
            min: word(1)?,
            hour: word(2)?,
            mday: word(3)?,
            mon: word(4)?,
            year: word(5)?,
            wday: word(6)?,
            yday: word(7)?,
            isdst: word(8)?,
        })
    }
    pub fn write(&self, rt: &mut Runtime, at: u32) -> Result {
        let words = [
            self.sec, self.min, self.hour, self.mday, self.mon, self.year, self.wday, self.yday,
            self.isdst,
        ];
        for (i, word) in words.into_iter().enumerate() {
            rt.wasm.write_i32(at.wrapping_add(4 * i as u32), word)?;
        }
        Ok(())
    }
    fn parts(&self) -> [i64; 6] {
        [
            i64::from(self.year) + 1900,
            i64::from(self.mon),
            i64::from(self.mday),
            i64::from(self.hour),
            i64::from(self.min),
            i64::from(self.sec),
        ]
    }
}

/// `mktime`: the time of a local clock reading, which is brought into range. `None` when no date can hold it.
pub(super) fn make(tm: &Tm, zone: &Zone) -> Option<(i64, Tm)> {
    let [year, month, day, hour, minute, second] = tm.parts();
    let mut ms = zone.date(year, month, day, hour, minute, second)?;
    let guessed = zone.minutes_west(ms);
    let (winter, summer) = zone.seasons(zone.local(ms).year);
    let dst_offset = winter.min(summer);
    let mut isdst = tm.isdst;
    if isdst < 0 {
        isdst = i32::from(winter != summer && dst_offset == guessed);
    } else if (isdst > 0) != (dst_offset == guessed) {
        // The hour that comes twice, or a caller that reckons in the other time.
        let meant = if isdst > 0 {
            dst_offset
        } else {
            winter.max(summer)
        };
        ms = clip(ms + (meant - guessed) * 60_000)?;
    }
    Some((
        ms,
        Tm {
            isdst,
            ..Tm::new(&zone.local(ms), false)
        },
    ))
}

/// Days of 24 hours since the year began by the local clock.
fn elapsed_yday(zone: &Zone, ms: i64) -> i32 {
    let start = zone.date(zone.local(ms).year, 0, 1, 0, 0, 0).unwrap_or(ms);
    ((ms - start) / 86_400_000) as i32
}

/// A `time_t` argument at the front: by value (as i64, or in halves), or behind a pointer. Gives seconds, and the index of
/// the next argument.
fn time_argument(rt: &Runtime, args: &Args) -> Result<(i64, usize)> {
    if args.is_i64(0) {
        return Ok((args.i64(0), 1));
    }
    if args.len() >= 3 {
        let mut next = 0;
        return Ok((args.i64_legal(&mut next), next));
    }
    Ok((read_time(rt, args.u32(0))?, 1))
}
fn read_time(rt: &Runtime, at: u32) -> Result<i64> {
    match rt.abi.time64 {
        true => rt.wasm.read_i64(at),
        false => Ok(i64::from(rt.wasm.read_i32(at)?)),
    }
}
fn in_range(seconds: i64) -> Option<i64> {
    seconds.checked_mul(1000).and_then(clip)
}

fn write_utc(rt: &mut Runtime, seconds: i64, at: u32) -> Result<bool> {
    let Some(ms) = in_range(seconds) else {
        return Ok(false);
    };
    Tm::new(&split(ms), false).write(rt, at)?;
    Ok(true)
}
fn write_local(rt: &mut Runtime, seconds: i64, at: u32) -> Result<bool> {
    let Some(ms) = in_range(seconds) else {
        return Ok(false);
    };
    let zone = Zone::system();
    let mut tm = Tm::new(&zone.local(ms), zone.is_summer(ms));
    if rt.abi.elapsed_yday {
        tm.yday = elapsed_yday(&zone, ms);
    }
    tm.write(rt, at)?;
    rt.wasm.write_i32(
        at.wrapping_add(GMTOFF),
        (-zone.minutes_west(ms) * 60) as i32,
    )?;
    Ok(true)
}

pub fn gmtime_js(rt: &mut Runtime, args: &mut Args) -> Result {
    let (seconds, next) = time_argument(rt, args)?;
    let fine = write_utc(rt, seconds, args.u32(next))?;
    args.ret_i32(i32::from(!fine))
}
pub fn localtime_js(rt: &mut Runtime, args: &mut Args) -> Result {
    let (seconds, next) = time_argument(rt, args)?;
    let fine = write_local(rt, seconds, args.u32(next))?;
    args.ret_i32(i32::from(!fine))
}
/// Returns seconds: as i64, as i32, or in halves with the high one in the second return register.
fn return_time(rt: &mut Runtime, args: &mut Args, seconds: i64) -> Result {
    if !args.returns_i64() && rt.abi.time64 {
        rt.exceptions.set_temp_ret0((seconds >> 32) as u32);
        args.ret_i32(seconds as i32)
    } else {
        args.ret_i64(seconds)
    }
}
pub fn mktime_js(rt: &mut Runtime, args: &mut Args) -> Result {
    let at = args.u32(0);
    let seconds = match make(&Tm::read(rt, at)?, &Zone::system()) {
        Some((ms, mut tm)) => {
            if rt.abi.elapsed_yday {
                tm.yday = elapsed_yday(&Zone::system(), ms);
            }
            tm.write(rt, at)?;
            ms.div_euclid(1000)
        }
        None => -1,
    };
    return_time(rt, args, seconds)
}
pub fn timegm_js(rt: &mut Runtime, args: &mut Args) -> Result {
    let at = args.u32(0);
    let tm = Tm::read(rt, at)?;
    let [year, month, day, hour, minute, second] = tm.parts();
    let seconds = match join(year, month, day, hour, minute, second).and_then(clip) {
        Some(ms) => {
            let fields = Tm::new(&split(ms), false);
            Tm {
                wday: fields.wday,
                yday: fields.yday,
                ..tm
            }
            .write(rt, at)?;
            ms.div_euclid(1000)
        }
        None => -1,
    };
    return_time(rt, args, seconds)
}

/// Memory for results that old C calls give by address: made once, by the module's own allocator.
fn static_memory(rt: &mut Runtime) -> Result<u32> {
    if rt.process.tm_memory == 0 {
        let ptr = rt.malloc(2 * SIZE + 8)?;
        rt.process.tm_memory = ptr;
        rt.write_c_string(ptr + 2 * SIZE, "GMT", 4)?;
    }
    Ok(rt.process.tm_memory)
}
fn gmtime_to(rt: &mut Runtime, time: u32, to: u32) -> Result<u32> {
    let seconds = read_time(rt, time)?;
    if !write_utc(rt, seconds, to)? {
        return Ok(0);
    }
    let gmt = static_memory(rt)? + 2 * SIZE;
    rt.wasm.write_i32(to.wrapping_add(GMTOFF), 0)?;
    rt.wasm.write_u32(to.wrapping_add(ZONE), gmt)?;
    Ok(to)
}
fn localtime_to(rt: &mut Runtime, time: u32, to: u32) -> Result<u32> {
    set_zone(rt)?;
    let seconds = read_time(rt, time)?;
    if !write_local(rt, seconds, to)? {
        return Ok(0);
    }
    let isdst = rt.wasm.read_u32(to.wrapping_add(32))?;
    let zone = match rt.wasm.export("_get_tzname") {
        Some(_) => {
            let tzname = rt.call_export("_get_tzname", &[])?.u32();
            rt.wasm.read_u32(tzname.wrapping_add(4 * isdst))?
        }
        None => static_memory(rt)? + 2 * SIZE,
    };
    rt.wasm.write_u32(to.wrapping_add(ZONE), zone)?;
    Ok(to)
}
pub fn gmtime(rt: &mut Runtime, args: &mut Args) -> Result {
    let to = static_memory(rt)?;
    let result = gmtime_to(rt, args.u32(0), to)?;
    args.ret_u32(result)
}
pub fn gmtime_r(rt: &mut Runtime, args: &mut Args) -> Result {
    let result = gmtime_to(rt, args.u32(0), args.u32(1))?;
    args.ret_u32(result)
}
pub fn localtime(rt: &mut Runtime, args: &mut Args) -> Result {
    let to = static_memory(rt)?;
    let result = localtime_to(rt, args.u32(0), to)?;
    args.ret_u32(result)
}
pub fn localtime_r(rt: &mut Runtime, args: &mut Args) -> Result {
    let result = localtime_to(rt, args.u32(0), args.u32(1))?;
    args.ret_u32(result)
}

fn ascii(tm: &Tm) -> String {
    let name =
        |list: &[&'static str], i: i32| list.get(i as usize).map_or("???", |name| &name[..3]);
    format!(
        "{} {}{:>3} {:02}:{:02}:{:02} {}\n",
        name(&WEEKDAYS, tm.wday),
        name(&MONTHS, tm.mon),
        tm.mday,
        tm.hour,
        tm.min,
        tm.sec,
        1900 + i64::from(tm.year)
    )
}
fn asctime_to(rt: &mut Runtime, tm: u32, to: u32) -> Result {
    let text = ascii(&Tm::read(rt, tm)?);
    rt.write_c_string(to, &text, 26).map(drop)
}
pub fn asctime_r(rt: &mut Runtime, args: &mut Args) -> Result {
    asctime_to(rt, args.u32(0), args.u32(1))?;
    args.ret_u32(args.u32(1))
}
pub fn asctime(rt: &mut Runtime, args: &mut Args) -> Result {
    let to = static_memory(rt)? + SIZE;
    asctime_to(rt, args.u32(0), to)?;
    args.ret_u32(to)
}
pub fn ctime(rt: &mut Runtime, args: &mut Args) -> Result {
    let memory = static_memory(rt)?;
    ctime_to(rt, args.u32(0), memory + SIZE)?;
    args.ret_u32(memory + SIZE)
}
pub fn ctime_r(rt: &mut Runtime, args: &mut Args) -> Result {
    ctime_to(rt, args.u32(0), args.u32(1))?;
    args.ret_u32(args.u32(1))
}
fn ctime_to(rt: &mut Runtime, time: u32, to: u32) -> Result {
    let tm = static_memory(rt)?;
    localtime_to(rt, time, tm)?;
    asctime_to(rt, tm, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tm(year: i32, mon: i32, mday: i32, hour: i32, min: i32, isdst: i32) -> Tm {
        Tm {
            year: year - 1900,
            mon,
            mday,
            hour,
            min,
            isdst,
            ..Tm::default()
        }
    }

    #[test]
    fn mktime_in_zones() {
        let utc = Zone::named("UTC");
        let (ms, out) = make(&tm(2024, 1, 29, 12, 30, -1), &utc).unwrap();
        assert_eq!(
            (ms / 1000, out.wday, out.yday, out.isdst),
            (1_709_209_800, 4, 59, 0)
        );
        // Out of range: the 32nd of January.
        let (_, out) = make(&tm(2024, 0, 32, 24, 0, -1), &utc).unwrap();
        assert_eq!((out.mon, out.mday, out.hour), (1, 2, 0));

        let new_york = Zone::named("America/New_York");
        let (summer, out) = make(&tm(2024, 6, 4, 12, 0, -1), &new_york).unwrap();
        assert_eq!((summer / 1000, out.isdst), (1_720_108_800, 1));
        // A caller that insists on standard time in summer is an hour later.
        let (insisted, out) = make(&tm(2024, 6, 4, 12, 0, 0), &new_york).unwrap();
        assert_eq!((insisted - summer, out.hour), (3_600_000, 13));
        // The hour that comes twice, told apart by isdst.
        let (first, _) = make(&tm(2024, 10, 3, 1, 30, 1), &new_york).unwrap();
        let (second, _) = make(&tm(2024, 10, 3, 1, 30, 0), &new_york).unwrap();
        assert_eq!(second - first, 3_600_000);
        assert!(make(&tm(300_000, 0, 1, 0, 0, -1), &utc).is_none());
    }

    #[test]
    fn asctime_text() {
        let sample = Tm {
            wday: 4,
            ..tm(2024, 1, 29, 8, 5, 0)
        };
        assert_eq!(ascii(&sample), "Thu Feb 29 08:05:00 2024\n");
        assert_eq!(
            ascii(&Tm { mday: 3, ..sample }),
            "Thu Feb  3 08:05:00 2024\n"
        );
    }
}
