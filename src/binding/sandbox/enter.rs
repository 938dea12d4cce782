//! The way of a call into a sandbox.

use super::{Entering, SandboxCell};
use crate::binding::node_api::{Failure, Res, panic_text};
use crate::binding::{ending, errors};
use crate::emscripten::Runtime;
use crate::engine::Unwind;
use crate::instance::Instance;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a call into a sandbox: guards it, limits it, and turns what it ended with into a value or a JavaScript exception.
#[inline]
pub fn enter<R>(
    cell: &SandboxCell,
    entering: Entering,
    call: impl FnOnce(&mut Runtime) -> Result<R, Unwind>,
) -> Res<Option<R>> {
    match catch_unwind(AssertUnwindSafe(|| run(cell, entering, call))) {
        Ok(done) => done,
        Err(panic) => Err(panicked(cell, panic_text(&*panic))),
    }
}

/// A fault of emvm's own ended a call, and nobody has ended what the call had begun.
#[cold]
fn panicked(cell: &SandboxCell, text: String) -> Failure {
    let outermost = !cell.is_busy();
    let unwind = Unwind::Bug(text);
    cell.look(|instance| {
        if outermost {
            instance.interrupter.end(None);
        }
        instance.note(&unwind);
    });
    surface(cell, unwind, outermost)
}

#[inline]
fn run<R>(
    cell: &SandboxCell,
    entering: Entering,
    call: impl FnOnce(&mut Runtime) -> Result<R, Unwind>,
) -> Res<Option<R>> {
    let Some(mut held) = cell.hold() else {
        return Err(errors::disposed(cell.env));
    };
    let outermost = held.is_outermost();
    let instance = held.state();
    if entering == Entering::Module {
        instance.stats.calls += 1;
    }
    if outermost {
        instance.runtime.forget_refusals();
        instance.interrupter.begin();
    }
    // It goes before the instance may.
    let paced = instance.runtime.wasm.paced();
    // What never enters wasm, or stays in host code for long, would not see that it is being stopped.
    // An unwinding is large: boxed at once, it is not moved about on the way of those that return.
    let called = if !outermost && instance.interrupter.is_raised() {
        Err(Box::new(Unwind::unreachable()))
    } else {
        call(&mut instance.runtime).map_err(Box::new)
    };
    let instance = held.state();
    let told = paced.is_some_and(|paced| paced.was_told());
    let unwind = match called {
        Ok(value) if !told => {
            if outermost {
                instance.interrupter.end_well();
            }
            let memory = instance.runtime.wasm.memory();
            cell.buffer.follow(cell.env, memory.as_ptr(), memory.len());
            if outermost {
                cell.drop_errors();
            }
            return Ok(Some(value));
        }
        // Work of the host's that was told to stop.
        Ok(_) => Box::new(Unwind::Interrupted),
        Err(unwind) => unwind,
    };
    match unwound(cell, instance, *unwind, outermost) {
        None => Ok(None),
        Some(failed) => Err(failed),
    }
}

/// What an unwinding is for JavaScript; `None` when it is no error.
#[cold]
fn unwound(
    cell: &SandboxCell,
    instance: &mut Instance,
    unwind: Unwind,
    outermost: bool,
) -> Option<Failure> {
    let unwind = match outermost {
        true => instance.interrupter.end(Some(unwind)),
        false => instance.interrupter.name(Some(unwind)),
    };
    let memory = instance.runtime.wasm.memory();
    cell.buffer.follow(cell.env, memory.as_ptr(), memory.len());
    let unwind = match unwind {
        None | Some(Unwind::KeepAlive) => return None,
        Some(unwind) => unwind,
    };
    instance.note(&unwind);
    let unwind = instance.runtime.explain(unwind);
    Some(surface(cell, unwind, outermost))
}

/// Throws in JavaScript what ended a call.
#[cold]
fn surface(cell: &SandboxCell, unwind: Unwind, outermost: bool) -> Failure {
    if ending::is_ending() {
        // Nobody is told: no JavaScript runs any more, and no error can be made.
        return Failure::Thrown;
    }
    let fault = outermost && unwind.is_fault();
    let error = errors::of_unwind(cell.env, cell, unwind);
    if outermost {
        cell.drop_errors();
    }
    if fault {
        cell.tell(error);
    }
    cell.env.throw(error)
}
