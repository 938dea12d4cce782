//! How V8 lays objects out, found by looking at samples whose content is known. Where anything is other than expected (another
//! engine, compressed pointers, a new V8) there is no layout, and nothing is read.

use super::raw::{
    ELEMENTS, HEADER, ITEMS, LENGTH, Object, PROPERTIES, Shape, Word, prototype, small,
};
use crate::binding::node_api::{Env, Value};

/// So many words at the beginning of a dictionary tell whether anything was added or taken away.
pub const COUNTS: usize = 4;

/// What lies where for one thread.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The list without items.
    pub empty: Word,
    pub undefined: Word,
    /// The maps of lists of values, of doubles, of properties, and of boxed numbers.
    pub lists: [Word; 2],
    pub doubles: Word,
    pub properties: Word,
    pub dictionary: Word,
    /// The map of elements that lie far apart.
    pub sparse: Word,
    pub number: Word,
    /// What V8 has in place of the value of a property that it computes.
    pub computed: Word,
    pub hole: Word,
    /// The type of `undefined`, `true` and their like.
    pub constant: u16,
    /// The type of a getter with a setter, and that of functions made by `bind`.
    pub accessors: u16,
    pub bound: u16,
    /// Types of objects whose properties are as those of any object, of arrays, of functions.
    pub plain: Vec<u16>,
    pub array: u16,
    pub functions: Vec<u16>,
    /// Of views, buffers and promises.
    pub views: Vec<u16>,
    /// Types of what V8 itself keeps in fields, and never changes.
    pub own: Vec<u16>,
    /// The field of a function that has its prototype, or the map of what it constructs, which has it.
    pub prototype: usize,
    /// Whether a function has a hole there until somebody asks for its prototype.
    pub has_unborn: bool,
}

/// Samples, in the order of `lib/rewind/scan.js`.
#[repr(u32)]
#[derive(Clone, Copy)]
enum Sample {
    A,
    B,
    C,
    List,
    Literal,
    Doubles,
    Small,
    Same,
    Larger,
    Frozen,
    Inherits,
    Wide,
    Number,
    Dictionary,
    Less,
    More,
    Swapped,
    Indexed,
    Function,
    Prototype,
    Constructor,
    ItsPrototype,
    Made,
    Holey,
    DictionaryFunction,
    Sparse,
    Branded,
    Accessed,
    Getter,
    Setter,
    Bound,
    Unborn,
    Functions,
    Exotic,
    Views,
    Others,
}

const LAST: usize = Sample::Others as usize;

struct Samples {
    env: Env,
    all: Vec<Value>,
}

impl Samples {
    fn object(&self, which: Sample) -> Option<Object> {
        // SAFETY: live values; the caller has made sure of V8.
        unsafe { Object::of(self.all[which as usize]) }
    }
    fn values(&self, which: Sample) -> Option<Vec<Value>> {
        let list = self.all[which as usize];
        let len = self.env.len(list).ok()?;
        (0..len)
            .map(|at| self.env.get_index(list, at).ok())
            .collect()
    }
}

/// Whether it is a string or a symbol.
///
/// # Safety
/// As for [`Object::field`].
pub unsafe fn is_text(object: Object) -> Option<bool> {
    /// Strings come first.
    const BEHIND_TEXTS: u16 = 0x81;
    // SAFETY: by the caller's promise.
    unsafe { Some(Shape::of(object.map()?).ty < BEHIND_TEXTS) }
}

fn must(holds: bool) -> Option<()> {
    holds.then_some(())
}

