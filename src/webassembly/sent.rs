//! Modules that threads send each other.

use crate::engine::compiled::CompiledModule;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

static SENT: LazyLock<Mutex<FxHashMap<u64, Weak<CompiledModule>>>> = LazyLock::new(Mutex::default);

/// The number under which other threads find a module, for as long as somebody has it.
pub fn send(module: &Arc<CompiledModule>) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut sent = SENT.lock();
    let known = sent
        .iter()
        .find(|(_, known)| std::ptr::eq(known.as_ptr(), Arc::as_ptr(module)));
    if let Some((number, _)) = known {
        return *number;
    }
    // The address of a dropped module is not used again while its weak handle is here.
    sent.retain(|_, module| module.strong_count() > 0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    sent.insert(number, Arc::downgrade(module));
    number
}

/// The module of a number, if anybody still has it.
pub fn receive(number: u64) -> Option<Arc<CompiledModule>> {
    SENT.lock().get(&number)?.upgrade()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_while_somebody_has_it() {
        // Of content that no other test compiles: (module (memory 3)).
        let module = crate::engine::compiled::compile(b"\0asm\x01\0\0\0\x05\x03\x01\0\x03");
        let module = module.unwrap_or_else(|_| panic!("valid"));
        let number = send(&module);
        assert_eq!(send(&module), number);
        assert!(receive(number).is_some_and(|found| Arc::ptr_eq(&found, &module)));
        assert!(receive(number + 1_000_000).is_none());
    }
}
