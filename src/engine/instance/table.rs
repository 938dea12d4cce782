//! The function table that indirect calls go through.

use super::{Func, WasmInstance};

impl WasmInstance {
    /// The entry of the function table, `None` when null or out of range.
    pub fn table_get(&self, index: u32) -> Option<Func> {
        // SAFETY: the definition is valid as long as the store; the index is checked against its length; elements of a
        // funcref table are nullable pointers to records that live as long as the store.
        unsafe {
            let now = self.table?.read();
            if index >= now.current_elements {
                return None;
            }
            now.base.cast::<Option<Func>>().add(index as usize).read()
        }
    }
    /// Sets an entry of the function table; false when it is out of range.
    pub fn table_set(&mut self, index: u32, func: Option<Func>) -> bool {
        let table = self.store.as_mut().and_then(|store| store.tables.host());
        table.is_some_and(|table| table.set(index, func))
    }
    /// Grows the function table by one null entry and gives its index; `None` at its maximum.
    pub fn table_grow(&mut self) -> Option<u32> {
        self.store.as_mut()?.grow_host_table()
    }
    pub fn table_len(&self) -> u32 {
        // SAFETY: as in `table_get`.
        self.table
            .map_or(0, |table| unsafe { table.read().current_elements })
    }
}
