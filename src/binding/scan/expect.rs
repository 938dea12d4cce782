//! Finds out what the fields of an object must be, from what JavaScript says that its properties are.

use super::layout::{COUNTS, Layout, is_text};
use super::lists::{List, elements, outside};
use super::raw::{ELEMENTS, LENGTH, Object, PROPERTIES, Shape, Word};
use super::watched::{Kind, Slot, WatchedObject};
use rustc_hash::FxHashMap;

/// An object as JavaScript sees it.
pub struct Entry<'a> {
    pub kind: Kind,
    pub object: Object,
    /// What its fields hold, and its keys.
    pub list: Option<(List<'a>, List<'a>)>,
    /// What stands in place of these.
    pub other: Word,
}

/// What is to be kept of it. The words are read again when they are written down: see [`word`].
pub struct Plan {
    pub watched: WatchedObject,
    pub slots: Vec<Slot>,
    pub bits: Vec<u64>,
}

/// Among more items than that, one is looked for in an index.
const FEW_ITEMS: usize = 64;

impl Plan {
    /// `views`: those that are others in each generation.
    ///
    /// # Safety
    /// Nothing is allocated meanwhile.
    pub unsafe fn of(layout: &Layout, entry: &Entry<'_>, views: &[usize]) -> Option<Self> {
        // SAFETY: by the caller's promise; sizes are those that the object's map says.
        unsafe {
            let shape = Shape::of(entry.object.map()?);
            match &entry.list {
                None => Self::brief(layout, entry, shape),
                Some((list, _)) if entry.kind == Kind::Array => {
                    Self::array(layout, shape, list, views)
                }
                Some((list, names)) => Self::fields(layout, entry, shape, list, names, views),
            }
        }
    }

    /// Of an object with nothing on it.
    ///
    /// # Safety
    /// As for [`Plan::of`].
    unsafe fn brief(layout: &Layout, entry: &Entry<'_>, shape: Shape) -> Option<Self> {
        let Entry { kind, object, .. } = *entry;
        // It has been asked for.
        // SAFETY: by the caller's promise.
        let is_born = kind == Kind::Unborn && !unsafe { is_list(layout, entry.other) };
        let kind = if is_born { Kind::Function } else { kind };
        let known = match kind {
            // SAFETY: as above.
            Kind::Unborn => unsafe { is_unborn(layout, object) },
            Kind::Function => layout.functions.contains(&shape.ty) || shape.ty == layout.bound,
            Kind::Prototype => layout.plain.contains(&shape.ty),
            // No field of its own that could change.
            _ => layout.views.contains(&shape.ty) && shape.end <= shape.first,
        };
        if !known {
            return None;
        }
        // SAFETY: by the caller's promise; lists are as long as they say.
        unsafe {
            let (properties, list) = (object.field(PROPERTIES), object.field(ELEMENTS));
            let found = properties.object().filter(|_| properties != layout.empty);
            let dictionary = found.filter(|found| found.field(0) == layout.dictionary);
            if kind == Kind::Bare && found.is_some() {
                return None;
            }
            let is_bare = list == layout.empty;
            let mut watched = WatchedObject {
                kind,
                usable: true,
                is_dictionary: dictionary.is_some(),
                is_bare,
                elements: if is_bare {
                    0
                } else {
                    u32::try_from(list.object()?.field(1).count()?).ok()?
                },
                has_tail: match kind {
                    Kind::Function => !is_list(layout, entry.other),
                    kind => kind == Kind::Prototype,
                },
                ..WatchedObject::default()
            };
            if kind == Kind::Prototype {
                let (from, words) = match dictionary {
                    Some(found) => (0, Layout::entries(found)?),
                    None => {
                        let len = shape.end.checked_sub(shape.first)?;
                        (shape.first, object.fields(shape.first, len))
                    }
                };
                let at = words.iter().position(|word| *word == entry.other.0)?;
                watched.outside = u32::try_from(from + at).ok()?;
            }
            Some(Self {
                slots: vec![Slot::Word; watched.count()],
                bits: Vec::new(),
                watched,
            })
        }
    }

