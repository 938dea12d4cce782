//! Opening, closing, duplicating; operations on descriptors.

use super::device::Device;
use super::errno::{Errno, Result};
use super::lookup::{Lookup, Place};
use super::node::{Body, Ino, S_IALLUGO, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, Stat};
use super::streams::{MAX_FDS, MAX_REAL_FILES, Open, Target};
use super::{FileSystem, MAX_LISTED, Stdio};
use std::sync::Arc;

/// Numbers of C headers that never changed between ABI generations.
pub mod flags {
    pub const O_RDONLY: u32 = 0;
    pub const O_WRONLY: u32 = 1;
    pub const O_RDWR: u32 = 2;
    pub const O_ACCMODE: u32 = 3;
    pub const O_CREAT: u32 = 0o100;
    pub const O_EXCL: u32 = 0o200;
    pub const O_TRUNC: u32 = 0o1000;
    pub const O_APPEND: u32 = 0o2000;
    pub const O_NONBLOCK: u32 = 0o4000;
    pub const O_ASYNC: u32 = 0o20000;
    pub const O_DIRECT: u32 = 0o40000;
    pub const O_DIRECTORY: u32 = 0o200000;
    pub const O_NOFOLLOW: u32 = 0o400000;
    pub const O_NOATIME: u32 = 0o1000000;
    pub const O_CLOEXEC: u32 = 0o2000000;

    pub const POLLIN: u32 = 0x001;
    pub const POLLOUT: u32 = 0x004;
    pub const POLLERR: u32 = 0x008;
    pub const POLLHUP: u32 = 0x010;
    pub const POLLNVAL: u32 = 0x020;
    pub const POLLRDNORM: u32 = 0x040;
    pub const POLLWRNORM: u32 = 0x100;
}
use flags::*;

/// One entry as `getdents` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    pub ino: u64,
    /// `S_IF...` bits.
    pub kind: u32,
    pub name: String,
}

impl FileSystem {
    /// `open(2)`. `mode` counts when the file is created.
    pub fn open(&mut self, path: &str, flags: u32, mode: u32) -> Result<i32> {
        let found = self.walk(path, flags & O_NOFOLLOW == 0)?;
        let created = match &found.place {
            Some(_) if flags & O_CREAT != 0 && flags & O_EXCL != 0 => return Err(Errno::EEXIST),
            Some(_) => false,
            None if flags & O_CREAT == 0 => return Err(Errno::ENOENT),
            None if path.ends_with('/') => return Err(Errno::EISDIR),
            None => true,
        };
        match (&found.place, &found.parent) {
            (Some(Place::Node(ino)), _) => self.open_node(*ino, flags, &found),
            (Some(Place::Real(mount, inside)), _) => {
                self.open_real(*mount, inside.clone(), flags, mode, &found)
            }
            (Some(Place::Descriptor(_)), _) => Err(Errno::ELOOP),
            (None, Place::Node(_)) => {
                let ino = self
                    .mknod_at(&found, S_IFREG | (mode & S_IALLUGO), 0)?
                    .ok_or(Errno::EIO)?;
                debug_assert!(created);
                // As in Emscripten, which has made the file by then.
                if flags & O_DIRECTORY != 0 {
                    return Err(Errno::ENOTDIR);
                }
                self.add_stream(Target::Node(ino), flags, &found.path, true)
            }
            (None, Place::Real(..)) if flags & O_DIRECTORY != 0 => Err(Errno::EINVAL),
            (None, Place::Real(mount, dir)) => {
                let inside = self.mounts[*mount].inside(dir, &found.name)?;
                self.open_real(*mount, inside, flags, mode, &found)
            }
            (None, Place::Descriptor(_)) => Err(Errno::EACCES),
        }
    }
    fn open_node(&mut self, ino: Ino, mut flags: u32, found: &Lookup) -> Result<i32> {
        let node = self.node(ino)?;
        let writes = flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0;
        let creates = flags & O_CREAT != 0 && !self.opens_folders_to_create;
        match node.mode & S_IFMT {
            S_IFLNK => return Err(Errno::ELOOP),
            S_IFDIR if writes || creates => return Err(Errno::EISDIR),
            S_IFCHR => flags &= !O_TRUNC,
            _ => {}
        }
        if flags & O_DIRECTORY != 0 && !node.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        let reads = flags & O_ACCMODE != O_WRONLY;
        let bits = if reads { 0o444 } else { 0 } | if writes { 0o222 } else { 0 };
        self.permit(node, bits)?;
        let (is_device, rdev) = (node.is_device(), node.rdev);
        let seekable = match is_device {
            true => matches!(self.device(rdev)?, Device::Null),
            false => true,
        };
        if flags & O_TRUNC != 0 && node.is_file() {
            self.truncate_node(ino, 0)?;
        }
        let fd = self.add_stream(Target::Node(ino), flags, &found.path, seekable)?;
        if is_device
            && let Ok(Device::Custom(id)) = self.device(rdev)
            && let Err(error) = self.with_host(|h| h.device_open(id))
        {
            let _ = self.state.rest_mut().streams.remove(fd);
            return Err(error);
        }
        Ok(fd)
    }
    fn open_real(
        &mut self,
        mount: usize,
        inside: String,
        flags: u32,
        mode: u32,
        found: &Lookup,
    ) -> Result<i32> {
        if self.state.rest().streams.real_files() >= MAX_REAL_FILES {
            return Err(Errno::EMFILE);
        }
        let file = self.mounts[mount].open(mount, inside, flags, mode)?;
        self.add_stream(Target::Real(Arc::new(file)), flags, &found.path, true)
    }
    fn add_stream(
        &mut self,
        target: Target,
        flags: u32,
        path: &str,
        seekable: bool,
    ) -> Result<i32> {
        let flags = flags & !(O_EXCL | O_TRUNC | O_NOFOLLOW);
        self.state
            .rest_mut()
            .streams
            .add(Open::new(target, flags, path.into(), seekable))
    }

