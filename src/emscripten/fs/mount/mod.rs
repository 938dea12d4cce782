//! Mounts: real folders, reached through cap-std only.
//!
//! The walk of a path resolves links itself, in the sandbox's own name space: a link's `/etc/passwd` is the sandbox's, not
//! the machine's. cap-std then opens the resolved path below the mount's root and refuses to leave it, which holds even when
//! somebody outside swaps a component for a link in between.

mod file;
mod os;

pub use file::RealFile;

use super::errno::{Errno, Result};
use super::flags::{
    O_ACCMODE, O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY,
};
use super::node::{Ino, S_IFDIR, S_IFLNK, S_IFREG, Stat};
use super::{FileSystem, MAX_LISTED, path};
use crate::engine::{Pace, WritableFolder};
use cap_std::fs::{Dir, File, Metadata, OpenOptions};
use file::Slot;
use std::cell::Cell;
use std::fs::FileTimes;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A real folder in the sandbox's tree.
pub struct Mount {
    /// The in-memory folder that it covers.
    pub node: Ino,
    at: String,
    /// Reached through [`Mount::root`] alone.
    root: Dir,
    /// `None`: nothing is changed there.
    writable: Option<WritableFolder>,
    /// The disk was looked at or changed: what came of it is of this moment.
    used: Cell<bool>,
}

/// What a name on the real disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealKind {
    File,
    Dir,
    Link,
    /// Sockets, devices, named pipes: seen, never opened.
    Other,
}

impl FileSystem {
    /// Covers the folder `at` (made when missing) by a real one. Only before the first `snapshot` or `restore`.
    pub fn mount(&mut self, at: &str, root: Dir, writable: Option<WritableFolder>) -> Result<()> {
        if self.base.is_some() {
            return Err(Errno::EBUSY);
        }
        let at = path::resolve("/", at);
        if at == "/" || self.mounts.iter().any(|m| m.at == at) {
            return Err(Errno::EBUSY);
        }
        let node = self.mount_point(&at)?;
        self.mounts.push(Mount {
            node,
            at,
            root,
            writable,
            used: Cell::new(false),
        });
        Ok(())
    }
    /// Finds or makes the mount points anew, after another sandbox's image was restored.
    pub(super) fn attach_mounts(&mut self) {
        let mounts = std::mem::take(&mut self.mounts);
        for mut mount in mounts {
            // The image may hold a file where the mount belongs: then the mount is out of reach, never misplaced.
            if let Ok(node) = self.mount_point(&mount.at) {
                mount.node = node;
                self.mounts.push(mount);
            }
        }
    }
    fn mount_point(&mut self, at: &str) -> Result<Ino> {
        self.mkdir_tree(at, 0o777)?;
        match self.place(at, false)? {
            super::lookup::Place::Node(ino) if self.node(ino)?.dir().is_some() => Ok(ino),
            super::lookup::Place::Node(_) => Err(Errno::ENOTDIR),
            // Inside another mount.
            _ => Err(Errno::EBUSY),
        }
    }
}

/// The empty path is the root of the mount.
fn here(inside: &str) -> &str {
    if inside.is_empty() { "." } else { inside }
}

