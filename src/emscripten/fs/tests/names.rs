use super::super::*;
use super::{new, text};

#[test]
fn the_tree_that_emscripten_makes() {
    let (mut fs, _) = new();
    assert_eq!(
        fs.readdir("/").unwrap(),
        [".", "..", "tmp", "home", "dev", "proc"]
    );
    let dev = [
        "null", "tty", "tty1", "random", "urandom", "shm", "stdin", "stdout", "stderr",
    ];
    assert_eq!(fs.readdir("/dev").unwrap()[2..], dev);
    assert_eq!(fs.readdir("/home").unwrap()[2..], ["web_user"]);
    assert_eq!(fs.readlink("/proc/self/fd/1").unwrap(), "/dev/tty");
    assert_eq!(fs.readdir("/proc/self/fd").unwrap()[2..], ["0", "1", "2"]);
    assert_eq!(fs.stat("/proc/self/fd/2").unwrap().rdev, makedev(6, 0));
    assert_eq!(fs.lstat("/dev/stdin").unwrap().kind(), S_IFLNK);
    assert_eq!(fs.stat("/dev/stdin").unwrap().kind(), S_IFCHR);
    assert_eq!(fs.stat("/tmp").unwrap().mode, S_IFDIR | 0o777);
    assert!(fs.isatty(0).unwrap() && fs.isatty(1).unwrap());
}

#[test]
fn creating_and_removing() {
    let (mut fs, _) = new();
    assert_eq!(fs.make_dir("/a/b", 0o777), Err(Errno::ENOENT));
    fs.mkdir_tree("/a/b/c", 0o777).unwrap();
    assert_eq!(fs.make_dir("/a/b", 0o777), Err(Errno::EEXIST));
    fs.write_file("/a/b/f", b"x", None, None).unwrap();
    assert_eq!(fs.rmdir("/a/b"), Err(Errno::ENOTEMPTY));
    assert_eq!(fs.rmdir("/a/b/f"), Err(Errno::ENOTDIR));
    assert_eq!(fs.unlink("/a/b"), Err(Errno::EISDIR));
    assert_eq!(fs.unlink("/a/b/nope"), Err(Errno::ENOENT));
    assert_eq!(fs.make_dir("/a/b/f/g", 0o777), Err(Errno::ENOTDIR));
    assert_eq!(fs.stat("/a/b/f/g"), Err(Errno::ENOTDIR));
    assert_eq!(fs.rmdir("/"), Err(Errno::EBUSY));
    assert_eq!(fs.rmdir("/a/b/c/."), Err(Errno::EINVAL));
    assert_eq!(fs.rmdir("/a/b/c/.."), Err(Errno::ENOTEMPTY));
    fs.chdir("/a/b/c").unwrap();
    assert_eq!(fs.rmdir("/a/b/c"), Err(Errno::EBUSY));
    assert_eq!(fs.stat("..").unwrap().ino, fs.stat("/a/b").unwrap().ino);
    fs.chdir("/").unwrap();
    fs.rmdir("/a/b/c").unwrap();
    fs.unlink("/a/b/f").unwrap();
    assert_eq!(fs.readdir("/a/b").unwrap(), [".", ".."]);
    assert_eq!(fs.readdir("/dev/null"), Err(Errno::ENOTDIR));
    assert_eq!(fs.link("/dev/null", "/a/n"), Err(Errno::EMLINK));
    assert_eq!(fs.mknod("/fifo", S_IFIFO | 0o666, 0), Err(Errno::EPERM));
    // Only a path has a greatest length.
    let long = format!("/{}", "n".repeat(300));
    fs.make_dir(&long, 0o777).unwrap();
    fs.rmdir(&long).unwrap();
    assert_eq!(
        fs.make_dir(&format!("/{}", "n".repeat(4096)), 0o777),
        Err(Errno::ENAMETOOLONG)
    );
    assert_eq!(fs.stat(""), Err(Errno::ENOENT));
}

