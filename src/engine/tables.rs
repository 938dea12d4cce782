//! The tables of a store: what an image keeps of them, and how they are brought back to it.

use super::Func;
use super::store::Handle;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use wasmer_types::TableType;
use wasmer_vm::{
    StoreObject, StoreObjects, TableElement, VMCallerCheckedAnyfunc, VMTable, VMTableDefinition,
};

/// The entries of a table: as they are, or by name (see [`Names`]) where only the host writes to it.
pub(super) type TableImage = Arc<Vec<usize>>;

/// Who writes to the tables of a store.
pub(super) enum Tables {
    /// Its wasm does, and tells nobody: all of them are kept, and looked at as a whole.
    Anybody {
        /// Tables whose definition is their own, not an instance's, by its address.
        own: FxHashSet<usize>,
    },
    /// Only the host, and only to this one.
    Host(Option<HostTable>),
}

impl Default for Tables {
    fn default() -> Self {
        Self::Anybody {
            own: FxHashSet::default(),
        }
    }
}

impl Tables {
    /// A table was made that is no instance's.
    pub fn add_own(&mut self, table: &VMTable) {
        if let Self::Anybody { own } = self {
            own.insert(address(table));
        }
    }

    pub fn host(&mut self) -> Option<&mut HostTable> {
        match self {
            Self::Host(table) => table.as_mut(),
            Self::Anybody { .. } => None,
        }
    }

    pub fn images(&mut self, objects: &StoreObjects) -> Vec<TableImage> {
        match self {
            Self::Host(table) => table.iter_mut().map(HostTable::take_image).collect(),
            Self::Anybody { .. } => {
                let all = VMTable::list(objects).iter();
                all.map(|table| Arc::new(entries(table).to_vec())).collect()
            }
        }
    }

    pub fn restore(
        &mut self,
        objects: &mut StoreObjects,
        images: &[TableImage],
    ) -> Result<(), String> {
        match self {
            Self::Host(table) => match (table, images.first()) {
                (Some(table), Some(image)) => table.restore(objects, image),
                _ => Ok(()),
            },
            Self::Anybody { own } => {
                let all = VMTable::list_mut(objects).iter_mut();
                all.zip(images).try_for_each(|(table, image)| {
                    let is_own = own.contains(&address(table));
                    if set_entries(table, image, is_own)? {
                        // Its definition stays, and is nobody's to free.
                        own.remove(&address(table));
                    }
                    Ok(())
                })
            }
        }
    }

    pub fn differences(&self, objects: &StoreObjects, images: &[TableImage]) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |at: usize, is: &[usize], was: &[usize]| {
            if is.len() != was.len() {
                let (is, was) = (is.len(), was.len());
                found.push(format!("table {at} has {is} entries, had {was}"));
            }
            let differ = is.iter().zip(was).filter(|(is, was)| is != was).count();
            if differ > 0 {
                found.push(format!("{differ} entries of table {at} differ"));
            }
        };
        match self {
            Self::Host(table) => {
                for (table, image) in table.iter().zip(images) {
                    compare(0, &table.named(), image);
                }
            }
            Self::Anybody { .. } => {
                for (at, (table, image)) in VMTable::list(objects).iter().zip(images).enumerate() {
                    compare(at, entries(table), image);
                }
            }
        }
        found
    }
}

fn address(table: &VMTable) -> usize {
    table.vmtable().as_ptr() as usize
}

/// A table that the host alone writes to, which therefore knows what has changed.
pub(super) struct HostTable {
    definition: NonNull<VMTableDefinition>,
    /// For growing it; a table that is neither imported nor exported cannot be grown from outside.
    growable: Option<Handle<VMTable>>,
    names: Names,
    /// What it was at last; `None`: as instantiation made it.
    image: Option<TableImage>,
    /// Entries set since.
    touched: Vec<u32>,
}

impl HostTable {
    pub fn new(
        definition: NonNull<VMTableDefinition>,
        growable: Option<Handle<VMTable>>,
        names: Names,
    ) -> Self {
        Self {
            definition,
            growable,
            names,
            image: None,
            touched: Vec::new(),
        }
    }

