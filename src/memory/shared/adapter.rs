//! A shared memory as wasmer has it.

use super::{SharedHost, SharedMemory, WaitValue, shared_style};
use crate::memory::WASM_PAGE;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;
use wasmer_types::{MemoryStyle, MemoryType, Pages};
use wasmer_vm::{
    ExpectedValue, LinearMemory, MemoryError, Trap, TrapCode, VMMemory, VMMemoryDefinition,
    WaiterError,
};

/// wasmer's side of a [`SharedMemory`] in one store.
pub struct SharedAdapter {
    shared: Arc<SharedMemory>,
    host: Box<dyn SharedHost>,
}

// SAFETY: wasmer asks for it, and keeps the adapter in the store that it was made for, which stays on its thread.
unsafe impl Send for SharedAdapter {}
// SAFETY: as above.
unsafe impl Sync for SharedAdapter {}

impl std::fmt::Debug for SharedAdapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shared.fmt(f)
    }
}

impl SharedAdapter {
    /// The memory as a store of this thread has it.
    ///
    /// # Safety
    /// The store stays on this thread, and `host` keeps an object of V8's for the memory until it is dropped.
    pub unsafe fn memory(shared: Arc<SharedMemory>, host: Box<dyn SharedHost>) -> VMMemory {
        shared.users.lock().count += 1;
        let adapter: Box<dyn LinearMemory + Send + Sync> = Box::new(Self { shared, host });
        VMMemory::from_custom(adapter)
    }

    /// Runs what calls JavaScript: on the stack that V8 knows, and no panic gets into wasm.
    fn outside<R>(&self, work: impl FnOnce(&dyn SharedHost) -> R) -> Option<R> {
        wasmer_vm::on_host_stack(|| catch_unwind(AssertUnwindSafe(|| work(&*self.host))).ok())
    }
}

impl Drop for SharedAdapter {
    fn drop(&mut self) {
        self.shared.leave();
    }
}

impl LinearMemory for SharedAdapter {
    fn ty(&self) -> MemoryType {
        MemoryType::new(self.size(), Some(Pages(self.shared.maximum)), true)
    }
    fn size(&self) -> Pages {
        Pages((self.shared.len() / WASM_PAGE) as u32)
    }
    fn style(&self) -> MemoryStyle {
        shared_style()
    }
    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let grown = self.outside(|host| self.shared.grow(delta.0, |delta| host.grow(delta)));
        grown.flatten().map(Pages).ok_or(MemoryError::CouldNotGrow {
            current: self.size(),
            attempted_delta: delta,
        })
    }
    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.shared.place()
    }
    unsafe fn initialize_with_data(&self, start: usize, data: &[u8]) -> Result<(), Trap> {
        if start
            .checked_add(data.len())
            .is_none_or(|end| end > self.shared.len())
        {
            return Err(Trap::lib(TrapCode::HeapAccessOutOfBounds));
        }
        // SAFETY: within the memory, which never shrinks. Other threads may be at the same bytes: no reference is made.
        unsafe {
            data.as_ptr()
                .copy_to(self.shared.base().add(start), data.len());
        };
        Ok(())
    }
    unsafe fn do_wait(
        &mut self,
        offset: u32,
        expected: ExpectedValue,
        timeout: Option<Duration>,
    ) -> Result<u32, WaiterError> {
        let expected = match expected {
            ExpectedValue::U32(value) => WaitValue::I32(value.cast_signed()),
            ExpectedValue::U64(value) => WaitValue::I64(value.cast_signed()),
            ExpectedValue::None => return Err(WaiterError::Unimplemented),
        };
        self.outside(|host| host.wait(offset, expected, timeout))
            .flatten()
            .ok_or(WaiterError::AtomicsDisabled)
    }
    fn do_notify(&mut self, offset: u32, count: u32) -> u32 {
        self.outside(|host| host.notify(offset, count)).unwrap_or(0)
    }
    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync>, MemoryError> {
        Err(one_store())
    }
    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync>, MemoryError> {
        Err(one_store())
    }
}

fn one_store() -> MemoryError {
    MemoryError::UnsupportedOperation {
        message: "an adapter of a shared memory belongs to one store".into(),
    }
}
