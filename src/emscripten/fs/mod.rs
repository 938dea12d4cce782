//! The in-memory file system, and mounts of real folders.
//!
//! [`FileSystem`] is one sandbox's: `State` is what a recycle restores (nodes, descriptors, working folder, half-written
//! lines), the rest is what the user set up and stays (host, mounts, standard input, limit).

mod attributes;
#[cfg(any(test, fuzzing))]
mod check;
mod content;
mod device;
mod errno;
mod facade;
mod host;
mod image;
mod io;
mod lookup;
mod mount;
mod node;
mod open;
mod ops;
mod path;
mod pipe;
mod streams;

#[cfg(test)]
mod tests;

pub use errno::{Errno, Result};
pub use host::{Host, Input, Stdio, Terminal};
pub use image::Image;
pub use node::{Ino, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, Stat};
pub use open::flags;
pub use path::{dirname, join, resolve};

use crate::engine::Pace;
use device::Device;
use image::State;
use mount::Mount;
use node::{Body, Dir, Node, ROOT};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::marker::PhantomPinned;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use streams::Streams;

/// The type of `whence`, as C numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    Set,
    Current,
    End,
}

/// PATH_MAX: the longest text of a symbolic link.
const MAX_LINK: usize = 4095;

/// What the in-memory files of one sandbox may hold together, unless told otherwise.
const DEFAULT_LIMIT: u64 = 2 << 30;
/// How many files and folders there may be in memory.
const MAX_NODES: u32 = 1_000_000;
/// Bytes of their names, and of the texts of links.
const MAX_NAMES: u64 = 256 << 20;
/// Names in the listings of all open folders together.
const MAX_LISTED: usize = 2_000_000;

/// One sandbox's file system.
pub struct FileSystem {
    state: State,
    /// The image that `state`'s dirty marks are relative to.
    base: Option<image::Base>,
    /// Taken out while one of its functions runs.
    host: Rc<dyn Host>,
    mounts: Vec<Mount>,
    stdin: Option<Arc<[u8]>>,
    limit: u64,
    /// Whether the call that the work is done for is being stopped.
    pace: Pace,
    /// A line of output has gone out.
    printed: bool,
    /// A module built without Emscripten's file system ends a line of output at a NUL too; a terminal drops the NUL.
    pub nul_ends_line: bool,
    /// As in older generations: `O_CREAT` opens a folder that is there, for reading.
    pub opens_folders_to_create: bool,
    /// As in older generations: `/proc/self/fd` is no folder to those who list it.
    pub unlisted_descriptors: bool,
    /// Functions of the host come back in while one of ours waits: the compiler must not take a reference for the only
    /// way here.
    _shared: PhantomPinned,
}

/// The part of the state that is small enough to be restored as a whole.
#[derive(Clone, Serialize, Deserialize)]
struct Rest {
    free: Vec<Ino>,
    next_id: u32,
    streams: Streams,
    #[serde(with = "crate::saved::shared")]
    cwd: Arc<str>,
    #[serde(with = "crate::saved::shared")]
    devices: Arc<BTreeMap<u32, Device>>,
    /// Output not yet ended by a newline, of `/dev/tty` and `/dev/tty1`.
    lines: [Vec<u8>; 2],
    stdin_position: usize,
    /// As in Emscripten: no permission checks until start-up is over.
    ignore_permissions: bool,
    next_device: u32,
    /// Bytes held by all files.
    stored: u64,
    /// How many nodes there are, and bytes of their names.
    nodes: u32,
    named: u64,
}

impl Default for FileSystem {
    fn default() -> Self {
        let mut fs = FileSystem {
            state: State::new(),
            base: None,
            host: Rc::new(Terminal),
            mounts: Vec::new(),
            stdin: None,
            limit: DEFAULT_LIMIT,
            pace: Pace::default(),
            printed: false,
            nul_ends_line: false,
            opens_folders_to_create: false,
            unlisted_descriptors: false,
            _shared: PhantomPinned,
        };
        fs.create_defaults();
        fs
    }
}

