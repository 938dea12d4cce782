//! The file system of a sandbox for `lib/facade/fs`, and the JavaScript side of terminals, devices and lazy files.

mod host;

use super::addon::{Sandbox, pending, unknown, value_of};
use super::node_api::{self, Kind, Reference, Value};
use crate::emscripten::fs::{Errno, FileSystem, Seek, Stat};
use host::ScriptHost;
use napi::bindgen_prelude::*;
use napi_derive::napi;

type Outcome<T> = std::result::Result<T, Errno>;

/// dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, atime, mtime, ctime
fn numbers(stat: Stat) -> Answer {
    Answer::Numbers(vec![
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
    ])
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
impl Sandbox {
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

    /// An operation by its name in `lib/facade/fs/native.js`, which converts the arguments.
    #[napi(catch_unwind)]
    pub fn fs_operation<'env>(
        &self,
        env: &'env napi::Env,
        name: String,
        args: Vec<Unknown>,
    ) -> Result<Unknown<'env>> {
        let own = self.cell.env;
        let given = args
            .into_iter()
            .map(|arg| Argument::of(own, value_of(own, arg)));
        let given = self.done(given.collect::<node_api::Res<Vec<_>>>())?;
        let answer = self.fs(|fs| operate(fs, &name, &Arguments(given)))?;
        unknown(env, self.done(answer.value(own))?)
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
}

/// What JavaScript gives an operation.
enum Argument {
    Nothing,
    Flag(bool),
    Number(f64),
    Text(String),
    /// A copy: what runs meanwhile may do anything to the array.
    Bytes(Vec<u8>),
}

impl Argument {
    fn of(env: node_api::Env, value: Value) -> node_api::Res<Self> {
        Ok(match env.kind(value) {
            Kind::Boolean => Self::Flag(env.to_bool(value)?),
            Kind::Number => Self::Number(env.to_f64(value)?),
            Kind::String => Self::Text(env.to_string(value)?),
            Kind::Object => Self::Bytes(env.bytes(value)?),
            _ => Self::Nothing,
        })
    }
}

struct Arguments(Vec<Argument>);

/// Arguments of the wrong type are EINVAL.
impl Arguments {
    fn text(&self, at: usize) -> Outcome<&str> {
        match self.0.get(at) {
            Some(Argument::Text(text)) => Ok(text),
            _ => Err(Errno::EINVAL),
        }
    }
    fn bytes(&self, at: usize) -> Outcome<&[u8]> {
        match self.0.get(at) {
            Some(Argument::Bytes(bytes)) => Ok(bytes),
            _ => Err(Errno::EINVAL),
        }
    }
    fn flag(&self, at: usize) -> Outcome<bool> {
        match self.0.get(at) {
            Some(Argument::Flag(flag)) => Ok(*flag),
            _ => Err(Errno::EINVAL),
        }
    }
    /// A number that may be left out.
    fn optional(&self, at: usize) -> Option<f64> {
        match self.0.get(at) {
            Some(Argument::Number(number)) => Some(*number),
            _ => None,
        }
    }
    fn number(&self, at: usize) -> Outcome<i64> {
        self.optional(at)
            .map(|number| number as i64)
            .ok_or(Errno::EINVAL)
    }
    fn word(&self, at: usize) -> Outcome<u32> {
        self.number(at).map(|number| number as u32)
    }
    fn fd(&self, at: usize) -> Outcome<i32> {
        self.number(at).map(|number| number as i32)
    }
}

/// What an operation gives JavaScript.
enum Answer {
    Nothing,
    Flag(bool),
    Number(f64),
    Numbers(Vec<f64>),
    Text(String),
    Texts(Vec<String>),
}

impl Answer {
    fn value(self, env: node_api::Env) -> node_api::Res<Value> {
        match self {
            Self::Nothing => Ok(env.undefined()),
            Self::Flag(flag) => Ok(env.boolean(flag)),
            Self::Number(number) => Ok(env.number(number)),
            Self::Numbers(numbers) => env.list(numbers.into_iter().map(|one| env.number(one))),
            Self::Text(text) => env.string(&text),
            Self::Texts(texts) => {
                let texts = texts.iter().map(|text| env.string(text));
                env.list(texts.collect::<node_api::Res<Vec<_>>>()?)
            }
        }
    }
}

