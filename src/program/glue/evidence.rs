//! What the text of the glue gives away about the ABI it was written for: sharper than the signatures in the wasm.

use super::names::Factory;
use super::parse::{Ast, contains};
use crate::emscripten::abi::{Growth, StatLayout};
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, AssignmentTarget, BinaryOperator, Expression, PropertyKey, Statement, SwitchCase,
};
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::UnaryOperator;

/// `None`: the glue has nothing to say about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// emval handle of `undefined`: 1, or 2 from 3.1.54.
    pub emval_undefined: Option<u32>,
    pub stat: Option<StatLayout>,
    pub linux_errno: Option<bool>,
    /// `time_t` is 64 bits wide.
    pub time64: Option<bool>,
    pub embind: Option<Embind>,
    /// Built with ASSERTIONS.
    pub assertions: bool,
    /// Built with INVOKE_RUN=0: `main` waits for `callMain`.
    pub no_initial_run: bool,
    /// Built with EXIT_RUNTIME: the return of `main` ends the program.
    pub exit_runtime: bool,
    /// The glue awaits its wasm, so `onRuntimeInitialized` is called before post-js and not after it.
    pub awaits_wasm: bool,
    /// What `getValue(ptr, 'i64')` gives.
    pub int64: Option<Int64>,
    /// `getValue(ptr, '*')` gives pointers as unsigned numbers.
    pub unsigned_pointers: Option<bool>,
    /// A lone surrogate is written as it is; before that it took the next code unit with it.
    pub code_points: Option<bool>,
    /// By how much memory grows beyond what was asked for.
    pub growth: Option<Growth>,
    /// Running out of memory aborts (ABORTING_MALLOC) instead of failing `malloc`.
    pub aborting_malloc: Option<bool>,
    /// Bounds on the version from the names that the runtime gives its own parts.
    pub from: Option<u32>,
    pub to: Option<u32>,
}

/// How JavaScript gets a 64-bit integer out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int64 {
    /// Its low 32 bits.
    Low,
    Number,
    BigInt,
}

/// What embind's JavaScript in the glue does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Embind {
    pub checks: bool,
    pub counts: bool,
    pub args_suffix: bool,
    pub bare_fields: bool,
    pub utf8: bool,
    /// Handles of smart pointers are destroyed when collected.
    pub finalizers: bool,
    /// Built with DYNAMIC_EXECUTION=0 when that still meant classes and functions without names.
    pub anonymous: bool,
}

/// Names of the runtime with the versions that have them.
const NAMES: [(&str, u32, u32); 6] = [
    ("wasmExports", 3_01_44, u32::MAX),
    ("assignWasmExports", 4_00_10, u32::MAX),
    ("findWasmBinary", 3_01_59, u32::MAX),
    ("updateMemoryViews", 3_01_30, u32::MAX),
    ("updateGlobalBufferAndViews", 1_38_43, 3_01_29),
    ("asmLibraryArg", 1_38_46, 3_01_30),
];

#[derive(Default)]
struct Errnos {
    wasi: usize,
    linux: usize,
}

