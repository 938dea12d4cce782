//! The text that tells the registry of a scope.

use super::scope::{Binding, How, Scope, THIS, value};
use std::fmt::Write;

/// What of a scope an image has to know.
pub struct Matter<'a> {
    /// Those to put back first, then those that can be set where they hold a view of the wasm memory.
    names: Vec<&'a str>,
    restored: usize,
    settable: usize,
    /// Some may be read too early.
    lexical: bool,
    /// A function that was made in the head refers to one of them.
    pub head: bool,
    pub test: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Ignored,
    /// The walk begins there.
    Root,
    /// The same, and it can be set.
    Settable,
    /// A function inside assigns it: it is put back, too.
    Restored,
}

fn fate<'a>(scope: &Scope<'a>, binding: &Binding<'a>) -> Fate {
    let uses = binding.uses;
    let evil = scope.evil;
    // Names of functions and classes within themselves are told in another way.
    if binding.how == How::Own || !(uses.captured || evil) {
        return Fate::Ignored;
    }
    if !binding.how.is_constant() && (uses.inner_write || evil) {
        return Fate::Restored;
    }
    let called = uses.value & !(value::PRIMITIVE | value::FUNCTION) == 0 && !uses.read;
    let primitive = uses.value & !value::PRIMITIVE == 0;
    // A function that is only ever called has no properties that could change; a number stays a number.
    if !evil && (primitive || called) {
        return Fate::Ignored;
    }
    let variable = matches!(binding.how, How::Var | How::Param | How::Let) && !evil;
    if (variable && uses.value & value::OTHER != 0) || scope.freed(binding).is_some() {
        return Fate::Settable;
    }
    Fate::Root
}

impl<'a> Matter<'a> {
    /// `also`: what is captured besides bindings. `without`: names that mean something else where it is told.
    pub fn of(scope: &Scope<'a>, also: &[&'a str], without: impl Fn(&str) -> bool) -> Option<Self> {
        let mut matter = Self {
            names: Vec::new(),
            restored: 0,
            settable: 0,
            lexical: also.contains(&THIS),
            head: scope.evil_head,
            test: scope.evil_test,
        };
        let mut settable = Vec::new();
        let mut roots = Vec::new();
        for binding in &scope.bindings {
            match fate(scope, binding) {
                Fate::Ignored => continue,
                _ if without(binding.name) => continue,
                Fate::Restored => matter.names.push(binding.name),
                Fate::Settable => settable.push(binding.name),
                Fate::Root => roots.push(binding.name),
            }
            matter.lexical |= binding.how.is_lexical();
            matter.head |= binding.uses.head;
            matter.test |= binding.uses.test;
        }
        matter.restored = matter.names.len();
        matter.names.extend(settable);
        matter.settable = matter.names.len();
        matter.names.extend(roots);
        for name in also {
            if !matter.names.contains(name) {
                matter.names.push(name);
            }
        }
        (!matter.names.is_empty()).then_some(matter)
    }

    pub fn join(&mut self, other: Matter<'a>) {
        let (settable, roots) = other.names.split_at(other.settable);
        let (restored, settable) = settable.split_at(other.restored);
        self.names
            .splice(self.settable..self.settable, settable.iter().copied());
        self.names
            .splice(self.restored..self.restored, restored.iter().copied());
        self.restored += restored.len();
        self.settable += other.settable;
        self.names.extend(roots);
        self.lexical |= other.lexical;
    }

    pub fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// The call: `$rw.add(...)` holds it weakly, from a constant of the scope's own that it captures; `$rw.hold(...)` for good.
    pub fn call(&self, site: u32, weak: bool) -> String {
        let mut out = String::with_capacity(64 + 24 * self.names.len());
        let how = if weak { "add" } else { "hold" };
        let _ = write!(out, "$rw.on&&$rw.{how}({site},{},()=>[", self.restored);
        out.push_str(&self.names.join(","));
        if weak {
            let _ = write!(out, ",$rw{site}");
        }
        out.push_str("],");
        let restored = self.names.get(..self.restored).unwrap_or_default();
        if restored.is_empty() {
            out.push('0');
        } else {
            out.push_str("$rwv=>{");
            for (at, name) in restored.iter().enumerate() {
                let _ = write!(out, "{name}=$rwv[{at}];");
            }
            out.push('}');
        }
        if self.lexical {
            out.push_str(",$rwi=>{switch($rwi){");
            for (at, name) in self.names.iter().enumerate() {
                let _ = write!(out, "case {at}:return {name};");
            }
            out.push_str("}}");
        }
        let settable = self.names.get(..self.settable).unwrap_or_default();
        if self.lexical || self.settable > self.restored {
            let one = if self.lexical { "" } else { ",0" };
            let _ = write!(out, "{one},($rwi,$rwv)=>{{switch($rwi){{");
            for (at, name) in settable.iter().enumerate() {
                let _ = write!(out, "case {at}:{name}=$rwv;break;");
            }
            out.push_str("}}");
        }
        if self.settable > self.restored {
            let _ = write!(out, ",{}", self.settable);
        }
        out.push(')');
        out
    }

    /// The same as a statement. A declaration has no completion value.
    pub fn statement(&self, site: u32, weak: bool) -> String {
        format!("const $rw{site}={};", self.call(site, weak))
    }
}
