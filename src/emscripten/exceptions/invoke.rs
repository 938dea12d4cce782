//! `invoke_*`: calls whose C++ exceptions and longjmps come back as a flag.

use crate::emscripten::Runtime;
use crate::engine::{Args, Result, Unwind, ValRaw};

/// `invoke_*`: an indirect call whose C++ exceptions and longjmps come back as a flag.
pub fn invoke(rt: &mut Runtime, a: &mut Args) -> Result {
    let missing = Unwind::Trap {
        kind: crate::engine::TrapKind::IndirectCall,
        stack: Vec::new(),
    };
    if rt.abi.calls_by_dyncall {
        // The module's own dynCall takes the pointer.
        let func = rt
            .wasm
            .export(&format!("dynCall_{}", signature(a.ty())))
            .ok_or(missing)?;
        let called = rt.call(func, a.raw());
        return outcome(rt, a, func, called);
    }
    let func = rt.wasm.table_get(a.u32(0)).ok_or(missing)?;
    let called = match legalised(rt, a, func) {
        Some(slots) => rt.call(func, &slots),
        None => rt.call(func, &a.raw()[1..]),
    };
    outcome(rt, a, func, called)
}

/// Emscripten's letters for what an `invoke_*` import calls: its type without the pointer.
fn signature(ty: &wasmer_types::FunctionType) -> String {
    let letter = |ty: &wasmer_types::Type| match ty {
        wasmer_types::Type::I64 => 'j',
        wasmer_types::Type::F32 => 'f',
        wasmer_types::Type::F64 => 'd',
        _ => 'i',
    };
    let result = ty.results().first().map_or('v', letter);
    std::iter::once(result)
        .chain(ty.params().iter().skip(1).map(letter))
        .collect()
}

/// What the caller of `invoke_*` sees: the result, or the flag that a C++ exception or a longjmp came by.
fn outcome(
    rt: &mut Runtime,
    a: &mut Args,
    func: crate::engine::Func,
    called: Result<ValRaw>,
) -> Result {
    match called {
        Ok(value) => {
            // A legalised 64-bit result: low half returned, high half on the side.
            let wide = rt
                .wasm
                .type_of(func)
                .is_some_and(|ty| ty.results().first() == Some(&wasmer_types::Type::I64));
            if wide && !a.returns_i64() {
                rt.set_high_result((value.u64() >> 32) as u32)?;
            }
            a.ret_raw(value)
        }
        Err(Unwind::Cpp(_) | Unwind::LongJmp) => {
            // Entering wasm has put the stack pointer back.
            rt.set_threw(1, 0)?;
            a.ret_raw(ValRaw::default())
        }
        Err(other) => Err(other),
    }
}

/// The arguments with pairs of i32 joined, where the target takes i64 and the import was legalised.
fn legalised(
    rt: &Runtime,
    a: &Args,
    func: crate::engine::Func,
) -> Option<smallvec::SmallVec<[ValRaw; 12]>> {
    let ty = rt.wasm.type_of(func)?;
    if ty.params().len() == a.len() - 1 {
        return None;
    }
    let mut at = 1;
    let mut slots = smallvec::SmallVec::new();
    for param in ty.params() {
        slots.push(if *param == wasmer_types::Type::I64 {
            ValRaw::from_i64(a.i64_legal(&mut at))
        } else {
            at += 1;
            a.raw()[at - 1]
        });
    }
    Some(slots)
}
