//! What can be called: its place among what is registered, and how to call it.

use super::{FuncId, Registry, TypeIdx, TypeKind};
use serde::{Deserialize, Serialize};

/// A function that JavaScript can call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callable {
    /// `Class.method`, as error messages say it.
    pub human: String,
    pub role: Role,
    /// How many arguments JavaScript passes.
    pub argc: u32,
    pub state: State,
}

/// What JavaScript calls it as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    Function,
    Method,
    Constructor,
    Getter,
    Setter,
    StaticGetter,
    StaticSetter,
}

/// Whether a callable can be called.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum State {
    /// Some type is not registered (yet): calling throws `UnboundTypeError`.
    Unbound {
        message: String,
        types: Vec<u32>,
    },
    Bound(Plan),
}

/// How to call: everything that can be known beforehand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub func: FuncId,
    pub context: u32,
    pub this: This,
    pub args: Box<[Param]>,
    pub result: TypeIdx,
    /// The result's wasm type, `None` when the function returns nothing.
    #[serde(with = "crate::saved::optional_type")]
    pub result_wasm: Option<wasmer_types::Type>,
    /// Destructors run last-in-first-out; otherwise in the order of the arguments.
    pub lifo: bool,
    /// The smallest number of arguments, when trailing ones are optional.
    pub required: u32,
    /// The result is a value object of that many numbers and booleans, which cross without JavaScript objects.
    pub leaves: Option<u32>,
    /// Arguments and result are numbers, and a call needs nothing beside the function itself.
    pub plain: bool,
}

/// What a callable takes as `this`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum This {
    None,
    /// A method: converted as any argument of that pointer type.
    Pointer(u32),
    /// A property: checked against the class.
    Class(u32),
}

/// A parameter: its type, in C++ and in wasm, and how it is passed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Param {
    pub ty: TypeIdx,
    #[serde(with = "crate::saved::Type")]
    pub wasm: wasmer_types::Type,
    pub passing: Passing,
}

/// How an argument crosses from JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Passing {
    Value,
    /// A value that is taken as it is when it is a number: no range is checked.
    Number,
    /// Two numbers: see `invoke::Passed`.
    Handle,
    /// A flag, then that many values: the numbers and booleans in a value object, depth first. Without the flag, the
    /// first value is whatever was passed.
    Leaves(u32),
}

impl Callable {
    /// The result is an `emscripten::val`: any value, or a class handle.
    pub fn gives_val(&self, reg: &Registry) -> bool {
        match &self.state {
            State::Bound(plan) => {
                plan.result_wasm.is_some()
                    && matches!(reg.ty(plan.result).kind, TypeKind::Emval { .. })
            }
            State::Unbound { .. } => false,
        }
    }
}
