//! Large byte vectors of zeros: the system has the zeros, and pages that nobody writes cost nothing.

use std::alloc::{Layout, alloc_zeroed};

/// `None` when the system refuses so much.
pub fn zeroed(len: usize) -> Option<Vec<u8>> {
    if len == 0 {
        return Some(Vec::new());
    }
    let layout = Layout::array::<u8>(len).ok()?;
    // SAFETY: the layout is not empty.
    let data = unsafe { alloc_zeroed(layout) };
    // SAFETY: just allocated, with this layout, by the allocator that `Vec` uses; all bytes are initialized.
    (!data.is_null()).then(|| unsafe { Vec::from_raw_parts(data, len, len) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_every_length() {
        for len in [0, 1, 4096, 1 << 31] {
            let mut bytes = zeroed(len).expect("so much there is");
            assert_eq!(bytes.len(), len);
            assert!(bytes.first().is_none_or(|byte| *byte == 0));
            if let Some(last) = bytes.last_mut() {
                *last += 1;
            }
        }
        assert!(zeroed(usize::MAX).is_none());
    }
}
