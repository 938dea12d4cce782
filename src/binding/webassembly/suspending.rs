//! JavaScript Promise Integration: calls that wait for promises in the middle.
//!
//! A promising call runs on a fiber. At an import that suspends, the call is left as it is, and its number goes to
//! `lib/webassembly/promising.js` with what the import gave; that settled, it goes on.

use super::call::{Import, call_out, give, returned, surface};
use super::realm::{ErrorKind, Realm};
use super::value::to_wasm;
use crate::binding::node_api::{Arguments, Env, Res, Value};
use crate::engine::fiber::{self, Fiber, Resume, Step};
use crate::engine::vm::HostTrap;
use crate::webassembly::ValueKind;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr::NonNull;
use wasmer_types::RawValue;
use wasmer_vm::{VMCallerCheckedAnyfunc, VMFuncRef};

/// As many calls of a realm may wait at once: each has three stacks, and a process only so many mappings.
const MOST: usize = 2000;
/// wasmer keeps the stacks of calls that have ended for others. More than that are given back to the system.
const STACKS_KEPT: usize = 32;

/// The suspended calls of a realm.
#[derive(Default)]
pub struct SuspendedCalls {
    calls: RefCell<FxHashMap<u32, Call>>,
    last: Cell<u32>,
    /// The most there were at once since there were none.
    most: Cell<usize>,
}

/// One promising call.
struct Call {
    fiber: Fiber,
    /// Arguments and results.
    slots: Box<[RawValue]>,
    results: SmallVec<[ValueKind; 2]>,
}

impl SuspendedCalls {
    pub fn is_empty(&self) -> bool {
        self.calls.borrow().is_empty()
    }

    /// Ends all calls: neither wasm nor JavaScript runs. Before the store goes, or back to an image.
    pub fn end(&self) {
        let calls = std::mem::take(&mut *self.calls.borrow_mut());
        for (_, mut call) in calls {
            let _ = call.fiber.resume(Resume::Ended);
        }
        self.give_back();
    }

    fn add(&self, call: Call) -> u32 {
        let mut calls = self.calls.borrow_mut();
        let number = self.last.get().wrapping_add(1);
        self.last.set(number);
        calls.insert(number, call);
        self.most.set(self.most.get().max(calls.len()));
        number
    }

    /// The last call of many has ended.
    fn give_back(&self) {
        if self.is_empty() && self.most.replace(0) > STACKS_KEPT {
            wasmer_vm::drain_stack_pool();
        }
    }
}

/// Unwinds a call that does not go on.
#[derive(Debug)]
struct CallEnd;

impl fmt::Display for CallEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call was ended while it was suspended")
    }
}

impl std::error::Error for CallEnd {}

/// `(realm, address, arguments)`: calls a function that may suspend. `[value]` when it has returned, `[given, number]` when
/// it waits for what an import gave, `[,, error]` when it threw.
pub fn promising_call(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let key = env.to_usize(a[1])?;
    let signature = realm.with(|store| {
        let function = store.function(key);
        function.map(|function| function.signature.clone())
    })?;
    let (Some(ty), Some(function)) = (signature, NonNull::new(key as *mut VMCallerCheckedAnyfunc))
    else {
        return Err(realm.stale());
    };
    let params: SmallVec<[ValueKind; 8]> = ty.params().iter().map(|ty| (*ty).into()).collect();
    let results: SmallVec<[ValueKind; 2]> = ty.results().iter().map(|ty| (*ty).into()).collect();
    if params.iter().chain(&results).any(|kind| !kind.crosses()) {
        return Err(env.throw_type("type incompatibility when transforming from/to JS"));
    }
    if realm.suspended.calls.borrow().len() >= MOST {
        let message =
            format!("{MOST} calls of this module wait for promises: await some of them first");
        return Err(realm.raise(ErrorKind::Range, &message));
    }
    let generation = realm.generation();
    let mut slots = vec![RawValue::default(); params.len().max(results.len()).max(1)];
    for (at, kind) in params.iter().enumerate() {
        slots[at] = to_wasm(realm, env.get_index(a[2], at as u32)?, *kind)?;
    }
    // Converting may have run user code.
    if !realm.is_live() || !realm.is_current(generation) {
        return Err(realm.stale());
    }
    if let Some(why) = realm.stopping() {
        return Err(realm.stopped(Some(why)));
    }
    let mut slots = slots.into_boxed_slice();
    let stack = realm.calls_with.stack();
    // SAFETY: the function is of the realm's store, which ends its suspended calls before it goes; the slots are kept with the fiber.
    let fiber = unsafe { Fiber::new(stack, VMFuncRef(function).into(), slots.as_mut_ptr()) };
    let Ok(fiber) = fiber else {
        let message = "the system refused memory for the stack of a call";
        return Err(realm.raise(ErrorKind::StackOverflow, message));
    };
    let call = Call {
        fiber,
        slots,
        results,
    };
    // What is wrong with the arguments is thrown, and what the call throws is what its promise is rejected with.
    match go_on(realm, call, Resume::Fulfilled) {
        Ok(told) => Ok(told),
        Err(failed) => {
            let none = env.undefined();
            env.list([none, none, env.exception_of(failed)])
        }
    }
}

