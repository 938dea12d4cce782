//! Which moments of a sandbox's past the running generation descends from.
//!
//! Time is divided into eras: a new one begins with each generation and with each checkpoint. What was made in an era is
//! good for as long as the era is among the ancestors of the running one.

use std::sync::Arc;

/// The eras that the running one descends from, with itself: ranges, the newest first. What two lineages have in common they
/// share, so that a long row of checkpoints, each taken after a return to the one before it, costs a range each.
#[derive(Clone, Debug, Default)]
pub struct Lineage(Option<Arc<Range>>);

/// Eras that follow each other without a return.
#[derive(Debug)]
struct Range {
    first: u64,
    last: u64,
    depth: u64,
    before: Lineage,
    /// One further back, so that an old era is found in few steps.
    jump: Lineage,
}

impl Lineage {
    /// Of what was made before the start's image, in whichever sandbox that was taken.
    pub fn start() -> Self {
        Self::default().and(0, 0)
    }

    /// The same with newer eras.
    pub fn and(&self, first: u64, last: u64) -> Self {
        let depth = |lineage: &Self| lineage.0.as_ref().map_or(0, |range| range.depth);
        let jump_of = |lineage: &Self| match &lineage.0 {
            Some(range) => range.jump.clone(),
            None => Self::default(),
        };
        let near = jump_of(self);
        let far = jump_of(&near);
        let is_even = depth(self) - depth(&near) == depth(&near) - depth(&far);
        Self(Some(Arc::new(Range {
            first,
            last,
            depth: depth(self) + 1,
            before: self.clone(),
            jump: if is_even { far } else { self.clone() },
        })))
    }

    pub fn has(&self, era: u64) -> bool {
        let mut at = self.0.as_deref();
        while let Some(range) = at {
            if range.first <= era {
                return era <= range.last;
            }
            let jump = range.jump.0.as_deref();
            at = jump
                .filter(|jump| jump.first > era)
                .or(range.before.0.as_deref());
        }
        false
    }
}

impl Drop for Lineage {
    /// One range after the other: there may be more than the stack has room for.
    fn drop(&mut self) {
        let mut next = self.0.take();
        let mut left = Vec::new();
        while let Some(range) = next.take().or_else(|| left.pop()) {
            let Some(mut range) = Arc::into_inner(range) else {
                continue;
            };
            next = range.before.0.take();
            // Most have another owner: these need no place to wait in.
            let jump = range.jump.0.take();
            left.extend(jump.filter(|jump| Arc::strong_count(jump) == 1));
        }
    }
}

/// The running era of a sandbox.
#[derive(Debug)]
pub struct Eras {
    lineage: Lineage,
    start: Lineage,
    last: u64,
}

impl Default for Eras {
    fn default() -> Self {
        Self {
            lineage: Lineage::start(),
            start: Lineage::start(),
            last: 0,
        }
    }
}

impl Eras {
    pub fn current(&self) -> u64 {
        self.last
    }

    /// Whether what was made in that era is of the running generation's past.
    pub fn has(&self, era: u64) -> bool {
        self.lineage.has(era)
    }

    /// A checkpoint is taken: what is made from here on is not of it.
    pub fn checkpoint(&mut self) -> Lineage {
        let past = self.lineage.clone();
        self.begin();
        past
    }

    /// A generation begins, from what an image was taken of.
    pub fn go_back(&mut self, past: &Lineage) {
        self.lineage.clone_from(past);
        self.begin();
    }

    /// The same, from the start's.
    pub fn start_again(&mut self) {
        self.lineage.clone_from(&self.start);
        self.begin();
    }

    fn begin(&mut self) {
        self.last += 1;
        self.lineage = match self.lineage.0.as_deref() {
            Some(range) if range.last + 1 == self.last => range.before.and(range.first, self.last),
            _ => self.lineage.and(self.last, self.last),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_before_a_checkpoint_is_good_again_after_a_return() {
        let mut eras = Eras::default();
        let start = eras.checkpoint();
        let a = eras.current();
        let first = eras.checkpoint();
        let b = eras.current();
        let second = eras.checkpoint();
        let c = eras.current();
        eras.go_back(&first);
        let d = eras.current();
        assert_eq!(
            [0, a, b, c, d].map(|era| eras.has(era)),
            [true, true, false, false, true]
        );
        eras.go_back(&second);
        assert_eq!(
            [0, a, b, c, d].map(|era| eras.has(era)),
            [true, true, true, false, false]
        );
        eras.go_back(&start);
        assert_eq!(
            [0, a, b, c, d].map(|era| eras.has(era)),
            [true, false, false, false, false]
        );
    }
    #[test]
    fn a_long_row_of_returns() {
        let mut eras = Eras::default();
        let mut good = vec![eras.current()];
        let mut bad = Vec::new();
        for _ in 0..100_000 {
            let point = eras.checkpoint();
            bad.push(eras.current());
            eras.go_back(&point);
            good.push(eras.current());
        }
        assert!(good.iter().step_by(97).all(|era| eras.has(*era)));
        assert!(!bad.iter().step_by(97).any(|era| eras.has(*era)));
        assert!(!eras.has(eras.current() + 1));
    }
}