    fn array(layout: &Layout, shape: Shape, list: &List<'_>, views: &[usize]) -> Option<Self> {
        if layout.array != shape.ty {
            return None;
        }
        let is_view = |word: &usize| views.binary_search(word).is_ok();
        let slot = |word| {
            if is_view(word) {
                Slot::View
            } else {
                Slot::Word
            }
        };
        let (slots, bits) = if list.is_doubles {
            let bits = list.items.iter().map(|word| *word as u64).collect();
            (vec![Slot::Number; list.items.len()], bits)
        } else {
            (list.items.iter().map(slot).collect::<Vec<_>>(), Vec::new())
        };
        Some(Self {
            watched: WatchedObject {
                kind: Kind::Array,
                usable: true,
                is_special: slots.contains(&Slot::View),
                is_doubles: list.is_doubles,
                elements: u32::try_from(slots.len()).ok()?,
                ..WatchedObject::default()
            },
            slots,
            bits,
        })
    }

    /// # Safety
    /// As for [`Plan::of`].
    unsafe fn fields(
        layout: &Layout,
        entry: &Entry<'_>,
        shape: Shape,
        list: &List<'_>,
        names: &List<'_>,
        views: &[usize],
    ) -> Option<Self> {
        let Entry { kind, object, .. } = *entry;
        let is_function = layout.functions.contains(&shape.ty);
        let is_array = layout.array == shape.ty;
        let known = match kind {
            Kind::Plain => is_function || is_array || layout.plain.contains(&shape.ty),
            kind => kind == Kind::Constructor && is_function,
        };
        if !known || list.is_doubles || names.is_doubles {
            return None;
        }
        // The length of an array is one of its properties.
        let first = if is_array { LENGTH } else { shape.first };
        // SAFETY: by the caller's promise; sizes are those that the object's map says.
        unsafe {
            let inside = object.fields(first, shape.end.checked_sub(first)?);
            let (outside, is_dictionary) = outside(layout, object.field(PROPERTIES))?;
            let elements = elements(layout, object.field(ELEMENTS))?;
            let mut expect = Expect {
                layout,
                list,
                next: 0,
                places: Places::of(list),
                name_places: Places::of(names),
                views,
                is_dictionary,
                is_function: is_function && !is_dictionary,
            };
            let words = inside.iter().chain(outside).chain(elements);
            let (mut slots, mut bits) = (Vec::new(), Vec::new());
            for word in words {
                let (slot, number) = expect.field(Word(*word))?;
                slots.push(slot);
                bits.push(number);
            }
            let is_special = slots
                .iter()
                .any(|slot| !matches!(slot, Slot::Word | Slot::Fixed));
            let has_tail = kind == Kind::Constructor;
            if has_tail {
                slots.push(Slot::Fixed);
            }
            Some(Self {
                watched: WatchedObject {
                    kind,
                    usable: true,
                    is_special,
                    is_dictionary,
                    has_tail,
                    first: u8::try_from(first).ok()?,
                    inside: u8::try_from(inside.len()).ok()?,
                    outside: u32::try_from(outside.len()).ok()?,
                    elements: u32::try_from(elements.len()).ok()?,
                    ..WatchedObject::default()
                },
                slots,
                bits,
            })
        }
    }
}

/// What the slot with this number must be, of an object of which there was a plan.
///
/// # Safety
/// Nothing is allocated meanwhile.
pub unsafe fn word(
    layout: &Layout,
    entry: &Entry<'_>,
    watched: &WatchedObject,
    slot: usize,
) -> Option<Word> {
    // SAFETY: by the caller's promise; sizes are compared.
    unsafe {
        if watched.has_tail && slot + 1 == watched.count() {
            return match &entry.list {
                Some((list, _)) => list.items.last().map(|word| Word(*word)),
                None => Some(entry.other),
            };
        }
        if watched.kind == Kind::Array {
            let (list, _) = entry.list.as_ref()?;
            return list.items.get(slot).map(|word| Word(*word));
        }
        let (outside, _) = outside(layout, entry.object.field(PROPERTIES))?;
        let inside = usize::from(watched.inside);
        if watched.kind.is_brief() {
            return outside.get(..COUNTS)?.get(slot).map(|word| Word(*word));
        }
        if slot < inside {
            return Some(entry.object.field(usize::from(watched.first) + slot));
        }
        let elements = elements(layout, entry.object.field(ELEMENTS))?;
        outside
            .iter()
            .chain(elements)
            .nth(slot - inside)
            .map(|word| Word(*word))
    }
}

