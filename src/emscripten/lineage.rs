//! Which moments of a sandbox's past the running generation descends from.
//!
//! Time is divided into eras: a new one begins with each generation and with each checkpoint. What was made in an era is
//! good for as long as the era is among the ancestors of the running one.

/// The eras that the running one descends from, with itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Ranges (first, last) in order; eras that follow each other without a return are one range.
    ranges: Vec<(u64, u64)>,
}

impl Lineage {
    /// Of what was made before the start's image, in whichever sandbox that was taken.
    pub fn start() -> Self {
        Self {
            ranges: vec![(0, 0)],
        }
    }
}

/// The running era of a sandbox.
#[derive(Debug)]
pub struct Eras {
    lineage: Lineage,
    last: u64,
}

impl Default for Eras {
    fn default() -> Self {
        Self {
            lineage: Lineage::start(),
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
        let ranges = &self.lineage.ranges;
        let after = ranges.partition_point(|(first, _)| *first <= era);
        after > 0 && era <= ranges[after - 1].1
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

    fn begin(&mut self) {
        self.last += 1;
        match self.lineage.ranges.last_mut() {
            Some((_, last)) if *last + 1 == self.last => *last = self.last,
            _ => self.lineage.ranges.push((self.last, self.last)),
        }
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
}
