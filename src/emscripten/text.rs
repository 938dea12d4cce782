//! Text of the module's as Rust has it, made in pieces: the module chooses how long it is.

use crate::engine::{PIECE, Pace, Result, Unwind};

/// The most units of a string in V8 on 64 bits. What would be longer is refused as Node refuses it.
pub const MOST: usize = 0x1fff_ffe8;

pub fn too_long() -> Unwind {
    Unwind::StringTooLong
}

pub fn check_length(units: usize) -> Result {
    if units > MOST {
        return Err(too_long());
    }
    Ok(())
}

/// As `String::from_utf8_lossy`.
pub fn utf8(pace: &Pace, bytes: &[u8]) -> Result<String> {
    check_length(bytes.len())?;
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        pace.go_on()?;
        let (piece, after) = rest.split_at(rest.len().min(PIECE));
        match std::str::from_utf8(piece) {
            Ok(good) => {
                text.push_str(good);
                rest = after;
            }
            Err(error) => {
                let good = error.valid_up_to();
                text.push_str(&String::from_utf8_lossy(&piece[..good]));
                rest = match error.error_len() {
                    // A character that the end of the piece cuts in two.
                    None if !after.is_empty() => &rest[good..],
                    bad => {
                        text.push(char::REPLACEMENT_CHARACTER);
                        &rest[bad.map_or(rest.len(), |bad| good + bad)..]
                    }
                };
            }
        }
    }
    Ok(text)
}

/// The same up to a NUL, if there is one.
pub fn utf8_to_nul(pace: &Pace, bytes: &[u8]) -> Result<String> {
    let mut end = bytes.len();
    for (i, piece) in bytes.chunks(PIECE).enumerate() {
        pace.go_on()?;
        if let Some(at) = memchr::memchr(0, piece) {
            end = i * PIECE + at;
            break;
        }
    }
    utf8(pace, &bytes[..end])
}

/// A character to a byte.
pub fn latin1(pace: &Pace, bytes: &[u8]) -> Result<String> {
    check_length(bytes.len())?;
    let mut text = String::with_capacity(bytes.len());
    for piece in bytes.chunks(PIECE) {
        pace.go_on()?;
        text.extend(piece.iter().map(|b| char::from(*b)));
    }
    Ok(text)
}

pub fn utf16(pace: &Pace, text: &str) -> Result<Vec<u16>> {
    let mut units = Vec::with_capacity(text.len());
    for (i, unit) in text.encode_utf16().enumerate() {
        if i % PIECE == 0 {
            pace.go_on()?;
        }
        units.push(unit);
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let pace = Pace::default();
        let mut bytes = vec![b'a'; PIECE - 1];
        bytes.extend("é漢😀".as_bytes());
        bytes.extend([0xff, 0xe6, 0xbc, b'b', 0xf0, 0x9f]);
        bytes.resize(2 * PIECE + 1, 0xc3);
        bytes.push(0xf0);
        for at in 0..8 {
            let bytes = &bytes[at..];
            let whole = String::from_utf8_lossy(bytes);
            assert!(utf8(&pace, bytes).unwrap() == whole, "from {at}");
        }
        assert_eq!(utf8_to_nul(&pace, b"ab\0c").unwrap(), "ab");
        assert_eq!(latin1(&pace, &[0x61, 0xe9]).unwrap(), "aé");
    }
}
