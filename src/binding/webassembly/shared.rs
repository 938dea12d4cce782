//! Shared memories: V8's own, on which wasm runs in several threads.
//!
//! Waiting and waking are V8's as well, so that wasm's `memory.atomic.wait` and JavaScript's `Atomics.wait` are one list.

use super::realm::{ErrorKind, Realm};
use crate::binding::ending::{self, Waker};
use crate::binding::node_api::{Arguments, Env, Reference, Res, Scope, Value};
use crate::instance::Interrupter;
use crate::memory::{SharedAdapter, SharedHost, SharedMemory, WaitValue};
use std::sync::Arc;
use std::time::Duration;

/// What a realm's JavaScript does for one memory. Nothing of it leads back to the realm.
struct Host {
    env: Env,
    grow: Reference,
    wait: Reference,
    notify: Reference,
    /// V8's memory: keeps the bytes.
    _memory: Reference,
    interrupter: Arc<Interrupter>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}

impl Host {
    /// Calls one of the functions, which give a number of at least 0, or -1 for nothing.
    fn ask(&self, function: &Reference, args: &[Value]) -> Option<u32> {
        let called = function.value().map(|f| self.env.call(f, args))?;
        match called {
            Ok(given) => self
                .env
                .as_f64(given)
                .filter(|n| *n >= 0.0)
                .map(|n| n as u32),
            Err(failed) => {
                let _ = self.env.exception_of(failed);
                None
            }
        }
    }

    /// The call that waits is to be stopped.
    fn stop(&self) -> Option<u32> {
        if ending::has_ended() {
            // Nothing catches this one.
            self.interrupter.interrupt();
        }
        None
    }
}

/// Waits in V8; `None` where the call that waits is to be stopped, which then ends the wait.
fn stoppable(
    env: Env,
    interrupter: &Interrupter,
    wait: impl FnOnce() -> Res<Value>,
) -> Option<Res<Value>> {
    let waker = Waker::current();
    // SAFETY: called between `begin_wait` and `end_wait` alone.
    let wake = move || waker.is_some_and(|waker| unsafe { waker.wake() });
    if !interrupter.begin_wait(Box::new(wake)) {
        return None;
    }
    let called = wait();
    let woken = interrupter.end_wait();
    if let Some(waker) = waker.filter(|_| woken) {
        waker.take_back(env);
        return None;
    }
    Some(called)
}

/// `(realm, wait)`: what `wait` gives, which waits as JavaScript does that wasm called; who stops the call ends the wait.
pub fn realm_wait(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    if realm.depth() == 0 {
        return env.call(a[1], &[]);
    }
    match stoppable(env, &realm.interrupter, || env.call(a[1], &[])) {
        Some(given) => given,
        None => Err(realm.stopped(realm.stopping())),
    }
}

impl SharedHost for Host {
    fn grow(&self, delta: u32) -> Option<u32> {
        let _scope = Scope::open(self.env);
        self.ask(&self.grow, &[self.env.uint(delta)])
    }

    fn wait(&self, offset: u32, expected: WaitValue, timeout: Option<Duration>) -> Option<u32> {
        let env = self.env;
        let _scope = Scope::open(env);
        let expected = match expected {
            WaitValue::I32(value) => env.int(value),
            WaitValue::I64(value) => env.bigint(value),
        };
        let ms = timeout.map_or(-1.0, |timeout| timeout.as_nanos() as f64 / 1e6);
        let args = [env.uint(offset), expected, env.number(ms)];
        let function = self.wait.value()?;
        match stoppable(env, &self.interrupter, || env.call(function, &args))? {
            Ok(given) if !self.interrupter.is_raised() => env.as_u32(given),
            Ok(_) => None,
            Err(failed) => {
                let stopped = self.stop();
                let _ = env.exception_of(failed);
                stopped
            }
        }
    }

    fn notify(&self, offset: u32, count: u32) -> u32 {
        let _scope = Scope::open(self.env);
        let args = [self.env.uint(offset), self.env.uint(count)];
        self.ask(&self.notify, &args).unwrap_or(0)
    }
}

/// `(realm, bytes, maximum, isOurs, memory, { grow, wait, notify })`: makes V8's `memory`, over whose buffer `bytes` is a
/// Uint8Array, a memory of the realm; its number, the same for all memories of these bytes. `isOurs`: the realm has made it,
/// and when it is released nobody needs the bytes.
pub fn memory_share(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (base, len) = env.shared_place(a[1])?;
    let (maximum, is_ours) = (env.to_u32(a[2])?, env.to_bool(a[3])?);
    let keep = |value| match Reference::new(env, value) {
        Some(kept) => Ok(kept),
        None => Err(realm.raise(ErrorKind::Range, "no room for a reference")),
    };
    let host = Host {
        env,
        grow: keep(env.get_named(a[5], c"grow")?)?,
        wait: keep(env.get_named(a[5], c"wait")?)?,
        notify: keep(env.get_named(a[5], c"notify")?)?,
        _memory: keep(a[4])?,
        interrupter: realm.interrupter.clone(),
    };
    let cap = realm.with(|store| store.memory_cap)?;
    // SAFETY: `lib/webassembly/memory.js` gives a view of the buffer of the very memory that it gives.
    let shared = match unsafe { SharedMemory::at(base, len, maximum, cap) } {
        Ok(shared) => shared,
        Err(why) => return Err(realm.raise(ErrorKind::Unsupported, &why.to_string())),
    };
    shared.saw(len);
    let key = realm.with(|store| {
        if store.memory(shared.key()).is_none() {
            // SAFETY: the realm stays on its thread, and so does its store.
            let memory = unsafe { SharedAdapter::memory(shared.clone(), Box::new(host)) };
            store.adopt_shared(shared.clone(), memory, is_ours);
        }
        shared.key()
    })?;
    Ok(env.address(key))
}

/// `(realm, memory, delta, grow)`: the former size in pages, or -1; `grow` has V8 do it.
pub fn memory_grow_shared(env: Env, a: &Arguments) -> Res<Value> {
    let realm = Realm::of(env, a[0])?;
    let (key, delta) = (env.to_usize(a[1])?, env.to_u32(a[2])?);
    let Some(shared) = realm.with(|store| store.shared(key))? else {
        return Err(realm.stale());
    };
    let by = |delta| {
        let given = env.call(a[3], &[env.uint(delta)]).ok()?;
        env.as_u32(given)
    };
    let before = shared.grow(delta, by);
    Ok(before.map_or_else(|| env.int(-1), |pages| env.uint(pages)))
}

/// `(realm, memory)`: nobody needs its bytes once the threads that have it have ended.
pub fn memory_end_shared(env: Env, a: &Arguments) -> Res<Value> {
    let key = env.to_usize(a[1])?;
    if let Some(shared) = Realm::of(env, a[0])?.with(|store| store.shared(key))? {
        shared.end();
    }
    Ok(env.undefined())
}

/// How many shared memories wasm of the process runs on.
pub fn shared_memories(env: Env, _: &Arguments) -> Res<Value> {
    Ok(env.address(SharedMemory::count()))
}

/// Bytes of address space that the process has; undefined where the system does not tell.
pub fn address_space(env: Env, _: &Arguments) -> Res<Value> {
    Ok(crate::memory::address_space().map_or_else(|| env.undefined(), |bytes| env.address(bytes)))
}