pub fn read(ast: &Ast<'_>, factory: Factory<'_>) -> Evidence {
    let mut out = Evidence::default();
    let mut embind = Embind::default();
    let mut has_embind = false;
    let mut errnos = Errnos::default();
    let mut stats: Vec<(u32, Span)> = Vec::new();
    for node in ast.nodes.iter() {
        let kind = node.kind();
        if !contains(factory.span, kind.span()) {
            continue;
        }
        match kind {
            AstKind::StringLiteral(s) if s.value.len() < 2000 => {
                text(s.value.as_str(), &mut embind);
            }
            AstKind::TemplateElement(t) => {
                text(
                    t.value.cooked.as_ref().map_or("", |s| s.as_str()),
                    &mut embind,
                );
            }
            AstKind::AwaitExpression(a) => {
                out.awaits_wasm |= ast.slice(a.span).contains("createWasm");
            }
            AstKind::BinaryExpression(b) => {
                // `typeof value != "boolean"` is how embind checks numbers.
                let inequality = matches!(
                    b.operator,
                    BinaryOperator::Inequality | BinaryOperator::StrictInequality
                );
                let of = matches!(&b.left, Expression::UnaryExpression(u) if u.operator == UnaryOperator::Typeof);
                if inequality && of && b.right.is_specific_string_literal("boolean") {
                    embind.checks = true;
                }
            }
            AstKind::BindingIdentifier(id) => match id.name.as_str() {
                "__embind_register_std_string" => has_embind = true,
                name => {
                    if let Some((_, from, to)) = NAMES.iter().find(|(n, ..)| *n == name) {
                        out.from = Some(out.from.unwrap_or(0).max(*from));
                        out.to = Some(out.to.unwrap_or(u32::MAX).min(*to));
                    }
                }
            },
            AstKind::VariableDeclarator(d)
                if d.id
                    .get_binding_identifier()
                    .is_some_and(|id| id.name == "stdStringIsUTF8") =>
            {
                // EMBIND_STD_STRING_IS_UTF8=0 leaves `false`; else it is a comparison with the type's name, or `true`.
                let off = matches!(&d.init, Some(Expression::BooleanLiteral(b)) if !b.value);
                embind.utf8 = !off;
            }
            AstKind::IdentifierReference(id) if id.name == "FinalizationRegistry" => {
                embind.finalizers = true;
            }
            AstKind::StaticMemberExpression(m) if m.property.name == "FinalizationRegistry" => {
                embind.finalizers = true;
            }
            AstKind::SwitchCase(case) if out.emval_undefined.is_none() => {
                out.emval_undefined = emval_case(case);
            }
            AstKind::ObjectProperty(p) => {
                if let (PropertyKey::StaticIdentifier(key), Expression::NumericLiteral(n)) =
                    (&p.key, &p.value)
                    && key.name == "ENOENT"
                {
                    match n.value as u32 {
                        44 => errnos.wasi += 100,
                        2 => errnos.linux += 100,
                        _ => {}
                    }
                }
            }
            AstKind::NewExpression(new) => {
                let errno =
                    super::parse::member(&new.callee).is_some_and(|(_, name)| name == "ErrnoError");
                if let Some(Argument::NumericLiteral(n)) = new.arguments.first()
                    && errno
                {
                    // Numbers that only one of the two tables uses for what a file system reports.
                    match n.value as u32 {
                        44 | 54 | 63 | 28 | 31 => errnos.wasi += 1,
                        22 | 40 | 39 => errnos.linux += 1,
                        _ => {}
                    }
                }
            }
            AstKind::AssignmentExpression(a) => {
                if let Some(offset) = stat_mode(a) {
                    let function = ast.enclosing_function(node.id()).map(|f| f.span());
                    stats.extend(function.map(|f| (offset, f)));
                }
            }
            AstKind::CallExpression(call) => {
                out.assertions |= super::parse::identifier(&call.callee).is_some_and(|id| {
                    matches!(
                        id.name.as_str(),
                        "unexportedRuntimeSymbol"
                            | "unexportedRuntimeFunction"
                            | "writeStackCookie"
                            | "checkIncomingModuleAPI"
                    )
                });
            }
            AstKind::VariableDeclarator(d)
                if d.id
                    .get_binding_identifier()
                    .is_some_and(|id| is_telling(&id.name)) =>
            {
                let text = d.init.as_ref().map_or("", |init| ast.slice(init.span()));
                let name =
                    d.id.get_binding_identifier()
                        .map_or("", |id| id.name.as_str());
                told(name, text, &mut out);
            }
            AstKind::Function(f) if f.id.as_ref().is_some_and(|id| is_telling(&id.name)) => {
                let name = f.id.as_ref().map_or("", |id| id.name.as_str());
                told(name, ast.slice(f.span), &mut out);
            }
            AstKind::Function(f)
                if f.id
                    .as_ref()
                    .is_some_and(|id| id.name == "createNamedFunction") =>
            {
                let names = ["new Function", "defineProperty", "[name]"];
                let body = ast.slice(f.span);
                embind.anonymous = !names.iter().any(|way| body.contains(way));
            }
            AstKind::Function(f) if f.id.as_ref().is_some_and(|id| is_time(&id.name)) => {
                time(ast.slice(f.span), &mut out);
            }
            AstKind::VariableDeclarator(d)
                if d.id
                    .get_binding_identifier()
                    .is_some_and(|id| is_time(&id.name))
                    && d.init.is_some() =>
            {
                time(ast.slice(d.span), &mut out);
            }
            _ => {}
        }
    }
    out.embind = has_embind.then_some(embind);
    out.linux_errno = match (errnos.wasi, errnos.linux) {
        (0, 0) => None,
        (wasi, linux) => Some(linux > wasi),
    };
    out.stat = stats.first().map(|(offset, function)| match offset {
        4 => StatLayout::S96,
        _ if ast.slice(*function).replace(' ', "").contains("+104>>") => StatLayout::S112,
        _ => StatLayout::S88,
    });
    if let Some(layout) = out.stat {
        out.time64 = Some(layout != StatLayout::S88);
    }
    out
}

/// Parts of the runtime whose text says how they behave.
fn is_telling(name: &str) -> bool {
    matches!(
        name,
        "noExitRuntime"
            | "shouldRunNow"
            | "getValue"
            | "stringToUTF8Array"
            | "_emscripten_resize_heap"
    )
}

