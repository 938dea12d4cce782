use super::super::*;
use super::{new, text};
use flags::*;

#[test]
fn everything_goes_back() {
    let (mut fs, log) = new();
    fs.write_file("/kept", b"kept", None, None).unwrap();
    let open = fs.open("/kept", O_RDWR, 0).unwrap();
    fs.seek(open, 2, Seek::Set).unwrap();
    fs.write(1, b"half a li", None).unwrap();
    let stored = fs.stored();
    let image = fs.snapshot();
    assert!(fs.is_clean());

    for round in 0..3 {
        fs.write(open, b"PT!", None).unwrap();
        assert_eq!(text(&mut fs, "/kept"), "kePT!");
        fs.write_file("/new", &vec![7; 200_000], None, None)
            .unwrap();
        fs.mkdir_tree("/x/y/z", 0o777).unwrap();
        fs.chdir("/x/y").unwrap();
        fs.rename("/tmp", "/renamed").unwrap();
        fs.unlink("/dev/null").unwrap();
        fs.close(2).unwrap();
        fs.pipe(0).unwrap();
        fs.create_device("/dev", "d", 1, true, true).unwrap();
        fs.write(1, b"ne\nrest", None).unwrap();
        assert_eq!(log.borrow().lines.len(), round + 1);
        assert!(!fs.is_clean());

        fs.restore(&image);
        assert!(fs.is_clean());
        assert_eq!(text(&mut fs, "/kept"), "kept");
        assert_eq!(fs.position(open), Ok(2));
        assert_eq!(fs.stat("/new"), Err(Errno::ENOENT));
        assert_eq!(fs.stat("/x"), Err(Errno::ENOENT));
        assert_eq!((fs.cwd(), fs.stored()), ("/", stored));
        assert!(fs.stat("/tmp").is_ok() && fs.stat("/dev/null").is_ok() && fs.isatty(2).unwrap());
        assert_eq!(
            fs.open("/kept", O_RDONLY, 0),
            Ok(open + 1),
            "descriptors too"
        );
        fs.restore(&image);
    }
    fs.write(1, b"ne\n", None).unwrap();
    assert_eq!(log.borrow().lines.last().unwrap().1, "half a line");
}

#[test]
fn an_image_serves_many_sandboxes_and_threads() {
    let (mut first, _) = new();
    first.write_file("/shared", b"v1", None, None).unwrap();
    let image = first.snapshot();
    first.write_file("/shared", b"changed", None, None).unwrap();
    let workers: Vec<_> = (0..4)
        .map(|i| {
            let image = image.clone();
            std::thread::spawn(move || {
                let (mut fs, _) = new();
                for _ in 0..50 {
                    fs.restore(&image);
                    assert_eq!(text(&mut fs, "/shared"), "v1");
                    fs.write_file("/shared", format!("thread {i}").as_bytes(), None, None)
                        .unwrap();
                    assert_eq!(text(&mut fs, "/shared"), format!("thread {i}"));
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|w| w.join().unwrap());
    first.restore(&image);
    assert_eq!(text(&mut first, "/shared"), "v1");
}

#[test]
fn slots_are_used_again() {
    let (mut fs, _) = new();
    let image = fs.snapshot();
    for i in 0..1000 {
        fs.write_file("/t", format!("{i}").as_bytes(), None, None)
            .unwrap();
        fs.unlink("/t").unwrap();
    }
    assert!(fs.statfs("/").unwrap().files < 100);
    fs.restore(&image);
    let (a, b) = (fs.snapshot(), fs.snapshot());
    fs.write_file("/only", b"", None, None).unwrap();
    fs.restore(&a);
    assert!(fs.stat("/only").is_err());
    fs.write_file("/only", b"", None, None).unwrap();
    fs.restore(&b);
    assert!(fs.stat("/only").is_err());
}

#[test]
#[expect(clippy::print_stdout, reason = "a measurement")]
fn a_clean_restore_is_nearly_free() {
    let (mut fs, _) = new();
    for i in 0..5000 {
        fs.write_file(&format!("/tmp/{i}"), b"x", None, None)
            .unwrap();
    }
    let image = fs.snapshot();
    let start = std::time::Instant::now();
    for _ in 0..10_000 {
        fs.restore(&image);
    }
    let clean = start.elapsed() / 10_000;
    let start = std::time::Instant::now();
    for i in 0..1000 {
        fs.write_file(&format!("/tmp/{i}"), b"yy", Some(O_WRONLY), None)
            .unwrap();
        fs.restore(&image);
    }
    let dirty = start.elapsed() / 1000;
    println!(
        "restore of 5000 files: clean {clean:?}, one file rewritten (with the write) {dirty:?}"
    );
    assert!(clean.as_micros() < 10, "{clean:?}");
}

#[test]
fn lazy_files_load_again_in_each_generation() {
    let (mut fs, log) = new();
    fs.create_lazy_file("/", "lazy", 1, true, true).unwrap();
    let image = fs.snapshot();
    assert_eq!(text(&mut fs, "/lazy"), "lazy 1");
    fs.restore(&image);
    assert_eq!(text(&mut fs, "/lazy"), "lazy 1");
    assert_eq!(log.borrow().loads, 2);
}
