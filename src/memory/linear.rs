//! One linear memory of one sandbox: what compiled code reads, and the flip.

mod adapter;
mod state;

use self::adapter::Adapter;
pub(super) use self::state::State;
use super::decommit::{self, Spare};
use super::leftover::Leftover;
use super::{Error, Image, Region, WASM_PAGE, Writers, os};
use parking_lot::Mutex;
use std::cell::{RefCell, UnsafeCell};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmer_types::{MemoryStyle, MemoryType, Pages};
use wasmer_vm::{LinearMemory, MemoryError, VMMemory, VMMemoryDefinition};

/// Smaller memories are given back sooner than another thread is told of them.
const RETIRED_BYTES: usize = 8 << 20;

/// How a recycle got its clean region, the dearest way last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecycleOutcome {
    /// Few pages were written, and the image's bytes were copied over them.
    CopiedBack,
    /// The spare was clean: constant cost.
    Flipped,
    /// The spare was still with the decommit thread, so the caller cleaned the active region itself.
    CleanedInPlace,
}

/// How often any memory of the process was refused growth.
static REFUSALS: AtomicU64 = AtomicU64::new(0);

/// Rises with each growth that is refused: who has seen the same number before need not look at his memories.
pub fn refusals() -> u64 {
    REFUSALS.load(Ordering::Relaxed)
}

pub(super) fn count_refusal() {
    REFUSALS.fetch_add(1, Ordering::Relaxed);
}

/// A linear memory. wasmer owns one handle, the sandbox another.
#[derive(Debug)]
pub struct Linear {
    pub(super) state: Mutex<State>,
    /// What compiled code reads: written only by this type, and only while no wasm frame is live (a recycle) or from
    /// within wasm itself (growth).
    definition: Definition,
    ty: MemoryType,
    /// The cap in bytes: the module's own maximum or the user's, whichever is smaller.
    max: usize,
    /// The size in bytes that growth was last refused, 0 when it was not.
    refused: AtomicU64,
}

#[derive(Debug)]
enum Definition {
    /// Lives in the instance's VMContext, as long as its store.
    Instance(NonNull<VMMemoryDefinition>),
    /// Ours, for memories that are made by the host and imported.
    Host(Box<UnsafeCell<VMMemoryDefinition>>),
}

// SAFETY: the definition is plain data that only the thread running the sandbox touches; the rest is behind a mutex.
unsafe impl Send for Linear {}
// SAFETY: as above.
unsafe impl Sync for Linear {}

/// A handle to a [`Linear`].
pub type LinearHandle = Arc<Linear>;

thread_local! {
    static CREATED: RefCell<Option<Collect>> = const { RefCell::new(None) };
}

struct Collect {
    cap: Option<u64>,
    memories: Vec<LinearHandle>,
}

/// Runs `make` (an instantiation) and gives the linear memories that wasmer made meanwhile on this thread, capped at
/// `cap` bytes each.
pub fn collect_created<R>(cap: Option<u64>, make: impl FnOnce() -> R) -> (R, Vec<LinearHandle>) {
    let outer = CREATED.replace(Some(Collect {
        cap,
        memories: Vec::new(),
    }));
    let made = make();
    let collected = CREATED.replace(outer);
    (made, collected.map(|c| c.memories).unwrap_or_default())
}

impl Linear {
    /// Makes a memory for wasmer. Its definition is written to `at`, or owned by the memory.
    ///
    /// # Safety
    /// `at` points to a definition in a VMContext that outlives every use of the memory by wasm.
    pub unsafe fn create(
        ty: &MemoryType,
        style: &MemoryStyle,
        at: Option<NonNull<VMMemoryDefinition>>,
    ) -> Result<VMMemory, MemoryError> {
        let cap = CREATED.with_borrow(|c| c.as_ref().and_then(|c| c.cap));
        let own = ty.maximum.unwrap_or(Pages::max_value()).0 as usize * WASM_PAGE;
        let max = cap.map_or(own, |cap| {
            own.min(usize::try_from(cap).unwrap_or(usize::MAX))
        });
        let len = ty.minimum.0 as usize * WASM_PAGE;
        if len > max {
            return Err(MemoryError::Generic(format!(
                "the module needs {len} bytes of memory at start, the limit is {max}"
            )));
        }
        let active = Region::new(len).map_err(|e| MemoryError::Region(e.to_string()))?;
        let now = VMMemoryDefinition {
            base: active.base(),
            current_length: len,
        };
        let definition = match at {
            Some(place) => {
                // SAFETY: by the caller's promise.
                unsafe { place.write(now) };
                Definition::Instance(place)
            }
            None => Definition::Host(Box::new(UnsafeCell::new(now))),
        };
        let state = State {
            active,
            held: false,
            released: false,
            left: Vec::new(),
            spare: None,
            image: None,
            returns: 0,
            patience: 0,
            len,
            peak: len,
        };
        let linear = Arc::new(Linear {
            state: Mutex::new(state),
            definition,
            ty: *ty,
            max,
            refused: AtomicU64::new(0),
        });
        CREATED.with_borrow_mut(|c| {
            if let Some(c) = c {
                c.memories.push(linear.clone());
            }
        });
        let adapter: Box<dyn LinearMemory + Send + Sync> = Box::new(Adapter {
            linear,
            style: *style,
        });
        Ok(VMMemory::from_custom(adapter))
    }

