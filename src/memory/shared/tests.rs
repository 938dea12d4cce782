use super::*;
use crate::memory::Region;
use std::thread;

#[derive(Debug)]
struct Host(*mut u8);

impl SharedHost for Host {
    fn grow(&self, _: u32) -> Option<u32> {
        None
    }
    fn wait(&self, _: u32, _: WaitValue, _: Option<Duration>) -> Option<u32> {
        None
    }
    fn notify(&self, _: u32, _: u32) -> u32 {
        0
    }
}

fn shared(region: &Region, cap: Option<u64>) -> Arc<SharedMemory> {
    // SAFETY: a region is 8 GiB that fault behind its length.
    unsafe { SharedMemory::at(region.base(), WASM_PAGE, 4, cap) }.expect("is guarded")
}

#[test]
fn one_memory_for_all_threads_while_somebody_has_it() {
    let region = Region::new(WASM_PAGE).expect("address space");
    let one = shared(&region, None);
    assert!(Arc::ptr_eq(&one, &shared(&region, Some(1))));
    let key = one.key();
    drop(one);
    let again = shared(&region, Some(3 * WASM_PAGE as u64));
    assert_eq!(again.cap(), 3 * WASM_PAGE);
    assert_eq!(again.len(), WASM_PAGE);
    assert!(key != 0);
}

#[test]
fn what_does_not_fault_behind_is_refused() {
    let region = Region::new(4 * WASM_PAGE).expect("address space");
    if shared_style() == MemoryStyle::Static {
        // SAFETY: refused, or never used.
        let made = unsafe { SharedMemory::at(region.base(), WASM_PAGE, 4, None) };
        assert_eq!(made.err(), Some(SharedMemoryError::NoGuard));
    }
    // SAFETY: as above.
    let none = unsafe { SharedMemory::at(std::ptr::null_mut(), 0, 4, None) };
    assert_eq!(none.err(), Some(SharedMemoryError::NoPlace));
}

#[test]
fn the_last_user_of_an_ended_memory_drops_its_pages() {
    let region = Region::new(WASM_PAGE).expect("address space");
    let shared = shared(&region, None);
    let byte = region.base();
    // SAFETY: accessible, and of this test alone.
    let (write, read) = (|| unsafe { byte.write(7) }, || unsafe { byte.read() });
    write();
    // SAFETY: the region outlives the memories; nothing runs on them.
    let memory = || unsafe { SharedAdapter::memory(shared.clone(), Box::new(Host(byte))) };
    let (one, other) = (memory(), memory());
    assert!(!Host(byte).0.is_null());
    drop(one);
    shared.end();
    assert_eq!(read(), 7);
    drop(other);
    assert_eq!(read(), 0);
}

#[test]
fn growth_has_a_cap_and_a_refusal() {
    let region = Region::new(WASM_PAGE).expect("address space");
    let shared = shared(&region, Some(2 * WASM_PAGE as u64));
    let host = Host(region.base());
    assert_eq!(shared.grow(2, |delta| host.grow(delta)), None);
    assert_eq!(shared.refused(), Some(3 * WASM_PAGE as u64));
    shared.saw(2 * WASM_PAGE);
    shared.saw(WASM_PAGE);
    assert_eq!(shared.len(), 2 * WASM_PAGE);
    let other = shared.clone();
    let seen = thread::spawn(move || other.len()).join().expect("runs");
    assert_eq!(seen, shared.len());
}