    fn entries(&self) -> &[Option<Func>] {
        // SAFETY: the definition is valid as long as the store; elements of a funcref table are nullable pointers to records
        // that live as long as it; nobody writes while the slice is borrowed, since no wasm runs.
        unsafe {
            let now = self.definition.as_ref();
            match now.current_elements {
                0 => &[],
                len => slice::from_raw_parts(now.base.cast(), len as usize),
            }
        }
    }

    fn entries_mut(&mut self) -> &mut [Option<Func>] {
        // SAFETY: as in `entries`.
        unsafe {
            let now = self.definition.as_ref();
            match now.current_elements {
                0 => &mut [],
                len => slice::from_raw_parts_mut(now.base.cast(), len as usize),
            }
        }
    }

    /// Sets an entry; false when it is out of range.
    pub fn set(&mut self, index: u32, func: Option<Func>) -> bool {
        let Some(entry) = self.entries_mut().get_mut(index as usize) else {
            return false;
        };
        *entry = func;
        self.touched.push(index);
        true
    }

    /// Grows by null entries and gives the index of the first; `None` at its maximum.
    pub fn grow(&mut self, objects: &mut StoreObjects, delta: u32) -> Option<u32> {
        let table = self.growable?;
        table
            .get_mut(objects)
            .grow(delta, TableElement::FuncRef(None))
    }

    /// Functions of the host's were made, which may be put into it: in every instance in the same order.
    pub fn know(&mut self, functions: &[Func]) {
        self.names.extend(functions.iter().copied());
    }

    fn named(&self) -> Vec<usize> {
        let names = self.entries().iter().map(|entry| self.names.of(*entry));
        names.collect()
    }

    fn take_image(&mut self) -> TableImage {
        let len = self.entries().len();
        let last = self.image.as_ref().filter(|last| last.len() == len);
        if let Some(last) = last.filter(|_| self.touched.is_empty()) {
            return last.clone();
        }
        let image = Arc::new(self.named());
        self.image = Some(image.clone());
        self.touched.clear();
        image
    }

    fn restore(&mut self, objects: &mut StoreObjects, image: &TableImage) -> Result<(), String> {
        let (now, len) = (self.entries().len(), image.len());
        let last = self.image.as_ref();
        let is_same = last.is_some_and(|last| Arc::ptr_eq(last, image));
        if is_same && self.touched.is_empty() && now == len {
            return Ok(());
        }
        let last = self.image.replace(image.clone());
        let touched = std::mem::take(&mut self.touched);
        if len > now && self.grow(objects, (len - now) as u32).is_none() {
            return Err("it could not grow to what it was".into());
        }
        for index in touched {
            self.put_back(image, index as usize);
        }
        if !is_same {
            let was = |index| last.as_ref().and_then(|last| last.get(index));
            for index in (0..len).filter(|index| was(*index) != image.get(*index)) {
                self.put_back(image, index);
            }
        }
        // Null, so that growing again shows null.
        self.entries_mut()[len..].fill(None);
        // SAFETY: as in `entries`; it does not become longer.
        unsafe { self.definition.as_mut().current_elements = len as u32 };
        Ok(())
    }

    fn put_back(&mut self, image: &[usize], index: usize) {
        let entry = image.get(index).and_then(|name| self.names.func(*name));
        if let Some(place) = self.entries_mut().get_mut(index) {
            *place = entry;
        }
    }
}

/// Names for the functions that a table can hold, which are good for any instance of the program: 0 for null, then the module's
/// own functions in order, then from [`OTHERS`] on those that it imports and the host's.
pub(super) struct Names {
    /// The record of the module's first own function, which the others follow, and how many there are.
    own: Option<(NonNull<VMCallerCheckedAnyfunc>, usize)>,
    others: Vec<Func>,
    numbers: FxHashMap<Func, usize>,
}

const OTHERS: usize = 1 << 32;

impl Names {
    /// `own`: one of the module's own functions, its number among them, and how many there are.
    pub fn new(own: Option<(Func, usize, usize)>) -> Self {
        let first = own.map(|(Func(record), at, count)| {
            // SAFETY: an instance keeps the records of its own functions in one slice, in order.
            (unsafe { record.sub(at) }, count)
        });
        Self {
            own: first,
            others: Vec::new(),
            numbers: FxHashMap::default(),
        }
    }

    pub fn extend(&mut self, functions: impl IntoIterator<Item = Func>) {
        for function in functions {
            self.numbers.entry(function).or_insert(self.others.len());
            self.others.push(function);
        }
    }

