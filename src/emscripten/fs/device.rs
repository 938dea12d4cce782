//! Character devices: null, random, the two terminals, and those the host implements.

use super::errno::{Errno, Result};
use super::host::{Input, Stdio};
use super::node::Ino;
use super::{FileSystem, now_ms};
use crate::engine::PIECE;
use serde::{Deserialize, Serialize};

/// What is behind a device's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Device {
    Null,
    Random,
    /// `/dev/tty` (input and standard output) and `/dev/tty1` (standard error, no input).
    Terminal(Stdio),
    /// Implemented by the host, under its own number.
    Custom(u32),
}

/// A line that never ends is printed in pieces, lest it grow for ever.
const MAX_LINE: usize = 16 << 20;

impl FileSystem {
    pub(super) fn device_read(
        &mut self,
        device: Device,
        ino: Ino,
        buf: &mut [u8],
        at: u64,
    ) -> Result<usize> {
        let count = match device {
            Device::Null => 0,
            Device::Random => {
                for piece in buf.chunks_mut(PIECE) {
                    self.pace.go_on()?;
                    getrandom::fill(piece).map_err(|_| Errno::EIO)?;
                }
                buf.len()
            }
            Device::Terminal(Stdio::Out) => self.read_stdin(buf)?,
            Device::Terminal(Stdio::Err) => return Err(Errno::ENXIO),
            Device::Custom(id) => self
                .with_host(|h| h.device_read(id, buf, at))?
                .min(buf.len()),
        };
        if count > 0
            && matches!(device, Device::Terminal(_) | Device::Custom(_))
            && self.node(ino).is_ok()
        {
            self.node_mut(ino).atime = now_ms();
        }
        Ok(count)
    }
    pub(super) fn device_write(
        &mut self,
        device: Device,
        ino: Ino,
        data: &[u8],
        at: u64,
    ) -> Result<usize> {
        let count = match device {
            Device::Null => data.len(),
            // As with any device made by createDevice without an output function.
            Device::Random => return Err(Errno::EIO),
            Device::Terminal(stream) => {
                self.put(stream, data)?;
                data.len()
            }
            Device::Custom(id) => self
                .with_host(|h| h.device_write(id, data, at))?
                .min(data.len()),
        };
        if count > 0 && device != Device::Null && self.node(ino).is_ok() {
            let node = self.node_mut(ino);
            node.mtime = now_ms();
            node.ctime = node.mtime;
        }
        Ok(count)
    }

    fn read_stdin(&mut self, buf: &mut [u8]) -> Result<usize> {
        if let Some(bytes) = self.stdin.clone() {
            let rest = &bytes[self.state.rest().stdin_position.min(bytes.len())..];
            let count = rest.len().min(buf.len());
            buf[..count].copy_from_slice(&rest[..count]);
            if count > 0 {
                self.state.rest_mut().stdin_position += count;
            }
            return Ok(count);
        }
        let mut count = 0;
        while count < buf.len() {
            self.pace.go_on()?;
            match self.with_host(|h| h.stdin()).map_err(|_| Errno::EIO)? {
                Input::Byte(byte) => {
                    buf[count] = byte;
                    count += 1;
                }
                Input::Nothing if count == 0 => return Err(Errno::EAGAIN),
                Input::Nothing | Input::End => break,
            }
        }
        Ok(count)
    }

    /// Sends `data` to a terminal: a line goes out at each newline, a NUL is dropped (or ends a line too).
    pub fn put(&mut self, stream: Stdio, data: &[u8]) -> Result<()> {
        let mut rest = data;
        while let Some(end) = memchr::memchr2(b'\n', 0, rest) {
            self.pace.go_on()?;
            let ends_line = rest[end] == b'\n' || self.nul_ends_line;
            self.append_line(stream, &rest[..end])?;
            if ends_line {
                self.end_line(stream)?;
            }
            rest = &rest[end + 1..];
        }
        self.append_line(stream, rest)
    }
    fn append_line(&mut self, stream: Stdio, text: &[u8]) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        for piece in text.chunks(MAX_LINE) {
            self.pace.go_on()?;
            let line = &mut self.state.rest_mut().lines[stream as usize];
            if line.len() + piece.len() > MAX_LINE {
                self.end_line(stream)?;
            }
            self.state.rest_mut().lines[stream as usize].extend_from_slice(piece);
        }
        Ok(())
    }
    fn end_line(&mut self, stream: Stdio) -> Result<()> {
        self.printed = true;
        let line = String::from_utf8_lossy(&self.state.rest().lines[stream as usize]).into_owned();
        let told = self.with_host(|h| h.line(stream, &line));
        // Only now, as in Emscripten: what a print function has the module print goes on in the same line.
        // Already empty lines, the usual case after a restore, must not mark the state as changed.
        if !self.state.rest().lines[stream as usize].is_empty() {
            self.state.rest_mut().lines[stream as usize].clear();
        }
        told
    }
    /// One call of the host's line function, past the terminals: what is unfinished there stays there.
    pub fn print(&mut self, stream: Stdio, text: &str) -> Result<()> {
        self.with_host(|h| h.line(stream, text))
    }
    /// Sends out an unfinished line.
    pub(super) fn flush_line(&mut self, stream: Stdio) -> Result<()> {
        if self.state.rest().lines[stream as usize].is_empty() {
            return Ok(());
        }
        self.end_line(stream)
    }
}
