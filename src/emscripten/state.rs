//! The list of mutable state: everything a generation can change, and what puts it back. `scripts/state.js` reads it, and
//! `__test__/recycling/state-list` compares it with the code.
//!
//! | state | put back by | test |
//! | --- | --- | --- |
//! | memory bytes, memory length | `memory::Linear::go_back` | `memory::region::tests`, `__test__/recycling/recycle` |
//! | globals, exported or not | `instance::Image` | `__test__/recycling/recycle` |
//! | table entries, table length, `addFunction` slots | `instance::Image` | `__test__/recycling/recycle` |
//! | emval handles | [`StateImage`] | `emscripten::pool::tests`, `__test__/recycling/recycle` |
//! | embind handles, delayed deletions, inherited instances | [`StateImage`] | `__test__/recycling/recycle` |
//! | exceptions in flight | [`StateImage`] | `__test__/recycling/recycle` |
//! | files, open descriptors, working directory, half-written output lines | [`StateImage`] | `emscripten::fs::tests`, `__test__/recycling/recycle` |
//! | environment, arguments | never change: options of the sandbox | `__test__/recycling/recycle` |
//! | `atexit` | [`StateImage`] | `__test__/recycling/recycle` |
//! | timers, the main loop, the keep-alive count | [`StateImage`] | `__test__/system/timers` |
//! | views and buffers given to JavaScript | detached by `binding::memory` | `__test__/recycling/recycle` |
//! | JavaScript values held by C++ | released with the emval table | `__test__/recycling/recycle` |
//!
//! On the JavaScript side each state has one owner, `lib/facade/generations.js`, which makes and drops it under this name:
//!
//! | JavaScript state | declared in | test |
//! | --- | --- | --- |
//! | functions of table entries | `lib/facade/table.js` | `__test__/native/capi` |
//! | reserved function pointers | `lib/facade/table.js` | `__test__/native/generations` |
//! | streams by descriptor | `lib/facade/fs/streams.js` | `__test__/system/fs` |
//! | mount points | `lib/facade/fs/mounts.js` | `__test__/recycling/survivors` |
//! | devices | `lib/facade/fs/devices.js` | `__test__/recycling/survivors` |
//! | lazy files | `lib/facade/fs/devices.js` | `__test__/system/fs` |
//! | streams of devices | `lib/facade/fs/devices.js` | `__test__/system/fs` |
//! | registered devices | `lib/facade/fs/index.js` | `__test__/recycling/survivors` |
//! | FS.ignorePermissions | `lib/facade/fs/index.js` | `__test__/recycling/survivors` |
//! | promises of coroutines | `lib/facade/embind/coroutines.js` | `__test__/native/coroutines` |
//! | places of handles | `lib/facade/embind/leaks.js` | `__test__/native/embind` |
//! | warnings given | `lib/facade/lifecycle.js` | `__test__/recycling/survivors` |
//! | ENV | `lib/facade/lifecycle.js` | `__test__/recycling/survivors` |
//! | queues of hooks | `lib/facade/lifecycle.js` | `__test__/recycling/survivors` |
//! | run dependencies | `lib/facade/lifecycle.js` | `__test__/recycling/survivors` |
//! | holds on the runtime | `lib/facade/lifecycle.js` | `__test__/native/generations` |
//! | variables of the runtime | `lib/facade/memory.js` | `__test__/recycling/survivors` |
//! | preloaded files | `lib/facade/runtime.js` | `__test__/recycling/survivors` |
//! | replaced views and variables | `lib/facade/index.js` | `__test__/recycling/survivors` |
//!
//! What has no state of its own but is changed all the same has these owners:
//!
//! | JavaScript | put back by | test |
//! | --- | --- | --- |
//! | the module object, its functions, classes and prototypes, `FS`, objects of the package's own JavaScript | `lib/facade/changes.js`, or made anew | `__test__/recycling/survivors` |
//! | variables of the package's own JavaScript | `lib/facade/fragment.js` makes them anew | `__test__/recycling/survivors` |
//! | timers, microtasks, finalizers, weak references, promises waited for | `lib/surroundings/loop.js` | `__test__/recycling/late` |
//! | `process`, its listeners, the global object, as that JavaScript sees them | `lib/surroundings/index.js` | `__test__/recycling/survivors` |
//! | the caller's global object, objects of the language's and of Node's, as it changed them | `lib/facade/changes.js` | `__test__/recycling/globals` |
//!
//! Registrations of embind are not state: they are made by constructors and stay as they are. A program whose wasm can
//! drop data segments or write tables by itself is not restored in place but started anew (`Program::restorable`).

