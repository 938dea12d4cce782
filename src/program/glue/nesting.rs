//! An upper estimate of how deeply a JavaScript text nests, found without recursion, so that recursive code is never
//! given a text that would overflow its stack.

use memchr::{memchr, memchr3, memmem};

/// One open bracket.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Tokens since the last separator of this bracket: each may be one more level of operators or statements.
    chain: usize,
    /// The chain before the last `;` or `}`: an `else` goes on with it.
    before: usize,
    template: bool,
}

/// Brackets that are open at once, after which there is no point in going on.
const ENOUGH: usize = 1 << 20;

/// How much there is to parse.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// See [`measure`].
    pub depth: usize,
    /// Words, brackets, operators, strings; comments count too.
    pub tokens: usize,
}

/// The depth: open brackets plus the lengths of the operator and statement chains they stand in, at its highest.
///
/// Strings, comments and templates are skipped; whether a `/` begins a regular expression is guessed from the token
/// before it. A wrong guess can at worst hide brackets up to the end of that line.
pub fn measure(text: &[u8]) -> Extent {
    let mut stack = vec![Level::default()];
    let mut sum = 0usize;
    let mut deepest = 0usize;
    let mut operand = false;
    let mut i = 0;
    let mut tokens = 0usize;
    while let Some(&byte) = text.get(i) {
        tokens += usize::from(!byte.is_ascii_whitespace());
        match byte {
            b'\n' => {
                i += 1;
                // Two words with a line end between them are two statements.
                let before = text[..i - 1]
                    .iter()
                    .rev()
                    .find(|b| !b.is_ascii_whitespace());
                let after = text[i..].iter().find(|b| !b.is_ascii_whitespace());
                if operand
                    && before.is_some_and(|b| is_word(*b))
                    && after.is_some_and(|b| is_word(*b))
                {
                    separate(&mut stack, &mut sum);
                }
            }
            b' ' | b'\t' | b'\r' => i += 1,
            b'/' if text.get(i + 1) == Some(&b'/') => i = line_end(text, i),
            b'/' if text.get(i + 1) == Some(&b'*') => {
                i = find(text, i + 2, b"*/").map_or(text.len(), |at| at + 2);
            }
            b'"' | b'\'' => {
                i = string_end(text, i);
                operand = true;
                link(&mut stack, &mut sum);
            }
            b'`' => {
                i = template_end(text, i + 1, &mut stack, &mut sum);
                operand = true;
            }
            b'/' if !operand => {
                i = regex_end(text, i);
                operand = true;
            }
            b'(' | b'[' | b'{' => {
                stack.push(Level::default());
                sum += 1;
                operand = false;
                i += 1;
            }
            b')' | b']' | b'}' => {
                let closed = if stack.len() > 1 {
                    stack.pop().unwrap_or_default()
                } else {
                    Level::default()
                };
                sum = sum.saturating_sub(1 + closed.chain);
                i += 1;
                operand = true;
                if byte == b'}' {
                    if closed.template {
                        i = template_end(text, i, &mut stack, &mut sum);
                    } else {
                        operand = false;
                        separate(&mut stack, &mut sum);
                    }
                } else {
                    link(&mut stack, &mut sum);
                }
            }
            b';' | b',' => {
                separate(&mut stack, &mut sum);
                operand = false;
                i += 1;
            }
            b if is_word(b) => {
                let start = i;
                while text.get(i).is_some_and(|b| is_word(*b)) {
                    i += 1;
                }
                let word = &text[start..i];
                operand = !matches!(
                    word,
                    b"return"
                        | b"typeof"
                        | b"case"
                        | b"in"
                        | b"of"
                        | b"void"
                        | b"delete"
                        | b"else"
                        | b"do"
                        | b"await"
                        | b"yield"
                        | b"new"
                        | b"throw"
                        | b"instanceof"
                );
                if word == b"else"
                    && let Some(level) = stack.last_mut()
                {
                    sum += level.before;
                    level.chain += level.before;
                    level.before = 0;
                }
                link(&mut stack, &mut sum);
            }
            _ => {
                operand = false;
                i += 1;
                link(&mut stack, &mut sum);
            }
        }
        deepest = deepest.max(sum);
        // Nobody wants to know how much deeper it goes, and each level takes memory here.
        if stack.len() > ENOUGH {
            break;
        }
    }
    Extent {
        depth: deepest,
        tokens,
    }
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80
}

