//! `strftime`, as Emscripten's JavaScript wrote it (up to 3.1.61; later it is the C library's own).

use super::calendar::{MONTHS, WEEKDAYS, is_leap, join, split};
use super::tm::Tm;
use crate::emscripten::Runtime;
use crate::engine::{Args, Interruption, Pace, Result};

/// `strftime(buf, max, format, tm)`; `strftime_l` has a locale after them, of which there is only one.
pub fn strftime(rt: &mut Runtime, args: &mut Args) -> Result {
    let (buf, max, format, at) = (args.u32(0), args.u32(1), args.u32(2), args.u32(3));
    let pattern = rt.c_string(format)?;
    let tm = Tm::read(rt, at)?;
    let offset = rt.wasm.read_i32(at.wrapping_add(36))?;
    let zone = match rt.wasm.read_u32(at.wrapping_add(40))? {
        0 => String::new(),
        name => rt.c_string(name)?,
    };
    let context = Context {
        tm: &tm,
        offset,
        zone: &zone,
        old_weeks: rt.abi.old_weeks,
        pace: rt.wasm.pace().clone(),
    };
    let text = context.text(&pattern, u64::from(max))?;
    let Some(text) = text else {
        return args.ret_i32(0);
    };
    rt.write_c_string(buf, &text, max)?;
    args.ret_i32(text.len() as i32)
}

struct Context<'a> {
    tm: &'a Tm,
    offset: i32,
    zone: &'a str,
    old_weeks: bool,
    pace: Pace,
}

impl Context<'_> {
    /// `None` when the text and its NUL take more than `max` bytes.
    fn text(&self, pattern: &str, max: u64) -> Result<Option<String>, Interruption> {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some(at) = memchr::memchr(b'%', rest.as_bytes()) {
            self.pace.go_on()?;
            if out.len() as u64 >= max {
                return Ok(None);
            }
            out.push_str(&rest[..at]);
            let mut chars = rest[at + 1..].chars();
            let Some(mut letter) = chars.next() else {
                out.push('%');
                rest = "";
                break;
            };
            // The locale's alternatives are the same as the plain ones.
            if letter == 'E' || letter == 'O' {
                let mut ahead = chars.clone();
                if let Some(next) = ahead.next().filter(|c| "cCxXyYdeHImMSuUVwW".contains(*c)) {
                    (letter, chars) = (next, ahead);
                }
            }
            match self.item(letter)? {
                Some(text) => out.push_str(&text),
                None => {
                    out.push('%');
                    out.push(letter);
                }
            }
            rest = chars.as_str();
        }
        out.push_str(rest);
        Ok(Some(out).filter(|out| (out.len() as u64) < max))
    }

    fn item(&self, letter: char) -> Result<Option<String>, Interruption> {
        let Context {
            tm,
            offset,
            zone,
            old_weeks,
            ..
        } = *self;
        let composed = |pattern: &str| Ok(self.text(pattern, u64::MAX)?.unwrap_or_default());
        let weekday = WEEKDAYS.get(tm.wday as usize).copied().unwrap_or("");
        let month = MONTHS.get(tm.mon as usize).copied().unwrap_or("");
        let year = i64::from(tm.year) + 1900;
        let (yday, wday) = (i64::from(tm.yday), i64::from(tm.wday));
        Ok(Some(match letter {
            'a' => weekday.chars().take(3).collect(),
            'A' => weekday.into(),
            'b' | 'h' => month.chars().take(3).collect(),
            'B' => month.into(),
            'c' => composed("%a %b %d %H:%M:%S %Y")?,
            'C' => format!("{:02}", year / 100),
            'd' => format!("{:02}", tm.mday),
            'D' | 'x' => composed("%m/%d/%y")?,
            'e' => format!("{:2}", tm.mday),
            'F' => composed("%Y-%m-%d")?,
            'g' => week_year(year, yday).to_string().chars().skip(2).collect(),
            'G' => week_year(year, yday).to_string(),
            'H' => format!("{:02}", tm.hour),
            'I' => format!(
                "{:02}",
                if tm.hour == 0 {
                    12
                } else if tm.hour > 12 {
                    tm.hour - 12
                } else {
                    tm.hour
                }
            ),
            'j' => format!("{:03}", day_of_year(tm)),
            'm' => format!("{:02}", tm.mon + 1),
            'M' => format!("{:02}", tm.min),
            'n' => "\n".into(),
            'p' => if (0..12).contains(&tm.hour) {
                "AM"
            } else {
                "PM"
            }
            .into(),
            'r' => composed("%I:%M:%S %p")?,
            'R' => composed("%H:%M")?,
            'S' => format!("{:02}", tm.sec),
            't' => "\t".into(),
            'T' | 'X' => composed("%H:%M:%S")?,
            'u' => if tm.wday == 0 { 7 } else { tm.wday }.to_string(),
            'U' if old_weeks => format!(
                "{:02}",
                old_sunday_week(year, i64::from(day_of_year(tm)) - 1)
            ),
            'V' if old_weeks => format!("{:02}", old_week_number(year, yday)),
            'W' if old_weeks => format!(
                "{:02}",
                old_monday_week(i64::from(tm.year), i64::from(day_of_year(tm)) - 1)
            ),
            'U' => format!("{:02}", (yday + 7 - wday) / 7),
            'V' => format!("{:02}", week_number(year, yday)),
            'w' => tm.wday.to_string(),
            'W' => format!("{:02}", (yday + 7 - (wday + 6) % 7) / 7),
            'y' => year.to_string().chars().skip(2).collect(),
            'Y' => year.to_string(),
            'z' => zone_offset(offset),
            'Z' => zone.into(),
            '%' => "%".into(),
            _ => return Ok(None),
        }))
    }
}

