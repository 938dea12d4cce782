//! What is known of a file besides its contents, who may use it, and the working directory.

use super::errno::{Errno, Result};
use super::lookup::{MAX_PATH, Place};
use super::node::{S_IALLUGO, S_IFLNK, Stat};
use super::{FileSystem, now_ms};

impl FileSystem {
    pub fn stat(&mut self, path: &str) -> Result<Stat> {
        let place = self.place(path, true)?;
        self.stat_place(&place)
    }
    pub fn lstat(&mut self, path: &str) -> Result<Stat> {
        let place = self.place(path, false)?;
        self.stat_place(&place)
    }
    pub(super) fn stat_place(&mut self, place: &Place) -> Result<Stat> {
        match place {
            Place::Node(ino) => {
                self.load(*ino)?;
                Ok(self.node(*ino)?.into())
            }
            Place::Real(mount, inside) => self.mounts[*mount].stat(inside),
            Place::Descriptor(fd) => {
                let target = self.state.rest().streams.get(*fd)?.path.len() as u64;
                Ok(Stat {
                    dev: 1,
                    mode: S_IFLNK | 0o777,
                    nlink: 1,
                    size: target,
                    blksize: 4096,
                    ..Stat::default()
                })
            }
        }
    }
    pub fn chmod(&mut self, path: &str, mode: u32, follow: bool) -> Result<()> {
        let place = self.place(path, follow)?;
        self.chmod_place(&place, mode)
    }
    pub(super) fn chmod_place(&mut self, place: &Place, mode: u32) -> Result<()> {
        match place {
            Place::Node(ino) => {
                self.node(*ino)?;
                let node = self.node_mut(*ino);
                node.mode = (mode & S_IALLUGO) | (node.mode & !S_IALLUGO);
                node.ctime = now_ms();
                Ok(())
            }
            Place::Real(mount, inside) => self.mounts[*mount].set_mode(inside, mode),
            Place::Descriptor(_) => Err(Errno::EPERM),
        }
    }
    /// Owners are not kept, as in Emscripten; the change time is.
    pub fn chown(&mut self, path: &str, follow: bool) -> Result<()> {
        let place = self.place(path, follow)?;
        self.chown_place(&place)
    }
    pub(super) fn chown_place(&mut self, place: &Place) -> Result<()> {
        match place {
            Place::Node(ino) => {
                self.node(*ino)?;
                self.node_mut(*ino).ctime = now_ms();
                Ok(())
            }
            Place::Real(mount, _) => self.mounts[*mount].may_write(),
            Place::Descriptor(_) => Err(Errno::EPERM),
        }
    }
    /// Sets access and modification time, in milliseconds; `None` leaves one as it is.
    pub fn utime(
        &mut self,
        path: &str,
        atime: Option<i64>,
        mtime: Option<i64>,
        follow: bool,
    ) -> Result<()> {
        let place = self.place(path, follow)?;
        match place {
            Place::Node(ino) => {
                self.node(ino)?;
                let node = self.node_mut(ino);
                node.atime = atime.unwrap_or(node.atime);
                node.mtime = mtime.unwrap_or(node.mtime);
                node.ctime = now_ms();
                Ok(())
            }
            Place::Real(mount, inside) => self.mounts[mount].set_times(&inside, atime, mtime),
            Place::Descriptor(_) => Err(Errno::EPERM),
        }
    }
    /// `access(path, amode)`: `amode` is a sum of 4 (read), 2 (write), 1 (execute), or 0 (exists).
    pub fn access(&mut self, path: &str, amode: u32) -> Result<()> {
        if amode & !7 != 0 {
            return Err(Errno::EINVAL);
        }
        match self.place(path, true)? {
            Place::Node(ino) => {
                let bits = amode | amode << 3 | amode << 6;
                self.permit(self.node(ino)?, bits)
            }
            Place::Real(mount, inside) => self.mounts[mount].access(&inside, amode),
            Place::Descriptor(_) => Ok(()),
        }
    }
    pub fn cwd(&self) -> &str {
        &self.state.rest().cwd
    }
    pub fn chdir(&mut self, path: &str) -> Result<()> {
        let found = self.walk(path, true)?;
        // Every relative path begins with it.
        if found.path.len() > MAX_PATH {
            return Err(Errno::ENAMETOOLONG);
        }
        match found.place.as_ref().ok_or(Errno::ENOENT)? {
            Place::Node(ino) => {
                let node = self.node(*ino)?;
                if !node.is_dir() {
                    return Err(Errno::ENOTDIR);
                }
                self.permit(node, 0o111)?;
            }
            Place::Real(mount, inside) => self.mounts[*mount].require_dir(inside)?,
            Place::Descriptor(_) => return Err(Errno::ENOTDIR),
        }
        self.state.rest_mut().cwd = found.path.into();
        Ok(())
    }
}
