//! From a path to the place it names, across symbolic links and mounts.

use super::errno::{Errno, Result};
use super::mount::RealKind;
use super::node::{Body, Ino, Node, ROOT};
use super::path;
use super::{FileSystem, Rest};
use std::sync::Arc;

const MAX_LINKS: u32 = 40;
pub(super) const MAX_PATH: usize = 4096;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Node(Ino),
    /// A file or folder of the real disk: which mount, and the path inside it (`""` is its root).
    Real(usize, String),
    /// An entry of `/proc/self/fd`.
    Descriptor(i32),
}

/// The outcome of a walk: the place, or where it would have to be created.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub place: Option<Place>,
    /// The folder that holds it.
    pub parent: Place,
    pub name: String,
    /// Absolute, without links, `.` and `..`.
    pub path: String,
    /// The path ended in `.` or `..` or was the root: such entries cannot be removed, renamed or created.
    pub dotted: bool,
}

impl Lookup {
    pub fn existing(self) -> Result<Place> {
        self.place.ok_or(Errno::ENOENT)
    }
}

enum Child {
    Place(Place),
    Link(Place, String),
}

impl FileSystem {
    /// Walks `path`. Only its last component may be missing. `follow`: whether a link there is followed too.
    pub fn walk(&self, path: &str, follow: bool) -> Result<Lookup> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() > MAX_PATH {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut rest: Vec<String> = path::parts(path).rev().map(String::from).collect();
        let mut at = Place::Node(ROOT);
        let mut at_path = String::from("/");
        if !path.starts_with('/') {
            rest.extend(path::parts(&self.state.rest().cwd).rev().map(String::from));
        }
        let mut links = 0;
        let mut dotted = true;
        while let Some(part) = rest.pop() {
            // Below a mount each step asks the system about all steps before it.
            self.pace.go_on()?;
            let last = rest.is_empty();
            dotted = part == "." || part == "..";
            self.may_search(&at)?;
            if dotted {
                if part == ".." {
                    at = self.parent_of(&at);
                    at_path.truncate(path::dirname(&at_path).len());
                }
                continue;
            }
            match self.child(&at, &part)? {
                None if last => {
                    let path = path::join(&at_path, &part);
                    return Ok(Lookup {
                        place: None,
                        parent: at,
                        name: part,
                        path,
                        dotted: false,
                    });
                }
                None => return Err(Errno::ENOENT),
                Some(Child::Link(_, target)) if !last || follow => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::ELOOP);
                    }
                    if target.is_empty() {
                        return Err(Errno::ENOENT);
                    }
                    if target.starts_with('/') {
                        at = Place::Node(ROOT);
                        at_path = String::from("/");
                    }
                    rest.extend(path::parts(&target).rev().map(String::from));
                    if rest.iter().map(String::len).sum::<usize>() > 16 * MAX_PATH {
                        return Err(Errno::ENAMETOOLONG);
                    }
                    dotted = true;
                }
                Some(Child::Place(place) | Child::Link(place, _)) => {
                    at = place;
                    if !at_path.ends_with('/') {
                        at_path.push('/');
                    }
                    at_path.push_str(&part);
                }
            }
        }
        let parent = self.parent_of(&at);
        let name = path::basename(&at_path).to_owned();
        Ok(Lookup {
            place: Some(at),
            parent,
            name,
            path: at_path,
            dotted,
        })
    }
    /// The place that `path` names, which must exist.
    pub fn place(&self, path: &str, follow: bool) -> Result<Place> {
        self.walk(path, follow)?.existing()
    }

    fn may_search(&self, dir: &Place) -> Result<()> {
        match dir {
            Place::Node(ino) => {
                let node = self.node(*ino)?;
                if !node.is_dir() {
                    return Err(Errno::ENOTDIR);
                }
                self.permit(node, 0o111)
            }
            Place::Real(mount, inside) => match self.mounts[*mount].kind(inside)? {
                Some(RealKind::Dir) => Ok(()),
                Some(_) => Err(Errno::ENOTDIR),
                None => Err(Errno::ENOENT),
            },
            Place::Descriptor(_) => Err(Errno::ENOTDIR),
        }
    }
    fn child(&self, dir: &Place, name: &str) -> Result<Option<Child>> {
        match dir {
            Place::Node(ino) => self.child_of_node(*ino, name),
            Place::Real(mount, inside) => {
                let mount_ref = &self.mounts[*mount];
                let path = mount_ref.inside(inside, name)?;
                Ok(match mount_ref.kind(&path)? {
                    None => None,
                    Some(RealKind::Link) => {
                        let target = mount_ref.read_link(&path)?;
                        Some(Child::Link(Place::Real(*mount, path), target))
                    }
                    Some(_) => Some(Child::Place(Place::Real(*mount, path))),
                })
            }
            Place::Descriptor(_) => Err(Errno::ENOTDIR),
        }
    }
    fn child_of_node(&self, dir: Ino, name: &str) -> Result<Option<Child>> {
        let ino = match &self.node(dir)?.body {
            Body::Dir(dir) => match dir.get(name) {
                Some(ino) => ino,
                None => return Ok(None),
            },
            Body::Descriptors => {
                let fd = name.parse::<i32>().map_err(|_| Errno::ENOENT)?;
                let path = self.state.rest().streams.get(fd)?.path.to_string();
                return Ok(Some(Child::Link(Place::Descriptor(fd), path)));
            }
            _ => return Err(Errno::ENOTDIR),
        };
        Ok(Some(match &self.node(ino)?.body {
            Body::Link(target) => Child::Link(Place::Node(ino), target.to_string()),
            Body::Dir(_) => Child::Place(match self.mount_at(ino) {
                Some(mount) => Place::Real(mount, String::new()),
                None => Place::Node(ino),
            }),
            _ => Child::Place(Place::Node(ino)),
        }))
    }
    fn parent_of(&self, place: &Place) -> Place {
        let parent_node = |ino: Ino| Place::Node(self.node(ino).map_or(ROOT, |n| n.parent));
        match place {
            Place::Node(ino) => parent_node(*ino),
            Place::Real(mount, inside) if inside.is_empty() => {
                parent_node(self.mounts[*mount].node)
            }
            Place::Real(mount, inside) => Place::Real(
                *mount,
                inside
                    .rsplit_once('/')
                    .map_or(String::new(), |(dir, _)| dir.to_owned()),
            ),
            Place::Descriptor(_) => match self.place("/proc/self/fd", false) {
                Ok(place) => place,
                Err(_) => Place::Node(ROOT),
            },
        }
    }

    /// Emscripten's rule: a permission is there when it is there for anyone. `bits` are `0o444`, `0o222`, `0o111`.
    pub(super) fn permit(&self, node: &Node, bits: u32) -> Result<()> {
        let missing = |class| bits & class != 0 && node.mode & class == 0;
        let Rest {
            ignore_permissions, ..
        } = *self.state.rest();
        if !ignore_permissions && [0o444, 0o222, 0o111].into_iter().any(missing) {
            return Err(Errno::EACCES);
        }
        Ok(())
    }
    /// `FS.getPath`.
    pub fn path_of(&self, ino: Ino) -> Result<String> {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut at = ino;
        while at != ROOT {
            let node = self.node(at)?;
            names.push(node.name.clone());
            at = node.parent;
        }
        names.reverse();
        Ok(format!("/{}", names.join("/")))
    }
    /// Whether `ino` is `dir` or lies below it.
    pub(super) fn is_within(&self, mut ino: Ino, dir: Ino) -> bool {
        loop {
            if ino == dir {
                return true;
            }
            match self.node(ino) {
                Ok(node) if ino != ROOT => ino = node.parent,
                _ => return false,
            }
        }
    }
}
