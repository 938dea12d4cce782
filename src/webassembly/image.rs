//! The image of a whole store: what its wasm can change, taken while none of it runs, and put back.

use super::store::Store;
use crate::engine::state;
use crate::memory::{self, Image, LinearHandle, RecycleOutcome, Writers};
use std::sync::Arc;
use wasmer_vm::{StoreObject, VMFunction, VMGlobal, VMInstance, VMMemory, VMTable, VMTag};

/// Memories, globals (also those that nothing names), tables with their lengths. Data and element segments are as instantiation
/// left them: see [`ImageError::Segments`].
///
/// Objects of a store live as long as the store. What is made after the image is left alone, out of reach, but for the pages of
/// its memories; [`Made`] counts it.
pub struct StoreImage {
    memories: Vec<(LinearHandle, Arc<Image>)>,
    globals: Vec<(usize, u128)>,
    tables: Vec<Box<[usize]>>,
    made: Made,
}

/// How many objects a store has, or how many more than an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
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
    /// The books of allocations know blocks that a rewind takes away.
    #[error("its allocations are being recorded")]
    Recorded,
    #[error("a table could not be brought back: {0}")]
    Table(String),
    #[error(transparent)]
    System(#[from] memory::Error),
}

impl Made {
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

impl StoreImage {
    /// Takes the image of what the store is now. No wasm may be running.
    pub fn take(store: &mut Store) -> Result<Self, ImageError> {
        Self::by(store, |linear| linear.take_image())
    }

    /// The same of a store that has an image: of its memories only what changed since is stored, and they continue as they are, so
    /// that what shows them stays good.
    pub fn take_changes(store: &mut Store) -> Result<Self, ImageError> {
        Self::by(store, |linear| linear.checkpoint())
    }

    fn by(
        store: &mut Store,
        image_of: impl Fn(&LinearHandle) -> Result<Arc<Image>, memory::Error>,
    ) -> Result<Self, ImageError> {
        if store.recorder().is_some() {
            return Err(ImageError::Recorded);
        }
        if store.has_shared() {
            return Err(ImageError::Shared);
        }
        if store.drops_segments() {
            return Err(ImageError::Segments);
        }
        let linears: Vec<_> = store.linears().cloned().collect();
        let memories = linears
            .into_iter()
            .map(|linear| image_of(&linear).map(|image| (linear, image)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            memories,
            globals: state::globals(store.objects(), store.flags()),
            tables: VMTable::list(store.objects())
                .iter()
                .map(|table| state::entries(table).into())
                .collect(),
            made: Made::of(store),
        })
    }

    /// Brings the store back. No wasm may be running, and no buffer may show a memory. Tells the dearest way a memory took, and
    /// what was made since the image, in all generations together.
    ///
    /// After an error the store must not be used any more.
    pub fn restore(&self, store: &mut Store) -> Result<(RecycleOutcome, Made), ImageError> {
        let mut outcome = RecycleOutcome::CopiedBack;
        for (linear, image) in &self.memories {
            outcome = dearer(outcome, linear.go_back(image, Writers::Anybody)?);
            linear.forget_refusal();
        }
        let made = Made::of(store).since(self.made);
        if made.memories > 0 {
            // Nothing of the image leads to them.
            for linear in store.linears() {
                if !self
                    .memories
                    .iter()
                    .any(|(known, _)| Arc::ptr_eq(known, linear))
                {
                    linear.release()?;
                }
            }
        }
        state::set_globals(store.objects(), &self.globals);
        store
            .restore_tables(&self.tables)
            .map_err(ImageError::Table)?;
        store.forget_exceptions();
        Ok((outcome, made))
    }

    /// Bytes of memories that are kept for this image alone.
    pub fn own_bytes(&self) -> usize {
        let images = self.memories.iter().map(|(_, image)| image.own_bytes());
        images.sum()
    }

    /// What differs from the image, in words: for tests, and slow.
    pub fn differences(&self, store: &Store) -> Result<Vec<String>, ImageError> {
        let mut found = Vec::new();
        for (at, (linear, image)) in self.memories.iter().enumerate() {
            if let Some(text) = linear.difference(image)? {
                found.push(format!("memory {at}: {text}"));
            }
        }
        let now = state::globals(store.objects(), store.flags());
        for ((at, was), (_, is)) in self.globals.iter().zip(&now) {
            if is != was {
                found.push(format!("global {at} is {is:#x}, was {was:#x}"));
            }
        }
        for (at, (was, table)) in self
            .tables
            .iter()
            .zip(VMTable::list(store.objects()))
            .enumerate()
        {
            let is = state::entries(table);
            if is.len() != was.len() {
                found.push(format!(
                    "table {at} has {} entries, had {}",
                    is.len(),
                    was.len()
                ));
            }
            let differ = is.iter().zip(was.iter()).filter(|(is, was)| is != was);
            match differ.count() {
                0 => {}
                n => found.push(format!("{n} entries of table {at} differ")),
            }
        }
        Ok(found)
    }
}

fn dearer(one: RecycleOutcome, other: RecycleOutcome) -> RecycleOutcome {
    let rank = |outcome: RecycleOutcome| match outcome {
        RecycleOutcome::CopiedBack => 0,
        RecycleOutcome::Flipped => 1,
        RecycleOutcome::CleanedInPlace => 2,
    };
    if rank(other) > rank(one) { other } else { one }
}
