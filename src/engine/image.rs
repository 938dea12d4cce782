//! The image of a store: what its wasm can change, taken while none of it runs, and put back. Both hosts take and restore it
//! here, after start-up, at checkpoints and when they rewind.
//!
//! | what | how it is kept |
//! | --- | --- |
//! | memories | images that share pages: see `memory::Image` |
//! | mutable globals, also those that nothing names | their bits |
//! | tables with their lengths | see [`Tables`](super::tables::Tables) |
//! | data and element segments | as instantiation left them: there is no image of a store whose wasm drops them |
//! | objects that were made since | counted, and left alone but for the pages of memories |

use super::store::Store;
use super::tables::TableImage;
use crate::memory::{self, LinearHandle, RecycleOutcome, Writers};
use crate::saved;
use std::ptr::NonNull;
use std::sync::Arc;
use wasmer_vm::{
    StoreObject, VMFunction, VMGlobal, VMGlobalDefinition, VMInstance, VMMemory, VMTable, VMTag,
};

/// What a store was at one moment. Where only the host writes to its tables it is good for any instance of the program, else for
/// this store alone.
#[derive(Debug)]
pub struct StoreImage {
    /// In the order in which the store made them, as all that follows.
    memories: Vec<Arc<memory::Image>>,
    globals: Vec<u128>,
    tables: Vec<TableImage>,
    made: ObjectCounts,
}

/// How many objects a store has, or how many more than an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectCounts {
    pub functions: usize,
    pub instances: usize,
    pub memories: usize,
    pub tables: usize,
    pub globals: usize,
    pub tags: usize,
}

/// Why a store has no image, or did not go back to it.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Wasm can drop segments and does not say when, and nothing brings them back.
    #[error("its wasm drops data or element segments, which cannot be brought back")]
    Segments,
    /// Other threads change its bytes.
    #[error("its memory is shared between threads")]
    Shared,
    /// The allocation tracker knows blocks that a rewind takes away.
    #[error("its allocations are being recorded")]
    Recorded,
    #[error("a table could not be brought back: {0}")]
    Table(String),
    #[error(transparent)]
    System(#[from] memory::Error),
}

impl ObjectCounts {
    fn of(store: &Store) -> Self {
        let objects = store.objects();
        Self {
            functions: VMFunction::list(objects).len(),
            instances: VMInstance::list(objects).len(),
            memories: VMMemory::list(objects).len(),
            tables: VMTable::list(objects).len(),
            globals: VMGlobal::list(objects).len(),
            tags: VMTag::list(objects).len(),
        }
    }

    fn since(self, then: Self) -> Self {
        Self {
            functions: self.functions - then.functions,
            instances: self.instances - then.instances,
            memories: self.memories - then.memories,
            tables: self.tables - then.tables,
            globals: self.globals - then.globals,
            tags: self.tags - then.tags,
        }
    }
}

/// The mutable globals of a store but for the flags that stop its instances, found as far as they were made.
#[derive(Default)]
pub(super) struct Globals {
    mutable: Vec<NonNull<VMGlobalDefinition>>,
    /// So many of the store's globals were looked at.
    seen: usize,
}

impl Globals {
    fn values(&self) -> impl Iterator<Item = u128> {
        // SAFETY: definitions live as long as the store, and no wasm runs while the host reads.
        self.mutable
            .iter()
            .map(|global| unsafe { global.as_ref().val.u128 })
    }

    fn set(&mut self, values: &[u128]) {
        for (global, value) in self.mutable.iter_mut().zip(values) {
            // SAFETY: as above; the bits are those of this very global, or of that of another instance of the program.
            unsafe { global.as_mut().val.u128 = *value };
        }
    }
}

impl Store {
    /// Takes the image of what the store is now, and lets it continue on it. No wasm may be running.
    pub fn take_image(&mut self) -> Result<StoreImage, ImageError> {
        self.image(|linear| linear.take_image())
    }

    /// The same of a store that has an image: of its memories only what changed since is stored, and they continue as they are, so
    /// that what shows them stays good.
    pub fn take_changes(&mut self) -> Result<StoreImage, ImageError> {
        self.image(|linear| linear.checkpoint())
    }

