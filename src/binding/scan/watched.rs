//! What one object was, and whether it still is.

use super::layout::{COUNTS, Layout};
use super::lists::{elements, outside};
use super::raw::{ELEMENTS, ITEMS, LENGTH, Object, PROPERTIES, Word, prototype, small};

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
    /// The same of a view or a buffer: nothing of V8's or Node's is on it, either.
    Bare,
    /// A function with none whose `prototype` nobody has asked for: V8 has not made it yet.
    Unborn,
}

impl Kind {
    pub fn of(number: u8) -> Self {
        match number {
            1 => Self::Array,
            2 => Self::Constructor,
            3 => Self::Function,
            4 => Self::Prototype,
            5 => Self::Extras,
            6 => Self::Unborn,
            7 => Self::Bare,
            _ => Self::Plain,
        }
    }
    /// Whether nothing but these checks are made: that nothing was added, that one field is as it was.
    pub fn is_brief(self) -> bool {
        matches!(
            self,
            Self::Function | Self::Prototype | Self::Extras | Self::Unborn | Self::Bare
        )
    }
}

/// What a field must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slot {
    /// The word that is kept for it.
    #[default]
    Word,
    /// The same, and where it is another, more than a value has changed: a key of a dictionary, what it says of a property.
    Fixed,
    /// A box with the number that is kept for it.
    Number,
    /// V8's own, which stays.
    Any,
    /// No element.
    Hole,
    /// A view, which is another in each generation: JavaScript looks after it.
    View,
}

impl Slot {
    pub fn is_word(self) -> bool {
        matches!(self, Self::Word | Self::Fixed)
    }
}

/// What all fields must be, one object's behind the other's. The words themselves are in a list of JavaScript's, so that they
/// follow the objects that they refer to.
#[derive(Debug, Default)]
pub struct Slots {
    kinds: Vec<Slot>,
    bits: Vec<u64>,
}

impl Slots {
    pub fn len(&self) -> usize {
        self.kinds.len()
    }
    /// Room for so many, where they begin.
    pub fn room(&mut self, count: usize) -> usize {
        let at = self.kinds.len();
        self.kinds.resize(at + count, Slot::Word);
        self.bits.resize(at + count, 0);
        at
    }
    pub fn set(&mut self, at: usize, kinds: &[Slot], bits: &[u64]) {
        self.kinds[at..at + kinds.len()].copy_from_slice(kinds);
        self.bits[at..at + bits.len()].copy_from_slice(bits);
    }
}

/// An object as it should be. Its hidden class is kept elsewhere, by the collector's means.
#[derive(Debug, Default)]
pub struct WatchedObject {
    pub kind: Kind,
    /// It can be told by a look whether this object is as it was.
    pub usable: bool,
    /// Not all slots are words.
    pub is_special: bool,
    /// Its properties lie in a dictionary.
    pub is_dictionary: bool,
    /// Its elements are numbers with fractions.
    pub is_doubles: bool,
    /// It has no elements, not even a list of them.
    pub is_bare: bool,
    /// The last slot is another object that a field points to: see [`Kind`].
    pub has_tail: bool,
    /// Where its fields begin, and how many words it has inside, outside, and as elements.
    pub first: u8,
    pub inside: u8,
    /// See [`WatchedObject::last_word`].
    pub last: u8,
    /// Or, of a `prototype`, the field that has the tail.
    pub outside: u32,
    pub elements: u32,
    /// Where its slots begin.
    pub at: u32,
}

/// What is seldom needed of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Book {
    /// How many slots there is room for.
    pub room: u32,
    failures: u8,
}

impl Book {
    /// It could not be told again.
    pub fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    pub fn is_hopeless(&self) -> bool {
        self.failures >= MOST_FAILURES
    }
}

/// How an object differs from what it was.
pub enum Difference {
    Same,
    /// The same properties, some of which have other values.
    Values,
    /// Something else, or what cannot be told.
    Shape,
}

/// The last word of a function.
const LARGEST: usize = 7;
/// What could not be told so often is left to JavaScript from then on.
const MOST_FAILURES: u8 = 3;

/// What is compared with.
pub struct Snapshot<'a> {
    pub layout: &'a Layout,
    pub words: &'a [usize],
    pub slots: &'a Slots,
}

