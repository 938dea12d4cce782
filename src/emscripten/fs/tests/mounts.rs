//! Attacks: nothing outside a mounted folder may be read, changed or even told apart from what is not there.

use super::super::*;
use super::{new, text};
use crate::engine::WritableFolder;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use flags::*;
use std::fs;

struct Setup {
    fs: FileSystem,
    disk: tempfile::TempDir,
}

/// `<disk>/secret` is outside; `<disk>/in` is `/data`, `<disk>/in2` is `/two`, `<disk>/ro` is `/ro`, read-only.
fn setup() -> Setup {
    let disk = tempfile::tempdir().unwrap();
    for dir in ["in", "in2", "ro", "in/sub"] {
        fs::create_dir(disk.path().join(dir)).unwrap();
    }
    fs::write(disk.path().join("secret"), "top secret").unwrap();
    fs::write(disk.path().join("in/a.txt"), "alpha").unwrap();
    fs::write(disk.path().join("ro/r.txt"), "readonly").unwrap();
    let (mut vfs, _) = new();
    let dir =
        |name: &str| Dir::open_ambient_dir(disk.path().join(name), ambient_authority()).unwrap();
    let writable = |name: &str| WritableFolder::give(&disk.path().join(name)).ok();
    vfs.mount("/data", dir("in"), writable("in")).unwrap();
    vfs.mount("/two", dir("in2"), writable("in2")).unwrap();
    vfs.mount("/ro", dir("ro"), None).unwrap();
    Setup { fs: vfs, disk }
}

#[test]
fn files_of_the_disk() {
    let Setup { mut fs, disk } = setup();
    assert_eq!(text(&mut fs, "/data/a.txt"), "alpha");
    assert_eq!(fs.readdir("/data").unwrap(), [".", "..", "a.txt", "sub"]);
    fs.write_file("/data/sub/new", b"made here", None, Some(0o640))
        .unwrap();
    assert_eq!(
        fs::read_to_string(disk.path().join("in/sub/new")).unwrap(),
        "made here"
    );
    let stat = fs.stat("/data/sub/new").unwrap();
    assert_eq!((stat.kind(), stat.size), (S_IFREG, 9));
    assert!(fs.stat("/data").unwrap().kind() == S_IFDIR);
    fs.chdir("/data/sub").unwrap();
    assert_eq!(text(&mut fs, "new"), "made here");
    assert_eq!(text(&mut fs, "../a.txt"), "alpha");
    assert!(
        fs.stat("../../tmp").is_ok(),
        "`..` of the mount is the sandbox's own folder"
    );
    fs.rename("/data/sub/new", "/data/moved").unwrap();
    let fd = fs.open("/data/moved", O_RDWR | O_APPEND, 0).unwrap();
    fs.write(fd, b"!", None).unwrap();
    let mut buf = [0; 4];
    assert_eq!(fs.read(fd, &mut buf, Some(0)), Ok(4));
    assert_eq!(fs.seek(fd, 0, Seek::End), Ok(10));
    fs.ftruncate(fd, 4).unwrap();
    assert_eq!(text(&mut fs, "/data/moved"), "made");
    fs.utime("/data/moved", Some(5000), Some(7000), true)
        .unwrap();
    assert_eq!(fs.stat("/data/moved").unwrap().mtime, 7000);
    fs.unlink("/data/moved").unwrap();
    assert_eq!(fs.rmdir("/data/a.txt"), Err(Errno::ENOTDIR));
    assert_eq!(fs.unlink("/data/sub"), Err(Errno::EISDIR));
    assert_eq!(fs.open("/data/none", O_RDONLY, 0), Err(Errno::ENOENT));
    assert_eq!(
        fs.open("/data/a.txt", O_CREAT | O_EXCL | O_RDWR, 0),
        Err(Errno::EEXIST)
    );
    let dir = fs.open("/data", O_RDONLY, 0).unwrap();
    let names: Vec<_> = fs
        .dir_entries(dir, 0, 9)
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert_eq!(names, [".", "..", "a.txt", "sub"]);
}