#[test]
fn renaming() {
    let (mut fs, _) = new();
    fs.mkdir_tree("/d/e", 0o777).unwrap();
    fs.write_file("/d/f", b"one", None, None).unwrap();
    fs.write_file("/d/g", b"two", None, None).unwrap();
    assert_eq!(fs.rename("/d/none", "/d/x"), Err(Errno::ENOENT));
    assert_eq!(fs.rename("/d", "/d/e/x"), Err(Errno::EINVAL));
    assert_eq!(fs.rename("/d/e", "/d"), Err(Errno::ENOTEMPTY));
    assert_eq!(fs.rename("/d/f", "/d/e"), Err(Errno::EISDIR));
    assert_eq!(fs.rename("/d/e", "/d/f"), Err(Errno::ENOTDIR));
    assert_eq!(fs.rename("/d/f", "/d/f"), Ok(()));
    assert_eq!(fs.rename("/d/.", "/x"), Err(Errno::EBUSY));
    assert_eq!(fs.rename("/", "/d/x"), Err(Errno::EINVAL));
    assert_eq!(fs.rename("/d/f", "/"), Err(Errno::ENOTEMPTY));
    fs.rename("/d/f", "/d/g").unwrap();
    assert_eq!(text(&mut fs, "/d/g"), "one");
    assert_eq!(fs.stat("/d/f"), Err(Errno::ENOENT));
    fs.rename("/d/g", "/d/e/h").unwrap();
    fs.rename("/d", "/moved").unwrap();
    assert_eq!(text(&mut fs, "/moved/e/h"), "one");
    fs.make_dir("/full", 0o777).unwrap();
    fs.make_dir("/full/x", 0o777).unwrap();
    assert_eq!(fs.rename("/moved", "/full"), Err(Errno::ENOTEMPTY));
    fs.rmdir("/full/x").unwrap();
    fs.rename("/moved", "/full").unwrap();
    assert_eq!(text(&mut fs, "/full/e/h"), "one");
}

#[test]
fn links() {
    let (mut fs, _) = new();
    fs.mkdir_tree("/r/s", 0o777).unwrap();
    fs.write_file("/r/s/f", b"hi", None, None).unwrap();
    fs.symlink("s/f", "/r/l").unwrap();
    fs.symlink("/r", "/abs").unwrap();
    fs.symlink("loop2", "/loop1").unwrap();
    fs.symlink("loop1", "/loop2").unwrap();
    assert_eq!(text(&mut fs, "/abs/l"), "hi");
    assert_eq!(fs.readlink("/r/l").unwrap(), "s/f");
    assert_eq!(fs.readlink("/r"), Err(Errno::EINVAL));
    assert_eq!(fs.stat("/loop1"), Err(Errno::ELOOP));
    assert!(fs.lstat("/loop1").is_ok());
    assert_eq!(fs.open("/r/l", flags::O_NOFOLLOW, 0), Err(Errno::ELOOP));
    assert_eq!(fs.symlink("x", "/r/l"), Err(Errno::EEXIST));
    // `..` after a link goes to the parent of where the link led.
    fs.symlink("/r/s", "/short").unwrap();
    assert_eq!(text(&mut fs, "/short/../l"), "hi");
    // Opening a dangling link for creation makes its target.
    fs.symlink("/r/made", "/dangling").unwrap();
    fs.write_file("/dangling", b"new", None, None).unwrap();
    assert_eq!(text(&mut fs, "/r/made"), "new");
    assert_eq!(fs.real_path("/abs/s/../l", true).unwrap(), "/r/s/f");
    // A long chain ends with an error, not with a hang.
    fs.write_file("/c0", b"end", None, None).unwrap();
    for i in 1..=41 {
        fs.symlink(&format!("c{}", i - 1), &format!("/c{i}"))
            .unwrap();
    }
    assert_eq!(text(&mut fs, "/c40"), "end");
    assert_eq!(fs.stat("/c41"), Err(Errno::ELOOP));
    // So does one whose text grows with each step.
    fs.symlink(&"grow/".repeat(800), "/grow").unwrap();
    assert!(matches!(
        fs.stat("/grow"),
        Err(Errno::ENAMETOOLONG | Errno::ELOOP)
    ));
}

