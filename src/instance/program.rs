//! Programs of this process: a source that is compiled and understood, shared by all sandboxes and threads.

use super::{Image, ImageKey, ImageSlot};
use crate::emscripten::abi::Abi;
use crate::engine::{
    Bodies, Cache, CacheEntry, Choice, Code, CompileError, ImageError, Progress, Tier, Tiers,
    drops_segments, writes_tables,
};
use crate::program::allocators::Allocators;
use crate::program::glue::Layout;
use crate::program::{ReadError, Reading, wasm_code, wasm_facts};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::time::{Duration, Instant};

/// A source that is compiled and understood.
pub struct Program {
    reading: Reading,
    tiers: Arc<Tiers>,
    images: ImageSlot,
    /// How long compiling, or loading compiled code, took.
    pub compile_time: Duration,
    pub from_cache: bool,
    restorable: Result<(), String>,
    abi: Arc<Abi>,
    /// The functions whose calls the code tells of, when it was asked for.
    allocators: Option<Allocators>,
    facts: OnceLock<String>,
    exported: OnceLock<String>,
    /// Where its code is kept.
    cache: Option<Cache>,
}

/// How a program is to be compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compiling {
    /// Its code tells of allocations.
    pub watched: bool,
    /// It will hardly run on the native host: the glue host links modules that one compiler has compiled.
    pub glue: bool,
    /// It is worth waiting for the best code: there is no recycle that could bring it later.
    pub settled: bool,
}

/// Smaller modules are optimised sooner than anybody notices. Bytes of wasm.
const BASELINE_BYTES: usize = 512 << 10;

/// Why a source is no program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It is one that no host runs.
    #[error("{0}")]
    Refused(&'static str),
    /// Its allocator was to be watched.
    #[error(
        "the functions that allocate and free cannot be found in this module: it neither exports `malloc` and `free` nor has a \
         name section. Build it with --profiling-funcs, or with -sEXPORTED_FUNCTIONS=_malloc,_free"
    )]
    NoAllocator,
}

/// By what was read and how it is compiled.
type Shelf = FxHashMap<([u8; 32], [u8; 32]), Arc<Mutex<Weak<Program>>>>;

static PROGRAMS: LazyLock<Mutex<Shelf>> = LazyLock::new(Mutex::default);

impl Program {
    /// The program of a reading: the one this process has already, else from the cache, else compiled. Threads that ask
    /// for the same program at once wait for one of them to make it. `translated` is compiled in place of a wasm that uses
    /// what the engine lacks.
    pub fn get(
        mut reading: Reading,
        translated: Option<&[u8]>,
        how: Compiling,
        cache: Option<&Cache>,
        progress: Option<Arc<Progress>>,
    ) -> Result<Arc<Self>, OpenError> {
        if how.watched {
            reading.watch();
        }
        let key = (reading.key, *Cache::key(&reading.digest).as_bytes());
        let place = PROGRAMS.lock().entry(key).or_default().clone();
        let mut known = place.lock();
        if let Some(program) = known.upgrade() {
            drop(known);
            if how.settled {
                program.tiers.wait();
            }
            return Ok(program);
        }
        let program = Arc::new(Self::make(reading, translated, how, cache, progress)?);
        *known = Arc::downgrade(&program);
        Ok(program)
    }

