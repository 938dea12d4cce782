//! The file system of a sandbox for `lib/facade/fs`, and the JavaScript side of terminals, devices and lazy files.

use super::addon::{SandboxObject, pending};
use super::errors;
use super::raw::{self, Reference, get};
use crate::emscripten::fs::{Errno, FileSystem, Host, Input, Seek, Stat, Stdio};
use napi::bindgen_prelude::*;
use napi::sys;
use napi_derive::napi;

type Outcome<T> = std::result::Result<T, Errno>;

/// Calls the functions of the object that `lib/facade/fs` gives.
struct ScriptHost {
    env: sys::napi_env,
    object: Reference,
    /// The module numbers errors as Linux does.
    linux: bool,
}

impl ScriptHost {
    /// Calls a function with made arguments and reads its result. A thrown error becomes EIO, as in Emscripten's devices;
    /// the facade's functions give a negative error number for those that have one.
    fn call<T>(
        &self,
        name: &str,
        make: impl FnOnce(sys::napi_env) -> Vec<sys::napi_value>,
        read: impl FnOnce(sys::napi_env, sys::napi_value) -> Outcome<T>,
    ) -> Outcome<T> {
        let env = self.env;
        let scope = get!(napi_open_handle_scope, env).ok_or(Errno::EIO)?;
        let called = (|| {
            let object = self.object.value().ok_or(Errno::EIO)?;
            let key = raw::string(env, name);
            let function = get!(napi_get_property, env, object, key).ok_or(Errno::EIO)?;
            let args = make(env);
            match get!(
                napi_call_function,
                env,
                object,
                function,
                args.len(),
                args.as_ptr()
            ) {
                Some(value) => read(env, value),
                None => {
                    raw::take_exception(env);
                    Err(Errno::EIO)
                }
            }
        })();
        // SAFETY: opened above; nothing made in it is used any more.
        unsafe { sys::napi_close_handle_scope(env, scope) };
        called
    }
}

/// A number, or the error that a negative one stands for.
fn count(env: sys::napi_env, value: sys::napi_value, linux: bool) -> Outcome<usize> {
    let number = get!(napi_get_value_double, env, value).unwrap_or(0.0);
    if number >= 0.0 {
        return Ok(number as usize);
    }
    Err(Errno::from_number((-number) as i32, linux).unwrap_or(Errno::EIO))
}

/// The bytes of a `Uint8Array`.
fn bytes_of(env: sys::napi_env, value: sys::napi_value) -> Outcome<Vec<u8>> {
    let (mut len, mut data) = (0, std::ptr::null_mut());
    let none: *mut std::ffi::c_void = std::ptr::null_mut();
    // SAFETY: all results but length and data are left out; both are good until JavaScript runs again.
    unsafe {
        let status = sys::napi_get_typedarray_info(
            env,
            value,
            none.cast(),
            &mut len,
            &mut data,
            none.cast(),
            none.cast(),
        );
        if status != sys::Status::napi_ok {
            return Err(Errno::EIO);
        }
        if len == 0 {
            return Ok(Vec::new());
        }
        Ok(std::slice::from_raw_parts(data.cast::<u8>(), len).to_vec())
    }
}

fn byte_array(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut data = std::ptr::null_mut();
    let made = get!(napi_create_arraybuffer, env, bytes.len(), &mut data).and_then(|buffer| {
        if !bytes.is_empty() {
            // SAFETY: the buffer is new and has that many bytes.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len()) };
        }
        get!(
            napi_create_typedarray,
            env,
            sys::TypedarrayType::uint8_array,
            bytes.len(),
            buffer,
            0
        )
    });
    made.unwrap_or_else(|| raw::undefined(env))
}

