//! What the file system asks of JavaScript: lines of output, standard input, devices and lazy files.

use super::super::node_api::{self, Kind, Reference, Scope, Value};
use super::super::sandbox::SandboxCell;
use super::Outcome;
use crate::emscripten::fs::{Errno, Host, Input, Stdio};

/// Calls the functions of the object that `lib/facade/fs` gives.
pub(super) struct ScriptHost {
    /// Of the sandbox whose file system this is, so it lives longer.
    pub(super) cell: *const SandboxCell,
    pub(super) object: Reference,
    /// The module numbers errors as Linux does.
    pub(super) linux: bool,
}

impl ScriptHost {
    /// Calls a function with made arguments and reads its result. A thrown error becomes EIO, as in Emscripten's devices;
    /// the facade's functions give a negative error number for those that have one.
    fn call<T>(
        &self,
        name: &std::ffi::CStr,
        make: impl FnOnce(node_api::Env) -> node_api::Res<Vec<Value>>,
        read: impl FnOnce(node_api::Env, Value) -> Outcome<T>,
    ) -> Outcome<T> {
        // SAFETY: see the field.
        let cell = unsafe { &*self.cell };
        let env = cell.env;
        // The functions may look at a memory that has grown meanwhile.
        cell.follow_memory();
        let _scope = Scope::open(env);
        let object = self.object.value().ok_or(Errno::EIO)?;
        let called = || {
            let function = env.get_named(object, name)?;
            env.call_on(object, function, &make(env)?)
        };
        match called() {
            Ok(value) => read(env, value),
            Err(failed) => {
                env.exception_of(failed);
                Err(Errno::EIO)
            }
        }
    }
}

/// A number, or the error that a negative one stands for.
pub(super) fn count(env: node_api::Env, value: Value, linux: bool) -> Outcome<usize> {
    let number = env.as_f64(value).unwrap_or(0.0);
    if number >= 0.0 {
        return Ok(number as usize);
    }
    Err(Errno::from_number((-number) as i32, linux).unwrap_or(Errno::EIO))
}

/// The bytes of a `Uint8Array`.
fn bytes_of(env: node_api::Env, value: Value) -> Outcome<Vec<u8>> {
    env.bytes(value).map_err(|_| Errno::EIO)
}

impl Host for ScriptHost {
    fn line(&self, stream: Stdio, line: &str) -> Outcome<()> {
        let name = match stream {
            Stdio::Out => c"out",
            _ => c"err",
        };
        self.call(name, |env| Ok(vec![env.string(line)?]), |_, _| Ok(()))
    }
    fn stdin(&self) -> Outcome<Input> {
        let read = |env: node_api::Env, value| {
            if let Some(byte) = env.as_f64(value) {
                return Ok(Input::Byte(byte as i64 as u8));
            }
            let is_null = env.is(value, Kind::Null);
            Ok(if is_null { Input::End } else { Input::Nothing })
        };
        self.call(c"stdin", |_| Ok(Vec::new()), read)
    }
    fn device_open(&self, device: u32) -> Outcome<()> {
        let linux = self.linux;
        self.call(
            c"open",
            |env| Ok(vec![env.uint(device)]),
            |env, value| count(env, value, linux).map(drop),
        )
    }
    fn device_close(&self, device: u32) -> Outcome<()> {
        let linux = self.linux;
        self.call(
            c"close",
            |env| Ok(vec![env.uint(device)]),
            |env, value| count(env, value, linux).map(drop),
        )
    }
    fn device_read(&self, device: u32, buf: &mut [u8], position: u64) -> Outcome<usize> {
        let (len, linux) = (buf.len(), self.linux);
        let args = |env: node_api::Env| {
            Ok(vec![
                env.uint(device),
                env.address(len),
                env.number(position as f64),
            ])
        };
        let read = |env: node_api::Env, value| {
            if let Some(number) = env.as_f64(value) {
                return count(env, value, linux).and(if number == 0.0 {
                    Ok(Vec::new())
                } else {
                    Err(Errno::EIO)
                });
            }
            bytes_of(env, value)
        };
        let bytes = self.call(c"read", args, read)?;
        let count = bytes.len().min(len);
        buf[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn device_write(&self, device: u32, data: &[u8], position: u64) -> Outcome<usize> {
        let args = |env: node_api::Env| {
            Ok(vec![
                env.uint(device),
                env.uint8_array(data)?,
                env.number(position as f64),
            ])
        };
        let linux = self.linux;
        self.call(c"write", args, |env, value| count(env, value, linux))
    }
    fn load(&self, file: u32) -> Outcome<Vec<u8>> {
        self.call(c"load", |env| Ok(vec![env.uint(file)]), bytes_of)
    }
}
