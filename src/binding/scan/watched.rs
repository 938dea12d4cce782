//! What one object was, and whether it still is.

use super::layout::{COUNTS, Layout, is_text};
use super::raw::{ELEMENTS, ITEMS, LENGTH, Object, PROPERTIES, Shape, Word, prototype, small};
use rustc_hash::FxHashMap;

/// What an object is looked at as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// An object, or a function without `prototype`: its fields are in its list.
    #[default]
    Plain,
    /// A dense array: its elements are those of its list.
    Array,
    /// A function with properties of its own: its `prototype` is the last of its list.
    Constructor,
    /// A function with none. In place of its list there is its `prototype`, or a list where it has none.
    Function,
    /// The `prototype` of such a function, which is in place of its list.
    Prototype,
    /// A view or a promise, with nothing on it.
    Extras,
}

impl Kind {
    pub fn of(number: u8) -> Self {
        match number {
            1 => Self::Array,
            2 => Self::Constructor,
            3 => Self::Function,
            4 => Self::Prototype,
            5 => Self::Extras,
            _ => Self::Plain,
        }
    }
    /// Whether nothing but these checks are made: that nothing was added, that one field is as it was.
    pub fn is_brief(self) -> bool {
        matches!(self, Self::Function | Self::Prototype | Self::Extras)
    }
}

/// What a field must be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// This word: a small integer, `undefined`, no element.
    Word(Word),
    /// A box with this number.
    Number(u64),
    /// The item of the object's list.
    Item(usize),
    /// The item of its list of names.
    Name(usize),
    /// V8's own, which stays.
    Any,
}

/// An object as it should be. Its hidden class is kept elsewhere, by the collector's means.
#[derive(Debug, Default)]
pub struct Watched {
    pub kind: Kind,
    /// It can be told by a look whether this object is as it was.
    pub usable: bool,
    failures: u8,
    first: usize,
    end: usize,
    outside: usize,
    elements: usize,
    fields: Box<[Expected]>,
    brief: Brief,
}

/// What tells whether properties were added or taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Brief {
    /// Of a dictionary.
    counts: Option<[usize; COUNTS]>,
    /// The empty list of elements, or the length of another.
    elements: usize,
    /// Where the field is that points to another object: in the object or its dictionary.
    place: usize,
}

pub enum Found {
    Same,
    /// The same properties, some of which have other values.
    Values,
    /// Something else, or what cannot be told.
    Shape,
}

/// A list of JavaScript's, where it lies.
pub struct List<'a> {
    pub items: &'a [usize],
    doubles: bool,
}

/// The words that are the properties of an object.
struct Parts<'a> {
    inside: &'a [usize],
    /// Those for which it has no room, or the dictionary of all.
    outside: &'a [usize],
    is_dictionary: bool,
    elements: &'a [usize],
}

/// Objects with more elements are left to JavaScript.
const MOST_ELEMENTS: usize = 1 << 16;
/// Among more items than that, one is looked for in an index.
const FEW_ITEMS: usize = 64;
/// What could not be told so often is left to JavaScript from then on.
const MOST_FAILURES: u8 = 3;

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
            let doubles = map == layout.doubles;
            if !doubles && !layout.lists.contains(&map) {
                return None;
            }
            (elements.field(1).count()? >= len).then(|| Self {
                items: elements.fields(ITEMS, len),
                doubles,
            })
        }
    }
}

