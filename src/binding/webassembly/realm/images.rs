//! Images of the store, and the generations that go on from them.

use super::{ErrorKind, Point, Realm};
use crate::binding::in_flight;
use crate::binding::lent::Claim;
use crate::binding::node_api::{Failure, Res, Value};
use crate::memory::{RecycleOutcome, Writers};
use crate::webassembly::{ImageError, ObjectCounts, Store, StoreImage};

impl Realm {
    /// Takes the image of the store; the number it is known by.
    pub fn take_image(&self) -> Res<usize> {
        self.at_rest("take its image")?;
        self.none_suspended()?;
        self.forget_exceptions();
        let image = self.leave_memories(self.claim(|_| true), |store| {
            store.check_image()?;
            store.engine().take_image()
        })?;
        // What is shown of a memory that moved is shown no more.
        self.sync_buffers();
        let image = image.map_err(|error| self.no_image(&error))?;
        self.generation.set(self.generation.get().max(1));
        Ok(self.keep_image(image))
    }
    fn keep_image(&self, image: StoreImage) -> usize {
        let mut images = self.images.borrow_mut();
        let lineage = self.lineage.borrow().clone();
        images.push(Some(Point { image, lineage }));
        images.len() - 1
    }
    /// The same where there is an image already; the store goes on as it is, as another generation. With its number: the bytes
    /// that are kept for it alone.
    pub fn take_point(&self) -> Res<(usize, usize)> {
        self.at_rest("take an image of it")?;
        self.none_suspended()?;
        let is_claimed = self.claim(|_| true).is_some();
        let taken = self.with(|store| {
            store.check_image()?;
            let held = store.linears().iter().filter(|_| is_claimed);
            held.for_each(|linear| linear.hold());
            let taken = store.engine().take_changes();
            let held = store.linears().iter().filter(|_| is_claimed);
            held.for_each(|linear| linear.let_go());
            taken
        })?;
        let image = taken.map_err(|error| self.no_image(&error))?;
        let generation = self.generation.get();
        let lineage = self.lineage.borrow().and(generation, generation);
        self.lineage.replace(lineage);
        self.generation.set(self.generation.get() + 1);
        let bytes = image.own_bytes();
        Ok((self.keep_image(image), bytes))
    }
    /// A function object of the image that the store went back to, which stands for its wasm function again.
    pub fn know_function(&self, key: usize, js: Value) -> Res<()> {
        let reference = self.env.follow(js)?;
        if let Some(other) = self.functions.borrow_mut().insert(key, reference) {
            self.env.forget(other);
        }
        self.late.borrow_mut().push(key);
        Ok(())
    }
    pub fn drop_image(&self, number: usize) {
        if let Some(image) = self.images.borrow_mut().get_mut(number) {
            *image = None;
        }
    }
    /// Brings the store back to an image. Buffers of all memories are detached, and function objects made since are of no use.
    pub fn rewind(&self, number: usize) -> Res<(RecycleOutcome, ObjectCounts)> {
        self.at_rest("rewind it")?;
        let images = self.images.borrow();
        let Some(Point { image, lineage }) = images.get(number).and_then(Option::as_ref) else {
            return Err(self.stale());
        };
        let claim = self.give_up_all_buffers();
        self.suspended.end();
        self.forget_exceptions();
        self.generation.set(self.generation.get() + 1);
        self.lineage.borrow_mut().clone_from(lineage);
        for key in self.late.borrow_mut().drain(..) {
            if let Some(reference) = self.functions.borrow_mut().remove(&key) {
                self.env.forget(reference);
            }
        }
        let outcome = self.leave_memories(claim, |store| {
            let store = store.engine();
            let made = store.made_since(image);
            Ok((store.restore(image, Writers::Anybody)?, made))
        })?;
        let outcome = outcome.map_err(|error| self.no_image(&error))?;
        self.report();
        Ok(outcome)
    }
    /// What differs from an image, in words. `whole`: see [`Linear::difference`](crate::memory::Linear::difference).
    pub fn differences(&self, number: usize, whole: bool) -> Res<Vec<String>> {
        let images = self.images.borrow();
        let Some(Point { image, .. }) = images.get(number).and_then(Option::as_ref) else {
            return Err(self.stale());
        };
        let found = self.with(|store| store.engine().differences(image, whole))?;
        found.map_err(|error| self.no_image(&error))
    }
    /// Runs what may put other regions in place of those that the memories have, which are left to whoever claims them.
    fn leave_memories<R>(
        &self,
        claim: Option<Claim>,
        work: impl FnOnce(&mut Store) -> R,
    ) -> Res<R> {
        let Some(claim) = claim else {
            return self.with(work);
        };
        let (done, left) = self.with(|store| {
            store.linears().iter().for_each(|linear| linear.hold());
            let done = work(store);
            let linears = store.linears();
            let left = linears.iter().flat_map(|linear| {
                let left = linear.take_left();
                linear.let_go();
                left
            });
            (done, left.collect::<Vec<_>>())
        })?;
        if !left.is_empty() {
            self.give_up_buffers(|_| true);
            self.lent.end();
            in_flight::park(self.env, left, claim);
        }
        Ok(done)
    }
    fn at_rest(&self, what: &str) -> Res<()> {
        if self.depth() == 0 {
            return Ok(());
        }
        let message = format!("the module is still on the stack: {what} after the call returned");
        Err(self.raise(ErrorKind::Busy, &message))
    }
    /// An image has no stacks.
    fn none_suspended(&self) -> Res<()> {
        if self.suspended.is_empty() {
            return Ok(());
        }
        let message =
            "a call of the module waits for a promise: take the image after it has returned";
        Err(self.raise(ErrorKind::Busy, message))
    }
    #[cold]
    fn no_image(&self, error: &ImageError) -> Failure {
        let kind = match error {
            ImageError::System(_) => ErrorKind::Range,
            _ => ErrorKind::Runtime,
        };
        self.raise(kind, &error.to_string())
    }
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }
    /// Whether what was made in `generation` is of this one, or of all.
    #[inline]
    pub fn is_current(&self, generation: u64) -> bool {
        generation == 0
            || generation == self.generation.get()
            || self.lineage.borrow().has(generation)
    }
}
