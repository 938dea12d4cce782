//! C++ exceptions and longjmp where JavaScript is their runtime: `__cxa_*`, `invoke_*`, `setjmp`'s token.
//!
//! Up to 3.1.27 the host allocates exception objects and owns everything known about them; from 3.1.28 the module
//! allocates them and the host writes the header that the module's own code reads. Which of the two is told by whether
//! the module imports `__cxa_allocate_exception`.

mod describe;
mod invoke;

pub use describe::Description;
pub use invoke::invoke;

mod imports;

pub use imports::{IMPORTS, rethrow_current};

pub(super) use imports::find_matching_catch;

use super::abi::ExceptionLayout;
use super::{Runtime, bounds};
use crate::engine::{Result, ValRaw};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Exceptions {
    /// The module leaves allocation to the host (up to 3.1.27).
    pub host_allocates: bool,
    last: u32,
    uncaught: u32,
    /// The objects being handled, innermost last.
    caught: Vec<u32>,
    /// Objects the host allocated.
    #[serde(serialize_with = "crate::saved::sorted")]
    objects: FxHashMap<u32, Object>,
    /// A pointer as a catch clause sees it to the object it belongs to.
    #[serde(serialize_with = "crate::saved::sorted")]
    adjusted: FxHashMap<u32, u32>,
    /// What `__cxa_throw` was last given, for the error shown to JavaScript: object, type.
    thrown: Option<(u32, u32)>,
    temp_ret0: u32,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
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

    fn object(&self, at: u32) -> Result<Object> {
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

    fn set_object(&mut self, at: u32, object: Object) -> Result {
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

    fn set_threw(&mut self, threw: u32, value: u32) -> Result {
        if let Some(func) = self.wasm.export("setThrew") {
            self.call(func, &[ValRaw::from_u32(threw), ValRaw::from_u32(value)])?;
        }
        Ok(())
    }

    /// The high word of a 64-bit result, wherever this build looks for it.
    pub fn set_high_result(&mut self, value: u32) -> Result {
        self.exceptions.temp_ret0 = value;
        for name in ["setTempRet0", "_emscripten_tempret_set"] {
            if let Some(func) = self.wasm.export(name) {
                self.call(func, &[ValRaw::from_u32(value)])?;
                break;
            }
        }
        Ok(())
    }

    fn add_reference(&mut self, at: u32) -> Result {
        if let Some(func) = self.wasm.export("__cxa_increment_exception_refcount") {
            return self.call(func, &[ValRaw::from_u32(at)]).map(drop);
        }
        let mut object = self.object(at)?;
        object.refcount = object.refcount.wrapping_add(1);
        self.set_object(at, object)
    }

    fn drop_reference(&mut self, at: u32) -> Result {
        if let Some(func) = self.wasm.export("__cxa_decrement_exception_refcount") {
            return self.call(func, &[ValRaw::from_u32(at)]).map(drop);
        }
        let mut object = self.object(at)?;
        object.refcount = object.refcount.wrapping_sub(1);
        self.set_object(at, object)?;
        if object.refcount != 0 || object.rethrown {
            return Ok(());
        }
        if object.destructor != 0 {
            self.call_indirect(object.destructor, &[ValRaw::from_u32(at)])?;
        }
        self.free_object(at)
    }

    fn free_object(&mut self, at: u32) -> Result {
        if self.exceptions.host_allocates {
            self.exceptions.objects.remove(&at);
            self.exceptions.adjusted.retain(|_, object| *object != at);
            return self.free(at.wrapping_sub(self.room_before()));
        }
        match self.wasm.export("__cxa_free_exception") {
            Some(func) => self.call(func, &[ValRaw::from_u32(at)]).map(drop),
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

impl Runtime {
    /// Whether the module can catch at all: without it nothing ever asks for what `throw` would note down.
    fn catches(&self) -> bool {
        self.wasm.export("setThrew").is_some() && self.wasm.export("__cxa_can_catch").is_some()
    }
}
impl Runtime {
    /// What a catch clause binds to: the thrown pointer itself for pointer types, else the adjusted object.
    fn catch_pointer(&mut self, at: u32, given: u32) -> Result<u32> {
        let ty = self.object(at)?.ty;
        if let Some(func) = self.wasm.export("__cxa_is_pointer_type")
            && self.call(func, &[ValRaw::from_u32(ty)])?.i32() != 0
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
