//! What the file system asks of the outside: where lines go, where input comes from, devices and lazy contents.

use super::errno::{Errno, Result};
use serde::{Deserialize, Serialize};

/// Which of the two output streams a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stdio {
    Out,
    Err,
}

/// One step of reading a character source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Byte(u8),
    /// The source has ended (`null` in Emscripten's callbacks).
    End,
    /// Nothing there at the moment (`undefined`): a read that has no byte yet gives EAGAIN.
    Nothing,
}

/// Implemented by the binding. An error stands for a JavaScript exception, which Emscripten's own devices turn into EIO.
///
/// While one of these runs JavaScript may call the module, which may come back here: an implementation holds nothing borrowed
/// meanwhile.
pub trait Host {
    /// One line of output, without its newline.
    fn line(&self, stream: Stdio, line: &str) -> Result<()>;
    /// Standard input, when no bytes were given up-front.
    fn stdin(&self) -> Result<Input> {
        Ok(Input::End)
    }
    fn device_open(&self, _device: u32) -> Result<()> {
        Ok(())
    }
    fn device_close(&self, _device: u32) -> Result<()> {
        Ok(())
    }
    /// Fills `buf` from its start and gives the count; 0 is the end.
    fn device_read(&self, _device: u32, _buf: &mut [u8], _position: u64) -> Result<usize> {
        Err(Errno::ENXIO)
    }
    fn device_write(&self, _device: u32, _data: &[u8], _position: u64) -> Result<usize> {
        Err(Errno::ENXIO)
    }
    /// The contents of a lazy file, at first use.
    fn load(&self, _file: u32) -> Result<Vec<u8>> {
        Err(Errno::EIO)
    }
}

/// The host until another is set: the process's own standard streams.
pub struct Terminal;

impl Host for Terminal {
    fn line(&self, stream: Stdio, line: &str) -> Result<()> {
        use std::io::Write;
        match stream {
            Stdio::Out => writeln!(std::io::stdout(), "{line}")?,
            Stdio::Err => writeln!(std::io::stderr(), "{line}")?,
        }
        Ok(())
    }
}
