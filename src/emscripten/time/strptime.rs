//! `strptime`, as Emscripten's JavaScript reads: a letter takes what its pattern matches, the fields are put together at
//! the end.

use super::calendar::{MONTHS, WEEKDAYS, Zone, is_leap};
use super::tm::Tm;
use crate::emscripten::Runtime;
use crate::engine::{Args, Interruption, Pace, Result};

pub fn strptime(rt: &mut Runtime, args: &mut Args) -> Result {
    let (buf, format, at) = (args.u32(0), args.u32(1), args.u32(2));
    let (text, pattern) = (rt.c_string(buf)?, rt.c_string(format)?);
    let before = Tm::read(rt, at)?;
    let offset = rt.wasm.read_i32(at.wrapping_add(36))?;
    let pace = rt.wasm.pace().clone();
    match parse(&text, &pattern, &before, &Zone::system(), &pace)? {
        None => args.ret_u32(0),
        Some(parsed) => {
            parsed.tm.write(rt, at)?;
            rt.wasm
                .write_i32(at.wrapping_add(36), parsed.offset.unwrap_or(offset))?;
            args.ret_u32(buf.wrapping_add(parsed.length as u32))
        }
    }
}

struct ParsedTime {
    tm: Tm,
    offset: Option<i32>,
    /// Bytes of the text that were used.
    length: usize,
}

/// What was read, by letter.
#[derive(Default)]
struct Parts {
    numbers: [Option<i64>; 26],
    weekday: Option<i64>,
    month: Option<i64>,
    afternoon: Option<bool>,
    century: Option<i64>,
    short_year: Option<i64>,
    day_of_year: Option<i64>,
    sunday_week: Option<i64>,
    monday_week: Option<i64>,
    offset: Option<i32>,
}

fn parse(
    text: &str,
    pattern: &str,
    before: &Tm,
    zone: &Zone,
    pace: &Pace,
) -> Result<Option<ParsedTime>, Interruption> {
    let mut found = Parts::default();
    let rest = read(text, &expand(pattern, pace)?, &mut found, pace)?;
    Ok(rest.and_then(|rest| put_together(found, text.len() - rest.len(), before, zone)))
}

/// The time that was read. `length`: bytes of the text that were used.
fn put_together(found: Parts, length: usize, before: &Tm, zone: &Zone) -> Option<ParsedTime> {
    let number = |letter: u8| found.numbers[usize::from(letter - b'A')];
    // What the text leaves open stays as it is in the structure, brought into range.
    let mut year = (i64::from(before.year) + 1900).clamp(1970, 9999);
    let mut month = i64::from(before.mon).clamp(0, 11);
    let mut day = i64::from(before.mday).clamp(1, 31);
    let second = number(b'S').unwrap_or(i64::from(before.sec).clamp(0, 59));
    let minute = number(b'M').unwrap_or(i64::from(before.min).clamp(0, 59));
    let mut hour = i64::from(before.hour).clamp(0, 23);
    if let Some(h) = number(b'H') {
        hour = h;
    } else if let Some(h) = number(b'I') {
        hour = h + if found.afternoon == Some(true) { 12 } else { 0 };
    }
    if let Some(y) = number(b'Y') {
        year = y;
    } else if let Some(y) = found.short_year {
        year = match found.century {
            Some(century) => y + century * 100,
            None => y + if y < 69 { 2000 } else { 1900 },
        };
    }
    if let Some(m) = found.month {
        month = m;
    }
    if let Some(d) = number(b'D') {
        day = d;
    } else if let Some(j) = found.day_of_year {
        let leap = i64::from(is_leap(year));
        let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut left = j;
        for (m, length) in lengths.into_iter().enumerate() {
            if left <= length {
                (month, day) = (m as i64, left);
                break;
            }
            left -= length;
        }
    } else if let Some(weekday) = found.weekday {
        let week = match (found.sunday_week, found.monday_week) {
            (Some(week), _) => Some((week, 0)),
            (None, Some(week)) => Some((week, 1)),
            _ => None,
        };
        if let Some((week, first)) = week {
            let january = zone.date(year, 0, 1, 0, 0, 0)?;
            let start = zone.local(january).weekday;
            let ahead = (first - start).rem_euclid(7);
            let days = ahead + (weekday - first).rem_euclid(7) + 7 * (week - 1);
            let at = zone.local(zone.date(year, 0, 1 + days, 0, 0, 0)?);
            (month, day) = (at.month, at.day);
        }
    }
    let ms = zone.date(year, month, day, hour, minute, second)?;
    let at = zone.local(ms);
    let tm = Tm {
        sec: at.second as i32,
        min: at.minute as i32,
        hour: at.hour as i32,
        mday: at.day as i32,
        mon: at.month as i32,
        year: (at.year - 1900) as i32,
        wday: at.weekday as i32,
        yday: at.year_day as i32,
        isdst: 0,
    };
    Some(ParsedTime {
        tm,
        offset: found.offset,
        length,
    })
}

