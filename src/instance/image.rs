//! The state of an instance right after start-up, or at a checkpoint: what a recycle restores.

use super::StartError;
use crate::emscripten::{Eras, Lineage, Runtime, StateImage};
use crate::engine::store::Store;
use crate::engine::{ImageError, StoreImage};
use crate::memory::{self, RecycleOutcome, Writers};
use crate::saved;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Weak};

/// Everything a generation starts with. Taken once per program and way of starting it, shared by its sandboxes.
#[derive(Debug)]
pub struct Image {
    store: StoreImage,
    state: StateImage,
    /// What was made before it.
    lineage: Lineage,
    origin: Origin,
}

/// Where an image can be put: into instances of this very program that were started with these options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Hash of what was read.
    pub program: [u8; 32],
    /// Its code tells of allocations.
    pub watched: bool,
    /// A hash for each thing that start-up could see, by its name.
    pub seen: Vec<(String, [u8; 32])>,
}

impl Origin {
    /// Why an image of this origin cannot be put into an instance of another one.
    pub fn differs_from(&self, other: &Origin) -> Option<String> {
        if self.watched != other.watched {
            return Some("only one of the two was opened with trackLeaks: 'allocations'".into());
        }
        if self.program != other.program {
            return Some("it is of another source".into());
        }
        let both = self.seen.iter().zip(&other.seen);
        both.clone()
            .find(|(a, b)| a != b)
            .map(|((name, _), _)| format!("it was taken with another {name}"))
    }
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
    /// Takes the image of what `runtime` is after start-up, and lets it continue on it.
    pub fn take(runtime: &mut Runtime, origin: Origin) -> Result<Self, StartError> {
        let store = store_of(runtime)?.take_image()?;
        let state = runtime.snapshot_state();
        Ok(Self::of(runtime, store, state, origin))
    }

    /// Takes the image of what `runtime` is now, which goes on as it is.
    pub fn checkpoint(runtime: &mut Runtime, origin: Origin) -> Result<Self, StartError> {
        let store = store_of(runtime)?.take_changes()?;
        let state = runtime.checkpoint_state();
        Ok(Self::of(runtime, store, state, origin))
    }

    fn of(runtime: &mut Runtime, store: StoreImage, state: StateImage, origin: Origin) -> Self {
        Self {
            store,
            state,
            lineage: runtime.eras.checkpoint(),
            origin,
        }
    }

    /// The pages of its memory.
    pub(super) fn memory(&self) -> Option<&memory::Image> {
        self.store.memory()
    }

    /// All but the memory, as bytes.
    pub(super) fn save_state(&self, out: &mut Vec<u8>) -> postcard::Result<()> {
        self.store.save(out)?;
        saved::save(&(&self.state, &self.origin), out)
    }

    /// An image from a file.
    pub(super) fn load_state(memory: Option<memory::Image>, from: &mut &[u8]) -> Option<Self> {
        let store = StoreImage::load(memory, from)?;
        let (state, origin): (StateImage, _) = saved::load(from)?;
        Some(Self {
            store,
            state: state.moved_here(),
            lineage: Lineage::start(),
            origin,
        })
    }

    /// Whether sandboxes that start in the same way, also of other threads, can start from it.
    pub fn is_shareable(&self) -> bool {
        self.state.is_shareable()
    }

    /// What ties it to its sandbox, in words.
    pub fn bound_by(&self) -> Option<String> {
        self.state.bound_by()
    }

    pub fn ran_javascript(&self) -> bool {
        self.state.ran_javascript()
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Bytes that are kept for it alone.
    pub fn own_bytes(&self) -> usize {
        self.store.own_bytes() + self.state.bytes()
    }

    /// What was made before it, in the sandbox that it was taken of.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Nothing goes back to it any more: lets go of its JavaScript values.
    pub fn release(&self, runtime: &Runtime) {
        self.state.release(&*runtime.js());
    }

    /// Puts a freshly instantiated runtime into this state: no constructor runs.
    pub fn apply(&self, runtime: &mut Runtime) -> Result<(), StartError> {
        store_of(runtime)?.adopt(&self.store)?;
        runtime.adopt_state(&self.state);
        runtime.eras = Eras::default();
        Ok(())
    }

    /// Brings the runtime back to this state. `by` says who may have written to its memory since it last was.
    pub fn restore(
        &self,
        runtime: &mut Runtime,
        by: Writers,
    ) -> Result<RecycleOutcome, StartError> {
        // The host's state first: releasing what C++ held does not touch wasm.
        runtime.restore_state(&self.state);
        Ok(store_of(runtime)?.restore(&self.store, by)?)
    }

    /// The part of [`Image::restore`] that is the host's.
    pub fn restore_host(&self, runtime: &mut Runtime) {
        runtime.restore_state(&self.state);
    }

    /// Puts another wasm instance of the program, freshly made, into this state, for a runtime that had it before.
    pub fn move_to(&self, runtime: &mut Runtime) -> Result<(), StartError> {
        runtime.remake_functions().map_err(StartError::Link)?;
        store_of(runtime)?.adopt(&self.store)?;
        runtime.rebind();
        Ok(())
    }

    /// What differs from this state, in words: for tests, and slow.
    pub fn differences(&self, runtime: &Runtime) -> Vec<String> {
        let store = runtime.wasm.store();
        let found = store.map(|store| store.differences(&self.store, true));
        found.map_or_else(Vec::new, |found| {
            found.unwrap_or_else(|error| vec![error.to_string()])
        })
    }
}

fn store_of(runtime: &mut Runtime) -> Result<&mut Store, StartError> {
    let store = runtime.wasm.store_mut();
    store.ok_or_else(|| StartError::Link("there is no module".into()))
}

impl From<ImageError> for StartError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::System(error) => Self::System(error),
            other => Self::Link(other.to_string()),
        }
    }
}
