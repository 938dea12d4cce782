//! Address space by `mmap`, for every Unix.

use super::LARGE_PAGE;
use std::io::{Error, Result};
use std::ptr;

pub fn page_size() -> usize {
    use std::sync::OnceLock;
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: sysconf has no preconditions.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).unwrap_or(4096)
    })
}

const ANONYMOUS: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;

fn check(result: libc::c_int) -> Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(Error::last_os_error())
    }
}

/// Address space that faults when touched, at a multiple of [`LARGE_PAGE`].
pub fn reserve(len: usize) -> Result<*mut u8> {
    let wider = len + LARGE_PAGE;
    // SAFETY: a new anonymous mapping at an address of the system's choice disturbs nothing.
    let base = unsafe { libc::mmap(ptr::null_mut(), wider, libc::PROT_NONE, ANONYMOUS, -1, 0) };
    if base == libc::MAP_FAILED {
        return Err(Error::last_os_error());
    }
    let base: *mut u8 = base.cast();
    let before = base.align_offset(LARGE_PAGE);
    // SAFETY: both ends lie in the mapping just made, and nobody has its address yet.
    unsafe {
        let aligned = base.add(before);
        if before > 0 {
            libc::munmap(base.cast(), before);
        }
        libc::munmap(aligned.add(len).cast(), LARGE_PAGE - before);
        Ok(aligned)
    }
}

/// # Safety
/// `[base, base + len)` is a whole reservation, and nothing refers to it any more.
pub unsafe fn release(base: *mut u8, len: usize) {
    // SAFETY: by the caller's promise. An error would mean a wrong range; the address space is then merely kept.
    unsafe { libc::munmap(base.cast(), len) };
}

/// Makes a range readable and writable; pages that were never touched read as zero.
///
/// # Safety
/// The range lies in a reservation of the caller's.
pub unsafe fn make_accessible(base: *mut u8, len: usize) -> Result<()> {
    // SAFETY: by the caller's promise.
    check(unsafe { libc::mprotect(base.cast(), len, libc::PROT_READ | libc::PROT_WRITE) })
}

/// Makes a range fault when touched and gives its pages back.
///
/// # Safety
/// The range lies in a reservation of the caller's, is not a file mapping that must survive, and nothing refers to it.
pub unsafe fn make_inaccessible(base: *mut u8, len: usize) -> Result<()> {
    // SAFETY: by the caller's promise. Mapping anew drops pages and protection in one call on every Unix.
    let mapped = unsafe {
        libc::mmap(
            base.cast(),
            len,
            libc::PROT_NONE,
            ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    if mapped == libc::MAP_FAILED {
        Err(Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Gives the pages of a readable and writable range back: afterwards it shows what is mapped beneath, that is the
/// image of a private file mapping, or zeroes.
///
/// # Safety
/// As for [`make_inaccessible`].
pub unsafe fn decommit(base: *mut u8, len: usize) -> Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: by the caller's promise. On Linux MADV_DONTNEED drops private pages at once.
    return check(unsafe { libc::madvise(base.cast(), len, libc::MADV_DONTNEED) });
    #[cfg(not(target_os = "linux"))]
    {
        // Elsewhere madvise is only a hint; a new mapping is not.
        let rw = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: by the caller's promise.
        let mapped =
            unsafe { libc::mmap(base.cast(), len, rw, ANONYMOUS | libc::MAP_FIXED, -1, 0) };
        if mapped == libc::MAP_FAILED {
            Err(Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

/// Gives the pages of a range back that somebody else reserved: it reads as zeroes afterwards on Linux, and on other systems as
/// zeroes or as before.
///
/// # Safety
/// The range is anonymous memory, readable and writable, whose bytes nobody needs.
pub unsafe fn drop_pages(base: *mut u8, len: usize) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    // SAFETY: by the caller's promise.
    check(unsafe { libc::madvise(base.cast(), len, libc::MADV_DONTNEED) })
}

/// Whose files are this process's own.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// How many files the process may have open.
pub fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    limit.unwrap_or(usize::MAX)
}