impl Mount {
    fn root(&self) -> &Dir {
        self.used.set(true);
        &self.root
    }
    pub fn was_used(&self) -> bool {
        self.used.get()
    }
    /// The path of `name` in the folder `dir`.
    pub fn inside(&self, dir: &str, name: &str) -> Result<String> {
        let foreign = |c: char| c == '\0' || c == '/' || (cfg!(windows) && (c == '\\' || c == ':'));
        if name.contains(foreign) || name == ".." {
            return Err(Errno::EINVAL);
        }
        Ok(if dir.is_empty() {
            name.to_owned()
        } else {
            format!("{dir}/{name}")
        })
    }
    pub fn may_write(&self) -> Result<()> {
        match self.writable {
            Some(_) => Ok(()),
            None => Err(Errno::EROFS),
        }
    }
    pub fn kind(&self, inside: &str) -> Result<Option<RealKind>> {
        match self.root().symlink_metadata(here(inside)) {
            Ok(meta) => Ok(Some(kind_of(&meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
    pub fn require_dir(&self, inside: &str) -> Result<()> {
        match self.kind(inside)?.ok_or(Errno::ENOENT)? {
            RealKind::Dir => Ok(()),
            _ => Err(Errno::ENOTDIR),
        }
    }
    pub fn stat(&self, inside: &str) -> Result<Stat> {
        Ok(stat_of(&self.root().symlink_metadata(here(inside))?))
    }
    pub fn read_link(&self, inside: &str) -> Result<String> {
        if self.kind(inside)? != Some(RealKind::Link) {
            return Err(Errno::EINVAL);
        }
        let target = self.root().read_link_contents(inside)?;
        Ok(target.to_string_lossy().into_owned())
    }
    pub fn list(&self, inside: &str, pace: &Pace) -> Result<Vec<String>> {
        self.require_dir(inside)?;
        let mut names = Vec::new();
        for entry in self.root().read_dir(here(inside))? {
            pace.go_on()?;
            if names.len() >= MAX_LISTED {
                return Err(Errno::ENOMEM);
            }
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }
    pub fn open(&self, mount: usize, inside: String, flags: u32, mode: u32) -> Result<RealFile> {
        let writes = flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0;
        let kind = self.kind(&inside)?;
        match kind {
            Some(RealKind::Dir) if writes || flags & O_CREAT != 0 => return Err(Errno::EISDIR),
            Some(RealKind::Dir) => {
                return Ok(RealFile {
                    mount,
                    inside,
                    file: None,
                });
            }
            Some(RealKind::Link) => return Err(Errno::ELOOP),
            Some(RealKind::Other) => return Err(Errno::EACCES),
            Some(RealKind::File) if flags & O_DIRECTORY != 0 => return Err(Errno::ENOTDIR),
            Some(RealKind::File) => {}
            None if flags & O_CREAT == 0 => return Err(Errno::ENOENT),
            None => {}
        }
        if writes || kind.is_none() {
            self.may_write()?;
        }
        let access = flags & O_ACCMODE;
        let append = flags & O_APPEND != 0 && access != O_RDONLY;
        // Creating and truncating need write access in the host's API, whatever the descriptor allows later.
        let write = access != O_RDONLY || writes || kind.is_none();
        let slot = Slot::take()?;
        let mut options = options();
        options
            .read(access != O_WRONLY)
            .write(write && !append)
            .append(append);
        if kind.is_none() {
            options
                .create_new(flags & O_EXCL != 0)
                .create(flags & O_EXCL == 0);
            set_mode(&mut options, mode);
        } else if flags & O_TRUNC != 0 && !append {
            options.truncate(true);
        }
        let file = regular(self.root().open_with(&inside, &options)?)?;
        if flags & O_TRUNC != 0 && append {
            file.set_len(0)?;
        }
        Ok(RealFile {
            mount,
            inside,
            file: Some((file, slot)),
        })
    }
    pub fn create_file(&self, inside: &str, mode: u32) -> Result<()> {
        self.may_write()?;
        let mut options = options();
        options.write(true).create_new(true);
        set_mode(&mut options, mode);
        self.root().open_with(inside, &options)?;
        Ok(())
    }
    pub fn create_dir(&self, inside: &str, mode: u32) -> Result<()> {
        self.may_write()?;
        self.root().create_dir(inside)?;
        self.set_mode(inside, mode)
    }
    /// Links that could lead out are refused, for the sake of programs outside that would follow them: absolute ones, and
    /// all with `..`, whose meaning changes when a folder on the way is renamed.
    pub fn symlink(&self, target: &str, dir: &str, name: &str) -> Result<()> {
        self.may_write()?;
        let climbs = target.split(['/', '\\']).any(|p| p == "..");
        if climbs || target.starts_with(['/', '\\']) || (cfg!(windows) && target.contains(':')) {
            return Err(Errno::EPERM);
        }
        let inside = self.inside(dir, name)?;
        #[cfg(unix)]
        self.root().symlink(target, inside)?;
        #[cfg(windows)]
        self.root().symlink_file(target, inside)?;
        Ok(())
    }
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.may_write()?;
        Ok(self.root().rename(from, self.root(), to)?)
    }
    pub fn remove_file(&self, inside: &str) -> Result<()> {
        self.may_write()?;
        if self.kind(inside)? == Some(RealKind::Dir) {
            return Err(Errno::EISDIR);
        }
        Ok(self.root().remove_file(inside)?)
    }
    pub fn remove_dir(&self, inside: &str) -> Result<()> {
        self.may_write()?;
        self.require_dir(inside)?;
        Ok(self.root().remove_dir(inside)?)
    }
    pub fn truncate(&self, inside: &str, len: u64) -> Result<()> {
        self.may_write()?;
        match self.kind(inside)? {
            Some(RealKind::File) => {}
            Some(RealKind::Dir) => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
        Ok(self
            .root()
            .open_with(inside, options().write(true))
            .map_err(Errno::from)
            .and_then(regular)?
            .set_len(len)?)
    }
    /// Only permission bits: set-id bits of the real disk are not the sandbox's to give.
    pub fn set_mode(&self, inside: &str, mode: u32) -> Result<()> {
        self.may_write()?;
        if self.kind(inside)? == Some(RealKind::Link) {
            return Err(Errno::EOPNOTSUPP);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let permissions = std::fs::Permissions::from_mode(mode & 0o777);
            self.root().set_permissions(
                here(inside),
                cap_std::fs::Permissions::from_std(permissions),
            )?;
        }
        #[cfg(not(unix))]
        {
            let mut permissions = self.root().symlink_metadata(here(inside))?.permissions();
            permissions.set_readonly(mode & 0o222 == 0);
            self.root().set_permissions(here(inside), permissions)?;
        }
        Ok(())
    }
    pub fn set_times(&self, inside: &str, atime: Option<i64>, mtime: Option<i64>) -> Result<()> {
        self.may_write()?;
        let file = match self.kind(inside)?.ok_or(Errno::ENOENT)? {
            RealKind::File | RealKind::Dir => {
                self.root().open_with(here(inside), options().read(true))?
            }
            RealKind::Link | RealKind::Other => return Err(Errno::EOPNOTSUPP),
        };
        let mut times = FileTimes::new();
        if let Some(ms) = atime {
            times = times.set_accessed(time_of(ms)?);
        }
        if let Some(ms) = mtime {
            times = times.set_modified(time_of(ms)?);
        }
        Ok(file.into_std().set_times(times)?)
    }
    pub fn access(&self, inside: &str, amode: u32) -> Result<()> {
        let mode = self.stat(inside)?.mode;
        if amode & 2 != 0 {
            self.may_write()?;
        }
        let missing = |bit: u32| amode & bit != 0 && mode & (bit | bit << 3 | bit << 6) == 0;
        if [4, 2, 1].into_iter().any(missing) {
            Err(Errno::EACCES)
        } else {
            Ok(())
        }
    }
}

/// Nothing is waited for: the name that was a file's a moment ago may be a pipe's.
#[cfg_attr(not(unix), allow(unused_mut))]
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK);
    }
    options
}

/// What was opened, unless it turned out to be something else than a file.
fn regular(file: File) -> Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(Errno::EACCES)
    }
}

fn kind_of(meta: &Metadata) -> RealKind {
    if meta.is_symlink() {
        RealKind::Link
    } else if meta.is_dir() {
        RealKind::Dir
    } else if meta.is_file() {
        RealKind::File
    } else {
        RealKind::Other
    }
}

fn stat_of(meta: &Metadata) -> Stat {
    let kind = match kind_of(meta) {
        RealKind::Link => S_IFLNK,
        RealKind::Dir => S_IFDIR,
        RealKind::File | RealKind::Other => S_IFREG,
    };
    let ms = |time: io::Result<cap_std::time::SystemTime>| {
        let since = |t: cap_std::time::SystemTime| t.into_std().duration_since(UNIX_EPOCH);
        time.ok()
            .and_then(|t| since(t).ok())
            .map_or(0, |d| d.as_millis() as i64)
    };
    let mtime = ms(meta.modified());
    let (permissions, ino, nlink) = os::details(meta);
    Stat {
        dev: 2,
        ino,
        mode: kind | permissions,
        nlink,
        uid: 0,
        gid: 0,
        rdev: 0,
        size: meta.len(),
        blksize: 4096,
        blocks: meta.len().div_ceil(512),
        atime: ms(meta.accessed()),
        mtime,
        ctime: mtime,
    }
}

fn time_of(ms: i64) -> Result<SystemTime> {
    let offset = Duration::from_millis(ms.unsigned_abs());
    let time = if ms >= 0 {
        UNIX_EPOCH.checked_add(offset)
    } else {
        UNIX_EPOCH.checked_sub(offset)
    };
    time.ok_or(Errno::EINVAL)
}

#[cfg_attr(not(unix), allow(unused_variables))]
fn set_mode(options: &mut OpenOptions, mode: u32) {
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.mode(mode & 0o777);
    }
}
