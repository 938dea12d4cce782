//! C++ exceptions and longjmp where JavaScript is their runtime: `__cxa_*`, `invoke_*`, `setjmp`'s token.
//!
//! Up to 3.1.27 the host allocates exception objects and owns everything known about them; from 3.1.28 the module
//! allocates them and the host writes the header that the module's own code reads. Which of the two is told by whether
//! the module imports `__cxa_allocate_exception`.

mod describe;
mod invoke;

pub use describe::Description;
pub use invoke::invoke;

use super::abi::ExceptionLayout;
use super::{ImportFn, Runtime, bounds};
use crate::engine::{Args, Raw, Unwind};
use rustc_hash::FxHashMap;

/// Bytes before a thrown object; the largest header of any generation.
const HEADER: u32 = 24;
/// Fields of the header in the module's memory, from 3.1.9.
mod header {
    pub const REFCOUNT: u32 = 0;
    pub const TYPE: u32 = 4;
    pub const DESTRUCTOR: u32 = 8;
    pub const CAUGHT: u32 = 12;
    pub const RETHROWN: u32 = 13;
    pub const ADJUSTED: u32 = 16;
}

/// What is known of exceptions in flight and being handled.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// The module leaves allocation to the host (up to 3.1.27).
    pub host_allocates: bool,
    last: u32,
    uncaught: u32,
    /// The objects being handled, innermost last.
    caught: Vec<u32>,
    /// Objects the host allocated.
    objects: FxHashMap<u32, Object>,
    /// A pointer as a catch clause sees it to the object it belongs to.
    adjusted: FxHashMap<u32, u32>,
    /// What `__cxa_throw` was last given, for the error shown to JavaScript: object, type.
    thrown: Option<(u32, u32)>,
    temp_ret0: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Object {
    ty: u32,
    destructor: u32,
    refcount: i32,
    caught: bool,
    /// Thrown again by its handler: it may be at no reference until the next handler begins.
    rethrown: bool,
}

impl Exceptions {
    /// The type of a thrown object, as `std::type_info*`.
    pub fn type_of(&self, object: u32) -> Option<u32> {
        let hosted = self.objects.get(&object).map(|o| o.ty);
        hosted.or_else(|| {
            self.thrown
                .filter(|(at, _)| *at == object)
                .map(|(_, ty)| ty)
        })
    }

    /// An exception that had become a JavaScript value is in flight again.
    pub fn throw_again(&mut self, object: u32) {
        self.last = object;
    }

    /// The high half of a legalised 64-bit result.
    pub fn temp_ret0(&self) -> u32 {
        self.temp_ret0
    }
    pub fn set_temp_ret0(&mut self, value: u32) {
        self.temp_ret0 = value;
    }
}

impl Runtime {
    /// What Emscripten's JavaScript leaves free before an object that it allocates, so that the heap is as under it.
    fn room_before(&self) -> u32 {
        match self.abi.exceptions {
            ExceptionLayout::HostMap => 0,
            ExceptionLayout::Header16 => 16,
            ExceptionLayout::Header24 => HEADER,
        }
    }

    fn object(&self, at: u32) -> Result<Object, Unwind> {
        if self.exceptions.host_allocates {
            return Ok(self
                .exceptions
                .objects
                .get(&at)
                .copied()
                .unwrap_or_default());
        }
        let base = at.wrapping_sub(HEADER);
        Ok(Object {
            ty: self.wasm.read_u32(base + header::TYPE)?,
            destructor: self.wasm.read_u32(base + header::DESTRUCTOR)?,
            refcount: self.wasm.read_i32(base + header::REFCOUNT)?,
            caught: self.wasm.read_u8(base + header::CAUGHT)? != 0,
            rethrown: self.wasm.read_u8(base + header::RETHROWN)? != 0,
        })
    }

    fn set_object(&mut self, at: u32, object: Object) -> Result<(), Unwind> {
        if self.exceptions.host_allocates {
            bounds::EXCEPTIONS.admit(self.exceptions.objects.len())?;
            self.exceptions.objects.insert(at, object);
            return Ok(());
        }
        let base = at.wrapping_sub(HEADER);
        self.wasm.write_u32(base + header::TYPE, object.ty)?;
        self.wasm
            .write_u32(base + header::DESTRUCTOR, object.destructor)?;
        self.wasm
            .write_i32(base + header::REFCOUNT, object.refcount)?;
        self.wasm
            .write_u8(base + header::CAUGHT, u8::from(object.caught))?;
        self.wasm
            .write_u8(base + header::RETHROWN, u8::from(object.rethrown))
    }

