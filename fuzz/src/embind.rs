//! embind registrations that lie: bad pointers, wrong arities, names without end, types that wait for each other. Then
//! whatever came of them is called, and the state goes back to its image.

use super::Bytes;
use super::calls::{TYPES, function, import, meddle, operation};
use super::host::{Fake, abi, call_import, restore, runtime};
use emvm::emscripten::Runtime;
use emvm::emscripten::embind::describe;
use wasmer_types::Type;

/// Registrations that are nearly right: the fuzzer spends its bytes on what they say, not on finding their form.
fn likely(rt: &mut Runtime, input: &mut Bytes<'_>) {
    let i32s = |n: usize| vec![Type::I32; n];
    let mut ty = || u32::from(input.u8() % TYPES);
    let (a, b, c) = (ty(), ty(), ty());
    let name = 1024 + u32::from(input.u8() % 64);
    let mut types = |count: u8| -> (u32, u32) {
        // Lists of type ids are written where nobody else writes.
        let count = u32::from(count);
        for i in 0..count {
            let id = u32::from(input.u8() % TYPES);
            drop(rt.wasm.write_u32(0x9000 + 4 * i, id));
        }
        (count, 0x9000)
    };
    let (count, list) = types(a as u8 % 6);
    let mut f = || u32::from(input.u8() % 48);
    let (f0, f1, f2, f3, f4) = (f(), f(), f(), f(), f());
    let context = u32::from(input.u8());
    let kind = input.u8() % 24;
    let call: (&str, Vec<Type>, Vec<u32>) = match kind {
        0 => ("_embind_register_void", i32s(2), vec![a, name]),
        1 => ("_embind_register_bool", i32s(4), vec![a, name, 1, 0]),
        2 => {
            let size = [1, 2, 4, 4, 8, 3][f0 as usize % 6];
            let max = if f1 % 2 == 0 { 255 } else { u32::MAX };
            (
                "_embind_register_integer",
                i32s(5),
                vec![a, name, size, (f2 % 2) << 31, max],
            )
        }
        3 => (
            "_embind_register_bigint",
            vec![Type::I32, Type::I32, Type::I32, Type::I64, Type::I64],
            vec![a, name, 8, f0, f1],
        ),
        4 => ("_embind_register_float", i32s(3), vec![a, name, f0 % 12]),
        5 => ("_embind_register_std_string", i32s(2), vec![a, name]),
        6 => (
            "_embind_register_std_wstring",
            i32s(3),
            vec![a, f0 % 6, name],
        ),
        7 => ("_embind_register_emval", i32s(1), vec![a]),
        8 => ("_embind_register_optional", i32s(2), vec![a, b]),
        9 => (
            "_embind_register_memory_view",
            i32s(3),
            vec![a, f0 % 12, name],
        ),
        10 => (
            "_embind_register_function",
            i32s(8),
            vec![name, count, list, 0, f0, context, 0, 0],
        ),
        11 | 12 => (
            "_embind_register_class",
            i32s(13),
            vec![
                a,
                b,
                c,
                if f4 % 3 == 0 { f3 % 24 } else { 0 },
                0,
                f0,
                0,
                f1,
                0,
                f2,
                name,
                0,
                f3,
            ],
        ),
        13 => (
            "_embind_register_class_constructor",
            i32s(6),
            vec![a, count, list, 0, f0, context],
        ),
        14 | 15 => (
            "_embind_register_class_function",
            i32s(10),
            vec![a, name, count, list, 0, f0, context, f1 % 2, 0, 0],
        ),
        16 => (
            "_embind_register_class_class_function",
            i32s(8),
            vec![a, name, count, list, 0, f0, context, 0],
        ),
        17 => (
            "_embind_register_class_property",
            i32s(10),
            vec![a, name, b, 0, f0, context, c, 0, f1, context],
        ),
        18 => (
            "_embind_register_value_object",
            i32s(6),
            vec![a, name, 0, f0, 0, f1],
        ),
        19 => (
            "_embind_register_value_object_field",
            i32s(10),
            vec![a, name, b, 0, f0, context, c, 0, f1, context],
        ),
        20 => ("_embind_finalize_value_object", i32s(1), vec![a]),
        21 => (
            "_embind_register_enum",
            i32s(5),
            vec![a, name, f0 % 5, f1 % 2, f2 % 3],
        ),
        22 => (
            "_embind_register_constant",
            vec![Type::I32, Type::I32, Type::F64],
            vec![name, a, f0],
        ),
        _ => (
            "_embind_register_smart_ptr",
            i32s(12),
            vec![a, b, name, f4 % 4, 0, f0, 0, f1, 0, f2, 0, f3],
        ),
    };
    drop(call_import(rt, call.0, &call.1, &call.2));
}

fn work(rt: &mut Runtime, fake: &Fake, steps: u8) {
    for _ in 0..steps {
        match fake.byte() % 8 {
            0 => import(rt, fake, true),
            1 | 2 => operation(rt, fake),
            _ => function(rt, fake),
        }
    }
}

/// One input.
pub fn run(data: &[u8]) {
    let mut input = Bytes(data);
    let abi = abi(&mut input);
    let names = input.take(64);
    let steps = input.u8() % 64;
    let registrations = input.take(usize::from(steps) * 24);
    let (mut rt, fake) = runtime(abi, input.0, meddle);
    // Names of one to eight letters, so that some are the same; what follows them is zeros, then the end of memory.
    if let Ok(room) = rt.wasm.bytes_mut(1024, names.len() as u32) {
        room.copy_from_slice(names);
    }
    let mut registrations = Bytes(registrations);
    for _ in 0..steps {
        if registrations.u8() % 8 == 0 {
            import(&mut rt, &fake, false);
        } else {
            likely(&mut rt, &mut registrations);
        }
    }
    work(&mut rt, &fake, 4);
    let image = rt.embind.snapshot(&*rt.js());
    let live = rt.embind.live_handles();
    drop(describe::shared_head(&rt.embind.reg, &rt.abi));
    for list in 0..4 {
        (0..)
            .map_while(|at| describe::one(&rt.embind.reg, list, at))
            .for_each(drop);
    }
    let js = rt.js();
    for generation in 2..4 {
        work(&mut rt, &fake, 12);
        rt.generation = generation;
        restore(&mut rt.embind, &image, live, &*js);
    }
}
