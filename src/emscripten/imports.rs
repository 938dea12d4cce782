//! Which import is answered by which function.

use super::{ImportFn, embind, emval, exceptions};
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

static IMPORTS: LazyLock<FxHashMap<&'static str, ImportFn>> = LazyLock::new(|| {
    let all: &[&[(&str, ImportFn)]] = &[embind::IMPORTS, emval::IMPORTS, exceptions::IMPORTS];
    all.iter().flat_map(|list| list.iter().copied()).collect()
});

/// The function that answers an import, by its canonical name.
pub fn answer(name: &str) -> Option<ImportFn> {
    if let Some(function) = IMPORTS.get(name) {
        return Some(*function);
    }
    if name.strip_prefix("invoke_").is_some_and(is_signature) {
        return Some(exceptions::invoke);
    }
    if name
        .strip_prefix("__cxa_find_matching_catch_")
        .is_some_and(|n| n.parse::<u32>().is_ok())
    {
        return Some(exceptions::find_matching_catch);
    }
    None
}

/// Letters of Emscripten's signature strings.
fn is_signature(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b"vijfdp".contains(&b))
}