    /// What compiled code reads. Valid as long as the store that made the memory.
    pub fn definition(&self) -> NonNull<VMMemoryDefinition> {
        match &self.definition {
            Definition::Instance(place) => *place,
            Definition::Host(own) => NonNull::from(&**own).cast(),
        }
    }

    pub fn base(&self) -> *mut u8 {
        self.state.lock().active.base()
    }

    /// Nothing is left of it, see [`Linear::release`].
    pub fn is_released(&self) -> bool {
        self.state.lock().released
    }

    /// Bytes of linear memory.
    pub fn len(&self) -> usize {
        self.state.lock().len
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most bytes there ever were in this sandbox.
    pub fn peak(&self) -> usize {
        self.state.lock().peak
    }

    /// The memory that this one takes the place of had so many bytes once.
    pub fn note_peak(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.peak = state.peak.max(bytes);
    }

    /// The cap on growth in bytes.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Grows by `delta` wasm pages; `None` when the cap or the system forbids it.
    pub fn grow(&self, delta: u32) -> Option<u32> {
        let mut state = self.state.lock();
        let old = state.len;
        let new = old.saturating_add(delta as usize * WASM_PAGE);
        if new > self.max || state.released || state.active.extend(new).is_err() {
            self.refused.store(new as u64, Ordering::Relaxed);
            count_refusal();
            return None;
        }
        self.forget_refusal();
        state.len = new;
        state.peak = state.peak.max(new);
        self.write(&state);
        u32::try_from(old / WASM_PAGE).ok()
    }

    /// The size in bytes that growth was last refused.
    pub fn refused(&self) -> Option<u64> {
        Some(self.refused.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    pub fn forget_refusal(&self) {
        self.refused.store(0, Ordering::Relaxed);
    }

    /// Takes the image of what the memory holds now, and continues on it. No wasm frame may be live.
    pub fn take_image(&self) -> Result<Arc<Image>, Error> {
        let image = {
            let state = self.state.lock();
            // SAFETY: `[0, len)` is accessible and nobody writes to it meanwhile: no wasm frame is live.
            let bytes = unsafe { std::slice::from_raw_parts(state.active.base(), state.len) };
            // A page of the former image need not have been touched to hold something.
            let anonymous = state.image.as_ref().map_or(0, |image| image.filled());
            let first = anonymous / os::page_size();
            let touched = os::touched_pages(state.active.base(), state.len);
            let may_hold = |page| {
                page < first
                    || touched
                        .as_ref()
                        .and_then(|pages| pages.get(page))
                        .is_none_or(|touched| *touched)
            };
            Arc::new(Image::take_touched(bytes, may_hold, os::backend())?)
        };
        self.adopt(&image)?;
        Ok(image)
    }

    /// Continues on an image. No wasm frame may be live.
    pub fn adopt(&self, image: &Arc<Image>) -> Result<(), Error> {
        let mut state = self.state.lock();
        if state.held {
            let fresh = Region::with_image(image)?;
            state.leave_for(fresh);
        } else if state.released {
            state.active = Region::with_image(image)?;
            state.released = false;
        } else {
            state.active.adopt(image)?;
        }
        state.continue_on(image);
        self.write(&state);
        Ok(())
    }

    /// Takes the image of what the memory holds now; only what changed since the last image is stored. The memory continues as it
    /// is: views of it stay good. No wasm frame may be live.
    pub fn checkpoint(&self) -> Result<Arc<Image>, Error> {
        let mut state = self.state.lock();
        let Some(parent) = state.image.clone() else {
            drop(state);
            return self.take_image();
        };
        // SAFETY: `[0, len)` is accessible and nobody writes to it meanwhile: no wasm frame is live.
        let bytes = unsafe { std::slice::from_raw_parts(state.active.base(), state.len) };
        let mut written = state.active.written();
        // What lies behind the memory's length is none of it.
        written.retain(|(at, _)| *at < state.len);
        let image = Image::take_changes(&parent, bytes, &written, os::backend())?;
        let image = Arc::new(image);
        // What others may be writing to stays where it is: the next checkpoint stores it again.
        if !state.held {
            if let Err(error) = state.active.rebase(&image) {
                state.len = 0;
                self.write(&state);
                return Err(error);
            }
            state.continue_on(&image);
        }
        Ok(image)
    }

    /// Goes back to `image`, whichever the memory continued on last. No wasm frame may be live, and views of the old bytes must
    /// have been detached. `by` says who may have written to the memory since it last went back.
    pub fn go_back(&self, image: &Arc<Image>, by: Writers) -> Result<RecycleOutcome, Error> {
        let mut state = self.state.lock();
        let is_last = state
            .image
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, image));
        if state.released || (state.held && !is_last) {
            drop(state);
            self.adopt(image)?;
            return Ok(RecycleOutcome::CleanedInPlace);
        }
        let outcome = if state.held {
            let fresh = match state.clean_region(image) {
                Some(clean) => clean,
                None => Region::with_image(image)?,
            };
            state.leave_for(fresh);
            RecycleOutcome::Flipped
        } else if state.copy_back(image, by) {
            RecycleOutcome::CopiedBack
        } else if let Some(clean) = state.clean_twin(image) {
            state.flip(clean);
            RecycleOutcome::Flipped
        } else {
            let is_over = state.active.is_over(image);
            let done = match is_over {
                true => state.active.restore(),
                false => state.active.switch(image, by),
            };
            if !is_over {
                state.continue_on(image);
            }
            if let Err(error) = done {
                // Half of one image and half of another: it must not be touched again.
                state.len = 0;
                self.write(&state);
                return Err(error);
            }
            RecycleOutcome::CleanedInPlace
        };
        state.len = image.len();
        state.peak = state.peak.max(state.len);
        if !is_last {
            state.image = Some(image.clone());
        }
        self.write(&state);
        Ok(outcome)
    }

    /// Where the memory differs from `image`, in words. No wasm frame may be live. Unless `whole`, pages that nobody has touched
    /// since the memory was put back to this image are taken for the image's own, where the system tells which they are.
    pub fn difference(&self, image: &Arc<Image>, whole: bool) -> Result<Option<String>, Error> {
        let state = self.state.lock();
        let touched = os::touched_pages(state.active.base(), state.len);
        // SAFETY: `[0, len)` is accessible, and nobody writes to it meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts(state.active.base(), state.len) };
        let found = match &touched {
            Some(touched) if !whole => Ok(image.difference_in(bytes, touched)),
            _ => image.difference(bytes),
        };
        // Pages that are there only because they were looked at would cost each recycle that asks which were written.
        let mut at = 0;
        for same in touched
            .unwrap_or_default()
            .chunk_by(|one, other| one == other)
        {
            let len = same.len() * os::page_size();
            if !state.held && !same[0] && at + len <= state.len {
                // SAFETY: nothing was written to them, so they show the same again.
                let _ = unsafe { os::decommit(state.active.base().add(at), len) };
            }
            at += len;
        }
        found
    }

    /// Somebody outside may go on reading and writing the bytes that the memory shows now, whatever becomes of the memory:
    /// a request that was given a view of them. Its region is left alone from here on: see [`Linear::take_left`].
    pub fn hold(&self) {
        self.state.lock().held = true;
    }

    /// The region was not left, and who holds it will be asked again.
    pub fn let_go(&self) {
        self.state.lock().held = false;
    }

    /// Regions that were left because they were held. Whoever takes them frees them when nobody has their bytes.
    pub fn take_left(&self) -> Vec<Leftover> {
        std::mem::take(&mut self.state.lock().left)
    }

    /// Private bytes of the active region: what it costs to leave it.
    pub fn private_bytes(&self) -> usize {
        self.state.lock().active.private_bytes()
    }

    /// Gives every byte back, and the address space; the memory has length 0 from then on. No wasm frame may be live.
    pub fn release(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        let nothing = Region::nothing()?;
        if state.held {
            state.leave_for(nothing);
        } else {
            state.active = nothing;
        }
        state.released = true;
        state.spare = None;
        state.image = None;
        state.len = 0;
        self.write(&state);
        Ok(())
    }

    /// The memory is about to go with its store: its pages are given back by the decommit thread, which takes as long as there
    /// are dirty ones. No wasm frame may be live, and nothing may refer to the bytes.
    pub fn retire(&self) {
        let mut state = self.state.lock();
        if state.held || state.len < RETIRED_BYTES {
            return;
        }
        // Without address space for another region this one goes with the memory.
        if let Ok(empty) = Region::new(0) {
            let dirty = std::mem::replace(&mut state.active, empty);
            state.len = 0;
            self.write(&state);
            // Nobody waits for it: the decommit thread, or this, drops it.
            let _ = decommit::enqueue(dirty, &Spare::default());
        }
    }

    fn write(&self, state: &State) {
        // SAFETY: the definition is valid (see `definition`), and whoever runs wasm on it is this thread.
        unsafe {
            self.definition().write(VMMemoryDefinition {
                base: state.active.base(),
                current_length: state.len,
            });
        }
    }
}
