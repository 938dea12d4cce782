//! Which objects are as they were: a look at V8's own memory, instead of asking JavaScript for each property.
//!
//! An object whose hidden class and fields are the same has not changed. What cannot be told this way is reported as changed, and
//! JavaScript looks at it. Nothing is ever written.

mod layout;
mod raw;
mod watched;

use super::addon::value_of;
use super::ending;
use super::node_api::{self, Value};
use layout::Layout;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use raw::{Object, PROPERTIES, Word};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use watched::{Found, Kind, List, Watched};

thread_local! {
    static LAYOUT: OnceCell<Option<Rc<Layout>>> = const { OnceCell::new() };
}

/// Objects, each with a list of what its fields hold.
#[napi]
pub struct ObjectScan {
    layout: Rc<Layout>,
    watched: RefCell<Vec<Watched>>,
}

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

#[napi]
impl ObjectScan {
    /// `kinds`: for each object 0 (plain), 1 (dense array), 2 (function with properties, `prototype` being the last of its list), 3
    /// (function with nothing on it), 4 (its `prototype`), 5 (view or promise with nothing on it).
    #[napi(constructor, catch_unwind)]
    pub fn new(kinds: Uint8Array) -> Result<Self> {
        let layout = LAYOUT.with(|layout| layout.get().cloned().flatten());
        let layout =
            layout.ok_or_else(|| Error::from_reason("objects cannot be looked at here"))?;
        let watched = kinds.iter().map(|kind| Watched::unknown(Kind::of(*kind)));
        Ok(Self {
            watched: RefCell::new(watched.collect()),
            layout,
        })
    }

    /// Objects are as they should be now: the first `count` of `which`. `names`: lists of their keys. `maps`: an array with a place
    /// for each, not to be looked into: it keeps their hidden classes.
    #[napi(catch_unwind)]
    pub fn record(&self, env: &Env, lists: ScanLists, which: Int32Array, count: u32) {
        let own = node_api::Env::new(env.raw());
        let lists = Lists::of(own, lists);
        let mut watched = self.watched.borrow_mut();
        let holder = own.object();
        for at in which.iter().take(count as usize).map(|at| *at as usize) {
            let Some(entry) = watched.get_mut(at) else {
                continue;
            };
            if entry.is_hopeless() {
                continue;
            }
            // SAFETY: of an engine that is V8; nothing is allocated before the addresses are used up.
            let map = unsafe {
                let found = lists
                    .read(&self.layout)
                    .and_then(|read| read.entry(&self.layout, entry.kind, at));
                let made = found.as_ref().and_then(|entry| entry.watched(&self.layout));
                *entry = made.unwrap_or_else(|| entry.failed());
                found.and_then(|entry| entry.object.map())
            };
            if let Some(map) = map.filter(|_| entry.usable) {
                // SAFETY: an array may hold any object of the heap; nobody but `changed` looks into this one.
                unsafe { map.put_in(holder) };
                entry.usable = own.set_index(lists.maps, at as u32, holder).is_ok();
            }
        }
    }

    /// Writes the numbers of those that may have changed to `out`, which has room for all: `~n` where only values of properties
    /// did. Gives how many.
    #[napi(catch_unwind)]
    pub fn changed(&self, env: &Env, lists: ScanLists, mut out: Int32Array) -> u32 {
        // SAFETY: JavaScript does not run while the numbers are written.
        let out = unsafe { out.as_mut() };
        let watched = self.watched.borrow();
        self.look(env, lists, &watched, 0..watched.len(), out)
    }

    /// The same for the first `count` of `numbers`, which are replaced by those that differ still.
    #[napi(catch_unwind)]
    pub fn differing(
        &self,
        env: &Env,
        lists: ScanLists,
        mut numbers: Int32Array,
        count: u32,
    ) -> u32 {
        // SAFETY: as above.
        let out = unsafe { numbers.as_mut() };
        let which: Vec<_> = out
            .iter()
            .take(count as usize)
            .map(|at| *at as usize)
            .collect();
        self.look(env, lists, &self.watched.borrow(), which.into_iter(), out)
    }

