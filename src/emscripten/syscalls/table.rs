//! Every system call by its number and its names.

use super::arguments::{Handler, system_call};
use super::{control, files, folders, mapping, poll, process, sockets};
use crate::emscripten::{ImportFn, Runtime};
use crate::engine::{Args, Result};

/// An import that runs `HANDLER`; a const argument would do, if functions could be one.
macro_rules! import {
    ($number:literal, $handler:path) => {{
        fn import(rt: &mut Runtime, args: &mut Args) -> Result {
            const HANDLER: Handler = $handler;
            system_call(rt, args, $number, HANDLER)
        }
        import as ImportFn
    }};
}

macro_rules! system_calls {
    ($($number:literal $name:literal => $handler:path;)*) => {
        pub const IMPORTS: &[(&str, ImportFn)] = &[
            $(
                (concat!("__syscall", $number), import!($number, $handler)),
                (concat!("__sys_", $name), import!(0, $handler)),
                (concat!("__syscall_", $name), import!(0, $handler)),
            )*
            ("_mmap_js", import!(0, mapping::mmap_js)),
            ("_munmap_js", import!(0, mapping::munmap_js)),
            ("_msync_js", import!(0, mapping::msync_js)),
            ("__map_file", mapping::map_file),
            ("getaddrinfo", sockets::getaddrinfo),
            ("getnameinfo", sockets::getnameinfo),
            ("gethostbyname", sockets::no_entry),
            ("gethostbyaddr", sockets::no_entry),
            ("gethostbyname_r", sockets::getaddrinfo),
            ("getprotobyname", sockets::no_entry),
            ("getprotobynumber", sockets::no_entry),
        ];
    };
}