fn link(stack: &mut [Level], sum: &mut usize) {
    if let Some(level) = stack.last_mut() {
        level.chain += 1;
        *sum += 1;
    }
}

fn separate(stack: &mut [Level], sum: &mut usize) {
    if let Some(level) = stack.last_mut() {
        *sum = sum.saturating_sub(level.chain);
        if level.chain > 0 {
            level.before = level.chain;
        }
        level.chain = 0;
    }
}

fn find(text: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    memmem::find(text.get(from..)?, what).map(|at| from + at)
}

fn line_end(text: &[u8], from: usize) -> usize {
    text.get(from..)
        .and_then(|rest| memchr(b'\n', rest))
        .map_or(text.len(), |at| from + at)
}

/// Past the closing quote, or at the end of the line for a string that is never closed.
fn string_end(text: &[u8], from: usize) -> usize {
    let quote = text[from];
    let mut i = from + 1;
    // A string may be a whole wasm file in base64.
    while let Some(at) = text
        .get(i..)
        .and_then(|rest| memchr3(quote, b'\\', b'\n', rest))
    {
        match text[i + at] {
            b'\\' => i += at + 2,
            b'\n' => return i + at,
            _ => return i + at + 1,
        }
    }
    text.len()
}

fn regex_end(text: &[u8], from: usize) -> usize {
    let mut class = false;
    let mut i = from + 1;
    while let Some(&b) = text.get(i) {
        match b {
            b'\\' => i += 1,
            b'\n' => return i,
            b'[' => class = true,
            b']' => class = false,
            b'/' if !class => return i + 1,
            _ => {}
        }
        i += 1;
    }
    text.len()
}

/// Past the closing backtick, or inside a `${`, whose `}` comes back here.
fn template_end(text: &[u8], from: usize, stack: &mut Vec<Level>, sum: &mut usize) -> usize {
    let mut i = from;
    while let Some(&b) = text.get(i) {
        match b {
            b'\\' => i += 2,
            b'`' => return i + 1,
            b'$' if text.get(i + 1) == Some(&b'{') => {
                stack.push(Level {
                    template: true,
                    ..Level::default()
                });
                *sum += 1;
                return i + 2;
            }
            _ => i += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    fn depth(text: &[u8]) -> usize {
        super::measure(text).depth
    }

    #[test]
    fn counts_brackets_and_chains() {
        assert_eq!(depth(b""), 0);
        assert!(depth("(".repeat(50_000).as_bytes()) >= 50_000);
        assert!(depth("!".repeat(50_000).as_bytes()) >= 50_000);
        assert!(depth("if(a)".repeat(9_000).as_bytes()) >= 9_000);
        assert!(depth("if(a){b;}else ".repeat(9_000).as_bytes()) >= 9_000);
        assert!(depth("a?b:".repeat(9_000).as_bytes()) >= 9_000);
        assert!(depth("`${".repeat(9_000).as_bytes()) >= 9_000);
    }

    #[test]
    fn flat_code_stays_flat() {
        assert!(depth("a=b+c;f(x,y);".repeat(10_000).as_bytes()) < 20);
        assert!(depth("function f(a){return a}".repeat(10_000).as_bytes()) < 20);
        assert!(depth(format!("x=\"{}\"", "(".repeat(10_000)).as_bytes()) < 20);
        assert!(depth("x=/[(/]/.test(a);".repeat(10_000).as_bytes()) < 20);
    }
}
