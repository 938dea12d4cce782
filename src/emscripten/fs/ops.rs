//! Operations on names: create, remove, rename, link, list.

use super::device::Device;
use super::errno::{Errno, Result};
use super::lookup::{Lookup, Place};
use super::node::{
    Body, Dir, Ino, Node, S_IALLUGO, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK,
};
use super::{FileSystem, MAX_LINK, MAX_NAMES, MAX_NODES, now_ms};
use std::sync::Arc;

impl FileSystem {
    pub(super) fn next_id(&mut self) -> u32 {
        let rest = self.state.rest_mut();
        let id = rest.next_id;
        rest.next_id += 1;
        id
    }
    /// Where a new entry `found` may be made: the folder, if it is in memory.
    fn may_create(&self, found: &Lookup) -> Result<Place> {
        if found.place.is_some() {
            return Err(Errno::EEXIST);
        }
        if let Place::Node(dir) = found.parent {
            let node = self.node(dir)?;
            match node.body {
                Body::Dir(_) => self.permit(node, 0o333)?,
                _ => return Err(Errno::EACCES),
            }
            // A folder that was removed while someone stood in it takes no new entries.
            if !node.linked {
                return Err(Errno::ENOENT);
            }
        }
        Ok(found.parent.clone())
    }
    pub(super) fn add_node(
        &mut self,
        dir: Ino,
        name: &str,
        mode: u32,
        rdev: u32,
        body: Body,
    ) -> Result<Ino> {
        let id = self.next_id();
        let now = now_ms();
        let name: Arc<str> = name.into();
        let node = Node {
            id,
            parent: dir,
            name: name.clone(),
            mode,
            rdev,
            atime: now,
            mtime: now,
            ctime: now,
            linked: true,
            body,
        };
        let rest = self.state.rest();
        let named = rest.named + node.name_bytes();
        if rest.nodes >= MAX_NODES || named > MAX_NAMES {
            return Err(Errno::ENOSPC);
        }
        let rest = self.state.rest_mut();
        (rest.nodes, rest.named) = (rest.nodes + 1, named);
        let ino = self.state.insert(node);
        self.edit_dir(dir, |entries| entries.insert(name, ino));
        Ok(ino)
    }
    fn edit_dir(&mut self, dir: Ino, edit: impl FnOnce(&mut Dir)) {
        let now = now_ms();
        let node = self.node_mut(dir);
        (node.mtime, node.ctime) = (now, now);
        if let Body::Dir(entries) = &mut node.body {
            edit(entries);
        }
    }

