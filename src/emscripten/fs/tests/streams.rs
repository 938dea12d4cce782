use super::super::*;
use super::{new, text};
use flags::*;

#[test]
fn open_flags() {
    let (mut fs, _) = new();
    assert_eq!(fs.open("/f", O_RDONLY, 0), Err(Errno::ENOENT));
    let fd = fs.open("/f", O_CREAT | O_EXCL | O_RDWR, 0o644).unwrap();
    assert_eq!(fd, 3);
    assert_eq!(fs.open("/f", O_CREAT | O_EXCL, 0), Err(Errno::EEXIST));
    assert_eq!(fs.write(fd, b"hello", None), Ok(5));
    assert_eq!(fs.open("/f", O_DIRECTORY, 0), Err(Errno::ENOTDIR));
    assert_eq!(fs.open("/tmp", O_WRONLY, 0), Err(Errno::EISDIR));
    assert_eq!(
        fs.open("/new/", O_CREAT | O_WRONLY, 0o666),
        Err(Errno::EISDIR)
    );
    let reader = fs.open("/f", O_RDONLY, 0).unwrap();
    assert_eq!(fs.write(reader, b"x", None), Err(Errno::EBADF));
    let mut buf = [0; 8];
    assert_eq!(fs.read(reader, &mut buf, None), Ok(5));
    assert_eq!(fs.read(reader, &mut buf, None), Ok(0));
    let writer = fs.open("/f", O_WRONLY | O_APPEND, 0).unwrap();
    assert_eq!(fs.read(writer, &mut buf, None), Err(Errno::EBADF));
    fs.seek(writer, 0, Seek::Set).unwrap();
    fs.write(writer, b"!", None).unwrap();
    assert_eq!(text(&mut fs, "/f"), "hello!");
    fs.open("/f", O_WRONLY | O_TRUNC, 0).unwrap();
    assert_eq!(fs.stat("/f").unwrap().size, 0);
    let dir = fs.open("/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap();
    assert_eq!(fs.read(dir, &mut buf, None), Err(Errno::EISDIR));
    assert_eq!(fs.close(99), Err(Errno::EBADF));
    assert_eq!(fs.close(-1), Err(Errno::EBADF));
}

#[test]
fn seeking_and_sizes() {
    let (mut fs, _) = new();
    let fd = fs.open("/f", O_CREAT | O_RDWR, 0o666).unwrap();
    fs.write(fd, b"0123456789", None).unwrap();
    assert_eq!(fs.seek(fd, -3, Seek::End), Ok(7));
    assert_eq!(fs.seek(fd, -8, Seek::Current), Err(Errno::EINVAL));
    assert_eq!(fs.seek(fd, 1, Seek::Current), Ok(8));
    assert_eq!(fs.seek(fd, i64::MAX, Seek::Current), Err(Errno::EOVERFLOW));
    let mut buf = [0; 4];
    assert_eq!(fs.read(fd, &mut buf, Some(2)), Ok(4));
    assert_eq!((&buf, fs.position(fd)), (b"2345", Ok(8)));
    fs.write(fd, b"ab", Some(14)).unwrap();
    assert_eq!(fs.read_file("/f").unwrap(), b"0123456789\0\0\0\0ab");
    fs.ftruncate(fd, 4).unwrap();
    assert_eq!(text(&mut fs, "/f"), "0123");
    assert_eq!(fs.ftruncate(fd, -1), Err(Errno::EINVAL));
    assert_eq!(fs.truncate("/tmp", 0), Err(Errno::EISDIR));
    assert_eq!(fs.truncate("/dev/null", 0), Err(Errno::EINVAL));
    fs.allocate(fd, 2, 6).unwrap();
    assert_eq!(fs.stat("/f").unwrap().size, 8);
    assert_eq!(fs.allocate(fd, -1, 6), Err(Errno::EINVAL));
    assert_eq!(fs.seek(1, 0, Seek::Set), Err(Errno::ESPIPE));
    assert_eq!(fs.write(1, b"x", Some(0)), Err(Errno::ESPIPE));
}

#[test]
fn duplicates_share_a_position() {
    let (mut fs, _) = new();
    let fd = fs.open("/f", O_CREAT | O_RDWR, 0o666).unwrap();
    let twin = fs.dup(fd, 0).unwrap();
    assert_eq!(fs.dup(fd, 10), Ok(10));
    fs.write(fd, b"abc", None).unwrap();
    assert_eq!(fs.position(twin), Ok(3));
    fs.close(fd).unwrap();
    fs.write(twin, b"d", None).unwrap();
    assert_eq!(fs.dup2(twin, twin), Ok(twin));
    assert_eq!(fs.dup2(twin, 5000), Err(Errno::EBADF));
    assert_eq!(fs.dup2(99, 4), Err(Errno::EBADF));
    assert_eq!(fs.dup2(twin, 10), Ok(10));
    assert_eq!(text(&mut fs, "/f"), "abcd");
    // Output that goes to a file, as a shell's redirection does it.
    fs.dup2(twin, 1).unwrap();
    fs.write(1, b"e\n", None).unwrap();
    assert_eq!(text(&mut fs, "/f"), "abcde\n");
}

#[test]
fn unlinked_files_live_until_closed() {
    let (mut fs, _) = new();
    let fd = fs.open("/f", O_CREAT | O_RDWR, 0o666).unwrap();
    fs.write(fd, b"still here", None).unwrap();
    fs.unlink("/f").unwrap();
    let mut buf = [0; 16];
    assert_eq!(fs.read(fd, &mut buf, Some(0)), Ok(10));
    assert_eq!(fs.stored(), 10);
    fs.close(fd).unwrap();
    assert_eq!(fs.stored(), 0);
}

#[test]
fn lines_go_out_one_by_one() {
    let (mut fs, log) = new();
    fs.write(1, b"one\ntw", None).unwrap();
    fs.write(2, b"oops\n", None).unwrap();
    fs.write(1, "o \u{e9}\0\n\n".as_bytes(), None).unwrap();
    fs.write(1, b"tail", None).unwrap();
    let seen = |stream| {
        let log = log.borrow();
        log.lines
            .iter()
            .filter(|l| l.0 == stream)
            .map(|l| l.1.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(Stdio::Out), ["one", "two \u{e9}", ""]);
    assert_eq!(seen(Stdio::Err), ["oops"]);
    fs.flush_lines().unwrap();
    assert_eq!(seen(Stdio::Out).last().unwrap(), "tail");
    fs.nul_ends_line = true;
    fs.write(1, b"a\0b\n", None).unwrap();
    assert_eq!(seen(Stdio::Out)[4..], ["a", "b"]);
}

#[test]
fn input_and_devices() {
    let (mut fs, log) = new();
    let mut buf = [0; 8];
    assert_eq!(fs.read(0, &mut buf, None), Err(Errno::EAGAIN));
    log.borrow_mut().input = b"xyz".to_vec();
    assert_eq!(fs.read(0, &mut buf, None), Ok(3));
    fs.set_stdin(Some(b"0123456789".as_slice().into()));
    assert_eq!(fs.read(0, &mut buf, None), Ok(8));
    assert_eq!(fs.read(0, &mut buf, None), Ok(2));
    assert_eq!(fs.read(0, &mut buf, None), Ok(0));

    let null = fs.open("/dev/null", O_RDWR | O_TRUNC, 0).unwrap();
    assert_eq!(fs.write(null, b"abc", None), Ok(3));
    assert_eq!(fs.read(null, &mut buf, None), Ok(0));
    let random = fs.open("/dev/urandom", O_RDONLY, 0).unwrap();
    let mut other = [0; 8];
    assert_eq!(fs.read(random, &mut buf, None), Ok(8));
    assert_eq!(fs.read(random, &mut other, None), Ok(8));
    assert_ne!(buf, other);

    fs.create_device("/dev", "mine", 3, false, true).unwrap();
    let mine = fs.open("/dev/mine", O_WRONLY, 0).unwrap();
    assert_eq!(fs.write(mine, b"to js", None), Ok(5));
    assert_eq!(log.borrow().written, b"to js");
    assert_eq!(fs.seek(mine, 0, Seek::Set), Err(Errno::ESPIPE));
    fs.mkdev("/dev/nobody", 0o666, makedev(99, 0)).unwrap();
    assert_eq!(fs.open("/dev/nobody", O_RDONLY, 0), Err(Errno::ENXIO));
}

#[test]
fn pipes() {
    let (mut fs, _) = new();
    let (read, write) = fs.pipe(0).unwrap();
    let mut buf = [0; 4];
    assert_eq!(fs.read(read, &mut buf, None), Err(Errno::EAGAIN));
    assert_eq!(fs.poll(read), Ok(0));
    fs.write(write, b"hello", None).unwrap();
    assert_eq!(fs.poll(read), Ok(POLLIN | POLLRDNORM));
    assert_eq!(fs.pipe_waiting(read), Ok(Some(5)));
    assert_eq!(fs.read(read, &mut buf, None), Ok(4));
    assert_eq!(fs.write(read, b"x", None), Err(Errno::EBADF));
    assert_eq!(fs.fstat(read).unwrap().kind(), S_IFIFO);
    let twin = fs.dup(write, 0).unwrap();
    fs.close(write).unwrap();
    assert_eq!(fs.read(read, &mut buf, None), Ok(1));
    assert_eq!(fs.read(read, &mut buf, None), Err(Errno::EAGAIN));
    fs.close(twin).unwrap();
    assert_eq!(fs.read(read, &mut buf, None), Ok(0));
    let (read, write) = fs.pipe(0).unwrap();
    fs.close(read).unwrap();
    assert_eq!(fs.write(write, b"x", None), Err(Errno::EPIPE));
    fs.close(write).unwrap();
    assert_eq!(fs.stored(), 0);
}

#[test]
fn descriptors_run_out_with_an_error() {
    let (mut fs, _) = new();
    let mut last = Ok(0);
    for _ in 0..5000 {
        last = fs.open("/dev/null", O_RDONLY, 0);
    }
    assert_eq!(last, Err(Errno::EMFILE));
    assert_eq!(fs.pipe(0), Err(Errno::EMFILE));
}

#[test]
fn the_limit_is_kept() {
    let (mut fs, _) = new();
    fs.set_limit(1000);
    assert_eq!(
        fs.write_file("/big", &[1; 2000], None, None),
        Err(Errno::ENOSPC)
    );
    fs.write_file("/ok", &[1; 900], None, None).unwrap();
    assert_eq!(
        fs.write_file("/more", &[1; 200], None, None),
        Err(Errno::ENOSPC)
    );
    fs.unlink("/ok").unwrap();
    fs.write_file("/more", &[1; 200], None, None).unwrap();
    let fd = fs.open("/sparse", O_CREAT | O_RDWR, 0o666).unwrap();
    fs.ftruncate(fd, 1 << 39).unwrap();
    assert_eq!(fs.read_file("/sparse"), Err(Errno::ENOMEM));
    assert_eq!(
        fs.write(fd, b"x", Some(60_000)),
        Err(Errno::ENOSPC),
        "the gap before it counts"
    );
    let more = fs.open("/more", O_RDWR, 0).unwrap();
    fs.set_limit(200);
    assert_eq!(
        fs.write(more, &[2; 200], Some(0)),
        Ok(200),
        "what is there is only replaced"
    );
    fs.check().unwrap();
}

#[test]
fn listing_an_open_folder() {
    let (mut fs, _) = new();
    let fd = fs.open("/dev", O_RDONLY, 0).unwrap();
    let first = fs.dir_entries(fd, 0, 3).unwrap();
    assert_eq!(
        first.iter().map(|e| &*e.name).collect::<Vec<_>>(),
        [".", "..", "null"]
    );
    assert_eq!((first[0].kind, first[2].kind), (S_IFDIR, S_IFCHR));
    fs.write_file("/dev/late", b"", None, None).unwrap();
    let rest = fs.dir_entries(fd, 3, 100).unwrap();
    assert!(
        rest.iter().all(|e| e.name != "late"),
        "the names are those of the first call"
    );
    fs.rewind_dir(fd).unwrap();
    assert!(
        fs.dir_entries(fd, 3, 100)
            .unwrap()
            .iter()
            .any(|e| e.name == "late")
    );
}
