//! Programs of this process: a source that is compiled and understood, shared by all sandboxes and threads.

use super::Reading;
use crate::emscripten::abi::Abi;
use crate::engine::{Cache, Code, CompileError, Progress};
use crate::instance::{Image, ImageKey, ImageSlot};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

/// A source that is compiled and understood.
pub struct Program {
    reading: Reading,
    code: Code,
    images: ImageSlot,
    /// How long compiling, or loading compiled code, took.
    pub compile_time: Duration,
    pub from_cache: bool,
    restorable: Result<(), String>,
}

type Shelf = FxHashMap<blake3::Hash, Arc<Mutex<Weak<Program>>>>;

static PROGRAMS: LazyLock<Mutex<Shelf>> = LazyLock::new(Mutex::default);

impl Program {
    /// The program of a reading: the one this process has already, else from the cache, else compiled. Threads that ask
    /// for the same program at once wait for one of them to make it.
    pub fn get(reading: Reading, cache: Option<&Cache>, progress: Option<Box<Progress>>) -> Result<Arc<Self>, CompileError> {
        let place = PROGRAMS.lock().entry(reading.hash).or_default().clone();
        let mut known = place.lock();
        if let Some(program) = known.upgrade() {
            return Ok(program);
        }
        let program = Arc::new(Self::make(reading, cache, progress)?);
        *known = Arc::downgrade(&program);
        Ok(program)
    }

    fn make(reading: Reading, cache: Option<&Cache>, progress: Option<Box<Progress>>) -> Result<Self, CompileError> {
        let started = Instant::now();
        let key = Cache::key(&reading.wasm);
        let cached = cache.and_then(|cache| cache.load(&key));
        let from_cache = cached.is_some();
        let code = match cached {
            Some(code) => code,
            None => {
                reading.check().map_err(|e| CompileError(e.to_string()))?;
                let code = Code::compile(&reading.wasm, progress)?;
                if let Some(cache) = cache {
                    // Not being able to keep it costs the next process time, nothing else.
                    let _ = cache.store(&key, &code);
                }
                code
            }
        };
        let restorable = reading.restorable();
        Ok(Self { reading, code, images: ImageSlot::default(), compile_time: started.elapsed(), from_cache, restorable })
    }

    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    pub fn code(&self) -> &Code {
        &self.code
    }

    pub fn abi(&self) -> &Arc<Abi> {
        &self.reading.abi
    }

    /// Whether a generation can be restored in place, or why not.
    pub fn restorable(&self) -> Result<(), &str> {
        self.restorable.as_ref().map(|()| ()).map_err(String::as_str)
    }

    pub fn image(&self, key: &ImageKey) -> Option<Arc<Image>> {
        self.images.get(key)
    }

    pub fn share_image(&self, key: ImageKey, image: &Arc<Image>) {
        self.images.put(key, image);
    }
}
