//! Calls across the border: JavaScript into wasm (exported functions) and wasm into JavaScript (imports).

use super::realm::{ErrorKind, FunctionCell, Realm};
use super::value::{to_js, to_wasm};
use crate::binding::ending;
use crate::binding::node_api::{Failure, Kind, Ref, Res, Scope, Value, with_padded};
use crate::engine::vm::{self, HostTrap};
use crate::engine::{Exit, TrapReport, Unwind};
use crate::webassembly::{ValueKind, line, message};
use napi::sys;
use smallvec::SmallVec;
use std::ffi::c_void;
use std::fmt;
use wasmer_types::{FunctionType, RawValue, TrapCode};
use wasmer_vm::Trap;

/// Values on the stack; longer signatures take the heap.
const INLINE: usize = 16;

/// A JavaScript exception is crossing wasm frames; the realm holds it.
#[derive(Debug)]
struct FromJavaScript;

impl fmt::Display for FromJavaScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JavaScript exception")
    }
}

impl std::error::Error for FromJavaScript {}

/// The callback of every exported function; its data is a `FunctionCell`.
pub unsafe extern "C" fn exported(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: the function object keeps its realm, which owns the cell.
    let cell = |data: *mut c_void| unsafe { &*data.cast::<FunctionCell>() };
    let want = |data| cell(data).params.len();
    with_padded(env, info, want, |_, args, data| invoke(cell(data), args))
}

#[inline]
fn invoke(cell: &FunctionCell, args: &[Value]) -> Res<Value> {
    // SAFETY: see `exported`.
    let realm = unsafe { &*cell.realm };
    if !realm.is_live() || !realm.is_current(cell.generation) {
        return Err(realm.stale());
    }
    if cell
        .params
        .iter()
        .chain(&cell.results)
        .any(|kind| !kind.crosses())
    {
        return Err(realm
            .env
            .throw_type("type incompatibility when transforming from/to JS"));
    }
    let size = cell.params.len().max(cell.results.len());
    let mut inline = [RawValue::default(); INLINE];
    let mut heap = Vec::new();
    let slots = if size <= INLINE {
        &mut inline[..]
    } else {
        heap.resize(size, RawValue::default());
        &mut heap[..]
    };
    for ((slot, arg), kind) in slots.iter_mut().zip(args).zip(&cell.params) {
        *slot = to_wasm(realm, *arg, *kind)?;
    }
    // Converting arguments may have run user code, which may have brought the realm to another generation, or released it:
    // then `enter` fails.
    if !realm.is_current(cell.generation) {
        return Err(realm.stale());
    }
    if let Some(why) = realm.stopping() {
        return Err(realm.stopped(Some(why)));
    }
    let held = realm.enter()?;
    // SAFETY: the realm is live and `held` keeps it so; `slots` has room for arguments and results.
    let outcome = unsafe { vm::enter(&realm.calls_with, cell.function.into(), slots.as_mut_ptr()) };
    let stopped = realm.leave(held, outcome.is_err());
    if let Err(trap) = outcome {
        if stopped.is_some() {
            return Err(realm.stopped(stopped));
        }
        return Err(surface(realm, &trap));
    }
    if realm.depth() == 0 {
        realm.forget_exceptions();
    }
    returned(realm, slots, &cell.results)
}

/// What a call gave, for JavaScript.
#[inline]
pub fn returned(realm: &Realm, slots: &[RawValue], results: &[ValueKind]) -> Res<Value> {
    match results {
        [] => Ok(realm.env.undefined()),
        [kind] => to_js(realm, slots[0], *kind),
        _ => results_array(realm, slots, results),
    }
}

fn results_array(realm: &Realm, slots: &[RawValue], kinds: &[ValueKind]) -> Res<Value> {
    let array = realm.env.array(kinds.len());
    for (at, (slot, kind)) in slots.iter().zip(kinds).enumerate() {
        realm
            .env
            .set_index(array, at as u32, to_js(realm, *slot, *kind)?)?;
    }
    Ok(array)
}

/// Throws in JavaScript what ended a call into wasm.
#[cold]
pub fn surface(realm: &Realm, trap: &Trap) -> Failure {
    let pending = match raise(realm, trap) {
        Ok(pending) | Err(pending) => pending,
    };
    if realm.depth() == 0 {
        realm.forget_exceptions();
    }
    pending
}

