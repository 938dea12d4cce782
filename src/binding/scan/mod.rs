//! Which objects are as they were: a look at V8's own memory, instead of asking JavaScript for each property.
//!
//! An object whose hidden class and fields are the same has not changed. What cannot be told this way is reported as changed, and
//! JavaScript looks at it. Nothing is ever written.

mod expect;
mod layout;
mod lists;
mod raw;
mod watched;

use super::addon::value_of;
use super::ending;
use super::node_api::{self, Value};
use expect::{Entry, Plan};
use layout::Layout;
use lists::List;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use raw::{ITEMS, Object, PROPERTIES, Word};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use watched::{Book, Difference, Kind, Slots, Snapshot, WatchedObject};

thread_local! {
    static LAYOUT: OnceCell<Option<Rc<Layout>>> = const { OnceCell::new() };
}

/// Objects, each with what its fields hold.
#[napi]
pub struct ObjectScan {
    layout: Rc<Layout>,
    /// Whether some of an object's fields are views that are others in each generation.
    has_views: Vec<bool>,
    state: RefCell<State>,
}

struct State {
    watched: Vec<WatchedObject>,
    books: Vec<Book>,
    slots: Slots,
}

/// So many slots there may be.
const MOST_SLOTS: usize = 1 << 24;
/// As many words are read before they are written down.
const AT_ONCE: usize = 64;
/// So many objects ahead they are loaded, and what they point to.
const FAR: usize = 20;
const NEAR: usize = 8;
/// So many items of a list. The processor goes on by itself.
const MOST_FETCHED: usize = 16;
/// Beside the kind of an object.
const HAS_VIEWS: u8 = 0x80;

/// Whether objects can be looked at in this thread. `samples`: see `lib/rewind/scan.js`.
#[napi(catch_unwind)]
pub fn can_scan(env: &Env, samples: Unknown) -> bool {
    let own = node_api::Env::new(env.raw());
    let samples = value_of(own, samples);
    let learn = || {
        let fits = cfg!(all(target_pointer_width = "64", target_endian = "little"));
        (fits && ending::is_v8())
            .then(|| Layout::learn(own, samples))
            .flatten()
            .map(Rc::new)
    };
    LAYOUT.with(|layout| layout.get_or_init(learn).is_some())
}

/// Whether this is a function whose `prototype` does not exist, since nobody has asked for it yet.
#[napi(catch_unwind)]
pub fn is_unborn(env: &Env, function: Unknown) -> bool {
    let own = node_api::Env::new(env.raw());
    let function = value_of(own, function);
    LAYOUT.with(|layout| {
        let known = layout.get().and_then(Option::as_ref);
        // SAFETY: of an engine that is V8; nothing is allocated here.
        known.is_some_and(|layout| unsafe {
            Object::of(function).is_some_and(|function| expect::is_unborn(layout, function))
        })
    })
}

/// Whether this is a view, a buffer or a promise with no property of its own.
#[napi(catch_unwind)]
pub fn has_nothing(env: &Env, object: Unknown) -> bool {
    let own = node_api::Env::new(env.raw());
    let object = value_of(own, object);
    LAYOUT.with(|layout| {
        let known = layout.get().and_then(Option::as_ref);
        // SAFETY: of an engine that is V8; nothing is allocated here.
        known.is_some_and(|layout| unsafe {
            Object::of(object).is_some_and(|object| expect::has_nothing(layout, object))
        })
    })
}

/// Writes to `out` the numbers of the objects in the order in which they lie in memory: to look at them in this order is faster.
#[napi(catch_unwind)]
pub fn scan_order(env: &Env, objects: Unknown, mut out: Int32Array) {
    let own = node_api::Env::new(env.raw());
    let objects = value_of(own, objects);
    let Some(layout) = LAYOUT.with(|layout| layout.get().cloned().flatten()) else {
        return;
    };
    // SAFETY: of an engine that is V8; nothing is allocated here. The order is all that is taken from the addresses.
    unsafe {
        let list = Object::of(objects).and_then(|array| List::of(&layout, array));
        let Some(List { items, .. }) = list else {
            return;
        };
        out.as_mut()
            .sort_by_key(|at| items.get(*at as usize).copied());
    }
}

#[napi]
impl ObjectScan {
    /// `kinds`: for each object 0 (plain), 1 (dense array), 2 (function with properties, `prototype` being the last of its list), 3
    /// (function with nothing on it), 4 (its `prototype`), 5 (view or promise with nothing on it), 6 (as 3, `isUnborn`), 7 (as 5,
    /// of a view or a buffer, whose properties are all looked at); 128 more where some of what it
    /// holds is another in each generation.
    #[napi(constructor, catch_unwind)]
    pub fn new(kinds: Uint8Array) -> Result<Self> {
        let layout = LAYOUT.with(|layout| layout.get().cloned().flatten());
        let layout =
            layout.ok_or_else(|| Error::from_reason("objects cannot be looked at here"))?;
        let unknown = |kind: &u8| WatchedObject::unknown(Kind::of(*kind & !HAS_VIEWS));
        Ok(Self {
            has_views: kinds.iter().map(|kind| kind & HAS_VIEWS != 0).collect(),
            state: RefCell::new(State {
                watched: kinds.iter().map(unknown).collect(),
                books: vec![Book::default(); kinds.len()],
                slots: Slots::default(),
            }),
            layout,
        })
    }

