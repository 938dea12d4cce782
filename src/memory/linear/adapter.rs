//! A linear memory as wasmer knows it.

use super::{LinearHandle, WASM_PAGE};
use std::ptr::NonNull;
use wasmer_types::{MemoryStyle, MemoryType, Pages};
use wasmer_vm::{LinearMemory, MemoryError, VMMemoryDefinition};

/// wasmer's side of a [`Linear`].
#[derive(Debug)]
pub(super) struct Adapter {
    pub(super) linear: LinearHandle,
    pub(super) style: MemoryStyle,
}

impl LinearMemory for Adapter {
    fn ty(&self) -> MemoryType {
        let mut ty = self.linear.ty;
        ty.minimum = self.size();
        ty
    }
    fn size(&self) -> Pages {
        Pages((self.linear.len() / WASM_PAGE) as u32)
    }
    fn style(&self) -> MemoryStyle {
        self.style
    }
    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        self.linear
            .grow(delta.0)
            .map(Pages)
            .ok_or(MemoryError::CouldNotGrow {
                current: self.size(),
                attempted_delta: delta,
            })
    }
    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.linear.definition()
    }
    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync>, MemoryError> {
        Err(MemoryError::UnsupportedOperation {
            message: "a recyclable memory belongs to one store".into(),
        })
    }
    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync>, MemoryError> {
        Err(MemoryError::UnsupportedOperation {
            message: "a recyclable memory belongs to one store".into(),
        })
    }
}