impl<'a> Parts<'a> {
    /// # Safety
    /// Nothing is allocated while the words are used; the object has fields in `first..end`.
    unsafe fn of(layout: &Layout, object: Object, first: usize, end: usize) -> Option<Self> {
        // SAFETY: by the caller's promise; lists are as long as they say.
        unsafe {
            let properties = object.field(PROPERTIES);
            let is_dictionary = properties
                .object()
                .is_some_and(|found| found.field(0) == layout.dictionary);
            let outside = match properties.object() {
                // A hash in their place.
                None => &[][..],
                _ if properties == layout.empty => &[][..],
                Some(found) if found.field(0) == layout.properties => {
                    found.fields(ITEMS, Layout::outside_len(found)?)
                }
                Some(found) if is_dictionary => Layout::entries(found)?,
                Some(_) => return None,
            };
            let elements = object.field(ELEMENTS);
            let elements = match elements.object()? {
                _ if elements == layout.empty => &[][..],
                found
                    if found.field(0) == layout.sparse
                        || layout.lists.contains(&found.field(0)) =>
                {
                    let len = found.field(1).count().filter(|len| *len <= MOST_ELEMENTS)?;
                    found.fields(ITEMS, len)
                }
                _ => return None,
            };
            Some(Self {
                inside: object.fields(first, end.checked_sub(first)?),
                outside,
                is_dictionary,
                elements,
            })
        }
    }

    fn words(&self) -> impl Iterator<Item = &'a usize> {
        self.inside.iter().chain(self.outside).chain(self.elements)
    }
}

impl Brief {
    /// # Safety
    /// Nothing is allocated meanwhile.
    unsafe fn of(layout: &Layout, object: Object) -> Option<Self> {
        // SAFETY: by the caller's promise; lists are as long as they say.
        unsafe {
            let elements = object.field(ELEMENTS);
            let found = object.field(PROPERTIES).object();
            let dictionary = found.filter(|found| found.field(0) == layout.dictionary);
            let counts = match dictionary {
                Some(found) => Some(Layout::entries(found)?.first_chunk().copied()?),
                None => None,
            };
            Some(Self {
                counts,
                elements: match elements.object()? {
                    _ if elements == layout.empty => elements.0,
                    list => list.field(1).0,
                },
                place: 0,
            })
        }
    }

    /// The words that may point to another object.
    ///
    /// # Safety
    /// As above; fields in `first..end` are the object's.
    unsafe fn words<'a>(&self, object: Object, first: usize, end: usize) -> Option<&'a [usize]> {
        // SAFETY: by the caller's promise.
        unsafe {
            match self.counts {
                Some(_) => Layout::entries(object.field(PROPERTIES).object()?),
                None => Some(object.fields(first, end.checked_sub(first)?)),
            }
        }
    }
}

impl Watched {
    /// What an object with nothing on it is now. `other`: what stands in place of its list.
    ///
    /// # Safety
    /// Nothing is allocated meanwhile.
    pub unsafe fn brief(layout: &Layout, kind: Kind, object: Object, other: Word) -> Option<Self> {
        // SAFETY: by the caller's promise; sizes are those that the object's map says.
        unsafe {
            let map = object.map()?;
            let shape = Shape::of(map);
            let known = match kind {
                Kind::Function => layout.functions.contains(&shape.ty),
                Kind::Prototype => layout.plain.contains(&shape.ty),
                // No field of its own that could change.
                _ => layout.views.contains(&shape.ty) && shape.end <= shape.first,
            };
            if !known {
                return None;
            }
            let mut brief = Brief::of(layout, object)?;
            if kind == Kind::Prototype {
                let words = brief.words(object, shape.first, shape.end)?;
                brief.place = words.iter().position(|word| *word == other.0)?;
            }
            let watched = Self {
                kind,
                usable: true,
                first: shape.first,
                end: shape.end,
                brief,
                ..Self::default()
            };
            matches!(watched.glance(layout, object, map, other), Found::Same).then_some(watched)
        }
    }

    /// The same as `look`, of an object with nothing on it.
    ///
    /// # Safety
    /// Nothing is allocated meanwhile; `map` is what the object had when this was made.
    pub unsafe fn glance(
        &self,
        layout: &Layout,
        object: Object,
        map: Object,
        other: Word,
    ) -> Found {
        let same = || {
            // SAFETY: with the same map the object has as many words.
            unsafe {
                if object.map() != Some(map) {
                    return None;
                }
                let place = self.brief.place;
                let now = Brief {
                    place,
                    ..Brief::of(layout, object)?
                };
                Some(
                    now == self.brief
                        && match self.kind {
                            Kind::Function => {
                                is_list(layout, other)
                                    || has_prototype(layout, object, map, other.0)
                            }
                            Kind::Prototype => {
                                now.words(object, self.first, self.end)?.get(place)
                                    == Some(&other.0)
                            }
                            _ => true,
                        },
                )
            }
        };
        if same() == Some(true) {
            Found::Same
        } else {
            Found::Shape
        }
    }