    fn set_threw(&mut self, threw: u32, value: u32) -> Result<(), Unwind> {
        if let Some(func) = self.wasm.export("setThrew") {
            self.call(func, &[Raw::from_u32(threw), Raw::from_u32(value)])?;
        }
        Ok(())
    }

    /// The high word of a 64-bit result, wherever this build looks for it.
    pub fn set_high_result(&mut self, value: u32) -> Result<(), Unwind> {
        self.exceptions.temp_ret0 = value;
        for name in ["setTempRet0", "_emscripten_tempret_set"] {
            if let Some(func) = self.wasm.export(name) {
                self.call(func, &[Raw::from_u32(value)])?;
                break;
            }
        }
        Ok(())
    }

    fn add_reference(&mut self, at: u32) -> Result<(), Unwind> {
        if let Some(func) = self.wasm.export("__cxa_increment_exception_refcount") {
            return self.call(func, &[Raw::from_u32(at)]).map(drop);
        }
        let mut object = self.object(at)?;
        object.refcount = object.refcount.wrapping_add(1);
        self.set_object(at, object)
    }

    fn drop_reference(&mut self, at: u32) -> Result<(), Unwind> {
        if let Some(func) = self.wasm.export("__cxa_decrement_exception_refcount") {
            return self.call(func, &[Raw::from_u32(at)]).map(drop);
        }
        let mut object = self.object(at)?;
        object.refcount = object.refcount.wrapping_sub(1);
        self.set_object(at, object)?;
        if object.refcount != 0 || object.rethrown {
            return Ok(());
        }
        if object.destructor != 0 {
            self.call_indirect(object.destructor, &[Raw::from_u32(at)])?;
        }
        self.free_object(at)
    }

    fn free_object(&mut self, at: u32) -> Result<(), Unwind> {
        if self.exceptions.host_allocates {
            self.exceptions.objects.remove(&at);
            self.exceptions.adjusted.retain(|_, object| *object != at);
            return self.free(at.wrapping_sub(self.room_before()));
        }
        match self.wasm.export("__cxa_free_exception") {
            Some(func) => self.call(func, &[Raw::from_u32(at)]).map(drop),
            None => Ok(()),
        }
    }

    /// The object behind a pointer that a catch clause was given.
    fn object_of(&self, adjusted: u32) -> u32 {
        self.exceptions
            .adjusted
            .get(&adjusted)
            .copied()
            .unwrap_or(adjusted)
    }
}

fn allocate(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let header = rt.room_before();
    let size = a
        .u32(0)
        .checked_add(header)
        .ok_or_else(Unwind::out_of_bounds)?;
    let at = rt.malloc(size)?.wrapping_add(header);
    bounds::EXCEPTIONS.admit(rt.exceptions.objects.len())?;
    rt.exceptions.host_allocates = true;
    rt.exceptions.objects.insert(at, Object::default());
    a.ret_u32(at);
    Ok(())
}

fn free(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    rt.free_object(a.u32(0))
}

