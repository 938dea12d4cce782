//! Error numbers. Emscripten renumbered errno in 1.38.47: Linux's values before, WASI's since.

use std::{fmt, io};

macro_rules! errnos {
    ($($name:ident $wasi:literal $linux:literal $text:literal;)*) => {
        /// A POSIX error. The name is stable; the number depends on the ABI generation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(clippy::upper_case_acronyms)]
        pub enum Errno { $($name,)* }

        impl Errno {
            /// The number that the module's C library knows this error by.
            pub const fn number(self, linux: bool) -> i32 {
                match self { $(Errno::$name => if linux { $linux } else { $wasi },)* }
            }
            pub fn from_number(number: i32, linux: bool) -> Option<Self> {
                [$(Errno::$name,)*].into_iter().find(|e| e.number(linux) == number)
            }
            /// `"ENOENT"`, as in Node's `error.code`.
            pub const fn name(self) -> &'static str {
                match self { $(Errno::$name => stringify!($name),)* }
            }
            /// What Emscripten's `FS.ErrnoError` says in builds with assertions.
            pub const fn text(self) -> &'static str {
                match self { $(Errno::$name => $text,)* }
            }
        }
    };
}

errnos! {
    E2BIG 1 7 "Arg list too long";
    EACCES 2 13 "Permission denied";
    EADDRINUSE 3 98 "Address already in use";
    EADDRNOTAVAIL 4 99 "Address not available";
    EAFNOSUPPORT 5 97 "Address family not supported by protocol family";
    EAGAIN 6 11 "No more processes";
    EALREADY 7 114 "Socket already connected";
    EBADF 8 9 "Bad file number";
    EBUSY 10 16 "Mount device busy";
    ECANCELED 11 125 "Operation Canceled";
    ECHILD 12 10 "No children";
    ECONNABORTED 13 103 "Connection aborted";
    ECONNREFUSED 14 111 "Connection refused";
    ECONNRESET 15 104 "Connection reset by peer";
    EDEADLK 16 35 "File locking deadlock error";
    EDESTADDRREQ 17 89 "Destination address required";
    EDOM 18 33 "Math arg out of domain of func";
    EDQUOT 19 122 "Quota exceeded";
    EEXIST 20 17 "File exists";
    EFAULT 21 14 "Bad address";
    EFBIG 22 27 "File too large";
    EHOSTUNREACH 23 113 "Host is unreachable";
    EILSEQ 25 84 "Illegal byte sequence";
    EINPROGRESS 26 115 "Connection already in progress";
    EINTR 27 4 "Interrupted system call";
    EINVAL 28 22 "Invalid argument";
    EIO 29 5 "I/O error";
    EISCONN 30 106 "Socket is already connected";
    EISDIR 31 21 "Is a directory";
    ELOOP 32 40 "Too many symbolic links";
    EMFILE 33 24 "Too many open files";
    EMLINK 34 31 "Too many links";
    EMSGSIZE 35 90 "Message too long";
    ENAMETOOLONG 37 36 "File or path name too long";
    ENETDOWN 38 100 "Network interface is not configured";
    ENETUNREACH 40 101 "Network is unreachable";
    ENFILE 41 23 "Too many open files in system";
    ENOBUFS 42 105 "No buffer space available";
    ENODEV 43 19 "No such device";
    ENOENT 44 2 "No such file or directory";
    ENOEXEC 45 8 "Exec format error";
    ENOLCK 46 37 "No record locks available";
    ENOMEM 48 12 "Not enough core";
    ENOPROTOOPT 50 92 "Protocol not available";
    ENOSPC 51 28 "No space left on device";
    ENOSYS 52 38 "Function not implemented";
    ENOTCONN 53 107 "Socket is not connected";
    ENOTDIR 54 20 "Not a directory";
    ENOTEMPTY 55 39 "Directory not empty";
    ENOTSOCK 57 88 "Socket operation on non-socket";
    ENOTTY 59 25 "Not a typewriter";
    ENXIO 60 6 "No such device or address";
    EOVERFLOW 61 75 "Value too large for defined data type";
    EPERM 63 1 "Not super-user";
    EPIPE 64 32 "Broken pipe";
    EPROTONOSUPPORT 66 93 "Unknown protocol";
    EPROTOTYPE 67 91 "Protocol wrong type for socket";
    ERANGE 68 34 "Math result not representable";
    EROFS 69 30 "Read only file system";
    ESPIPE 70 29 "Illegal seek";
    ESRCH 71 3 "No such process";
    ESTALE 72 116 "Stale file handle";
    ETIMEDOUT 73 110 "Connection timed out";
    ETXTBSY 74 26 "Text file busy";
    EXDEV 75 18 "Cross-device link";
    EOPNOTSUPP 138 95 "Operation not supported on transport endpoint";
}

