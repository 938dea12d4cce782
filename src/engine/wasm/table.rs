//! The function table that indirect calls go through, and what it is brought back to.

use super::{Func, Wasm};
use rustc_hash::FxHashMap;
use std::ptr::NonNull;
use std::sync::Arc;
use wasmer_vm::{
    InternalStoreHandle, TableElement, VMCallerCheckedAnyfunc, VMTable, VMTableDefinition,
};

/// The function table that indirect calls go through.
pub(in crate::engine) struct FuncTable {
    pub(in crate::engine) definition: NonNull<VMTableDefinition>,
    /// For growing it; a table that is neither imported nor exported cannot be grown from outside.
    pub(in crate::engine) table: Option<InternalStoreHandle<VMTable>>,
    /// So many entries instantiation made.
    pub(in crate::engine) born: u32,
    /// Those of them that were set since, as they were: a table has thousands of entries, of which few are ever set.
    pub(in crate::engine) moved: FxHashMap<u32, Option<Func>>,
    /// What it was at last.
    pub(in crate::engine) image: TableImage,
    /// Entries set since.
    pub(in crate::engine) touched: Vec<u32>,
}

/// The function table at one moment, as what differs from the one that instantiation made: good for any instance of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableImage(Arc<Entries>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Entries {
    len: u32,
    /// In order of the index.
    set: Vec<(u32, Entry)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Null,
    Export(String),
    /// What instantiation put into another place.
    Born(u32),
    /// A function of the host's, by a number of its own.
    Host(u32),
}

impl TableImage {
    /// Of the table: how many entries it had.
    pub fn table_len(&self) -> u32 {
        self.0.len
    }
}

impl Wasm {
    /// The entry of the function table, `None` when null or out of range.
    pub fn table_get(&self, index: u32) -> Option<Func> {
        let table = self.table.as_ref()?;
        // SAFETY: the definition is valid as long as the store; the index is checked against its length; elements of a
        // funcref table are nullable pointers to records that live as long as the store.
        unsafe {
            let now = table.definition.as_ref();
            if index >= now.current_elements {
                return None;
            }
            NonNull::new(
                now.base
                    .cast::<*mut VMCallerCheckedAnyfunc>()
                    .add(index as usize)
                    .read(),
            )
            .map(Func)
        }
    }
    /// Sets an entry of the function table; false when it is out of range.
    pub fn table_set(&mut self, index: u32, func: Option<Func>) -> bool {
        let set = self.write_entry(index, func);
        if let Some(table) = self.table.as_mut().filter(|_| set) {
            table.touched.push(index);
        }
        set
    }
    fn write_entry(&mut self, index: u32, func: Option<Func>) -> bool {
        let was = self.table_get(index);
        let Some(table) = self.table.as_mut() else {
            return false;
        };
        if was != func && index < table.born {
            table.moved.entry(index).or_insert(was);
        }
        // SAFETY: as in `table_get`.
        unsafe {
            let now = table.definition.as_ref();
            if index >= now.current_elements {
                return false;
            }
            let value = func.map_or(std::ptr::null_mut(), |f| f.0.as_ptr());
            now.base
                .cast::<*mut VMCallerCheckedAnyfunc>()
                .add(index as usize)
                .write(value);
        }
        true
    }
    /// Grows the function table by one null entry and gives its index; `None` at its maximum.
    pub fn table_grow(&mut self) -> Option<u32> {
        let table = self.table.as_ref()?.table?;
        let objects = self.store.as_mut()?.objects_mut();
        table.get_mut(objects).grow(1, TableElement::FuncRef(None))
    }
    pub fn table_len(&self) -> u32 {
        // SAFETY: as in `table_get`.
        self.table
            .as_ref()
            .map_or(0, |t| unsafe { t.definition.as_ref().current_elements })
    }

