//! Taking the state's image and going back to it.

use super::{FileSystem, Ino, Rest, node::Node, root_node};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The state of a file system at one moment. Immutable; shared by every sandbox of a program, on every thread.
#[derive(Serialize, Deserialize)]
pub struct Image {
    #[serde(skip, default = "new_id")]
    id: u64,
    #[serde(with = "saved_nodes")]
    nodes: Vec<Option<Arc<Node>>>,
    rest: Rest,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({}, {} nodes)", self.id, self.nodes.len())
    }
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Image>();
};

/// What `State`'s dirty marks are relative to.
pub(super) struct Base {
    /// The image that was asked for; `image` is the same, or a private one that has this sandbox's mount points too.
    source: u64,
    image: Arc<Image>,
}

struct Slot {
    node: Option<Arc<Node>>,
    /// Listed in `dirty`.
    dirty: bool,
}

/// Everything that a recycle restores. Changes go through `node_mut`, `insert`, `remove` and `rest_mut`, which mark what
/// they touch: a restore costs what was marked.
pub(super) struct State {
    slots: Vec<Slot>,
    dirty: Vec<Ino>,
    rest: Rest,
    rest_dirty: bool,
}

impl State {
    pub fn new() -> Self {
        let root = Slot {
            node: Some(Arc::new(root_node())),
            dirty: true,
        };
        State {
            slots: vec![root],
            dirty: vec![0],
            rest: Rest::new(),
            rest_dirty: true,
        }
    }
    pub fn rest(&self) -> &Rest {
        &self.rest
    }
    pub fn rest_mut(&mut self) -> &mut Rest {
        self.rest_dirty = true;
        &mut self.rest
    }
    pub fn node(&self, ino: Ino) -> Option<&Node> {
        self.slots.get(ino as usize)?.node.as_deref()
    }
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.slots.iter().filter_map(|s| s.node.as_deref())
    }
    #[cfg(any(test, fuzzing))]
    pub fn slots(&self) -> impl Iterator<Item = (Ino, Option<&Node>)> {
        let slots = self.slots.iter().enumerate();
        slots.map(|(ino, slot)| (ino as Ino, slot.node.as_deref()))
    }
    /// Whether the nodes are those of the image themselves, and the rest as it was.
    #[cfg(any(test, fuzzing))]
    pub fn same_as(&self, image: &Image) -> Result<(), String> {
        let here = self.slots.iter().map(|slot| slot.node.as_ref());
        let there = image.nodes.iter().map(Option::as_ref);
        let same = |(a, b): &(Option<&Arc<Node>>, Option<&Arc<Node>>)| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        if self.slots.len() != image.nodes.len() || !here.zip(there).all(|pair| same(&pair)) {
            return Err("nodes are not those of the image".into());
        }
        let (a, b) = (&self.rest, &image.rest);
        let files = |rest: &Rest| -> Vec<_> {
            let fds = rest.streams.fds();
            fds.map(|fd| {
                rest.streams
                    .get(fd)
                    .map(|open| (fd, open.flags, open.position))
            })
            .collect()
        };
        let same = a.free == b.free
            && a.next_id == b.next_id
            && a.cwd == b.cwd
            && a.lines == b.lines
            && a.stdin_position == b.stdin_position
            && a.next_device == b.next_device
            && a.stored == b.stored
            && files(a) == files(b);
        same.then_some(())
            .ok_or_else(|| "descriptors or counters are not those of the image".into())
    }
    fn mark(&mut self, ino: Ino) -> &mut Slot {
        let slot = &mut self.slots[ino as usize];
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(ino);
        }
        slot
    }
    /// `ino` must hold a node.
    pub fn node_mut(&mut self, ino: Ino) -> &mut Node {
        let node = self.mark(ino).node.as_mut().expect("an existing node");
        Arc::make_mut(node)
    }
    pub fn insert(&mut self, node: Node) -> Ino {
        let rest = self.rest_mut();
        let ino = match rest.free.pop() {
            Some(ino) => ino,
            None => {
                self.slots.push(Slot {
                    node: None,
                    dirty: false,
                });
                (self.slots.len() - 1) as Ino
            }
        };
        self.mark(ino).node = Some(Arc::new(node));
        ino
    }
    pub fn remove(&mut self, ino: Ino) {
        self.mark(ino).node = None;
        self.rest_mut().free.push(ino);
    }
    fn is_clean(&self) -> bool {
        self.dirty.is_empty() && !self.rest_dirty
    }
    fn image(&self) -> Image {
        Image {
            id: new_id(),
            nodes: self.slots.iter().map(|s| s.node.clone()).collect(),
            rest: self.rest.clone(),
        }
    }
    fn set_clean(&mut self) {
        for ino in self.dirty.drain(..) {
            self.slots[ino as usize].dirty = false;
        }
        self.rest_dirty = false;
    }
    fn restore_dirty(&mut self, image: &Image) {
        for ino in self.dirty.drain(..) {
            let slot = &mut self.slots[ino as usize];
            slot.dirty = false;
            slot.node = image.nodes.get(ino as usize).cloned().flatten();
        }
        self.slots.truncate(image.nodes.len());
        if std::mem::take(&mut self.rest_dirty) {
            self.rest.clone_from(&image.rest);
        }
    }
    fn restore_all(&mut self, image: &Image) {
        self.slots = image
            .nodes
            .iter()
            .map(|n| Slot {
                node: n.clone(),
                dirty: false,
            })
            .collect();
        self.dirty.clear();
        self.rest.clone_from(&image.rest);
        self.rest_dirty = false;
    }
}

impl FileSystem {
    /// The state as it is now, as the image of later generations.
    ///
    /// Descriptors of real files under mounts are closed first: an image is shared by sandboxes that have other mounts.
    pub fn snapshot(&mut self) -> Arc<Image> {
        self.close_real();
        self.checkpoint()
    }
    /// The state as it is now, descriptors of real files among it, for this file system to come back to.
    pub fn checkpoint(&mut self) -> Arc<Image> {
        let image = Arc::new(self.state.image());
        self.state.set_clean();
        self.base = Some(Base {
            source: image.id,
            image: image.clone(),
        });
        image
    }
    /// Descriptors of files on the real disk are open.
    pub fn has_real_files(&self) -> bool {
        self.state.rest.streams.real_files() > 0
    }
    /// Goes back to `image`. The second and later times cost what was changed since; nothing when nothing was.
    pub fn restore(&mut self, image: &Image) {
        if let Some(base) = self.base.as_ref().filter(|b| b.source == image.id) {
            if !self.state.is_clean() {
                self.state.restore_dirty(&base.image);
            }
            return;
        }
        self.state.restore_all(image);
        self.attach_mounts();
        self.base = Some(Base {
            source: image.id,
            image: Arc::new(self.state.image()),
        });
        self.state.set_clean();
    }
    /// Whether nothing changed since the last `snapshot` or `restore`.
    #[cfg(any(test, fuzzing))]
    pub fn is_clean(&self) -> bool {
        self.state.is_clean()
    }
}

mod saved_nodes {
    use super::{Arc, Node};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(nodes: &[Option<Arc<Node>>], to: S) -> Result<S::Ok, S::Error> {
        let nodes: Vec<_> = nodes.iter().map(Option::as_deref).collect();
        nodes.serialize(to)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Vec<Option<Arc<Node>>>, D::Error> {
        let nodes = Vec::<Option<Node>>::deserialize(from)?.into_iter();
        Ok(nodes.map(|node| node.map(Arc::new)).collect())
    }
}

fn new_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