    /// Objects are as they should be now: the first `count` of `which`.
    #[napi(catch_unwind)]
    pub fn record(&self, env: &Env, lists: ScanLists, which: Int32Array, count: u32) {
        let own = node_api::Env::new(env.raw());
        let lists = Lists::of(own, lists);
        let mut state = self.state.borrow_mut();
        let mut holders = Vec::new();
        for at in which.iter().take(count as usize).map(|at| *at as usize) {
            let hopeless = state.books.get(at).is_none_or(Book::is_hopeless);
            if !hopeless
                && self
                    .write_down(own, &lists, &mut state, at, &mut holders)
                    .is_none()
            {
                state.watched[at].usable = false;
                state.books[at].fail();
            }
        }
    }

    fn write_down(
        &self,
        own: node_api::Env,
        lists: &Lists,
        state: &mut State,
        at: usize,
        holders: &mut Vec<Value>,
    ) -> Option<()> {
        let State {
            watched,
            books,
            slots,
        } = state;
        let (watched, book) = (watched.get_mut(at)?, books.get_mut(at)?);
        let kind = watched.kind;
        // SAFETY: of an engine that is V8; nothing is allocated before the addresses are used up.
        let plan = unsafe {
            let read = lists.read(&self.layout)?;
            if watched.usable
                && matches!(
                    self.found(&read, watched, slots, at),
                    Some(Difference::Same)
                )
            {
                // It was put back without a trace.
                return Some(());
            }
            let mut views = Vec::new();
            if self.has_views.get(at) == Some(&true) {
                views.extend_from_slice(read.views.items);
                views.sort_unstable();
            }
            Plan::of(&self.layout, &read.entry(&self.layout, kind, at)?, &views)?
        };
        let len = plan.slots.len();
        let is_fresh = len > book.room as usize;
        let mut from = watched.at as usize;
        if is_fresh {
            let room = len.max(2 * book.room as usize);
            if slots.len() + room > MOST_SLOTS {
                return None;
            }
            from = slots.room(room);
            book.room = u32::try_from(room).ok()?;
        }
        slots.set(from, &plan.slots, &plan.bits);
        *watched = WatchedObject {
            at: u32::try_from(from).ok()?,
            last: plan.watched.last_word(),
            ..plan.watched
        };
        let len = if is_fresh { book.room as usize } else { len };
        for chunk in (0..len).step_by(AT_ONCE) {
            let end = len.min(chunk + AT_ONCE);
            let mut same = [false; AT_ONCE];
            while holders.len() < end - chunk {
                holders.push(own.object());
            }
            // SAFETY: as above.
            unsafe {
                let read = lists.read(&self.layout)?;
                let entry = read.entry(&self.layout, kind, at)?;
                for (slot, holder) in (chunk..end).zip(&*holders) {
                    let word = if plan.slots.get(slot).is_some_and(|slot| slot.is_word()) {
                        expect::word(&self.layout, &entry, watched, slot)?
                    } else {
                        self.layout.undefined
                    };
                    // An array may hold any word of the heap; nobody but `changed` looks into this one.
                    word.put_in(*holder);
                    same[slot - chunk] = read.flat.items.get(from + slot) == Some(&word.0);
                }
            }
            for (slot, (holder, same)) in (chunk..end).zip(holders.iter().zip(same)) {
                if !same {
                    own.set_index(lists.flat, (from + slot) as u32, *holder)
                        .ok()?;
                }
            }
        }
        if holders.is_empty() {
            holders.push(own.object());
        }
        // SAFETY: as above.
        unsafe {
            let read = lists.read(&self.layout)?;
            read.object(at)?.map()?.word().put_in(holders[0]);
        }
        own.set_index(lists.maps, at as u32, holders[0]).ok()?;
        // SAFETY: as above.
        let found = unsafe { self.found(&lists.read(&self.layout)?, watched, slots, at) };
        matches!(found, Some(Difference::Same)).then_some(())
    }

    /// # Safety
    /// As for [`Lists::read`].
    unsafe fn found(
        &self,
        read: &ObjectReading<'_>,
        watched: &WatchedObject,
        slots: &Slots,
        at: usize,
    ) -> Option<Difference> {
        let kept = Snapshot {
            layout: &self.layout,
            words: read.flat.items,
            slots,
        };
        let map = Word(*read.maps.items.get(at)?);
        // SAFETY: by the caller's promise.
        Some(unsafe { watched.look(read.object(at)?, map, &kept) })
    }