/// Emscripten reckons from the day of the month, not from `tm_yday`.
fn day_of_year(tm: &Tm) -> i32 {
    let leap = i32::from(is_leap(i64::from(tm.year) + 1900));
    let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    tm.mday
        + lengths
            .iter()
            .take(tm.mon.clamp(0, 12) as usize)
            .sum::<i32>()
}

/// Emscripten's arithmetic for `%z`, which is off for zones that are not whole hours from UTC: programs saw it so.
fn zone_offset(seconds: i32) -> String {
    let minutes = f64::from(seconds.unsigned_abs()) / 60.0;
    let number = format!("0000{}", minutes / 60.0 * 100.0 + minutes % 60.0);
    let tail = &number[number.len() - 4..];
    format!("{}{tail}", if seconds >= 0 { '+' } else { '-' })
}

/// The day number of the Monday that begins week 1 of a year: the week of January 4th.
fn first_week(year: i64) -> i64 {
    let fourth = day_number(year, 3);
    fourth - (fourth + 3).rem_euclid(7)
}
fn day_number(year: i64, yday: i64) -> i64 {
    let base = if (0..100).contains(&year) { 400 } else { 0 };
    let ms = join(year + base, 0, 1, 0, 0, 0).unwrap_or(0);
    let start = ms.div_euclid(86_400_000) - if base > 0 { 146_097 } else { 0 };
    start + yday
}
fn week_year(year: i64, yday: i64) -> i64 {
    let day = day_number(year, yday);
    if day < first_week(year) {
        year - 1
    } else if day >= first_week(year + 1) {
        year + 1
    } else {
        year
    }
}
fn week_number(year: i64, yday: i64) -> i64 {
    let day = day_number(year, yday);
    (day - first_week(week_year(year, yday))) / 7 + 1
}

// Up to 3.1.7 a week's first day was counted to the week before.