    /// What the function table is now. `host`: the number of a function of the host's.
    pub(crate) fn table_image(&mut self, host: impl Fn(Func) -> Option<u32>) -> TableImage {
        let len = self.table_len();
        let mut set = Vec::new();
        for index in 0..len {
            let is = self.table_get(index);
            if is != self.born_entry(index) {
                set.push((index, self.entry_of(is, &host)));
            }
        }
        let image = TableImage(Arc::new(Entries { len, set }));
        if let Some(table) = &mut self.table {
            table.image = image.clone();
            table.touched.clear();
        }
        image
    }
    fn born_entry(&self, index: u32) -> Option<Func> {
        let table = self.table.as_ref()?;
        match table.moved.get(&index) {
            Some(was) => *was,
            None if index < table.born => self.table_get(index),
            None => None,
        }
    }
    fn entry_of(&self, is: Option<Func>, host: impl Fn(Func) -> Option<u32>) -> Entry {
        let Some(func) = is else { return Entry::Null };
        if let Some(number) = host(func) {
            return Entry::Host(number);
        }
        let born = self.table.as_ref().map_or(0, |table| table.born);
        if let Some(at) = (0..born).find(|at| self.born_entry(*at) == is) {
            return Entry::Born(at);
        }
        // Nothing but exports, JavaScript functions and entries can be put there.
        let mut exports = self.exports();
        let named = exports.find(|(_, export)| *export == func);
        named.map_or(Entry::Null, |(name, _)| Entry::Export(name.to_owned()))
    }
    fn func_of(&self, entry: &Entry, host: impl Fn(u32) -> Option<Func>) -> Option<Func> {
        match entry {
            Entry::Null => None,
            Entry::Export(name) => self.export(name),
            Entry::Born(at) => self.born_entry(*at),
            Entry::Host(number) => host(*number),
        }
    }
    /// Entries that are not as in `image`.
    pub(crate) fn table_differences(
        &self,
        image: &TableImage,
        host: impl Fn(u32) -> Option<Func>,
    ) -> Vec<u32> {
        (0..self.table_len().min(image.table_len()))
            .filter(|index| self.table_get(*index) != self.in_image(image, *index, &host))
            .collect()
    }
    fn in_image(
        &self,
        image: &TableImage,
        index: u32,
        host: impl Fn(u32) -> Option<Func>,
    ) -> Option<Func> {
        let set = &image.0.set;
        match set.binary_search_by_key(&index, |(at, _)| *at) {
            Ok(at) => self.func_of(&set[at].1, host),
            Err(_) if index < image.table_len() => self.born_entry(index),
            Err(_) => None,
        }
    }
    /// Brings entries and length of the function table back. Only what was set through [`Wasm::table_set`] and grown
    /// through [`Wasm::table_grow`] can have changed: programs that write tables by themselves are started anew instead.
    /// False when it could not grow.
    pub(crate) fn restore_table(
        &mut self,
        image: &TableImage,
        host: impl Fn(u32) -> Option<Func>,
    ) -> bool {
        let now = self.table_len();
        let Some(table) = &mut self.table else {
            return true;
        };
        let mut changed = std::mem::take(&mut table.touched);
        let len = image.table_len();
        let last = table.image.clone();
        let is_same = Arc::ptr_eq(&last.0, &image.0);
        if is_same && changed.is_empty() && now == len {
            return true;
        }
        if !is_same {
            // Everywhere else both are as instantiation made them.
            table.image = image.clone();
            let set = last.0.set.iter().chain(&image.0.set);
            changed.extend(set.map(|(index, _)| *index));
            while self.table_len() < len {
                if self.table_grow().is_none() {
                    return false;
                }
            }
            changed.extend(last.table_len().min(len)..self.table_len());
        }
        for index in changed {
            let entry = self.in_image(image, index, &host);
            self.write_entry(index, entry);
        }
        if let Some(table) = &mut self.table {
            // SAFETY: as in `table_get`. Entries above are null now, so growing again shows null.
            unsafe { table.definition.as_mut().current_elements = len };
        }
        true
    }
}

impl crate::saved::Saved for TableImage {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(Self(crate::saved::Saved::load(from)?))
    }
}
crate::saved::saved_struct!(Entries { len, set });
crate::saved::saved_enum!(Entry { 0 Null ; 1 Export(name), 2 Born(index), 3 Host(number) ; });
