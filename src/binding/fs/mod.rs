//! The file system of a sandbox for `lib/facade/fs`, and the JavaScript side of terminals, devices and lazy files.

mod host;

use super::addon::{SandboxObject, pending, value_of};
use super::node_api::Reference;
use crate::emscripten::fs::{Errno, FileSystem, Seek, Stat};
use host::ScriptHost;
use napi::bindgen_prelude::*;
use napi_derive::napi;

type Outcome<T> = std::result::Result<T, Errno>;

/// dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, atime, mtime, ctime
fn numbers(stat: Stat) -> Vec<f64> {
    vec![
        stat.dev.into(),
        stat.ino as f64,
        stat.mode.into(),
        stat.nlink.into(),
        stat.uid.into(),
        stat.gid.into(),
        stat.rdev.into(),
        stat.size as f64,
        stat.blksize.into(),
        stat.blocks as f64,
        stat.atime as f64,
        stat.mtime as f64,
        stat.ctime as f64,
    ]
}

/// What `FS.analyzePath` tells, objects left out.
#[napi(object)]
pub struct PathAnalysis {
    pub is_root: bool,
    pub exists: bool,
    pub error: i32,
    pub name: Option<String>,
    pub path: Option<String>,
    pub parent_exists: bool,
    pub parent_path: Option<String>,
}

/// An open descriptor.
#[napi(object)]
pub struct DescriptorInfo {
    pub path: String,
    pub flags: u32,
    pub seekable: bool,
    pub tty: bool,
}

#[napi]
impl SandboxObject {
    /// `(errno, code, text) => Error`: the facade's `FS.ErrnoError`.
    #[napi(catch_unwind)]
    pub fn set_errno_error(&self, this: This, function: Unknown) {
        let function = value_of(self.cell.env, function);
        self.cell.set_errno_error(self.keeper(&this), function);
    }

    /// The object whose functions are the terminals, devices and lazy files: out, err, stdin, open, close, read, write, load.
    #[napi(catch_unwind)]
    pub fn set_fs_host(&self, this: This, host: Unknown) -> Result<()> {
        let env = self.cell.env;
        let object = Reference::kept_by(env, self.keeper(&this), "#fsHost", value_of(env, host))
            .ok_or_else(|| Error::from_reason("not an object"))?;
        self.look(|instance| {
            let script = ScriptHost {
                cell: &raw const *self.cell,
                object,
                linux: instance.runtime.abi.linux_errno,
            };
            instance.runtime.fs.set_host(Box::new(script));
        })
    }

    /// An operation of the file system: it may run functions of devices and lazy files, `print`, and what these call.
    fn fs<T>(&self, run: impl FnOnce(&mut FileSystem) -> Outcome<T>) -> Result<T> {
        let (outcome, linux) = self.enter(|rt| Ok((run(&mut rt.fs), rt.abi.linux_errno)))?;
        outcome.map_err(|error| {
            let (number, cell) = (error.number(linux), &self.cell);
            cell.env
                .throw(cell.errno_error(number, error.name(), error.text()));
            pending()
        })
    }

    /// The bytes of an array that a caller passes. A copy: what runs meanwhile may do anything to the array.
    fn passed(&self, array: Unknown) -> Result<Vec<u8>> {
        let env = self.cell.env;
        self.done(env.bytes(value_of(env, array)))
    }

