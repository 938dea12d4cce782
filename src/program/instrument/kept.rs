//! What was instrumented before in this process, with V8's code for it: by content, for all threads.

use super::{InstrumentedText, Options, ReadError, instrument};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

/// So many bytes of text are kept.
const MOST_BYTES: usize = 64 << 20;

/// An instrumented text of this process.
pub struct CachedText {
    pub key: [u8; 32],
    pub text: InstrumentedText,
    /// V8's code for it, from the first thread that compiled it.
    code: Mutex<Option<Arc<[u8]>>>,
}

#[derive(Default)]
struct Shelf {
    by_key: FxHashMap<[u8; 32], Arc<CachedText>>,
    order: VecDeque<[u8; 32]>,
    bytes: usize,
}

static SHELF: LazyLock<Mutex<Shelf>> = LazyLock::new(Mutex::default);

impl CachedText {
    pub fn code(&self) -> Option<Arc<[u8]>> {
        self.code.lock().clone()
    }
    fn bytes(&self) -> usize {
        self.text.code.len() + self.code.lock().as_ref().map_or(0, |code| code.len())
    }
}

impl Shelf {
    fn put(&mut self, kept: Arc<CachedText>) -> Arc<CachedText> {
        // Two threads may have been at it at once: the first one's numbers stand.
        if let Some(known) = self.by_key.get(&kept.key) {
            return known.clone();
        }
        self.bytes += kept.bytes();
        self.order.push_back(kept.key);
        self.by_key.insert(kept.key, kept.clone());
        while self.bytes > MOST_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            let gone = self.by_key.remove(&oldest);
            self.bytes -= gone.map_or(0, |gone| gone.bytes());
        }
        kept
    }
}

/// Instruments a text, or finds it.
pub fn kept(text: &str, options: &Options) -> Result<Arc<CachedText>, ReadError> {
    let key = key(text, options);
    if let Some(known) = SHELF.lock().by_key.get(&key) {
        return Ok(known.clone());
    }
    let text = instrument(text, options)?;
    Ok(SHELF.lock().put(Arc::new(CachedText {
        key,
        text,
        code: Mutex::default(),
    })))
}

/// Keeps V8's code for a text, if the text is still there.
pub fn keep_code(key: &[u8; 32], code: &[u8]) {
    let mut shelf = SHELF.lock();
    let Some(kept) = shelf.by_key.get(key).cloned() else {
        return;
    };
    let mut place = kept.code.lock();
    if place.is_none() {
        *place = Some(code.into());
        shelf.bytes += code.len();
    }
}

fn key(text: &str, options: &Options) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{options:?}\0").as_bytes());
    hasher.update(text.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_instrumented_once_for_each_way() {
        let options = Options::default();
        let text = "let kept = 0; f(() => kept++)";
        let one = kept(text, &options).expect("parses");
        let other = kept(text, &options).expect("parses");
        assert!(Arc::ptr_eq(&one, &other));
        let params = vec!["kept".to_owned()];
        let third = kept(text, &Options { params, ..options }).expect("parses");
        assert!(!Arc::ptr_eq(&one, &third));
        keep_code(&one.key, b"code");
        keep_code(&one.key, b"later");
        assert_eq!(other.code().as_deref(), Some(&b"code"[..]));
        assert!(third.code().is_none());
        keep_code(&[0; 32], b"nobody's");
    }
}