    fn look(
        &self,
        env: &Env,
        lists: ScanLists,
        watched: &[Watched],
        which: impl Iterator<Item = usize>,
        out: &mut [i32],
    ) -> u32 {
        let lists = Lists::of(node_api::Env::new(env.raw()), lists);
        let mut count = 0;
        // SAFETY: of an engine that is V8; nothing is allocated until all have been looked at.
        unsafe {
            let read = lists.read(&self.layout);
            for at in which {
                // Objects lie all over the heap: the processor is told of those that come.
                if let Some(read) = &read {
                    read.fetch(at);
                }
                let look = || {
                    let (read, entry) = (
                        read.as_ref()?,
                        watched.get(at).filter(|entry| entry.usable)?,
                    );
                    let map = Word(*read.maps.items.get(at)?).object()?;
                    let now = read.entry(&self.layout, entry.kind, at)?;
                    Some(match now.list {
                        Some((list, names)) => {
                            entry.look(&self.layout, now.object, map, &list, &names)
                        }
                        None => entry.glance(&self.layout, now.object, map, now.other),
                    })
                };
                let told = match look() {
                    Some(Found::Same) => continue,
                    Some(Found::Values) => !(at as i32),
                    _ => at as i32,
                };
                if let Some(place) = out.get_mut(count) {
                    *place = told;
                    count += 1;
                }
            }
        }
        count as u32
    }
}

/// Arrays that belong together, each with an item for each object.
#[napi(object, object_to_js = false)]
pub struct ScanLists<'a> {
    pub objects: Unknown<'a>,
    /// What their fields hold, or what their kind has in place of that.
    pub lists: Unknown<'a>,
    /// Their keys.
    pub names: Unknown<'a>,
    /// Their hidden classes.
    pub maps: Unknown<'a>,
}

struct Lists {
    objects: Value,
    lists: Value,
    names: Value,
    maps: Value,
}

struct Read<'a> {
    objects: List<'a>,
    lists: List<'a>,
    names: List<'a>,
    maps: List<'a>,
}

impl Lists {
    fn of(env: node_api::Env, given: ScanLists<'_>) -> Self {
        Self {
            objects: value_of(env, given.objects),
            lists: value_of(env, given.lists),
            names: value_of(env, given.names),
            maps: value_of(env, given.maps),
        }
    }

    /// # Safety
    /// Nothing is allocated while what is read is used.
    unsafe fn read<'a>(&self, layout: &Layout) -> Option<Read<'a>> {
        // SAFETY: by the caller's promise.
        let list = |array| unsafe { List::of(layout, Object::of(array)?) };
        Some(Read {
            objects: list(self.objects)?,
            lists: list(self.lists)?,
            names: list(self.names)?,
            maps: list(self.maps)?,
        })
    }
}

/// What is looked at.
struct Entry<'a> {
    kind: Kind,
    object: Object,
    /// What its fields hold, and its keys; or what stands in place of these.
    list: Option<(List<'a>, List<'a>)>,
    other: Word,
}

impl<'a> Read<'a> {
    /// Lets the processor load objects that are looked at later: first themselves, then what they point to.
    ///
    /// # Safety
    /// As for [`Lists::read`].
    unsafe fn fetch(&self, at: usize) {
        let item = |list: &List<'a>, at: usize| Word(*list.items.get(at)?).object();
        if let Some(object) = item(&self.objects, at + 16) {
            object.fetch();
        }
        if let Some(other) = item(&self.lists, at + 16) {
            other.fetch();
        }
        if let Some(object) = item(&self.objects, at + 6) {
            // SAFETY: by the caller's promise; each object has so many words.
            if let Some(properties) = unsafe { object.field(PROPERTIES) }.object() {
                properties.fetch();
            }
        }
    }

    /// # Safety
    /// As for [`Lists::read`].
    unsafe fn entry(&self, layout: &Layout, kind: Kind, at: usize) -> Option<Entry<'a>> {
        let item = |list: &List<'a>| Word(*list.items.get(at)?).object();
        let other = Word(*self.lists.items.get(at)?);
        // SAFETY: by the caller's promise.
        let list = |array| unsafe { List::of(layout, array) };
        let list = match kind.is_brief() {
            true => None,
            false => Some((list(other.object()?)?, list(item(&self.names)?)?)),
        };
        Some(Entry {
            kind,
            object: item(&self.objects)?,
            list,
            other,
        })
    }
}

impl Entry<'_> {
    /// # Safety
    /// As for [`Lists::read`].
    unsafe fn watched(&self, layout: &Layout) -> Option<Watched> {
        // SAFETY: by the caller's promise.
        unsafe {
            match &self.list {
                Some((list, names)) => Watched::of(layout, self.kind, self.object, list, names),
                None => Watched::brief(layout, self.kind, self.object, self.other),
            }
        }
    }
}
