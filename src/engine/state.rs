//! What of a store changes besides its memories, as bits: all its globals and tables, whether anything names them or not.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::slice;
use wasmer_types::{Mutability, TableType};
use wasmer_vm::{StoreObject, StoreObjects, VMGlobal, VMTable, VMTableDefinition};

/// The mutable globals of a store but for those in `without`, by the address of their definition: place and bits.
pub fn globals(
    objects: &StoreObjects,
    without: &HashSet<usize, impl BuildHasher>,
) -> Vec<(usize, u128)> {
    let all = VMGlobal::list(objects).iter().enumerate();
    all.filter(|(_, global)| {
        global.ty().mutability == Mutability::Var
            && !without.contains(&(global.vmglobal().as_ptr() as usize))
    })
    // SAFETY: the definition lives as long as the store, and no wasm runs while the host reads.
    .map(|(at, global)| (at, unsafe { global.vmglobal().as_ref().val.u128 }))
    .collect()
}

/// Puts back what [`globals`] gave for this store.
pub fn set_globals(objects: &StoreObjects, values: &[(usize, u128)]) {
    for (at, value) in values {
        if let Some(global) = VMGlobal::list(objects).get(*at) {
            // SAFETY: as in `globals`; the bits are those of this very global.
            unsafe { global.vmglobal().as_mut().val.u128 = *value };
        }
    }
}

/// The entries of a table: addresses of functions, or numbers of values of JavaScript's. Null is 0.
pub fn entries(table: &VMTable) -> &[usize] {
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

/// Brings length and entries of a table back to what they were. `owned`: the table's definition is its own, not an instance's.
///
/// A table can grow and not shrink, and wasmer checks some accesses against the length of its own vector: to shrink it is made
/// anew in the same place.
pub fn set_entries(table: &mut VMTable, saved: &[usize], owned: bool) -> Result<(), String> {
    if table.size() as usize != saved.len() {
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
    Ok(())
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
