use super::*;
use std::thread;

fn unreachable() -> Option<Unwind> {
    Some(Unwind::unreachable())
}

#[test]
fn an_interruption_without_a_call_does_not_reach_the_next_one() {
    let interrupter = Interrupter::new(Interrupter::new_id(), None, None);
    interrupter.interrupt();
    interrupter.begin();
    assert!(matches!(
        interrupter.end(unreachable()),
        Some(Unwind::Trap { .. })
    ));
}

#[test]
fn a_call_is_interrupted_by_number() {
    let interrupter = Interrupter::new(Interrupter::new_id(), None, None);
    let id = interrupter.id();
    interrupter.begin();
    assert!(Interrupter::interrupt_by_id(id));
    assert!(matches!(
        interrupter.name(unreachable()),
        Some(Unwind::Interrupted)
    ));
    assert!(matches!(
        interrupter.end(unreachable()),
        Some(Unwind::Interrupted)
    ));
    assert!(interrupter.is_idle());
    drop(interrupter);
    assert!(!Interrupter::interrupt_by_id(id));
}

#[test]
fn only_interruption_points_are_taken_for_a_timeout() {
    let interrupter =
        Interrupter::new(Interrupter::new_id(), None, Some(Duration::from_millis(10)));
    interrupter.begin();
    thread::sleep(Duration::from_millis(60));
    let inner = interrupter.name(unreachable());
    assert!(
        matches!(inner, Some(Unwind::Timeout { elapsed, .. }) if elapsed >= 10.0),
        "{inner:?}"
    );
    let own = interrupter.end(Some(Unwind::out_of_bounds()));
    assert!(matches!(own, Some(Unwind::Trap { .. })));
    interrupter.begin();
    assert!(matches!(
        interrupter.end(unreachable()),
        Some(Unwind::Trap { .. })
    ));
}
fn limited(ms: u64) -> Arc<Interrupter> {
    Interrupter::new(Interrupter::new_id(), None, Some(Duration::from_millis(ms)))
}

#[test]
fn a_wait_of_a_thread_does_not_count() {
    let opening = limited(50);
    let interrupter = limited(50);
    interrupter.join(Arc::downgrade(&opening));
    interrupter.begin();
    for _ in 0..3 {
        assert!(interrupter.begin_wait(Box::new(|| false)));
        thread::sleep(Duration::from_millis(70));
        interrupter.interrupt_running();
        assert!(!interrupter.end_wait());
        assert!(!interrupter.is_raised());
    }
    thread::sleep(Duration::from_millis(150));
    assert!(interrupter.is_raised());
    assert!(!interrupter.begin_wait(Box::new(|| false)));
    assert!(matches!(
        interrupter.end(unreachable()),
        Some(Unwind::Timeout { .. })
    ));
}

#[test]
fn what_calls_in_the_opening_thread_take_does_not_count_for_a_thread() {
    let opening = limited(1000);
    let interrupter = limited(100);
    interrupter.join(Arc::downgrade(&opening));
    interrupter.begin();
    for _ in 0..3 {
        opening.begin();
        thread::sleep(Duration::from_millis(120));
        opening.end_well();
    }
    assert!(!interrupter.is_raised());
    thread::sleep(Duration::from_millis(200));
    assert!(interrupter.is_raised());
    let ended = interrupter.end(unreachable());
    assert!(matches!(ended, Some(Unwind::Timeout { elapsed, .. }) if elapsed < 300.0));
}
