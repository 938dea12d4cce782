//! WebAssembly that a package packs on its own: base64 of LZ4 blocks (solc), or a base64 string in a file beside.

/// Size-prefixed LZ4 blocks until a size of zero or the end; the high bit of a size means stored as is.
pub fn unpack_lz4(packed: &[u8]) -> Option<Vec<u8>> {
    const STORED: u32 = 0x8000_0000;
    const LIMIT: usize = 1 << 30;
    let mut out = Vec::with_capacity(packed.len() * 2);
    let mut rest = packed;
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = u32::from_le_bytes(*size);
        if size == 0 {
            break;
        }
        let block = after.get(..(size & !STORED) as usize)?;
        if size & STORED != 0 {
            out.extend_from_slice(block);
        } else {
            unpack_block(block, &mut out)?;
        }
        rest = after.get(block.len()..)?;
        if out.len() > LIMIT {
            return None;
        }
    }
    out.starts_with(b"\0asm").then_some(out)
}

/// One block: runs of literals and copies from before, as LZ4 has them. Offsets reach into this block only.
fn unpack_block(block: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let begin = out.len();
    let mut input = block.iter().copied();
    let length =
        |nibble: u8, input: &mut std::iter::Copied<std::slice::Iter<'_, u8>>| -> Option<usize> {
            let mut length = usize::from(nibble);
            if nibble == 15 {
                loop {
                    let more = input.next()?;
                    length += usize::from(more);
                    if more != 255 {
                        break;
                    }
                }
            }
            Some(length)
        };
    while let Some(token) = input.next() {
        let literals = length(token >> 4, &mut input)?;
        let from = block.len() - input.len();
        out.extend_from_slice(block.get(from..from + literals)?);
        input = block[from + literals..].iter().copied();
        let Some(low) = input.next() else {
            return Some(());
        };
        let offset = usize::from(u16::from_le_bytes([low, input.next()?]));
        let copied = length(token & 15, &mut input)? + 4;
        let start = out
            .len()
            .checked_sub(offset)
            .filter(|s| offset > 0 && *s >= begin)?;
        for i in start..start + copied {
            out.push(out[i]);
        }
    }
    Some(())
}

/// Base64 text of a wasm anywhere in a file: a JSON string, a module that exports it.
pub fn base64_in(text: &[u8]) -> Option<&str> {
    const MAGIC: &[u8] = b"AGFzbQ";
    let start = text.windows(MAGIC.len()).position(|w| w == MAGIC)?;
    let run = text[start..]
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')))
        .unwrap_or(text.len() - start);
    std::str::from_utf8(&text[start..start + run])
        .ok()
        .filter(|s| s.len() > 64)
}

#[cfg(test)]
mod tests {
    use super::{base64_in, unpack_lz4};

    #[test]
    fn unpacks_literals_copies_and_stored_blocks() {
        // "\0asm" + "ab", then a copy of 6 from 2 back, then literals "z".
        let block = [0x62, 0, b'a', b's', b'm', b'a', b'b', 2, 0, 0x10, b'z'];
        let mut packed = (block.len() as u32).to_le_bytes().to_vec();
        packed.extend(block);
        packed.extend(0x8000_0002u32.to_le_bytes());
        packed.extend(b"!!");
        packed.extend(0u32.to_le_bytes());
        assert_eq!(
            unpack_lz4(&packed).as_deref(),
            Some(&b"\0asmabababab"[..])
                .map(|head| {
                    let mut all = head.to_vec();
                    all.extend(b"z!!");
                    all
                })
                .as_deref()
        );
        assert_eq!(unpack_lz4(b"\x05\0\0\0ab"), None);
        assert_eq!(unpack_lz4(b"\x03\0\0\0\x0f\x09\x09"), None);
    }

    #[test]
    fn finds_base64_in_other_text() {
        let text = format!("module.exports=\"AGFzbQ{}\"", "A".repeat(100));
        assert_eq!(base64_in(text.as_bytes()).map(str::len), Some(106));
        assert_eq!(base64_in(b"nothing"), None);
    }
}
