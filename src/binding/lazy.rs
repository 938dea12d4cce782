//! Properties of JavaScript objects whose value is made when somebody first asks for it.
//!
//! V8 has them for its own objects: to JavaScript they are data properties from the start, whatever looks at them. Its public interface
//! can define them and Node-API cannot, so this is V8's own. Where V8 does not export it, there are none.

use super::node_api::{Env, Res, Scope, Value};
use super::v8;
use napi::bindgen_prelude::*;
use napi::sys;
use napi_derive::napi;
use std::cell::Cell;
use std::sync::OnceLock;

/// `void (*)(v8::Local<v8::Name>, const v8::PropertyCallbackInfo<v8::Value>&)`: a `Local` is the address of a handle's slot, which is
/// what a `napi_value` is.
type Getter = unsafe extern "C" fn(sys::napi_value, *const usize);

/// `v8::Object::SetLazyDataProperty`, with `this` first; a `Maybe<bool>` is two bytes.
type Define = unsafe extern "C" fn(
    sys::napi_value,
    usize,
    sys::napi_value,
    Getter,
    sys::napi_value,
    i32,
    i32,
    i32,
) -> u16;

#[derive(Clone, Copy)]
struct V8 {
    isolate: v8::Current,
    context: unsafe extern "C" fn(v8::Isolate) -> usize,
    throw: unsafe extern "C" fn(v8::Isolate, sys::napi_value) -> usize,
    define: Define,
}

impl V8 {
    fn get() -> Option<&'static Self> {
        static V8: OnceLock<Option<V8>> = OnceLock::new();
        // SAFETY: the names tell parameters and results; the C++ ABI passes and returns them as is written here.
        let find = || unsafe {
            Some(V8 {
                isolate: v8::function(v8::CURRENT)?,
                context: v8::function(c"_ZN2v87Isolate17GetCurrentContextEv")?,
                throw: v8::function(c"_ZN2v87Isolate14ThrowExceptionENS_5LocalINS_5ValueEEE")?,
                define: v8::function(c"_ZN2v86Object19SetLazyDataPropertyENS_5LocalINS_7ContextEEENS1_INS_4NameEEEPFvS5_RKNS_20PropertyCallbackInfoINS_5ValueEEEENS1_IS7_EENS_17PropertyAttributeENS_14SideEffectTypeESF_")?,
            })
        };
        V8.get_or_init(find).as_ref()
    }

    /// Whether V8 did it.
    fn lazy(&self, object: Value, name: Value, getter: Getter, data: Value) -> bool {
        // SAFETY: this thread runs JavaScript, in a scope of handles; all values are live.
        let done = unsafe {
            let isolate = (self.isolate)();
            let context = (self.context)(isolate);
            let (object, name, data) = (object.raw(), name.raw(), data.raw());
            (self.define)(object, context, name, getter, data, 0, 0, 0)
        };
        // Both bytes: there is an answer, and it is yes.
        done.to_le_bytes() == [1, 1]
    }
}

/// What V8 hands a getter is a row of words; older versions hand over where the row is.
const WORDS: usize = 9;
/// Newer versions have, where the data was, an object that has the data as one of its first fields.
const FIELDS: usize = 4;

/// Where the words of interest are: the data, with the place for the result before it and the object of the property behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    is_behind: bool,
    data: usize,
    field: Option<usize>,
}

/// A word of an object of V8's.
///
/// # Safety
/// `object` is what V8 knows an object as that is alive, and the object has that many words.
unsafe fn field_of(object: usize, field: usize) -> usize {
    // SAFETY: by the caller's promise; what V8 knows an object as is its address and one.
    unsafe { *((object - 1) as *const usize).add(field) }
}

impl Layout {
    /// # Safety
    /// `info` is what V8 gave a getter, and this its layout.
    unsafe fn row(self, info: *const usize) -> *mut usize {
        match self.is_behind {
            // SAFETY: by the caller's promise.
            true => unsafe { *info as *mut usize },
            false => info.cast_mut(),
        }
    }