fn raise(realm: &Realm, trap: &Trap) -> Res<Failure> {
    let env = realm.env;
    if trap.is::<FromJavaScript>() {
        return Ok(env.throw(realm.take_in_flight()?));
    }
    if trap.is::<Unwind>() {
        let bytes = realm.calls_with.stack();
        let message =
            format!("the system refused {bytes} bytes of stack for a call: see the `stack` option");
        return Ok(realm.raise(ErrorKind::StackOverflow, &message));
    }
    if let Some(exception) = trap.to_exception_ref() {
        let exnref = exception.to_u32_exnref();
        if let Some(number) = realm.exception_identity(exnref) {
            return Ok(
                env.throw(env.call(env.deref(realm.helpers.extern_out)?, &[env.address(number)])?)
            );
        }
        let Some((tag, payload)) = realm.with(|store| store.exception(exnref))? else {
            return Ok(env.throw_plain("internal error in emvm: an exception without a tag"));
        };
        if realm.with(|store| store.is_js_tag(tag))? {
            let raw = payload.first().copied().unwrap_or_default();
            return Ok(env.throw(to_js(realm, raw, ValueKind::ExternRef)?));
        }
        let kinds = realm.with(|store| tag_kinds(store, tag))?;
        let array = env.array(kinds.len());
        for (at, (raw, kind)) in payload.iter().zip(&kinds).enumerate() {
            // A payload that cannot cross stays out of JavaScript's sight.
            let value = if kind.crosses() {
                to_js(realm, *raw, *kind)?
            } else {
                env.undefined()
            };
            env.set_index(array, at as u32, value)?;
        }
        return Ok(env.throw(env.call(
            env.deref(realm.helpers.exception)?,
            &[env.address(tag), array],
        )?));
    }
    let trapped = realm.with(|store| TrapReport::read(trap, store.engine().modules()))?;
    realm.traps.set(realm.traps.get() + 1);
    let kind = match trapped.code {
        Some(TrapCode::StackOverflow) => ErrorKind::StackOverflow,
        _ => ErrorKind::Runtime,
    };
    let frames = trapped.stack.iter().map(|frame| env.message(&line(frame)));
    let frames = env.list(frames)?;
    Ok(realm.raise_with(kind, message(&trapped), frames))
}

pub fn tag_kinds(store: &crate::webassembly::Store, tag: usize) -> Vec<ValueKind> {
    store.tag(tag).map_or_else(Vec::new, |tag| {
        tag.signature
            .params()
            .iter()
            .map(|ty| ValueKind::from(*ty))
            .collect()
    })
}

/// What an imported JavaScript function needs when wasm calls it.
pub struct Import {
    realm: *const Realm,
    function: Ref,
    params: SmallVec<[ValueKind; 8]>,
    results: SmallVec<[ValueKind; 2]>,
    /// Called through a thunk, which throws what it finds behind the results.
    thunked: bool,
    /// The code tells of allocations: those of inner calls belong to the wasm that waits, too.
    watched: bool,
}

impl Import {
    pub fn new(
        realm: &Realm,
        function: Value,
        ty: &FunctionType,
        thunked: bool,
        watched: bool,
    ) -> Res<Self> {
        Ok(Self {
            realm,
            function: realm.keep_import(function)?,
            params: ty.params().iter().map(|ty| ValueKind::from(*ty)).collect(),
            results: ty.results().iter().map(|ty| ValueKind::from(*ty)).collect(),
            thunked,
            watched,
        })
    }

    pub fn realm(&self) -> &Realm {
        // SAFETY: the store owns this, and the realm the store.
        unsafe { &*self.realm }
    }

    /// Runs JavaScript for it, and passes on what that threw.
    #[inline]
    pub fn answer(
        &self,
        slots: *mut RawValue,
        work: impl FnOnce(&Realm) -> Res<()>,
    ) -> Result<(), HostTrap> {
        let realm = self.realm();
        realm.sync_buffers();
        let _scope = Scope::open(realm.env);
        let outcome = work(realm);
        if outcome.is_err() && ending::has_ended() {
            // Nothing catches this one.
            realm.interrupter.interrupt();
        }
        if self.thunked {
            let exnref = match outcome {
                Ok(()) => 0,
                Err(failed) => catch(realm, failed)?,
            };
            // SAFETY: behind the results there is room for the exception.
            unsafe {
                *slots.add(self.results.len()) = RawValue {
                    u128: u128::from(exnref),
                }
            };
            return Ok(());
        }
        outcome.map_err(|failed| leave(realm, realm.env.exception_of(failed)))
    }

