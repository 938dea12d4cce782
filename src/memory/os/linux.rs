//! What only Linux has: sealed memory files mapped copy-on-write, and the page map.

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// A memory file that nobody can change any more.
#[derive(Debug)]
pub struct SealedFile(File);

/// Its length stays, and so do its seals.
const FIXED_LENGTH: SealFlags = SealFlags::GROW
    .union(SealFlags::SHRINK)
    .union(SealFlags::SEAL);

fn memory_file_named(name: &str, len: usize) -> Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create(name, flags)?);
    file.set_len(len as u64)?;
    Ok(file)
}

/// A sealed memory file of `len` bytes with `pages` (offset, bytes) written; the rest is holes that read as zero.
pub fn seal(len: usize, pages: &[(usize, &[u8])]) -> Result<SealedFile> {
    let file = memory_file_named("emvm-image", len)?;
    for (offset, bytes) in pages {
        file.write_all_at(bytes, *offset as u64)?;
    }
    fcntl_add_seals(&file, FIXED_LENGTH | SealFlags::WRITE)?;
    Ok(SealedFile(file))
}

/// A memory file of `len` bytes of zeroes for [`write`] to fill and [`punch`] to empty.
pub fn memory_file(len: usize) -> Result<SealedFile> {
    let file = memory_file_named("emvm-checkpoints", len)?;
    fcntl_add_seals(&file, FIXED_LENGTH)?;
    Ok(SealedFile(file))
}

/// A file of the user's, as if nobody could change it.
pub fn opened(file: File) -> Result<SealedFile> {
    Ok(SealedFile(file))
}

pub fn write(file: &SealedFile, at: usize, bytes: &[u8]) -> Result<()> {
    file.0.write_all_at(bytes, at as u64)
}

/// Gives pages of a memory file back; they read as zero afterwards.
pub fn punch(file: &SealedFile, at: usize, len: usize) {
    let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    // An error would leave bytes that nobody shows.
    let _ = fallocate(&file.0, mode, at as u64, len as u64);
}

/// The bytes of a sealed file, for reading.
#[derive(Debug)]
pub struct Window {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: nobody writes to what is read through it, from any thread.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

impl Window {
    /// Of a sealed file.
    pub fn over(sealed: &SealedFile, len: usize) -> Result<Self> {
        // Not shared: until 6.7 the kernel took any shared mapping for one that could be written to.
        Self::map(sealed, len, libc::MAP_PRIVATE)
    }

    /// Of a file that is still written to, elsewhere than where this is read.
    pub fn shared(file: &SealedFile, len: usize) -> Result<Self> {
        Self::map(file, len, libc::MAP_SHARED)
    }