impl Host for ScriptHost {
    fn line(&self, stream: Stdio, line: &str) -> Outcome<()> {
        let name = if stream == Stdio::Out { "out" } else { "err" };
        self.call(name, |env| vec![raw::string(env, line)], |_, _| Ok(()))
    }
    fn stdin(&self) -> Outcome<Input> {
        let read = |env, value| {
            if let Some(byte) = get!(napi_get_value_double, env, value) {
                return Ok(Input::Byte(byte as i64 as u8));
            }
            let is_null = get!(napi_typeof, env, value) == Some(sys::ValueType::napi_null);
            Ok(if is_null { Input::End } else { Input::Nothing })
        };
        self.call("stdin", |_| Vec::new(), read)
    }
    fn device_open(&self, device: u32) -> Outcome<()> {
        let linux = self.linux;
        self.call(
            "open",
            |env| vec![raw::number(env, device.into())],
            |env, value| count(env, value, linux).map(drop),
        )
    }
    fn device_close(&self, device: u32) -> Outcome<()> {
        let linux = self.linux;
        self.call(
            "close",
            |env| vec![raw::number(env, device.into())],
            |env, value| count(env, value, linux).map(drop),
        )
    }
    fn device_read(&self, device: u32, buf: &mut [u8], position: u64) -> Outcome<usize> {
        let (len, linux) = (buf.len(), self.linux);
        let args = |env| {
            vec![
                raw::number(env, device.into()),
                raw::number(env, len as f64),
                raw::number(env, position as f64),
            ]
        };
        let read = |env, value| {
            if let Some(number) = get!(napi_get_value_double, env, value) {
                return count(env, value, linux).and(if number == 0.0 {
                    Ok(Vec::new())
                } else {
                    Err(Errno::EIO)
                });
            }
            bytes_of(env, value)
        };
        let bytes = self.call("read", args, read)?;
        let count = bytes.len().min(len);
        buf[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn device_write(&self, device: u32, data: &[u8], position: u64) -> Outcome<usize> {
        let args = |env| {
            vec![
                raw::number(env, device.into()),
                byte_array(env, data),
                raw::number(env, position as f64),
            ]
        };
        let linux = self.linux;
        self.call("write", args, |env, value| count(env, value, linux))
    }
    fn load(&self, file: u32) -> Outcome<Vec<u8>> {
        self.call("load", |env| vec![raw::number(env, file.into())], bytes_of)
    }
}

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
    #[napi]
    pub fn set_errno_error(&self, this: This, function: Unknown) {
        self.cell.set_errno_error(this.object.raw(), function.raw());
    }

    /// The object whose functions are the terminals, devices and lazy files: out, err, stdin, open, close, read, write, load.
    #[napi]
    pub fn set_fs_host(&self, env: &Env, this: This, host: Unknown) -> Result<()> {
        let object = Reference::kept_by(env.raw(), this.object.raw(), "#fsHost", host.raw())
            .ok_or_else(|| Error::from_reason("not an object"))?;
        let runtime = &mut self.live(env)?.runtime;
        let script = ScriptHost {
            env: env.raw(),
            object,
            linux: runtime.abi.linux_errno,
        };
        runtime.fs.set_host(Box::new(script));
        Ok(())
    }

    fn fs<T>(&self, env: &Env, run: impl FnOnce(&mut FileSystem) -> Outcome<T>) -> Result<T> {
        let outcome = run(&mut self.live(env)?.runtime.fs);
        outcome.map_err(|error| {
            let linux = self
                .cell
                .instance()
                .is_some_and(|instance| instance.runtime.abi.linux_errno);
            let thrown =
                self.cell
                    .errno_error(env.raw(), error.number(linux), error.name(), error.text());
            errors::throw_value(env.raw(), thrown);
            pending()
        })
    }

    #[napi]
    pub fn fs_open(&self, env: &Env, path: String, flags: u32, mode: u32) -> Result<i32> {
        self.fs(env, |fs| fs.open(&path, flags, mode))
    }
    #[napi]
    pub fn fs_close(&self, env: &Env, fd: i32) -> Result<()> {
        self.fs(env, |fs| fs.close(fd))
    }
    #[napi]
    pub fn fs_is_open(&self, env: &Env, fd: i32) -> Result<bool> {
        self.fs(env, |fs| Ok(fs.is_open(fd)))
    }
    /// The open descriptors.
    #[napi]
    pub fn fs_descriptors(&self, env: &Env) -> Result<Vec<i32>> {
        self.fs(env, |fs| Ok(fs.descriptors()))
    }
    #[napi]
    pub fn fs_info(&self, env: &Env, fd: i32) -> Result<DescriptorInfo> {
        self.fs(env, |fs| {
            Ok(DescriptorInfo {
                path: fs.fd_path(fd)?.to_owned(),
                flags: fs.fd_flags(fd)?,
                seekable: fs.is_seekable(fd)?,
                tty: fs.isatty(fd).unwrap_or(false),
            })
        })
    }
    #[napi]
    pub fn fs_position(&self, env: &Env, fd: i32) -> Result<f64> {
        self.fs(env, |fs| fs.position(fd).map(|at| at as f64))
    }
    /// Fills the array; without a position the descriptor moves.
    #[napi]
    pub fn fs_read(
        &self,
        env: &Env,
        fd: i32,
        mut into: Uint8Array,
        position: Option<f64>,
    ) -> Result<u32> {
        // SAFETY: the facade passes memory that no JavaScript can detach or resize while this runs.
        let buf = unsafe { into.as_mut() };
        self.fs(env, |fs| {
            fs.read(fd, buf, position.map(|at| at as u64))
                .map(|n| n as u32)
        })
    }
    #[napi]
    pub fn fs_write(
        &self,
        env: &Env,
        fd: i32,
        data: Uint8Array,
        position: Option<f64>,
    ) -> Result<u32> {
        self.fs(env, |fs| {
            fs.write(fd, &data, position.map(|at| at as u64))
                .map(|n| n as u32)
        })
    }
    #[napi]
    pub fn fs_seek(&self, env: &Env, fd: i32, offset: f64, whence: u32) -> Result<f64> {
        self.fs(env, |fs| {
            let whence = match whence {
                0 => Seek::Set,
                1 => Seek::Current,
                2 => Seek::End,
                _ => return Err(Errno::EINVAL),
            };
            fs.seek(fd, offset as i64, whence).map(|at| at as f64)
        })
    }
    #[napi]
    pub fn fs_stat(&self, env: &Env, path: String, follow: bool) -> Result<Vec<f64>> {
        self.fs(env, |fs| {
            if follow {
                fs.stat(&path)
            } else {
                fs.lstat(&path)
            }
            .map(numbers)
        })
    }
    #[napi]
    pub fn fs_fstat(&self, env: &Env, fd: i32) -> Result<Vec<f64>> {
        self.fs(env, |fs| fs.fstat(fd).map(numbers))
    }
    #[napi]
    pub fn fs_mkdir(&self, env: &Env, path: String, mode: u32) -> Result<()> {
        self.fs(env, |fs| fs.make_dir(&path, mode))
    }
    #[napi]
    pub fn fs_mkdir_tree(&self, env: &Env, path: String, mode: u32) -> Result<()> {
        self.fs(env, |fs| fs.mkdir_tree(&path, mode))
    }
    #[napi]
    pub fn fs_mknod(&self, env: &Env, path: String, mode: u32, dev: u32) -> Result<()> {
        self.fs(env, |fs| fs.mknod(&path, mode, dev))
    }
    #[napi]
    pub fn fs_symlink(&self, env: &Env, target: String, path: String) -> Result<()> {
        self.fs(env, |fs| fs.symlink(&target, &path))
    }
    #[napi]
    pub fn fs_readlink(&self, env: &Env, path: String) -> Result<String> {
        self.fs(env, |fs| fs.readlink(&path))
    }
    #[napi]
    pub fn fs_readdir(&self, env: &Env, path: String) -> Result<Vec<String>> {
        self.fs(env, |fs| fs.readdir(&path))
    }
    #[napi]
    pub fn fs_unlink(&self, env: &Env, path: String) -> Result<()> {
        self.fs(env, |fs| fs.unlink(&path))
    }
    #[napi]
    pub fn fs_rmdir(&self, env: &Env, path: String) -> Result<()> {
        self.fs(env, |fs| fs.rmdir(&path))
    }
    #[napi]
    pub fn fs_rename(&self, env: &Env, from: String, to: String) -> Result<()> {
        self.fs(env, |fs| fs.rename(&from, &to))
    }
    #[napi]
    pub fn fs_link(&self, env: &Env, from: String, to: String) -> Result<()> {
        self.fs(env, |fs| fs.link(&from, &to))
    }
    #[napi]
    pub fn fs_truncate(&self, env: &Env, path: String, len: f64) -> Result<()> {
        self.fs(env, |fs| fs.truncate(&path, len as i64))
    }
    #[napi]
    pub fn fs_ftruncate(&self, env: &Env, fd: i32, len: f64) -> Result<()> {
        self.fs(env, |fs| fs.ftruncate(fd, len as i64))
    }
    #[napi]
    pub fn fs_allocate(&self, env: &Env, fd: i32, offset: f64, len: f64) -> Result<()> {
        self.fs(env, |fs| fs.allocate(fd, offset as i64, len as i64))
    }
    #[napi]
    pub fn fs_chmod(&self, env: &Env, path: String, mode: u32, follow: bool) -> Result<()> {
        self.fs(env, |fs| fs.chmod(&path, mode, follow))
    }
    #[napi]
    pub fn fs_fchmod(&self, env: &Env, fd: i32, mode: u32) -> Result<()> {
        self.fs(env, |fs| fs.fchmod(fd, mode))
    }
    #[napi]
    pub fn fs_chown(&self, env: &Env, path: String, follow: bool) -> Result<()> {
        self.fs(env, |fs| fs.chown(&path, follow))
    }
    #[napi]
    pub fn fs_fchown(&self, env: &Env, fd: i32) -> Result<()> {
        self.fs(env, |fs| fs.fchown(fd))
    }
    #[napi]
    pub fn fs_utime(
        &self,
        env: &Env,
        path: String,
        atime: Option<f64>,
        mtime: Option<f64>,
        follow: bool,
    ) -> Result<()> {
        self.fs(env, |fs| {
            fs.utime(
                &path,
                atime.map(|t| t as i64),
                mtime.map(|t| t as i64),
                follow,
            )
        })
    }
    #[napi]
    pub fn fs_cwd(&self, env: &Env) -> Result<String> {
        self.fs(env, |fs| Ok(fs.cwd().to_owned()))
    }
    #[napi]
    pub fn fs_chdir(&self, env: &Env, path: String) -> Result<()> {
        self.fs(env, |fs| fs.chdir(&path))
    }
    #[napi]
    pub fn fs_real_path(&self, env: &Env, path: String, follow: bool) -> Result<String> {
        self.fs(env, |fs| fs.real_path(&path, follow))
    }
    #[napi]
    pub fn fs_analyze(
        &self,
        env: &Env,
        path: String,
        dont_resolve_last_link: bool,
    ) -> Result<PathAnalysis> {
        let linux = self.live(env)?.runtime.abi.linux_errno;
        self.fs(env, |fs| {
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
    #[napi]
    pub fn fs_read_file(&self, env: &Env, path: String) -> Result<Uint8Array> {
        self.fs(env, |fs| fs.read_file(&path).map(Uint8Array::from))
    }
    #[napi]
    pub fn fs_write_file(
        &self,
        env: &Env,
        path: String,
        data: Uint8Array,
        flags: Option<u32>,
        mode: Option<u32>,
    ) -> Result<()> {
        self.fs(env, |fs| fs.write_file(&path, &data, flags, mode))
    }
    #[napi]
    pub fn fs_dup(&self, env: &Env, fd: i32, from: i32) -> Result<i32> {
        self.fs(env, |fs| fs.dup(fd, from))
    }
    #[napi]
    pub fn fs_dup2(&self, env: &Env, fd: i32, to: i32) -> Result<i32> {
        self.fs(env, |fs| fs.dup2(fd, to))
    }
    #[napi]
    pub fn fs_create_path(&self, env: &Env, parent: String, path: String) -> Result<String> {
        self.fs(env, |fs| fs.create_path(&parent, &path))
    }
    #[napi]
    pub fn fs_create_file(
        &self,
        env: &Env,
        parent: String,
        name: String,
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        self.fs(env, |fs| fs.create_file(&parent, &name, readable, writable))
    }
    #[napi]
    pub fn fs_create_data_file(
        &self,
        env: &Env,
        parent: String,
        name: String,
        data: Uint8Array,
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        self.fs(env, |fs| {
            fs.create_data_file(&parent, &name, &data, readable, writable)
        })
    }
    #[napi]
    pub fn fs_create_lazy_file(
        &self,
        env: &Env,
        parent: String,
        name: String,
        key: u32,
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        self.fs(env, |fs| {
            fs.create_lazy_file(&parent, &name, key, readable, writable)
        })
    }
    #[napi]
    pub fn fs_create_device(
        &self,
        env: &Env,
        parent: String,
        name: String,
        id: u32,
        input: bool,
        output: bool,
    ) -> Result<u32> {
        self.fs(env, |fs| {
            fs.create_device(&parent, &name, id, input, output)
        })
    }
    #[napi]
    pub fn fs_register_device(&self, env: &Env, dev: u32, id: u32) -> Result<()> {
        self.fs(env, |fs| {
            fs.register_device(dev, id);
            Ok(())
        })
    }
    /// bsize, blocks, bfree, files, ffree, fsid, flags, namelen
    #[napi]
    pub fn fs_statfs(&self, env: &Env, path: String) -> Result<Vec<f64>> {
        self.fs(env, |fs| {
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
    #[napi]
    pub fn fs_ignore_permissions(&self, env: &Env, ignore: bool) -> Result<()> {
        self.fs(env, |fs| {
            fs.set_ignore_permissions(ignore);
            Ok(())
        })
    }
}
