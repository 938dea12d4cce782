//! Which pages of a private mapping were written: Linux's `PAGEMAP_SCAN` (6.7 and newer).

use super::Faults;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::OnceLock;

/// `struct page_region` of `linux/fs.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct ScanArgument {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
const IS_PFNZERO: u64 = 1 << 5;

/// `_IOWR('f', 16, struct pm_scan_arg)`. Some architectures number the directions differently; they have no scan.
const PAGEMAP_SCAN: libc::Ioctl = {
    let size = size_of::<ScanArgument>() as u32;
    ((3 << 30) | (size << 16) | ((b'f' as u32) << 8) | 16) as libc::Ioctl
};

/// Ranges that one call reports.
const RANGES: usize = 64;

fn scanner() -> Option<&'static File> {
    static SCANNER: OnceLock<Option<File>> = OnceLock::new();
    let open = || {
        let file = File::open("/proc/self/pagemap").ok()?;
        is_honest(&file).then_some(file)
    };
    SCANNER.get_or_init(open).as_ref()
}

/// Whether [`written_pages`] can tell.
pub fn tells_written_pages() -> bool {
    scanner().is_some()
}

/// How many page faults this thread has had; `None` where that says nothing of the pages that it wrote.
///
/// The first write to a page of a private mapping is one: by the thread itself, or by a call of the system that it makes. So as
/// long as the count is the same, this thread has written to no page that [`written_pages`] has not told of, provided that the
/// pages are small ones (see `choose_small_pages`). The call takes a tenth of what asking for the pages takes.
pub fn thread_faults() -> Option<Faults> {
    if !tells_written_pages() {
        return None;
    }
    counted_faults()
}

fn counted_faults() -> Option<Faults> {
    // SAFETY: an all-zero record is valid; the call writes to it alone.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) == 0).then_some(usage)
    }?;
    Some(Faults::of_this_thread(usage.ru_minflt, usage.ru_majflt))
}

/// Calls `each` with every range (offset, length) of `[base, base + len)` whose pages this process wrote: those that are
/// neither the mapped file's nor the zero page, whether they are present or swapped out.
///
/// Gives `true` when these are all. Gives `false`, perhaps after some calls of `each`, when there are more than `most`
/// pages, or where the system cannot tell.
pub fn written_pages(
    base: *const u8,
    len: usize,
    most: usize,
    each: impl FnMut(usize, usize),
) -> bool {
    scanner().is_some_and(|file| scan(file, base, len, most, each))
}

fn scan(
    file: &File,
    base: *const u8,
    len: usize,
    most: usize,
    mut each: impl FnMut(usize, usize),
) -> bool {
    let page = super::page_size();
    let (first, end) = (base as u64, base as u64 + len as u64);
    let mut at = first;
    let mut left = most;
    let mut found = [PageRegion::default(); RANGES];
    while at < end {
        let mut argument = ScanArgument {
            size: size_of::<ScanArgument>() as u64,
            start: at,
            end,
            vec: found.as_mut_ptr() as u64,
            vec_len: RANGES as u64,
            // One more than may be: the walk ends as soon as there are too many.
            max_pages: (left as u64).saturating_add(1),
            category_inverted: IS_FILE | IS_PFNZERO,
            category_mask: IS_FILE | IS_PFNZERO,
            category_anyof_mask: IS_PRESENT | IS_SWAPPED,
            return_mask: IS_PRESENT,
            ..ScanArgument::default()
        };
        // SAFETY: the argument and the vector that it points to are ours, of the size that is said.
        let count = unsafe { libc::ioctl(file.as_raw_fd(), PAGEMAP_SCAN, &raw mut argument) };
        let Some(ranges) = usize::try_from(count).ok().and_then(|n| found.get(..n)) else {
            return false;
        };
        for range in ranges {
            let len = (range.end - range.start) as usize;
            let Some(rest) = left.checked_sub(len / page) else {
                return false;
            };
            left = rest;
            each((range.start - first) as usize, len);
        }
        if argument.walk_end <= at {
            return false;
        }
        at = argument.walk_end;
    }
    true
}

/// Systems that only look like Linux, or old kernels: a mapping of ours must be told right before any other is asked for.
fn is_honest(file: &File) -> bool {
    let page = super::page_size();
    let Ok(sealed) = super::seal(4 * page, &[(0, &[1]), (page, &[1])]) else {
        return false;
    };
    let Ok(base) = super::reserve(4 * page) else {
        return false;
    };
    let mut told = Vec::new();
    let mut counts = true;
    // SAFETY: the reservation is ours and of four pages; each access lies in what was mapped just before.
    unsafe {
        if super::map_private(base, 4 * page, &sealed, 0).is_ok() {
            ptr::read_volatile(base);
            counts &= is_counted(|| ptr::write_volatile(base.add(page), 2));
            ptr::read_volatile(base.add(2 * page));
            counts &= is_counted(|| ptr::write_volatile(base.add(3 * page), 2));
            if !scan(file, base, 4 * page, 2, |at, len| told.push((at, len))) {
                told.clear();
            }
        }
        super::release(base, 4 * page);
    }
    counts && told == [(page, page), (3 * page, page)]
}

fn is_counted(first_write: impl FnOnce()) -> bool {
    let before = counted_faults();
    first_write();
    before.is_some() && before != counted_faults()
}

#[cfg(test)]
mod tests {
    use super::super::{self as os};
    use super::*;

    #[test]
    fn written_pages_are_told_apart_from_those_that_were_read() {
        let page = os::page_size();
        let pages = 512;
        let base = os::reserve(pages * page).unwrap();
        // SAFETY: the reservation is ours.
        unsafe { os::make_accessible(base, pages * page).unwrap() };
        let written = [0, 1, 7, 300, 511];
        for at in 0..pages {
            // SAFETY: in bounds.
            unsafe {
                if written.contains(&at) {
                    base.add(at * page).write_volatile(1);
                } else if at % 3 == 0 {
                    base.add(at * page).read_volatile();
                }
            }
        }
        let mut told = Vec::new();
        let all = written_pages(base, pages * page, 5, |at, len| {
            told.push((at / page, len / page));
        });
        if all {
            assert_eq!(told, [(0, 2), (7, 1), (300, 1), (511, 1)]);
        }
        assert!(!written_pages(base, pages * page, 4, |_, _| {}));
        // SAFETY: nothing refers to it any more.
        unsafe { os::release(base, pages * page) };
    }

    #[test]
    fn more_ranges_than_one_call_reports() {
        let page = os::page_size();
        let pages = 4 * RANGES + 1;
        let base = os::reserve(pages * page).unwrap();
        // SAFETY: the reservation is ours; every second page of it is written.
        unsafe {
            os::make_accessible(base, pages * page).unwrap();
            for at in (0..pages).step_by(2) {
                base.add(at * page).write_volatile(1);
            }
        }
        let mut told = 0;
        if written_pages(base, pages * page, pages, |_, len| told += len / page) {
            assert_eq!(told, 2 * RANGES + 1);
        }
        // SAFETY: nothing refers to it any more.
        unsafe { os::release(base, pages * page) };
    }
}