    /// Makes a file, folder or device, by the type bits of `mode` (none means a file).
    pub fn mknod(&mut self, path: &str, mode: u32, dev: u32) -> Result<()> {
        let found = self.walk(path, false)?;
        self.mknod_at(&found, mode, dev).map(drop)
    }
    /// The same after the walk. Gives the node, when it is in memory.
    pub(super) fn mknod_at(&mut self, found: &Lookup, mode: u32, dev: u32) -> Result<Option<Ino>> {
        let parent = self.may_create(found)?;
        let (kind, bits) = (mode & S_IFMT, mode & S_IALLUGO);
        match parent {
            Place::Node(dir) => {
                let (kind, body) = match kind {
                    0 | S_IFREG => (S_IFREG, Body::File(Default::default())),
                    S_IFDIR => (S_IFDIR, Body::Dir(Dir::default())),
                    S_IFCHR => (S_IFCHR, Body::Device),
                    S_IFSOCK | S_IFLNK => return Err(Errno::EINVAL),
                    // Block devices and named pipes are not supported, as in MEMFS.
                    _ => return Err(Errno::EPERM),
                };
                Ok(Some(self.add_node(
                    dir,
                    &found.name,
                    kind | bits,
                    dev,
                    body,
                )?))
            }
            Place::Real(mount, inside) => {
                let mount = &self.mounts[mount];
                let path = mount.inside(&inside, &found.name)?;
                match kind {
                    0 | S_IFREG => mount.create_file(&path, bits)?,
                    S_IFDIR => mount.create_dir(&path, bits)?,
                    _ => return Err(Errno::EPERM),
                }
                Ok(None)
            }
            Place::Descriptor(_) => Err(Errno::EACCES),
        }
    }
    /// Gives the slot of the new folder, or 0 when it is under a mount.
    pub(crate) fn mkdir(&mut self, path: &str, mode: u32) -> Result<Ino> {
        let found = self.walk(path, false)?;
        Ok(self
            .mknod_at(&found, S_IFDIR | (mode & 0o1777), 0)?
            .unwrap_or_default())
    }
    pub fn mkdev(&mut self, path: &str, mode: u32, dev: u32) -> Result<()> {
        self.mknod(path, S_IFCHR | (mode & S_IALLUGO), dev)
    }
    pub(super) fn register(&mut self, dev: u32, device: Device) {
        Arc::make_mut(&mut self.state.rest_mut().devices).insert(dev, device);
    }
    pub(super) fn next_device(&mut self) -> u32 {
        let rest = self.state.rest_mut();
        rest.next_device += 1;
        super::makedev(rest.next_device - 1, 0)
    }
    pub fn symlink(&mut self, target: &str, path: &str) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        if target.len() > MAX_LINK {
            return Err(Errno::ENAMETOOLONG);
        }
        let found = self.walk(path, false)?;
        match self.may_create(&found)? {
            Place::Node(dir) => {
                self.add_node(
                    dir,
                    &found.name,
                    S_IFLNK | 0o777,
                    0,
                    Body::Link(target.into()),
                )?;
                Ok(())
            }
            Place::Real(mount, inside) => self.mounts[mount].symlink(target, &inside, &found.name),
            Place::Descriptor(_) => Err(Errno::EACCES),
        }
    }
    /// Emscripten has no hard links: EMLINK, once the new name could have been made.
    pub fn link(&mut self, _from: &str, to: &str) -> Result<()> {
        let found = self.walk(to, false)?;
        self.may_create(&found)?;
        Err(Errno::EMLINK)
    }
    /// The text of a link, as it was written.
    pub fn readlink(&self, path: &str) -> Result<String> {
        match self.place(path, false)? {
            Place::Node(ino) => match &self.node(ino)?.body {
                Body::Link(target) => Ok(target.to_string()),
                _ => Err(Errno::EINVAL),
            },
            Place::Real(mount, inside) => self.mounts[mount].read_link(&inside),
            Place::Descriptor(fd) => Ok(self.state.rest().streams.get(fd)?.path.to_string()),
        }
    }
    /// Names in a folder, `.` and `..` first.
    pub fn readdir(&self, path: &str) -> Result<Vec<String>> {
        let place = self.place(path, true)?;
        self.list(&place)
    }
    pub(super) fn list(&self, place: &Place) -> Result<Vec<String>> {
        let mut names = vec![".".to_owned(), "..".to_owned()];
        match place {
            Place::Node(ino) => match &self.node(*ino)?.body {
                Body::Dir(dir) => {
                    for name in dir.names() {
                        self.pace.go_on()?;
                        names.push(name.to_string());
                    }
                }
                Body::Descriptors if self.unlisted_descriptors => return Err(Errno::ENOTDIR),
                Body::Descriptors => {
                    names.extend(self.state.rest().streams.fds().map(|fd| fd.to_string()));
                }
                _ => return Err(Errno::ENOTDIR),
            },
            Place::Real(mount, inside) => {
                names.extend(self.mounts[*mount].list(inside, &self.pace)?);
            }
            Place::Descriptor(_) => return Err(Errno::ENOTDIR),
        }
        Ok(names)
    }

    /// Emscripten's `mayDelete`, in its order of checks.
    fn may_delete(&self, dir: Ino, ino: Ino, as_dir: bool) -> Result<()> {
        self.permit(self.node(dir)?, 0o333)?;
        let node = self.node(ino)?;
        match (as_dir, node.is_dir()) {
            (true, false) => Err(Errno::ENOTDIR),
            (false, true) => Err(Errno::EISDIR),
            (true, true) if self.path_of(ino)? == *self.state.rest().cwd => Err(Errno::EBUSY),
            (true, true) if self.holds_mount(ino) => Err(Errno::EBUSY),
            _ => Ok(()),
        }
    }
    fn holds_mount(&self, ino: Ino) -> bool {
        matches!(self.node(ino), Ok(n) if matches!(n.body, Body::Descriptors))
            || self.mounts.iter().any(|m| self.is_within(m.node, ino))
    }
    pub fn unlink(&mut self, path: &str) -> Result<()> {
        self.remove(path, false)
    }
    pub fn rmdir(&mut self, path: &str) -> Result<()> {
        self.remove(path, true)
    }
    fn remove(&mut self, path: &str, as_dir: bool) -> Result<()> {
        let found = self.walk(path, false)?;
        let place = found.place.clone().ok_or(Errno::ENOENT)?;
        if found.dotted {
            return Err(match (as_dir, &*found.path) {
                (false, _) => Errno::EISDIR,
                (true, "/") => Errno::EBUSY,
                (true, _) if path.trim_end_matches('/').ends_with("..") => Errno::ENOTEMPTY,
                (true, _) => Errno::EINVAL,
            });
        }
        match (place, found.parent) {
            (Place::Node(ino), Place::Node(dir)) => {
                self.may_delete(dir, ino, as_dir)?;
                if self.node(ino)?.dir().is_some_and(|d| !d.is_empty()) {
                    return Err(Errno::ENOTEMPTY);
                }
                self.edit_dir(dir, |entries| _ = entries.remove(&found.name));
                self.forget(ino);
                Ok(())
            }
            (Place::Real(_, inside), _) if inside.is_empty() => {
                Err(if as_dir { Errno::EBUSY } else { Errno::EISDIR })
            }
            (Place::Real(mount, inside), _) if as_dir => {
                if found.path == *self.state.rest().cwd {
                    return Err(Errno::EBUSY);
                }
                self.mounts[mount].remove_dir(&inside)
            }
            (Place::Real(mount, inside), _) => self.mounts[mount].remove_file(&inside),
            (Place::Descriptor(_), _) | (_, Place::Real(..) | Place::Descriptor(_)) => {
                Err(Errno::EPERM)
            }
        }
    }
    /// The node lost its name: gone now, or with its last descriptor.
    fn forget(&mut self, ino: Ino) {
        self.node_mut(ino).linked = false;
        self.release(ino);
    }
    pub(super) fn release(&mut self, ino: Ino) {
        let Ok(node) = self.node(ino) else { return };
        if node.linked || self.state.rest().streams.uses_node(ino) {
            return;
        }
        let stored = match &node.body {
            Body::File(content) => content.stored(),
            _ => 0,
        };
        let named = node.name_bytes();
        let rest = self.state.rest_mut();
        rest.stored -= stored;
        rest.named -= named;
        rest.nodes -= 1;
        self.state.remove(ino);
    }

    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let old = self.walk(from, false)?;
        let old_place = old.place.clone().ok_or(Errno::ENOENT)?;
        let new = self.walk(to, false)?;
        // The root is a folder that everything is within.
        if old.path == "/" {
            return Err(Errno::EINVAL);
        }
        if new.path == "/" {
            return Err(Errno::ENOTEMPTY);
        }
        if old.dotted || new.dotted {
            return Err(Errno::EBUSY);
        }
        match (old_place, old.parent.clone(), new.parent.clone()) {
            (Place::Real(m, inside), ..) if inside.is_empty() && self.mounts.get(m).is_some() => {
                Err(Errno::EBUSY)
            }
            (Place::Node(ino), Place::Node(from), Place::Node(to)) => {
                self.rename_node(ino, from, &old, to, new)
            }
            (Place::Real(a, old_inside), _, Place::Real(b, dir)) if a == b => {
                if new.path.starts_with(&format!("{}/", old.path)) {
                    return Err(Errno::EINVAL);
                }
                let mount = &self.mounts[a];
                let new_inside = mount.inside(&dir, &new.name)?;
                mount.rename(&old_inside, &new_inside)
            }
            (Place::Descriptor(_), ..) => Err(Errno::EPERM),
            _ => Err(Errno::EXDEV),
        }
    }
    fn rename_node(
        &mut self,
        ino: Ino,
        from: Ino,
        old: &Lookup,
        to: Ino,
        new: Lookup,
    ) -> Result<()> {
        let as_dir = self.node(ino)?.is_dir();
        if as_dir && self.is_within(to, ino) {
            return Err(Errno::EINVAL);
        }
        let replaced = match new.place {
            Some(Place::Node(replaced)) => Some(replaced),
            Some(Place::Real(..)) => return Err(Errno::EBUSY),
            Some(Place::Descriptor(_)) => return Err(Errno::EPERM),
            None => None,
        };
        if replaced == Some(ino) {
            return Ok(());
        }
        if replaced.is_some_and(|r| self.is_within(from, r)) {
            return Err(Errno::ENOTEMPTY);
        }
        self.may_delete(from, ino, as_dir)?;
        match replaced {
            Some(replaced) => {
                self.may_delete(to, replaced, as_dir)?;
                if self.node(replaced)?.dir().is_some_and(|d| !d.is_empty()) {
                    return Err(Errno::ENOTEMPTY);
                }
            }
            None => drop(self.may_create(&new)?),
        }
        let name: Arc<str> = new.name.into();
        let before = self.node(ino)?.name.len();
        let named = self.state.rest().named + name.len() as u64 - before as u64;
        if named > MAX_NAMES && name.len() > before {
            return Err(Errno::ENOSPC);
        }
        self.state.rest_mut().named = named;
        self.edit_dir(from, |entries| _ = entries.remove(&old.name));
        let node = self.node_mut(ino);
        node.name = name.clone();
        node.parent = to;
        self.edit_dir(to, |entries| entries.insert(name, ino));
        if let Some(replaced) = replaced {
            self.forget(replaced);
        }
        Ok(())
    }
}
