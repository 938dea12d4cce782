//! The rest of what Emscripten's JavaScript `FS` object offers, by the names of its functions.

use super::device::Device;
use super::errno::{Errno, Result};
use super::flags::{O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY};
use super::lookup::Place;
use super::node::{Body, S_IFREG};
use super::{FileSystem, path};

/// What `FS.analyzePath` tells, objects left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    pub is_root: bool,
    pub exists: bool,
    pub error: Option<Errno>,
    pub name: Option<String>,
    pub path: Option<String>,
    pub parent_exists: bool,
    pub parent_path: Option<String>,
}

/// What `statfs` tells: Emscripten's invented figures, the numbers of files apart.
#[derive(Clone, Copy, Debug)]
pub struct StatFs {
    pub bsize: u32,
    pub blocks: u64,
    pub bfree: u64,
    pub files: u64,
    pub ffree: u64,
    pub fsid: u32,
    pub flags: u32,
    pub namelen: u32,
}

impl FileSystem {
    /// `FS.mkdir`.
    pub fn make_dir(&mut self, path: &str, mode: u32) -> Result<()> {
        self.mkdir(path, mode).map(drop)
    }
    pub fn mkdir_tree(&mut self, path: &str, mode: u32) -> Result<()> {
        let mut dir = String::new();
        if !path.starts_with('/') {
            dir.push_str(self.cwd().trim_end_matches('/'));
        }
        for part in path::parts(path) {
            dir = format!("{dir}/{part}");
            match self.mkdir(&dir, mode) {
                Ok(_) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
    pub fn read_file(&mut self, path: &str) -> Result<Vec<u8>> {
        let fd = self.open(path, O_RDONLY, 0)?;
        let bytes = self.read_all(fd);
        let closed = self.close(fd);
        let bytes = bytes?;
        closed.map(|()| bytes)
    }
    /// Everything from the descriptor's start to its end, without moving it.
    fn read_all(&mut self, fd: i32) -> Result<Vec<u8>> {
        if let Some(content) = self.fd_content(fd)? {
            return content;
        }
        let size = self.fstat(fd)?.size;
        let mut bytes = Vec::new();
        let mut piece = [0u8; 16 * 1024];
        let seekable = self.is_seekable(fd)?;
        // `FS.readFile` of something without a size, such as a device, gives nothing.
        while (bytes.len() as u64) < size {
            let left = (size - bytes.len() as u64).min(piece.len() as u64) as usize;
            let at = seekable.then_some(bytes.len() as u64);
            match self.read(fd, &mut piece[..left], at)? {
                0 => break,
                count => bytes.extend_from_slice(&piece[..count]),
            }
        }
        Ok(bytes)
    }
    fn fd_content(&mut self, fd: i32) -> Result<Option<Result<Vec<u8>>>> {
        let super::streams::Target::Node(ino) = self.state.rest().streams.get(fd)?.target else {
            return Ok(None);
        };
        self.load(ino)?;
        Ok(match &self.node(ino)?.body {
            Body::File(content) => Some(content.to_vec(&self.pace)),
            Body::Dir(_) | Body::Descriptors => return Err(Errno::EISDIR),
            _ => None,
        })
    }
    /// `flags` default to those of `"w"`.
    pub fn write_file(
        &mut self,
        path: &str,
        data: &[u8],
        flags: Option<u32>,
        mode: Option<u32>,
    ) -> Result<()> {
        let flags = flags.unwrap_or(O_TRUNC | O_CREAT | O_WRONLY);
        let fd = self.open(path, flags, mode.unwrap_or(0o666))?;
        let written = self.write_all(fd, data);
        let closed = self.close(fd);
        written.and(closed)
    }
    fn write_all(&mut self, fd: i32, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            match self.write(fd, data, None)? {
                0 => return Err(Errno::EIO),
                count => data = &data[count..],
            }
        }
        Ok(())
    }

    /// `FS.createPath`: folders that are there already are no error. Gives the path of the last one.
    pub fn create_path(&mut self, parent: &str, path: &str) -> Result<String> {
        let mut current = parent.to_owned();
        for part in path::parts(path) {
            current = path::join(&current, part);
            match self.mkdir(&current, 0o777) {
                Ok(_) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(current)
    }
    /// `FS.createFile`.
    pub fn create_file(
        &mut self,
        parent: &str,
        name: &str,
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        let path = if name.is_empty() {
            parent.to_owned()
        } else {
            path::join(parent, name)
        };
        self.mknod(&path, S_IFREG | mode_for(readable, writable), 0)?;
        Ok(path)
    }
    /// `FS.createDataFile`.
    pub fn create_data_file(
        &mut self,
        parent: &str,
        name: &str,
        data: &[u8],
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        let path = self.create_file(parent, name, readable, writable)?;
        match self.place(&path, true)? {
            Place::Node(ino) => self.set_contents(ino, data)?,
            _ => self.write_file(&path, data, None, None)?,
        }
        Ok(path)
    }
    /// `FS.createLazyFile`: the host's `load(key)` gives the contents at first use, in every generation.
    pub fn create_lazy_file(
        &mut self,
        parent: &str,
        name: &str,
        key: u32,
        readable: bool,
        writable: bool,
    ) -> Result<String> {
        let path = self.create_file(parent, name, readable, writable)?;
        match self.place(&path, true)? {
            Place::Node(ino) => self.node_mut(ino).body = Body::Lazy(key),
            _ => return Err(Errno::EPERM),
        }
        Ok(path)
    }
    /// `FS.createDevice`: a device that the host implements under the number `id`.
    pub fn create_device(
        &mut self,
        parent: &str,
        name: &str,
        id: u32,
        input: bool,
        output: bool,
    ) -> Result<u32> {
        let dev = self.next_device();
        self.register(dev, Device::Custom(id));
        self.mkdev(&path::join(parent, name), mode_for(input, output), dev)?;
        Ok(dev)
    }
    /// `FS.registerDevice`.
    pub fn register_device(&mut self, dev: u32, id: u32) {
        self.register(dev, Device::Custom(id));
    }

    /// Whether files or devices live in the host: they belong to one sandbox.
    pub fn needs_host(&self) -> bool {
        let custom = |device: &Device| matches!(device, Device::Custom(_));
        let lazy = |node: &super::node::Node| matches!(node.body, Body::Lazy(_));
        self.state.rest().devices.values().any(custom) || self.state.nodes().any(lazy)
    }

    pub fn analyze_path(&self, given: &str, dont_resolve_last_link: bool) -> Analysis {
        let mut out = Analysis::default();
        match self.walk(given, !dont_resolve_last_link) {
            Ok(found) => {
                out.parent_exists = true;
                out.parent_path = Some(path::dirname(&found.path).to_owned());
                out.name = Some(found.name);
                if found.place.is_some() {
                    out.exists = true;
                    out.is_root = found.path == "/";
                    out.path = Some(found.path);
                } else {
                    out.error = Some(Errno::ENOENT);
                }
            }
            Err(error) => out.error = Some(error),
        }
        out
    }
    /// `FS.lookupPath(path, { follow }).path`: absolute, with links resolved.
    pub fn real_path(&self, path: &str, follow: bool) -> Result<String> {
        let found = self.walk(path, follow)?;
        found.place.ok_or(Errno::ENOENT)?;
        Ok(found.path)
    }
    pub fn statfs(&self, path: &str) -> Result<StatFs> {
        self.place(path, true)?;
        let files = self.state.nodes().count() as u64;
        Ok(StatFs {
            bsize: 4096,
            blocks: 1_000_000,
            bfree: 500_000,
            files,
            ffree: 1_000_000,
            fsid: 42,
            flags: 2,
            namelen: 255,
        })
    }
}

/// `FS_getMode`.
fn mode_for(readable: bool, writable: bool) -> u32 {
    (if readable { 0o555 } else { 0 }) | (if writable { 0o222 } else { 0 })
}
