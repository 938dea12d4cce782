//! One call from JavaScript into C++.

use super::convert::{Arg, Destructors, from_wire, run_destructor, run_destructors, to_wire};
use super::funcs::unknown_function;
use super::numbers::Wire;
use super::records::{Leaves, leaves_from_wire, record_from_leaves};
use super::registry::{Callable, Passing, Plan, Registry, Role, State, This, TypeKind};
use super::short::Plain;
use super::{Out, names, pointers};
use crate::emscripten::Runtime;
use crate::emscripten::js::{HandleRef, JsValue};
use crate::engine::{Result, Unwind, ValRaw};
use smallvec::SmallVec;
use wasmer_types::Type;

/// The arguments of a call as the facade passes them: one value each, or two numbers for a class handle. A first
/// number below 0 says that the second is not a handle of this sandbox but whatever the caller passed.
pub trait CallArguments {
    fn value(&self, at: usize) -> JsValue;
    /// `None` for what is no number.
    fn as_number(&self, at: usize) -> Option<f64>;
    /// A number as wasm takes it.
    #[inline]
    fn as_raw(&self, at: usize, ty: Type) -> Option<ValRaw> {
        Some(Wire::Number(self.as_number(at)?).raw(ty))
    }
    #[inline]
    fn number(&self, at: usize) -> f64 {
        self.as_number(at).unwrap_or(-1.0)
    }
    /// `None` when it is none of this sandbox's.
    #[inline]
    fn handle_ref(&self, at: usize) -> Option<HandleRef> {
        let id = self.number(at);
        (id >= 0.0).then(|| HandleRef {
            id,
            key: self.number(at + 1),
        })
    }
    fn handle(&self, at: usize) -> Arg {
        match self.handle_ref(at) {
            Some(handle) => Arg::Handle(handle),
            None => Arg::Value(self.value(at + 1)),
        }
    }
}

/// What a call gives back.
pub enum CallResult {
    Out(Out),
    /// The numbers in a value object.
    Leaves(Leaves),
}

/// The plan of a function whose types are known.
fn plan<'a>(rt: &mut Runtime, callable: &'a Callable) -> Result<&'a Plan> {
    match &callable.state {
        State::Bound(plan) => Ok(plan),
        State::Unbound { message, types } => Err(names::throw_unbound(rt, message, types)),
    }
}

/// Calls one of the module's functions; gives what wasm gave.
#[inline]
fn run<P: CallArguments>(
    rt: &mut Runtime,
    reg: &Registry,
    callable: &Callable,
    plan: &Plan,
    passed: &P,
) -> Result<ValRaw> {
    let Some((func, pointer)) = rt.embind.resolved(plan.func).map(|r| (r.func, r.pointer)) else {
        return Err(unknown_function(rt, plan.func));
    };
    let mut destructors = Destructors::new();
    let mut raws = SmallVec::<[ValRaw; 12]>::new();
    raws.extend(pointer.map(ValRaw::from_u32));
    raws.push(ValRaw::from_u32(plan.context));
    let converted = arguments(rt, reg, callable, plan, passed, &mut raws, &mut destructors);
    // An argument that cannot be converted leaves the earlier ones behind, as in embind.
    converted?;
    rt.enter(func, &mut raws)?;
    let result = raws[0];
    if !destructors.is_empty() {
        if plan.lifo {
            run_destructors(rt, destructors)?;
        } else {
            for destructor in destructors {
                run_destructor(rt, destructor)?;
            }
        }
    }
    Ok(result)
}

/// Calls a function whose plan is [plain](Plan::plain).
pub fn invoke_plain<P: CallArguments>(
    rt: &mut Runtime,
    reg: &Registry,
    callable: &Callable,
    passed: &P,
) -> Result<Plain> {
    let plan = plan(rt, callable)?;
    let result = run(rt, reg, callable, plan, passed)?;
    Ok(Plain::of(reg, plan, result))
}

/// Calls one of the module's functions.
#[inline]
pub fn invoke<P: CallArguments>(
    rt: &mut Runtime,
    reg: &Registry,
    callable: &Callable,
    passed: &P,
) -> Result<CallResult> {
    let plan = plan(rt, callable)?;
    let result = run(rt, reg, callable, plan, passed)?;
    match plan.result_wasm {
        Some(_) if plan.leaves.is_some() => {
            let TypeKind::Record(record) = reg.ty(plan.result).kind else {
                return Err(Unwind::Bug("leaves of what is no value object".into()));
            };
            let mut leaves = Leaves::new();
            leaves_from_wire(rt, reg, record, result.u32(), &mut leaves)?;
            Ok(CallResult::Leaves(leaves))
        }
        Some(wasm) => from_wire(rt, reg, plan.result, result, wasm).map(CallResult::Out),
        None => Ok(CallResult::Out(Out::Js(rt.js.undefined()))),
    }
}

#[inline]
fn arguments<P: CallArguments>(
    rt: &mut Runtime,
    reg: &Registry,
    callable: &Callable,
    plan: &Plan,
    passed: &P,
    raws: &mut SmallVec<[ValRaw; 12]>,
    destructors: &mut Destructors,
) -> Result {
    let mut at = 0;
    match plan.this {
        This::None => {}
        This::Pointer(pointer) => {
            let this = passed.handle(0);
            raws.push(ValRaw::from_u32(pointers::to_wire(
                rt,
                reg,
                pointer,
                this,
                destructors,
            )?));
            at = 2;
        }
        This::Class(class) => {
            let access = if callable.role == Role::Getter {
                "getter"
            } else {
                "setter"
            };
            let this = passed.handle(0);
            let ptr = pointers::validate_this(rt, reg, class, this, &callable.human, access)?;
            raws.push(ValRaw::from_u32(ptr));
            at = 2;
        }
    }
    for param in &plan.args {
        let arg = match param.passing {
            Passing::Number => {
                at += 1;
                if let Some(raw) = passed.as_raw(at - 1, param.wasm) {
                    raws.push(raw);
                    continue;
                }
                Arg::Value(passed.value(at - 1))
            }
            Passing::Value => {
                at += 1;
                Arg::Value(passed.value(at - 1))
            }
            Passing::Handle => {
                at += 2;
                passed.handle(at - 2)
            }
            Passing::Leaves(count) => {
                let first = at + 1;
                at = first + count as usize;
                if passed.number(first - 1) == 1.0
                    && let TypeKind::Record(record) = reg.ty(param.ty).kind
                {
                    let mut next = first;
                    let ptr = record_from_leaves(rt, reg, record, passed, &mut next, destructors)?;
                    raws.push(ValRaw::from_u32(ptr));
                    continue;
                }
                Arg::Value(passed.value(first))
            }
        };
        let wire = to_wire(rt, reg, param.ty, arg, destructors)?;
        debug_assert!(param.wasm != Type::V128);
        raws.push(wire.raw(param.wasm));
    }
    Ok(())
}
