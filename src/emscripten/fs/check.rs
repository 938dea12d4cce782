//! What always holds in a file system: tests and fuzzers ask after every step.

use super::node::{Body, ROOT};
use super::streams::Target;
use super::{FileSystem, Image};
use std::collections::BTreeSet;

impl FileSystem {
    /// The first broken invariant, in words.
    pub fn check(&self) -> Result<(), String> {
        let mut stored = 0;
        let (mut nodes, mut named) = (0, 0);
        let mut reachable = BTreeSet::new();
        let mut folders = vec![ROOT];
        while let Some(at) = folders.pop() {
            if !reachable.insert(at) {
                return Err(format!("node {at} has two places"));
            }
            let Ok(node) = self.node(at) else {
                return Err(format!("an entry leads to the empty slot {at}"));
            };
            if !node.linked {
                return Err(format!("{} is listed but unlinked", node.name));
            }
            let Some(dir) = node.dir() else { continue };
            for name in dir.names() {
                let ino = dir.get(&name).ok_or("a name without an entry")?;
                match self.node(ino) {
                    Ok(child) if child.parent == at && child.name == name => folders.push(ino),
                    Ok(child) => {
                        let (parent, called) = (child.parent, &child.name);
                        return Err(format!("{name} in {at} says {called} in {parent}"));
                    }
                    Err(_) => return Err(format!("{name} leads to the empty slot {ino}")),
                }
            }
        }
        let streams = &self.state.rest().streams;
        for (ino, node) in self.state.slots() {
            if let Some(node) = node {
                nodes += 1;
                named += node.name_bytes();
            }
            if let Some(Body::File(content)) = node.map(|node| &node.body) {
                content.check()?;
                stored += content.stored();
            }
            let is_free = self.state.rest().free.contains(&ino);
            match node {
                Some(_) if is_free => return Err(format!("slot {ino} is free and in use")),
                None if !is_free => return Err(format!("slot {ino} is lost")),
                Some(node) if node.linked && !reachable.contains(&ino) => {
                    return Err(format!("{} cannot be reached", node.name));
                }
                Some(node) if !node.linked && !streams.uses_node(ino) => {
                    return Err(format!("{} was deleted and stays", node.name));
                }
                _ => {}
            }
        }
        let free: BTreeSet<_> = self.state.rest().free.iter().collect();
        if free.len() != self.state.rest().free.len() {
            return Err("a slot is free twice".into());
        }
        stored += streams.check(|target| match target {
            Target::Node(ino) => self.node(*ino).is_ok(),
            _ => true,
        })?;
        let rest = self.state.rest();
        if (nodes, named) != (rest.nodes, rest.named) {
            let noted = (rest.nodes, rest.named);
            return Err(format!(
                "nodes and names are {nodes}, {named}, not {noted:?}"
            ));
        }
        let noted = rest.stored;
        if stored != noted {
            return Err(format!("{stored} bytes are stored, {noted} are noted"));
        }
        if stored > self.limit {
            return Err(format!("{stored} bytes are stored, {} may be", self.limit));
        }
        Ok(())
    }

    /// Whether the state is that of `image`, as far as files and descriptors go.
    pub fn check_restored(&self, image: &Image) -> Result<(), String> {
        self.check()?;
        if !self.is_clean() {
            return Err("there are dirty marks after a restore".into());
        }
        self.state.same_as(image)
    }
}
