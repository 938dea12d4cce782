//! Threads of a generation: see `lib/threads`. Each function takes the generation's number first.

use super::module::module_of;
use super::realm::Realm;
use crate::binding::node_api::{Arguments, Env, Res, Value};
use crate::instance::groups;
use crate::webassembly::sent;
use std::sync::Arc;

fn id(env: Env, value: Value) -> Res<u64> {
    env.to_f64(value).map(|id| id as u64)
}

/// `(id, realm)`: of the thread that opens the generation.
pub fn threads_begin(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[1])?;
    let id = id(env, a[0])?;
    realm.opens(id);
    groups::begin(id, Arc::downgrade(&realm.interrupter));
    Ok(env.undefined())
}

/// `(id, realm)`: of a thread that the generation has started.
pub fn threads_join(env: Env, a: &Arguments) -> Res<Value> {
    let opening = groups::opening(id(env, a[0])?).unwrap_or_default();
    Realm::of(env, a[1])?.interrupter.join(opening);
    Ok(env.undefined())
}

/// `(id, handle)`: who stops the calls of that number stops what the threads compute.
pub fn threads_answer_to(env: Env, a: &Arguments) -> Res<Value> {
    groups::answer_to(id(env, a[0])?, id(env, a[1])?);
    Ok(env.undefined())
}

pub fn threads_end(env: Env, a: &Arguments) -> Res<Value> {
    groups::end(id(env, a[0])?);
    Ok(env.undefined())
}

/// `(id, most)`: whether there may be one more.
pub fn threads_enter(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.boolean(groups::enter(id(env, a[0])?, env.to_u32(a[1])?)))
}

pub fn threads_leave(env: Env, a: &Arguments) -> Res<Value> {
    groups::leave(id(env, a[0])?);
    Ok(env.undefined())
}

pub fn threads_live(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.uint(groups::live(id(env, a[0])?)))
}

/// `(id, fault)`: a text that the opening thread understands, whose call is stopped.
pub fn threads_fail(env: Env, a: &Arguments) -> Res<Value> {
    groups::fail(id(env, a[0])?, env.to_string(a[1])?);
    Ok(env.undefined())
}

/// What a thread has failed with, told once; undefined when none has.
pub fn threads_take_fault(env: Env, a: &Arguments) -> Res<Value> {
    match groups::take_fault(id(env, a[0])?) {
        Some(fault) => env.string(&fault),
        None => Ok(env.undefined()),
    }
}

/// How many generations of the process have threads.
pub fn threads_groups(env: Env, _: &Arguments) -> Res<Value> {
    Ok(env.address(groups::groups()))
}

/// `(module) -> number`, by which another thread finds it.
pub fn module_send(env: Env, a: &Arguments) -> Res<Value> {
    Ok(env.number(sent::send(module_of(env, a[0])?) as f64))
}

/// `(number) -> module`; undefined when nobody has it any more.
pub fn module_receive(env: Env, a: &Arguments) -> Res<Value> {
    match sent::receive(id(env, a[0])?) {
        Some(module) => env.external(module),
        None => Ok(env.undefined()),
    }
}