// Numbers from 900 on are ours: calls that never had one.
system_calls! {
    1 "exit" => process::exit;
    3 "read" => files::read;
    4 "write" => files::write;
    5 "open" => files::open;
    6 "close" => files::close;
    9 "link" => folders::link;
    10 "unlink" => folders::unlink;
    12 "chdir" => folders::chdir;
    14 "mknod" => folders::mknod;
    15 "chmod" => folders::chmod;
    20 "getpid" => process::getpid;
    29 "pause" => process::pause;
    33 "access" => folders::access;
    34 "nice" => process::not_permitted;
    36 "sync" => process::zero;
    38 "rename" => folders::rename;
    39 "mkdir" => folders::mkdir;
    40 "rmdir" => folders::rmdir;
    41 "dup" => files::dup;
    42 "pipe" => files::pipe;
    51 "acct" => process::not_implemented;
    54 "ioctl" => control::ioctl;
    57 "setpgid" => process::setpgid;
    60 "umask" => process::umask;
    63 "dup2" => files::dup2;
    64 "getppid" => process::getppid;
    65 "getpgrp" => process::getpgrp;
    66 "setsid" => process::zero;
    75 "setrlimit" => process::zero;
    77 "getrusage" => process::getrusage;
    83 "symlink" => folders::symlink;
    85 "readlink" => folders::readlink;
    91 "munmap" => mapping::munmap;
    94 "fchmod" => files::fchmod;
    96 "getpriority" => process::zero;
    97 "setpriority" => process::not_permitted;
    102 "socketcall" => sockets::socketcall;
    104 "setitimer" => process::not_implemented;
    114 "wait4" => process::wait4;
    118 "fsync" => files::fsync;
    121 "setdomainname" => process::not_permitted;
    122 "uname" => process::uname;
    125 "mprotect" => process::zero;
    132 "getpgid" => process::getpgid;
    133 "fchdir" => folders::fchdir;
    140 "_llseek" => files::llseek;
    142 "_newselect" => poll::select;
    144 "msync" => mapping::msync;
    145 "readv" => files::readv;
    146 "writev" => files::writev;
    147 "getsid" => process::getsid;
    148 "fdatasync" => files::fsync;
    150 "mlock" => process::zero;
    151 "munlock" => process::zero;
    152 "mlockall" => process::zero;
    153 "munlockall" => process::zero;
    163 "mremap" => process::mremap;
    168 "poll" => poll::poll;
    178 "rt_sigqueueinfo" => process::zero;
    180 "pread64" => files::pread64;
    181 "pwrite64" => files::pwrite64;
    183 "getcwd" => folders::getcwd;
    191 "ugetrlimit" => process::ugetrlimit;
    192 "mmap2" => mapping::mmap2;
    193 "truncate64" => folders::truncate64;
    194 "ftruncate64" => files::ftruncate64;
    195 "stat64" => folders::stat64;
    196 "lstat64" => folders::lstat64;
    197 "fstat64" => files::fstat64;
    198 "lchown32" => folders::lchown;
    199 "getuid32" => process::zero;
    200 "getgid32" => process::zero;
    201 "geteuid32" => process::zero;
    202 "getegid32" => process::zero;
    203 "setreuid32" => process::set_ids;
    204 "setregid32" => process::set_ids;
    205 "getgroups32" => process::getgroups32;
    207 "fchown32" => files::fchown;
    208 "setresuid32" => process::set_ids;
    209 "getresuid32" => process::get_ids;
    210 "setresgid32" => process::set_ids;
    211 "getresgid32" => process::get_ids;
    212 "chown32" => folders::chown;
    213 "setuid32" => process::set_ids;
    214 "setgid32" => process::set_ids;
    218 "mincore" => process::not_implemented;
    219 "madvise" => process::zero;
    220 "getdents64" => folders::getdents64;
    221 "fcntl64" => control::fcntl64;
    252 "exit_group" => process::exit;
    268 "statfs64" => folders::statfs64;
    269 "fstatfs64" => folders::fstatfs64;
    272 "fadvise64_64" => files::fadvise64;
    295 "openat" => files::openat;
    296 "mkdirat" => folders::mkdirat;
    297 "mknodat" => folders::mknodat;
    298 "fchownat" => folders::fchownat;
    300 "fstatat64" => folders::newfstatat;
    301 "unlinkat" => folders::unlinkat;
    302 "renameat" => folders::renameat;
    303 "linkat" => folders::linkat;
    304 "symlinkat" => folders::symlinkat;
    305 "readlinkat" => folders::readlinkat;
    306 "fchmodat" => folders::fchmodat;
    307 "faccessat" => folders::faccessat;
    308 "pselect6" => process::not_implemented;
    320 "utimensat" => folders::utimensat;
    324 "fallocate" => files::fallocate;
    330 "dup3" => files::dup3;
    331 "pipe2" => files::pipe2;
    333 "preadv" => files::preadv;
    334 "pwritev" => files::pwritev;
    337 "recvmmsg" => process::zero;
    340 "prlimit64" => process::prlimit64;
    345 "sendmmsg" => process::zero;
    900 "madvise1" => process::zero;
    901 "newfstatat" => folders::newfstatat;
    902 "fadvise64" => files::fadvise64;
    903 "fchmodat2" => folders::fchmodat2;
    904 "poll_nonblocking" => poll::poll;
    905 "socket" => sockets::socket;
    906 "socketpair" => sockets::socket;
    907 "bind" => sockets::on_socket;
    908 "connect" => sockets::on_socket;
    909 "listen" => sockets::on_socket;
    910 "accept4" => sockets::on_socket;
    911 "getsockname" => sockets::on_socket;
    912 "getpeername" => sockets::on_socket;
    913 "getsockopt" => sockets::on_socket;
    914 "setsockopt" => sockets::on_socket;
    915 "sendto" => sockets::on_socket;
    916 "recvfrom" => sockets::on_socket;
    917 "sendmsg" => sockets::on_socket;
    918 "recvmsg" => sockets::on_socket;
    919 "shutdown" => sockets::on_socket;
    920 "epoll_create1" => process::not_implemented;
    921 "epoll_ctl" => process::not_implemented;
    922 "epoll_pwait" => process::not_implemented;
    923 "epoll_pwait_nonblocking" => process::not_implemented;
    924 "futimesat" => process::not_implemented;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_twice() {
        let mut names: Vec<_> = IMPORTS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
