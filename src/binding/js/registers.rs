//! Numbers that cross with a call beside its result: id and key of a handle, or key and kind of a new one, or all that a
//! value object holds.

use crate::binding::node_api::{Env, Failure, Reference, Res, Value, ViewKind};
use std::cell::Cell;
use std::ffi::c_void;
use std::rc::Rc;

/// As many as results have leaves, [`CHANGES`] and [`COUNTED`].
const COUNT: usize = 34;
/// How often handles have changed, as `lib/facade/embind/fields.js` has it; not a number while a call is on the stack.
const CHANGES: usize = 32;
/// How often they have, at any time.
const COUNTED: usize = 33;

type Numbers = [Cell<f64>; COUNT];

/// Whether the facade may read fields by itself. Within a call it may not: there a read is a call like any other, which does
/// not return when the call that it is in was told to stop.
#[derive(Clone)]
pub struct Reading(Rc<Numbers>);

impl Reading {
    #[inline]
    pub fn stop(&self) {
        self.0[CHANGES].set(f64::NAN);
    }

    #[inline]
    pub fn go_on(&self) {
        self.0[CHANGES].set(self.0[COUNTED].get());
    }
}

/// The numbers, and the Float64Array over them. They are native memory that outlives every ArrayBuffer over it, whoever
/// takes it away. A runtime without such buffers is asked for its own anew each time.
pub struct Registers {
    env: Env,
    array: Reference,
    ours: Option<Rc<Numbers>>,
}

unsafe extern "C" fn unshown(_: napi::sys::napi_env, _: *mut c_void, hint: *mut c_void) {
    // SAFETY: the count that `new` gave away; Node calls this once, on the thread of the environment.
    drop(unsafe { Rc::from_raw(hint.cast::<Numbers>()) });
}

impl Registers {
    pub fn new(env: Env) -> Res<Self> {
        let ours: Rc<Numbers> = Rc::new([const { Cell::new(0.0) }; COUNT]);
        let hint = Rc::into_raw(Rc::clone(&ours)).cast_mut();
        let bytes = size_of::<Numbers>();
        // SAFETY: the numbers live until `unshown` has given their count back.
        let shown = unsafe { env.external_buffer(hint.cast(), bytes, Some(unshown), hint.cast()) };
        let (buffer, ours) = match shown {
            Ok(buffer) => (buffer, Some(ours)),
            Err(_) => {
                // SAFETY: nobody else gives it back.
                drop(unsafe { Rc::from_raw(hint) });
                (env.array_buffer(&[0; COUNT * 8])?, None)
            }
        };
        let array = env.view(ViewKind::F64, COUNT, buffer, 0)?;
        // The buffer, and through it the array's numbers; neither leads back to the sandbox.
        let array = Reference::new(env, array);
        let array = array.ok_or(Failure::Refused(napi::sys::Status::napi_generic_failure))?;
        Ok(Self { env, array, ours })
    }

    /// Whether writing one costs neither side a call.
    pub fn are_shared(&self) -> bool {
        self.ours.is_some()
    }

    /// `None` where the facade does not read by itself.
    pub fn reading(&self) -> Option<Reading> {
        self.ours.clone().map(Reading)
    }

    /// A handle has changed.
    pub fn count_change(&self) {
        let count = self.read(COUNTED) + 1.0;
        self.write(COUNTED, count);
        if !self.read(CHANGES).is_nan() {
            self.write(CHANGES, count);
        }
    }

    /// The numbers themselves, where both sides have them.
    #[inline]
    pub fn shared(&self) -> Option<&[Cell<f64>]> {
        self.ours.as_deref().map(<[Cell<f64>; COUNT]>::as_slice)
    }

    /// The first of them, copied.
    #[inline]
    pub fn take<const N: usize>(&self) -> [Cell<f64>; N] {
        match self.shared().and_then(|numbers| numbers.first_chunk()) {
            Some(numbers) => numbers.clone(),
            None => std::array::from_fn(|at| Cell::new(self.read(at))),
        }
    }

    pub fn array(&self) -> Res<Value> {
        let array = self.array.value();
        array.ok_or(Failure::Refused(napi::sys::Status::napi_generic_failure))
    }

    #[inline]
    pub fn write(&self, index: usize, value: f64) {
        match &self.ours {
            Some(numbers) => {
                if let Some(number) = numbers.get(index) {
                    number.set(value);
                }
            }
            None => self.write_theirs(index, value),
        }
    }

    #[inline]
    pub fn read(&self, index: usize) -> f64 {
        match &self.ours {
            Some(numbers) => numbers.get(index).map_or(-1.0, Cell::get),
            None => self.read_theirs(index),
        }
    }

    #[cold]
    fn write_theirs(&self, index: usize, value: f64) {
        if let Ok(array) = self.array() {
            let _ = self
                .env
                .set_index(array, index as u32, self.env.number(value));
        }
    }

    #[cold]
    fn read_theirs(&self, index: usize) -> f64 {
        let number = self
            .array()
            .and_then(|array| self.env.get_index(array, index as u32));
        number
            .ok()
            .and_then(|number| self.env.as_f64(number))
            .unwrap_or(-1.0)
    }
}
