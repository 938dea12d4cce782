//! Where wasmer gets its memories and tables from.

use crate::memory::{Linear, shared_style};
use std::ptr::NonNull;
use wasmer::sys::vm::{
    MemoryError, VMConfig, VMMemory, VMMemoryDefinition, VMTable, VMTableDefinition,
};
use wasmer::sys::{BaseTunables, Tunables};
use wasmer::{MemoryType, TableType};
use wasmer_vm::{MemoryStyle, TableStyle};

/// The most entries of a table, as in every JavaScript engine.
const TABLE_MAX: u32 = 10_000_000;

/// The type with a maximum that the process can bear: wasm may grow a table without asking anybody.
pub(super) fn bounded(ty: &TableType) -> Result<TableType, String> {
    if ty.minimum > TABLE_MAX {
        return Err(format!(
            "a table of {} entries: at most {TABLE_MAX} are possible",
            ty.minimum
        ));
    }
    let maximum = Some(ty.maximum.unwrap_or(TABLE_MAX).min(TABLE_MAX));
    Ok(TableType { maximum, ..*ty })
}

/// A shared memory is over bytes of V8's, and the host makes it: see [`SharedMemory`](crate::memory::SharedMemory).
fn not_shared() -> MemoryError {
    MemoryError::Generic("a shared memory of a module's own".into())
}

/// wasmer's own choices, except that memories are recyclable, and shared ones are made elsewhere.
pub(super) struct RecyclableTunables {
    base: BaseTunables,
}

impl RecyclableTunables {
    pub(super) fn new() -> Self {
        Self {
            base: BaseTunables::new(),
        }
    }
}

impl Tunables for RecyclableTunables {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        if memory.shared {
            return shared_style();
        }
        self.base.memory_style(memory)
    }
    fn table_style(&self, table: &TableType) -> TableStyle {
        self.base.table_style(table)
    }
    fn create_host_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
    ) -> Result<VMMemory, MemoryError> {
        if ty.shared {
            return Err(not_shared());
        }
        // SAFETY: without a place in a VMContext the memory owns its definition.
        unsafe { Linear::create(ty, style, None) }
    }
    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        place: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        // SAFETY: wasmer promises that the place outlives the memory.
        unsafe {
            if ty.shared {
                return Err(not_shared());
            }
            Linear::create(ty, style, Some(place))
        }
    }
    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.base.create_host_table(&bounded(ty)?, style)
    }
    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        place: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: handed on as it came.
        unsafe { self.base.create_vm_table(&bounded(ty)?, style, place) }
    }
    fn vmconfig(&self) -> &VMConfig {
        self.base.vmconfig()
    }
}
