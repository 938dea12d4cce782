//! Makes a package's own JavaScript tell of the state that its closures hide, so that an image of it can be taken and put
//! back (`lib/rewind`). Text in, text out; a file is neither run nor changed in what it does while nothing is rewound.
//!
//! No line is added or taken away, so line numbers hold. Columns do not; [`InstrumentedText::columns`] leads back to them.
//!
//! # What the text finds around it
//!
//! One variable, `$rw`, and one function, `$rwImport`. No name that begins with `$rw` may be in the original text.
//!
//! | | |
//! | --- | --- |
//! | `$rw.on` | whether scopes are to be told; false from the moment the image is taken |
//! | `$rw.add(site, n, get, set, one, setOne, m)` | a scope. `get()` gives its bindings and, last, what `add` returned; `set(values)` puts the first `n` back. `one(i)` and `setOne(i, value)`, where given, do the same for one of them: others may not be initialised. `setOne` takes the first `m` of them, where that is given: those from `n` on change only with the memory that they are views of. What `add` returns is kept by the scope itself, so the registry holds it weakly |
//! | `$rw.hold(...)` | the same for a scope whose closures do not keep what `hold` returns: to be held until the image; `get()` gives the bindings alone |
//! | `$rw.root(o)` | an object to walk from, weakly; returns nothing of use |
//! | `$rw.keep(v)` | the same for any value, which it returns: the object of a `with`, objects whose methods use `super` |
//! | `$rw.privates(list, C)` | private names of class `C`: `[has, get, set]`, without `set` for methods |
//! | `$rw.text(t)` | direct `eval(t)`: the text to run instead, of kind `eval`. Anything but a string is returned as it is |
//! | `$rw.eval` | what other uses of `eval` mean |
//! | `$rw.awaited(generation, await $rw.wait(v, 1))` | `await v` in a function: `awaited` returns its value, or throws when the generation is another |
//! | `$rw.wait(v)` | `await v` of a module |
//! | `$rw.each(iterable)` | `for await (... of iterable)` |
//! | `$rw.then(p, ...fs)`, `catch`, `finally` | `p.then(...fs)` and so on; `p` may be no promise |
//! | `$rw.over(generation)` | where `catch` and `finally` begin in a function that goes on later: throws when it is of another generation |
//! | `$rw.promise(f)` | `new Promise(f)` |
//! | `$rw.guarded(f)` | a callback of the same where `p` is not known before (`p?.then(f)`, `p['then'](f)`) |
//! | `$rw.bind(f, ...args)` | `f.bind(...args)`; `f` may be no function |
//! | `$rw.bindIf(f, ...args)` | `f?.bind(...args)` |
//! | `$rw.some(o)`, `$rw.take()` | `o?.f.bind(...args)` is `$rw.some(o)?$rw.bind($rw.take().f,...args):void 0` |
//! | `$rw.Object`, `$rw.Reflect` | where `Object.freeze`, `Reflect.defineProperty` and their kin are taken, in calls or not, and in `const { freeze } = Object` |
//! | `$rw.patch(o, key)` | `o`, a property of which is assigned or deleted, where it may be an object of the language's or of Node's; returns `o`. Without `key`: any property |
//! | `$rw.handler(o, key)` | the same of `o.onmessage = ...` and its kin, whatever `o` is |
//! | `$rw.hear.on(o, ...args)` and so on | `o.on(...args)` and other calls that leave a listener |
//! | `$rw.maker(v)` | `v`, the value of `x.constructor`; `Function` and its kin are then those of the registry |
//! | `$rw.construct(o, ...args)` | `o.constructor(...args)` |
//! | `$rw.stamp(o)` | private names of a derived class come to be on `o` |
//! | `$rwImport(specifier, options)` | `import(specifier, options)` |
//!
//! With [`Options::made`], what is constructed is told as well, so that a rewind can make it stale:
//!
//! | | |
//! | --- | --- |
//! | `$rw.made(o)` | `o` is being constructed; returns `o`. One object may be told more than once |
//! | `$rw.literal(o)` | `o` is an object literal with functions, which more than a variable of a function may have; returns `o` |
//! | `$rw.create(...)` | `Object.create(...)` |
//! | `$rw.generation`, `$rw.resumed(generation, v)` | a generator notes the generation when it starts, as an asynchronous function with an `await` does; `resumed` returns `v` or throws when it is another |
//!
//! Numbers of registrations need not differ between texts: each `$rwN` is read by its own registration alone, also where a text
//! that is evaluated stands within another. The same text is instrumented once in a process ([`kept`]).
//!
//! # What is told
//!
//! A scope is told when one of its bindings is captured by an inner function and may hold something that changes: the walk
//! begins at it. Those that an inner function assigns are put back. What the scope's own code assigns cannot change after the
//! image: none of it is on the stack then, and what is suspended makes a package unfit. Besides bindings: `this`, `arguments`
//! and `new.target` where arrow functions use them, the name of a function expression, the class where its own code names
//! it, the objects of `super` and `with`.
//!
//! A constant that may hold a view of the wasm memory, and that nothing assigns, is declared by `let`: such views are made anew at
//! each rewind.
//!
//! Nothing is captured that was not captured before, so no variable moves from the stack to the heap, and nothing that gets
//! its name from the place where it is written (`let f = () => {}`) is moved away from there. What is not covered is told as
//! a [`Fact`].
//!
//! # What differs
//!
//! Nothing of what the text does, but for what shows its own source: `f.toString()` gives the instrumented text, columns in stack
//! traces are those of it, and V8's messages name what stands there (`$rw.then(...) is not iterable`).

