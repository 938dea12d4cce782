//! A region that its memory left as it is, because somebody outside may still read and write it.

use super::decommit::{self, Spare};
use super::{LinearHandle, Region};
use std::sync::Arc;

/// Memory of a past generation that requests under way, or buffers that were taken away, may still refer to. It stays
/// mapped and is not touched until [`Leftover::free`]; dropped without, it stays mapped for ever.
#[derive(Debug)]
pub struct Leftover(Option<Content>);

#[derive(Debug)]
enum Content {
    /// Of a memory that went on with another region. It comes back as that memory's spare.
    Region(Region, Spare),
    /// The whole memory of an instance that is gone.
    Memory(LinearHandle),
}

impl Leftover {
    pub(super) fn region(region: Region, home: &Spare) -> Self {
        Self(Some(Content::Region(region, home.clone())))
    }

    /// The memory of an instance whose store goes.
    pub fn memory(linear: LinearHandle) -> Self {
        linear.hold();
        Self(Some(Content::Memory(linear)))
    }

    /// Bytes that the system could have back.
    pub fn private_bytes(&self) -> usize {
        match &self.0 {
            Some(Content::Region(region, _)) => region.private_bytes(),
            Some(Content::Memory(linear)) => linear.private_bytes(),
            None => 0,
        }
    }

    /// What there is to free; nothing is left here.
    pub fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Nobody has the bytes any more: they are given back by the decommit thread.
    pub fn free(mut self) {
        let (region, home) = match self.0.take() {
            Some(Content::Region(region, home)) => (region, home),
            Some(Content::Memory(linear)) => {
                let Some(linear) = Arc::into_inner(linear) else {
                    return;
                };
                let mut state = linear.state.into_inner();
                state.held = false;
                (state.into_active(), Spare::default())
            }
            None => return,
        };
        // Without the decommit thread, or with its queue full, it is dropped here.
        drop(decommit::enqueue(region, &home));
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        match self.0.take() {
            Some(Content::Region(mut region, _)) => region.abandon(),
            // Held, so its region is abandoned with it.
            Some(Content::Memory(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Backend, Image, WASM_PAGE};
    use super::*;
    use std::time::{Duration, Instant};

    fn over(backend: Backend) -> (Arc<Image>, Region) {
        let image = Arc::new(Image::take(&[7u8; WASM_PAGE], backend).unwrap());
        let region = Region::with_image(&image).unwrap();
        (image, region)
    }

    #[test]
    fn a_leftover_is_not_touched_until_it_is_freed_and_then_comes_home() {
        let (_image, region) = over(Backend::Portable);
        let base = region.base();
        let home = Spare::default();
        let left = Leftover::region(region, &home);
        // SAFETY: in bounds of the region, which stays mapped.
        unsafe { base.write(1) };
        std::thread::sleep(Duration::from_millis(20));
        // SAFETY: as above.
        assert_eq!(unsafe { base.read() }, 1);
        assert!(home.lock().is_none());
        left.free();
        let started = Instant::now();
        while home.lock().is_none() {
            assert!(started.elapsed() < Duration::from_secs(20));
            std::thread::yield_now();
        }
        // SAFETY: as above; the region is home.
        assert_eq!(unsafe { base.read() }, 7);
    }

    #[test]
    fn a_leftover_that_nobody_frees_stays_mapped() {
        let (_image, region) = over(Backend::Portable);
        let base = region.base();
        drop(Leftover::region(region, &Spare::default()));
        // SAFETY: abandoned, not unmapped.
        assert_eq!(unsafe { base.read() }, 7);
    }
}
