//! Finding the functions of a module's allocator, so that they can be watched.

use super::wasm_custom::function_names;
use super::wasm_facts::{Item, Signature, ValueType, WasmFacts};
use crate::engine::{AllocatorKind, WatchedFunction};
use std::collections::BTreeMap;
use wasmparser::{Operator, Parser, Payload};

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Allocators {
    pub functions: Vec<Allocator>,
    /// Names that the module may have under another name, since it has none: neither exported nor in a name section.
    pub unseen: Vec<&'static str>,
}

/// A function of the module that allocates or frees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocator {
    /// Among all functions of the module.
    pub index: u32,
    pub name: String,
    pub kind: AllocatorKind,
    pub by: FoundBy,
}

/// What gave away that a function allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    Export,
    NameSection,
}

impl Allocators {
    /// Looks through a module's exports, under the names that `canonical` gives them, and its name section.
    pub fn find(wasm: &[u8], facts: &WasmFacts, canonical: &dyn Fn(&str) -> String) -> Self {
        let mut found: BTreeMap<u32, Allocator> = BTreeMap::new();
        let mut wrappers: BTreeMap<u32, Allocator> = BTreeMap::new();
        let exports = facts.exports.iter().filter_map(|export| match export.item {
            Item::Function(_) => Some((export.index, canonical(&export.name), FoundBy::Export)),
            _ => None,
        });
        let names = function_names(wasm).into_iter();
        let names = names.map(|(index, name)| (index, name, FoundBy::NameSection));
        for (index, name, by) in exports.chain(names) {
            // An import is not the module's own.
            if index < facts.imported_functions {
                continue;
            }
            let Some(signature) = facts.functions.get(index as usize) else {
                continue;
            };
            let Some((kind, wraps)) = role(&name, signature) else {
                continue;
            };
            let place = if wraps { &mut wrappers } else { &mut found };
            place.entry(index).or_insert(Allocator {
                index,
                name: readable(&name),
                kind,
                by,
            });
        }
        // `operator new` mostly calls `malloc`, which tells of the block already.
        if !wrappers.is_empty() {
            for index in indirect(wasm, facts.imported_functions, &wrappers, &found) {
                found.extend(wrappers.remove(&index).map(|wrapper| (index, wrapper)));
            }
        }
        let functions: Vec<_> = found.into_values().collect();
        let kinds = [
            ("malloc", AllocatorKind::Malloc),
            ("calloc", AllocatorKind::Calloc),
            ("realloc", AllocatorKind::Realloc),
            ("memalign", AllocatorKind::Memalign),
            ("free", AllocatorKind::Free),
        ];
        let missing = kinds
            .iter()
            .filter(|(_, kind)| !functions.iter().any(|f| f.kind == *kind))
            .map(|(name, _)| *name);
        Self {
            unseen: missing.filter(|_| !facts.has_names).collect(),
            functions,
        }
    }

    /// Whether blocks can be followed from their making to their end.
    pub fn suffice(&self) -> bool {
        let has = |free: bool| {
            self.functions
                .iter()
                .any(|f| (f.kind == AllocatorKind::Free) == free)
        };
        has(true) && has(false)
    }

    pub fn watched(&self, facts: &WasmFacts) -> Vec<WatchedFunction> {
        self.functions
            .iter()
            .map(|f| WatchedFunction {
                local: f.index - facts.imported_functions,
                kind: f.kind,
            })
            .collect()
    }
}

/// What a function of that name and type does, and whether it may be a mere wrapper.
fn role(name: &str, signature: &Signature) -> Option<(AllocatorKind, bool)> {
    use AllocatorKind as K;
    let plain = [
        "emscripten_builtin_",
        "__libc_",
        "dl",
        "emmalloc_",
        "mi_",
        "_",
    ]
    .iter()
    .find_map(|prefix| name.strip_prefix(prefix).filter(|rest| is_known(rest)))
    .unwrap_or(name);
    let (kind, params, result) = match plain {
        "malloc" => (K::Malloc, 1, true),
        "calloc" => (K::Calloc, 2, true),
        "realloc" => (K::Realloc, 2, true),
        "memalign" | "aligned_alloc" => (K::Memalign, 2, true),
        "posix_memalign" => (K::PosixMemalign, 3, true),
        "free" | "cfree" => (K::Free, 1, false),
        _ => return operator(name, signature).map(|kind| (kind, true)),
    };
    let fits = signature.params.len() == params && is_i32(signature, result);
    fits.then_some((kind, false))
}

fn is_known(name: &str) -> bool {
    matches!(
        name,
        "malloc" | "calloc" | "realloc" | "memalign" | "aligned_alloc" | "posix_memalign" | "free"
    )
}

