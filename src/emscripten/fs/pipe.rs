//! Pipes. Never blocking, as in Emscripten: an empty pipe gives EAGAIN while it has a writer, then the end.

use super::errno::{Errno, Result};
use super::node::{S_IFIFO, Stat};
use super::streams::{Open, Target};
use super::{FileSystem, flags, now_ms};
use crate::engine::PIECE;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A pipe: what was written and not read yet, and which ends are open.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pipe {
    data: VecDeque<u8>,
    reader: bool,
    writer: bool,
    created: i64,
    id: u32,
}

impl Pipe {
    #[cfg(any(test, fuzzing))]
    pub fn waiting(&self) -> u64 {
        self.data.len() as u64
    }
    #[cfg(any(test, fuzzing))]
    pub fn ends(&self) -> (bool, bool) {
        (self.reader, self.writer)
    }
}

impl FileSystem {
    /// Descriptors of the reading and of the writing end.
    pub fn pipe(&mut self, extra_flags: u32) -> Result<(i32, i32)> {
        let extra = extra_flags & (flags::O_NONBLOCK | flags::O_CLOEXEC);
        let id = self.next_id();
        let streams = &mut self.state.rest_mut().streams;
        let pipe = Pipe {
            data: VecDeque::new(),
            reader: true,
            writer: true,
            created: now_ms(),
            id,
        };
        let index = match streams.pipes.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                streams.pipes.push(None);
                streams.pipes.len() - 1
            }
        };
        streams.pipes[index] = Some(pipe);
        let index = index as u32;
        let mut end = |target, access| {
            let name = format!("pipe[{}]", streams.next_pipe);
            streams.next_pipe += 1;
            streams.add(Open::new(target, access | extra, name.into(), false))
        };
        let read = end(Target::PipeRead(index), flags::O_RDONLY);
        let write = end(Target::PipeWrite(index), flags::O_WRONLY);
        match (read, write) {
            (Ok(read), Ok(write)) => Ok((read, write)),
            (read, write) => {
                for fd in [&read, &write].into_iter().flatten() {
                    let _ = self.close(*fd);
                }
                self.state.rest_mut().streams.pipes[index as usize] = None;
                Err(Errno::EMFILE)
            }
        }
    }
    fn pipe_mut(&mut self, index: u32) -> Result<&mut Pipe> {
        let pipes = &mut self.state.rest_mut().streams.pipes;
        pipes
            .get_mut(index as usize)
            .and_then(Option::as_mut)
            .ok_or(Errno::EBADF)
    }
    fn pipe_ref(&self, index: u32) -> Result<&Pipe> {
        let pipes = &self.state.rest().streams.pipes;
        pipes
            .get(index as usize)
            .and_then(Option::as_ref)
            .ok_or(Errno::EBADF)
    }
    pub(super) fn pipe_read(&mut self, index: u32, buf: &mut [u8]) -> Result<usize> {
        let pace = self.pace.clone();
        let pipe = self.pipe_mut(index)?;
        if buf.is_empty() {
            return Ok(0);
        }
        if pipe.data.is_empty() {
            return if pipe.writer {
                Err(Errno::EAGAIN)
            } else {
                Ok(0)
            };
        }
        let (mut count, most) = (0, buf.len().min(pipe.data.len()));
        while count < most && !pace.is_stopped() {
            let piece = PIECE.min(most - count);
            for (to, from) in buf[count..].iter_mut().zip(pipe.data.drain(..piece)) {
                *to = from;
            }
            count += piece;
        }
        self.state.rest_mut().stored -= count as u64;
        Ok(count)
    }
    pub(super) fn pipe_write(&mut self, index: u32, data: &[u8]) -> Result<usize> {
        let room = self.limit.saturating_sub(self.stored());
        let pace = self.pace.clone();
        let pipe = self.pipe_mut(index)?;
        if !pipe.reader {
            return Err(Errno::EPIPE);
        }
        if data.len() as u64 > room {
            return Err(Errno::EAGAIN);
        }
        let mut count = 0;
        for piece in data.chunks(PIECE) {
            if pace.is_stopped() {
                break;
            }
            pipe.data.extend(piece);
            count += piece.len();
        }
        self.state.rest_mut().stored += count as u64;
        Ok(count)
    }
    pub(super) fn pipe_close(&mut self, index: u32, writing: bool) {
        let rest = self.state.rest_mut();
        let Some(slot) = rest.streams.pipes.get_mut(index as usize) else {
            return;
        };
        if let Some(pipe) = slot {
            if writing {
                pipe.writer = false;
            } else {
                pipe.reader = false;
            }
            if !pipe.reader && !pipe.writer {
                rest.stored -= pipe.data.len() as u64;
                *slot = None;
            }
        }
    }
    pub(super) fn pipe_stat(&self, index: u32) -> Result<Stat> {
        let pipe = self.pipe_ref(index)?;
        Ok(Stat {
            dev: 14,
            ino: u64::from(pipe.id),
            mode: S_IFIFO | 0o600,
            nlink: 1,
            blksize: 4096,
            atime: pipe.created,
            mtime: pipe.created,
            ctime: pipe.created,
            ..Stat::default()
        })
    }
    /// Bytes waiting in the pipe that `fd` reads from or writes to.
    pub fn pipe_waiting(&self, fd: i32) -> Result<Option<usize>> {
        Ok(match self.state.rest().streams.get(fd)?.target {
            Target::PipeRead(i) | Target::PipeWrite(i) => Some(self.pipe_ref(i)?.data.len()),
            _ => None,
        })
    }
    /// The conditions that `poll` reports of `fd`, by `POLLIN` ... bits.
    pub fn poll(&self, fd: i32) -> Result<u32> {
        use super::flags::{POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM};
        Ok(match self.state.rest().streams.get(fd)?.target {
            Target::PipeRead(i) => {
                let pipe = self.pipe_ref(i)?;
                let data = if pipe.data.is_empty() {
                    0
                } else {
                    POLLIN | POLLRDNORM
                };
                data | if pipe.writer { 0 } else { POLLIN | POLLHUP }
            }
            Target::PipeWrite(i) => {
                let broken = if self.pipe_ref(i)?.reader { 0 } else { POLLERR };
                POLLOUT | POLLWRNORM | broken
            }
            _ => POLLIN | POLLOUT,
        })
    }
}