/// `(realm, number, fulfilled, value)`: what a suspended call waited for is settled. Gives the same as [`promising_call`], or
/// undefined for a call that was ended.
pub fn promising_resume(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let number = env.to_u32(a[1])?;
    let Some(call) = realm.suspended.calls.borrow_mut().remove(&number) else {
        return Ok(env.undefined());
    };
    let with = match env.to_bool(a[2])? {
        true => Resume::Fulfilled,
        false => Resume::Rejected,
    };
    realm.set_in_flight(a[3])?;
    go_on(realm, call, with)
}

fn go_on(realm: &Realm, mut call: Call, with: Resume) -> Res<Value> {
    let held = match realm.enter() {
        Ok(held) => held,
        Err(failed) => {
            let _ = call.fiber.resume(Resume::Ended);
            return Err(failed);
        }
    };
    let promising = realm.promises();
    let step = call.fiber.resume(with);
    drop(promising);
    let stopped = realm.leave(held, matches!(step, Step::Done(Err(_))));
    if matches!(step, Step::Done(_)) {
        realm.suspended.give_back();
    }
    let env = realm.env;
    match step {
        Step::Suspended => {
            let given = realm.take_in_flight()?;
            env.list([given, env.uint(realm.suspended.add(call))])
        }
        Step::Done(Err(_)) if stopped.is_some() => Err(realm.stopped(stopped)),
        Step::Done(Err(trap)) => Err(surface(realm, &trap)),
        Step::Done(Ok(())) => {
            if realm.depth() == 0 {
                realm.forget_exceptions();
            }
            env.list([returned(realm, &call.slots, &call.results)?])
        }
    }
}

/// The body of an import that suspends the call which it was made in, until what it gives is settled.
pub fn suspending(import: &Import, slots: *mut RawValue) -> Result<(), HostTrap> {
    let can = fiber::can_suspend();
    let mut waits = false;
    fiber::on_thread(|| {
        let _exit = import.exit(slots);
        import.answer(slots, |realm| {
            if !can {
                let message = match realm.promising() {
                    true => "trying to suspend JS frames",
                    false => "trying to suspend without WebAssembly.promising",
                };
                return Err(realm.raise(ErrorKind::Suspend, message));
            }
            realm.set_in_flight(call_out(realm, import, slots)?)?;
            waits = true;
            Ok(())
        })
    })?;
    // What was thrown goes on as an exception of wasm.
    if !waits {
        return Ok(());
    }
    let realm = import.realm();
    // Its time is over, or it was interrupted: it does not wait first.
    if realm.interrupter.is_raised() {
        return Err(Box::new(CallEnd));
    }
    let resumed = fiber::suspend(realm.calls_with.stack()).map_err(Box::new)?;
    if resumed == Resume::Ended {
        return Err(Box::new(CallEnd));
    }
    fiber::on_thread(|| {
        let _exit = import.exit(slots);
        import.answer(slots, |realm| {
            let value = realm.take_in_flight()?;
            match resumed {
                Resume::Rejected => Err(realm.env.throw(value)),
                _ => give(realm, import, value, slots),
            }
        })
    })
}