pub type Result<T, E = Errno> = std::result::Result<T, E>;

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.text())
    }
}

impl std::error::Error for Errno {}

/// The module does not see it: its call ends.
impl From<crate::engine::Interruption> for Errno {
    fn from(_: crate::engine::Interruption) -> Self {
        Errno::EINTR
    }
}

/// An error of the real disk, under a mount.
impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        #[cfg(unix)]
        if let Some(errno) = error.raw_os_error().and_then(from_os) {
            return errno;
        }
        use io::ErrorKind as K;
        match error.kind() {
            K::NotFound => Errno::ENOENT,
            // cap-std reports an attempt to leave the mounted folder as PermissionDenied without an OS number.
            K::PermissionDenied => Errno::EACCES,
            K::AlreadyExists => Errno::EEXIST,
            K::NotADirectory => Errno::ENOTDIR,
            K::IsADirectory => Errno::EISDIR,
            K::DirectoryNotEmpty => Errno::ENOTEMPTY,
            K::ReadOnlyFilesystem => Errno::EROFS,
            K::CrossesDevices => Errno::EXDEV,
            K::InvalidInput | K::InvalidFilename => Errno::EINVAL,
            K::StorageFull => Errno::ENOSPC,
            K::FileTooLarge => Errno::EFBIG,
            K::ResourceBusy => Errno::EBUSY,
            K::OutOfMemory => Errno::ENOMEM,
            K::WouldBlock => Errno::EAGAIN,
            K::Interrupted => Errno::EINTR,
            K::Unsupported => Errno::EOPNOTSUPP,
            _ => Errno::EIO,
        }
    }
}

#[cfg(unix)]
fn from_os(number: i32) -> Option<Errno> {
    Some(match number {
        libc::ENOENT => Errno::ENOENT,
        libc::EACCES => Errno::EACCES,
        libc::EPERM => Errno::EPERM,
        libc::EEXIST => Errno::EEXIST,
        libc::ENOTDIR => Errno::ENOTDIR,
        libc::EISDIR => Errno::EISDIR,
        libc::ENOTEMPTY => Errno::ENOTEMPTY,
        libc::EROFS => Errno::EROFS,
        libc::EXDEV => Errno::EXDEV,
        libc::EINVAL => Errno::EINVAL,
        libc::ENOSPC => Errno::ENOSPC,
        libc::EFBIG => Errno::EFBIG,
        libc::EBUSY => Errno::EBUSY,
        libc::ELOOP => Errno::ELOOP,
        libc::EMFILE => Errno::EMFILE,
        libc::ENFILE => Errno::ENFILE,
        libc::EMLINK => Errno::EMLINK,
        libc::ENAMETOOLONG => Errno::ENAMETOOLONG,
        libc::EDQUOT => Errno::EDQUOT,
        libc::ETXTBSY => Errno::ETXTBSY,
        libc::ESPIPE => Errno::ESPIPE,
        libc::EAGAIN => Errno::EAGAIN,
        libc::EIO => Errno::EIO,
        libc::EBADF => Errno::EBADF,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_numberings() {
        assert_eq!(
            (Errno::ENOENT.number(false), Errno::ENOENT.number(true)),
            (44, 2)
        );
        assert_eq!(
            (Errno::EBADF.number(false), Errno::EBADF.number(true)),
            (8, 9)
        );
        assert_eq!(
            (Errno::EXDEV.number(false), Errno::EXDEV.number(true)),
            (75, 18)
        );
        assert_eq!(Errno::from_number(20, false), Some(Errno::EEXIST));
        assert_eq!(Errno::from_number(20, true), Some(Errno::ENOTDIR));
        assert_eq!(Errno::from_number(9999, true), None);
    }
}
