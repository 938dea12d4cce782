//! Values of every kind to honest registrations of every type, and through emval: what getters, `valueOf` and callbacks do
//! meanwhile is the fuzzer's to say.

use super::Bytes;
use super::calls::{function, import, meddle, operation};
use super::host::{abi, call_import, restore, runtime};
use Type::{F64, I32, I64};
use emvm::emscripten::Runtime;
use wasmer_types::Type;

// Places in the callee's table.
const VI: u32 = 2;
const I: u32 = 6;
const II: u32 = 7;
const II_SAME: u32 = 8;
const II_HOOK: u32 = 9;
const II_TYPE: u32 = 12;
const III: u32 = 13;
const III_LOAD: u32 = 14;
const III_HOOK: u32 = 15;
const IIII: u32 = 16;
const IIII_HOOK: u32 = 17;
const IIIII: u32 = 18;
const DII: u32 = 20;
const DID: u32 = 21;
const FIF: u32 = 22;
const VIII: u32 = 4;
const VIID: u32 = 24;
const JIJ: u32 = 29;
const VI_HOOK: u32 = 33;

/// Types of one argument that travel as i32.
const WORDS: [u32; 16] = [2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20, 21];

fn register(rt: &mut Runtime) {
    let mut at = 1024;
    let mut text = |rt: &mut Runtime, name: &str| -> u32 {
        let place = at;
        let bytes = rt.wasm.bytes_mut(place, name.len() as u32).expect("room");
        bytes.copy_from_slice(name.as_bytes());
        at += name.len() as u32 + 1;
        place
    };
    let call = |rt: &mut Runtime, name: &str, params: &[Type], values: &[u32]| {
        call_import(rt, name, params, values).unwrap_or_else(|e| panic!("{name} {values:?}: {e}"));
    };
    let words = [I32; 16];
    let n = |rt: &mut Runtime, name: &str, text: &mut dyn FnMut(&mut Runtime, &str) -> u32| {
        text(rt, name)
    };
    let name = n(rt, "void", &mut text);
    call(rt, "_embind_register_void", &words[..2], &[1, name]);
    let name = n(rt, "bool", &mut text);
    call(rt, "_embind_register_bool", &words[..4], &[2, name, 1, 0]);
    for (id, label, size, min, max) in [
        (3, "i8", 1, -128i32, 127u32),
        (4, "u16", 2, 0, 65535),
        (5, "int", 4, i32::MIN, i32::MAX as u32),
    ] {
        let name = n(rt, label, &mut text);
        call(
            rt,
            "_embind_register_integer",
            &words[..5],
            &[id, name, size, min as u32, max],
        );
    }
    let name = n(rt, "double", &mut text);
    call(rt, "_embind_register_float", &words[..3], &[6, name, 8]);
    let name = n(rt, "long long", &mut text);
    call(
        rt,
        "_embind_register_bigint",
        &[I32, I32, I32, I64, I64],
        &[7, name, 8, u32::MAX, 1],
    );
    let name = n(rt, "std::string", &mut text);
    call(rt, "_embind_register_std_string", &words[..2], &[8, name]);
    for (id, unit) in [(9, 2), (10, 4)] {
        let name = n(rt, "std::wstring", &mut text);
        call(
            rt,
            "_embind_register_std_wstring",
            &words[..3],
            &[id, unit, name],
        );
    }
    call(rt, "_embind_register_emval", &words[..1], &[11]);
    call(rt, "_embind_register_optional", &words[..2], &[12, 11]);
    for (id, style) in [(13, 0), (14, 1), (15, 2)] {
        let name = n(rt, &format!("Enum{style}"), &mut text);
        call(
            rt,
            "_embind_register_enum",
            &words[..5],
            &[id, name, 4, 1, style],
        );
        let value = n(rt, "value", &mut text);
        call(
            rt,
            "_embind_register_enum_value",
            &words[..3],
            &[id, value, 3],
        );
    }
    // A class with a base, and a smart pointer to it.
    let name = n(rt, "Base", &mut text);
    call(
        rt,
        "_embind_register_class",
        &words[..13],
        &[16, 17, 18, 0, 0, II_TYPE, 0, 0, 0, 0, name, 0, VI],
    );
    let name = n(rt, "Derived", &mut text);
    call(
        rt,
        "_embind_register_class",
        &words[..13],
        &[
            20, 21, 22, 16, 0, II_TYPE, 0, II_SAME, 0, II_SAME, name, 0, VI_HOOK,
        ],
    );
    let name = n(rt, "Shared", &mut text);
    call(
        rt,
        "_embind_register_smart_ptr",
        &words[..12],
        &[23, 20, name, 2, 0, II_SAME, 0, I, 0, III, 0, VI],
    );
    // A value array of two doubles, a value object of it and a string.
    let name = n(rt, "Pair", &mut text);
    call(
        rt,
        "_embind_register_value_array",
        &words[..6],
        &[24, name, 0, I, 0, VI],
    );
    for context in [0, 8] {
        call(
            rt,
            "_embind_register_value_array_element",
            &words[..9],
            &[24, 6, 0, DII, context, 6, 0, VIID, context],
        );
    }
    call(rt, "_embind_finalize_value_array", &words[..1], &[24]);
    let name = n(rt, "Object", &mut text);
    call(
        rt,
        "_embind_register_value_object",
        &words[..6],
        &[25, name, 0, I, 0, VI],
    );
    for (label, ty) in [("pair", 24), ("text", 8), ("value", 11)] {
        let field = n(rt, label, &mut text);
        call(
            rt,
            "_embind_register_value_object_field",
            &words[..10],
            &[25, field, ty, 0, III_LOAD, 0, ty, 0, VIII, 0],
        );
    }
    call(rt, "_embind_finalize_value_object", &words[..1], &[25]);

    let mut counter = 0;
    let mut function = |rt: &mut Runtime, types: &[u32], func: u32| {
        counter += 1;
        let name = text(rt, &format!("f{counter}"));
        for (i, ty) in types.iter().enumerate() {
            rt.wasm.write_u32(0x9000 + 4 * i as u32, *ty).expect("room");
        }
        let values = [name, types.len() as u32, 0x9000, 0, func, 7, 0, 0];
        call_import(rt, "_embind_register_function", &[I32; 8], &values).expect("registers");
    };
    for ty in WORDS.into_iter().chain([22, 23, 24, 25]) {
        function(rt, &[5, ty], III);
        function(rt, &[5, ty, 11], IIII_HOOK);
        function(rt, &[11, ty, ty], IIII);
        function(rt, &[ty, 5], III_HOOK);
        function(rt, &[ty], II_HOOK);
        function(rt, &[25, ty, 25, 8], IIIII);
    }
    function(rt, &[6, 6], DID);
    function(rt, &[6, 6], FIF);
    function(rt, &[7, 7], JIJ);
    function(rt, &[24], II);
    // Members of the classes.
    for (class, pointer) in [(16, 17), (20, 21)] {
        let method = text(rt, "method");
        for (i, ty) in [11, pointer, 8].into_iter().enumerate() {
            rt.wasm.write_u32(0x9000 + 4 * i as u32, ty).expect("room");
        }
        let values = [class, method, 3, 0x9000, 0, IIII_HOOK, 0, 0, 0, 0];
        call_import(rt, "_embind_register_class_function", &[I32; 10], &values).expect("registers");
        rt.wasm.write_u32(0x9000, pointer).expect("room");
        rt.wasm.write_u32(0x9004, 11).expect("room");
        call_import(
            rt,
            "_embind_register_class_constructor",
            &[I32; 6],
            &[class, 2, 0x9000, 0, III, 0],
        )
        .expect("registers");
        let property = text(rt, "property");
        let values = [class, property, 8, 0, III, 0, 8, 0, VIII, 0];
        call_import(rt, "_embind_register_class_property", &[I32; 10], &values).expect("registers");
    }
    let constant = text(rt, "constant");
    call_import(
        rt,
        "_embind_register_constant",
        &[I32, I32, F64],
        &[constant, 6, 3],
    )
    .expect("registers");
}

/// One input.
pub fn run(data: &[u8]) {
    let mut input = Bytes(data);
    let mut abi = abi(&mut input);
    abi.fastcomp = false;
    let steps = input.u8() % 32;
    let (mut rt, fake) = runtime(abi, input.0, meddle);
    register(&mut rt);
    let image = rt.embind.snapshot(&*rt.js());
    let js = rt.js();
    for generation in 2..4 {
        for _ in 0..steps {
            match fake.byte() % 8 {
                0 | 1 => import(&mut rt, &fake, true),
                2 => operation(&mut rt, &fake),
                _ => function(&mut rt, &fake),
            }
        }
        rt.generation = generation;
        restore(&mut rt.embind, &image, 0, &*js);
    }
}
