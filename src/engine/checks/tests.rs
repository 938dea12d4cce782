//! Where small modules have their checks.

use super::*;

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        bytes.push(low | if value > 0 { 0x80 } else { 0 });
        if value == 0 {
            return bytes;
        }
    }
}

/// A module of functions of two i32 locals, with that code.
fn module(codes: &[&[u8]]) -> Vec<u8> {
    let section = |id: u8, body: Vec<u8>| [vec![id], leb(body.len()), body].concat();
    let mut functions = leb(codes.len());
    functions.extend(codes.iter().map(|_| 0));
    let mut bodies = leb(codes.len());
    for code in codes {
        let body = [&[1, 2, 0x7f], *code, &[0x0b]].concat();
        bodies.extend([leb(body.len()), body].concat());
    }
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, vec![1, 0x60, 0, 0]),
        section(3, functions),
        section(10, bodies),
    ]
    .concat()
}

fn loops(code: &[u8]) -> Vec<LoopCheck> {
    let checks = Checks::of(&module(&[code]));
    checks.function(0).expect("one").loops.to_vec()
}

const LOOP: [u8; 2] = [0x03, 0x40];
const BLOCK: [u8; 2] = [0x02, 0x40];
const END: u8 = 0x0b;
/// local 0 += 12, and left on the stack.
const STEP: [u8; 7] = [0x20, 0, 0x41, 12, 0x6a, 0x22, 0];
const TWELVES: LoopCheck = LoopCheck::Counted {
    local: 0,
    mask: 0xff << 2,
};

#[test]
fn short_counted_loops_are_told_from_others() {
    let plain = [&LOOP[..], &STEP, &[0x0d, 0, END]].concat();
    assert_eq!(loops(&plain), [TWELVES]);
    let down = [&LOOP[..], &[0x20, 1, 0x41, 1, 0x6b, 0x22, 1, 0x0d, 0, END]].concat();
    let ones = LoopCheck::Counted {
        local: 1,
        mask: 0xff,
    };
    assert_eq!(loops(&down), [ones]);
    // 1 = 0; ...; 0 = 1 + 12, as compilers write a loop that needs the count from before.
    let copy = [0x20, 0, 0x21, 1];
    let from_copy = [0x20, 1, 0x41, 12, 0x6a, 0x21, 0];
    let back = [0x41, 1, 0x0d, 0, END];
    let copied = [&LOOP[..], &copy, &[0x41, 0, 0x0d, 1], &from_copy, &back].concat();
    assert_eq!(loops(&copied), [TWELVES]);
    let teed = [
        &LOOP[..],
        &[0x20, 0, 0x22, 1, 0x41, 12, 0x6a, 0x21, 0],
        &back,
    ]
    .concat();
    assert_eq!(loops(&teed), [TWELVES]);
    let header: [(&str, Vec<u8>); 12] = [
        (
            "a copy that is changed",
            [&LOOP[..], &copy, &[0x41, 9, 0x21, 1], &from_copy, &back].concat(),
        ),
        (
            "a copy that is changed in a block",
            [
                &LOOP[..],
                &copy,
                &BLOCK,
                &[0x41, 9, 0x21, 1, END],
                &from_copy,
                &back,
            ]
            .concat(),
        ),
        (
            "a copy that is not made in every round",
            [
                &LOOP[..],
                &BLOCK,
                &[0x41, 0, 0x0d, 0],
                &copy,
                &[END],
                &from_copy,
                &back,
            ]
            .concat(),
        ),
        (
            "a copy made after the local has changed",
            [&LOOP[..], &[0x41, 9, 0x21, 0], &copy, &from_copy, &back].concat(),
        ),
        ("no step", [&LOOP[..], &[0x0c, 0, END]].concat()),
        (
            "back before the step",
            [&LOOP[..], &[0x41, 0, 0x0d, 0], &STEP, &[0x0d, 0, END]].concat(),
        ),
        (
            "not in every round",
            [
                &LOOP[..],
                &BLOCK,
                &[0x41, 0, 0x0d, 0],
                &STEP,
                &[0x0d, 1, END, 0x0c, 0, END],
            ]
            .concat(),
        ),
        (
            "changed elsewhere",
            [&LOOP[..], &[0x41, 0, 0x21, 0], &STEP, &[0x0d, 0, END]].concat(),
        ),
        (
            "by nothing",
            [&LOOP[..], &[0x20, 0, 0x41, 0, 0x6a, 0x22, 0, 0x0d, 0, END]].concat(),
        ),
        (
            "another local's sum",
            [&LOOP[..], &[0x20, 1, 0x41, 1, 0x6a, 0x22, 0, 0x0d, 0, END]].concat(),
        ),
        (
            "a table of branches",
            [&LOOP[..], &STEP, &[0x0e, 0, 0, END]].concat(),
        ),
        (
            "it calls",
            [&LOOP[..], &[0x10, 0], &STEP, &[0x0d, 0, END]].concat(),
        ),
    ];
    for (what, code) in header {
        let expected = match what {
            // The function calls itself, so it has a check at its entry.
            "it calls" => LoopCheck::None,
            _ => LoopCheck::Header,
        };
        assert_eq!(loops(&code), [expected], "{what}");
    }
    let long = [&LOOP[..], &vec![0x01; 3000], &STEP, &[0x0d, 0, END]].concat();
    assert_eq!(loops(&long), [LoopCheck::Header], "long");
}

#[test]
fn a_loop_may_rely_on_what_every_round_passes() {
    let inner = [&LOOP[..], &[0x41, 1, 0x0d, 0, END]].concat();
    let outer = [&LOOP[..], &inner, &[0x0c, 0, END]].concat();
    assert_eq!(loops(&outer), [LoopCheck::None, LoopCheck::Header]);
    let after = [&LOOP[..], &[0x41, 0, 0x0d, 0], &inner, &[0x0c, 0, END]].concat();
    assert_eq!(loops(&after), [LoopCheck::Header, LoopCheck::Header]);
    let sometimes = [
        &LOOP[..],
        &BLOCK,
        &[0x41, 0, 0x0d, 0],
        &inner,
        &[END, 0x0c, 0, END],
    ]
    .concat();
    assert_eq!(loops(&sometimes), [LoopCheck::Header, LoopCheck::Header]);
    let counted = [&LOOP[..], &STEP, &[0x0d, 0, END]].concat();
    let outer = [&LOOP[..], &counted, &[0x0c, 0, END]].concat();
    assert_eq!(loops(&outer), [LoopCheck::Header, TWELVES]);
}

#[test]
fn short_functions_need_no_point_unless_they_recur_or_call_very_much() {
    let long = vec![0x01; 20_000];
    let much = [0x10, 0].repeat(20_000);
    // leaf, caller of it, itself, one the other's, long, caller of the long one, very many calls of a long leaf's kind
    let codes: [&[u8]; 8] = [
        &[0x01; 3000],
        &[0x10, 0],
        &[0x10, 2],
        &[0x10, 4],
        &[0x10, 3],
        &long,
        &[0x10, 5],
        &much,
    ];
    let checks = Checks::of(&module(&codes));
    let entry: Vec<_> = (0..8)
        .map(|f| checks.function(f).expect("read").entry)
        .collect();
    assert_eq!(entry, [false, false, true, true, true, true, false, true]);
    let calls: Vec<_> = (0..8)
        .map(|f| checks.function(f).expect("read").calls)
        .collect();
    assert_eq!(
        calls,
        [false, false, false, false, false, false, false, true]
    );
    assert!(checks.function(8).is_none());
    assert!(Checks::of(b"\0asm").function(0).is_none());
}
