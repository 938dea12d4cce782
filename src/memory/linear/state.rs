//! The regions of a linear memory, and how one is brought back.

use super::super::decommit::{self, Spare};
use super::super::leftover::Leftover;
use super::super::{Image, Region, Writers};
use std::sync::Arc;

/// At most so many written pages are copied back by a recycle; beyond that, giving the region to the decommit thread is quicker.
const COPIED_PAGES: usize = 64;
/// After a generation that wrote more, so many recycles do not ask again.
const PATIENCE: u32 = 7;
/// After so many returns to the same image in a row, the region is mapped from it.
const RETURNS: u32 = 32;

/// The regions of a linear memory, and what its recycles go by.
#[derive(Debug)]
pub struct State {
    pub active: Region,
    /// Others may still read and write the active region (see [`Linear::hold`]): it is neither cleaned, hidden, unmapped
    /// nor used again, but left as it is.
    pub held: bool,
    /// Every byte was given back, and the address space too: there is no growth any more.
    pub released: bool,
    /// Held regions that were left, until somebody takes them.
    pub left: Vec<Leftover>,
    /// Where a clean region over `image` waits; `None` until the first recycle that needs one, empty while the decommit thread has it.
    pub spare: Option<Spare>,
    /// What the generation began with, and the next one does unless another image is asked for. The active region may be mapped
    /// from another one: where they differ, its pages have been written.
    pub image: Option<Arc<Image>>,
    /// Recycles in a row that went to `image`, where the active region is over another one.
    pub returns: u32,
    /// Recycles that still take the flip without counting the pages that were written.
    pub patience: u32,
    /// Bytes of linear memory, always whole wasm pages; `<= active.accessible()`.
    pub len: usize,
    pub peak: usize,
}

impl State {
    /// Goes on with another region; the active one, which is held, stays as it is.
    pub fn leave_for(&mut self, fresh: Region) {
        let held = std::mem::replace(&mut self.active, fresh);
        self.held = false;
        self.left
            .push(Leftover::region(held, self.spare.get_or_insert_default()));
    }

    /// The active region, of a memory that is not used any more.
    pub fn into_active(mut self) -> Region {
        std::mem::replace(&mut self.active, Region::none())
    }

    /// The image is another one from now on, and the active region over it.
    pub fn continue_on(&mut self, image: &Arc<Image>) {
        // Another is made by the first recycle that needs it: most generations write little.
        self.spare = None;
        self.patience = 0;
        self.len = image.len();
        self.image = Some(image.clone());
    }

    /// Whether the active region shows `image` now, by copying.
    pub fn copy_back(&mut self, image: &Arc<Image>, by: Writers) -> bool {
        if !self.active.is_over(image) {
            let again = self
                .image
                .as_ref()
                .is_some_and(|last| Arc::ptr_eq(last, image));
            self.returns = if again { self.returns + 1 } else { 0 };
            return self.returns < RETURNS && self.active.copy_back(image, COPIED_PAGES, by);
        }
        if self.patience > 0 {
            self.patience -= 1;
            return false;
        }
        let copied = self.active.copy_back(image, COPIED_PAGES, by);
        if !copied {
            self.patience = PATIENCE;
        }
        copied
    }

    /// Goes on with a clean region over the same image; the dirty one is cleaned meanwhile.
    pub fn flip(&mut self, clean: Region) {
        let dirty = std::mem::replace(&mut self.active, clean);
        // One that cannot be cleaned is dropped: the next recycle cleans in place.
        let home = self.spare.get_or_insert_default();
        if let Err(mut dirty) = decommit::enqueue(dirty, home)
            && dirty.restore().is_ok()
        {
            *home.lock() = Some(dirty);
        }
    }

    /// A clean region over `image`, where the active one is over it as well.
    pub fn clean_twin(&mut self, image: &Arc<Image>) -> Option<Region> {
        match self.active.is_over(image) {
            true => self.clean_region(image),
            false => None,
        }
    }

    /// The spare over `image`, if it is clean. Without address space for one there is none, and the caller cleans in place.
    pub fn clean_region(&mut self, image: &Arc<Image>) -> Option<Region> {
        match &self.spare {
            Some(spare) => spare.lock().take().filter(|spare| spare.is_over(image)),
            None => Region::with_image(image).ok(),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.held {
            // Nobody took it over: rather address space that is lost than bytes that somebody writes to.
            self.active.abandon();
        }
    }
}
