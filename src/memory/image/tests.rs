use super::take::{MOST_PARTS, runs};
use super::*;
use crate::memory::Backend;

#[test]
fn runs_cover_every_page_that_is_not_zero() {
    let page = os::page_size();
    let mut bytes = vec![0u8; 16 * page];
    for at in [0, page, 5 * page + 17, 15 * page + page - 1] {
        bytes[at] = 1;
    }
    let found: Vec<_> = runs(&bytes, |_| true)
        .map(|(at, run)| (at / page, run.len() / page))
        .collect();
    assert_eq!(found, [(0, 2), (5, 1), (15, 1)]);
    assert_eq!(runs(&vec![0u8; 4 * page], |_| true).count(), 0);
    assert_eq!(runs(&bytes, |at| at == 5).count(), 1);
}

fn backends() -> Vec<Backend> {
    let mut all = vec![Backend::Portable];
    if cfg!(target_os = "linux") {
        all.push(Backend::CopyOnWrite);
    }
    all
}

fn shown(image: &Arc<Image>) -> Vec<u8> {
    let region = Region::with_image(image).unwrap();
    // SAFETY: the region shows its image, and lives until the copy is made.
    unsafe { std::slice::from_raw_parts(region.base(), image.len()) }.to_vec()
}

/// Pseudo-random numbers.
fn noise(seed: &mut u64) -> usize {
    *seed = seed
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    (*seed >> 33) as usize
}

#[test]
fn images_of_changes_show_what_was_and_store_what_differs() {
    let page = os::page_size();
    for backend in backends() {
        let mut bytes = vec![0u8; 64 * WASM_PAGE];
        for at in (0..40 * WASM_PAGE).step_by(3 * page) {
            bytes[at] = 1;
        }
        let first = Arc::new(Image::take(&bytes, backend).unwrap());
        let mut all = vec![(first, bytes.clone())];
        let mut seed = 7;
        for round in 0..40 {
            let (parent, of_parent) = all[noise(&mut seed) % all.len()].clone();
            bytes = of_parent;
            if round % 5 == 4 {
                bytes.resize(bytes.len() + WASM_PAGE, 0);
            }
            let mut written = Vec::new();
            for _ in 0..[1, 20, 300][round % 3] {
                let at = noise(&mut seed) % (bytes.len() / page) * page;
                // Some are written with what was there.
                bytes[at + 5] = (noise(&mut seed) % 3) as u8;
                written.push((at, page));
            }
            written.sort_unstable();
            written.dedup();
            let image = Image::take_changes(&parent, &bytes, &written, backend).unwrap();
            assert!(backend == Backend::Portable || image.parts.len() <= MOST_PARTS);
            let ends = image.parts.windows(2).all(|p| p[0].end() <= p[1].at);
            assert!(ends, "parts overlap");
            all.push((Arc::new(image), bytes.clone()));
        }
        for (image, bytes) in &all {
            assert_eq!(&shown(image), bytes, "{backend:?}");
        }
    }
}

#[test]
fn a_page_that_is_written_with_its_own_bytes_is_shared() {
    for backend in backends() {
        let bytes = vec![3u8; 2 * WASM_PAGE];
        let parent = Image::take(&bytes, backend).unwrap();
        let same = Image::take_changes(&parent, &bytes, &[(0, WASM_PAGE)], backend).unwrap();
        assert_eq!(same.own_bytes(), 0);
        assert_eq!(parent.own_bytes(), 2 * WASM_PAGE);
    }
}