impl FileSystem {
    /// Back to the tree that Emscripten starts with. What the user set up stays.
    pub fn reset(&mut self) {
        self.state = State::new();
        self.base = None;
        self.create_defaults();
        self.attach_mounts();
    }
    pub fn set_host(&mut self, host: Box<dyn Host>) {
        self.host = host.into();
    }
    /// Bytes that standard input gives, from the start in every generation. `None`: the host is asked.
    pub fn set_stdin(&mut self, bytes: Option<Arc<[u8]>>) {
        self.stdin = bytes;
    }
    /// The most that all in-memory files may hold; writes beyond it give ENOSPC.
    #[cfg(any(test, fuzzing))]
    pub fn set_limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }
    /// Ends what it does early when the call that it is done for is being stopped.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }
    /// The real disk was looked at, or changed.
    pub fn used_mounts(&self) -> bool {
        self.mounts.iter().any(Mount::was_used)
    }
    pub fn has_printed(&self) -> bool {
        self.printed
    }
    /// Bytes that the in-memory files hold.
    pub fn stored(&self) -> u64 {
        self.state.rest().stored
    }
    /// Emscripten checks permissions only once the runtime is initialised.
    pub fn set_ignore_permissions(&mut self, ignore: bool) {
        self.state.rest_mut().ignore_permissions = ignore;
    }

    /// What Emscripten's runtime creates: folders, devices, `/proc/self/fd` and the three standard streams.
    fn create_defaults(&mut self) {
        let created = (|| -> Result<()> {
            for dir in ["/tmp", "/home", "/home/web_user", "/dev"] {
                self.mkdir(dir, 0o777)?;
            }
            self.register(makedev(1, 3), Device::Null);
            self.mkdev("/dev/null", 0o666, makedev(1, 3))?;
            self.register(makedev(5, 0), Device::Terminal(Stdio::Out));
            self.register(makedev(6, 0), Device::Terminal(Stdio::Err));
            self.mkdev("/dev/tty", 0o666, makedev(5, 0))?;
            self.mkdev("/dev/tty1", 0o666, makedev(6, 0))?;
            for name in ["/dev/random", "/dev/urandom"] {
                let dev = self.next_device();
                self.register(dev, Device::Random);
                self.mkdev(name, 0o777, dev)?;
            }
            for dir in ["/dev/shm", "/dev/shm/tmp", "/proc", "/proc/self"] {
                self.mkdir(dir, 0o777)?;
            }
            let parent = self.mkdir("/proc/self/fd", 0o777)?;
            self.node_mut(parent).body = Body::Descriptors;
            self.symlink("/dev/tty", "/dev/stdin")?;
            self.symlink("/dev/tty", "/dev/stdout")?;
            self.symlink("/dev/tty1", "/dev/stderr")?;
            self.open("/dev/stdin", flags::O_RDONLY, 0)?;
            self.open("/dev/stdout", flags::O_WRONLY, 0)?;
            self.open("/dev/stderr", flags::O_WRONLY, 0)?;
            Ok(())
        })();
        debug_assert!(
            created.is_ok(),
            "an empty tree takes the defaults: {created:?}"
        );
        self.state.rest_mut().ignore_permissions = false;
    }

    pub(crate) fn node(&self, ino: Ino) -> Result<&Node> {
        self.state.node(ino).ok_or(Errno::ENOENT)
    }
    /// The node for changing. Only for slots that `node` has just confirmed.
    fn node_mut(&mut self, ino: Ino) -> &mut Node {
        self.state.node_mut(ino)
    }
    fn mount_at(&self, ino: Ino) -> Option<usize> {
        self.mounts.iter().position(|m| m.node == ino)
    }
    /// Runs `f` with the host, which may re-enter the file system and come back to the host.
    fn with_host<T>(&mut self, f: impl FnOnce(&dyn Host) -> Result<T>) -> Result<T> {
        let host = self.host.clone();
        f(&*host)
    }
}

impl Rest {
    fn new() -> Self {
        Rest {
            free: Vec::new(),
            next_id: 2,
            streams: Streams::default(),
            cwd: "/".into(),
            devices: Arc::default(),
            lines: [Vec::new(), Vec::new()],
            stdin_position: 0,
            ignore_permissions: true,
            next_device: 64,
            stored: 0,
            nodes: 1,
            named: 1,
        }
    }
}

fn root_node() -> Node {
    let now = now_ms();
    Node {
        id: 1,
        parent: ROOT,
        name: "/".into(),
        mode: S_IFDIR | 0o777,
        rdev: 0,
        atime: now,
        mtime: now,
        ctime: now,
        linked: true,
        body: Body::Dir(Dir::default()),
    }
}

/// `Date.now()`.
pub fn now_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_millis() as i64,
        Err(before) => -(before.duration().as_millis() as i64),
    }
}

/// A device number as Emscripten packs it.
pub const fn makedev(major: u32, minor: u32) -> u32 {
    (major << 8) | minor
}
