//! Words of objects in V8's heap, read where they lie.
//!
//! V8 moves objects only while it allocates or runs JavaScript: what is read here is used up before either happens.

use crate::binding::node_api::Value;

/// A field: a small integer, or the address of an object, marked by its lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(pub usize);

/// An object of V8's heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object(usize);

const TAG: usize = 1;
const MARK: usize = 3;
pub const BYTES: usize = size_of::<usize>();
/// Words that the processor loads at once.
const LINE: usize = 8;

pub const fn small(number: u32) -> Word {
    Word((number as usize) << 32)
}

impl Word {
    #[inline]
    pub fn object(self) -> Option<Object> {
        (self.0 & MARK == TAG && self.0 > 0xffff).then_some(Object(self.0))
    }
    #[inline]
    pub fn is_small(self) -> bool {
        self.0 & TAG == 0
    }
    /// Lets a handle refer to an object that JavaScript has no name for.
    ///
    /// # Safety
    /// As for [`Object::of`]; whoever is given the handle must be content with any object.
    pub unsafe fn put_in(self, value: Value) {
        // SAFETY: the slot belongs to the open scope, and a word of the heap is in it as any other.
        unsafe { *(value.raw() as usize as *mut usize) = self.0 };
    }
    /// A small integer that is not negative.
    #[inline]
    pub fn count(self) -> Option<usize> {
        (self.0 & 0x8000_0000_ffff_ffff == 0).then_some(self.0 >> 32)
    }
}

impl Object {
    /// What a handle refers to. `None` where handles are something else than V8's, or the value is a small integer.
    ///
    /// # Safety
    /// A live value of an engine that is V8.
    pub unsafe fn of(value: Value) -> Option<Self> {
        let slot = value.raw() as usize;
        if slot.is_multiple_of(BYTES) {
            // SAFETY: a handle is the address of a slot that has the address of the object.
            Word(unsafe { *(slot as *const usize) }).object()
        } else {
            None
        }
    }
    #[inline]
    pub fn word(self) -> Word {
        Word(self.0)
    }
    /// Its words up to the one numbered `last` will be looked at soon. An object may begin anywhere in what the processor loads at
    /// once, so that its last word may be in a line more.
    #[inline]
    pub fn fetch_words(self, last: usize) {
        self.fetch_word(0);
        let mut word = LINE;
        while word < last {
            self.fetch_word(word);
            word += LINE;
        }
        self.fetch_word(last);
    }
    /// One of its words will be looked at soon.
    #[inline]
    fn fetch_word(self, word: usize) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint, which reads nothing.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.at(word * BYTES) as *const i8);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = word;
    }
    #[inline]
    fn at(self, byte: usize) -> usize {
        self.0 - TAG + byte
    }
    /// # Safety
    /// The object has so many words, and nothing was allocated since its address was read.
    #[inline]
    pub unsafe fn field(self, index: usize) -> Word {
        // SAFETY: by the caller's promise.
        Word(unsafe { *(self.at(index * BYTES) as *const usize) })
    }
    /// # Safety
    /// As for [`Object::field`].
    #[inline]
    pub unsafe fn fields<'a>(self, from: usize, count: usize) -> &'a [usize] {
        // SAFETY: by the caller's promise; nobody writes while the caller looks.
        unsafe { std::slice::from_raw_parts(self.at(from * BYTES) as *const usize, count) }
    }
    /// # Safety
    /// As for [`Object::field`].
    #[inline]
    pub unsafe fn byte(self, at: usize) -> usize {
        // SAFETY: by the caller's promise.
        usize::from(unsafe { *(self.at(at) as *const u8) })
    }
    /// # Safety
    /// As for [`Object::field`].
    #[inline]
    pub unsafe fn half(self, at: usize) -> u16 {
        // SAFETY: by the caller's promise.
        unsafe { *(self.at(at) as *const u16) }
    }
    /// The hidden class. Objects with the same one have the same properties, in the same order, with the same attributes, the same
    /// accessors, the same prototype, and are both extensible or both not; unless their properties lie in a dictionary.
    ///
    /// # Safety
    /// As for [`Object::field`].
    pub unsafe fn map(self) -> Option<Object> {
        // SAFETY: every object has a first word.
        unsafe { self.field(0) }.object()
    }
}

/// What a map says of its objects. Sizes are in words.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub size: usize,
    /// Where fields begin that are properties.
    pub first: usize,
    /// Behind the last of these that is used.
    pub end: usize,
    /// Slots for properties outside that are not used, where there is no room inside any more.
    pub spare: usize,
    pub ty: u16,
}

/// The header of every object with properties: map, properties, elements.
pub const HEADER: usize = 3;
pub const PROPERTIES: usize = 1;
pub const ELEMENTS: usize = 2;
/// Of an array.
pub const LENGTH: usize = 3;
/// Where the items of lists begin, behind map and length.
pub const ITEMS: usize = 2;
/// Of a map.
const PROTOTYPE: usize = 3;

impl Shape {
    /// # Safety
    /// `map` is a map, and nothing was allocated since its address was read.
    pub unsafe fn of(map: Object) -> Self {
        // SAFETY: a map is longer than that.
        let (size, first, used, ty) =
            unsafe { (map.byte(8), map.byte(9), map.byte(10), map.half(12)) };
        let full = used < HEADER;
        Self {
            size,
            first,
            end: if full { size } else { used },
            spare: if full { used } else { 0 },
            ty,
        }
    }
}

/// # Safety
/// As for [`Shape::of`].
pub unsafe fn prototype(map: Object) -> Word {
    // SAFETY: by the caller's promise.
    unsafe { map.field(PROTOTYPE) }
}
