//! C++ strings: a length, then the units.

use super::convert::{Destructor, Destructors};
use crate::emscripten::js::JsValue;
use crate::emscripten::{Runtime, text};
use crate::engine::{Interruption, PIECE, Pace, Result, Unwind};

/// Emscripten decodes longer strings by `TextDecoder`, which eats a byte order mark.
const TEXT_DECODER_FROM: usize = 17;
const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

pub fn std_string_from_wire(rt: &mut Runtime, at: u32, utf8: bool) -> Result<JsValue> {
    let length = rt.wasm.read_u32(at)?;
    let bytes = rt.wasm.bytes(at.wrapping_add(4), length)?;
    let value = if utf8 {
        if bytes.len() < TEXT_DECODER_FROM && std::str::from_utf8(bytes).is_err() {
            rt.js.string_utf16(&short_utf8(bytes))?
        } else if bytes.len() >= TEXT_DECODER_FROM && bytes.starts_with(&BOM) {
            rt.js.string_utf8(&bytes[3..])?
        } else {
            rt.js.string_utf8(bytes)?
        }
    } else {
        rt.js.string_latin1(bytes)?
    };
    rt.embind_free(at)?;
    Ok(value)
}

pub fn std_string_to_wire(
    rt: &mut Runtime,
    value: JsValue,
    utf8: bool,
    destructors: &mut Destructors,
) -> Result<u32> {
    let js = rt.js();
    if let Some(length) = js.bytes_len(value) {
        let at = allocate(rt, length, length, 1, destructors)?;
        js.copy_bytes(value, rt.wasm.bytes_mut(at + 4, length)?);
        return Ok(at);
    }
    if utf8 {
        let Some(length) = js.utf8_len(value) else {
            return Err(Unwind::binding("Cannot pass non-string to std::string"));
        };
        let at = allocate(rt, length, length, 1, destructors)?;
        let out = rt.wasm.bytes_mut(at + 4, length + 1)?;
        js.write_utf8(value, out);
        if out.windows(3).any(|w| w == [0xEF, 0xBF, 0xBD]) {
            write_wtf8(&js.to_utf16(value).unwrap_or_default(), out);
        }
        return Ok(at);
    }
    let Some(units) = js.to_utf16(value) else {
        return Err(Unwind::binding("Cannot pass non-string to std::string"));
    };
    if units.iter().any(|u| *u > 255) {
        return Err(Unwind::binding(
            "String has UTF-16 code units that do not fit in 8 bits",
        ));
    }
    let length = units.len() as u32;
    let at = allocate(rt, length, length, 1, destructors)?;
    for (byte, unit) in rt.wasm.bytes_mut(at + 4, length)?.iter_mut().zip(&units) {
        *byte = *unit as u8;
    }
    Ok(at)
}

/// `malloc`s room for the length, `bytes` and a terminator, writes the length and the terminator.
fn allocate(
    rt: &mut Runtime,
    length: u32,
    bytes: u32,
    terminator: u32,
    destructors: &mut Destructors,
) -> Result<u32> {
    let total = bytes
        .checked_add(4 + terminator)
        .ok_or_else(Unwind::out_of_bounds)?;
    let at = rt.embind_malloc(total)?;
    destructors.push(Destructor::Free(at));
    rt.wasm.write_u32(at, length)?;
    rt.wasm.bytes_mut(at + 4 + bytes, terminator)?.fill(0);
    Ok(at)
}

/// Lone surrogates keep their three bytes, as Emscripten's encoder writes them.
fn write_wtf8(units: &[u16], out: &mut [u8]) {
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        if let Some(room) = out.get_mut(at..at + bytes.len()) {
            room.copy_from_slice(bytes);
            at += bytes.len();
        }
    };
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok(c) => put(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let u = lone.unpaired_surrogate();
                put(&[
                    0xE0 | (u >> 12) as u8,
                    0x80 | (u >> 6 & 0x3F) as u8,
                    0x80 | (u & 0x3F) as u8,
                ]);
            }
        }
    }
}