/// The weekday of January 1st; years 0 to 99 are those of the 20th century, as JavaScript has it.
fn january_first(year: i64) -> i64 {
    split(join(year, 0, 1, 0, 0, 0).unwrap_or(0)).weekday
}
/// Full weeks begun after the first such weekday, whose date in January is `first`.
fn weeks_since(first: i64, yday: i64) -> i64 {
    ((yday + 1 - first + 6).div_euclid(7)).max(0)
}
fn old_sunday_week(year: i64, yday: i64) -> i64 {
    let first = (7 - january_first(year)) % 7 + 1;
    if yday + 1 > first {
        weeks_since(first, yday)
    } else {
        i64::from(first == 1)
    }
}
/// The first Monday is looked for in the wrong year: `tm_year` itself.
fn old_monday_week(tm_year: i64, yday: i64) -> i64 {
    let first = (8 - january_first(tm_year)) % 7 + 1;
    let same_year = (0..100).contains(&tm_year);
    if !same_year || yday + 1 > first {
        weeks_since(first, yday)
    } else {
        i64::from(first == 1)
    }
}
fn old_week_number(year: i64, yday: i64) -> i64 {
    let day = day_number(year, yday);
    if day < first_week(year) {
        53
    } else if day >= first_week(year + 1) {
        1
    } else {
        (day - first_week(year) + 6) / 7
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pattern: &str, tm: &Tm, offset: i32, zone: &str) -> String {
        Context {
            tm,
            offset,
            zone,
            old_weeks: false,
            pace: Pace::default(),
        }
        .text(pattern, u64::MAX)
        .unwrap()
        .unwrap()
    }

    fn sample() -> Tm {
        Tm {
            sec: 9,
            min: 5,
            hour: 13,
            mday: 3,
            mon: 7,
            year: 113,
            wday: 6,
            yday: 214,
            isdst: 0,
        }
    }

    #[test]
    fn every_letter() {
        let t = |p: &str| text(p, &sample(), 7200, "CEST");
        assert_eq!(t("%c"), "Sat Aug 03 13:05:09 2013");
        assert_eq!(t("%A %a %B %b %h"), "Saturday Sat August Aug Aug");
        assert_eq!(t("%C %d %D %e %F"), "20 03 08/03/13  3 2013-08-03");
        assert_eq!(t("%g %G %H %I %j %m %M"), "13 2013 13 01 215 08 05");
        assert_eq!(
            t("%p %r %R %S %T %u %w"),
            "PM 01:05:09 PM 13:05 09 13:05:09 6 6"
        );
        assert_eq!(
            t("%U %V %W %x %X %y %Y"),
            "30 31 30 08/03/13 13:05:09 13 2013"
        );
        assert_eq!(t("%z %Z %% %n%t|"), "+0200 CEST % \n\t|");
        assert_eq!(t("%Ey %Od %EY %Q %E"), "13 03 2013 %Q %E");
        assert_eq!(t("100%"), "100%");
        assert_eq!(
            text(
                "%I %p",
                &Tm {
                    hour: 0,
                    ..sample()
                },
                0,
                ""
            ),
            "12 AM"
        );
    }

    #[test]
    fn weeks_at_the_turn_of_the_year() {
        let on = |year: i32, yday: i32| {
            text(
                "%G-%V",
                &Tm {
                    year: year - 1900,
                    yday,
                    ..sample()
                },
                0,
                "",
            )
        };
        assert_eq!(on(2021, 0), "2020-53");
        assert_eq!(on(2020, 365), "2020-53");
        assert_eq!(on(2024, 365), "2025-01");
        assert_eq!(on(2018, 0), "2018-01");
        assert_eq!(on(2016, 0), "2015-53");
    }

    #[test]
    fn offsets_as_emscripten_wrote_them() {
        assert_eq!(
            (zone_offset(-18000).as_str(), zone_offset(0).as_str()),
            ("-0500", "+0000")
        );
        assert_eq!(zone_offset(19800), "+0580");
    }
}
