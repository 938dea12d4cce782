//! Inodes of the in-memory tree.

use super::content::Content;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a node is kept. Slots of deleted nodes are used again; `Node::id` never is.
pub type Ino = u32;

pub const ROOT: Ino = 0;

pub const S_IFMT: u32 = 0o170000;
pub const S_IFIFO: u32 = 0o010000;
pub const S_IFCHR: u32 = 0o020000;
pub const S_IFDIR: u32 = 0o040000;
pub const S_IFREG: u32 = 0o100000;
pub const S_IFLNK: u32 = 0o120000;
pub const S_IFSOCK: u32 = 0o140000;
/// Permission bits with set-id and sticky bits.
pub const S_IALLUGO: u32 = 0o7777;

/// One inode. As in Emscripten there are no hard links: a node has one parent and one name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// `st_ino`.
    pub id: u32,
    /// The root is its own parent.
    pub parent: Ino,
    #[serde(with = "crate::saved::shared")]
    pub name: Arc<str>,
    /// Type and permission bits.
    pub mode: u32,
    pub rdev: u32,
    /// Milliseconds since 1970, as JavaScript's `Date` keeps them.
    pub atime: i64,
    pub mtime: i64,
    pub ctime: i64,
    /// False once unlinked: the node then lives until its last descriptor is closed.
    pub linked: bool,
    pub body: Body,
}

/// What a node is, with its contents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Body {
    File(Content),
    /// Contents that the host gives at first use, under this key.
    Lazy(u32),
    Dir(Dir),
    Link(#[serde(with = "crate::saved::shared")] Arc<str>),
    Device,
    /// `/proc/self/fd`: the open descriptors, as symbolic links.
    Descriptors,
}

/// A directory. Entries come back in the order in which JavaScript would give an object's keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Dir {
    #[serde(with = "saved_entries")]
    entries: FxHashMap<Arc<str>, Entry>,
    next: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    ino: Ino,
    order: u64,
}

impl Dir {
    pub fn get(&self, name: &str) -> Option<Ino> {
        self.entries.get(name).map(|e| e.ino)
    }
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// A name that is replaced keeps its place in the order.
    pub fn insert(&mut self, name: Arc<str>, ino: Ino) {
        let order = self.next;
        self.next += 1;
        self.entries
            .entry(name)
            .and_modify(|e| e.ino = ino)
            .or_insert(Entry { ino, order });
    }
    pub fn remove(&mut self, name: &str) -> Option<Ino> {
        self.entries.remove(name).map(|e| e.ino)
    }
    /// Names in listing order: array indices ascending, then the others by age.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut list: Vec<_> = self
            .entries
            .iter()
            .map(|(n, e)| (array_index(n), e.order, n))
            .collect();
        list.sort_unstable_by_key(|(index, order, _)| match index {
            Some(i) => (0, u64::from(*i)),
            None => (1, *order),
        });
        list.into_iter().map(|(_, _, n)| n.clone()).collect()
    }
}

/// The number that a JavaScript engine would see in a property name such as `"12"`.
fn array_index(name: &str) -> Option<u32> {
    let plain = name == "0" || (name.len() <= 10 && !name.starts_with('0'));
    let digits = plain && name.bytes().all(|b| b.is_ascii_digit());
    if digits {
        name.parse().ok().filter(|i| *i != u32::MAX)
    } else {
        None
    }
}

impl Node {
    pub fn kind(&self) -> u32 {
        self.mode & S_IFMT
    }
    pub fn is_dir(&self) -> bool {
        self.kind() == S_IFDIR
    }
    pub fn is_file(&self) -> bool {
        self.kind() == S_IFREG
    }
    pub fn is_device(&self) -> bool {
        self.kind() == S_IFCHR
    }
    pub fn dir(&self) -> Option<&Dir> {
        match &self.body {
            Body::Dir(dir) => Some(dir),
            _ => None,
        }
    }
    /// Bytes of its name, and of its text where it is a link.
    pub fn name_bytes(&self) -> u64 {
        let text = match &self.body {
            Body::Link(target) => target.len(),
            _ => 0,
        };
        (self.name.len() + text) as u64
    }
    pub fn size(&self) -> u64 {
        match &self.body {
            Body::File(content) => content.len(),
            Body::Link(target) => target.encode_utf16().count() as u64,
            Body::Dir(_) | Body::Descriptors => 4096,
            Body::Lazy(_) | Body::Device => 0,
        }
    }
}

/// What `stat` tells, of memory and of real files alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    pub dev: u32,
    pub ino: u64,
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u32,
    pub size: u64,
    pub blksize: u32,
    pub blocks: u64,
    /// Milliseconds since 1970.
    pub atime: i64,
    pub mtime: i64,
    pub ctime: i64,
}

impl Stat {
    pub fn kind(&self) -> u32 {
        self.mode & S_IFMT
    }
}

impl From<&Node> for Stat {
    fn from(node: &Node) -> Self {
        let size = node.size();
        Stat {
            dev: if node.is_device() { node.id } else { 1 },
            ino: u64::from(node.id),
            mode: node.mode,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: node.rdev,
            size,
            blksize: 4096,
            blocks: size.div_ceil(4096),
            atime: node.atime,
            mtime: node.mtime,
            ctime: node.ctime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_order_is_that_of_object_keys() {
        let mut dir = Dir::default();
        for (i, name) in ["b", "10", "a", "2", "01", "4294967295"].iter().enumerate() {
            dir.insert((*name).into(), i as u32);
        }
        dir.insert("b".into(), 9);
        let names = dir.names();
        assert_eq!(
            names.iter().map(|n| &**n).collect::<Vec<_>>(),
            ["2", "10", "b", "a", "01", "4294967295"]
        );
        assert_eq!(dir.get("b"), Some(9));
    }
}

mod saved_entries {
    use super::{Arc, Entry, FxHashMap};
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    pub fn serialize<S: Serializer>(
        entries: &FxHashMap<Arc<str>, Entry>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let entries: BTreeMap<&str, _> = entries.iter().map(|(name, at)| (&**name, at)).collect();
        to.collect_map(entries)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<FxHashMap<Arc<str>, Entry>, D::Error> {
        let entries = BTreeMap::<Box<str>, Entry>::deserialize(from)?.into_iter();
        Ok(entries.map(|(name, at)| (name.into(), at)).collect())
    }
}