    /// Where the code tells of allocations: it waits until this is dropped.
    pub fn exit(&self, slots: *mut RawValue) -> Option<Exit> {
        let len = self
            .params
            .len()
            .max(self.results.len() + usize::from(self.thunked));
        // SAFETY: the array of a trampoline, with room for the exception behind the results.
        self.watched.then(|| unsafe { Exit::new(slots, len) })
    }
}

/// The body of every imported JavaScript function.
pub fn imported(import: &Import, slots: *mut RawValue) -> Result<(), HostTrap> {
    import.answer(slots, |realm| {
        let result = call_out(realm, import, slots)?;
        give(realm, import, result, slots)
    })
}

/// The same where the code tells of allocations.
pub fn imported_watched(import: &Import, slots: *mut RawValue) -> Result<(), HostTrap> {
    let _exit = import.exit(slots);
    imported(import, slots)
}

/// Calls the JavaScript function.
#[inline]
pub fn call_out(realm: &Realm, import: &Import, slots: *mut RawValue) -> Res<Value> {
    let env = realm.env;
    let mut args = SmallVec::<[Value; INLINE]>::new();
    for (at, kind) in import.params.iter().enumerate() {
        // SAFETY: wasm passes as many values as the signature has.
        args.push(to_js(realm, unsafe { *slots.add(at) }, *kind)?);
    }
    env.call(env.deref(import.function)?, &args)
}

/// Gives wasm what the function returned.
#[inline]
pub fn give(realm: &Realm, import: &Import, result: Value, slots: *mut RawValue) -> Res<()> {
    match import.results[..] {
        [] => {}
        // SAFETY: there is room for the results.
        [kind] => unsafe { *slots = to_wasm(realm, result, kind)? },
        _ => spread(realm, result, &import.results, slots)?,
    }
    Ok(())
}

/// Several results come as an iterable.
#[cold]
fn spread(realm: &Realm, result: Value, kinds: &[ValueKind], slots: *mut RawValue) -> Res<()> {
    let env = realm.env;
    if !matches!(env.kind(result), Kind::Object | Kind::Function) {
        return Err(env.throw_type("multi-return value must be iterable"));
    }
    let from = env.get_named(env.get_named(env.global(), c"Array")?, c"from")?;
    let array = env.call(from, &[result])?;
    if env.len(array)? as usize != kinds.len() {
        return Err(env.throw_type("multi-return length mismatch"));
    }
    for (at, kind) in kinds.iter().enumerate() {
        let raw = to_wasm(realm, env.get_index(array, at as u32)?, *kind)?;
        // SAFETY: there is room for the results.
        unsafe { *slots.add(at) = raw };
    }
    Ok(())
}

/// Turns the pending JavaScript exception into a wasm exception, where wasm may catch it.
#[cold]
fn catch(realm: &Realm, failed: Failure) -> Result<u32, HostTrap> {
    let value = realm.env.exception_of(failed);
    match catchable(realm, value) {
        Ok(Some(exnref)) => Ok(exnref),
        _ => Err(leave(realm, value)),
    }
}

/// Unwinds all of wasm with a JavaScript exception.
#[cold]
fn leave(realm: &Realm, value: Value) -> HostTrap {
    // It fails only where JavaScript may not run any more.
    let _ = realm.set_in_flight(value);
    Box::new(FromJavaScript)
}

/// A wasm exception that stands for `value`, unless wasm may not catch it (a trap).
fn catchable(realm: &Realm, value: Value) -> Res<Option<u32>> {
    let env = realm.env;
    let about = env.call(env.deref(realm.helpers.describe)?, &[value])?;
    let number = match env.kind(about) {
        Kind::Null => return Ok(None),
        _ => env.call(env.deref(realm.helpers.extern_in)?, &[value])?,
    };
    let number = env.to_usize(number)?;
    let (tag, payload) = if env.is(about, Kind::Number) {
        let tag = realm.with(crate::webassembly::Store::js_tag)?;
        let mut raw = RawValue::default();
        raw.externref = number;
        (tag, vec![raw])
    } else {
        let tag = env.to_usize(env.get_index(about, 0)?)?;
        let kinds = realm.with(|store| tag_kinds(store, tag))?;
        let mut payload = Vec::with_capacity(kinds.len());
        for (at, kind) in kinds.iter().enumerate() {
            payload.push(to_wasm(realm, env.get_index(about, at as u32 + 1)?, *kind)?);
        }
        (tag, payload)
    };
    let exnref = realm.with(|store| store.new_exception(tag, payload))?;
    if let Some(exnref) = exnref {
        realm.remember_exception(exnref, number);
    }
    Ok(exnref)
}
