//! The state of an instance right after start-up: what a recycle restores.

use super::StartError;
use crate::emscripten::{Runtime, StateImage};
use crate::memory::{self, RecycleOutcome};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Weak};

/// Everything a generation starts with. Taken once per program and way of starting it, shared by its sandboxes.
#[derive(Debug)]
pub struct Image {
    memory: Option<Arc<memory::Image>>,
    /// Every mutable global, exported or not, in index order.
    globals: Vec<u128>,
    /// Length of the function table. Its entries are those of instantiation: see [`Image::take`].
    table_len: u32,
    state: StateImage,
}

/// What start-up can see besides the program: sandboxes that agree on it have the same image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageKey(pub [u8; 32]);

/// The images of a program, each as long as a sandbox has it: there is one for each set of options that start-up sees,
/// and each holds a memory file.
#[derive(Debug, Default)]
pub struct ImageSlot(Mutex<FxHashMap<ImageKey, Weak<Image>>>);

impl ImageSlot {
    pub fn get(&self, key: &ImageKey) -> Option<Arc<Image>> {
        self.0.lock().get(key)?.upgrade()
    }

    /// The first image of a key stays: two sandboxes that start at once have equal ones.
    pub fn put(&self, key: ImageKey, image: &Arc<Image>) {
        let mut images = self.0.lock();
        images.retain(|_, image| image.strong_count() > 0);
        images.entry(key).or_insert_with(|| Arc::downgrade(image));
    }
}

impl Image {
    /// Takes the image of what `runtime` is now, and lets it continue on it.
    pub fn take(runtime: &mut Runtime) -> Result<Self, StartError> {
        let memory = match runtime.wasm.linear().cloned() {
            Some(linear) => Some(linear.take_image().map_err(StartError::System)?),
            None => None,
        };
        runtime.wasm.seal_table();
        Ok(Self {
            memory,
            globals: runtime.wasm.globals(),
            table_len: runtime.wasm.table_len(),
            state: runtime.snapshot_state(),
        })
    }

    /// Whether sandboxes of other threads can start from it.
    pub fn is_shareable(&self) -> bool {
        self.state.is_shareable()
    }

    /// Bytes of linear memory.
    pub fn memory_len(&self) -> usize {
        self.memory.as_ref().map_or(0, |m| m.len())
    }

    /// Puts a freshly instantiated runtime into this state: no constructor runs.
    pub fn apply(&self, runtime: &mut Runtime) -> Result<(), StartError> {
        if let (Some(image), Some(linear)) = (&self.memory, runtime.wasm.linear()) {
            linear.adopt(image).map_err(StartError::System)?;
        }
        while runtime.wasm.table_len() < self.table_len && runtime.wasm.table_grow().is_some() {}
        runtime.wasm.seal_table();
        runtime.wasm.set_globals(&self.globals);
        runtime.adopt_state(&self.state);
        Ok(())
    }

    /// Brings the runtime back to this state.
    pub fn restore(&self, runtime: &mut Runtime) -> Result<RecycleOutcome, StartError> {
        // The host's state first: releasing what C++ held does not touch wasm.
        runtime.restore_state(&self.state);
        let outcome = match runtime.wasm.linear() {
            Some(linear) => linear.recycle().map_err(StartError::System)?,
            None => RecycleOutcome::Flipped,
        };
        runtime.wasm.restore_table();
        runtime.wasm.set_globals(&self.globals);
        Ok(outcome)
    }

    /// What differs from this state, in words: for tests, and slow.
    pub fn differences(&self, runtime: &Runtime) -> Vec<String> {
        let mut found = Vec::new();
        let wasm = &runtime.wasm;
        if let Some(image) = &self.memory {
            match image.difference(wasm.memory()) {
                Ok(None) => {}
                Ok(Some(text)) => found.push(text),
                Err(error) => found.push(error.to_string()),
            }
        }
        let globals = wasm.globals();
        for (i, (is, was)) in globals.iter().zip(&self.globals).enumerate() {
            if is != was {
                found.push(format!("mutable global {i} is {is:#x}, was {was:#x}"));
            }
        }
        if globals.len() != self.globals.len() {
            found.push(format!(
                "{} mutable globals, were {}",
                globals.len(),
                self.globals.len()
            ));
        }
        if wasm.table_len() != self.table_len {
            found.push(format!(
                "the table has {} entries, had {}",
                wasm.table_len(),
                self.table_len
            ));
        }
        found.extend(
            wasm.table_differences()
                .map(|i| format!("entry {i} of the table differs")),
        );
        found
    }
}
