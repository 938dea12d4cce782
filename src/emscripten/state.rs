//! The list of mutable state: everything a generation can change, and what puts it back. `scripts/state.js` reads it, and
//! `__test__/state-list` compares it with the code.
//!
//! | state | put back by | test |
//! | --- | --- | --- |
//! | memory bytes, memory length | `memory::Linear::recycle` | `memory::region::tests`, `__test__/recycle` |
//! | globals, exported or not | `instance::Image` | `__test__/recycle` |
//! | table entries, table length, `addFunction` slots | `instance::Image` | `__test__/recycle` |
//! | emval handles | [`StateImage`] | `emscripten::pool::tests`, `__test__/recycle` |
//! | embind handles, delayed deletions, inherited instances | [`StateImage`] | `__test__/recycle` |
//! | exceptions in flight | [`StateImage`] | `__test__/recycle` |
//! | files, open descriptors, working directory, half-written output lines | [`StateImage`] | `emscripten::fs::tests`, `__test__/recycle` |
//! | environment, arguments | never change: options of the sandbox | `__test__/recycle` |
//! | `atexit` | [`StateImage`] | `__test__/recycle` |
//! | timers, the main loop, the keep-alive count | [`StateImage`] | `__test__/timers` |
//! | views and buffers given to JavaScript | detached by `binding::memory` | `__test__/recycle` |
//! | JavaScript values held by C++ | released with the emval table | `__test__/recycle` |
//!
//! On the JavaScript side each state has one owner, `lib/facade/generations.js`, which makes and drops it under this name:
//!
//! | JavaScript state | declared in | test |
//! | --- | --- | --- |
//! | functions of table entries | `lib/facade/table.js` | `__test__/capi` |
//! | reserved function pointers | `lib/facade/table.js` | `__test__/generations` |
//! | streams by descriptor | `lib/facade/fs/streams.js` | `__test__/fs` |
//! | mount points | `lib/facade/fs/mounts.js` | `__test__/survivors` |
//! | devices | `lib/facade/fs/devices.js` | `__test__/survivors` |
//! | lazy files | `lib/facade/fs/devices.js` | `__test__/fs` |
//! | streams of devices | `lib/facade/fs/devices.js` | `__test__/fs` |
//! | registered devices | `lib/facade/fs/index.js` | `__test__/survivors` |
//! | FS.ignorePermissions | `lib/facade/fs/index.js` | `__test__/survivors` |
//! | promises of coroutines | `lib/facade/embind/coroutines.js` | `__test__/coroutines` |
//! | places of handles | `lib/facade/embind/leaks.js` | `__test__/embind` |
//! | warnings given | `lib/facade/lifecycle.js` | `__test__/survivors` |
//! | ENV | `lib/facade/lifecycle.js` | `__test__/survivors` |
//! | queues of hooks | `lib/facade/lifecycle.js` | `__test__/survivors` |
//! | run dependencies | `lib/facade/lifecycle.js` | `__test__/survivors` |
//! | holds on the runtime | `lib/facade/lifecycle.js` | `__test__/generations` |
//! | variables of the runtime | `lib/facade/memory.js` | `__test__/survivors` |
//! | preloaded files | `lib/facade/runtime.js` | `__test__/survivors` |
//! | replaced views and variables | `lib/facade/index.js` | `__test__/survivors` |
//!
//! What has no state of its own but is changed all the same has these owners:
//!
//! | JavaScript | put back by | test |
//! | --- | --- | --- |
//! | the module object, its functions, classes and prototypes, `FS`, objects of the package's own JavaScript | `lib/facade/changes.js`, or made anew | `__test__/survivors` |
//! | variables of the package's own JavaScript | `lib/facade/fragment.js` makes them anew | `__test__/survivors` |
//! | timers, microtasks, finalizers, weak references, promises waited for | `lib/realm/loop.js` | `__test__/late` |
//! | `process`, its listeners, the global object, as that JavaScript sees them | `lib/realm/surroundings.js` | `__test__/survivors` |
//!
//! Registrations of embind are not state: they are made by constructors and stay as they are. A program whose wasm can
//! drop data segments or write tables by itself is not restored in place but started anew (`Program::restorable`).

use super::{Process, Runtime, embind, emval, exceptions::Exceptions, fs, timers::Timers};
use std::sync::Arc;

/// The host's own state right after start-up.
pub struct StateImage {
    exceptions: Exceptions,
    embind: embind::Image,
    emval: emval::Image,
    /// The function table holds JavaScript functions, which belong to one sandbox.
    has_functions: bool,
    fs: Arc<fs::Image>,
    /// Its files or devices are JavaScript functions.
    fs_needs_host: bool,
    /// Start-up called JavaScript, printed, or looked at real files: another sandbox has to do that too.
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
    /// Holds nothing that belongs to one JavaScript thread or sandbox.
    pub fn is_shareable(&self) -> bool {
        !self.is_seen
            && !self.fs_needs_host
            && !self.has_functions
            && self.embind.is_portable()
            && self.emval.is_portable()
    }
}

impl Runtime {
    pub fn snapshot_state(&mut self) -> StateImage {
        self.functions.seal();
        StateImage {
            exceptions: self.exceptions.clone(),
            fs: self.fs.snapshot(),
            fs_needs_host: self.fs.needs_host(),
            is_seen: self.ran_javascript || self.fs.has_printed() || self.fs.used_mounts(),
            embind: self.embind.snapshot(),
            emval: self.emval.snapshot(),
            has_functions: !self.functions.is_empty(),
            process: self.process.clone(),
            timers: self.timers.clone(),
        }
    }

    /// Puts the host's state back: the price is that of what changed.
    pub fn restore_state(&mut self, image: &StateImage) {
        self.exceptions.clone_from(&image.exceptions);
        let js = self.js();
        self.functions.restore(&*js);
        self.embind.restore(&image.embind, &*js);
        self.emval.restore(&image.emval, &*js);
        self.restore_system(image);
    }

    /// Continues on the state of another sandbox's start-up.
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
        self.process.clone_from(&image.process);
        if !self.timers.is_untouched() || !image.timers.is_untouched() {
            self.restore_timers(&image.timers);
        }
    }
}