    fn map(sealed: &SealedFile, len: usize, flags: libc::c_int) -> Result<Self> {
        let fd = sealed.0.as_raw_fd();
        // SAFETY: a new mapping at an address of the system's choice disturbs nothing.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ,
                flags | libc::MAP_NORESERVE,
                fd,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(Error::last_os_error)?;
        Ok(Self { base, len })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is as long as this; the file never shrinks, and where it is read its bytes do not change.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and slices of it have ended.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// Maps the file privately from `offset` on at `base`, in place of what was there.
///
/// # Safety
/// `[base, base + len)` lies in a reservation of the caller's and nothing refers to it.
pub unsafe fn map_private(
    base: *mut u8,
    len: usize,
    sealed: &SealedFile,
    offset: usize,
) -> Result<()> {
    let rw = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
    // SAFETY: by the caller's promise; the file is sealed, so the mapping can never fault for want of bytes.
    let mapped = unsafe {
        libc::mmap(
            base.cast(),
            len,
            rw,
            flags,
            sealed.0.as_raw_fd(),
            offset as i64,
        )
    };
    if mapped == libc::MAP_FAILED {
        Err(Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The whole pages that the C library's allocator mapped for one large allocation, and for nothing else: (address, bytes).
///
/// glibc notes that before what it gives away, for those that it maps; it unmaps them as a whole when they are freed.
pub fn own_pages(bytes: &[u8]) -> Option<(usize, usize)> {
    const HEADER: usize = 2 * size_of::<usize>();
    const IS_MAPPED: usize = 2;
    const FLAGS: usize = 7;
    let page = super::page_size();
    let data = bytes.as_ptr() as usize;
    if !is_glibc() || data % page != HEADER {
        return None;
    }
    let start = data - HEADER;
    // SAFETY: the words lie on the page that `bytes` begin on, which can be read.
    let [before, size] = unsafe { *(start as *const [usize; 2]) };
    let len = size & !FLAGS;
    let is_own = before == 0 && size & FLAGS == IS_MAPPED && len.is_multiple_of(page);
    (is_own && len >= HEADER + bytes.len() && len - HEADER - bytes.len() < 2 * page)
        .then_some((start, len))
}

fn is_glibc() -> bool {
    static IS: OnceLock<bool> = OnceLock::new();
    *IS.get_or_init(|| {
        // SAFETY: a look-up by name among what the process has loaded.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"gnu_get_libc_version".as_ptr()) };
        !found.is_null()
    })
}

/// With `EMVM_LARGE_PAGES=1`, lets the system back a range of anonymous memory by large pages; gives whether they are wanted.
/// Not by default: where the machine is itself virtual and young, a large page is often memory that its host has yet to find,
/// at milliseconds each.
///
/// # Safety
/// The range lies in a reservation of the caller's.
pub unsafe fn prefer_large_pages(base: *mut u8, len: usize) -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    let is_wanted =
        *WANTED.get_or_init(|| std::env::var_os("EMVM_LARGE_PAGES").is_some_and(|v| v == "1"));
    if is_wanted {
        // SAFETY: by the caller's promise. A hint: a kernel without large pages refuses it, and nothing else changes.
        unsafe { libc::madvise(base.cast(), len, libc::MADV_HUGEPAGE) };
    }
    is_wanted
}

/// Keeps a range of anonymous memory to small pages, also on systems that make large ones of any memory: there pages that nobody
/// has touched would become writable beside one that somebody has. Gives whether it holds.
///
/// # Safety
/// The range lies in a reservation of the caller's.
pub unsafe fn choose_small_pages(base: *mut u8, len: usize) -> bool {
    // SAFETY: by the caller's promise.
    let chosen = unsafe { libc::madvise(base.cast(), len, libc::MADV_NOHUGEPAGE) } == 0;
    // A kernel that does not know of it has none but small pages.
    chosen || Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}

const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const FILE_OR_SHARED: u64 = 1 << 61;

/// Bytes of `[base, base + len)` that are (resident, private to this process), from the page map.
pub fn dirty_bytes(base: *const u8, len: usize) -> Option<(usize, usize)> {
    let (mut resident, mut private) = (0, 0);
    page_map(base, len, |entry| {
        resident += usize::from(entry & PRESENT != 0);
        private += usize::from(entry & (PRESENT | SWAPPED) != 0 && entry & FILE_OR_SHARED == 0);
    })?;
    let page = super::page_size();
    Some((resident * page, private * page))
}

/// Bytes of address space that the process has.
pub fn address_space() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = told.split(' ').next()?.parse().ok()?;
    Some(pages * super::page_size())
}

/// Whether all of a range is mapped, and every access to it faults.
pub fn faults(base: *const u8, len: usize) -> bool {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return false;
    };
    let (mut at, end) = (base as usize, base as usize + len);
    let mappings = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some((address(from)?, address(to)?, rest.starts_with("---")))
    });
    // They come in order.
    for (from, to, closed) in mappings.filter(|(_, to, _)| *to > base as usize) {
        if at >= end {
            break;
        }
        if from > at || !closed {
            return false;
        }
        at = to;
    }
    at >= end
}

/// For each page of a range of anonymous memory whether it may hold anything but zeroes, from the page map.
pub fn touched_pages(base: *const u8, len: usize) -> Option<Vec<bool>> {
    // Systems that only look like Linux may have a page map that says nothing.
    let known = 1u8;
    let mut honest = false;
    page_map(&raw const known, 1, |entry| honest = entry & PRESENT != 0)?;
    if !honest {
        return None;
    }
    let mut touched = Vec::with_capacity(len / super::page_size());
    page_map(base, len, |entry| {
        touched.push(entry & (PRESENT | SWAPPED) != 0);
    })?;
    Some(touched)
}

/// The same ranges as [`written_pages`](super::written_pages) tells, of any number, on systems that have no such call.
pub fn written_slowly(base: *const u8, len: usize) -> Option<Vec<(usize, usize)>> {
    touched_pages(base, super::page_size())?;
    let page = super::page_size();
    let (mut at, mut ranges) = (0, Vec::<(usize, usize)>::new());
    page_map(base, len, |entry| {
        if entry & (PRESENT | SWAPPED) != 0 && entry & FILE_OR_SHARED == 0 {
            match ranges.last_mut() {
                Some((start, len)) if *start + *len == at => *len += page,
                _ => ranges.push((at, page)),
            }
        }
        at += page;
    })?;
    Some(ranges)
}

fn page_map(base: *const u8, len: usize, mut each: impl FnMut(u64)) -> Option<()> {
    static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();
    let file = PAGEMAP
        .get_or_init(|| File::open("/proc/self/pagemap").ok())
        .as_ref()?;
    let page = super::page_size();
    let mut buffer = [0u8; 32 * 1024];
    let (mut at, end) = (
        (base as usize / page) * 8,
        (base as usize + len).div_ceil(page) * 8,
    );
    while at < end {
        let n = file
            .read_at(&mut buffer[..(end - at).min(32 * 1024)], at as u64)
            .ok()?;
        if n == 0 {
            return None;
        }
        for entry in buffer[..n].chunks_exact(8) {
            each(u64::from_le_bytes(entry.try_into().ok()?));
        }
        at += n;
    }
    Some(())
}
