//! The functions of the C++ runtime that throw, catch and ask about exceptions.

use super::super::{ImportFn, Runtime, bounds};
use super::{HEADER, Object, header};
use crate::engine::{Args, Result, Unwind, ValRaw};

fn allocate(rt: &mut Runtime, a: &mut Args) -> Result {
    let header = rt.room_before();
    let size = a
        .u32(0)
        .checked_add(header)
        .ok_or_else(Unwind::out_of_bounds)?;
    let at = rt.malloc(size)?.wrapping_add(header);
    bounds::EXCEPTIONS.admit(rt.exceptions.objects.len())?;
    rt.exceptions.host_allocates = true;
    rt.exceptions.objects.insert(at, Object::default());
    a.ret_u32(at)
}

fn free(rt: &mut Runtime, a: &mut Args) -> Result {
    rt.free_object(a.u32(0))
}

fn throw(rt: &mut Runtime, a: &mut Args) -> Result {
    let (at, ty, destructor) = (a.u32(0), a.u32(1), a.u32(2));
    rt.exceptions.thrown = Some((at, ty));
    if rt.catches() {
        rt.set_object(
            at,
            Object {
                ty,
                destructor,
                ..Object::default()
            },
        )?;
        if !rt.exceptions.host_allocates {
            rt.wasm
                .write_u32(at.wrapping_sub(HEADER) + header::ADJUSTED, 0)?;
        }
        rt.exceptions.uncaught += 1;
        rt.exceptions.last = at;
    }
    Err(Unwind::Cpp(at))
}

fn rethrow(rt: &mut Runtime, _: &mut Args) -> Result {
    throw_top(rt)
}

/// What rethrowing the exception being handled unwinds with. It stays alive: JavaScript may hold it from now on.
pub fn rethrow_current(rt: &mut Runtime) -> Unwind {
    let unwind = match throw_top(rt) {
        Err(unwind) => unwind,
        Ok(()) => Unwind::Abort("no exception to throw".into()),
    };
    rt.exceptions.last = 0;
    unwind
}

fn throw_top(rt: &mut Runtime) -> Result {
    let Some(top) = rt.exceptions.caught.pop() else {
        return Err(Unwind::Abort("no exception to throw".into()));
    };
    let mut object = rt.object(top)?;
    if !object.rethrown {
        object.caught = false;
        object.rethrown = true;
        rt.set_object(top, object)?;
        rt.exceptions.uncaught += 1;
        // It stays on the stack, as the handler that rethrows has not ended yet.
        rt.exceptions.caught.push(top);
    }
    rt.exceptions.last = top;
    Err(Unwind::Cpp(top))
}

fn begin_catch(rt: &mut Runtime, a: &mut Args) -> Result {
    let given = a.u32(0);
    let at = rt.object_of(given);
    let mut object = rt.object(at)?;
    if !object.caught {
        object.caught = true;
        rt.exceptions.uncaught = rt.exceptions.uncaught.saturating_sub(1);
    }
    object.rethrown = false;
    bounds::EXCEPTIONS.admit(rt.exceptions.caught.len())?;
    rt.set_object(at, object)?;
    rt.exceptions.caught.push(at);
    rt.add_reference(at)?;
    let pointer = rt.catch_pointer(at, given)?;
    a.ret_u32(pointer)
}

fn get_exception_ptr(rt: &mut Runtime, a: &mut Args) -> Result {
    let given = a.u32(0);
    let at = rt.object_of(given);
    let pointer = rt.catch_pointer(at, given)?;
    a.ret_u32(pointer)
}

fn end_catch(rt: &mut Runtime, _: &mut Args) -> Result {
    rt.set_threw(0, 0)?;
    let Some(top) = rt.exceptions.caught.pop() else {
        return Ok(());
    };
    rt.drop_reference(top)?;
    // What goes on unwinding is noted down again when it is resumed.
    rt.exceptions.last = 0;
    Ok(())
}

fn resume(rt: &mut Runtime, a: &mut Args) -> Result {
    let at = rt.object_of(a.u32(0));
    if rt.exceptions.last == 0 {
        rt.exceptions.last = at;
    }
    Err(Unwind::Cpp(at))
}

/// `__cxa_find_matching_catch_N`: the clause that catches what is in flight. The arguments are the clauses' types.
pub(in crate::emscripten) fn find_matching_catch(rt: &mut Runtime, a: &mut Args) -> Result {
    let at = rt.exceptions.last;
    if at == 0 {
        rt.set_high_result(0)?;
        return a.ret_u32(0);
    }
    let thrown = rt.object(at)?.ty;
    let hosted = rt.exceptions.host_allocates;
    if !hosted {
        rt.wasm
            .write_u32(at.wrapping_sub(HEADER) + header::ADJUSTED, at)?;
    }
    if thrown == 0 {
        rt.set_high_result(0)?;
        return a.ret_u32(at);
    }
    // `__cxa_can_catch` adjusts the pointer in place; the words below the stack pointer are free to lend.
    let lent = if hosted {
        rt.malloc(4)?
    } else {
        at.wrapping_sub(HEADER) + header::ADJUSTED
    };
    let mut result = at;
    let mut selector = thrown;
    for i in 0..a.len() {
        let clause = a.u32(i);
        if clause == 0 || clause == thrown {
            break;
        }
        if hosted {
            rt.wasm.write_u32(lent, at)?;
        }
        let args = [
            ValRaw::from_u32(clause),
            ValRaw::from_u32(thrown),
            ValRaw::from_u32(lent),
        ];
        if rt.call_export("__cxa_can_catch", &args)?.i32() != 0 {
            if hosted {
                result = rt.wasm.read_u32(lent)?;
                bounds::EXCEPTIONS.admit(rt.exceptions.adjusted.len())?;
                rt.exceptions.adjusted.insert(result, at);
            }
            selector = clause;
            break;
        }
    }
    if hosted {
        rt.free(lent)?;
    }
    rt.set_high_result(selector)?;
    a.ret_u32(result)
}

