//! What a linear memory really occupies.

use super::{Linear, os};

/// Bytes of physical memory behind a linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residency {
    /// Present in memory, whether shared with the image or not.
    pub resident: usize,
    /// Written since the last recycle, so private to this sandbox.
    pub dirty: usize,
}

impl Linear {
    /// Asks the system; `None` where it cannot tell.
    pub fn residency(&self) -> Option<Residency> {
        let (resident, dirty) = os::dirty_bytes(self.base(), self.len())?;
        Some(Residency { resident, dirty })
    }
}