    fn make(
        reading: Reading,
        translated: Option<&[u8]>,
        how: Compiling,
        cache: Option<&Cache>,
        progress: Option<Arc<Progress>>,
    ) -> Result<Self, OpenError> {
        let started = Instant::now();
        let wasm = translated.unwrap_or(&reading.wasm);
        let as_read = translated.is_none() && !how.watched;
        let bodies = as_read.then(|| Arc::new(Bodies::new(Arc::clone(&reading.wasm))));
        let settled = |code: Code| Tiers::settled(code.with_bodies(bodies.as_ref()));
        let mut allocators = None;
        let mut watch = Vec::new();
        let mut key = Cache::key(&reading.digest);
        if how.watched {
            let facts = wasm_facts::read(wasm)?;
            let found = Allocators::find(wasm, &facts, &|name| reading.export_name(name));
            if !found.suffice() {
                return Err(OpenError::NoAllocator);
            }
            watch = found.watched(&facts);
            allocators = Some(found);
            key = Cache::watched_key(&reading.digest);
        }
        let choice = match how {
            // Translated modules use what baseline code lacks.
            _ if how.watched || how.glue || translated.is_some() => Choice::Optimised,
            _ => Choice::of_environment(),
        };
        let cache = cache.filter(|_| choice != Choice::Baseline);
        let mut entry = CacheEntry::new(cache, key);
        let quick = match choice {
            Choice::Baseline => true,
            Choice::Optimised => false,
            Choice::Auto => !how.settled && wasm.len() >= BASELINE_BYTES,
        };
        let mut baseline = None;
        if quick && !entry.find() {
            // A process that ended before the optimised code was there leaves its claim: such processes would never have it
            // if each began with other code.
            let begun = entry.claim_now();
            if !begun && !entry.find() {
                wasm_code::check(wasm)?;
                baseline = Code::compile_baseline(wasm, progress.clone());
            }
        }
        // Reading all function bodies takes long, so what they say is kept beside the code.
        let read_notes = || restorable(&reading).err().unwrap_or_default();
        let (tiers, notes, from_cache) = match baseline {
            Some(code) if choice == Choice::Baseline => (settled(code), read_notes(), false),
            Some(code) => {
                let notes = read_notes();
                let wasm = Arc::clone(&reading.wasm);
                let code = code.with_bodies(bodies.as_ref());
                (improve(code, wasm, entry, notes.clone()), notes, false)
            }
            None => {
                let obtained = entry.obtain(|_| {
                    wasm_code::check(wasm)?;
                    let code = match how.watched {
                        true => Code::compile_watched(wasm, &watch, progress)?,
                        false => Code::compile(wasm, progress)?,
                    };
                    Ok::<_, OpenError>((code, Some(read_notes())))
                })?;
                let notes = obtained.notes.unwrap_or_else(|| {
                    let notes = read_notes();
                    if let Some(cache) = cache {
                        let _ = cache.note(&key, &notes);
                    }
                    notes
                });
                (settled(obtained.code), notes, obtained.from_cache)
            }
        };
        let restorable = if notes.is_empty() { Ok(()) } else { Err(notes) };
        let abi = Arc::new(reading.abi.clone());
        Ok(Self {
            abi,
            reading,
            tiers,
            images: ImageSlot::default(),
            compile_time: started.elapsed(),
            from_cache,
            restorable,
            allocators,
            facts: OnceLock::new(),
            exported: OnceLock::new(),
            cache: cache.map(|cache| Cache::at(cache.folder())),
        })
    }

    /// The functions whose calls its code tells of; `None` when it was not compiled for that.
    pub fn allocators(&self) -> Option<&Allocators> {
        self.allocators.as_ref()
    }

    /// Where its code is kept, and what was found out about it.
    pub fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// What the JavaScript side is told about the program, put into words once.
    pub fn facts(&self, describe: impl FnOnce(&Self) -> String) -> &str {
        self.facts.get_or_init(|| describe(self))
    }

    /// The same of its exports.
    pub fn exported(&self, describe: impl FnOnce(&Self) -> String) -> &str {
        self.exported.get_or_init(|| describe(self))
    }

    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The best code there is now.
    pub fn code(&self) -> Code {
        self.tiers.code()
    }

    /// How well that is compiled.
    #[inline]
    pub fn tier(&self) -> Tier {
        self.tiers.tier()
    }

    /// Waits for the optimised code, and compiles it where it would not come.
    pub fn optimise(&self) -> Result<(), CompileError> {
        self.tiers.wait();
        if self.tier() == Tier::Baseline {
            let bodies = self.code().bodies().cloned();
            let code = Code::compile(&self.reading.wasm, None)?;
            self.tiers.settle(Some(code.with_bodies(bodies.as_ref())));
        }
        Ok(())
    }

