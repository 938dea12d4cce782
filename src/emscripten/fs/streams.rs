//! The descriptor table and what descriptors are open on.

use super::errno::{Errno, Result};
use super::mount::RealFile;
use super::node::Ino;
use super::pipe::Pipe;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// As Emscripten's `FS.MAX_OPEN_FDS`.
pub const MAX_FDS: usize = 4096;
/// How many of them may be files of the real disk: each is a descriptor of the process.
pub const MAX_REAL_FILES: usize = 256;

/// Descriptors point to open files; `dup` makes two point to the same.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Streams {
    fds: Vec<Option<u32>>,
    opens: Vec<Option<Open>>,
    pub pipes: Vec<Option<Pipe>>,
    pub next_pipe: u32,
}

/// An open file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Open {
    pub target: Target,
    pub flags: u32,
    pub position: u64,
    /// Absolute path at the time of opening.
    #[serde(with = "crate::saved::shared")]
    pub path: Arc<str>,
    pub seekable: bool,
    /// The listing that `getdents` walks through, once it has begun.
    #[serde(with = "crate::saved::optional_shared")]
    pub listing: Option<Arc<[String]>>,
    /// How many descriptors share this.
    refs: u32,
}

/// What a descriptor leads to.
#[derive(Clone, Serialize, Deserialize)]
pub enum Target {
    Node(Ino),
    /// Images with real files are not saved.
    #[serde(skip)]
    Real(Arc<RealFile>),
    PipeRead(u32),
    PipeWrite(u32),
}

impl Open {
    pub fn new(target: Target, flags: u32, path: Arc<str>, seekable: bool) -> Self {
        Open {
            target,
            flags,
            position: 0,
            path,
            seekable,
            listing: None,
            refs: 0,
        }
    }
    fn access(&self) -> u32 {
        self.flags & super::flags::O_ACCMODE
    }
    pub fn readable(&self) -> bool {
        self.access() != super::flags::O_WRONLY
    }
    pub fn writable(&self) -> bool {
        self.access() != super::flags::O_RDONLY
    }
}

impl Streams {
    fn index(&self, fd: i32) -> Option<usize> {
        let slot = self.fds.get(usize::try_from(fd).ok()?)?;
        slot.map(|i| i as usize)
    }
    pub fn get(&self, fd: i32) -> Result<&Open> {
        self.index(fd)
            .and_then(|i| self.opens[i].as_ref())
            .ok_or(Errno::EBADF)
    }
    pub fn get_mut(&mut self, fd: i32) -> Result<&mut Open> {
        self.index(fd)
            .and_then(|i| self.opens[i].as_mut())
            .ok_or(Errno::EBADF)
    }
    pub fn is_open(&self, fd: i32) -> bool {
        self.index(fd).is_some()
    }
    pub fn fds(&self) -> impl Iterator<Item = i32> + '_ {
        self.fds
            .iter()
            .enumerate()
            .filter(|(_, o)| o.is_some())
            .map(|(fd, _)| fd as i32)
    }
    pub fn real_files(&self) -> usize {
        let real = |open: &&Open| matches!(open.target, Target::Real(_));
        self.opens.iter().flatten().filter(real).count()
    }
    /// Names in the listings of open folders.
    pub fn listed(&self) -> usize {
        let listings = self.opens.iter().flatten().map(|open| &open.listing);
        listings.flatten().map(|names| names.len()).sum()
    }
    pub fn uses_node(&self, ino: Ino) -> bool {
        self.opens
            .iter()
            .flatten()
            .any(|o| matches!(o.target, Target::Node(i) if i == ino))
    }
    fn free_fd(&self, from: usize) -> Result<usize> {
        (from..MAX_FDS)
            .find(|fd| self.fds.get(*fd).is_none_or(Option::is_none))
            .ok_or(Errno::EMFILE)
    }
    fn set(&mut self, fd: usize, open: u32) -> i32 {
        if self.fds.len() <= fd {
            self.fds.resize(fd + 1, None);
        }
        self.fds[fd] = Some(open);
        if let Some(open) = &mut self.opens[open as usize] {
            open.refs += 1;
        }
        fd as i32
    }
    /// Gives `open` the lowest free descriptor.
    pub fn add(&mut self, open: Open) -> Result<i32> {
        let fd = self.free_fd(0)?;
        let index = match self.opens.iter().position(Option::is_none) {
            Some(index) => {
                self.opens[index] = Some(open);
                index
            }
            None => {
                self.opens.push(Some(open));
                self.opens.len() - 1
            }
        };
        Ok(self.set(fd, index as u32))
    }
    /// The lowest free descriptor from `from` on becomes another name of `fd`'s open file.
    pub fn dup(&mut self, fd: i32, from: i32) -> Result<i32> {
        let open = self.index(fd).ok_or(Errno::EBADF)?;
        let from = usize::try_from(from)
            .ok()
            .filter(|f| *f < MAX_FDS)
            .ok_or(Errno::EINVAL)?;
        let new = self.free_fd(from)?;
        Ok(self.set(new, open as u32))
    }
    /// Takes the descriptor away; gives the open file when this was its last one.
    pub fn remove(&mut self, fd: i32) -> Result<Option<Open>> {
        let index = self.index(fd).ok_or(Errno::EBADF)?;
        self.fds[fd as usize] = None;
        let open = self.opens[index].as_mut().ok_or(Errno::EBADF)?;
        open.refs -= 1;
        Ok(if open.refs == 0 {
            self.opens[index].take()
        } else {
            None
        })
    }

    /// Counts are right and targets are there; gives the bytes that wait in pipes.
    #[cfg(any(test, fuzzing))]
    pub fn check(&self, is_there: impl Fn(&Target) -> bool) -> std::result::Result<u64, String> {
        let mut ends = vec![(false, false); self.pipes.len()];
        for (index, open) in self.opens.iter().enumerate() {
            let fds = self.fds.iter().flatten();
            let refs = fds.filter(|at| **at as usize == index).count() as u32;
            let Some(open) = open else {
                if refs > 0 {
                    return Err("a descriptor leads nowhere".into());
                }
                continue;
            };
            if open.refs != refs || refs == 0 {
                return Err(format!(
                    "{} has {refs} descriptors, notes {}",
                    open.path, open.refs
                ));
            }
            if !is_there(&open.target) {
                return Err(format!("{} is open on nothing", open.path));
            }
            match open.target {
                Target::PipeRead(pipe) => ends[pipe as usize].0 = true,
                Target::PipeWrite(pipe) => ends[pipe as usize].1 = true,
                _ => {}
            }
        }
        let mut waiting = 0;
        for (pipe, ends) in self.pipes.iter().zip(ends) {
            let noted = pipe.as_ref().map_or((false, false), Pipe::ends);
            if noted != ends {
                return Err(format!("a pipe has the ends {ends:?}, notes {noted:?}"));
            }
            waiting += pipe.as_ref().map_or(0, Pipe::waiting);
        }
        Ok(waiting)
    }
}