    fn of(&self, func: Option<Func>) -> usize {
        let Some(func) = func else { return 0 };
        let own = self.own.and_then(|(first, count)| {
            let bytes = (func.0.as_ptr() as usize).checked_sub(first.as_ptr() as usize)?;
            let at = bytes / size_of::<VMCallerCheckedAnyfunc>();
            (at < count).then_some(at + 1)
        });
        own.or_else(|| Some(self.numbers.get(&func)? + OTHERS))
            .unwrap_or(0)
    }

    fn func(&self, name: usize) -> Option<Func> {
        if let Some(other) = name.checked_sub(OTHERS) {
            return self.others.get(other).copied();
        }
        let (first, count) = self.own?;
        let at = name.checked_sub(1).filter(|at| *at < count)?;
        // SAFETY: as in `new`; it is within the slice.
        Some(Func(unsafe { first.add(at) }))
    }
}

/// The entries of a table: addresses of functions, or numbers of values of JavaScript's. Null is 0.
fn entries(table: &VMTable) -> &[usize] {
    // SAFETY: see `words`; nobody writes while the slice is borrowed, since no wasm runs.
    unsafe {
        let now = table.vmtable().as_ref();
        match now.current_elements {
            0 => &[],
            len => slice::from_raw_parts(words(now), len as usize),
        }
    }
}

/// wasmer keeps an entry in a union of the size of a pointer.
fn words(definition: &VMTableDefinition) -> *mut usize {
    definition.base.cast()
}

/// Brings length and entries of a table back to what they were, and tells whether it was made anew. `owned`: the table's
/// definition is its own, not an instance's.
///
/// A table can grow and not shrink, and wasmer checks some accesses against the length of its own vector: to shrink it is made
/// anew in the same place.
fn set_entries(table: &mut VMTable, saved: &[usize], owned: bool) -> Result<bool, String> {
    let is_anew = table.size() as usize != saved.len();
    if is_anew {
        let ty = TableType {
            minimum: u32::try_from(saved.len()).map_err(|e| e.to_string())?,
            ..*table.ty()
        };
        // SAFETY: the place is that of this table's own definition, which is alive: an instance's, or the box of the table
        // that is taken out, which is then never freed.
        let fresh = unsafe { VMTable::from_definition(&ty, table.style(), table.vmtable()) }?;
        let former = std::mem::replace(table, fresh);
        if owned {
            // Instances that import the table have the address of its definition.
            std::mem::forget(former);
        }
    }
    // SAFETY: as in `entries`; `saved` has as many entries as the table.
    let now = unsafe {
        let definition = table.vmtable().as_ref();
        match definition.current_elements {
            0 => &mut [][..],
            len => slice::from_raw_parts_mut(words(definition), len as usize),
        }
    };
    if now != saved {
        now.copy_from_slice(saved);
    }
    Ok(is_anew)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmer_types::Type;
    use wasmer_vm::{TableElement, VMFuncRef};

    fn element(bits: usize) -> TableElement {
        let mut raw = wasmer_types::RawValue::default();
        raw.funcref = bits;
        // SAFETY: never called.
        TableElement::FuncRef(unsafe { VMFuncRef::from_raw(raw) })
    }

    #[test]
    fn a_table_shrinks_in_place() {
        let ty = TableType::new(Type::FuncRef, 2, Some(9));
        let style = wasmer_vm::TableStyle::CallerChecksSignature;
        let mut table = VMTable::new(&ty, &style).expect("is made");
        table.set(1, element(64)).expect("in range");
        let place = table.vmtable();
        let saved = entries(&table).to_vec();
        for (round, owned) in [true, false, false].into_iter().enumerate() {
            table.set(0, element(128)).expect("in range");
            assert_eq!(table.grow(3, element(256)), Some(2), "{round}");
            set_entries(&mut table, &saved, owned).expect("goes back");
            assert_eq!(entries(&table), [0, 64]);
            assert_eq!(table.vmtable(), place);
            assert_eq!(table.get_runtime_size(), 2);
            assert!(table.set(2, element(1)).is_err());
        }
        assert_eq!(table.grow(7, element(0)), Some(2));
        assert_eq!(table.grow(1, element(0)), None);
    }
}
