//! Scopes as the language has them: what is declared, who uses it, and what it may hold.
//!
//! Names are resolved from the inside out: a scope that ends takes the uses of its own bindings and hands the others to
//! the scope around it. `this`, `arguments` and `new.target` travel the same way.

use super::edits::Slot;
use rustc_hash::FxHashMap;

/// What a binding may hold, joined over all that is written to it.
pub mod value {
    pub const PRIMITIVE: u8 = 1;
    /// A function without a name of its own, whose object nobody but its binding has.
    pub const FUNCTION: u8 = 2;
    pub const OTHER: u8 = 4;
    /// An object that the text shows to be no view of a buffer.
    pub const PLAIN: u8 = 8;
}

pub const THIS: &str = "this";
pub const NEW_TARGET: &str = "new.target";
pub const ARGUMENTS: &str = "arguments";

/// How a name is used, joined over all places.
#[derive(Clone, Copy, Debug, Default)]
pub struct Use {
    /// A function inside the scope refers to it.
    pub captured: bool,
    /// A function inside the scope assigns it.
    pub inner_write: bool,
    /// The scope's own code assigns it.
    pub write: bool,
    /// It is used otherwise than by calling it.
    pub read: bool,
    /// It is used otherwise than by taking a member of what it holds: others may have that object then.
    pub whole: bool,
    /// A function made in the scope's head (parameters, the initialisation of a loop) refers to it.
    pub head: bool,
    /// The same for the test and the update of a loop.
    pub test: bool,
    pub value: u8,
}

impl Use {
    pub fn join(&mut self, other: Use) {
        self.captured |= other.captured;
        self.inner_write |= other.inner_write;
        self.write |= other.write;
        self.read |= other.read;
        self.whole |= other.whole;
        self.head |= other.head;
        self.test |= other.test;
        self.value |= other.value;
    }
}

/// How a name was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Var,
    Param,
    Let,
    Const,
    Class,
    /// A function at the top of a function: like `var`, with its value from the start.
    Function,
    /// A function in a block of sloppy code: like `let`.
    BlockFunction,
    /// The name of a function expression or of a class within itself.
    Own,
    Import,
}

impl How {
    pub fn is_constant(self) -> bool {
        matches!(self, How::Const | How::Own | How::Import)
    }
    /// May be read before it is there.
    pub fn is_lexical(self) -> bool {
        matches!(self, How::Let | How::Const | How::Class)
    }
    /// Stands in the way of a function in a block that would be a variable of the function around it, too.
    pub fn blocks_hoisting(self) -> bool {
        !matches!(self, How::Var | How::Function | How::Own)
    }
}

/// A name that a scope declares.
#[derive(Debug)]
pub struct Binding<'a> {
    pub name: &'a str,
    pub how: How,
    pub uses: Use,
    /// Of a constant: where the keyword of its declaration is.
    pub keyword: Option<u32>,
}

/// What a scope is to the names that leave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boundary {
    #[default]
    None,
    /// The code inside runs later; `this` is that of outside.
    Arrow,
    /// It has a `this` of its own.
    Function,
}

/// What of a scope is being walked: closures made in its head do not hold what its body registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Body,
    Head,
    Test,
}

/// A scope that is being walked.
#[derive(Debug, Default)]
pub struct Scope<'a> {
    pub boundary: Boundary,
    /// `var` and functions are declared here.
    pub holds_vars: bool,
    pub phase: Phase,
    /// Direct `eval` runs inside: it may do anything to any binding.
    pub evil: bool,
    /// It runs in the scope's head, or in the test of a loop, and may make functions there.
    pub evil_head: bool,
    pub evil_test: bool,
    pub bindings: Vec<Binding<'a>>,
    index: FxHashMap<&'a str, u32>,
    uses: FxHashMap<&'a str, Use>,
    /// Functions in blocks inside that may be variables of the function around (Annex B.3.2).
    hoisting: Vec<&'a str>,
    /// What arrow functions inside take from this function: `this`, `arguments`, `new.target`.
    pub implicit: Vec<&'static str>,
    /// Some of these are functions among its parameters.
    pub implicit_head: bool,
    /// What this function uses of them itself, or through arrow functions.
    pub uses_this: bool,
    pub uses_arguments: bool,
    /// Object literals that its variables begin with: where they begin and end.
    pub literals: Vec<(&'a str, Slot, Slot)>,
}

/// Few names are looked for one by one.
const FEW: usize = 8;

impl<'a> Scope<'a> {
    pub fn new(boundary: Boundary, holds_vars: bool) -> Self {
        Self {
            boundary,
            holds_vars,
            ..Self::default()
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        if self.bindings.len() <= FEW {
            return self.bindings.iter().position(|known| known.name == name);
        }
        self.index.get(name).map(|at| *at as usize)
    }

    pub fn get(&self, name: &str) -> Option<&Binding<'a>> {
        self.find(name).and_then(|at| self.bindings.get(at))
    }