impl Layout {
    /// Looks at the samples. `samples`: an array of them, in an engine that is V8.
    pub fn learn(env: Env, samples: Value) -> Option<Self> {
        let all: Option<Vec<_>> = (0..=LAST as u32)
            .map(|at| env.get_index(samples, at).ok())
            .collect();
        let samples = Samples { env, all: all? };
        let undefined = env.undefined();
        // Lists of values first: getting at their items allocates.
        let lists = [
            Sample::Functions,
            Sample::Exotic,
            Sample::Others,
            Sample::Views,
        ]
        .map(|which| samples.values(which));
        let [functions, exotic, others, views] = lists;
        let (functions, exotic, others, views) = (functions?, exotic?, others?, views?);
        // SAFETY: nothing is allocated from here on. Each step has made sure of the objects that it looks at: arrays have four words,
        // and the rest is found through what arrays of known content lead to.
        unsafe {
            let objects = |values: Vec<Value>| {
                values
                    .into_iter()
                    .map(|value| Object::of(value))
                    .collect::<Option<Vec<_>>>()
            };
            let (functions, exotic, others) =
                (objects(functions)?, objects(exotic)?, objects(others)?);
            let undefined = Object::of(undefined)?.word();
            let [a, b, c] = [Sample::A, Sample::B, Sample::C].map(|which| samples.object(which));
            let (a, b, c) = (a?.word(), b?.word(), c?.word());
            let list_of = |which: Sample, items: &[usize]| {
                let array = samples.object(which)?;
                must(array.field(LENGTH) == small(items.len() as u32))?;
                let list = array.field(ELEMENTS).object()?;
                must(list.field(1) == small(items.len() as u32))?;
                must(list.fields(ITEMS, items.len()) == items)?;
                Some((list.field(0), Shape::of(array.map()?).ty))
            };
            let (values, array) = list_of(Sample::List, &[a.0, b.0, c.0])?;
            let (literal, second) =
                list_of(Sample::Literal, &[small(1).0, small(2).0, small(3).0])?;
            let bits = [1.5f64.to_bits() as usize, 2.5f64.to_bits() as usize];
            let (doubles, third) = list_of(Sample::Doubles, &bits)?;
            must(array == second && array == third)?;
            must(doubles != values && doubles != literal)?;

            let small_one = samples.object(Sample::Small)?;
            let map = small_one.map()?;
            let shape = Shape::of(map);
            must(shape.size == HEADER + 3 && shape.first == HEADER && shape.end == shape.size)?;
            must(small_one.fields(HEADER, 3) == [a.0, b.0, small(7).0])?;
            let empty = small_one.field(ELEMENTS);
            must(small_one.field(PROPERTIES) == empty)?;
            must(empty.object()?.fields(0, ITEMS) == [values.0, 0])?;
            let same = samples.object(Sample::Same)?;
            must(same.map() == Some(map) && same.fields(HEADER, 2) == [b.0, c.0])?;
            let different = [Sample::Larger, Sample::Frozen, Sample::Inherits];
            must(
                different
                    .iter()
                    .all(|which| samples.object(*which).and_then(|o| o.map()) != Some(map)),
            )?;
            must(Shape::of(samples.object(Sample::Larger)?.map()?).size == HEADER + 4)?;
            must(prototype(samples.object(Sample::Inherits)?.map()?) == a)?;

            let properties = Self::outside(&samples, &[a.0, b.0, c.0, a.0, b.0, c.0, a.0])?;
            let boxed = samples.object(Sample::Number)?.field(HEADER).object()?;
            must(boxed.field(1).0 == bits[0])?;
            let number = boxed.field(0);
            let dictionary = samples
                .object(Sample::Dictionary)?
                .field(PROPERTIES)
                .object()?;
            let entries = Self::entries(dictionary)?;
            must(entries.contains(&b.0) && entries.contains(&small(7).0))?;
            let mut counts = vec![entries.first_chunk::<COUNTS>()?];
            for which in [Sample::Less, Sample::More, Sample::Swapped] {
                let other = samples.object(which)?.field(PROPERTIES).object()?;
                must(other.field(0) == dictionary.field(0))?;
                let other = Self::entries(other)?.first_chunk()?;
                must(!counts.contains(&other))?;
                counts.push(other);
            }
            let dictionary = dictionary.field(0);
            must(dictionary != properties && dictionary != values)?;
            let sparse = samples.object(Sample::Sparse)?.field(ELEMENTS).object()?;
            must(Self::entries(sparse)?.contains(&b.0))?;
            let sparse = sparse.field(0);
            must(sparse != dictionary && sparse != values && sparse != literal)?;
            let holey = samples.object(Sample::Holey)?;
            must(holey.field(LENGTH) == small(2))?;
            let [hole, second] = holey.field(ELEMENTS).object()?.fields(ITEMS, 2) else {
                return None;
            };
            must(*second == a.0 && Word(*hole).object().is_some())?;
            let hole = Word(*hole);
            must(samples.object(Sample::Indexed)?.field(ELEMENTS) != empty)?;

            let function = samples.object(Sample::Function)?;
            let its = samples.object(Sample::Prototype)?;
            let header = HEADER..Shape::of(function.map()?).first;
            let mut places = header.filter(|at| function.field(*at) == its.word());
            let place = places.next()?;
            must(places.next().is_none())?;
            let initial = samples.object(Sample::Constructor)?.field(place).object()?;
            let second = samples.object(Sample::ItsPrototype)?;
            must(initial.map() == map.map() && prototype(initial) == second.word())?;

            let outside = samples
                .object(Sample::DictionaryFunction)?
                .field(PROPERTIES)
                .object()?;
            must(outside.field(0) == dictionary)?;
            let strange = |word: &usize| {
                let object = Word(*word).object()?;
                let known = Word(*word) == undefined || Word(*word) == hole || is_text(object)?;
                (!known).then_some(object)
            };
            let mut computed = Self::entries(outside)?
                .iter()
                .filter_map(strange)
                .map(|object| object.field(0));
            let first = computed.next()?;
            must(computed.all(|map| map == first))?;
            let computed = first;

            let ty = |object: Object| Some(Shape::of(object.map()?).ty);
            let branded = samples.object(Sample::Branded)?;
            let outside = |object: &Object| {
                let found = object
                    .field(PROPERTIES)
                    .object()
                    .filter(|found| found.field(0) == properties)?;
                Some(found.fields(ITEMS, Self::outside_len(found)?))
            };
            let outside = functions.iter().filter_map(outside).flatten();
            let own = Self::inside(branded)?.iter().chain(outside);
            let own: Vec<_> = own
                .filter_map(strange)
                .filter(|object| object.field(0) != number)
                .filter_map(ty)
                .collect();
            must(!own.is_empty())?;
            let plain = [small_one, samples.object(Sample::Made)?, its, second];
            let mut plain: Vec<_> = plain.into_iter().map(ty).collect::<Option<_>>()?;
            must(plain[0] == plain[1] && ty(samples.object(Sample::Wide)?)? == plain[0])?;
            plain.extend(exotic.into_iter().filter_map(ty));
            let accessed = samples
                .object(Sample::Accessed)?
                .field(PROPERTIES)
                .object()?;
            must(accessed.field(0) == dictionary)?;
            let pair = [Sample::Getter, Sample::Setter].map(|which| samples.object(which));
            let pair = [pair[0]?.word().0, pair[1]?.word().0];
            let mut pairs = Self::entries(accessed)?.iter().filter_map(strange);
            let accessors = pairs.find(|found| found.fields(1, 2) == pair)?;
            let mut kinds: Vec<_> = functions.iter().copied().map(ty).collect::<Option<_>>()?;
            kinds.push(ty(function)?);
            let unborn = samples.object(Sample::Unborn)?;
            let has_unborn = unborn.map() == function.map()
                && unborn.field(place) == hole
                && function.field(place) != hole;
            let mut layout = Self {
                has_unborn,
                empty,
                undefined,
                lists: [values, literal],
                doubles,
                properties,
                dictionary,
                sparse,
                number,
                computed,
                hole,
                constant: ty(undefined.object()?)?,
                accessors: ty(accessors)?,
                bound: ty(samples.object(Sample::Bound)?)?,
                plain,
                array,
                functions: kinds,
                views: objects(views)?.into_iter().map(ty).collect::<Option<_>>()?,
                own,
                prototype: place,
            };
            let apart = |object: Object| ty(object).is_some_and(|ty| !layout.knows(ty));
            must(apart(accessors) && apart(undefined.object()?))?;
            must(layout.accessors != layout.constant && !layout.knows(layout.bound))?;
            let apart = others.into_iter().all(apart)
                && layout.views.iter().all(|ty| !layout.functions.contains(ty));
            let known: Vec<_> = layout.own.iter().map(|ty| layout.knows(*ty)).collect();
            let mut known = known.into_iter();
            layout.own.retain(|_| known.next() == Some(false));
            apart.then_some(layout)
        }
    }