    /// Writes the numbers of those that may have changed to `out`, which has room for all: `~n` where only values of properties
    /// did. Gives how many. `objects`, `maps`, `flat`: as in `ScanLists`.
    #[napi(catch_unwind)]
    pub fn changed(
        &self,
        env: &Env,
        objects: Unknown,
        maps: Unknown,
        flat: Unknown,
        mut out: Int32Array,
    ) -> u32 {
        let own = node_api::Env::new(env.raw());
        let lists = [objects, maps, flat].map(|given| value_of(own, given));
        let state = self.state.borrow();
        let State { watched, slots, .. } = &*state;
        // SAFETY: JavaScript does not run while the numbers are written.
        let out = unsafe { out.as_mut() };
        let mut count = 0;
        let mut tell = |number: i32| {
            if let Some(place) = out.get_mut(count) {
                *place = number;
                count += 1;
            }
        };
        // SAFETY: of an engine that is V8; nothing is allocated until all have been looked at.
        unsafe {
            let list = |array| List::of(&self.layout, Object::of(array)?);
            let [Some(objects), Some(maps), Some(flat)] = lists.map(list) else {
                (0..watched.len()).for_each(|at| tell(at as i32));
                return count as u32;
            };
            let kept = Snapshot {
                layout: &self.layout,
                words: flat.items,
                slots,
            };
            for (at, entry) in watched.iter().enumerate() {
                fetch(objects.items, watched, at);
                let look = || {
                    let object = Word(*objects.items.get(at)?).object()?;
                    let map = Word(*maps.items.get(at)?);
                    Some(entry.look(object, map, &kept))
                };
                match entry.usable.then(look).flatten() {
                    Some(Difference::Same) => {}
                    Some(Difference::Values) => tell(!(at as i32)),
                    _ => tell(at as i32),
                }
            }
        }
        count as u32
    }
}

/// Lets the processor load objects that are looked at later: first themselves, then what they point to.
///
/// # Safety
/// As for [`Lists::read`].
#[inline]
unsafe fn fetch(objects: &[usize], watched: &[WatchedObject], at: usize) {
    let object = |at: usize| objects.get(at).and_then(|word| Word(*word).object());
    if let (Some(object), Some(watched)) = (object(at + FAR), watched.get(at + FAR)) {
        object.fetch_words(usize::from(watched.last));
    }
    let Some(near) = watched.get(at + NEAR).filter(|near| near.reaches_out()) else {
        return;
    };
    if let Some(object) = object(at + NEAR) {
        // SAFETY: by the caller's promise; each object has so many words.
        let fields = unsafe { object.fields(PROPERTIES, 2) };
        for (field, len) in fields.iter().zip([near.outside, near.elements]) {
            if let Some(list) = Word(*field).object() {
                list.fetch_words(ITEMS + (len as usize).min(MOST_FETCHED) - 1);
            }
        }
    }
}

/// Arrays that belong together, each but the last two with an item for each object.
#[napi(object, object_to_js = false)]
pub struct ScanLists<'a> {
    pub objects: Unknown<'a>,
    /// What their fields hold, or what their kind has in place of that.
    pub lists: Unknown<'a>,
    /// Their keys.
    pub names: Unknown<'a>,
    /// Their hidden classes. Not to be looked into.
    pub maps: Unknown<'a>,
    /// What their fields are, one object's behind the other's. Not to be looked into.
    pub flat: Unknown<'a>,
    /// Views that are others in each generation.
    pub views: Unknown<'a>,
}

struct Lists {
    objects: Value,
    lists: Value,
    names: Value,
    maps: Value,
    flat: Value,
    views: Value,
}

struct ObjectReading<'a> {
    objects: List<'a>,
    lists: List<'a>,
    names: List<'a>,
    maps: List<'a>,
    flat: List<'a>,
    views: List<'a>,
}

impl Lists {
    fn of(env: node_api::Env, given: ScanLists<'_>) -> Self {
        Self {
            objects: value_of(env, given.objects),
            lists: value_of(env, given.lists),
            names: value_of(env, given.names),
            maps: value_of(env, given.maps),
            flat: value_of(env, given.flat),
            views: value_of(env, given.views),
        }
    }

    /// # Safety
    /// Nothing is allocated while what is read is used.
    unsafe fn read<'a>(&self, layout: &Layout) -> Option<ObjectReading<'a>> {
        // SAFETY: by the caller's promise.
        let list = |array| unsafe { List::of(layout, Object::of(array)?) };
        Some(ObjectReading {
            objects: list(self.objects)?,
            lists: list(self.lists)?,
            names: list(self.names)?,
            maps: list(self.maps)?,
            flat: list(self.flat)?,
            views: list(self.views)?,
        })
    }
}

impl<'a> ObjectReading<'a> {
    fn object(&self, at: usize) -> Option<Object> {
        Word(*self.objects.items.get(at)?).object()
    }

    /// # Safety
    /// As for [`Lists::read`].
    unsafe fn entry(&self, layout: &Layout, kind: Kind, at: usize) -> Option<Entry<'a>> {
        let other = Word(*self.lists.items.get(at)?);
        let names = Word(*self.names.items.get(at)?).object()?;
        // SAFETY: by the caller's promise.
        let list = |array| unsafe { List::of(layout, array) };
        let list = match kind.is_brief() {
            true => None,
            false => Some((list(other.object()?)?, list(names)?)),
        };
        Some(Entry {
            kind,
            object: self.object(at)?,
            list,
            other,
        })
    }
}