    pub fn declare(&mut self, name: &'a str, how: How, value: u8) {
        if let Some(binding) = self.find(name).and_then(|at| self.bindings.get_mut(at)) {
            binding.uses.value |= value;
            // A parameter stays one; a function takes the place of a variable.
            if matches!(binding.how, How::Var | How::Own) {
                binding.how = how;
            }
            return;
        }
        let at = self.bindings.len();
        let uses = Use {
            value,
            ..Use::default()
        };
        self.bindings.push(Binding {
            name,
            how,
            uses,
            keyword: None,
        });
        if at == FEW {
            let known = self.bindings.iter().zip(0..);
            self.index = known.map(|(binding, at)| (binding.name, at)).collect();
        } else if at > FEW {
            self.index.insert(name, at as u32);
        }
    }

    /// Its declaration, which begins with `const` at `at`, may begin with `let` as well.
    pub fn constant(&mut self, name: &str, at: u32) {
        if let Some(binding) = self.find(name).and_then(|at| self.bindings.get_mut(at)) {
            binding.keyword = Some(at);
        }
    }

    /// The keyword of a constant that nothing assigns, nor any other of its declaration, and that may hold a view of a buffer:
    /// declared by `let` it means the same, and can be set.
    pub fn freed(&self, binding: &Binding<'a>) -> Option<u32> {
        let uses = binding.uses;
        if self.evil || !uses.captured || uses.value & value::OTHER == 0 {
            return None;
        }
        let assigned = |other: &Binding<'_>| {
            other.keyword == binding.keyword && (other.uses.write || other.uses.inner_write)
        };
        binding
            .keyword
            .filter(|_| !self.bindings.iter().any(assigned))
    }

    /// Whether others than this scope's own code may have the object that a variable holds.
    pub fn shares(&self, name: &str) -> bool {
        self.evil
            || self.get(name).is_none_or(|binding| {
                binding.how == How::Param || binding.uses.whole || binding.uses.captured
            })
    }

    pub fn note(&mut self, name: &'a str, uses: Use) {
        self.uses.entry(name).or_default().join(uses);
    }

    /// The name as the text has it, when it is used here.
    pub fn name_used(&self, name: &str) -> Option<&'a str> {
        self.uses.get_key_value(name).map(|(name, _)| *name)
    }

    /// A function in a block of this function or block that would be a variable outside.
    pub fn hoist(&mut self, name: &'a str) {
        self.hoisting.push(name);
    }

    /// The scope ends: its bindings know their uses, and what it does not know goes to `outer`, the scope around it.
    pub fn close(&mut self, outer: Option<&mut Scope<'a>>) -> Vec<(&'a str, Use)> {
        let mut outer = outer;
        for name in std::mem::take(&mut self.hoisting) {
            let known = self.get(name).map(|binding| binding.how);
            match known {
                Some(how) if how.blocks_hoisting() => {}
                _ if self.holds_vars => self.declare(name, How::Var, value::OTHER),
                _ => {
                    if let Some(outer) = outer.as_deref_mut() {
                        outer.hoist(name);
                    }
                }
            }
        }
        let mut unknown = Vec::new();
        if self.evil
            && let Some(outer) = outer.as_deref_mut()
        {
            outer.set_evil();
        }
        for (name, uses) in std::mem::take(&mut self.uses) {
            if let Some(binding) = self.find(name).and_then(|at| self.bindings.get_mut(at)) {
                binding.uses.join(uses);
                continue;
            }
            if self.boundary != Boundary::None && self.takes(name, uses) {
                continue;
            }
            let mut uses = uses;
            if self.boundary != Boundary::None {
                uses.captured = true;
                uses.inner_write |= uses.write;
                uses.write = false;
            }
            let Some(outer) = outer.as_deref_mut() else {
                unknown.push((name, uses));
                continue;
            };
            uses.head = uses.captured && outer.phase == Phase::Head;
            uses.test = uses.captured && outer.phase == Phase::Test;
            outer.note(name, uses);
        }
        unknown
    }

    /// Direct `eval` runs here, or in a scope inside.
    pub fn set_evil(&mut self) {
        self.evil = true;
        self.evil_head |= self.phase == Phase::Head;
        self.evil_test |= self.phase == Phase::Test;
    }

    /// Whether a name means something that each function has of its own.
    fn takes(&mut self, name: &str, uses: Use) -> bool {
        let own = match name {
            THIS => THIS,
            ARGUMENTS => ARGUMENTS,
            NEW_TARGET => NEW_TARGET,
            _ => return false,
        };
        match own {
            THIS => self.uses_this = true,
            ARGUMENTS => self.uses_arguments = true,
            _ => {}
        }
        if self.boundary == Boundary::Arrow {
            return false;
        }
        if uses.captured {
            self.implicit.push(own);
            self.implicit_head |= uses.head;
        }
        true
    }
}
