//! What emvm asks of an operating system, as the same functions on each.
//!
//! A port is one file beside this one. Nothing outside this folder asks which system it runs on.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod page_scan;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub use linux::{
    SealedFile, Window, address_space, choose_small_pages, dirty_bytes, faults, map_private,
    memory_file, opened, own_pages, prefer_large_pages, punch, seal, touched_pages, write,
    written_slowly,
};
#[cfg(target_os = "linux")]
pub use page_scan::{tells_written_pages, thread_faults, written_pages};
#[cfg(unix)]
pub use unix::{
    decommit, descriptor_limit, drop_pages, make_accessible, make_inaccessible, page_size, release,
    reserve, user,
};
#[cfg(windows)]
pub use windows::{
    decommit, descriptor_limit, drop_pages, make_accessible, make_inaccessible, page_size, release,
    reserve,
};
#[cfg(not(target_os = "linux"))]
pub use without_cow::{
    SealedFile, Window, address_space, choose_small_pages, dirty_bytes, faults, map_private,
    memory_file, opened, own_pages, prefer_large_pages, punch, seal, tells_written_pages,
    thread_faults, touched_pages, write, written_pages, written_slowly,
};

/// How many page faults a thread had had at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// No other thread of the process has or had the number.
    thread: u64,
    minor: i64,
    major: i64,
}

impl Faults {
    #[cfg(target_os = "linux")]
    fn of_this_thread(minor: i64, major: i64) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        thread_local!(static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
        // While the thread ends it has no number any more, and none fits.
        let thread = NUMBER.try_with(|number| *number);
        Self {
            thread: thread.unwrap_or_else(|_| NEXT.fetch_add(1, Ordering::Relaxed)),
            minor,
            major,
        }
    }
}

/// Bytes of a large page on the systems that have them on request. Reservations begin at a multiple of it.
pub const LARGE_PAGE: usize = 2 << 20;

/// How a region is brought back to its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Pages are mapped privately over a sealed memory file: dropping them shows the image again.
    CopyOnWrite,
    /// Pages are dropped and the image's non-zero pages copied back.
    Portable,
}

impl Backend {
    pub fn name(self) -> &'static str {
        match self {
            Backend::CopyOnWrite => "copy-on-write (memfd)",
            Backend::Portable => "portable (copying)",
        }
    }
}

/// The backend of this process. `EMVM_MEMORY_BACKEND=portable` chooses the portable one.
pub fn backend() -> Backend {
    match backend_refusal() {
        None => Backend::CopyOnWrite,
        Some(_) => Backend::Portable,
    }
}

/// Why this process copies memory instead of mapping it copy-on-write. Found out once: sandboxes that forbid memory files
/// (seccomp) are put around a process before it starts.
pub fn backend_refusal() -> Option<&'static str> {
    use std::sync::OnceLock;
    static REFUSAL: OnceLock<Option<String>> = OnceLock::new();
    let refusal = REFUSAL.get_or_init(|| {
        if std::env::var_os("EMVM_MEMORY_BACKEND").is_some_and(|v| v == "portable") {
            Some("EMVM_MEMORY_BACKEND=portable".into())
        } else if cfg!(not(target_os = "linux")) {
            Some(format!("{} has no memory files", std::env::consts::OS))
        } else {
            tried()
                .err()
                .map(|error| format!("memory files cannot be used: {error}"))
        }
    });
    refusal.as_deref()
}

/// Goes through all that an image needs, with one page.
fn tried() -> std::io::Result<()> {
    let len = page_size();
    let sealed = seal(len, &[(0, &[1])])?;
    match Window::over(&sealed, len)?.bytes() {
        [1, ..] => Ok(()),
        _ => Err(std::io::Error::other(
            "what was written to one is not in it",
        )),
    }
}

/// Copy-on-write is not to be had: `Sealed` has no values, so nothing that needs one can be reached.
#[cfg(not(target_os = "linux"))]
mod without_cow {
    #[derive(Debug)]
    pub enum SealedFile {}

    pub fn seal(_len: usize, _pages: &[(usize, &[u8])]) -> std::io::Result<SealedFile> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    /// # Safety
    /// Cannot be called: `Sealed` has no values.
    pub unsafe fn map_private(
        _base: *mut u8,
        _len: usize,
        sealed: &SealedFile,
        _offset: usize,
    ) -> std::io::Result<()> {
        match *sealed {}
    }
    pub fn memory_file(_len: usize) -> std::io::Result<SealedFile> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    pub fn opened(_file: std::fs::File) -> std::io::Result<SealedFile> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    pub fn write(file: &SealedFile, _at: usize, _bytes: &[u8]) -> std::io::Result<()> {
        match *file {}
    }
    pub fn punch(file: &SealedFile, _at: usize, _len: usize) {
        match *file {}
    }
    pub fn written_slowly(_base: *const u8, _len: usize) -> Option<Vec<(usize, usize)>> {
        None
    }
    /// # Safety
    /// Nothing to promise: elsewhere the system chooses by itself.
    pub unsafe fn prefer_large_pages(_base: *mut u8, _len: usize) -> bool {
        false
    }
    /// # Safety
    /// As above.
    pub unsafe fn choose_small_pages(_base: *mut u8, _len: usize) -> bool {
        false
    }
    pub fn thread_faults() -> Option<super::Faults> {
        None
    }
    pub fn dirty_bytes(_base: *const u8, _len: usize) -> Option<(usize, usize)> {
        None
    }
    pub fn own_pages(_bytes: &[u8]) -> Option<(usize, usize)> {
        None
    }
    pub fn tells_written_pages() -> bool {
        false
    }
    pub fn touched_pages(_base: *const u8, _len: usize) -> Option<Vec<bool>> {
        None
    }
    pub fn address_space() -> Option<usize> {
        None
    }
    pub fn faults(_base: *const u8, _len: usize) -> bool {
        false
    }
    pub fn written_pages(_: *const u8, _: usize, _: usize, _: impl FnMut(usize, usize)) -> bool {
        false
    }

    #[derive(Debug)]
    pub enum Window {}

    impl Window {
        pub fn over(sealed: &SealedFile, _len: usize) -> std::io::Result<Self> {
            match *sealed {}
        }
        pub fn shared(file: &SealedFile, _len: usize) -> std::io::Result<Self> {
            match *file {}
        }
        pub fn bytes(&self) -> &[u8] {
            match *self {}
        }
    }
}
