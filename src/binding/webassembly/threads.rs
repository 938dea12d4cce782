//! Threads of a generation: see `lib/threads`. Each function takes the generation's number first.

use super::module::module_of;
use super::realm::Realm;
use crate::binding::node_api::{Arguments, Env, Res, Value};
use crate::webassembly::threads;
use std::sync::Arc;

fn id(env: Env, value: Value) -> Res<u64> {
    env.to_f64(value).map(|id| id as u64)
}

/// `(id, realm)`: of the thread that opens the generation.
pub fn threads_begin(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[1])?;
    realm.opens(id(env, a[0])?);
    let opening = Arc::downgrade(&realm.interrupter);
    let stop = move || {
        if let Some(interrupter) = opening.upgrade() {
            interrupter.interrupt();
        }
    };
    threads::begin(id(env, a[0])?, Box::new(stop));
    Ok(env.undefined())
}

pub fn threads_end(env: Env, a: &Arguments) -> Res<Value> {
    threads::end(id(env, a[0])?);
    Ok(env.undefined())
}

/// `(id, most)`: whether there may be one more.
pub fn threads_enter(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.boolean(threads::enter(id(env, a[0])?, env.to_u32(a[1])?)))
}

pub fn threads_leave(env: Env, a: &Arguments) -> Res<Value> {
    threads::leave(id(env, a[0])?);
    Ok(env.undefined())
}

pub fn threads_live(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.uint(threads::live(id(env, a[0])?)))
}

/// `(id, fault)`: a text that the opening thread understands, whose call is stopped.
pub fn threads_fail(env: Env, a: &Arguments) -> Res<Value> {
    threads::fail(id(env, a[0])?, env.to_string(a[1])?);
    Ok(env.undefined())
}

/// What a thread has failed with, told once; undefined when none has.
pub fn threads_take_fault(env: Env, a: &Arguments) -> Res<Value> {
    match threads::take_fault(id(env, a[0])?) {
        Some(fault) => env.string(&fault),
        None => Ok(env.undefined()),
    }
}

/// How many generations of the process have threads.
pub fn threads_groups(env: Env, _: &Arguments) -> Res<Value> {
    Ok(env.address(threads::groups()))
}

/// `(module) -> number`, by which another thread finds it.
pub fn module_send(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.number(threads::send(module_of(env, a[0])?) as f64))
}

/// `(number) -> module`; undefined when nobody has it any more.
pub fn module_receive(env: Env, a: &Arguments) -> Res<Value> {
    match threads::receive(id(env, a[0])?) {
        Some(module) => env.external(module),
        None => Ok(env.undefined()),
    }
}