pub fn wide_from_wire(rt: &mut Runtime, at: u32, unit: u32) -> Result<JsValue> {
    let length = rt.wasm.read_u32(at)?;
    text::check_length(length as usize)?;
    let size = length.checked_mul(unit).ok_or_else(Unwind::out_of_bounds)?;
    let bytes = rt.wasm.bytes(at.wrapping_add(4), size)?;
    let units: Vec<u16> = if unit == 2 {
        let units = bytes
            .chunks_exact(2)
            .map(|c| u16::from_le_bytes([c[0], c[1]]));
        if length as usize >= TEXT_DECODER_FROM {
            text_decoder_utf16(rt.wasm.pace(), units)?
        } else {
            units.collect()
        }
    } else {
        let mut units = Vec::with_capacity(length as usize);
        for (i, chunk) in bytes.chunks_exact(4).enumerate() {
            if i % PIECE == 0 {
                rt.wasm.pace().go_on()?;
            }
            let code = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
            push_code(&mut units, code);
        }
        units
    };
    let value = rt.js.string_utf16(&units)?;
    rt.embind_free(at)?;
    Ok(value)
}

/// `TextDecoder` for UTF-16: without a byte order mark, and with U+FFFD for lone surrogates.
fn text_decoder_utf16(
    pace: &Pace,
    units: impl Iterator<Item = u16>,
) -> Result<Vec<u16>, Interruption> {
    let mut text = Vec::new();
    for (i, unit) in char::decode_utf16(units).enumerate() {
        if i % PIECE == 0 {
            pace.go_on()?;
        }
        match unit {
            Ok('\u{FEFF}') if i == 0 => {}
            Ok(c) => text.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            Err(_) => text.push(0xFFFD),
        }
    }
    Ok(text)
}

/// What Emscripten's own decoder makes of few bytes: it looks at no byte twice and accepts what is not UTF-8.
fn short_utf8(bytes: &[u8]) -> Vec<u16> {
    let mut text = Vec::new();
    let mut rest = bytes.iter().copied();
    while let Some(first) = rest.next() {
        let first = u32::from(first);
        // Past the end it reads what follows the string, which is its NUL.
        let mut next = || u32::from(rest.next().unwrap_or(0)) & 63;
        let code = match first {
            0..0x80 => first,
            _ if first & 0xE0 == 0xC0 => (first & 31) << 6 | next(),
            _ if first & 0xF0 == 0xE0 => (first & 15) << 12 | next() << 6 | next(),
            _ => (first & 7) << 18 | next() << 12 | next() << 6 | next(),
        };
        push_code(&mut text, code);
    }
    text
}

/// As `String.fromCodePoint` does it, whatever the number is.
fn push_code(text: &mut Vec<u16>, code: u32) {
    match code.checked_sub(0x1_0000) {
        Some(high) => text.extend([0xD800 | (high >> 10) as u16, 0xDC00 | (high & 0x3FF) as u16]),
        None => text.push(code as u16),
    }
}

pub fn wide_to_wire(
    rt: &mut Runtime,
    value: JsValue,
    unit: u32,
    name: &str,
    destructors: &mut Destructors,
) -> Result<u32> {
    let js = rt.js();
    let Some(units) = js.to_utf16(value) else {
        return Err(Unwind::binding(format!(
            "Cannot pass non-string to C++ string type {name}"
        )));
    };
    let bytes: Vec<u8> = if unit == 2 {
        units.iter().flat_map(|u| u.to_le_bytes()).collect()
    } else {
        char::decode_utf16(units)
            .flat_map(|c| match c {
                Ok(c) => u32::from(c).to_le_bytes(),
                Err(lone) => u32::from(lone.unpaired_surrogate()).to_le_bytes(),
            })
            .collect()
    };
    let size = bytes.len() as u32;
    let at = allocate(rt, size / unit, size, unit, destructors)?;
    rt.wasm.bytes_mut(at + 4, size)?.copy_from_slice(&bytes);
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_are_decoded_as_emscripten_does() {
        assert_eq!(
            short_utf8("aé漢😀".as_bytes()),
            "aé漢😀".encode_utf16().collect::<Vec<_>>()
        );
        assert_eq!(short_utf8(&[0xC3]), [0xC0]);
        assert_eq!(short_utf8(&[0xED, 0xA0, 0x80]), [0xD800]);
    }

    #[test]
    fn longer_utf16_loses_its_mark_and_lone_surrogates() {
        assert_eq!(
            text_decoder_utf16(&Pace::default(), [0xFEFF, 0x61, 0xFEFF, 0xD800].into_iter()),
            Ok(vec![0x61, 0xFEFF, 0xFFFD])
        );
    }

    #[test]
    fn lone_surrogates_take_three_bytes() {
        let mut out = [0; 8];
        write_wtf8(&[0x61, 0xD800, 0x62], &mut out);
        assert_eq!(&out[..5], [0x61, 0xED, 0xA0, 0x80, 0x62]);
    }
}