fn expand(pattern: &str, pace: &Pace) -> Result<String, Interruption> {
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pace.go_on()?;
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut letter = chars.next();
        if matches!(letter, Some('E' | 'O')) {
            letter = chars.next();
        }
        out.push_str(match letter {
            Some('c') => "%a %b %d %H:%M:%S %Y",
            Some('D') => "%m/%d/%y",
            Some('F') => "%Y-%m-%d",
            Some('R') => "%H:%M",
            Some('r') => "%I:%M:%S %p",
            Some('T' | 'X') => "%H:%M:%S",
            Some('x') => "%m/%d/%?",
            Some('A') => "%a",
            Some('B' | 'h') => "%b",
            Some('e') => "%d",
            Some(other) => {
                out.push('%');
                out.push(other);
                continue;
            }
            None => "%",
        });
    }
    Ok(out)
}

/// The text that is left after the pattern, or `None` when it does not match.
fn read<'a>(
    mut text: &'a str,
    pattern: &str,
    found: &mut Parts,
    pace: &Pace,
) -> Result<Option<&'a str>, Interruption> {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pace.go_on()?;
        let rest = if c.is_whitespace() {
            Some(trimmed(text, pace)?)
        } else if c != '%' {
            text.strip_prefix(c)
        } else {
            match chars.next().unwrap_or('%') {
                'n' | 't' => Some(trimmed(text, pace)?),
                letter => item(text, letter, found),
            }
        };
        let Some(rest) = rest else { return Ok(None) };
        text = rest;
    }
    Ok(Some(text))
}

/// What follows the white space that a text begins with.
fn trimmed<'a>(text: &'a str, pace: &Pace) -> Result<&'a str, Interruption> {
    for (i, c) in text.char_indices() {
        if !c.is_whitespace() {
            return Ok(&text[i..]);
        }
        pace.go_on()?;
    }
    Ok("")
}

/// Reads what one letter of a pattern stands for; gives the text that is left.
fn item<'a>(mut text: &'a str, letter: char, found: &mut Parts) -> Option<&'a str> {
    let slot = match letter {
        'd' => Some(b'D'),
        'H' | 'I' | 'M' | 'S' | 'Y' => Some(letter as u8),
        _ => None,
    };
    if matches!(letter, 'd' | 'H' | 'I' | 'm' | 'M' | 'S') {
        // A blank may stand for a leading zero.
        text = text.strip_prefix(' ').unwrap_or(text);
    }
    let mut value = 0;
    text = match letter {
        'a' => name(text, &WEEKDAYS, &mut value)?,
        'b' => name(text, &MONTHS, &mut value)?,
        'C' => digits(text, 2, 2, 0, 99, &mut value)?,
        'd' => digits(text, 1, 2, 1, 31, &mut value)?,
        'H' => digits(text, 1, 2, 0, 23, &mut value)?,
        'I' => digits(text, 1, 2, 0, 12, &mut value)?,
        'j' => digits(text, 1, 3, 1, 369, &mut value)?,
        'm' => digits(text, 1, 2, 1, 12, &mut value)?,
        'M' => digits(text, 1, 2, 0, 59, &mut value)?,
        'S' => digits(text, 1, 2, 0, 60, &mut value)?,
        'U' | 'W' => digits(text, 1, 2, 0, 53, &mut value)?,
        'w' => digits(text, 1, 1, 0, 6, &mut value)?,
        'y' => digits(text, 2, 2, 0, 99, &mut value)?,
        'Y' => digits(text, 4, 4, 0, 9999, &mut value)?,
        '?' => match digits(text, 4, 4, 0, 9999, &mut value) {
            Some(rest) => {
                found.numbers[usize::from(b'Y' - b'A')] = Some(value);
                rest
            }
            None => {
                let rest = digits(text, 2, 2, 0, 99, &mut value)?;
                found.short_year = Some(value);
                rest
            }
        },
        'p' => {
            let (pm, rest) = half_of_day(text)?;
            found.afternoon = Some(pm);
            rest
        }
        'z' => {
            let (seconds, rest) = offset(text)?;
            found.offset = Some(seconds);
            rest
        }
        '%' => text.strip_prefix('%')?,
        _ => return None,
    };
    match letter {
        'a' => found.weekday = Some(value),
        'b' => found.month = Some(value),
        'm' => found.month = Some(value - 1),
        'C' => found.century = Some(value),
        'y' => found.short_year = Some(value),
        'j' => found.day_of_year = Some(value),
        'U' => found.sunday_week = Some(value),
        'W' => found.monday_week = Some(value),
        _ => {}
    }
    if let Some(slot) = slot {
        found.numbers[usize::from(slot - b'A')] = Some(value);
    }
    Some(text)
}

