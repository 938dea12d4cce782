//! Threads, in programs that have one: locks always succeed, keys hold values, new threads are refused.
//!
//! Programs built with threads import other functions, which are not answered here.

use super::fs::Errno;
use super::{ImportFn, Runtime, bounds};
use crate::engine::{Args, Result, Unwind, ValRaw};

fn success(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(0)
}
fn one(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(1)
}
/// EAGAIN, which every caller of `pthread_create` has to handle.
fn create(rt: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(rt.errno(Errno::EAGAIN))
}
fn join(rt: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(rt.errno(Errno::EINVAL))
}
fn timed_wait(rt: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(rt.errno(Errno::ETIMEDOUT))
}
/// `pthread_exit` of the only thread ends the program.
fn exit(_: &mut Runtime, _: &mut Args) -> Result {
    Err(Unwind::Exit(0))
}
/// `pthread_once(control*, f)`.
fn once(rt: &mut Runtime, args: &mut Args) -> Result {
    const DONE: u32 = 1;
    let (control, function) = (args.u32(0), args.u32(1));
    if rt.wasm.read_u32(control)? != DONE {
        rt.wasm.write_u32(control, DONE)?;
        rt.call_indirect(function, &[ValRaw::default()])?;
    }
    args.ret_i32(0)
}
fn key_create(rt: &mut Runtime, args: &mut Args) -> Result {
    if args.u32(0) == 0 {
        return args.ret_i32(rt.errno(Errno::EINVAL));
    }
    if rt.process.thread_values.len() >= bounds::THREAD_KEYS {
        return args.ret_i32(rt.errno(Errno::EAGAIN));
    }
    rt.process.thread_values.push(0);
    let key = rt.process.thread_values.len() as u32;
    rt.wasm.write_u32(args.u32(0), key)?;
    args.ret_i32(0)
}
fn value_of(rt: &mut Runtime, key: u32) -> Option<&mut u32> {
    rt.process
        .thread_values
        .get_mut((key as usize).checked_sub(1)?)
}
fn key_delete(rt: &mut Runtime, args: &mut Args) -> Result {
    set(rt, args, 0)
}
fn setspecific(rt: &mut Runtime, args: &mut Args) -> Result {
    let value = args.u32(1);
    set(rt, args, value)
}
fn set(rt: &mut Runtime, args: &mut Args, value: u32) -> Result {
    let errno = rt.errno(Errno::EINVAL);
    match value_of(rt, args.u32(0)) {
        Some(place) => {
            *place = value;
            args.ret_i32(0)
        }
        None => args.ret_i32(errno),
    }
}
fn getspecific(rt: &mut Runtime, args: &mut Args) -> Result {
    let value = value_of(rt, args.u32(0)).map_or(0, |v| *v);
    args.ret_u32(value)
}
/// `pthread_attr_getstack` and the like have nothing to tell.
fn not_supported(rt: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(rt.errno(Errno::ENOSYS))
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("pthread_create", create),
    ("__pthread_create", create),
    ("pthread_join", join),
    ("pthread_detach", success),
    ("pthread_cancel", success),
    ("pthread_exit", exit),
    ("pthread_once", once),
    ("pthread_self", one),
    ("pthread_equal", |_, args| {
        args.ret_i32(i32::from(args.u32(0) == args.u32(1)))
    }),
    ("pthread_key_create", key_create),
    ("pthread_key_delete", key_delete),
    ("pthread_getspecific", getspecific),
    ("pthread_setspecific", setspecific),
    ("pthread_attr_init", success),
    ("pthread_attr_destroy", success),
    ("pthread_attr_setdetachstate", success),
    ("pthread_attr_setschedparam", success),
    ("pthread_attr_setstacksize", success),
    ("pthread_attr_getstack", not_supported),
    ("pthread_getattr_np", success),
    ("pthread_setcancelstate", success),
    ("pthread_setcanceltype", success),
    ("pthread_testcancel", success),
    ("pthread_cleanup_push", success),
    ("pthread_cleanup_pop", success),
    ("pthread_mutex_init", success),
    ("pthread_mutex_destroy", success),
    ("pthread_mutex_lock", success),
    ("pthread_mutex_trylock", success),
    ("pthread_mutex_timedlock", success),
    ("pthread_mutex_unlock", success),
    ("pthread_mutexattr_init", success),
    ("pthread_mutexattr_destroy", success),
    ("pthread_mutexattr_settype", success),
    ("pthread_mutexattr_setpshared", success),
    ("pthread_cond_init", success),
    ("pthread_cond_destroy", success),
    ("pthread_cond_wait", success),
    ("pthread_cond_timedwait", timed_wait),
    ("pthread_cond_signal", success),
    ("pthread_cond_broadcast", success),
    ("pthread_condattr_init", success),
    ("pthread_condattr_destroy", success),
    ("pthread_condattr_setclock", success),
    ("pthread_condattr_getclock", not_supported),
    ("pthread_condattr_setpshared", success),
    ("pthread_rwlock_init", success),
    ("pthread_rwlock_destroy", success),
    ("pthread_rwlock_rdlock", success),
    ("pthread_rwlock_tryrdlock", success),
    ("pthread_rwlock_wrlock", success),
    ("pthread_rwlock_trywrlock", success),
    ("pthread_rwlock_unlock", success),
    ("pthread_rwlockattr_init", success),
    ("pthread_rwlockattr_destroy", success),
    ("pthread_barrier_init", success),
    ("pthread_barrier_destroy", success),
    ("pthread_barrier_wait", success),
    ("pthread_spin_init", success),
    ("pthread_spin_destroy", success),
    ("pthread_spin_lock", success),
    ("pthread_spin_trylock", success),
    ("pthread_spin_unlock", success),
    ("pthread_atfork", success),
    ("pthread_sigmask", success),
    ("sem_init", success),
    ("sem_destroy", success),
    ("sem_post", success),
    ("sem_wait", success),
    ("sem_trywait", success),
    ("emscripten_check_blocking_allowed", success),
    ("emscripten_set_thread_name", success),
    ("emscripten_futex_wake", success),
    ("emscripten_futex_wait", timed_wait),
    ("emscripten_has_threading_support", success),
    ("emscripten_supports_offscreencanvas", success),
    ("emscripten_main_thread_process_queued_calls", success),
];
