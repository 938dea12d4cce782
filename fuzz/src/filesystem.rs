//! Random operations on the in-memory file system; every invariant is asked for after every few of them, and recycles
//! bring back exactly what the image holds.

use super::Bytes;

use emvm::emscripten::fs::{self, Errno, FileSystem, Host, Input, Seek, Stdio};
use std::cell::Cell;

const NAMES: [&str; 8] = ["a", "b", "0", "..", ".", "link", "tmp", "dev"];
const PATHS: [&str; 18] = [
    "/",
    "",
    "/a",
    "/a/b",
    "/a/b/a",
    "/tmp",
    "/tmp/a",
    "/link",
    "/link/a",
    "a/../b",
    "/dev/tty",
    "/dev/null",
    "/dev/urandom",
    "/proc/self/fd/0",
    "/proc/self/fd",
    "/a/",
    "//a//b/./",
    "/dev/stdin",
];
/// Little enough that runs meet it.
const LIMIT: u64 = 300_000;

struct Answers {
    seed: Cell<u8>,
}

impl Answers {
    fn next(&self, step: u8) -> u8 {
        self.seed.set(self.seed.get().wrapping_add(step));
        self.seed.get()
    }
}

impl Host for Answers {
    fn line(&self, _: Stdio, line: &str) -> fs::Result<()> {
        match self.next(line.len() as u8) % 7 {
            0 => Err(Errno::EIO),
            _ => Ok(()),
        }
    }
    fn stdin(&self) -> fs::Result<Input> {
        let seed = self.next(1);
        Ok(match seed % 4 {
            0 => Input::End,
            1 => Input::Nothing,
            _ => Input::Byte(seed),
        })
    }
    fn device_open(&self, device: u32) -> fs::Result<()> {
        match device % 3 {
            0 => Err(Errno::EIO),
            _ => Ok(()),
        }
    }
    fn device_read(&self, _: u32, buf: &mut [u8], _: u64) -> fs::Result<usize> {
        Ok(buf.len() / 2)
    }
    fn device_write(&self, _: u32, data: &[u8], _: u64) -> fs::Result<usize> {
        Ok(data.len() / 2)
    }
    fn load(&self, file: u32) -> fs::Result<Vec<u8>> {
        match file % 5 {
            0 => Err(Errno::EIO),
            n => Ok(vec![7; n as usize * 40_000]),
        }
    }
}

fn path(input: &mut Bytes<'_>) -> String {
    match input.u8() % 4 {
        0 => format!("{}/{}", input.pick(&PATHS), input.pick(&NAMES)),
        1 => String::from_utf8_lossy(input.take(6)).into_owned(),
        _ => input.pick(&PATHS).to_owned(),
    }
}

fn fd(input: &mut Bytes<'_>) -> i32 {
    match input.u8() {
        small @ 0..=249 => i32::from(small % 12),
        250 => -1,
        251 => 4095,
        252 => 4096,
        _ => input.u32() as i32,
    }
}