    fn image(
        &mut self,
        image_of: impl Fn(&LinearHandle) -> Result<Arc<memory::Image>, memory::Error>,
    ) -> Result<StoreImage, ImageError> {
        let memories = self.linears.iter().map(image_of);
        let memories = memories.collect::<Result<_, _>>()?;
        self.find_globals();
        Ok(StoreImage {
            memories,
            globals: self.globals.values().collect(),
            tables: self.tables.images(&self.objects),
            made: ObjectCounts::of(self),
        })
    }

    /// Puts a new store into the state of another one of the program, or of one that was there before it.
    pub fn adopt(&mut self, image: &StoreImage) -> Result<(), ImageError> {
        for (linear, image) in self.linears.iter().zip(&image.memories) {
            linear.adopt(image)?;
        }
        self.find_globals();
        self.put_back(image)
    }

    /// Brings the store back. `by` says who may have written to its memories since it last was. No wasm may be running, and no
    /// buffer may show a memory. Tells the dearest way that a memory took.
    ///
    /// After an error the store must not be used any more.
    pub fn restore(
        &mut self,
        image: &StoreImage,
        by: Writers,
    ) -> Result<RecycleOutcome, ImageError> {
        let mut outcome = RecycleOutcome::CopiedBack;
        for (linear, image) in self.linears.iter().zip(&image.memories) {
            outcome = outcome.max(linear.go_back(image, by)?);
            linear.forget_refusal();
        }
        // Nothing of the image leads to those that were made since.
        for linear in self.linears.iter().skip(image.memories.len()) {
            linear.release()?;
        }
        self.put_back(image)?;
        self.forget_exceptions();
        Ok(outcome)
    }

    fn put_back(&mut self, image: &StoreImage) -> Result<(), ImageError> {
        self.globals.set(&image.globals);
        self.tables
            .restore(&mut self.objects, &image.tables)
            .map_err(ImageError::Table)
    }

    /// What was made since an image of this store, in all generations together.
    pub fn made_since(&self, image: &StoreImage) -> ObjectCounts {
        ObjectCounts::of(self).since(image.made)
    }

    fn find_globals(&mut self) {
        let all = VMGlobal::list(&self.objects);
        for global in &all[self.globals.seen..] {
            let at = global.vmglobal();
            if global.ty().mutability.is_mutable() && !self.flags.contains(&(at.as_ptr() as usize))
            {
                self.globals.mutable.push(at);
            }
        }
        self.globals.seen = all.len();
    }

    /// What differs from the image, in words: for tests, and slow where it is to look at the `whole` memories.
    pub fn differences(&self, image: &StoreImage, whole: bool) -> Result<Vec<String>, ImageError> {
        let mut found = Vec::new();
        for (at, (linear, image)) in self.linears.iter().zip(&image.memories).enumerate() {
            if let Some(text) = linear.difference(image, whole)? {
                found.push(format!("memory {at}: {text}"));
            }
        }
        for (at, (is, was)) in self.globals.values().zip(&image.globals).enumerate() {
            if is != *was {
                found.push(format!("mutable global {at} is {is:#x}, was {was:#x}"));
            }
        }
        found.extend(self.tables.differences(&self.objects, &image.tables));
        Ok(found)
    }
}

impl StoreImage {
    /// Of a store with one memory: its pages.
    pub fn memory(&self) -> Option<&memory::Image> {
        self.memories.first().map(|image| &**image)
    }

    /// Bytes of memories that are kept for this image alone.
    pub fn own_bytes(&self) -> usize {
        let images = self.memories.iter().map(|image| image.own_bytes());
        images.sum()
    }

    /// All but the memories, as bytes.
    pub fn save(&self, out: &mut Vec<u8>) -> postcard::Result<()> {
        let tables = self.tables.iter().map(|table| &**table);
        saved::save(&(&self.globals, tables.collect::<Vec<_>>()), out)
    }

    /// What [`StoreImage::save`] has written, of a store with this memory.
    pub fn load(memory: Option<memory::Image>, from: &mut &[u8]) -> Option<Self> {
        let (globals, tables): (_, Vec<Vec<usize>>) = saved::load(from)?;
        Some(Self {
            memories: memory.map(Arc::new).into_iter().collect(),
            globals,
            tables: tables.into_iter().map(Arc::new).collect(),
            made: ObjectCounts::default(),
        })
    }
}
