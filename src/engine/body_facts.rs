//! What only a look at all function bodies of a module tells. Of a large module it takes longer than mapping its code, so the answer
//! is kept: in the process, and beside the code in the cache.

use super::{BoundedMap, Cache};
use std::sync::LazyLock;
use wasmparser::{Operator, Parser, Payload};

/// What function bodies do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyFacts {
    /// They can catch wasm exceptions.
    pub catches: bool,
    /// They can drop segments.
    pub drops_segments: bool,
}

/// Smaller ones are read sooner than a file.
const CACHED_BYTES: usize = 1 << 20;

/// So many modules are remembered.
static KNOWN: LazyLock<BoundedMap<blake3::Hash, BodyFacts>> =
    LazyLock::new(|| BoundedMap::at_most(4096));

impl BodyFacts {
    /// Of `wasm`, whose bytes have this hash.
    pub fn of(wasm: &[u8], digest: &blake3::Hash, cache: Option<&Cache>) -> Self {
        if let Some(known) = KNOWN.get(digest) {
            return known;
        }
        let cache = cache.filter(|_| wasm.len() >= CACHED_BYTES);
        let key = blake3::hash(format!("scanned 1 {digest}").as_bytes());
        let kept = cache.and_then(|cache| Self::from_bytes(&cache.kept(&key)?));
        let scanned = kept.unwrap_or_else(|| {
            let scanned = Self::read(wasm);
            if let Some(cache) = cache {
                // Not being able to costs the next process time, nothing else.
                let _ = cache.keep(&key, &scanned.to_bytes());
            }
            scanned
        });
        KNOWN.insert(*digest, scanned);
        scanned
    }

    fn to_bytes(self) -> [u8; 2] {
        [self.catches, self.drops_segments].map(u8::from)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [catches, drops_segments] = *bytes else {
            return None;
        };
        Some(Self {
            catches: catches != 0,
            drops_segments: drops_segments != 0,
        })
    }

    fn read(wasm: &[u8]) -> Self {
        Self {
            catches: catches(wasm),
            drops_segments: drops_segments(wasm),
        }
    }
}

/// One with tags does; one without can still catch what others throw (`catch_all`).
fn catches(bytes: &[u8]) -> bool {
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { return false };
        if let Payload::TagSection(_) = payload {
            return true;
        }
        if let Payload::CustomSection(section) = &payload
            && section.name() == "target_features"
            && !contains(section.data(), b"exception-handling")
        {
            return false;
        }
        if let Payload::CodeSectionEntry(body) = payload
            && let Ok(mut operators) = body.get_operators_reader()
        {
            while let Ok(operator) = operators.read() {
                if matches!(operator, Operator::TryTable { .. } | Operator::Try { .. }) {
                    return true;
                }
                if operators.eof() {
                    break;
                }
            }
        }
    }
    false
}

/// Whether function bodies drop segments, which no image brings back, on either host.
pub fn drops_segments(bytes: &[u8]) -> bool {
    any_operator(bytes, may_drop, |operator| {
        matches!(
            operator,
            Operator::DataDrop { .. } | Operator::ElemDrop { .. }
        )
    })
}

/// Whether function bodies write tables, so that entries are state that only an image of the same store has.
pub fn writes_tables(bytes: &[u8]) -> bool {
    use Operator::{TableCopy, TableFill, TableGrow, TableInit, TableSet};
    any_operator(
        bytes,
        |_| true,
        |operator| {
            matches!(
                operator,
                TableSet { .. }
                    | TableGrow { .. }
                    | TableFill { .. }
                    | TableCopy { .. }
                    | TableInit { .. }
            )
        },
    )
}

/// Whether there is such an operator in one of the bodies that are worth reading.
fn any_operator(
    bytes: &[u8],
    is_worth: impl Fn(&[u8]) -> bool,
    is: impl Fn(&Operator<'_>) -> bool,
) -> bool {
    let mut parser = Parser::new(0);
    parser.set_features(wasmparser::WasmFeatures::all());
    let payloads = parser.parse_all(bytes);
    let bodies = payloads.filter_map(|payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => Some(body),
        _ => None,
    });
    bodies
        .filter(|body| is_worth(body.as_bytes()))
        .filter_map(|body| body.get_operators_reader().ok())
        .flat_map(IntoIterator::into_iter)
        .any(|operator| operator.is_ok_and(|operator| is(&operator)))
}

/// Whether the bytes of a function have those of `data.drop` or `elem.drop`, however long the second part is written. Reading all
/// operators of a large module takes a hundred times as long.
fn may_drop(body: &[u8]) -> bool {
    let is_drop = |pair: &[u8]| pair[0] == 0xfc && matches!(pair[1] & 0x7f, 0x09 | 0x0d);
    body.windows(2).any(is_drop)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (module (func CODE)), made as long as one that is kept in a folder by a custom section.
    fn module(code: &[u8]) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
        let body = 2 + code.len() as u8;
        wasm.extend([0x0a, body + 2, 1, body, 0]);
        wasm.extend(code);
        wasm.push(0x0b);
        // Its length in five bytes.
        wasm.extend([0, 0x82, 0x80, 0xc0, 0x80, 0, 1, b'x']);
        wasm.resize(wasm.len() + CACHED_BYTES, 0);
        wasm
    }

    #[test]
    fn bodies_are_read_once_and_the_answer_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("emvm"));
        // block try_table end end; data.drop 0; nothing
        let cases = [
            (&b"\x1f\x40\0\x0b"[..], true, false),
            (&b"\xfc\x09\0"[..], false, true),
            (&b"\x01"[..], false, false),
        ];
        for (code, catches, drops_segments) in cases {
            let wasm = module(code);
            let digest = blake3::hash(&wasm);
            let expected = BodyFacts {
                catches,
                drops_segments,
            };
            assert_eq!(BodyFacts::read(&wasm), expected, "{code:?}");
            assert_eq!(BodyFacts::of(&wasm, &digest, Some(&cache)), expected);
            // From here on the bytes are not read: these say something else.
            let other = module(b"\x1f\x40\0\x0b\xfc\x09\0");
            assert_eq!(BodyFacts::of(&other, &digest, None), expected);
            KNOWN.clear();
            assert_eq!(BodyFacts::of(&other, &digest, Some(&cache)), expected);
        }
    }
}