fn step(files: &mut FileSystem, input: &mut Bytes<'_>) {
    let buffer = &mut [0u8; 300];
    match input.u8() % 44 {
        0 => drop(files.make_dir(&path(input), input.u16().into())),
        1 => drop(files.mkdir_tree(&path(input), 0o777)),
        2 | 3 => drop(files.open(&path(input), input.u32() & 0o7777777, input.u16().into())),
        4 => drop(files.open(&path(input), 0o102, 0o666)),
        5 | 6 => drop(files.close(fd(input))),
        7 => drop(files.write(fd(input), input.take(40), None)),
        8 => {
            let at = input.bool().then(|| input.number() as u64);
            let size = usize::from(input.u16());
            let _ = files.write(fd(input), &vec![3; size], at);
        }
        9 => drop(files.read(fd(input), buffer, None)),
        10 => drop(files.read(fd(input), buffer, Some(input.number() as u64))),
        11 => {
            let whence = input.pick(&[Seek::Set, Seek::Current, Seek::End]);
            let _ = files.seek(fd(input), input.number(), whence);
        }
        12 => drop(files.truncate(&path(input), input.number())),
        13 => drop(files.ftruncate(fd(input), input.number())),
        14 => drop(files.allocate(fd(input), input.number(), input.number())),
        15 => drop(files.unlink(&path(input))),
        16 => drop(files.rmdir(&path(input))),
        17 | 18 => drop(files.rename(&path(input), &path(input))),
        19 => drop(files.symlink(&path(input), &path(input))),
        20 => drop(files.readlink(&path(input))),
        21 => drop(files.readdir(&path(input))),
        22 => drop(files.stat(&path(input))),
        23 => drop(files.lstat(&path(input))),
        24 => drop(files.fstat(fd(input))),
        25 => drop(files.chmod(&path(input), input.u16().into(), input.bool())),
        26 => drop(files.fchmod(fd(input), input.u16().into())),
        27 => drop(files.utime(
            &path(input),
            input.bool().then(|| input.number()),
            Some(input.number()),
            input.bool(),
        )),
        28 => drop(files.access(&path(input), input.u8().into())),
        29 => drop(files.chdir(&path(input))),
        30 => drop(files.fchdir(fd(input))),
        31 => drop(files.dup(fd(input), input.number() as i32)),
        32 => drop(files.dup2(fd(input), fd(input))),
        33 => drop(files.pipe(input.u32())),
        34 => drop(files.read_file(&path(input))),
        35 => {
            let size = usize::from(input.u16());
            let _ = files.write_file(&path(input), &vec![1; size], None, None);
        }
        36 => drop(files.create_data_file(
            &path(input),
            input.pick(&NAMES),
            input.take(9),
            input.bool(),
            input.bool(),
        )),
        37 => drop(files.create_lazy_file(
            &path(input),
            input.pick(&NAMES),
            input.u8().into(),
            true,
            input.bool(),
        )),
        38 => drop(files.create_device(
            &path(input),
            input.pick(&NAMES),
            input.u8().into(),
            input.bool(),
            input.bool(),
        )),
        39 => drop(files.mknod(&path(input), input.u32() & 0o177777, input.u16().into())),
        40 => drop(files.dir_entries(fd(input), input.u8().into(), input.u8().into())),
        41 => drop(files.rewind_dir(fd(input))),
        42 => {
            let _ = files.analyze_path(&path(input), input.bool());
            let _ = files.real_path(&path(input), input.bool());
            let _ = files.may_map(fd(input), input.u8().into(), input.u8().into());
            let _ = files.poll(fd(input));
            let _ = files.pipe_waiting(fd(input));
            let _ = files.isatty(fd(input));
            let _ = files.create_path(&path(input), &path(input));
        }
        _ => {
            let _ = files.sync(fd(input));
            let _ = files.flush_lines();
            let _ = files.set_fd_flags(fd(input), input.u32());
            files.register_device(input.u16().into(), input.u8().into());
            files.set_ignore_permissions(input.bool());
        }
    }
}

/// One input.
pub fn run(data: &[u8]) {
    let mut input = Bytes(data);
    let mut files = FileSystem::default();
    files.set_host(Box::new(Answers {
        seed: Cell::new(input.u8()),
    }));
    files.set_limit(LIMIT);
    let mut image = None;
    let mut steps = 0u32;
    while !input.is_empty() {
        match input.u8() % 32 {
            0 => image = Some(files.snapshot()),
            1 => {
                if let Some(image) = &image {
                    files.restore(image);
                    files.check_restored(image).unwrap();
                }
            }
            2 if input.u8() == 0 => {
                files.reset();
                files.check().unwrap();
            }
            _ => step(&mut files, &mut input),
        }
        steps += 1;
        if steps.is_multiple_of(4) {
            files.check().unwrap();
        }
    }
    files.check().unwrap();
    if let Some(image) = &image {
        files.restore(image);
        files.check_restored(image).unwrap();
        // Another sandbox starts from the same image.
        let mut other = FileSystem::default();
        other.set_limit(LIMIT);
        other.restore(image);
        other.check_restored(image).unwrap();
    }
}