mod calls;
mod classes;
mod edits;
mod facts;
mod functions;
mod kept;
mod register;
mod scope;
mod statements;
#[cfg(test)]
mod tests;
mod values;
mod visit;
mod walker;
mod world;

pub use super::columns::Column;
pub use facts::{Fact, What};
pub use kept::{CachedText, keep_code, kept};

use super::ReadError;
use super::glue::parse::with_program;
use oxc_ast::ast::{Expression, Function, Program, Statement};
use oxc_ast_visit::VisitJs;
use oxc_span::{GetSpan, SourceType};
use register::Matter;
use scope::{ARGUMENTS, How, NEW_TARGET, THIS, value};
use std::borrow::Cow;
use walker::Walker;

/// What a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Code of the global scope.
    Script,
    /// The body of a function.
    #[default]
    Function,
    /// The body of an async function.
    AsyncFunction,
    Module,
    /// What direct `eval` runs.
    Eval,
}

impl Kind {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "script" => Kind::Script,
            "function" => Kind::Function,
            "async function" => Kind::AsyncFunction,
            "module" => Kind::Module,
            "eval" => Kind::Eval,
            _ => return None,
        })
    }
}

/// What is to be instrumented, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub kind: Kind,
    /// Parameters of the function whose body it is.
    pub params: Vec<String>,
    /// Whether the code around is strict.
    pub strict: bool,
    pub made: bool,
}

/// A registration: its number, its line, and the names it tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    pub id: u32,
    pub line: u32,
    pub names: String,
}

/// The instrumented text, and what a reader of it should know.
#[derive(Clone, Debug, Default)]
pub struct InstrumentedText {
    pub code: String,
    pub facts: Vec<Fact>,
    pub sites: Vec<Site>,
    /// In order: what lies from one place to the next keeps its distance from it.
    pub columns: Vec<Column>,
}

/// Instruments a text.
pub fn instrument(text: &str, options: &Options) -> Result<InstrumentedText, ReadError> {
    if memchr::memmem::find(text.as_bytes(), b"$rw").is_some() {
        return Err(ReadError::NotEmscripten {
            reason: "the JavaScript has names that begin with $rw, which emvm uses itself".into(),
        });
    }
    match options.kind {
        Kind::Script => run(Wrap::none(text), SourceType::script(), options),
        Kind::Module => run(Wrap::none(text), SourceType::mjs(), options),
        Kind::Function => run(Wrap::function(text, ""), SourceType::script(), options),
        Kind::AsyncFunction => run(
            Wrap::function(text, "async "),
            SourceType::script(),
            options,
        ),
        // What may stand in a method may stand in what is evaluated there.
        Kind::Eval => run(Wrap::none(text), SourceType::script(), options).or_else(|error| {
            run(Wrap::method(text), SourceType::script(), options).map_err(|_| error)
        }),
    }
}

/// The column of the original text, from 1, for a place in the instrumented one.
#[cfg(test)]
pub fn original_column(columns: &[Column], line: u32, column: u32) -> u32 {
    let (line0, column0) = (line.saturating_sub(1), column.saturating_sub(1));
    let next = columns.partition_point(|c| (c.line, c.new) <= (line0, column0));
    match next.checked_sub(1).and_then(|at| columns.get(at)) {
        Some(from) if from.line == line0 => from.old + (column0 - from.new) + 1,
        _ => column,
    }
}

/// A text in surroundings in which it parses.
struct Wrap<'t> {
    text: Cow<'t, str>,
    before: usize,
    after: usize,
}

impl<'t> Wrap<'t> {
    fn none(text: &'t str) -> Self {
        Self {
            text: text.into(),
            before: 0,
            after: 0,
        }
    }
    fn within(before: &str, text: &str, after: &str) -> Self {
        Self {
            text: [before, text, after].concat().into(),
            before: before.len(),
            after: after.len(),
        }
    }
    fn function(text: &str, asynchronous: &str) -> Self {
        Self::within(&format!("({asynchronous}function(){{"), text, "\n})")
    }
    fn method(text: &str) -> Self {
        Self::within("({m(){", text, "\n}})")
    }
}