    /// Nothing can be told of it.
    pub fn unknown(kind: Kind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// One that could not be told again.
    pub fn failed(&self) -> Self {
        Self {
            failures: self.failures.saturating_add(1),
            ..Self::unknown(self.kind)
        }
    }

    pub fn is_hopeless(&self) -> bool {
        self.failures >= MOST_FAILURES
    }

    /// What an object is now, where that can be told again.
    ///
    /// # Safety
    /// Nothing is allocated meanwhile.
    pub unsafe fn of(
        layout: &Layout,
        kind: Kind,
        object: Object,
        list: &List<'_>,
        names: &List<'_>,
    ) -> Option<Self> {
        // SAFETY: by the caller's promise; sizes are those that the object's map says.
        unsafe {
            let map = object.map()?;
            let shape = Shape::of(map);
            let is_function = layout.functions.contains(&shape.ty);
            let is_array = layout.array == shape.ty;
            let known = match kind {
                Kind::Plain => is_function || is_array || layout.plain.contains(&shape.ty),
                Kind::Array => is_array,
                Kind::Constructor => is_function,
                Kind::Function | Kind::Prototype | Kind::Extras => false,
            };
            if !known {
                return None;
            }
            let mut watched = Self {
                kind,
                usable: true,
                // The length of an array is one of its properties.
                first: if is_array { LENGTH } else { shape.first },
                end: shape.end,
                ..Self::default()
            };
            if kind != Kind::Array {
                if list.doubles || names.doubles {
                    return None;
                }
                let parts = Parts::of(layout, object, watched.first, watched.end)?;
                watched.outside = parts.outside.len();
                watched.elements = parts.elements.len();
                let mut expect = Expect {
                    layout,
                    list,
                    next: 0,
                    places: Places::of(list),
                    name_places: Places::of(names),
                    is_dictionary: parts.is_dictionary,
                    is_function: is_function && !parts.is_dictionary,
                };
                let fields: Option<Vec<_>> = parts
                    .words()
                    .map(|word| expect.field(Word(*word)))
                    .collect();
                watched.fields = fields?.into();
            }
            let found = watched.look(layout, object, map, list, names);
            matches!(found, Found::Same).then_some(watched)
        }
    }

    /// # Safety
    /// Nothing is allocated meanwhile; `map` is what the object had when this was made.
    pub unsafe fn look(
        &self,
        layout: &Layout,
        object: Object,
        map: Object,
        list: &List<'_>,
        names: &List<'_>,
    ) -> Found {
        // SAFETY: with the same map the object has as many words.
        unsafe {
            if object.map() != Some(map) {
                return Found::Shape;
            }
            if self.kind == Kind::Array {
                let properties = object.field(PROPERTIES);
                let bare = properties == layout.empty || properties.is_small();
                return if bare && has_elements(layout, object, list) {
                    Found::Same
                } else {
                    Found::Shape
                };
            }
            if self.kind == Kind::Constructor {
                let prototype = list.items.last();
                if !prototype.is_some_and(|expected| has_prototype(layout, object, map, *expected))
                {
                    return Found::Shape;
                }
            }
            let Some(parts) = Parts::of(layout, object, self.first, self.end) else {
                return Found::Shape;
            };
            if parts.outside.len() != self.outside || parts.elements.len() != self.elements {
                return Found::Shape;
            }
            let differs = |(word, expected): &(&usize, &Expected)| {
                !expected.is(layout, Word(**word), list, names)
            };
            let (inside, rest) = self.fields.split_at(parts.inside.len());
            let (outside, elements) = rest.split_at(parts.outside.len());
            if parts
                .elements
                .iter()
                .zip(elements)
                .any(|pair| differs(&pair))
            {
                return Found::Shape;
            }
            let mut outside = parts.outside.iter().zip(outside).filter(differs);
            let mut inside = parts.inside.iter().zip(inside).filter(differs);
            if !parts.is_dictionary {
                return match outside.next().or_else(|| inside.next()) {
                    None => Found::Same,
                    Some(_) => Found::Values,
                };
            }
            // What differs in a dictionary may be a key, or what it says of a property.
            let mut found = Found::Same;
            for (_, expected) in outside.chain(inside) {
                match expected {
                    Expected::Item(_) => found = Found::Values,
                    _ => return Found::Shape,
                }
            }
            found
        }
    }
}

impl Expected {
    /// # Safety
    /// As for [`Watched::look`].
    unsafe fn is(self, layout: &Layout, word: Word, list: &List<'_>, names: &List<'_>) -> bool {
        match self {
            Self::Word(known) => word == known,
            Self::Item(at) => list.items.get(at) == Some(&word.0),
            Self::Name(at) => names.items.get(at) == Some(&word.0),
            Self::Any => !word.is_small(),
            // SAFETY: by the caller's promise; a box has two words.
            Self::Number(bits) => word.object().is_some_and(|found| unsafe {
                found.field(0) == layout.number && found.field(1).0 as u64 == bits
            }),
        }
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

/// Finds out what fields must be.
struct Expect<'a> {
    layout: &'a Layout,
    list: &'a List<'a>,
    /// Fields mostly lie as the list does.
    next: usize,
    places: Places<'a>,
    name_places: Places<'a>,
    is_dictionary: bool,
    /// All that is the function's is in the list: the rest is V8's.
    is_function: bool,
}

impl Expect<'_> {
    /// # Safety
    /// As for [`Watched::of`].
    unsafe fn field(&mut self, word: Word) -> Option<Expected> {
        let layout = self.layout;
        let Some(object) = word.object() else {
            return Some(Expected::Word(word));
        };
        // SAFETY: by the caller's promise; a box has two words.
        unsafe {
            if object.field(0) == layout.number {
                return Some(Expected::Number(object.field(1).0 as u64));
            }
        }
        let name = self.name_places.of_item(word.0);
        if let Some(at) = name.filter(|_| self.is_dictionary) {
            return Some(Expected::Name(at));
        }
        let next = self.list.items.get(self.next) == Some(&word.0);
        let found = if next {
            Some(self.next)
        } else {
            self.places.of_item(word.0)
        };
        if let Some(at) = found {
            self.next = at + 1;
            return Some(Expected::Item(at));
        }
        if word == layout.undefined || word == layout.hole {
            return Some(Expected::Word(word));
        }
        if let Some(at) = name {
            return Some(Expected::Name(at));
        }
        // SAFETY: by the caller's promise.
        unsafe {
            let ty = Shape::of(object.map()?).ty;
            let own =
                self.is_function || object.field(0) == layout.computed || layout.own.contains(&ty);
            (own && !is_text(object)?).then_some(Expected::Any)
        }
    }
}

/// # Safety
/// As for [`Watched::look`].
unsafe fn has_elements(layout: &Layout, array: Object, list: &List<'_>) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        if array.field(LENGTH) != small(list.items.len() as u32) {
            return false;
        }
        let now = List::of(layout, array);
        list.items.is_empty()
            || now.is_some_and(|now| now.doubles == list.doubles && now.items == list.items)
    }
}

/// # Safety
/// As for [`Watched::look`].
unsafe fn has_prototype(layout: &Layout, function: Object, map: Object, expected: usize) -> bool {
    // SAFETY: by the caller's promise; a field that has a map has the map of maps.
    unsafe {
        let now = function.field(layout.prototype);
        let of_instances =
            |initial: Object| initial.map() == map.map() && prototype(initial).0 == expected;
        now.0 == expected || now.object().is_some_and(of_instances)
    }
}

/// # Safety
/// As for [`Watched::look`].
unsafe fn is_list(layout: &Layout, word: Word) -> bool {
    // SAFETY: by the caller's promise.
    let ty = |object: Object| unsafe { Some(Shape::of(object.map()?).ty) };
    word.object().and_then(ty) == Some(layout.array)
}