fn throw_longjmp(_: &mut Runtime, _: &mut Args) -> Result {
    Err(Unwind::LongJmp)
}

/// The longjmp of 1.38 and of fastcomp, which sets the flag itself.
fn longjmp(rt: &mut Runtime, a: &mut Args) -> Result {
    let value = a.u32(1).max(1);
    rt.set_threw(a.u32(0), value)?;
    Err(Unwind::LongJmp)
}

fn uncaught(rt: &mut Runtime, a: &mut Args) -> Result {
    a.ret_u32(rt.exceptions.uncaught)
}

fn any_uncaught(rt: &mut Runtime, a: &mut Args) -> Result {
    a.ret_u32(u32::from(rt.exceptions.uncaught > 0))
}

fn current_primary_exception(rt: &mut Runtime, a: &mut Args) -> Result {
    let current = rt.exceptions.caught.last().copied().unwrap_or(0);
    if current != 0 {
        rt.add_reference(current)?;
    }
    a.ret_u32(current)
}

fn rethrow_primary_exception(rt: &mut Runtime, a: &mut Args) -> Result {
    let at = a.u32(0);
    if at == 0 {
        return Ok(());
    }
    let mut object = rt.object(at)?;
    object.rethrown = true;
    bounds::EXCEPTIONS.admit(rt.exceptions.caught.len())?;
    rt.set_object(at, object)?;
    rt.exceptions.caught.push(at);
    throw_top(rt)
}

fn increment(rt: &mut Runtime, a: &mut Args) -> Result {
    match a.u32(0) {
        0 => Ok(()),
        at => rt.add_reference(at),
    }
}
fn decrement(rt: &mut Runtime, a: &mut Args) -> Result {
    match a.u32(0) {
        0 => Ok(()),
        at => rt.drop_reference(at),
    }
}

fn identity(_: &mut Runtime, a: &mut Args) -> Result {
    let value = a.u32(0);
    a.ret_u32(value)
}

fn call_unexpected(_: &mut Runtime, _: &mut Args) -> Result {
    Err(Unwind::Abort(
        "Unexpected exception thrown, this is not properly supported - aborting".into(),
    ))
}

fn pure_virtual(_: &mut Runtime, _: &mut Args) -> Result {
    Err(Unwind::Abort("Pure virtual function called!".into()))
}

fn set_temp_ret0(rt: &mut Runtime, a: &mut Args) -> Result {
    rt.exceptions.temp_ret0 = a.u32(0);
    Ok(())
}

fn get_temp_ret0(rt: &mut Runtime, a: &mut Args) -> Result {
    a.ret_u32(rt.exceptions.temp_ret0)
}

fn throw_with_stack_trace(_: &mut Runtime, a: &mut Args) -> Result {
    Err(Unwind::WasmException(Some(a.u32(0))))
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("__cxa_allocate_exception", allocate),
    ("__cxa_free_exception", free),
    ("__cxa_throw", throw),
    ("__cxa_rethrow", rethrow),
    ("__cxa_begin_catch", begin_catch),
    ("__cxa_end_catch", end_catch),
    ("__cxa_get_exception_ptr", get_exception_ptr),
    ("__cxa_uncaught_exceptions", uncaught),
    ("__cxa_uncaught_exception", any_uncaught),
    ("_ZSt18uncaught_exceptionv", any_uncaught),
    ("_ZSt19uncaught_exceptionsv", uncaught),
    ("__cxa_current_primary_exception", current_primary_exception),
    ("__cxa_rethrow_primary_exception", rethrow_primary_exception),
    ("__cxa_increment_exception_refcount", increment),
    ("__cxa_decrement_exception_refcount", decrement),
    ("__cxa_call_unexpected", call_unexpected),
    ("__cxa_pure_virtual", pure_virtual),
    ("__cxa_find_matching_catch", find_matching_catch),
    ("__resumeException", resume),
    ("llvm_eh_typeid_for", identity),
    ("emscripten_longjmp", longjmp),
    ("longjmp", longjmp),
    ("_emscripten_throw_longjmp", throw_longjmp),
    ("setTempRet0", set_temp_ret0),
    ("getTempRet0", get_temp_ret0),
    ("__throw_exception_with_stack_trace", throw_with_stack_trace),
];
