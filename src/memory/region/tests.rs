use super::super::{Backend, WASM_PAGE};
use super::*;
use crate::memory::Writers;

fn bytes(region: &Region) -> &[u8] {
    // SAFETY: the accessible part is readable and the region outlives the slice.
    unsafe { std::slice::from_raw_parts(region.base(), region.accessible()) }
}

fn poke(region: &Region, at: usize, value: u8) {
    assert!(at < region.accessible());
    // SAFETY: in bounds.
    unsafe { region.base().add(at).write(value) };
}

fn backends() -> Vec<Backend> {
    let mut all = vec![Backend::Portable];
    if cfg!(target_os = "linux") {
        all.push(Backend::CopyOnWrite);
    }
    all
}

fn sample() -> Vec<u8> {
    let mut image = vec![0u8; 3 * WASM_PAGE];
    image[7] = 1;
    image[2 * WASM_PAGE + 5000] = 2;
    image
}

#[test]
fn restore_brings_bytes_and_length_back() {
    for backend in backends() {
        let sample = sample();
        let image = Arc::new(Image::take(&sample, backend).unwrap());
        let mut region = Region::with_image(&image).unwrap();
        for _ in 0..3 {
            assert_eq!(bytes(&region), sample, "{backend:?}");
            poke(&region, 7, 99);
            poke(&region, WASM_PAGE, 98);
            region.extend(5 * WASM_PAGE).unwrap();
            poke(&region, 5 * WASM_PAGE - 1, 97);
            region.restore().unwrap();
            assert_eq!(region.accessible(), 3 * WASM_PAGE);
        }
        assert_eq!(bytes(&region), sample);
    }
}

#[test]
fn growth_after_a_restore_shows_zeroes() {
    for backend in backends() {
        let image = Arc::new(Image::take(&sample(), backend).unwrap());
        let mut region = Region::with_image(&image).unwrap();
        region.extend(4 * WASM_PAGE).unwrap();
        poke(&region, 3 * WASM_PAGE + 1, 42);
        region.restore().unwrap();
        region.extend(4 * WASM_PAGE).unwrap();
        assert!(
            bytes(&region)[3 * WASM_PAGE..].iter().all(|b| *b == 0),
            "{backend:?}"
        );
    }
}

#[test]
fn regions_of_nothing_share_their_place() {
    let first = Region::nothing().unwrap();
    let base = first.base();
    drop(first);
    assert_eq!(Region::nothing().unwrap().base(), base);
}

#[test]
fn another_image_replaces_the_first() {
    for backend in backends() {
        let first = Arc::new(Image::take(&sample(), backend).unwrap());
        let second = Arc::new(Image::take(&vec![9u8; WASM_PAGE], backend).unwrap());
        let mut region = Region::with_image(&first).unwrap();
        poke(&region, 100, 1);
        region.adopt(&second).unwrap();
        assert_eq!(bytes(&region), vec![9u8; WASM_PAGE]);
        region.adopt(&first).unwrap();
        assert_eq!(bytes(&region), sample());
    }
}

