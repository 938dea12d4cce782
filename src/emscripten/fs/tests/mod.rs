//! Behaviour of the file system, by subject.

mod mounts;
mod names;
mod recycling;
mod streams;

use super::*;
use std::cell::RefCell;
use std::rc::Rc;

/// What a test's host has seen.
#[derive(Default)]
pub struct Log {
    pub lines: Vec<(Stdio, String)>,
    pub written: Vec<u8>,
    pub input: Vec<u8>,
    pub loads: u32,
}

struct TestHost(Rc<RefCell<Log>>);

impl Host for TestHost {
    fn line(&self, stream: Stdio, line: &str) -> Result<()> {
        self.0.borrow_mut().lines.push((stream, line.to_owned()));
        Ok(())
    }
    fn stdin(&self) -> Result<Input> {
        let input = &mut self.0.borrow_mut().input;
        Ok(if input.is_empty() {
            Input::Nothing
        } else {
            Input::Byte(input.remove(0))
        })
    }
    fn device_write(&self, _device: u32, data: &[u8], _position: u64) -> Result<usize> {
        self.0.borrow_mut().written.extend_from_slice(data);
        Ok(data.len())
    }
    fn load(&self, file: u32) -> Result<Vec<u8>> {
        self.0.borrow_mut().loads += 1;
        Ok(format!("lazy {file}").into_bytes())
    }
}

pub fn new() -> (FileSystem, Rc<RefCell<Log>>) {
    let log = Rc::new(RefCell::new(Log::default()));
    let mut fs = FileSystem::default();
    fs.set_host(Box::new(TestHost(log.clone())));
    (fs, log)
}

pub fn text(fs: &mut FileSystem, path: &str) -> String {
    String::from_utf8(fs.read_file(path).unwrap()).unwrap()
}
