//! `printf` formats with C's variable arguments, for calls that old builds leave to the host.

use super::{Runtime, text};
use crate::engine::Result;

/// The widest field, and the most digits.
const WIDEST: usize = 4096;

/// Formats by `format` with the arguments packed at `varargs`: 4 bytes each, 8 (at a multiple of 8) for doubles and 64 bits.
pub fn format(rt: &Runtime, format: &str, varargs: u32) -> Result<String> {
    let mut at = varargs;
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        rt.wasm.pace().go_on()?;
        text::check_length(out.len())?;
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| "-+ #0".contains(*c)) {
            spec.left |= flag == '-';
            spec.plus |= flag == '+';
            spec.space |= flag == ' ';
            spec.alternative |= flag == '#';
            spec.zero |= flag == '0';
        }
        if chars.next_if_eq(&'*').is_some() {
            let width = word(rt, &mut at)? as i32;
            spec.left |= width < 0;
            spec.width = (width.unsigned_abs() as usize).min(WIDEST);
        }
        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
            spec.width = (spec.width * 10 + digit as usize - '0' as usize).min(WIDEST);
        }
        if chars.next_if_eq(&'.').is_some() {
            let mut precision = 0;
            if chars.next_if_eq(&'*').is_some() {
                precision = (word(rt, &mut at)? as i32).max(0) as usize;
                precision = precision.min(WIDEST);
            }
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                precision = (precision * 10 + digit as usize - '0' as usize).min(WIDEST);
            }
            spec.precision = Some(precision);
        }
        let mut longs = 0;
        let mut halves = 0;
        while let Some(size) = chars.next_if(|c| "hlLqjzt".contains(*c)) {
            longs += match size {
                'l' => 1,
                'L' | 'q' | 'j' => 2,
                _ => 0,
            };
            halves += i32::from(size == 'h');
        }
        let wide = longs >= 2;
        let Some(letter) = chars.next() else { break };
        let text = match letter {
            'd' | 'i' => {
                let value = if wide {
                    double_word(rt, &mut at)? as i64
                } else {
                    i64::from(word(rt, &mut at)? as i32)
                };
                let value = match halves {
                    0 => value,
                    1 => i64::from(value as i16),
                    _ => i64::from(value as i8),
                };
                spec.number(&value.unsigned_abs().to_string(), value < 0, "")
            }
            'u' | 'x' | 'X' | 'o' => {
                let value = if wide {
                    double_word(rt, &mut at)?
                } else {
                    u64::from(word(rt, &mut at)?)
                };
                let (digits, prefix) = match letter {
                    'x' => (format!("{value:x}"), "0x"),
                    'X' => (format!("{value:X}"), "0X"),
                    'o' => (format!("{value:o}"), "0"),
                    _ => (value.to_string(), ""),
                };
                spec.number(
                    &digits,
                    false,
                    if spec.alternative && value != 0 {
                        prefix
                    } else {
                        ""
                    },
                )
            }
            'p' => spec.number(&format!("{:x}", word(rt, &mut at)?), false, "0x"),
            'c' => spec.pad(&char::from(word(rt, &mut at)? as u8).to_string()),
            's' => {
                let ptr = word(rt, &mut at)?;
                let given = if ptr == 0 {
                    "(null)".into()
                } else {
                    rt.c_string(ptr)?
                };
                let cut = spec
                    .precision
                    .and_then(|most| given.char_indices().nth(most));
                spec.pad(&given[..cut.map_or(given.len(), |(at, _)| at)])
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
                let value = f64::from_bits(double_word(rt, &mut at)?);
                let digits = float(value.abs(), letter, spec.precision);
                let negative = value.is_sign_negative() && !value.is_nan();
                spec.precision = None;
                spec.zero &= value.is_finite();
                spec.number(&digits, negative, "")
            }
            '%' => "%".into(),
            other => format!("%{other}"),
        };
        out.push_str(&text);
    }
    Ok(out)
}

#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternative: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn pad(&self, text: &str) -> String {
        let width = self.width;
        if self.left {
            format!("{text:<width$}")
        } else {
            format!("{text:>width$}")
        }
    }
    fn number(&self, digits: &str, negative: bool, prefix: &str) -> String {
        let sign = match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let fixed = sign.len() + prefix.len();
        let least = match self.precision {
            Some(precision) => precision,
            None if self.zero && !self.left => self.width.saturating_sub(fixed),
            None => 0,
        };
        self.pad(&format!("{sign}{prefix}{digits:0>least$}"))
    }
}

fn word(rt: &Runtime, at: &mut u32) -> Result<u32> {
    let value = rt.wasm.read_u32(*at)?;
    *at = at.wrapping_add(4);
    Ok(value)
}
fn double_word(rt: &Runtime, at: &mut u32) -> Result<u64> {
    *at = at.wrapping_add(7) & !7;
    let value = rt.wasm.read_u64(*at)?;
    *at = at.wrapping_add(8);
    Ok(value)
}

fn float(value: f64, letter: char, precision: Option<usize>) -> String {
    let text = if value.is_nan() {
        "nan".into()
    } else if value.is_infinite() {
        "inf".into()
    } else {
        let precision = precision.unwrap_or(6);
        match letter.to_ascii_lowercase() {
            'f' => format!("{value:.precision$}"),
            'e' => exponential(value, precision),
            _ => general(value, precision.max(1)),
        }
    };
    if letter.is_ascii_uppercase() {
        text.to_uppercase()
    } else {
        text
    }
}
/// C writes at least two digits of exponent, and its sign.
fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
fn general(value: f64, precision: usize) -> String {
    let scientific = exponential(value, precision - 1);
    let exponent: i32 = scientific
        .split_once('e')
        .and_then(|(_, e)| e.parse().ok())
        .unwrap_or(0);
    let (mantissa, tail) = if exponent < -4 || exponent >= precision as i32 {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
        (mantissa.to_owned(), format!("e{exponent}"))
    } else {
        let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
        (format!("{value:.decimals$}"), String::new())
    };
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => &mantissa,
    };
    format!("{mantissa}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_c_writes_them() {
        assert_eq!(float(1234.5, 'e', None), "1.234500e+03");
        assert_eq!(float(0.0001, 'g', None), "0.0001");
        assert_eq!(float(0.00001, 'g', None), "1e-05");
        assert_eq!(float(1e6, 'G', None), "1E+06");
        assert_eq!(float(100000.0, 'g', None), "100000");
        assert_eq!(float(2.5, 'f', Some(0)), "2");
        let spec = Spec {
            zero: true,
            width: 6,
            ..Spec::default()
        };
        assert_eq!(spec.number("42", true, ""), "-00042");
        let spec = Spec {
            left: true,
            plus: true,
            width: 6,
            ..Spec::default()
        };
        assert_eq!(spec.number("42", false, ""), "+42   ");
        let spec = Spec {
            precision: Some(4),
            width: 8,
            ..Spec::default()
        };
        assert_eq!(spec.number("ff", false, "0x"), "  0x00ff");
    }
}
