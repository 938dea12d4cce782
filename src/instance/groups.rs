//! What the threads of one generation have in common, process-wide: how many there are, what made one fail, whom they answer
//! to.

use super::Interrupter;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::{LazyLock, Weak};

struct Group {
    live: u32,
    fault: Option<String>,
    /// Of the thread that opened the generation.
    opening: Weak<Interrupter>,
    /// The number that stops the sandbox's calls, once the generation is the one in use.
    handle: Option<u64>,
}

static GROUPS: LazyLock<Mutex<FxHashMap<u64, Group>>> = LazyLock::new(Mutex::default);

/// A generation may have threads from here on.
pub fn begin(id: u64, opening: Weak<Interrupter>) {
    let group = Group {
        live: 0,
        fault: None,
        opening,
        handle: None,
    };
    GROUPS.lock().insert(id, group);
}

/// The generation is in use: who stops the calls of `handle` stops its threads as well.
pub fn answer_to(id: u64, handle: u64) {
    if let Some(group) = GROUPS.lock().get_mut(&id) {
        group.handle = Some(handle);
    }
}

/// The interrupter of the thread that opened the generation.
pub fn opening(id: u64) -> Option<Weak<Interrupter>> {
    GROUPS.lock().get(&id).map(|group| group.opening.clone())
}

/// Stops what the threads compute that answer to a number. Those that wait go on waiting.
pub fn interrupt(handle: u64) {
    let groups = GROUPS.lock();
    let found = groups
        .iter()
        .filter(|(_, group)| group.handle == Some(handle));
    let ids: Vec<_> = found.map(|(id, _)| *id).collect();
    drop(groups);
    for interrupter in ids.into_iter().flat_map(Interrupter::all) {
        interrupter.interrupt_running();
    }
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
        if let Some(opening) = group.opening.upgrade() {
            opening.interrupt();
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn threads_are_bounded_while_their_generation_lives() {
        let opening = Interrupter::new(Interrupter::new_id(), None, None);
        let id = u64::MAX;
        assert!(!enter(id, 2));
        begin(id, Arc::downgrade(&opening));
        assert!(enter(id, 2) && enter(id, 2) && !enter(id, 2));
        leave(id);
        assert_eq!(live(id), 1);
        assert!(enter(id, 2));
        assert!(!opening.is_raised());
        fail(id, "first".into());
        assert!(opening.is_raised());
        fail(id, "second".into());
        assert_eq!(take_fault(id).as_deref(), Some("first"));
        assert_eq!(take_fault(id), None);
        end(id);
        assert!(!enter(id, 2));
        fail(id, "late".into());
        assert_eq!(take_fault(id), None);
        leave(id);
    }

    #[test]
    fn threads_answer_to_the_number_of_their_sandbox_once_it_is_in_use() {
        let (id, handle) = (Interrupter::new_id(), Interrupter::new_id());
        let opening = Interrupter::new(handle, None, None);
        let [running, waiting] = [(); 2].map(|()| Interrupter::new(id, None, None));
        begin(id, Arc::downgrade(&opening));
        for thread in [&running, &waiting] {
            thread.join(super::opening(id).unwrap_or_default());
        }
        assert!(waiting.begin_wait(Box::new(|| true)));
        interrupt(handle);
        assert!(!running.is_raised());
        answer_to(id, handle);
        interrupt(handle);
        assert!(running.is_raised() && !waiting.is_raised() && !opening.is_raised());
        end(id);
    }
}