#[test]
fn dots_do_not_climb_out() {
    let Setup {
        mut fs,
        disk: _disk,
    } = setup();
    for path in [
        "/data/../secret",
        "/data/../../secret",
        "/data/sub/../../secret",
        "/data/sub/../../../../../../../../etc/passwd",
        "/data/./.././secret",
        "/data//..//secret",
    ] {
        assert_eq!(fs.open(path, O_RDONLY, 0), Err(Errno::ENOENT), "{path}");
        assert_eq!(fs.stat(path), Err(Errno::ENOENT), "{path}");
    }
    assert_eq!(
        fs.write_file("/data/a\0b", b"", None, None),
        Err(Errno::EINVAL)
    );
}

#[cfg(unix)]
#[test]
fn links_on_the_disk_lead_into_the_sandbox_only() {
    use std::os::unix::fs::symlink;
    let Setup { mut fs, disk } = setup();
    let inside = disk.path().join("in");
    symlink("/etc/passwd", inside.join("abs")).unwrap();
    symlink("../secret", inside.join("up")).unwrap();
    symlink(disk.path(), inside.join("updir")).unwrap();
    symlink("..", inside.join("dotdot")).unwrap();
    symlink("sub", inside.join("dirlink")).unwrap();
    symlink("a.txt", inside.join("good")).unwrap();
    for path in [
        "/data/abs",
        "/data/up",
        "/data/updir/secret",
        "/data/dotdot/secret",
        "/data/dirlink/../../secret",
    ] {
        assert_eq!(fs.open(path, O_RDONLY, 0), Err(Errno::ENOENT), "{path}");
        assert_eq!(fs.stat(path), Err(Errno::ENOENT), "{path}");
        assert_eq!(fs.truncate(path, 0), Err(Errno::ENOENT), "{path}");
        assert_eq!(fs.chmod(path, 0o777, true), Err(Errno::ENOENT), "{path}");
        assert_eq!(
            fs.utime(path, Some(0), Some(0), true),
            Err(Errno::ENOENT),
            "{path}"
        );
    }
    // Writing through such a link makes a file in the sandbox, not outside.
    fs.write_file("/data/up", b"mine", None, None).unwrap();
    assert_eq!(text(&mut fs, "/secret"), "mine");
    assert_eq!(
        fs::read_to_string(disk.path().join("secret")).unwrap(),
        "top secret"
    );
    assert_eq!(text(&mut fs, "/data/good"), "alpha");
    assert_eq!(fs.readlink("/data/up").unwrap(), "../secret");
    fs.unlink("/data/abs").unwrap();
    assert!(!inside.join("abs").exists());
}

#[cfg(unix)]
#[test]
fn no_link_is_made_that_points_out() {
    let Setup { mut fs, disk } = setup();
    for target in [
        "/etc/passwd",
        "../secret",
        "sub/../../secret",
        "..",
        "x/../y",
    ] {
        assert_eq!(fs.symlink(target, "/data/l"), Err(Errno::EPERM), "{target}");
    }
    assert!(fs::symlink_metadata(disk.path().join("in/l")).is_err());
    fs.symlink("a.txt", "/data/l").unwrap();
    assert_eq!(text(&mut fs, "/data/l"), "alpha");
    assert_eq!(fs.link("/data/a.txt", "/data/hard"), Err(Errno::EMLINK));
    assert_eq!(fs.link("/etc/passwd", "/data/hard"), Err(Errno::EMLINK));
}

#[test]
fn renames_do_not_cross() {
    let Setup {
        mut fs,
        disk: _disk,
    } = setup();
    fs.write_file("/tmp/m", b"mem", None, None).unwrap();
    assert_eq!(fs.rename("/data/a.txt", "/tmp/a.txt"), Err(Errno::EXDEV));
    assert_eq!(fs.rename("/tmp/m", "/data/m"), Err(Errno::EXDEV));
    assert_eq!(fs.rename("/data/a.txt", "/two/a.txt"), Err(Errno::EXDEV));
    assert_eq!(fs.rename("/data", "/other"), Err(Errno::EBUSY));
    assert_eq!(fs.rename("/tmp", "/data"), Err(Errno::EBUSY));
    assert_eq!(fs.rename("/data/sub", "/data/sub/x"), Err(Errno::EINVAL));
    assert_eq!(
        fs.rename("/data/a.txt", "/data/../escaped"),
        Err(Errno::EXDEV)
    );
    assert_eq!(fs.rmdir("/data"), Err(Errno::EBUSY));
    assert_eq!(text(&mut fs, "/data/a.txt"), "alpha");
}

