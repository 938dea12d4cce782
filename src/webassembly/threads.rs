//! What the threads of one generation have in common, process-wide: how many there are, what made one fail, and the modules
//! that they send each other.

use crate::engine::compiled::Compiled;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

/// Stops the call of the thread that opened the generation, if one is running.
pub type Stop = Box<dyn Fn() + Send>;

struct Group {
    live: u32,
    fault: Option<String>,
    stop: Stop,
}

static GROUPS: LazyLock<Mutex<FxHashMap<u64, Group>>> = LazyLock::new(Mutex::default);

/// A generation may have threads from here on.
pub fn begin(id: u64, stop: Stop) {
    let group = Group {
        live: 0,
        fault: None,
        stop,
    };
    GROUPS.lock().insert(id, group);
}

/// It may not, and nothing of it is remembered.
pub fn end(id: u64) {
    GROUPS.lock().remove(&id);
}

/// One more thread; false where there are `most` already, or the generation has ended.
pub fn enter(id: u64, most: u32) -> bool {
    match GROUPS.lock().get_mut(&id) {
        Some(group) if group.live < most => {
            group.live += 1;
            true
        }
        _ => false,
    }
}

pub fn leave(id: u64) {
    if let Some(group) = GROUPS.lock().get_mut(&id) {
        group.live = group.live.saturating_sub(1);
    }
}

/// How many threads there are.
pub fn live(id: u64) -> u32 {
    GROUPS.lock().get(&id).map_or(0, |group| group.live)
}

/// A thread has failed; the first failure is told. The call that may be waiting for it is stopped: the generation cannot end
/// meanwhile, so that it is no call of another one.
pub fn fail(id: u64, fault: String) {
    if let Some(group) = GROUPS.lock().get_mut(&id) {
        group.fault.get_or_insert(fault);
        (group.stop)();
    }
}

/// Whether one has failed, and with what was not told yet.
pub fn has_fault(id: u64) -> bool {
    let groups = GROUPS.lock();
    groups.get(&id).is_some_and(|group| group.fault.is_some())
}

/// What a thread has failed with, told once.
pub fn take_fault(id: u64) -> Option<String> {
    GROUPS.lock().get_mut(&id)?.fault.take()
}

/// How many generations have threads.
pub fn groups() -> usize {
    GROUPS.lock().len()
}

static SENT: LazyLock<Mutex<FxHashMap<u64, Weak<Compiled>>>> = LazyLock::new(Mutex::default);

/// The number under which other threads find a module, for as long as somebody has it.
pub fn send(module: &Arc<Compiled>) -> u64 {
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
pub fn receive(number: u64) -> Option<Arc<Compiled>> {
    SENT.lock().get(&number)?.upgrade()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_bounded_while_their_generation_lives() {
        static TOLD: AtomicU64 = AtomicU64::new(0);
        let id = u64::MAX;
        assert!(!enter(id, 2));
        begin(
            id,
            Box::new(|| {
                TOLD.fetch_add(1, Ordering::Relaxed);
            }),
        );
        assert!(enter(id, 2) && enter(id, 2) && !enter(id, 2));
        leave(id);
        assert_eq!(live(id), 1);
        assert!(enter(id, 2));
        fail(id, "first".into());
        fail(id, "second".into());
        assert_eq!(take_fault(id).as_deref(), Some("first"));
        assert_eq!(take_fault(id), None);
        end(id);
        assert!(!enter(id, 2));
        fail(id, "late".into());
        assert_eq!(TOLD.load(Ordering::Relaxed), 2);
        assert_eq!(take_fault(id), None);
        leave(id);
    }

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
