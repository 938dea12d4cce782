//! Which code is short, and what its steps do. That they do what wasm does, `__test__/native/short-calls.test.js` compares with V8.

use super::read::{Types, steps};
use super::steps::{DEPTH, Place, Steps, StepsCache, take};
use crate::engine::Func;
use std::ptr::NonNull;
use std::rc::Rc;
use wasmer_types::{FunctionType, Type};
use wasmer_vm::VMSignatureHash;
use wasmparser::{BinaryReader, FunctionBody};

fn hash(number: u32) -> VMSignatureHash {
    VMSignatureHash::new(number)
}

struct OneType(FunctionType);

impl Types for OneType {
    fn signature(&self, index: u32) -> Option<(&FunctionType, VMSignatureHash)> {
        (index == 0).then_some((&self.0, hash(7)))
    }
}

/// A function `(i32, i32) -> i32` without locals, of that code.
fn read(code: &[u8]) -> Option<Steps> {
    let ty = OneType(FunctionType::new([Type::I32, Type::I32], [Type::I32]));
    let body = [&[0], code, &[0x0b]].concat();
    let body = FunctionBody::new(BinaryReader::new(&body, 0));
    steps(&body, &ty.0, hash(7), &ty)
}

fn run(function: &Steps, arguments: [u64; 2], memory: &mut [u8]) -> Option<u64> {
    let mut place = Place {
        memory,
        table: &[],
        known: &StepsCache::default(),
        unknown: None,
        depth: DEPTH,
    };
    take(function, &arguments, &mut place)
}

/// `i32.load offset=4` of parameter 0, `i32.add` of parameter 1.
const GETTER: [u8; 8] = [0x20, 0, 0x28, 2, 4, 0x20, 1, 0x6a];
/// `i32.store` of parameter 1 at parameter 0.
const STORE: [u8; 7] = [0x20, 0, 0x20, 1, 0x36, 2, 0];

#[test]
fn what_computes_and_loads_is_short() {
    let getter = read(&GETTER).expect("is short");
    let mut memory = [0, 0, 0, 0, 5, 0, 0, 0];
    assert_eq!(run(&getter, [0, 37], &mut memory), Some(42));
    assert_eq!(run(&getter, [1, 37], &mut memory), None);
    assert_eq!(run(&getter, [0xffff_ffff, 37], &mut memory), None);
}

#[test]
fn nothing_may_fail_after_a_store() {
    let setter = [&STORE[..], &[0x20, 1]].concat();
    let setter = read(&setter).expect("is short");
    let mut memory = [0; 8];
    assert_eq!(run(&setter, [4, 9], &mut memory), Some(9));
    assert_eq!(run(&setter, [5, 3], &mut memory), None);
    assert_eq!(memory, [0, 0, 0, 0, 9, 0, 0, 0]);
    assert!(read(&[&STORE[..], &GETTER].concat()).is_none());
    assert!(read(&[&STORE[..], &STORE, &[0x20, 1]].concat()).is_none());
    // In one part of an `if`, and after it.
    let either = [&[0x20, 0, 0x04, 0x40][..], &STORE, &[0x0b]].concat();
    assert!(read(&[&either[..], &[0x20, 1]].concat()).is_some());
    assert!(read(&[&either[..], &GETTER].concat()).is_none());
}

#[test]
fn what_may_last_or_trap_otherwise_is_not_short() {
    for code in [
        // A loop, a division, a direct call, growth, a global, a return.
        &[0x03, 0x40, 0x0b, 0x20, 0][..],
        &[0x20, 0, 0x20, 1, 0x6d],
        &[0x20, 0, 0x20, 1, 0x10, 0],
        &[0x20, 0, 0x40, 0],
        &[0x23, 0],
        &[0x20, 0, 0x0f],
    ] {
        assert!(read(code).is_none(), "{code:x?}");
    }
    let long = [&[0x20, 0][..], &[0x20, 0, 0x6a].repeat(41)].concat();
    assert!(read(&long).is_none());
}

#[test]
fn only_what_is_known_and_of_the_right_type_is_called() {
    let caller = read(&[0x20, 0, 0x20, 1, 0x41, 1, 0x11, 0, 0]).expect("is short");
    let add = |signature| Steps {
        signature,
        ..read(&[0x20, 0, 0x20, 1, 0x6a]).expect("is short")
    };
    let func = Func(NonNull::dangling());
    let table = [None, Some(func)];
    let mut known = StepsCache::default();
    let call = |known: &StepsCache| {
        let mut place = Place {
            memory: &mut [],
            table: &table,
            known,
            unknown: None,
            depth: DEPTH,
        };
        let result = take(&caller, &[3, 4], &mut place);
        (result, place.unknown)
    };
    assert_eq!(call(&known), (None, Some(func)));
    known.insert(func, None);
    assert_eq!(call(&known), (None, None));
    known.insert(func, Some(Rc::new(add(hash(8)))));
    assert_eq!(call(&known), (None, None));
    known.insert(func, Some(Rc::new(add(hash(7)))));
    assert_eq!(call(&known), (Some(7), None));
    // A function that calls itself ends.
    let itself = read(&[0x20, 0, 0x20, 1, 0x41, 1, 0x11, 0, 0]).expect("is short");
    known.insert(func, Some(Rc::new(itself)));
    assert_eq!(call(&known), (None, None));
}
