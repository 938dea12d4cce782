//! Address space by `VirtualAlloc`.

use std::io::{Error, Result};
use std::ptr;
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, PAGE_READWRITE,
    VirtualAlloc, VirtualFree,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};

pub fn page_size() -> usize {
    let mut info = SYSTEM_INFO::default();
    // SAFETY: the structure is ours and is only written to.
    unsafe { GetSystemInfo(&mut info) };
    info.dwPageSize as usize
}

/// Address space that faults when touched.
pub fn reserve(len: usize) -> Result<*mut u8> {
    // SAFETY: a new reservation at an address of the system's choice disturbs nothing.
    let base = unsafe { VirtualAlloc(ptr::null(), len, MEM_RESERVE, PAGE_NOACCESS) };
    if base.is_null() {
        Err(Error::last_os_error())
    } else {
        Ok(base.cast())
    }
}

/// # Safety
/// `base` is the start of a whole reservation, and nothing refers to it any more.
pub unsafe fn release(base: *mut u8, _len: usize) {
    // SAFETY: by the caller's promise.
    unsafe { VirtualFree(base.cast(), 0, MEM_RELEASE) };
}

/// Makes a range readable and writable; pages that were never touched read as zero.
///
/// # Safety
/// The range lies in a reservation of the caller's.
pub unsafe fn make_accessible(base: *mut u8, len: usize) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    // SAFETY: by the caller's promise.
    let shown = unsafe { VirtualAlloc(base.cast(), len, MEM_COMMIT, PAGE_READWRITE) };
    if shown.is_null() {
        Err(Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Makes a range fault when touched and gives its pages back.
///
/// # Safety
/// The range lies in a reservation of the caller's and nothing refers to it.
pub unsafe fn make_inaccessible(base: *mut u8, len: usize) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    // SAFETY: by the caller's promise.
    let hidden = unsafe { VirtualFree(base.cast(), len, MEM_DECOMMIT) };
    if hidden == 0 {
        Err(Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Gives the pages of a range back; it reads as zero afterwards.
///
/// # Safety
/// As for [`make_inaccessible`].
pub unsafe fn decommit(base: *mut u8, len: usize) -> Result<()> {
    // SAFETY: by the caller's promise.
    unsafe {
        make_inaccessible(base, len)?;
        make_accessible(base, len)
    }
}

/// Nothing: what V8 reserved, V8 gives back.
///
/// # Safety
/// Nothing to promise.
pub unsafe fn drop_pages(_base: *mut u8, _len: usize) -> Result<()> {
    Ok(())
}

/// How many files the process may have open: the system sets no limit, this is ours.
pub fn descriptor_limit() -> usize {
    8192
}
