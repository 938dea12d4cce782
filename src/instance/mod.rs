//! Start-up, image taking, recycle, limits: the life of one sandbox's instance.

#![forbid(unsafe_code)]

pub mod files;
pub mod groups;
mod image;
mod image_check;
mod image_file;
mod limits;
mod program;
mod startup;
mod stats;
mod threads;
mod watchdog;

pub use image::{Image, ImageKey, ImageSlot, Origin};
pub use image_file::{open as open_image, save as save_image};
pub use limits::{Interrupter, duration};
pub use program::{Compiling, OpenError, Program};
pub use startup::{Host, MountPoint, Settings, StartError};
pub use stats::Stats;
pub use threads::{JsThread, start_watchdog};

use crate::emscripten::{Runtime, fs};
use crate::engine::{Tier, Unwind};
use crate::memory::{RecycleOutcome, Writers};
use std::sync::Arc;
use std::time::Instant;

/// One sandbox's live instance, and what it takes to make the next one.
pub struct Instance {
    /// Boxed: host functions hold its address.
    pub runtime: Box<Runtime>,
    pub stats: Stats,
    pub interrupter: Arc<Interrupter>,
    program: Arc<Program>,
    settings: Settings,
    image: Option<Arc<Image>>,
    /// It starts from this, not from the program's own start-up.
    from: Option<Arc<Image>>,
    /// Constructors have run, `main` is still to come.
    main_due: bool,
    /// How well the code of this instance is compiled.
    pub tier: Tier,
    /// Files as they were before constructors ran, for programs that are started anew each time.
    files: Option<Arc<fs::Image>>,
}

/// Why a recycle was not possible.
#[derive(Debug)]
pub enum RecycleError {
    /// The module is on the stack.
    Busy,
    /// The system refused memory, or start-up failed where the program must be started anew.
    Failed(StartError),
}

impl Instance {
    /// Instantiates a program; nothing of it has run yet.
    pub fn new(program: Arc<Program>, settings: Settings, host: Host) -> Result<Self, StartError> {
        // What an image brings need not be made. Settings may still change: then it is made later.
        let adopts = program.image(&settings.image_key()).is_some();
        let (runtime, tier) = startup::runtime(&program, &settings, host, adopts)?;
        let interrupter = Interrupter::new(
            Interrupter::new_id(),
            runtime.wasm.interrupt_flag(),
            settings.timeout,
        );
        Ok(Self {
            runtime,
            stats: Stats::default(),
            interrupter,
            program,
            settings,
            image: None,
            from: None,
            main_due: false,
            tier,
            files: None,
        })
    }

    /// `main` does not run at start. To be said before [`Instance::start`].
    pub fn hold_main(&mut self) {
        self.settings.no_initial_run = true;
    }

    /// It starts from this image. To be said before [`Instance::start`].
    pub fn start_from(&mut self, image: Arc<Image>) {
        self.from = Some(image);
    }

    fn origin(&self) -> Origin {
        Origin {
            program: self.program.reading().key,
            watched: self.runtime.wasm.tracker().is_some(),
            seen: self.settings.seen(),
        }
    }

    /// Arguments of the program. To be said before [`Instance::start`].
    pub fn set_args(&mut self, args: Vec<String>) {
        self.runtime.env.set_args(args.clone());
        self.settings.args = args;
    }

    /// Brings it to the state after start-up: from the program's image where one fits, else by running constructors.
    /// Then [`Instance::run_main`] is due.
    pub fn start(&mut self) -> Result<(), StartError> {
        if let Some(from) = self.from.clone() {
            if let Some(reason) = from.origin().differs_from(&self.origin()) {
                return Err(StartError::Image(reason));
            }
            from.apply(&mut self.runtime)?;
            self.image = Some(from);
            return Ok(());
        }
        self.image = self.program.image(&self.settings.image_key());
        match &self.image {
            Some(image) => image.apply(&mut self.runtime),
            None => {
                startup::fill(&mut self.runtime)?;
                if self.program.restorable().is_err() {
                    self.files = Some(self.runtime.fs.snapshot());
                }
                self.main_due = !self.settings.no_initial_run;
                self.limited(|it| startup::run(&mut it.runtime, &it.program))
            }
        }
    }

    /// Runs `main` at start, unless the image has it done or it was told to wait.
    pub fn run_main(&mut self) -> Result<(), StartError> {
        if !std::mem::take(&mut self.main_due) {
            return Ok(());
        }
        self.limited(Self::main)
    }

    fn main(&mut self) -> Result<(), StartError> {
        self.runtime.run_main(&self.settings.args)?;
        Ok(())
    }