#[test]
fn permissions_and_attributes() {
    let (mut fs, _) = new();
    fs.write_file("/f", b"x", None, Some(0o444)).unwrap();
    assert_eq!(fs.stat("/f").unwrap().mode, S_IFREG | 0o444);
    assert_eq!(fs.open("/f", flags::O_WRONLY, 0), Err(Errno::EACCES));
    assert_eq!(fs.truncate("/f", 0), Err(Errno::EACCES));
    assert_eq!(fs.access("/f", 2), Err(Errno::EACCES));
    assert_eq!(fs.access("/f", 8), Err(Errno::EINVAL));
    assert_eq!(fs.access("/f", 4), Ok(()));
    fs.chmod("/f", 0o200, true).unwrap();
    assert_eq!(fs.open("/f", flags::O_RDONLY, 0), Err(Errno::EACCES));
    fs.make_dir("/locked", 0o555).unwrap();
    assert_eq!(
        fs.write_file("/locked/x", b"", None, None),
        Err(Errno::EACCES)
    );
    fs.chmod("/locked", 0o666, true).unwrap();
    assert_eq!(fs.stat("/locked/x"), Err(Errno::EACCES));
    fs.utime("/f", Some(1000), Some(2000), true).unwrap();
    let stat = fs.stat("/f").unwrap();
    assert_eq!((stat.atime, stat.mtime), (1000, 2000));
    fs.utime("/f", None, Some(3000), true).unwrap();
    assert_eq!(fs.stat("/f").unwrap().atime, 1000);
    fs.set_ignore_permissions(true);
    assert!(fs.open("/f", flags::O_RDWR, 0).is_ok());
}

#[test]
fn analysis_and_creation_helpers() {
    let (mut fs, log) = new();
    assert_eq!(fs.create_path("/", "p/q//r").unwrap(), "/p/q/r");
    fs.create_data_file("/p", "ro", b"data", true, false)
        .unwrap();
    assert_eq!(fs.stat("/p/ro").unwrap().mode, S_IFREG | 0o555);
    assert_eq!(text(&mut fs, "/p/ro"), "data");
    fs.create_lazy_file("/p", "lazy", 7, true, false).unwrap();
    assert_eq!(log.borrow().loads, 0);
    assert_eq!(fs.stat("/p/lazy").unwrap().size, 6);
    assert_eq!(text(&mut fs, "/p/lazy"), "lazy 7");
    assert_eq!(log.borrow().loads, 1);
    let found = fs.analyze_path("/p/q/../ro", false);
    assert_eq!(
        (
            found.exists,
            found.path.as_deref(),
            found.parent_path.as_deref()
        ),
        (true, Some("/p/ro"), Some("/p"))
    );
    let missing = fs.analyze_path("/p/none", false);
    assert_eq!(
        (missing.exists, missing.parent_exists, missing.error),
        (false, true, Some(Errno::ENOENT))
    );
    let orphan = fs.analyze_path("/no/none", false);
    assert_eq!((orphan.exists, orphan.parent_exists), (false, false));
    assert!(fs.analyze_path("/", false).is_root);
}

#[test]
fn the_working_folder_has_a_longest_path() {
    let (mut fs, _) = new();
    let name = "n".repeat(200);
    let mut outcome = Ok(());
    for _ in 0..100 {
        fs.make_dir(&name, 0o777).unwrap();
        outcome = fs.chdir(&name);
        if outcome.is_err() {
            break;
        }
    }
    assert_eq!(outcome, Err(Errno::ENAMETOOLONG));
    assert!(fs.cwd().len() <= 4096);
}
