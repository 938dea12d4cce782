//! What of an object lies outside of it: lists of properties and of elements.

use super::layout::Layout;
use super::raw::{ELEMENTS, ITEMS, LENGTH, Object, Shape, Word};

/// Objects with more elements are left to JavaScript.
const MOST_ELEMENTS: usize = 1 << 16;

/// A list of JavaScript's, where it lies.
pub struct List<'a> {
    pub items: &'a [usize],
    pub is_doubles: bool,
}

impl<'a> List<'a> {
    /// # Safety
    /// Nothing is allocated while the list is used.
    pub unsafe fn of(layout: &Layout, array: Object) -> Option<Self> {
        // SAFETY: an array has four words; the rest by the caller's promise.
        unsafe {
            if Shape::of(array.map()?).ty != layout.array {
                return None;
            }
            let len = array.field(LENGTH).count()?;
            let elements = array.field(ELEMENTS).object()?;
            let map = elements.field(0);
            let is_doubles = map == layout.doubles;
            if !is_doubles && !layout.lists.contains(&map) {
                return None;
            }
            (elements.field(1).count()? >= len).then(|| Self {
                items: elements.fields(ITEMS, len),
                is_doubles,
            })
        }
    }
}

/// The words of an object outside of it: properties for which it has no room, or the dictionary of all.
///
/// # Safety
/// Nothing is allocated while they are used.
#[inline]
pub unsafe fn outside<'a>(layout: &Layout, properties: Word) -> Option<(&'a [usize], bool)> {
    // A hash may be in their place.
    let Some(found) = properties.object().filter(|_| properties != layout.empty) else {
        return Some((&[], false));
    };
    // SAFETY: by the caller's promise; lists are as long as they say.
    unsafe {
        let map = found.field(0);
        if map == layout.properties {
            return Some((found.fields(ITEMS, Layout::outside_len(found)?), false));
        }
        (map == layout.dictionary).then_some((Layout::entries(found)?, true))
    }
}

/// # Safety
/// As for [`outside`].
#[inline]
pub unsafe fn elements<'a>(layout: &Layout, elements: Word) -> Option<&'a [usize]> {
    if elements == layout.empty {
        return Some(&[]);
    }
    let found = elements.object()?;
    // SAFETY: as above.
    unsafe {
        let map = found.field(0);
        let known = map == layout.sparse || layout.lists.contains(&map);
        let len = found.field(1).count().filter(|len| *len <= MOST_ELEMENTS)?;
        known.then(|| found.fields(ITEMS, len))
    }
}