fn throw(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
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

impl Runtime {
    /// Whether the module can catch at all: without it nothing ever asks for what `throw` would note down.
    fn catches(&self) -> bool {
        self.wasm.export("setThrew").is_some() && self.wasm.export("__cxa_can_catch").is_some()
    }
}

fn rethrow(rt: &mut Runtime, _: &mut Args) -> Result<(), Unwind> {
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

fn throw_top(rt: &mut Runtime) -> Result<(), Unwind> {
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

fn begin_catch(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
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
    a.ret_u32(pointer);
    Ok(())
}

impl Runtime {
    /// What a catch clause binds to: the thrown pointer itself for pointer types, else the adjusted object.
    fn catch_pointer(&mut self, at: u32, given: u32) -> Result<u32, Unwind> {
        let ty = self.object(at)?.ty;
        if let Some(func) = self.wasm.export("__cxa_is_pointer_type")
            && self.call(func, &[Raw::from_u32(ty)])?.i32() != 0
        {
            return self.wasm.read_u32(at);
        }
        if self.exceptions.host_allocates {
            return Ok(given);
        }
        let adjusted = self
            .wasm
            .read_u32(at.wrapping_sub(HEADER) + header::ADJUSTED)?;
        Ok(if adjusted == 0 { at } else { adjusted })
    }
}

fn get_exception_ptr(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let given = a.u32(0);
    let at = rt.object_of(given);
    let pointer = rt.catch_pointer(at, given)?;
    a.ret_u32(pointer);
    Ok(())
}

fn end_catch(rt: &mut Runtime, _: &mut Args) -> Result<(), Unwind> {
    rt.set_threw(0, 0)?;
    let Some(top) = rt.exceptions.caught.pop() else {
        return Ok(());
    };
    rt.drop_reference(top)?;
    // What goes on unwinding is noted down again when it is resumed.
    rt.exceptions.last = 0;
    Ok(())
}

fn resume(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let at = rt.object_of(a.u32(0));
    if rt.exceptions.last == 0 {
        rt.exceptions.last = at;
    }
    Err(Unwind::Cpp(at))
}

/// `__cxa_find_matching_catch_N`: the clause that catches what is in flight. The arguments are the clauses' types.
pub(super) fn find_matching_catch(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let at = rt.exceptions.last;
    if at == 0 {
        rt.set_high_result(0)?;
        a.ret_u32(0);
        return Ok(());
    }
    let thrown = rt.object(at)?.ty;
    let hosted = rt.exceptions.host_allocates;
    if !hosted {
        rt.wasm
            .write_u32(at.wrapping_sub(HEADER) + header::ADJUSTED, at)?;
    }
    if thrown == 0 {
        rt.set_high_result(0)?;
        a.ret_u32(at);
        return Ok(());
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
            Raw::from_u32(clause),
            Raw::from_u32(thrown),
            Raw::from_u32(lent),
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
    a.ret_u32(result);
    Ok(())
}

fn throw_longjmp(_: &mut Runtime, _: &mut Args) -> Result<(), Unwind> {
    Err(Unwind::LongJmp)
}

/// The longjmp of 1.38 and of fastcomp, which sets the flag itself.
fn longjmp(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let value = a.u32(1).max(1);
    rt.set_threw(a.u32(0), value)?;
    Err(Unwind::LongJmp)
}

fn uncaught(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    a.ret_u32(rt.exceptions.uncaught);
    Ok(())
}

fn any_uncaught(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    a.ret_u32(u32::from(rt.exceptions.uncaught > 0));
    Ok(())
}

fn current_primary_exception(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let current = rt.exceptions.caught.last().copied().unwrap_or(0);
    if current != 0 {
        rt.add_reference(current)?;
    }
    a.ret_u32(current);
    Ok(())
}

fn rethrow_primary_exception(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
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

fn increment(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    match a.u32(0) {
        0 => Ok(()),
        at => rt.add_reference(at),
    }
}
fn decrement(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    match a.u32(0) {
        0 => Ok(()),
        at => rt.drop_reference(at),
    }
}

fn identity(_: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let value = a.u32(0);
    a.ret_u32(value);
    Ok(())
}

fn call_unexpected(_: &mut Runtime, _: &mut Args) -> Result<(), Unwind> {
    Err(Unwind::Abort(
        "Unexpected exception thrown, this is not properly supported - aborting".into(),
    ))
}

fn pure_virtual(_: &mut Runtime, _: &mut Args) -> Result<(), Unwind> {
    Err(Unwind::Abort("Pure virtual function called!".into()))
}

fn set_temp_ret0(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    rt.exceptions.temp_ret0 = a.u32(0);
    Ok(())
}

fn get_temp_ret0(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    a.ret_u32(rt.exceptions.temp_ret0);
    Ok(())
}

fn throw_with_stack_trace(_: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
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

crate::saved::saved_struct!(Exceptions {
    host_allocates,
    last,
    uncaught,
    caught,
    objects,
    adjusted,
    thrown,
    temp_ret0
});
crate::saved::saved_struct!(Object {
    ty,
    destructor,
    refcount,
    caught,
    rethrown
});