/// A number of `min` to `max` digits between two values; a digit that would break the range is left alone.
fn digits<'a>(
    text: &'a str,
    min: usize,
    max: usize,
    low: i64,
    high: i64,
    value: &mut i64,
) -> Option<&'a str> {
    let run = text
        .bytes()
        .take(max)
        .take_while(u8::is_ascii_digit)
        .count();
    (min..=run).rev().find_map(|count| {
        let number: i64 = text[..count].parse().ok()?;
        (low..=high).contains(&number).then(|| {
            *value = number;
            &text[count..]
        })
    })
}
/// A full name, or its first three letters.
fn name<'a>(text: &'a str, names: &[&str], value: &mut i64) -> Option<&'a str> {
    let starts = |prefix: &str| {
        text.get(..prefix.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(prefix))
    };
    let (index, length) = names.iter().enumerate().find_map(|(i, name)| match name {
        name if starts(name) => Some((i, name.len())),
        name if starts(&name[..3]) => Some((i, 3)),
        _ => None,
    })?;
    *value = index as i64;
    Some(&text[length..])
}
fn half_of_day(text: &str) -> Option<(bool, &str)> {
    for (prefix, pm) in [("a.m.", false), ("p.m.", true), ("am", false), ("pm", true)] {
        if text
            .get(..prefix.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(prefix))
        {
            return Some((pm, &text[prefix.len()..]));
        }
    }
    None
}
/// `Z`, `+HH`, `+HHMM` or `+HH:MM`, in seconds.
fn offset(text: &str) -> Option<(i32, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((0, rest));
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let text = text.strip_prefix(['+', '-'])?;
    let (mut hours, mut minutes) = (0, 0);
    let text = digits(text, 2, 2, 0, 99, &mut hours)?;
    let after = text.strip_prefix(':').unwrap_or(text);
    let text = digits(after, 2, 2, 0, 59, &mut minutes).unwrap_or(after);
    Some((sign * (hours * 3600 + minutes * 60) as i32, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, pattern: &str) -> Option<(Tm, usize)> {
        parse(
            text,
            pattern,
            &Tm {
                mday: 1,
                ..Tm::default()
            },
            &Zone::named("UTC"),
            &Pace::default(),
        )
        .unwrap()
        .map(|p| (p.tm, p.length))
    }

    #[test]
    fn common_forms() {
        let (tm, used) = parsed("2024-02-29 13:05:09rest", "%Y-%m-%d %H:%M:%S").unwrap();
        assert_eq!(
            (tm.year, tm.mon, tm.mday, tm.hour, tm.min, tm.sec),
            (124, 1, 29, 13, 5, 9)
        );
        assert_eq!((tm.wday, tm.yday, used), (4, 59, 19));
        let (tm, _) = parsed("Sat Aug 03 01:05:09 PM 2013", "%a %b %d %r %Y").unwrap();
        assert_eq!((tm.mon, tm.mday, tm.hour), (7, 3, 13));
        let (tm, _) = parsed("12/25/99", "%D").unwrap();
        assert_eq!((tm.year, tm.mon, tm.mday), (99, 11, 25));
        let (tm, _) = parsed("2013 215", "%Y %j").unwrap();
        assert_eq!((tm.mon, tm.mday), (7, 3));
        let (tm, _) = parsed("Monday 2024 01", "%A %Y %W").unwrap();
        assert_eq!((tm.mon, tm.mday), (0, 1));
        assert!(parsed("2024-13-01", "%Y-%m-%d").is_none());
        assert!(parsed("yesterday", "%Y").is_none());
    }

    #[test]
    fn zones() {
        assert_eq!(offset("+05:30x"), Some((19800, "x")));
        assert_eq!(offset("-0430"), Some((-16200, "")));
        assert_eq!(offset("Z"), Some((0, "")));
        assert_eq!(offset("+02 "), Some((7200, " ")));
    }
}
