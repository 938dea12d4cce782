//! Numbered entries that images can put back; going back to the same one again costs what changed.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// The state of a [`Pool`] when the image was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoolImage<T> {
    /// 0 is the empty one.
    #[serde(skip, default = "new_id")]
    id: u64,
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T> PoolImage<T> {
    pub fn items(&self) -> &[T] {
        &self.items
    }
    pub fn id(&self) -> u64 {
        self.id
    }
}

fn new_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<T> Default for PoolImage<T> {
    fn default() -> Self {
        Self {
            id: 0,
            items: Vec::new(),
            free: Vec::new(),
        }
    }
}

/// Numbered entries with a last-in-first-out free list.
///
/// Entries below `imaged` are those of the image that it was at last: a change to one is noted in `touched`, so that
/// [`Pool::restore`] copies those back and cuts off the rest. Another image replaces everything. What entries hold is theirs
/// alone: whoever copies one says how.
#[derive(Clone, Debug)]
pub struct Pool<T> {
    items: Vec<T>,
    free: Vec<u32>,
    /// The id of that image.
    base: u64,
    imaged: usize,
    touched: Vec<u32>,
    /// One per imaged entry: it is in `touched` already.
    marks: Vec<bool>,
    free_changed: bool,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            free: Vec::new(),
            base: 0,
            imaged: 0,
            touched: Vec::new(),
            marks: Vec::new(),
            free_changed: false,
        }
    }
}

impl<T: Clone> Pool<T> {
    pub fn len(&self) -> usize {
        self.items.len()
    }
    pub fn free_len(&self) -> usize {
        self.free.len()
    }
    pub fn get(&self, index: u32) -> Option<&T> {
        self.items.get(index as usize)
    }
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.touch(index);
        self.items.get_mut(index as usize)
    }
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.items
            .iter()
            .enumerate()
            .map(|(i, item)| (i as u32, item))
    }
    /// The entry that [`Pool::insert`] would fill next, when it is a reused one.
    pub fn next_free(&self) -> Option<u32> {
        self.free.last().copied()
    }
    pub fn insert(&mut self, item: T) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.free_changed = true;
                self.touch(index);
                self.items[index as usize] = item;
                index
            }
            None => {
                self.items.push(item);
                self.items.len() as u32 - 1
            }
        }
    }
    /// Puts `vacant` into the entry and the entry on the free list.
    pub fn remove(&mut self, index: u32, vacant: T) -> T {
        self.free_changed = true;
        self.free.push(index);
        self.replace(index, vacant)
    }
    pub fn replace(&mut self, index: u32, item: T) -> T {
        self.touch(index);
        std::mem::replace(&mut self.items[index as usize], item)
    }
    fn touch(&mut self, index: u32) {
        if let Some(mark) = self.marks.get_mut(index as usize)
            && !std::mem::replace(mark, true)
        {
            self.touched.push(index);
        }
    }
    /// The state now; from here on changes are noted.
    pub fn snapshot(&mut self, copy: impl FnMut(&T) -> T) -> PoolImage<T> {
        let id = new_id();
        self.note_changes_from_here(id);
        PoolImage {
            id,
            items: self.items.iter().map(copy).collect(),
            free: self.free.clone(),
        }
    }
    /// The image's state again. `dropped` receives each entry that goes, so that what it holds can be given back.
    pub fn restore(
        &mut self,
        image: &PoolImage<T>,
        mut copy: impl FnMut(&T) -> T,
        mut dropped: impl FnMut(T),
    ) {
        if self.base != image.id {
            self.items.drain(..).for_each(dropped);
            self.items.extend(image.items.iter().map(copy));
            self.free.clone_from(&image.free);
            self.note_changes_from_here(image.id);
            return;
        }
        self.items.drain(self.imaged..).for_each(&mut dropped);
        for index in self.touched.drain(..) {
            self.marks[index as usize] = false;
            let before = copy(&image.items[index as usize]);
            dropped(std::mem::replace(&mut self.items[index as usize], before));
        }
        if self.free_changed || self.free.len() != image.free.len() {
            self.free.clone_from(&image.free);
            self.free_changed = false;
        }
    }
    fn note_changes_from_here(&mut self, base: u64) {
        self.base = base;
        self.imaged = self.items.len();
        self.touched.clear();
        self.marks.clear();
        self.marks.resize(self.imaged, false);
        self.free_changed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restore_brings_back_entries_and_order_of_reuse() {
        let mut pool = Pool::default();
        let (a, b, c) = (pool.insert(1), pool.insert(2), pool.insert(3));
        pool.remove(b, 0);
        let image = pool.snapshot(Clone::clone);
        assert_eq!(pool.insert(20), b);
        *pool.get_mut(a).unwrap() = 10;
        pool.remove(c, 0);
        pool.insert(30);
        pool.insert(40);
        let mut gone = Vec::new();
        pool.restore(&image, Clone::clone, |v| gone.push(v));
        assert_eq!(pool.iter().map(|(_, v)| *v).collect::<Vec<_>>(), [1, 0, 3]);
        assert_eq!(pool.insert(5), b);
        gone.sort_unstable();
        assert_eq!(gone, [10, 20, 30, 40]);
    }

    #[test]
    fn another_pools_image_is_taken_over_whole() {
        let mut first = Pool::default();
        first.insert("a");
        let image = first.snapshot(Clone::clone);
        let mut second = Pool::default();
        second.restore(&image, Clone::clone, |_| ());
        second.insert("b");
        second.restore(&image, Clone::clone, |_| ());
        assert_eq!(second.len(), 1);
        assert_eq!(second.get(0), Some(&"a"));
    }

    #[test]
    fn images_in_any_order() {
        let mut pool = Pool::default();
        let a = pool.insert(1);
        let first = pool.snapshot(Clone::clone);
        *pool.get_mut(a).unwrap() = 2;
        let second = pool.snapshot(Clone::clone);
        pool.remove(a, 0);
        for (image, value) in [(&first, 1), (&second, 2), (&second, 2), (&first, 1)] {
            pool.restore(image, Clone::clone, drop);
            assert_eq!(
                (pool.len(), pool.get(0), pool.free_len()),
                (1, Some(&value), 0)
            );
            *pool.get_mut(a).unwrap() = 9;
            pool.insert(3);
        }
    }
}