fn is_i32(signature: &Signature, result: bool) -> bool {
    let all = |types: &[ValueType]| types.iter().all(|ty| *ty == ValueType::I32);
    all(&signature.params)
        && all(&signature.results)
        && signature.results.len() == usize::from(result)
}

/// `operator new` and `operator delete` in their variants, as the name section has them: mangled or not.
fn operator(name: &str, signature: &Signature) -> Option<AllocatorKind> {
    let mangled = name.strip_prefix('_').filter(|rest| rest.starts_with("_Z"));
    let mangled = mangled.unwrap_or(name);
    let is = |starts: &[&str]| starts.iter().any(|start| mangled.starts_with(start));
    // The size is an `unsigned long` or an `unsigned int`.
    let new = is(&[
        "_Znwm",
        "_Znwj",
        "_Znam",
        "_Znaj",
        "operator new(",
        "operator new[](",
    ]);
    let delete = is(&["_ZdlPv", "_ZdaPv", "operator delete(", "operator delete[]("]);
    let some = !signature.params.is_empty();
    // `new (place) T` allocates nothing.
    let places = is(&["_ZnwmPv", "_ZnwjPv", "_ZnamPv", "_ZnajPv"]) || name.contains(", void*)");
    if new && some && !places && is_i32(signature, true) {
        return Some(AllocatorKind::Malloc);
    }
    (delete && some && is_i32(signature, false)).then_some(AllocatorKind::Free)
}

/// A name as C++ has it.
pub fn readable(name: &str) -> String {
    let symbol = match name.strip_prefix('_') {
        Some(rest) if rest.starts_with("_Z") => rest,
        _ => name,
    };
    if !symbol.starts_with("_Z") {
        return name.to_owned();
    }
    let options = cpp_demangle::DemangleOptions::default();
    cpp_demangle::Symbol::new(symbol)
        .ok()
        .and_then(|symbol| symbol.demangle_with_options(&options).ok())
        .unwrap_or_else(|| name.to_owned())
}

/// Those of `wrappers` whose bodies call neither each other nor what was `found`.
fn indirect(
    wasm: &[u8],
    imported: u32,
    wrappers: &BTreeMap<u32, Allocator>,
    found: &BTreeMap<u32, Allocator>,
) -> Vec<u32> {
    let mut index = imported;
    let mut alone = Vec::new();
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        let Payload::CodeSectionEntry(body) = payload else {
            continue;
        };
        let here = index;
        index += 1;
        if !wrappers.contains_key(&here) {
            continue;
        }
        let Ok(mut operators) = body.get_operators_reader() else {
            continue;
        };
        let mut calls = false;
        while !operators.eof() {
            let Ok(operator) = operators.read() else {
                break;
            };
            if let Operator::Call { function_index } | Operator::ReturnCall { function_index } =
                operator
            {
                calls |= found.contains_key(&function_index)
                    || (function_index != here && wrappers.contains_key(&function_index));
            }
        }
        if !calls {
            alone.push(here);
        }
    }
    alone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(params: usize, results: usize) -> Signature {
        Signature {
            params: vec![ValueType::I32; params].into(),
            results: vec![ValueType::I32; results].into(),
        }
    }

    #[test]
    fn names_and_types_must_both_fit() {
        use AllocatorKind as K;
        for (name, params, results, expected) in [
            ("malloc", 1, 1, Some(K::Malloc)),
            ("_malloc", 1, 1, Some(K::Malloc)),
            ("dlmalloc", 1, 1, Some(K::Malloc)),
            ("emscripten_builtin_malloc", 1, 1, Some(K::Malloc)),
            ("malloc", 2, 1, None),
            ("mallocate", 1, 1, None),
            ("emmalloc_memalign", 2, 1, Some(K::Memalign)),
            ("dlposix_memalign", 3, 1, Some(K::PosixMemalign)),
            ("free", 1, 0, Some(K::Free)),
            ("free", 1, 1, None),
            ("operator new(unsigned long)", 1, 1, Some(K::Malloc)),
            ("operator new(unsigned long, void*)", 2, 1, None),
            ("_Znam", 1, 1, Some(K::Malloc)),
            ("__Znwj", 1, 1, Some(K::Malloc)),
            ("_ZdlPvm", 2, 0, Some(K::Free)),
            ("operator delete[](void*)", 1, 0, Some(K::Free)),
        ] {
            let found = role(name, &signature(params, results)).map(|(kind, _)| kind);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn names_are_shown_as_cpp_has_them() {
        assert_eq!(
            readable("_ZN2cv3Mat6createEiii"),
            "cv::Mat::create(int, int, int)"
        );
        assert_eq!(readable("__Znwj"), "operator new(unsigned int)");
        assert_eq!(readable("malloc"), "malloc");
        assert_eq!(readable("_main"), "_main");
    }
}