#[test]
fn a_read_only_mount_stays_as_it_is() {
    let Setup { mut fs, disk } = setup();
    assert_eq!(text(&mut fs, "/ro/r.txt"), "readonly");
    let refused = Err(Errno::EROFS);
    assert_eq!(fs.write_file("/ro/r.txt", b"", None, None), refused);
    assert_eq!(fs.write_file("/ro/new", b"", None, None), refused);
    assert_eq!(
        fs.open("/ro/r.txt", O_RDONLY | O_TRUNC, 0).map(drop),
        refused
    );
    assert_eq!(fs.open("/ro/r.txt", O_RDWR, 0).map(drop), refused);
    assert_eq!(fs.make_dir("/ro/d", 0o777), refused);
    assert_eq!(fs.unlink("/ro/r.txt"), refused);
    assert_eq!(fs.rename("/ro/r.txt", "/ro/s.txt"), refused);
    assert_eq!(fs.symlink("r.txt", "/ro/l"), refused);
    assert_eq!(fs.truncate("/ro/r.txt", 0), refused);
    assert_eq!(fs.chmod("/ro/r.txt", 0o777, true), refused);
    assert_eq!(fs.chown("/ro/r.txt", true), refused);
    assert_eq!(fs.utime("/ro/r.txt", Some(0), None, true), refused);
    assert_eq!(fs.access("/ro/r.txt", 2), refused);
    let fd = fs.open("/ro/r.txt", O_RDONLY, 0).unwrap();
    assert_eq!(fs.ftruncate(fd, 0), Err(Errno::EINVAL));
    assert_eq!(fs.fchmod(fd, 0), refused);
    assert_eq!(
        fs::read_to_string(disk.path().join("ro/r.txt")).unwrap(),
        "readonly"
    );
    assert_eq!(fs::read_dir(disk.path().join("ro")).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn special_files_are_not_opened() {
    let Setup { mut fs, disk } = setup();
    let _socket = std::os::unix::net::UnixListener::bind(disk.path().join("in/sock")).unwrap();
    assert_eq!(fs.open("/data/sock", O_RDWR, 0), Err(Errno::EACCES));
    assert_eq!(
        fs.mknod("/data/dev", S_IFCHR | 0o666, makedev(1, 1)),
        Err(Errno::EPERM)
    );
    fs.chmod("/data/a.txt", 0o6755, true).unwrap();
    assert_eq!(
        fs.stat("/data/a.txt").unwrap().mode & 0o7777,
        0o755,
        "no set-id bits on the real disk"
    );
}

#[test]
fn recycling_closes_real_files_and_keeps_mounts() {
    let Setup {
        mut fs,
        disk: _disk,
    } = setup();
    let early = fs.open("/data/a.txt", O_RDONLY, 0).unwrap();
    let image = fs.snapshot();
    assert_eq!(fs.fstat(early), Err(Errno::EBADF));
    let fd = fs.open("/data/a.txt", O_RDONLY, 0).unwrap();
    fs.chdir("/data/sub").unwrap();
    fs.restore(&image);
    assert_eq!(fs.fstat(fd), Err(Errno::EBADF));
    assert_eq!(fs.cwd(), "/");
    assert_eq!(text(&mut fs, "/data/a.txt"), "alpha");

    // Another sandbox of the same program, with another mount and without this one.
    let disk = tempfile::tempdir().unwrap();
    fs::write(disk.path().join("x"), "theirs").unwrap();
    let (mut other, _) = new();
    other
        .mount(
            "/mnt/deep",
            Dir::open_ambient_dir(disk.path(), ambient_authority()).unwrap(),
            WritableFolder::give(disk.path()).ok(),
        )
        .unwrap();
    for _ in 0..2 {
        other.restore(&image);
        assert_eq!(text(&mut other, "/mnt/deep/x"), "theirs");
        assert_eq!(other.open("/data/a.txt", O_RDONLY, 0), Err(Errno::ENOENT));
        other.write_file("/tmp/t", b"", None, None).unwrap();
    }
    assert_eq!(
        other.mount(
            "/late",
            Dir::open_ambient_dir(disk.path(), ambient_authority()).unwrap(),
            None
        ),
        Err(Errno::EBUSY)
    );
}