    /// A part of start-up, as one call that limits hold for.
    fn limited(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<(), StartError>,
    ) -> Result<(), StartError> {
        self.interrupter.begin();
        let ran = part(self);
        let unwind = match ran {
            Err(StartError::Unwound(unwind)) => Some(unwind),
            Err(other) => {
                self.interrupter.end(None);
                return Err(other);
            }
            Ok(()) => None,
        };
        match self.interrupter.end(unwind) {
            None => Ok(()),
            Some(unwind) => {
                self.note(&unwind);
                Err(StartError::Unwound(self.runtime.explain(unwind)))
            }
        }
    }

    pub fn generation(&self) -> u64 {
        self.runtime.generation
    }

    /// The module is on the stack: nothing may be replaced under it.
    pub fn is_busy(&self) -> bool {
        self.runtime.wasm.depth() > 0
    }

    /// Takes the image that every later generation starts from, and makes this instance generation 1.
    ///
    /// With `private`, the image is this sandbox's own (a warm-up ran); else other sandboxes of the program share it.
    pub fn take_image(&mut self, private: bool) -> Result<(), StartError> {
        self.runtime.ran_at_start = self.runtime.ran_package && self.from.is_none();
        if (private || self.image.is_none()) && self.program.restorable().is_ok() {
            let origin = self.origin();
            let image = Arc::new(Image::take(&mut self.runtime, origin)?);
            if !private && image.is_shareable() {
                self.program.share_image(self.settings.image_key(), &image);
            }
            self.image = Some(image);
        } else if let Some(image) = &self.image {
            if self.from.is_some() {
                // Whatever JavaScript did that begins with each module object.
                image.restore(&mut self.runtime, Writers::Anybody)?;
            }
            self.runtime.eras.checkpoint();
        }
        self.runtime.generation = 1;
        Ok(())
    }

    /// Takes the image of what the instance is now, which goes on as it is.
    pub fn checkpoint(&mut self) -> Result<Arc<Image>, StartError> {
        let origin = self.origin();
        Image::checkpoint(&mut self.runtime, origin).map(Arc::new)
    }

    /// Nothing goes back to an image any more that was taken of this instance.
    pub fn release(&self, image: &Image) {
        image.release(&self.runtime);
    }

    /// What differs from the state right after start-up, or from an image, in words; `None` without one.
    pub fn differences(&self, from: Option<&Arc<Image>>) -> Option<Vec<String>> {
        from.or(self.image.as_ref())
            .map(|image| image.differences(&self.runtime))
    }

    /// Replaces the instance by a fresh one, from an image that was taken of it, or else from its start's. `by` says who may have
    /// written to the memory since the last recycle.
    pub fn recycle(&mut self, from: Option<&Arc<Image>>, by: Writers) -> Result<(), RecycleError> {
        if self.is_busy() {
            return Err(RecycleError::Busy);
        }
        let started = Instant::now();
        // First, so that whatever start-up makes anew belongs to the new generation.
        self.runtime.generation += 1;
        match from.or(self.image.as_ref()) {
            Some(image) => {
                let outcome = match self.tier == self.program.tier() {
                    true => image.restore(&mut self.runtime, by),
                    false => {
                        // The flag lives in the store that is about to go.
                        self.interrupter.forget();
                        startup::exchange(&mut self.runtime, &self.program, &self.settings, image)
                            .map(|tier| {
                                self.tier = tier;
                                self.interrupter.rearm(self.runtime.wasm.interrupt_flag());
                                RecycleOutcome::Flipped
                            })
                    }
                };
                let outcome = outcome.map_err(RecycleError::Failed)?;
                match from {
                    Some(from) => self.runtime.eras.go_back(from.lineage()),
                    None => self.runtime.eras.start_again(),
                }
                self.stats.cleaned_in_place += u64::from(outcome == RecycleOutcome::CleanedInPlace);
            }
            None => {
                // The flag lives in the store that is about to go.
                self.interrupter.forget();
                let files = self.files.as_deref();
                self.tier = startup::again(&mut self.runtime, &self.program, &self.settings, files)
                    .map_err(RecycleError::Failed)?;
                self.interrupter.rearm(self.runtime.wasm.interrupt_flag());
                let held = self.settings.no_initial_run;
                self.limited(|it| {
                    startup::run(&mut it.runtime, &it.program)?;
                    if held { Ok(()) } else { it.main() }
                })
                .map_err(RecycleError::Failed)?;
            }
        }
        self.stats.recycled(started.elapsed());
        Ok(())
    }

    /// Notes what a call ended with.
    pub fn note(&mut self, unwind: &Unwind) {
        if matches!(unwind, Unwind::Abort(_)) {
            // As in Emscripten, an aborted program's callbacks do not run any more.
            self.runtime.stop_timers();
        }
        match unwind {
            Unwind::Timeout { .. } | Unwind::Interrupted => self.stats.timeouts += 1,
            Unwind::Trap { .. }
            | Unwind::Abort(_)
            | Unwind::OutOfMemory { .. }
            | Unwind::TooMany { .. }
            | Unwind::Bug(_) => self.stats.traps += 1,
            _ => {}
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The flag lives in the store that is about to go.
        self.interrupter.forget();
    }
}
