//! Work on a thread of libuv's pool.

use super::{Env, Res};
use napi::sys;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Work, what it gave, and what is done with that on the thread of JavaScript.
struct Job<W, T, D> {
    work: Option<W>,
    outcome: Option<T>,
    done: Option<D>,
    handle: sys::napi_async_work,
}

unsafe extern "C" fn execute<W: FnOnce() -> T + Send, T: Send, D>(
    _: sys::napi_env,
    data: *mut c_void,
) {
    // SAFETY: the box of `in_background`, which libuv hands to one thread at a time. `done` is not touched here.
    let job = unsafe { &mut *data.cast::<Job<W, T, D>>() };
    let work = job.work.take();
    job.outcome = work.and_then(|work| catch_unwind(AssertUnwindSafe(work)).ok());
}

unsafe extern "C" fn complete<W, T, D: FnOnce(Env, Option<T>) -> Res<()>>(
    raw: sys::napi_env,
    status: sys::napi_status,
    data: *mut c_void,
) {
    let env = Env::new(raw);
    // SAFETY: the box of `in_background`, given back once.
    let job = unsafe { Box::from_raw(data.cast::<Job<W, T, D>>()) };
    // SAFETY: made by `napi_create_async_work`, deleted once.
    unsafe { sys::napi_delete_async_work(raw, job.handle) };
    let Job { done, outcome, .. } = *job;
    if let Some(done) = done
        && status == sys::Status::napi_ok
    {
        env.guard(|| done(env, outcome).map(|()| env.undefined()));
    }
}

impl Env {
    /// Runs `work` on another thread, then `done` here, with nothing when it panicked.
    pub fn in_background<W, T, D>(self, name: &str, work: W, done: D) -> Res<()>
    where
        W: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
        D: FnOnce(Env, Option<T>) -> Res<()> + 'static,
    {
        let name = self.string(name)?.raw();
        let job = Box::into_raw(Box::new(Job::<W, T, D> {
            work: Some(work),
            outcome: None,
            done: Some(done),
            handle: ptr::null_mut(),
        }));
        let (execute, complete) = (execute::<W, T, D>, complete::<W, T, D>);
        // SAFETY: the box lives until `complete` takes it.
        let queued = self.check(unsafe {
            let (none, handle) = (ptr::null_mut(), &raw mut (*job).handle);
            sys::napi_create_async_work(
                self.0,
                none,
                name,
                Some(execute),
                Some(complete),
                job.cast(),
                handle,
            )
        });
        let queued = queued.and_then(|()| {
            // SAFETY: as above.
            self.check(unsafe { sys::napi_queue_async_work(self.0, (*job).handle) })
        });
        if queued.is_err() {
            // SAFETY: nothing was queued, so nobody else has the box.
            drop(unsafe { Box::from_raw(job) });
        }
        queued
    }
}