    pub fn close(&mut self, fd: i32) -> Result<()> {
        let Some(open) = self.state.rest_mut().streams.remove(fd)? else {
            return Ok(());
        };
        match open.target {
            Target::Node(ino) => {
                let device = self
                    .node(ino)
                    .ok()
                    .filter(|n| n.is_device())
                    .map(|n| n.rdev);
                let closed = match device.map(|rdev| self.device(rdev)) {
                    Some(Ok(Device::Terminal(stream))) => self.flush_line(stream),
                    Some(Ok(Device::Custom(id))) => self.with_host(|h| h.device_close(id)),
                    _ => Ok(()),
                };
                self.release(ino);
                closed
            }
            Target::PipeRead(pipe) => {
                self.pipe_close(pipe, false);
                Ok(())
            }
            Target::PipeWrite(pipe) => {
                self.pipe_close(pipe, true);
                Ok(())
            }
            Target::Real(_) => Ok(()),
        }
    }
    /// Closes every descriptor of a real file.
    pub(super) fn close_real(&mut self) {
        let streams = &self.state.rest().streams;
        let real = |fd: &i32| {
            matches!(
                streams.get(*fd),
                Ok(Open {
                    target: Target::Real(_),
                    ..
                })
            )
        };
        for fd in streams.fds().filter(real).collect::<Vec<_>>() {
            let _ = self.close(fd);
        }
    }
    /// `dup` (`from` 0) and `fcntl(F_DUPFD)`: the lowest free descriptor from `from` on.
    pub fn dup(&mut self, fd: i32, from: i32) -> Result<i32> {
        self.state.rest_mut().streams.dup(fd, from)
    }
    /// `dup2`: the same descriptor is left alone.
    pub fn dup2(&mut self, fd: i32, to: i32) -> Result<i32> {
        self.state.rest().streams.get(fd)?;
        if fd == to {
            return Ok(to);
        }
        if to < 0 || to as usize >= MAX_FDS {
            return Err(Errno::EBADF);
        }
        if self.is_open(to) {
            // What closing the old file says is not dup2's to report.
            let _ = self.close(to);
        }
        self.dup(fd, to)
    }
    pub fn is_open(&self, fd: i32) -> bool {
        self.state.rest().streams.is_open(fd)
    }
    pub fn descriptors(&self) -> Vec<i32> {
        self.state.rest().streams.fds().collect()
    }
    /// Absolute path at the time of opening.
    pub fn fd_path(&self, fd: i32) -> Result<&str> {
        Ok(&self.state.rest().streams.get(fd)?.path)
    }
    pub fn fd_flags(&self, fd: i32) -> Result<u32> {
        Ok(self.state.rest().streams.get(fd)?.flags)
    }
    pub fn set_fd_flags(&mut self, fd: i32, flags: u32) -> Result<()> {
        self.state.rest_mut().streams.get_mut(fd)?.flags = flags;
        Ok(())
    }
    pub fn is_seekable(&self, fd: i32) -> Result<bool> {
        Ok(self.state.rest().streams.get(fd)?.seekable)
    }
    pub fn isatty(&self, fd: i32) -> Result<bool> {
        Ok(match self.state.rest().streams.get(fd)?.target {
            Target::Node(ino) => {
                let node = self.node(ino)?;
                node.is_device() && matches!(self.device(node.rdev), Ok(Device::Terminal(_)))
            }
            _ => false,
        })
    }
    pub fn fstat(&mut self, fd: i32) -> Result<Stat> {
        match self.state.rest().streams.get(fd)?.target.clone() {
            Target::Node(ino) => self.stat_place(&Place::Node(ino)),
            Target::Real(file) => file.stat(&self.mounts),
            Target::PipeRead(pipe) | Target::PipeWrite(pipe) => self.pipe_stat(pipe),
        }
    }
    pub fn fchmod(&mut self, fd: i32, mode: u32) -> Result<()> {
        match self.fd_place(fd)? {
            Some(place) => self.chmod_place(&place, mode),
            None => Err(Errno::EPERM),
        }
    }
    pub fn fchown(&mut self, fd: i32) -> Result<()> {
        match self.fd_place(fd)? {
            Some(place) => self.chown_place(&place),
            None => Err(Errno::EPERM),
        }
    }
    fn fd_place(&self, fd: i32) -> Result<Option<Place>> {
        Ok(match &self.state.rest().streams.get(fd)?.target {
            Target::Node(ino) => Some(Place::Node(*ino)),
            Target::Real(file) => Some(Place::Real(file.mount, file.inside.clone())),
            Target::PipeRead(_) | Target::PipeWrite(_) => None,
        })
    }
    pub fn fchdir(&mut self, fd: i32) -> Result<()> {
        let path = self.fd_path(fd)?.to_owned();
        self.chdir(&path)
    }
    /// Entries of an open folder from number `start` on. The names are those at the first call, or after a rewind.
    pub fn dir_entries(&mut self, fd: i32, start: usize, max: usize) -> Result<Vec<DirEntry>> {
        let place = self.fd_place(fd)?.ok_or(Errno::ENOTDIR)?;
        let open = self.state.rest().streams.get(fd)?;
        let (listing, path) = (open.listing.clone(), open.path.clone());
        let listing: Arc<[String]> = match listing {
            Some(listing) => listing,
            None => {
                let listing: Arc<[String]> = self.list(&place)?.into();
                if self.state.rest().streams.listed() + listing.len() > MAX_LISTED {
                    return Err(Errno::ENOMEM);
                }
                self.state.rest_mut().streams.get_mut(fd)?.listing = Some(listing.clone());
                listing
            }
        };
        let mut out = Vec::new();
        for name in listing.iter().skip(start).take(max) {
            self.pace.go_on()?;
            let stat = match &**name {
                "." => self.stat_place(&place),
                name => self.lstat(&super::join(&path, name)),
            };
            // A name that went away since the listing was made still counts: it keeps the offsets right.
            let stat = stat.unwrap_or(Stat {
                mode: S_IFREG,
                ..Stat::default()
            });
            out.push(DirEntry {
                ino: stat.ino,
                kind: stat.kind(),
                name: name.clone(),
            });
        }
        Ok(out)
    }
    /// Ends the listing of an open folder: the next one is made anew.
    pub fn rewind_dir(&mut self, fd: i32) -> Result<()> {
        self.state.rest_mut().streams.get_mut(fd)?.listing = None;
        Ok(())
    }
    pub(super) fn device(&self, rdev: u32) -> Result<Device> {
        self.state
            .rest()
            .devices
            .get(&rdev)
            .copied()
            .ok_or(Errno::ENXIO)
    }
    /// Ends both streams' unfinished lines, as the end of the program does.
    pub fn flush_lines(&mut self) -> Result<()> {
        self.flush_line(Stdio::Out)?;
        self.flush_line(Stdio::Err)
    }
    /// Makes a lazy file's contents present.
    pub(super) fn load(&mut self, ino: Ino) -> Result<()> {
        let Body::Lazy(key) = self.node(ino)?.body else {
            return Ok(());
        };
        let bytes = self.with_host(|h| h.load(key))?;
        self.set_contents(ino, &bytes)
    }
}