use super::js::Js;
use super::{
    Process, Runtime, embind, emval, exceptions::Exceptions, fs, functions, timers::Timers,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The host's own state right after start-up, or at a checkpoint. Only those that nothing ties to their sandbox are kept in files.
#[derive(Serialize, Deserialize)]
pub struct StateImage {
    exceptions: Exceptions,
    embind: embind::Image,
    emval: emval::Image,
    #[serde(skip)]
    functions: functions::Image,
    #[serde(with = "crate::saved::shared")]
    fs: Arc<fs::Image>,
    /// Its files or devices are JavaScript functions.
    #[serde(skip)]
    fs_needs_host: bool,
    /// Descriptors of real files are open.
    #[serde(skip)]
    fs_is_real: bool,
    /// JavaScript of the package's own answered a call of start-up.
    #[serde(skip)]
    ran_javascript: bool,
    /// Start-up called JavaScript, printed, or looked at real files: another sandbox has to do that too.
    #[serde(skip)]
    is_seen: bool,
    process: Process,
    timers: Timers,
}

impl std::fmt::Debug for StateImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateImage").finish_non_exhaustive()
    }
}

impl StateImage {
    /// It comes from a file: what it counted from something in another process begins anew.
    pub fn moved_here(mut self) -> Self {
        self.is_seen = true;
        self.process.clock_start = None;
        self.timers.on_another_clock();
        self
    }

    /// Another sandbox that starts in the same way can start from it and nobody notices.
    pub fn is_shareable(&self) -> bool {
        !self.is_seen && self.bound_by().is_none()
    }

    /// What ties it to its sandbox, in words; `None`: any sandbox of the program, on any thread, can start from it.
    pub fn bound_by(&self) -> Option<String> {
        if self.fs_needs_host {
            return Some("files or devices are JavaScript functions".into());
        }
        if self.fs_is_real {
            return Some("files of a mount are open".into());
        }
        match self.functions.len() {
            0 => {}
            1 => return Some("a JavaScript function is in the table (addFunction)".into()),
            n => {
                return Some(format!(
                    "{n} JavaScript functions are in the table (addFunction)"
                ));
            }
        }
        self.embind.bound_by().or_else(|| self.emval.bound_by())
    }

    /// The package's own JavaScript ran during start-up, and may have kept something.
    pub fn ran_javascript(&self) -> bool {
        self.ran_javascript
    }

    /// Nothing goes back to it any more: lets go of its JavaScript values.
    pub fn release(&self, js: &dyn Js) {
        self.functions.release(js);
        self.embind.release(js);
        self.emval.release(js);
    }

    /// Bytes that it takes, without the contents of files, which it shares.
    pub fn bytes(&self) -> usize {
        self.embind.bytes() + self.emval.bytes()
    }
}

impl Runtime {
    /// The state after start-up, which later generations and other sandboxes begin with.
    pub fn snapshot_state(&mut self) -> StateImage {
        let fs = self.fs.snapshot();
        self.state_with(fs)
    }

    /// The state now, for this sandbox to come back to: it goes on as it is.
    pub fn checkpoint_state(&mut self) -> StateImage {
        let fs = self.fs.checkpoint();
        self.state_with(fs)
    }

    fn state_with(&mut self, fs: Arc<fs::Image>) -> StateImage {
        let js = self.js();
        StateImage {
            exceptions: self.exceptions.clone(),
            fs,
            fs_needs_host: self.fs.needs_host(),
            fs_is_real: self.fs.has_real_files(),
            ran_javascript: self.ran_at_start,
            is_seen: self.ran_javascript || self.fs.has_printed() || self.fs.used_mounts(),
            embind: self.embind.snapshot(&*js),
            emval: self.emval.snapshot(&*js),
            functions: self.functions.snapshot(&*js),
            process: self.process.clone(),
            timers: self.timers.clone(),
        }
    }

    /// Puts the host's state back. Going to the same image again costs what changed since.
    pub fn restore_state(&mut self, image: &StateImage) {
        self.exceptions.clone_from(&image.exceptions);
        let js = self.js();
        self.functions.restore(&image.functions, &*js);
        self.embind.restore(&image.embind, &*js);
        self.emval.restore(&image.emval, &*js);
        self.restore_system(image);
    }

    /// Another wasm instance of the program has taken the place of the one that the state was made with: what refers to its
    /// functions refers to those of the new one. To be said when its table is what it was; before that,
    /// [`Runtime::remake_functions`].
    pub fn rebind(&mut self) {
        self.embind.rebind(&self.wasm, self.abi.calls_by_dyncall);
    }

    /// Continues on the state of another sandbox.
    pub fn adopt_state(&mut self, image: &StateImage) {
        self.exceptions.clone_from(&image.exceptions);
        self.embind
            .adopt(&image.embind, &self.wasm, self.abi.calls_by_dyncall);
        self.emval.adopt(&image.emval);
        self.restore_system(image);
    }

    /// Files, open descriptors, output not yet printed, and what the C library keeps on the host's side.
    fn restore_system(&mut self, image: &StateImage) {
        self.fs.restore(&image.fs);
        self.process.go_back(&image.process);
        if !self.timers.is_untouched() || !image.timers.is_untouched() {
            self.restore_timers(&image.timers);
        }
    }
}