    pub fn tiers(&self) -> &Arc<Tiers> {
        &self.tiers
    }

    pub fn abi(&self) -> &Arc<Abi> {
        &self.abi
    }

    /// The canonical name of an import.
    pub fn import_name(&self, module: &str, field: &str) -> String {
        let key = (module.to_owned(), field.to_owned());
        self.reading
            .import_names
            .get(&key)
            .cloned()
            .unwrap_or_else(|| field.to_owned())
    }

    /// The canonical name of an export.
    pub fn export_name(&self, name: &str) -> String {
        self.reading.export_name(name)
    }

    /// Imports answered by JavaScript of the glue, in the order of their functions.
    pub fn js_imports(&self) -> &[String] {
        self.reading
            .glue
            .as_ref()
            .map_or(&[], |glue| &glue.js_imports)
    }

    /// What the host must set up in memory, and how large imported memories and tables are to be.
    pub fn layout(&self) -> &Layout {
        static NONE: LazyLock<Layout> = LazyLock::new(Layout::default);
        self.reading
            .glue
            .as_ref()
            .map_or(&NONE, |glue| &glue.layout)
    }

    /// The exports that run constructors, in order; those that a module lacks are skipped.
    pub fn constructors(&self) -> Vec<&str> {
        let named = self
            .reading
            .glue
            .as_ref()
            .map_or(&[][..], |glue| &glue.constructors);
        if named.is_empty() {
            return vec![
                "__wasm_apply_data_relocs",
                "__wasm_call_ctors",
                "globalCtors",
                "_initialize",
            ];
        }
        named.iter().map(String::as_str).collect()
    }

    /// The value of an imported global.
    pub fn global(&self, module: &str, field: &str, name: &str) -> Option<f64> {
        let layout = self.layout();
        let known = layout
            .globals
            .iter()
            .find(|(m, f, _)| m == module && f == field)
            .map(|(_, _, value)| *value);
        known.or_else(|| match name {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "__table_base" | "tableBase" | "__memory_base" | "memoryBase" | "ABORT" => Some(0.0),
            "DYNAMICTOP_PTR" => layout.dynamic.map(|(at, _)| f64::from(at)),
            "STACKTOP" => layout.stack_base.map(f64::from),
            "STACK_MAX" => layout.stack_max.map(f64::from),
            _ => None,
        })
    }

    /// Whether a generation can be restored in place, or why not.
    pub fn restorable(&self) -> Result<(), &str> {
        self.restorable.as_ref().copied().map_err(String::as_str)
    }

    pub fn image(&self, key: &ImageKey) -> Option<Arc<Image>> {
        self.images.get(key)
    }

    pub fn share_image(&self, key: ImageKey, image: &Arc<Image>) {
        self.images.put(key, image);
    }
}

/// Compiles what will take the place of baseline code, or takes it from the cache where another process compiles it.
fn improve(baseline: Code, wasm: Arc<Vec<u8>>, entry: CacheEntry, notes: String) -> Arc<Tiers> {
    let bodies = baseline.bodies().cloned();
    Tiers::improving(baseline, move |wanted| {
        let obtained = entry.obtain(|kept| {
            // Where it is kept, it is worth finishing for the next process.
            let code = match kept {
                true => Code::compile(&wasm, None),
                false => Code::compile_while(&wasm, move || wanted.is_true()),
            };
            code.map(|code| (code, Some(notes)))
        });
        let code = obtained.ok()?.code;
        Some(code.with_bodies(bodies.as_ref()))
    })
}

/// Whether a generation can be restored in place. Data segments that wasm drops and tables that it writes are state
/// out of reach.
fn restorable(reading: &Reading) -> Result<(), String> {
    if drops_segments(&reading.wasm) {
        return Err(ImageError::Segments.to_string());
    }
    if writes_tables(&reading.wasm) {
        return Err("it writes its tables by itself".into());
    }
    if reading.facts.memories.iter().any(|memory| memory.shared) {
        return Err(ImageError::Shared.to_string());
    }
    Ok(())
}
