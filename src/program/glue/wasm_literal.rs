//! WebAssembly that sits in the glue itself: base64, binary strings, arrays of bytes.

use super::parse::Ast;
use oxc_ast::AstKind;
use oxc_ast::ast::{ArrayExpressionElement, BinaryOperator, Expression, TemplateLiteral};

/// `\0asm` and what follows in base64, from the first bit that does not depend on the version.
const BASE64_MAGIC: &str = "AGFzb";
const MAGIC: &[u8] = b"\0asm";

/// All WebAssembly modules written as literals in the file, in order.
pub fn find(ast: &Ast<'_>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for node in ast.nodes.iter() {
        let wasm = match node.kind() {
            AstKind::StringLiteral(s) => from_text(&s.value).or_else(|| {
                let AstKind::BinaryExpression(_) = ast.nodes.parent_kind(node.id()) else {
                    return None;
                };
                from_pieces(ast, node.id(), &s.value)
            }),
            AstKind::TemplateLiteral(t) => plain_template(t).and_then(from_text),
            AstKind::ArrayExpression(a) => from_bytes(&a.elements),
            _ => None,
        };
        found.extend(wasm);
    }
    found
}

fn plain_template<'b>(template: &'b TemplateLiteral<'_>) -> Option<&'b str> {
    match template.quasis.as_slice() {
        [only] => only.value.cooked.as_ref().map(oxc_ast::ast::Str::as_str),
        _ => None,
    }
}

pub fn from_text(text: &str) -> Option<Vec<u8>> {
    if text.len() < 8 {
        return None;
    }
    let base64 = match text.strip_prefix("data:") {
        Some(uri) => {
            let (_, data) = uri
                .get(..64.min(uri.len()))?
                .split_once("base64,")
                .map(|(a, _)| {
                    let from = a.len() + "base64,".len();
                    (a, uri.get(from..).unwrap_or_default())
                })?;
            data
        }
        None => text,
    };
    if base64.starts_with(BASE64_MAGIC) {
        return decode_base64(base64).filter(|wasm| wasm.starts_with(MAGIC));
    }
    from_binary_string(text).or_else(|| from_lz4(base64))
}

/// Base64 of packed bytes: the magic shows up a few bytes in, as the first literals.
fn from_lz4(base64: &str) -> Option<Vec<u8>> {
    let head = base64.as_bytes().get(..24)?;
    if base64.len() < 4096
        || !head
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
    {
        return None;
    }
    let head = decode_base64(base64.get(..24)?)?;
    if !head.windows(MAGIC.len()).take(10).any(|w| w == MAGIC) {
        return None;
    }
    super::packed::unpack_lz4(&decode_base64(base64)?)
}

/// A wasm in base64 anywhere in the text of another file.
pub fn find_in_file(bytes: &[u8]) -> Option<Vec<u8>> {
    from_text(super::packed::base64_in(bytes)?)
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if let Ok(bytes) = base64_simd::STANDARD.decode_to_vec(text) {
        return Some(bytes);
    }
    // Without padding, or in lines.
    let clean: Vec<u8> = text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace() && *b != b'=')
        .collect();
    base64_simd::STANDARD_NO_PAD.decode_to_vec(&clean).ok()
}

/// `binaryDecode('\0asm...')`: one code unit per byte. NUL may be written as U+0100 (from 5.0), and the first
/// releases of this form added one to every byte.
fn from_binary_string(text: &str) -> Option<Vec<u8>> {
    let mut start = text.chars();
    let first: [char; 4] = [start.next()?, start.next()?, start.next()?, start.next()?];
    let shift = match first {
        ['\0' | '\u{100}', 'a', 's', 'm'] => 0,
        ['\u{1}', 'b', 't', 'n'] => 1,
        _ => return None,
    };
    let mut wasm = Vec::with_capacity(text.len());
    for c in text.chars() {
        let code = u32::from(c);
        if code > 0x100 {
            return None;
        }
        // U+0100 is NUL unshifted and 255 shifted: both are the low byte of the difference.
        wasm.push((code.wrapping_sub(shift) & 0xff) as u8);
    }
    Some(wasm)
}

/// A literal in several pieces: `"AGFzb..." + "..." + "..."`.
fn from_pieces(ast: &Ast<'_>, node: oxc_semantic::NodeId, first: &str) -> Option<Vec<u8>> {
    let begins = first.starts_with(BASE64_MAGIC)
        || first.starts_with("data:application/")
        || first.starts_with('\0');
    if !begins {
        return None;
    }
    let top = ast
        .ancestors(node)
        .take_while(|k| {
            matches!(
                k,
                AstKind::BinaryExpression(_) | AstKind::ParenthesizedExpression(_)
            )
        })
        .last()?;
    let AstKind::BinaryExpression(sum) = top else {
        return None;
    };
    let mut pieces = Vec::new();
    let mut rest = vec![&sum.right, &sum.left];
    if sum.operator != BinaryOperator::Addition {
        return None;
    }
    while let Some(expression) = rest.pop() {
        match expression.without_parentheses() {
            Expression::StringLiteral(s) => pieces.push(s.value.as_str()),
            Expression::BinaryExpression(b) if b.operator == BinaryOperator::Addition => {
                rest.push(&b.right);
                rest.push(&b.left);
            }
            _ => return None,
        }
    }
    from_text(&pieces.concat())
}

/// `new Uint8Array([0, 97, 115, 109, ...])`.
fn from_bytes(elements: &[ArrayExpressionElement<'_>]) -> Option<Vec<u8>> {
    let byte = |e: &ArrayExpressionElement<'_>| match e.as_expression() {
        Some(Expression::NumericLiteral(n)) if (0.0..256.0).contains(&n.value) => {
            Some(n.value as u8)
        }
        _ => None,
    };
    // The trampolines that addFunction builds begin the same way; a module with a body is longer.
    if elements.len() < 64
        || elements
            .iter()
            .take(4)
            .map(byte)
            .ne(MAGIC.iter().map(|b| Some(*b)))
    {
        return None;
    }
    elements.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::{from_binary_string, from_text};

    #[test]
    fn decodes_each_form() {
        let wasm = b"\0asm\x01\0\0\0".to_vec();
        assert_eq!(from_text("AGFzbQEAAAA="), Some(wasm.clone()));
        assert_eq!(
            from_text("data:application/octet-stream;base64,AGFzbQEAAAA="),
            Some(wasm.clone())
        );
        assert_eq!(from_text("\0asm\u{1}\0\0\0"), Some(wasm.clone()));
        assert_eq!(
            from_text("\u{100}asm\u{1}\u{100}\u{100}\u{100}"),
            Some(wasm.clone())
        );
        assert_eq!(from_text("\u{1}btn\u{2}\u{1}\u{1}\u{1}"), Some(wasm));
        assert_eq!(
            from_binary_string("\u{1}btn\u{100}").as_deref(),
            Some(&b"\0asm\xff"[..])
        );
        assert_eq!(from_text("data:application/json;base64,e30="), None);
        assert_eq!(from_text("hello, world"), None);
    }
}
