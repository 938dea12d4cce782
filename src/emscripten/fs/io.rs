//! Reading, writing, seeking, sizes.

use super::content::Content;
use super::device::Device;
use super::errno::{Errno, Result};
use super::flags::{O_ACCMODE, O_APPEND, O_RDWR, O_WRONLY};
use super::lookup::Place;
use super::node::{Body, Ino, S_IFDIR, S_IFREG};
use super::streams::Target;
use super::{FileSystem, Seek, now_ms};

impl FileSystem {
    /// `position`: as `pread`, leaving the descriptor's own where it is.
    pub fn read(&mut self, fd: i32, buf: &mut [u8], position: Option<u64>) -> Result<usize> {
        let open = self.state.rest().streams.get(fd)?;
        if !open.readable() {
            return Err(Errno::EBADF);
        }
        if position.is_some() && !open.seekable {
            return Err(Errno::ESPIPE);
        }
        let at = position.unwrap_or(open.position);
        let count = match open.target.clone() {
            Target::Node(ino) => self.read_node(ino, buf, at)?,
            Target::Real(file) => file.read_at(buf, at, &self.pace)?,
            Target::PipeRead(pipe) => return self.pipe_read(pipe, buf),
            Target::PipeWrite(_) => return Err(Errno::EBADF),
        };
        if position.is_none() && count > 0 {
            self.state.rest_mut().streams.get_mut(fd)?.position = at + count as u64;
        }
        Ok(count)
    }
    /// Reading this descriptor asks nothing of the host.
    pub fn reads_alone(&self, fd: i32) -> Result<bool> {
        Ok(match &self.state.rest().streams.get(fd)?.target {
            Target::Node(ino) => matches!(self.node(*ino)?.body, Body::File(_)),
            Target::Real(_) | Target::PipeRead(_) | Target::PipeWrite(_) => true,
        })
    }
    fn read_node(&mut self, ino: Ino, buf: &mut [u8], at: u64) -> Result<usize> {
        self.load(ino)?;
        let node = self.node(ino)?;
        match &node.body {
            Body::File(content) => content.read(at, buf, &self.pace),
            Body::Dir(_) | Body::Descriptors => Err(Errno::EISDIR),
            Body::Device => {
                let device = self.device(node.rdev)?;
                self.device_read(device, ino, buf, at)
            }
            Body::Link(_) | Body::Lazy(_) => Err(Errno::EINVAL),
        }
    }
    /// `position`: as `pwrite`.
    pub fn write(&mut self, fd: i32, data: &[u8], position: Option<u64>) -> Result<usize> {
        let open = self.state.rest().streams.get(fd)?;
        if !open.writable() {
            return Err(Errno::EBADF);
        }
        if open.seekable && open.flags & O_APPEND != 0 {
            self.seek(fd, 0, Seek::End)?;
        }
        let open = self.state.rest().streams.get(fd)?;
        if position.is_some() && !open.seekable {
            return Err(Errno::ESPIPE);
        }
        let at = position.unwrap_or(open.position);
        let count = match open.target.clone() {
            Target::Node(ino) => self.write_node(ino, data, at)?,
            Target::Real(file) => file.write_at(data, at, &self.pace)?,
            Target::PipeWrite(pipe) => return self.pipe_write(pipe, data),
            Target::PipeRead(_) => return Err(Errno::EBADF),
        };
        if position.is_none() && count > 0 {
            // The device's callback may have closed the descriptor.
            if let Ok(open) = self.state.rest_mut().streams.get_mut(fd) {
                open.position = at + count as u64;
            }
        }
        Ok(count)
    }
    fn write_node(&mut self, ino: Ino, data: &[u8], at: u64) -> Result<usize> {
        self.load(ino)?;
        let node = self.node(ino)?;
        match &node.body {
            Body::File(content) => {
                let growth = content.growth(at, data.len());
                if !data.is_empty() {
                    let pace = self.pace.clone();
                    self.edit_content(ino, growth, |content| content.write(at, data, &pace))?;
                }
                Ok(data.len())
            }
            Body::Dir(_) | Body::Descriptors => Err(Errno::EISDIR),
            Body::Device => {
                let device = self.device(node.rdev)?;
                self.device_write(device, ino, data, at)
            }
            Body::Link(_) | Body::Lazy(_) => Err(Errno::EINVAL),
        }
    }
    /// Changes a file's contents and keeps the account of what all files hold. `growth`: bytes it may add.
    fn edit_content(
        &mut self,
        ino: Ino,
        growth: u64,
        edit: impl FnOnce(&mut Content) -> Result<()>,
    ) -> Result<()> {
        if growth > 0 && self.stored().saturating_add(growth) > self.limit {
            return Err(Errno::ENOSPC);
        }
        let now = now_ms();
        let node = self.node_mut(ino);
        let Body::File(content) = &mut node.body else {
            return Err(Errno::EINVAL);
        };
        let before = content.stored();
        let edited = edit(content);
        let after = content.stored();
        (node.mtime, node.ctime) = (now, now);
        let rest = self.state.rest_mut();
        rest.stored = rest.stored - before + after;
        edited
    }
    pub(super) fn set_contents(&mut self, ino: Ino, bytes: &[u8]) -> Result<()> {
        let node = self.node(ino)?;
        let before = if let Body::File(content) = &node.body {
            content.stored()
        } else {
            0
        };
        let stored = self.stored() - before + bytes.len() as u64;
        if stored > self.limit {
            return Err(Errno::ENOSPC);
        }
        let content = Content::from_bytes(bytes, &self.pace)?;
        self.node_mut(ino).body = Body::File(content);
        self.state.rest_mut().stored = stored;
        Ok(())
    }