    #[napi(catch_unwind)]
    pub fn fs_open(&self, path: String, flags: u32, mode: u32) -> Result<i32> {
        self.fs(|fs| fs.open(&path, flags, mode))
    }
    #[napi(catch_unwind)]
    pub fn fs_close(&self, fd: i32) -> Result<()> {
        self.fs(|fs| fs.close(fd))
    }
    #[napi(catch_unwind)]
    pub fn fs_is_open(&self, fd: i32) -> Result<bool> {
        self.fs(|fs| Ok(fs.is_open(fd)))
    }
    /// The open descriptors.
    #[napi(catch_unwind)]
    pub fn fs_descriptors(&self) -> Result<Vec<i32>> {
        self.fs(|fs| Ok(fs.descriptors()))
    }
    #[napi(catch_unwind)]
    pub fn fs_info(&self, fd: i32) -> Result<DescriptorInfo> {
        self.fs(|fs| {
            Ok(DescriptorInfo {
                path: fs.fd_path(fd)?.to_owned(),
                flags: fs.fd_flags(fd)?,
                seekable: fs.is_seekable(fd)?,
                tty: fs.isatty(fd).unwrap_or(false),
            })
        })
    }
    #[napi(catch_unwind)]
    pub fn fs_position(&self, fd: i32) -> Result<f64> {
        self.fs(|fs| fs.position(fd).map(|at| at as f64))
    }
    /// Fills the array; without a position the descriptor moves. What devices and lazy files give goes into the array once
    /// their functions have run, as far as there still is one.
    #[napi(catch_unwind)]
    pub fn fs_read(&self, fd: i32, into: Unknown, position: Option<f64>) -> Result<u32> {
        let env = self.cell.env;
        let into = value_of(env, into);
        let len = self.done(env.bytes_len(into))?;
        let position = position.map(|at| at as u64);
        self.fs(|fs| {
            if fs.reads_alone(fd)? {
                let read = env.fill_bytes(into, |buf| fs.read(fd, buf, position));
                return read.unwrap_or(Err(Errno::EIO)).map(|n| n as u32);
            }
            let mut bytes = vec![0; len];
            let count = fs.read(fd, &mut bytes, position)?;
            let _ = env.fill_bytes(into, |buf| {
                let room = count.min(buf.len());
                buf[..room].copy_from_slice(&bytes[..room]);
            });
            Ok(count as u32)
        })
    }
    #[napi(catch_unwind)]
    pub fn fs_write(&self, fd: i32, data: Unknown, position: Option<f64>) -> Result<u32> {
        let data = self.passed(data)?;
        self.fs(|fs| {
            fs.write(fd, &data, position.map(|at| at as u64))
                .map(|n| n as u32)
        })
    }
    #[napi(catch_unwind)]
    pub fn fs_seek(&self, fd: i32, offset: f64, whence: u32) -> Result<f64> {
        self.fs(|fs| {
            let whence = match whence {
                0 => Seek::Set,
                1 => Seek::Current,
                2 => Seek::End,
                _ => return Err(Errno::EINVAL),
            };
            fs.seek(fd, offset as i64, whence).map(|at| at as f64)
        })
    }
    #[napi(catch_unwind)]
    pub fn fs_stat(&self, path: String, follow: bool) -> Result<Vec<f64>> {
        self.fs(|fs| {
            if follow {
                fs.stat(&path)
            } else {
                fs.lstat(&path)
            }
            .map(numbers)
        })
    }
    #[napi(catch_unwind)]
    pub fn fs_fstat(&self, fd: i32) -> Result<Vec<f64>> {
        self.fs(|fs| fs.fstat(fd).map(numbers))
    }
    #[napi(catch_unwind)]
    pub fn fs_mkdir(&self, path: String, mode: u32) -> Result<()> {
        self.fs(|fs| fs.make_dir(&path, mode))
    }
    #[napi(catch_unwind)]
    pub fn fs_mkdir_tree(&self, path: String, mode: u32) -> Result<()> {
        self.fs(|fs| fs.mkdir_tree(&path, mode))
    }
    #[napi(catch_unwind)]
    pub fn fs_mknod(&self, path: String, mode: u32, dev: u32) -> Result<()> {
        self.fs(|fs| fs.mknod(&path, mode, dev))
    }
    #[napi(catch_unwind)]
    pub fn fs_symlink(&self, target: String, path: String) -> Result<()> {
        self.fs(|fs| fs.symlink(&target, &path))
    }
    #[napi(catch_unwind)]
    pub fn fs_readlink(&self, path: String) -> Result<String> {
        self.fs(|fs| fs.readlink(&path))
    }
    #[napi(catch_unwind)]
    pub fn fs_readdir(&self, path: String) -> Result<Vec<String>> {
        self.fs(|fs| fs.readdir(&path))
    }
    #[napi(catch_unwind)]
    pub fn fs_unlink(&self, path: String) -> Result<()> {
        self.fs(|fs| fs.unlink(&path))
    }
    #[napi(catch_unwind)]
    pub fn fs_rmdir(&self, path: String) -> Result<()> {
        self.fs(|fs| fs.rmdir(&path))
    }
    #[napi(catch_unwind)]
    pub fn fs_rename(&self, from: String, to: String) -> Result<()> {
        self.fs(|fs| fs.rename(&from, &to))
    }
    #[napi(catch_unwind)]
    pub fn fs_link(&self, from: String, to: String) -> Result<()> {
        self.fs(|fs| fs.link(&from, &to))
    }
    #[napi(catch_unwind)]
    pub fn fs_truncate(&self, path: String, len: f64) -> Result<()> {
        self.fs(|fs| fs.truncate(&path, len as i64))
    }
    #[napi(catch_unwind)]
    pub fn fs_ftruncate(&self, fd: i32, len: f64) -> Result<()> {
        self.fs(|fs| fs.ftruncate(fd, len as i64))
    }
    #[napi(catch_unwind)]
    pub fn fs_allocate(&self, fd: i32, offset: f64, len: f64) -> Result<()> {
        self.fs(|fs| fs.allocate(fd, offset as i64, len as i64))
    }
    #[napi(catch_unwind)]
    pub fn fs_chmod(&self, path: String, mode: u32, follow: bool) -> Result<()> {
        self.fs(|fs| fs.chmod(&path, mode, follow))
    }
    #[napi(catch_unwind)]
    pub fn fs_fchmod(&self, fd: i32, mode: u32) -> Result<()> {
        self.fs(|fs| fs.fchmod(fd, mode))
    }
    #[napi(catch_unwind)]
    pub fn fs_chown(&self, path: String, follow: bool) -> Result<()> {
        self.fs(|fs| fs.chown(&path, follow))
    }
    #[napi(catch_unwind)]
    pub fn fs_fchown(&self, fd: i32) -> Result<()> {
        self.fs(|fs| fs.fchown(fd))
    }
    #[napi(catch_unwind)]
    pub fn fs_utime(
        &self,
        path: String,
        atime: Option<f64>,
        mtime: Option<f64>,
        follow: bool,
    ) -> Result<()> {
        self.fs(|fs| {
            fs.utime(
                &path,
                atime.map(|t| t as i64),
                mtime.map(|t| t as i64),
                follow,
            )
        })
    }
    #[napi(catch_unwind)]
    pub fn fs_cwd(&self) -> Result<String> {
        self.fs(|fs| Ok(fs.cwd().to_owned()))
    }
    #[napi(catch_unwind)]
    pub fn fs_chdir(&self, path: String) -> Result<()> {
        self.fs(|fs| fs.chdir(&path))
    }
    #[napi(catch_unwind)]
    pub fn fs_real_path(&self, path: String, follow: bool) -> Result<String> {
        self.fs(|fs| fs.real_path(&path, follow))
    }
    #[napi(catch_unwind)]
    pub fn fs_analyze(&self, path: String, dont_resolve_last_link: bool) -> Result<PathAnalysis> {
        let linux = self.look(|instance| instance.runtime.abi.linux_errno)?;
        self.fs(|fs| {
            let found = fs.analyze_path(&path, dont_resolve_last_link);
            Ok(PathAnalysis {
                is_root: found.is_root,
                exists: found.exists,
                error: found.error.map_or(0, |error| error.number(linux)),
                name: found.name,
                path: found.path,
                parent_exists: found.parent_exists,
                parent_path: found.parent_path,
            })
        })
    }
    #[napi(catch_unwind)]
    pub fn fs_read_file(&self, path: String) -> Result<Uint8Array> {
        self.fs(|fs| fs.read_file(&path).map(Uint8Array::from))
    }
    #[napi(catch_unwind)]
    pub fn fs_write_file(
        &self,
        path: String,
        data: Unknown,
        flags: Option<u32>,
        mode: Option<u32>,
    ) -> Result<()> {
        let data = self.passed(data)?;
        self.fs(|fs| fs.write_file(&path, &data, flags, mode))
    }
    #[napi(catch_unwind)]
    pub fn fs_dup(&self, fd: i32, from: i32) -> Result<i32> {
        self.fs(|fs| fs.dup(fd, from))
    }
    #[napi(catch_unwind)]
    pub fn fs_dup2(&self, fd: i32, to: i32) -> Result<i32> {
        self.fs(|fs| fs.dup2(fd, to))
    }
    #[napi(catch_unwind)]
    pub fn fs_create_path(&self, parent: String, path: String) -> Result<String> {
        self.fs(|fs| fs.create_path(&parent, &path))
    }
    #[napi(catch_unwind)]
    pub fn fs_create_file(
        &self,
        parent: String,
        name: String,
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        self.fs(|fs| fs.create_file(&parent, &name, readable, writable))
    }
    #[napi(catch_unwind)]
    pub fn fs_create_data_file(
        &self,
        parent: String,
        name: String,
        data: Unknown,
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        let data = self.passed(data)?;
        self.fs(|fs| fs.create_data_file(&parent, &name, &data, readable, writable))
    }
    #[napi(catch_unwind)]
    pub fn fs_create_lazy_file(
        &self,
        parent: String,
        name: String,
        key: u32,
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        self.fs(|fs| fs.create_lazy_file(&parent, &name, key, readable, writable))
    }
    #[napi(catch_unwind)]
    pub fn fs_create_device(
        &self,
        parent: String,
        name: String,
        id: u32,
        input: bool,
        output: bool,
    ) -> Result<u32> {
        self.fs(|fs| fs.create_device(&parent, &name, id, input, output))
    }
    #[napi(catch_unwind)]
    pub fn fs_register_device(&self, dev: u32, id: u32) -> Result<()> {
        self.fs(|fs| {
            fs.register_device(dev, id);
            Ok(())
        })
    }
    /// bsize, blocks, bfree, files, ffree, fsid, flags, namelen
    #[napi(catch_unwind)]
    pub fn fs_statfs(&self, path: String) -> Result<Vec<f64>> {
        self.fs(|fs| {
            let of = fs.statfs(&path)?;
            let small = [of.fsid, of.flags, of.namelen].map(f64::from);
            Ok([
                &[
                    of.bsize.into(),
                    of.blocks as f64,
                    of.bfree as f64,
                    of.files as f64,
                    of.ffree as f64,
                ][..],
                &small[..],
            ]
            .concat())
        })
    }
    #[napi(catch_unwind)]
    pub fn fs_ignore_permissions(&self, ignore: bool) -> Result<()> {
        self.fs(|fs| {
            fs.set_ignore_permissions(ignore);
            Ok(())
        })
    }
}