impl From<()> for Answer {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}
impl From<i32> for Answer {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

fn operate(fs: &mut FileSystem, name: &str, a: &Arguments) -> Outcome<Answer> {
    Ok(match name {
        "fsOpen" => fs.open(a.text(0)?, a.word(1)?, a.word(2)?)?.into(),
        "fsClose" => fs.close(a.fd(0)?)?.into(),
        "fsIsOpen" => Answer::Flag(fs.is_open(a.fd(0)?)),
        "fsDescriptors" => Answer::Numbers(fs.descriptors().into_iter().map(f64::from).collect()),
        "fsPosition" => Answer::Number(fs.position(a.fd(0)?)? as f64),
        "fsWrite" => {
            let position = a.optional(2).map(|at| at as u64);
            Answer::Number(fs.write(a.fd(0)?, a.bytes(1)?, position)? as f64)
        }
        "fsSeek" => {
            let whence = match a.word(2)? {
                0 => Seek::Set,
                1 => Seek::Current,
                2 => Seek::End,
                _ => return Err(Errno::EINVAL),
            };
            Answer::Number(fs.seek(a.fd(0)?, a.number(1)?, whence)? as f64)
        }
        "fsStat" if a.flag(1)? => numbers(fs.stat(a.text(0)?)?),
        "fsStat" => numbers(fs.lstat(a.text(0)?)?),
        "fsFstat" => numbers(fs.fstat(a.fd(0)?)?),
        "fsMkdir" => fs.make_dir(a.text(0)?, a.word(1)?)?.into(),
        "fsMkdirTree" => fs.mkdir_tree(a.text(0)?, a.word(1)?)?.into(),
        "fsMknod" => fs.mknod(a.text(0)?, a.word(1)?, a.word(2)?)?.into(),
        "fsSymlink" => fs.symlink(a.text(0)?, a.text(1)?)?.into(),
        "fsReadlink" => Answer::Text(fs.readlink(a.text(0)?)?),
        "fsReaddir" => Answer::Texts(fs.readdir(a.text(0)?)?),
        "fsUnlink" => fs.unlink(a.text(0)?)?.into(),
        "fsRmdir" => fs.rmdir(a.text(0)?)?.into(),
        "fsRename" => fs.rename(a.text(0)?, a.text(1)?)?.into(),
        "fsLink" => fs.link(a.text(0)?, a.text(1)?)?.into(),
        "fsTruncate" => fs.truncate(a.text(0)?, a.number(1)?)?.into(),
        "fsFtruncate" => fs.ftruncate(a.fd(0)?, a.number(1)?)?.into(),
        "fsAllocate" => fs.allocate(a.fd(0)?, a.number(1)?, a.number(2)?)?.into(),
        "fsChmod" => fs.chmod(a.text(0)?, a.word(1)?, a.flag(2)?)?.into(),
        "fsFchmod" => fs.fchmod(a.fd(0)?, a.word(1)?)?.into(),
        "fsChown" => fs.chown(a.text(0)?, a.flag(1)?)?.into(),
        "fsFchown" => fs.fchown(a.fd(0)?)?.into(),
        "fsUtime" => {
            let [atime, mtime] = [1, 2].map(|at| a.optional(at).map(|ms| ms as i64));
            fs.utime(a.text(0)?, atime, mtime, a.flag(3)?)?.into()
        }
        "fsCwd" => Answer::Text(fs.cwd().to_owned()),
        "fsChdir" => fs.chdir(a.text(0)?)?.into(),
        "fsRealPath" => Answer::Text(fs.real_path(a.text(0)?, a.flag(1)?)?),
        "fsWriteFile" => {
            let [flags, mode] = [2, 3].map(|at| a.optional(at).map(|bits| bits as u32));
            fs.write_file(a.text(0)?, a.bytes(1)?, flags, mode)?.into()
        }
        "fsDup" => fs.dup(a.fd(0)?, a.fd(1)?)?.into(),
        "fsDup2" => fs.dup2(a.fd(0)?, a.fd(1)?)?.into(),
        "fsCreatePath" => Answer::Text(fs.create_path(a.text(0)?, a.text(1)?)?),
        "fsCreateFile" => {
            Answer::Text(fs.create_file(a.text(0)?, a.text(1)?, a.flag(2)?, a.flag(3)?)?)
        }
        "fsCreateDataFile" => {
            let (read, write) = (a.flag(3)?, a.flag(4)?);
            Answer::Text(fs.create_data_file(a.text(0)?, a.text(1)?, a.bytes(2)?, read, write)?)
        }
        "fsCreateLazyFile" => {
            let (read, write) = (a.flag(3)?, a.flag(4)?);
            Answer::Text(fs.create_lazy_file(a.text(0)?, a.text(1)?, a.word(2)?, read, write)?)
        }
        "fsCreateDevice" => {
            let (input, output) = (a.flag(3)?, a.flag(4)?);
            let dev = fs.create_device(a.text(0)?, a.text(1)?, a.word(2)?, input, output)?;
            Answer::Number(dev.into())
        }
        "fsRegisterDevice" => {
            fs.register_device(a.word(0)?, a.word(1)?);
            Answer::Nothing
        }
        // bsize, blocks, bfree, files, ffree, fsid, flags, namelen
        "fsStatfs" => {
            let of = fs.statfs(a.text(0)?)?;
            let counts = [of.blocks, of.bfree, of.files, of.ffree].map(|count| count as f64);
            let small = [of.fsid, of.flags, of.namelen].map(f64::from);
            Answer::Numbers([&[of.bsize.into()][..], &counts, &small].concat())
        }
        "fsIgnorePermissions" => {
            fs.set_ignore_permissions(a.flag(0)?);
            Answer::Nothing
        }
        _ => return Err(Errno::ENOSYS),
    })
}