impl Snapshot<'_> {
    /// # Safety
    /// Nothing was allocated since `word` was read.
    unsafe fn is(&self, at: usize, word: usize) -> bool {
        let word = Word(word);
        match self.slots.kinds[at] {
            Slot::Word | Slot::Fixed => self.words[at] == word.0,
            Slot::Any => !word.is_small(),
            Slot::Hole => word == self.layout.hole,
            Slot::View => true,
            // SAFETY: by the caller's promise; a box has two words.
            Slot::Number => word.object().is_some_and(|found| unsafe {
                found.field(0) == self.layout.number
                    && found.field(1).0 as u64 == self.slots.bits[at]
            }),
        }
    }

    /// # Safety
    /// As above.
    unsafe fn are(&self, at: usize, now: &[usize], is_special: bool) -> Option<bool> {
        let words = self.words.get(at..at + now.len())?;
        if !is_special {
            return Some(words == now);
        }
        // SAFETY: as above.
        Some(unsafe { (0..now.len()).all(|each| self.is(at + each, now[each])) })
    }
}

impl WatchedObject {
    /// Nothing can be told of it.
    pub fn unknown(kind: Kind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// Whether what it has lies elsewhere, too.
    pub fn reaches_out(&self) -> bool {
        self.outside > 0 || self.elements > 0 || self.is_dictionary
    }

    /// The last word of the object itself that is looked at, or one before it, where that is far away.
    pub fn last_word(&self) -> u8 {
        let fields = usize::from(self.first) + usize::from(self.inside);
        let last = match self.kind {
            Kind::Array => LENGTH,
            Kind::Prototype => self.outside as usize,
            // A function's `prototype` lies behind all that others have.
            Kind::Unborn => LARGEST,
            _ if self.has_tail => LARGEST,
            _ => ELEMENTS,
        };
        u8::try_from(last.max(ELEMENTS).max(fields.saturating_sub(1))).unwrap_or(u8::MAX)
    }

    /// How many slots it has.
    pub fn count(&self) -> usize {
        let brief = usize::from(self.kind.is_brief() && self.is_dictionary) * COUNTS;
        brief
            + usize::from(self.inside)
            + usize::from(!self.kind.is_brief()) * (self.outside + self.elements) as usize
            + usize::from(self.has_tail)
    }

    /// # Safety
    /// Nothing is allocated meanwhile; `map` is what the object had when this was made.
    #[inline]
    pub unsafe fn look(&self, object: Object, map: Word, kept: &Snapshot<'_>) -> Difference {
        // SAFETY: with the same map the object has as many words.
        let found = unsafe {
            if object.field(0) != map {
                return Difference::Shape;
            }
            match self.kind {
                Kind::Unborn if object.field(kept.layout.prototype) != kept.layout.hole => {
                    return Difference::Shape;
                }
                Kind::Function | Kind::Prototype | Kind::Extras | Kind::Unborn | Kind::Bare => {
                    self.glance(object, map, kept)
                }
                Kind::Array => self.has_elements(object, kept),
                Kind::Plain | Kind::Constructor => return self.compare(object, map, kept),
            }
        };
        if found == Some(true) {
            Difference::Same
        } else {
            Difference::Shape
        }
    }

    /// # Safety
    /// As for [`WatchedObject::look`].
    #[inline]
    unsafe fn glance(&self, object: Object, map: Word, kept: &Snapshot<'_>) -> Option<bool> {
        let layout = kept.layout;
        // SAFETY: by the caller's promise; lists are as long as they say.
        unsafe {
            let list = object.field(ELEMENTS);
            let same = (list == layout.empty) == self.is_bare
                && (self.is_bare || self.has_no_elements(list.object()?, layout));
            if !same {
                return Some(false);
            }
            let mut at = self.at as usize;
            let properties = object.field(PROPERTIES);
            let found = properties.object().filter(|_| properties != layout.empty);
            let dictionary = found.filter(|found| found.field(0) == layout.dictionary);
            if dictionary.is_some() != self.is_dictionary
                || (self.kind == Kind::Bare && found.is_some())
            {
                return Some(false);
            }
            if let Some(dictionary) = dictionary {
                if Layout::entries(dictionary)?.get(..COUNTS)? != kept.words.get(at..at + COUNTS)? {
                    return Some(false);
                }
                at += COUNTS;
            }
            if !self.has_tail {
                return Some(true);
            }
            let tail = *kept.words.get(at)?;
            Some(match self.kind {
                Kind::Prototype => {
                    let place = self.outside as usize;
                    tail == match dictionary {
                        Some(dictionary) => *Layout::entries(dictionary)?.get(place)?,
                        None => object.field(place).0,
                    }
                }
                _ => has_prototype(layout, object, map, tail),
            })
        }
    }

    /// Whether a list of elements, which an object keeps when they are deleted, has none. Those of a view are its bytes.
    ///
    /// # Safety
    /// As for [`WatchedObject::look`].
    unsafe fn has_no_elements(&self, list: Object, layout: &Layout) -> bool {
        // SAFETY: by the caller's promise; lists are as long as they say.
        unsafe {
            let (map, length) = (list.field(0), list.field(1));
            if map == layout.doubles || map == layout.sparse {
                return false;
            }
            let is_list = layout.lists.contains(&map);
            length == small(self.elements)
                && (!is_list
                    || list
                        .fields(ITEMS, self.elements as usize)
                        .iter()
                        .all(|item| *item == layout.hole.0))
        }
    }

    /// # Safety
    /// As for [`WatchedObject::look`].
    #[inline]
    unsafe fn has_elements(&self, array: Object, kept: &Snapshot<'_>) -> Option<bool> {
        let layout = kept.layout;
        // SAFETY: by the caller's promise; lists are as long as they say.
        unsafe {
            let properties = array.field(PROPERTIES);
            let bare = properties == layout.empty || properties.is_small();
            if !bare || array.field(LENGTH) != small(self.elements) {
                return Some(false);
            }
            if self.elements == 0 {
                return Some(true);
            }
            let found = array.field(ELEMENTS).object()?;
            let is_doubles = found.field(0) == layout.doubles;
            let len = self.elements as usize;
            if is_doubles != self.is_doubles
                || !(is_doubles || layout.lists.contains(&found.field(0)))
                || found.field(1).count()? < len
            {
                return Some(false);
            }
            let (at, now) = (self.at as usize, found.fields(ITEMS, len));
            if is_doubles {
                let then = kept.slots.bits.get(at..at + len)?;
                return Some(now.iter().zip(then).all(|(now, then)| *now as u64 == *then));
            }
            kept.are(at, now, self.is_special)
        }
    }

    /// # Safety
    /// As for [`WatchedObject::look`].
    #[inline]
    unsafe fn compare(&self, object: Object, map: Word, kept: &Snapshot<'_>) -> Difference {
        let layout = kept.layout;
        let at = self.at as usize;
        let (inside, outside_len) = (usize::from(self.inside), self.outside as usize);
        // SAFETY: by the caller's promise.
        let told = || unsafe {
            let (outside, is_dictionary) = outside(layout, object.field(PROPERTIES))?;
            let elements = elements(layout, object.field(ELEMENTS))?;
            if outside.len() != outside_len
                || is_dictionary != self.is_dictionary
                || elements.len() != self.elements as usize
            {
                return None;
            }
            let behind = at + inside + outside_len;
            if self.has_tail {
                let tail = *kept.words.get(behind + elements.len())?;
                if !has_prototype(layout, object, map, tail) {
                    return None;
                }
            }
            if !elements.is_empty() && !kept.are(behind, elements, self.is_special)? {
                return None;
            }
            let fields = object.fields(usize::from(self.first), inside);
            let same = kept.are(at, fields, self.is_special)?
                && (outside.is_empty() || kept.are(at + inside, outside, self.is_special)?);
            if same {
                return Some(Difference::Same);
            }
            if is_dictionary {
                // What differs may be a key, or what the dictionary says of a property.
                let all = fields.iter().chain(outside).enumerate();
                let mut differing = all.filter(|(each, word)| !kept.is(at + each, **word));
                if differing.any(|(each, _)| kept.slots.kinds[at + each] != Slot::Word) {
                    return None;
                }
            }
            Some(Difference::Values)
        };
        told().unwrap_or(Difference::Shape)
    }
}

/// # Safety
/// As for [`WatchedObject::look`].
#[inline]
unsafe fn has_prototype(layout: &Layout, function: Object, map: Word, expected: usize) -> bool {
    // SAFETY: by the caller's promise; a field that has a map has the map of maps.
    unsafe {
        let now = function.field(layout.prototype);
        let of_instances = |initial: Object| {
            initial.map() == map.object().and_then(|map| map.map())
                && prototype(initial).0 == expected
        };
        now.0 == expected || now.object().is_some_and(of_instances)
    }
}