    /// Properties for which an object has no room.
    ///
    /// # Safety
    /// As in [`Layout::learn`].
    unsafe fn outside(samples: &Samples, items: &[usize]) -> Option<Word> {
        let wide = samples.object(Sample::Wide)?;
        // SAFETY: by the caller's promise.
        unsafe {
            let shape = Shape::of(wide.map()?);
            let inside = shape.size.checked_sub(HEADER)?;
            must(shape.end == shape.size && inside < items.len())?;
            must(wide.fields(HEADER, inside) == &items[..inside])?;
            let properties = wide.field(PROPERTIES).object()?;
            let len = Self::outside_len(properties)?;
            must(len == items.len() - inside + shape.spare)?;
            must(properties.fields(ITEMS, items.len() - inside) == &items[inside..])?;
            Some(properties.field(0))
        }
    }

    /// The words of a dictionary behind its length.
    ///
    /// # Safety
    /// As for [`Object::field`].
    pub unsafe fn entries<'a>(dictionary: Object) -> Option<&'a [usize]> {
        // SAFETY: by the caller's promise.
        unsafe {
            let len = dictionary.field(1).count()?;
            Some(dictionary.fields(ITEMS, len))
        }
    }

    unsafe fn inside<'a>(object: Object) -> Option<&'a [usize]> {
        // SAFETY: as in `learn`.
        unsafe {
            let shape = Shape::of(object.map()?);
            Some(object.fields(shape.first, shape.end.checked_sub(shape.first)?))
        }
    }

    /// How many slots a list of properties has.
    ///
    /// # Safety
    /// As for [`Object::field`].
    pub unsafe fn outside_len(properties: Object) -> Option<usize> {
        // The hash of the object is beside it.
        // SAFETY: by the caller's promise.
        let word = unsafe { properties.field(1) };
        word.is_small().then_some((word.0 >> 32) & 0x3ff)
    }

    /// An object of JavaScript's, for certain.
    pub fn knows(&self, ty: u16) -> bool {
        self.plain.contains(&ty) || self.array == ty || self.functions.contains(&ty)
    }
}