fn told(name: &str, text: &str, out: &mut Evidence) {
    match name {
        "shouldRunNow" => out.no_initial_run = matches!(text, "false" | "!1"),
        "noExitRuntime" => {
            let default = text.rsplit(['|', '?']).next().unwrap_or_default().trim();
            out.exit_runtime = matches!(default, "false" | "!1");
        }
        "_emscripten_resize_heap" => {
            let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            out.growth = growth(&plain);
            out.aborting_malloc = Some(plain.contains("abortOnCannotGrowMemory("));
        }
        "stringToUTF8Array" => out.code_points = Some(text.contains("codePointAt")),
        _ => {
            let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            out.int64 = Some(if plain.contains("Number(HEAP64") {
                Int64::Number
            } else if plain.contains("HEAP64[") {
                Int64::BigInt
            } else {
                Int64::Low
            });
            // Where `*` has no case of its own it was made `i32`.
            let star = ["case'*':", "case\"*\":", "case`*`:"]
                .iter()
                .find_map(|case| plain.split_once(case));
            out.unsigned_pointers =
                Some(star.is_some_and(|(_, after)| after.starts_with("returnHEAPU32")));
        }
    }
}

/// `oldSize * (1 + .2 / cutDown)` and `requestedSize + 100663296`, or `oldSize + 1048576 / cutDown`.
fn growth(resize_heap: &str) -> Option<Growth> {
    let number_before = |end: usize| -> Option<f64> {
        let head = &resize_heap[..end];
        let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E');
        head[head.trim_end_matches(digits).len()..].parse().ok()
    };
    let cut = resize_heap.find("/cutDown")?;
    let step = number_before(cut)?;
    if !resize_heap[..cut].contains("*(1+") {
        return Some(Growth::Linear { step: step as u64 });
    }
    let cap = resize_heap
        .match_indices("requestedSize+")
        .find_map(|(at, found)| {
            let rest = &resize_heap[at + found.len()..];
            rest[..rest.find(|c: char| !c.is_ascii_digit())?]
                .parse()
                .ok()
        });
    Some(Growth::Geometric { step, cap })
}

fn text(value: &str, embind: &mut Embind) {
    if value.contains("arguments, expected") {
        embind.counts = true;
    }
    if value.contains(" args!") {
        embind.args_suffix = true;
    }
    if value == "Missing field" {
        embind.bare_fields = true;
    }
}

/// `HEAP32[buf + 4 >> 2] = stat.mode`: the offset.
fn stat_mode(assignment: &oxc_ast::ast::AssignmentExpression<'_>) -> Option<u32> {
    let (_, property) = super::parse::member(&assignment.right)?;
    if property != "mode" {
        return None;
    }
    let AssignmentTarget::ComputedMemberExpression(target) = &assignment.left else {
        return None;
    };
    let heap = super::parse::identifier(&target.object)?;
    if !heap.name.starts_with("HEAP") {
        return None;
    }
    let mut index = target.expression.without_parentheses();
    while let Expression::BinaryExpression(shift) = index {
        if shift.operator == BinaryOperator::Addition {
            return match shift.right.without_parentheses() {
                Expression::NumericLiteral(n) => Some(n.value as u32),
                _ => None,
            };
        }
        index = shift.left.without_parentheses();
    }
    None
}

fn is_time(name: &str) -> bool {
    matches!(name, "__localtime_js" | "__gmtime_js")
}

/// Up to 3.1.42 these take a pointer to the time: to 32 bits, from 3.1.17 to 64 bits.
fn time(function: &str, out: &mut Evidence) {
    let compact: String = function
        .chars()
        .take(600)
        .filter(|c| !c.is_whitespace())
        .collect();
    if compact.contains("readI53FromI64(time") {
        out.time64 = Some(true);
        out.from = Some(out.from.unwrap_or(0).max(3_01_17));
    } else if compact.contains("HEAP32[time>>2]*1") && !compact.contains("HEAP32[time+4") {
        out.time64 = Some(false);
        out.to = Some(out.to.unwrap_or(u32::MAX).min(3_01_16));
    }
}

/// `case undefined: return 2` of `Emval.toHandle`.
fn emval_case(case: &SwitchCase<'_>) -> Option<u32> {
    let test = case.test.as_ref()?;
    if !(test.is_undefined() || test.is_void_0()) {
        return None;
    }
    let returned = case.consequent.iter().find_map(|s| match s {
        Statement::ReturnStatement(r) => r.argument.as_ref(),
        Statement::BlockStatement(b) => b.body.iter().find_map(|s| match s {
            Statement::ReturnStatement(r) => r.argument.as_ref(),
            _ => None,
        }),
        _ => None,
    });
    match returned {
        Some(Expression::NumericLiteral(n)) if n.value == 1.0 || n.value == 2.0 => {
            Some(n.value as u32)
        }
        _ => None,
    }
}