#[test]
fn an_empty_image_restores_to_nothing() {
    for backend in backends() {
        let image = Arc::new(Image::take(&[], backend).unwrap());
        let mut region = Region::with_image(&image).unwrap();
        region.extend(WASM_PAGE).unwrap();
        region.restore().unwrap();
        assert_eq!(region.accessible(), 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn pages_that_were_written_are_copied_back_in_place() {
    let sample = sample();
    let image = Arc::new(Image::take(&sample, Backend::CopyOnWrite).unwrap());
    let mut region = Region::with_image(&image).unwrap();
    // A stored page, a hole of the file, what follows the file.
    let places = [7, WASM_PAGE + 9, 3 * WASM_PAGE - 1];
    for round in 1..4 {
        for at in places {
            poke(&region, at, 99);
        }
        assert!(
            !region.copy_back(&image, places.len() - 1, Writers::ThisThread),
            "too many"
        );
        assert_ne!(bytes(&region), sample);
        if !region.copy_back(&image, places.len(), Writers::ThisThread) {
            assert_eq!(round, 1, "the system can tell or it cannot");
            return;
        }
        assert_eq!(bytes(&region), sample);
        let (_, private) = os::dirty_bytes(region.base(), sample.len()).unwrap();
        assert!(private >= places.len() * os::page_size(), "the pages stay");
    }
    region.extend(4 * WASM_PAGE).unwrap();
    assert!(
        !region.copy_back(&image, Region::MOST_COPIED, Writers::ThisThread),
        "what has grown is to be hidden"
    );
}

#[test]
fn a_region_goes_from_image_to_image_and_shows_each() {
    for backend in backends() {
        let first = Arc::new(Image::take(&sample(), backend).unwrap());
        let mut region = Region::with_image(&first).unwrap();
        let mut points = vec![(first, sample())];
        for round in 0..6u8 {
            poke(&region, 7, round);
            poke(&region, usize::from(round) * 9000, 50 + round);
            if round % 2 == 0 {
                let more = region.accessible() + WASM_PAGE;
                region.extend(more).unwrap();
                poke(&region, more - 3, 5);
            }
            let written = region.written();
            let last = region.image.clone().unwrap();
            let now = bytes(&region).to_vec();
            let image = Image::take_changes(&last, &now, &written, backend).unwrap();
            assert!(backend == Backend::Portable || image.own_bytes() <= 3 * os::page_size());
            let image = Arc::new(image);
            region.rebase(&image).unwrap();
            assert_eq!(bytes(&region), now);
            points.push((image, now));
            let to = &points[usize::from(round * 5 % (round + 2))];
            poke(&region, WASM_PAGE, 77);
            region.switch(&to.0, Writers::ThisThread).unwrap();
            assert_eq!(bytes(&region), to.1, "{backend:?}");
        }
        for from in 0..points.len() {
            for (image, was) in &points {
                region.switch(image, Writers::ThisThread).unwrap();
                assert_eq!(bytes(&region), was);
                region.extend(region.accessible() + WASM_PAGE).unwrap();
                assert_eq!(bytes(&region).last(), Some(&0));
                region.switch(&points[from].0, Writers::ThisThread).unwrap();
                assert_eq!(bytes(&region), points[from].1);
            }
        }
    }
}

#[test]
fn only_a_sealed_image_is_copied_back() {
    let image = Arc::new(Image::take(&sample(), Backend::Portable).unwrap());
    assert!(
        !Region::with_image(&image)
            .unwrap()
            .copy_back(&image, 64, Writers::Anybody)
    );
    assert!(
        !Region::new(WASM_PAGE)
            .unwrap()
            .copy_back(&image, 64, Writers::Anybody)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn restored_pages_are_given_back() {
    let image = Arc::new(Image::take(&sample(), Backend::CopyOnWrite).unwrap());
    let mut region = Region::with_image(&image).unwrap();
    region.extend(64 * WASM_PAGE).unwrap();
    for at in (0..64 * WASM_PAGE).step_by(4096) {
        poke(&region, at, 1);
    }
    let (_, private) = os::dirty_bytes(region.base(), 64 * WASM_PAGE).unwrap();
    assert_eq!(private, 64 * WASM_PAGE);
    region.restore().unwrap();
    let (_, private) = os::dirty_bytes(region.base(), 64 * WASM_PAGE).unwrap();
    assert_eq!(private, 0);
}

/// Images of one length, of each other's changes, as checkpoints are.
fn tree(backend: Backend) -> Vec<(Arc<Image>, Vec<u8>)> {
    let mut bytes = vec![0u8; 40 * WASM_PAGE];
    bytes[..9 * WASM_PAGE].fill(3);
    let first = Arc::new(Image::take(&bytes, backend).unwrap());
    let mut all = vec![(first, bytes)];
    for round in 0..7usize {
        let (parent, mut bytes) = all[round / 2].clone();
        let mut written = Vec::new();
        for i in 0..=round * 3 {
            let at = (round * 31 + i * 57) % (bytes.len() / 4096) * 4096;
            bytes[at + 11] = if i % 3 == 0 { 0 } else { round as u8 + 1 };
            written.push((at, 4096));
        }
        written.sort_unstable();
        written.dedup();
        let image = Image::take_changes(&parent, &bytes, &written, backend).unwrap();
        all.push((Arc::new(image), bytes));
    }
    all
}

#[test]
fn from_any_image_to_any_other_whatever_was_written() {
    for backend in backends() {
        let images = tree(backend);
        let mut region = Region::with_image(&images[0].0).unwrap();
        let mut seed = 5usize;
        let mut copied = 0;
        for round in 0..2000 {
            seed = seed.wrapping_mul(0x5851_f42d).wrapping_add(12345);
            // Mostly the same few pages, now and then new ones, seldom many.
            let pages = match round % 40 {
                39 => 200,
                _ => 3,
            };
            for i in 0..pages {
                let page = match (i, round % 7) {
                    (0, 0) => seed >> 7,
                    _ => i,
                };
                poke(&region, page % (40 * 16) * 4096 + 5, round as u8);
            }
            let (image, bytes_of_it) = &images[(seed >> 16) % images.len()];
            if region.copy_back(image, Region::MOST_COPIED, Writers::ThisThread) {
                copied += 1;
            } else {
                region.switch(image, Writers::ThisThread).unwrap();
                assert!(region.is_over(image));
            }
            assert!(bytes(&region) == bytes_of_it, "{backend:?}, {round}");
        }
        let can = backend == Backend::CopyOnWrite && os::tells_written_pages();
        assert_eq!(copied > 1000, can, "{copied}");
    }
}

#[test]
fn what_another_thread_wrote_is_brought_back() {
    let images = tree(os::backend());
    let (image, was) = &images[0];
    let mut region = Region::with_image(image).unwrap();
    for page in 0..20 {
        let base = region.base() as usize;
        let written = std::thread::spawn(move || {
            // SAFETY: in bounds of the region, which is used again when the thread has ended.
            unsafe { ((base + page * 3 * 4096) as *mut u8).write(9) }
        });
        written.join().unwrap();
        if !region.copy_back(image, 64, Writers::Anybody) {
            region.restore().unwrap();
        }
        assert!(bytes(&region) == was);
        poke(&region, 7, 1);
        if !region.copy_back(image, 64, Writers::ThisThread) {
            region.restore().unwrap();
        }
        assert!(bytes(&region) == was);
    }
}

#[test]
fn a_region_may_be_mapped_from_the_image_that_it_shows() {
    for backend in backends() {
        let images = tree(backend);
        for (from, _) in &images {
            for (to, bytes_of_it) in &images {
                let mut region = Region::with_image(from).unwrap();
                if !region.copy_back(to, 128, Writers::ThisThread) {
                    continue;
                }
                region.rebase(to).unwrap();
                assert!(bytes(&region) == bytes_of_it, "{backend:?}");
                poke(&region, 5 * WASM_PAGE, 200);
                region.restore().unwrap();
                assert!(bytes(&region) == bytes_of_it, "{backend:?}");
            }
        }
    }
}
