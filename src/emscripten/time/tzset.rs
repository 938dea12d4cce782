//! The C library's variables of the time zone: names, offset, whether there is summer time.

use super::calendar::Zone;
use crate::emscripten::Runtime;
use crate::emscripten::fs::now_ms;
use crate::engine::{Args, Result};

/// Standard and summer name, with the offset of standard time in minutes west and whether there is summer time.
fn zone_names(rt: &Runtime) -> (i64, bool, String, String) {
    let zone = Zone::system();
    let year = zone.local(now_ms()).year;
    let (winter, summer) = zone.seasons(year);
    let name = |month: i64, west: i64| {
        if rt.abi.zone_offsets {
            let (sign, minutes) = if west >= 0 { ('-', west) } else { ('+', -west) };
            return format!("UTC{sign}{:02}{:02}", minutes / 60, minutes % 60);
        }
        zone.long_name(zone.date(year, month, 1, 0, 0, 0).unwrap_or(0))
    };
    let (winter_name, summer_name) = (name(0, winter), name(6, summer));
    let (standard, daylight) = if summer < winter {
        (winter_name, summer_name)
    } else {
        (summer_name, winter_name)
    };
    (winter.max(summer), winter != summer, standard, daylight)
}

/// `_tzset_js(timezone*, daylight*, tzname**)`, from 3.1.55 on `(timezone*, daylight*, standard, summer)`.
pub fn tzset_js(rt: &mut Runtime, args: &mut Args) -> Result {
    let (timezone, daylight) = (args.u32(0), args.u32(1));
    let (west, has_summer, standard, summer) = zone_names(rt);
    rt.wasm.write_i32(timezone, (west * 60) as i32)?;
    rt.wasm.write_i32(daylight, i32::from(has_summer))?;
    if args.len() >= 4 {
        rt.write_c_string(args.u32(2), &standard, 17)?;
        rt.write_c_string(args.u32(3), &summer, 17)?;
        return Ok(());
    }
    write_names(rt, args.u32(2), &standard, &summer)
}
fn write_names(rt: &mut Runtime, tzname: u32, standard: &str, summer: &str) -> Result {
    for (i, name) in [standard, summer].into_iter().enumerate() {
        let ptr = rt.malloc(name.len() as u32 + 1)?;
        rt.write_c_string(ptr, name, u32::MAX)?;
        rt.wasm.write_u32(tzname.wrapping_add(4 * i as u32), ptr)?;
    }
    Ok(())
}
/// `tzset()` of 1.38: the variables are behind exported functions.
pub fn tzset(rt: &mut Runtime, _: &mut Args) -> Result {
    set_zone(rt)
}
pub(super) fn set_zone(rt: &mut Runtime) -> Result {
    if rt.process.zone_set || rt.wasm.export("_get_tzname").is_none() {
        return Ok(());
    }
    rt.process.zone_set = true;
    let (west, has_summer, standard, summer) = zone_names(rt);
    let timezone = rt.call_export("_get_timezone", &[])?.u32();
    rt.wasm.write_i32(timezone, (west * 60) as i32)?;
    let daylight = rt.call_export("_get_daylight", &[])?.u32();
    rt.wasm.write_i32(daylight, i32::from(has_summer))?;
    let tzname = rt.call_export("_get_tzname", &[])?.u32();
    write_names(rt, tzname, &standard, &summer)
}
