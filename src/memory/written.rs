//! Which pages of a region were written since they were mapped.

use super::os::{self, Faults};

/// Who may have written to a memory since it was last brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// The thread that asks, alone: nobody else was given the memory.
    ThisThread,
    /// Others, too: JavaScript had views of it, and gives them to whom it likes.
    Anybody,
}

/// Pages as the system told of them. Once written, a page stays among them as long as it stays mapped: what is copied back over it
/// is a write like any other. So they need not be asked for again while no page was written for the first time.
#[derive(Debug, Default)]
pub(super) struct WrittenPages {
    /// (offset, length), in order.
    ranges: Vec<(usize, usize)>,
    pages: usize,
    /// As many faults the thread had had before it asked; `None`: the ranges say nothing.
    asked: Option<Faults>,
}

impl WrittenPages {
    /// Pages were mapped anew, or given back.
    pub fn forget(&mut self) {
        self.asked = None;
    }

    /// Whether there are at most `most` pages, and the system could tell. `are_small`: no page comes into being without a fault of
    /// whoever touches it.
    pub fn update(
        &mut self,
        base: *const u8,
        len: usize,
        most: usize,
        by: Writers,
        are_small: bool,
    ) -> bool {
        let now = (are_small && by == Writers::ThisThread)
            .then(os::thread_faults)
            .flatten();
        if now.is_some() && now == self.asked {
            return self.pages <= most;
        }
        self.forget();
        self.ranges.clear();
        self.pages = 0;
        let page = os::page_size();
        let all = os::written_pages(base, len, most, |at, len| {
            self.ranges.push((at, len));
            self.pages += len / page;
        });
        if all {
            self.asked = now;
        }
        all
    }

    pub fn ranges(&self) -> &[(usize, usize)] {
        &self.ranges
    }

    /// Whether the page at `at` is among them.
    pub fn has(&self, at: usize) -> bool {
        let after = self.ranges.partition_point(|(start, _)| *start <= at);
        after > 0 && {
            let (start, len) = self.ranges[after - 1];
            at < start + len
        }
    }
}