/// Where the items of a list are.
enum Places<'a> {
    Few(&'a [usize]),
    Many(FxHashMap<usize, usize>),
}

impl<'a> Places<'a> {
    fn of(list: &List<'a>) -> Self {
        if list.items.len() <= FEW_ITEMS {
            return Self::Few(list.items);
        }
        let mut first = FxHashMap::default();
        for (at, item) in list.items.iter().enumerate() {
            first.entry(*item).or_insert(at);
        }
        Self::Many(first)
    }
    fn of_item(&self, item: usize) -> Option<usize> {
        match self {
            Self::Few(items) => items.iter().position(|other| *other == item),
            Self::Many(first) => first.get(&item).copied(),
        }
    }
}

struct Expect<'a> {
    layout: &'a Layout,
    list: &'a List<'a>,
    /// Fields mostly lie as the list does.
    next: usize,
    places: Places<'a>,
    name_places: Places<'a>,
    /// In order.
    views: &'a [usize],
    is_dictionary: bool,
    /// All that is the function's is in the list: the rest is V8's.
    is_function: bool,
}

impl Expect<'_> {
    /// What it must be, and the number in a box.
    ///
    /// # Safety
    /// As for [`Plan::of`].
    unsafe fn field(&mut self, word: Word) -> Option<(Slot, u64)> {
        let layout = self.layout;
        // In a dictionary, only what is known to be a value may differ.
        let constant = if self.is_dictionary {
            Slot::Fixed
        } else {
            Slot::Word
        };
        let Some(object) = word.object() else {
            return Some((constant, 0));
        };
        if word == layout.hole {
            return Some((Slot::Hole, 0));
        }
        // SAFETY: by the caller's promise; a box has two words.
        unsafe {
            if object.field(0) == layout.number {
                return Some((Slot::Number, object.field(1).0 as u64));
            }
        }
        let name = self.name_places.of_item(word.0).is_some();
        if name && self.is_dictionary {
            return Some((Slot::Fixed, 0));
        }
        let next = self.list.items.get(self.next) == Some(&word.0);
        let found = if next {
            Some(self.next)
        } else {
            self.places.of_item(word.0)
        };
        if let Some(at) = found {
            self.next = at + 1;
            let is_view = self.views.binary_search(&word.0).is_ok();
            return Some((if is_view { Slot::View } else { Slot::Word }, 0));
        }
        // SAFETY: by the caller's promise.
        unsafe {
            let ty = Shape::of(object.map()?).ty;
            // What JavaScript does not list (a private field) is the same while it is the same value; accessors are copied
            // when one of them changes.
            if name
                || is_text(object)?
                || ty == layout.constant
                || layout.knows(ty)
                || ty == layout.accessors
            {
                return Some((constant, 0));
            }
            let own =
                self.is_function || object.field(0) == layout.computed || layout.own.contains(&ty);
            own.then_some((Slot::Any, 0))
        }
    }
}

/// # Safety
/// As for [`Plan::of`].
unsafe fn is_list(layout: &Layout, word: Word) -> bool {
    // SAFETY: by the caller's promise.
    let ty = |object: Object| unsafe { Some(Shape::of(object.map()?).ty) };
    word.object().and_then(ty) == Some(layout.array)
}

/// Whether it is a view, a buffer or a promise with nothing on it.
///
/// # Safety
/// As for [`Plan::of`].
pub unsafe fn has_nothing(layout: &Layout, object: Object) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        let Some(shape) = object.map().map(|map| Shape::of(map)) else {
            return false;
        };
        let properties = object.field(PROPERTIES);
        layout.views.contains(&shape.ty)
            && shape.end <= shape.first
            && (properties == layout.empty || properties.object().is_none())
    }
}

/// Whether it is a function whose `prototype` V8 has not made yet.
///
/// # Safety
/// As for [`Plan::of`].
pub unsafe fn is_unborn(layout: &Layout, object: Object) -> bool {
    // SAFETY: by the caller's promise; a function of this size has the field.
    unsafe {
        let Some(shape) = object.map().map(|map| Shape::of(map)) else {
            return false;
        };
        layout.has_unborn
            && layout.functions.contains(&shape.ty)
            && shape.first > layout.prototype
            && object.field(layout.prototype) == layout.hole
    }
}