    pub fn seek(&mut self, fd: i32, offset: i64, whence: Seek) -> Result<u64> {
        let open = self.state.rest().streams.get(fd)?;
        if !open.seekable {
            return Err(Errno::ESPIPE);
        }
        let base = match whence {
            Seek::Set => 0,
            Seek::Current => open.position,
            Seek::End => match &open.target {
                Target::Node(ino) => match self.node(*ino)? {
                    node if node.is_file() => {
                        let ino = *ino;
                        self.load(ino)?;
                        self.node(ino)?.size()
                    }
                    _ => 0,
                },
                Target::Real(file) => file.size(&self.mounts)?,
                Target::PipeRead(_) | Target::PipeWrite(_) => return Err(Errno::ESPIPE),
            },
        };
        let position = i64::try_from(base)
            .ok()
            .and_then(|b| b.checked_add(offset))
            .ok_or(Errno::EOVERFLOW)?;
        let position = u64::try_from(position).map_err(|_| Errno::EINVAL)?;
        let open = self.state.rest_mut().streams.get_mut(fd)?;
        if open.position != position {
            open.position = position;
        }
        Ok(position)
    }
    pub fn position(&self, fd: i32) -> Result<u64> {
        Ok(self.state.rest().streams.get(fd)?.position)
    }

    pub fn truncate(&mut self, path: &str, len: i64) -> Result<()> {
        let len = u64::try_from(len).map_err(|_| Errno::EINVAL)?;
        match self.place(path, true)? {
            Place::Node(ino) => {
                let node = self.node(ino)?;
                match node.kind() {
                    S_IFDIR => return Err(Errno::EISDIR),
                    S_IFREG => self.permit(node, 0o222)?,
                    _ => return Err(Errno::EINVAL),
                }
                self.truncate_node(ino, len)
            }
            Place::Real(mount, inside) => self.mounts[mount].truncate(&inside, len),
            Place::Descriptor(_) => Err(Errno::EINVAL),
        }
    }
    pub fn ftruncate(&mut self, fd: i32, len: i64) -> Result<()> {
        let open = self.state.rest().streams.get(fd)?;
        let len = u64::try_from(len)
            .ok()
            .filter(|_| open.writable())
            .ok_or(Errno::EINVAL)?;
        match open.target.clone() {
            Target::Node(ino) => match self.node(ino)?.kind() {
                S_IFDIR => Err(Errno::EISDIR),
                S_IFREG => self.truncate_node(ino, len),
                _ => Err(Errno::EINVAL),
            },
            Target::Real(file) => file.set_len(len),
            Target::PipeRead(_) | Target::PipeWrite(_) => Err(Errno::EINVAL),
        }
    }
    pub(super) fn truncate_node(&mut self, ino: Ino, len: u64) -> Result<()> {
        self.load(ino)?;
        self.edit_content(ino, 0, |content| content.resize(len))
    }
    /// `posix_fallocate`: the file is at least `offset + len` long afterwards.
    pub fn allocate(&mut self, fd: i32, offset: i64, len: i64) -> Result<()> {
        let open = self.state.rest().streams.get(fd)?;
        if offset < 0 || len <= 0 {
            return Err(Errno::EINVAL);
        }
        if !open.writable() {
            return Err(Errno::EBADF);
        }
        if !open.seekable {
            return Err(Errno::ESPIPE);
        }
        let end = offset.checked_add(len).ok_or(Errno::EFBIG)?;
        let stat = self.fstat(fd)?;
        match stat.kind() {
            S_IFREG if end as u64 > stat.size => self.ftruncate(fd, end),
            S_IFREG => Ok(()),
            _ => Err(Errno::ENODEV),
        }
    }
    /// `fsync`: in memory there is nothing to do but to end a terminal's line.
    pub fn sync(&mut self, fd: i32) -> Result<()> {
        match self.state.rest().streams.get(fd)?.target.clone() {
            Target::Real(file) => file.sync(),
            Target::Node(ino) => {
                let node = self.node(ino)?;
                match node.is_device().then(|| self.device(node.rdev)) {
                    Some(Ok(Device::Terminal(stream))) => self.flush_line(stream),
                    _ => Ok(()),
                }
            }
            Target::PipeRead(_) | Target::PipeWrite(_) => Err(Errno::EINVAL),
        }
    }
    /// Whether `fd` may be mapped: `prot` has PROT_WRITE as 2, `flags` MAP_PRIVATE as 2.
    pub fn may_map(&mut self, fd: i32, prot: u32, flags: u32) -> Result<()> {
        let access = self.state.rest().streams.get(fd)?.flags & O_ACCMODE;
        let writes_back = prot & 2 != 0 && flags & 2 == 0;
        if access == O_WRONLY || (writes_back && access != O_RDWR) {
            return Err(Errno::EACCES);
        }
        if self.fstat(fd)?.kind() != S_IFREG {
            return Err(Errno::ENODEV);
        }
        Ok(())
    }
}
