//! Calls of what is registered, and of embind's and emval's imports, as the fuzzer's bytes say.

use super::host::{Fake, call_import};
use emvm::emscripten::embind::invoke::{CallArguments, CallResult, invoke};
use emvm::emscripten::embind::{self, Out, handles, inherited};
use emvm::emscripten::js::{HandleRef, Js, JsValue};
use emvm::emscripten::{Runtime, emval};
use std::sync::Arc;
use wasmer_types::Type;

/// Type ids that registrations speak of.
pub const TYPES: u8 = 24;

struct Given<'a>(&'a Fake);

impl CallArguments for Given<'_> {
    fn value(&self, _: usize) -> JsValue {
        self.0.any()
    }
    fn as_number(&self, _: usize) -> Option<f64> {
        (!self.0.byte().is_multiple_of(4)).then(|| f64::from(self.0.byte()) * 1e7)
    }
    fn number(&self, _: usize) -> f64 {
        let handles = self.0.handles.borrow();
        match self.0.byte() {
            0..=99 => handles.last().map_or(0.0, |handle| handle.id),
            100..=149 => handles.last().map_or(65537.0, |handle| handle.key),
            150..=199 => -1.0,
            200..=229 => 1.0,
            230 => f64::NAN,
            231 => f64::MAX,
            _ => f64::from(self.0.byte()),
        }
    }
    fn handle(&self, _: usize) -> embind::convert::Arg {
        match self.0.byte() % 3 {
            0 => embind::convert::Arg::Value(self.0.any()),
            _ => embind::convert::Arg::Handle(handle(self.0)),
        }
    }
}

fn handle(fake: &Fake) -> HandleRef {
    let handles = fake.handles.borrow();
    let choice = usize::from(fake.byte());
    match handles.get(choice % (handles.len() + 1)) {
        Some(handle) => *handle,
        None => HandleRef {
            id: (choice as f64) * 1e7 - 1e8,
            key: 65537.0,
        },
    }
}

/// A number that a lying registration gives: a type id, a pointer, a count, a table index, or nonsense.
fn word(fake: &Fake) -> u32 {
    let next = fake.byte();
    match fake.byte() % 16 {
        0..=5 => u32::from(next % TYPES),
        6..=8 => 1024 + u32::from(next) * 4,
        9..=11 => u32::from(next % 48),
        12 => u32::from(next) << 24 | 0xffff,
        13 => 131_072 - u32::from(next % 8),
        14 => 0x8000 + u32::from(next),
        _ => u32::from(next),
    }
}

/// One import of embind or emval with random arguments of a random count.
pub fn import(rt: &mut Runtime, fake: &Fake, only_emval: bool) {
    let lists = [embind::IMPORTS, emval::IMPORTS];
    let list = lists[usize::from(only_emval || fake.byte().is_multiple_of(4))];
    let name = list[usize::from(fake.byte()) % list.len()].0;
    let count = usize::from(fake.byte() % 16);
    let mut params = vec![Type::I32; count];
    if fake.byte().is_multiple_of(4) && count > 2 {
        params[2 + usize::from(fake.byte()) % (count - 2)] = Type::F64;
    }
    if fake.byte().is_multiple_of(8) && count > 3 {
        params[3..].fill(Type::I64);
    }
    let values: Vec<u32> = (0..count).map(|_| word(fake)).collect();
    drop(call_import(rt, name, &params, &values));
}

/// Calls one of the functions that are registered; what it gives may be used again.
pub fn function(rt: &mut Runtime, fake: &Fake) {
    let reg = Arc::clone(&rt.embind.reg);
    if reg.callables.is_empty() {
        return;
    }
    let index = usize::from(fake.byte()) % reg.callables.len();
    if let Ok(CallResult::Out(Out::Handle { handle, .. })) =
        invoke(rt, &reg, &reg.callables[index], &Given(fake))
    {
        fake.handles.borrow_mut().push(handle);
    }
}

/// What the facade does with handles.
pub fn operation(rt: &mut Runtime, fake: &Fake) {
    let one = handle(fake);
    match fake.byte() % 12 {
        0 | 1 => drop(handles::delete(rt, one)),
        2 => {
            if let Ok(handles::CloneOutcome::New(copy, _)) = handles::clone(rt, one) {
                fake.handles.borrow_mut().push(copy);
            }
        }
        3 => drop(handles::delete_later(rt, one)),
        4 => drop(handles::flush_pending_deletes(rt)),
        5 => drop(handles::finalize(rt, one)),
        6 => drop(handles::is_alias_of(rt, one, handle(fake))),
        7 => drop(handles::peek(rt, one)),
        8 => {
            let classes = rt.embind.reg.classes.len() as u32;
            if classes > 0 {
                let class = u32::from(fake.byte()) % classes;
                let object = fake.any();
                if fake.byte().is_multiple_of(2) {
                    drop(inherited::register(rt, class, one, object));
                } else {
                    drop(inherited::unregister(rt, class, one));
                }
            }
        }
        9 => {
            let function = (fake.byte().is_multiple_of(2)).then(|| fake.any());
            drop(handles::set_delay(rt, function));
        }
        10 => {
            let value = fake.any();
            if let Ok(kept) = rt.emval_handle(value) {
                drop(rt.emval_value(kept));
            }
        }
        _ => {
            let _ = handles::is_deleted(rt, one);
            let _ = rt.embind.live(rt.generation);
            let _ = fake.kind(fake.any());
        }
    }
}

/// Whatever JavaScript may do when the module's code calls it.
pub fn meddle(rt: &mut Runtime, fake: &Fake) {
    match fake.byte() % 4 {
        0 => import(rt, fake, false),
        1 => operation(rt, fake),
        _ => function(rt, fake),
    }
}