fn run(
    wrap: Wrap<'_>,
    source_type: SourceType,
    options: &Options,
) -> Result<InstrumentedText, ReadError> {
    with_program(&wrap.text, source_type, |program| {
        let mut own = Vec::new();
        loop {
            let mut walker = Walker::new(&wrap.text, &program.comments, options, &own);
            file(&mut walker, program, wrap.before > 0)?;
            if walker.shadowed.is_empty() {
                return Ok(finish(walker, &wrap));
            }
            // The file has another meaning for a name of the language: once more, knowing that.
            own = std::mem::take(&mut walker.shadowed);
        }
    })?
}

/// Walks a whole file.
fn file<'a>(
    walker: &mut Walker<'_, 'a>,
    program: &Program<'a>,
    wrapped: bool,
) -> Result<(), ReadError> {
    let options = walker.options;
    walker.strict = options.strict || program.source_type.is_module();
    let (start, separator) = if wrapped {
        let function = the_function(program).ok_or_else(|| ReadError::NotEmscripten {
            reason: "the JavaScript is not the body of one function".into(),
        })?;
        let Some(body) = &function.body else {
            return Ok(());
        };
        walker.strict |= body.has_use_strict_directive();
        let start = walker.after_directives(&body.directives, body.span.start + 1);
        walker.visit_statements(&body.statements);
        start
    } else {
        walker.strict |= program.has_use_strict_directive();
        let first = program.body.first().map(|first| first.span().start);
        let start = walker.after_directives(&program.directives, first.unwrap_or(program.span.end));
        walker.visit_statements(&program.body);
        start
    };
    if walker.module_syntax && options.kind != Kind::Module {
        return Err(ReadError::NotEmscripten {
            reason: "the JavaScript imports or exports, and is no module".into(),
        });
    }
    let mut scope = walker.leave_last();
    for name in &options.params {
        // What is given to the text may be assigned by it; its value is not the text's.
        if let Some(known) = scope.name_used(name)
            && scope.get(known).is_none()
        {
            scope.declare(known, How::Param, value::PRIMITIVE);
        }
    }
    let unknown = scope.close(None);
    // Others can see what a script declares, and what `eval` declares in its caller.
    let shared = matches!(options.kind, Kind::Script | Kind::Eval);
    scope.evil |= shared;
    walker.free(&scope);
    if let Some(matter) = Matter::of(&scope, &[], |_| false) {
        walker.register_first(start, separator, &matter, !shared);
    }
    if options.kind == Kind::Eval {
        return Ok(());
    }
    let mut unknown: Vec<_> = unknown
        .into_iter()
        .filter(|(name, uses)| {
            (uses.write || uses.inner_write) && ![THIS, ARGUMENTS, NEW_TARGET].contains(name)
        })
        .map(|(name, _)| name.to_owned())
        .collect();
    unknown.sort();
    for name in unknown {
        walker.facts.push(Fact::new(What::Undeclared, start, name));
    }
    Ok(())
}

/// The function that a text was wrapped in.
fn the_function<'p, 'a>(program: &'p Program<'a>) -> Option<&'p Function<'a>> {
    let [Statement::ExpressionStatement(statement)] = program.body.as_slice() else {
        return None;
    };
    match statement.expression.without_parentheses() {
        Expression::FunctionExpression(function) => Some(function),
        Expression::ObjectExpression(object) => match object.properties.as_slice() {
            [oxc_ast::ast::ObjectPropertyKind::ObjectProperty(property)] => match &property.value {
                Expression::FunctionExpression(function) => Some(function),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn finish(walker: Walker<'_, '_>, wrap: &Wrap<'_>) -> InstrumentedText {
    let from = wrap.before as u32;
    let to = (wrap.text.len() - wrap.after) as u32;
    let lines = Lines::of(wrap.text.get(wrap.before..).unwrap_or_default());
    let sites = walker
        .sites
        .into_iter()
        .map(|(id, at, names)| Site {
            id,
            line: lines.place(at.saturating_sub(from)).0,
            names,
        })
        .collect();
    let mut facts = walker.facts;
    for fact in &mut facts {
        (fact.line, fact.column) = lines.place(fact.at.saturating_sub(from));
    }
    let (code, columns) = walker.edits.apply(&wrap.text, from, to);
    InstrumentedText {
        code,
        facts,
        sites,
        columns,
    }
}

/// Where lines begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<u32>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let found = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(found).collect(),
        }
    }
    /// Line and column, from 1.
    fn place(&self, at: u32) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line
            .checked_sub(1)
            .and_then(|i| self.starts.get(i))
            .copied();
        let before = self.text.get(start.unwrap_or(0) as usize..at as usize);
        let units: usize = before
            .unwrap_or_default()
            .chars()
            .map(char::len_utf16)
            .sum();
        (line as u32, units as u32 + 1)
    }
}