    /// The layout in which this data belongs to this object.
    ///
    /// # Safety
    /// `info` is what V8 gave a getter.
    unsafe fn find(info: *const usize, data: usize, object: usize) -> Option<Self> {
        // SAFETY: the first word is there in any case. A row lies on the stack, as does what points to it.
        let is_behind = unsafe { (*info).abs_diff(info as usize) } < 1 << 16;
        let layout = |data, field| Self {
            is_behind,
            data,
            field,
        };
        // SAFETY: a row has at least seven words, and above it are the frames of whoever called.
        let word = |at: usize| unsafe { *layout(0, None).row(info).add(at) };
        let field = |at: usize| {
            let held = word(at);
            // SAFETY: a word before that of an object is V8's, and its last bits tell objects. None has fewer words.
            let is = |field: &usize| held % 4 == 1 && unsafe { field_of(held, *field) } == data;
            (1..=FIELDS).find(is)
        };
        let place = |at: usize| match word(at) == data {
            true => Some(layout(at, None)),
            false => Some(layout(at, Some(field(at)?))),
        };
        let mut found = (1..WORDS - 1)
            .filter(|at| word(at + 1) == object)
            .filter_map(place);
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    /// The data of the getter that V8 gave `info`, in a handle.
    ///
    /// # Safety
    /// `info` is what V8 gave a getter, and this its layout.
    unsafe fn data_of(self, info: *const usize, env: Env) -> Option<Value> {
        // SAFETY: by the caller's promise.
        let slot = unsafe { self.row(info).add(self.data) };
        let Some(field) = self.field else {
            // The word itself is a handle's slot as long as the getter runs.
            return Value::from_raw(slot.cast());
        };
        // A handle of this scope, whose slot is nobody else's: it is given what the field has.
        let handle = env.number(0.0);
        // SAFETY: the object is alive while its getter runs; nothing is allocated between reading the field and writing the slot.
        unsafe { *handle.raw().cast::<usize>() = field_of(*slot, field) };
        Some(handle)
    }

    fn get(env: Env, v8: &V8) -> Option<Self> {
        static LAYOUT: OnceLock<Option<Layout>> = OnceLock::new();
        *LAYOUT.get_or_init(|| Self::probe(env, v8))
    }

    /// Defines properties of an object that nobody else has, and reads them.
    fn probe(env: Env, v8: &V8) -> Option<Self> {
        let object = env.object();
        let data = env.number(f64::from(PROBE));
        let read = |name: &str, result: Value| {
            PROBED.set(Some(Probe {
                data,
                object,
                result,
                layout: None,
            }));
            let name = env.string(name).ok()?;
            v8.lazy(object, name, probe, data).then_some(())?;
            let found = env.get(object, name).ok()?;
            env.strict_equals(found, result)
                .then(|| PROBED.take()?.layout)?
        };
        let layout = read("number", env.number(7.0))?;
        let again = read("object", env.object())?;
        (layout == again).then_some(layout)
    }
}

/// No pointer looks like this number.
const PROBE: u32 = 0x2B5A_6E91;

#[derive(Clone, Copy)]
struct Probe {
    data: Value,
    object: Value,
    result: Value,
    layout: Option<Layout>,
}

thread_local! {
    static PROBED: Cell<Option<Probe>> = const { Cell::new(None) };
    /// Of the JavaScript of this thread.
    static ENV: Cell<Option<Env>> = const { Cell::new(None) };
}

/// What V8 knows the value as, until it moves it.
fn word_of(value: Value) -> usize {
    // SAFETY: a value is the address of a live handle's slot.
    unsafe { *value.raw().cast::<usize>() }
}

unsafe extern "C" fn probe(_: sys::napi_value, info: *const usize) {
    let Some(mut probed) = PROBED.get() else {
        return;
    };
    // SAFETY: V8 gave it, and it is written to only where the layout is known beyond doubt.
    unsafe {
        probed.layout = Layout::find(info, word_of(probed.data), word_of(probed.object));
        if let Some(layout) = probed.layout {
            *layout.row(info).add(layout.data - 1) = word_of(probed.result);
        }
    }
    PROBED.set(Some(probed));
}

/// The value of a property that somebody asked for: what the function that is the property's data gives for its name.
unsafe extern "C" fn make(name: sys::napi_value, info: *const usize) {
    let (Some(env), Some(v8)) = (ENV.get(), V8::get()) else {
        return;
    };
    let Some(layout) = Layout::get(env, v8) else {
        return;
    };
    let scope = Scope::open(env);
    let made = env.guard(|| {
        let refused = super::node_api::Failure::Refused(sys::Status::napi_invalid_arg);
        // SAFETY: V8 gave it, in this layout.
        let resolve = unsafe { layout.data_of(info, env) };
        let name = Value::from_raw(name);
        env.call(resolve.ok_or(refused)?, &[name.ok_or(refused)?])
    });
    // SAFETY: the row is V8's until this returns. What is thrown is thrown as V8's own getters do.
    unsafe {
        match Value::from_raw(made) {
            Some(value) => *layout.row(info).add(layout.data - 1) = word_of(value),
            None => {
                (v8.throw)((v8.isolate)(), env.take_exception().raw());
            }
        }
    }
    drop(scope);
}

/// Looks V8's functions up, among tens of thousands that Node exports: any thread can do that beforehand.
pub fn find() {
    V8::get();
}

/// Gives `object` a property for each name, in order. False where V8 does not do that: nothing was defined then.
fn define(env: Env, object: Value, names: Value, resolve: Value) -> Res<bool> {
    let Some(v8) = V8::get().filter(|v8| Layout::get(env, v8).is_some()) else {
        return Ok(false);
    };
    ENV.set(Some(env));
    for at in 0..env.len(names)? {
        let scope = Scope::open(env);
        let name = env.get_index(names, at)?;
        if !v8.lazy(object, name, make, resolve) {
            return match at {
                0 => Ok(false),
                _ => Err(env.throw_type("a property cannot be defined")),
            };
        }
        drop(scope);
    }
    Ok(true)
}

/// Properties `names` of `object`, as data properties whose values are `resolve(name)` once they are asked for. False where
/// there is no such thing: nothing was defined.
#[napi(catch_unwind)]
pub fn define_lazily(
    env: &napi::Env,
    object: Unknown,
    names: Unknown,
    resolve: Unknown,
) -> napi::Result<bool> {
    let own = Env::new(env.raw());
    let [object, names, resolve] =
        [object, names, resolve].map(|value| super::addon::value_of(own, value));
    define(own, object, names, resolve).map_err(|failed| {
        own.raise(failed);
        super::addon::pending()
    })
}
