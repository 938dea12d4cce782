//! Which ABI generation a program is of, told from its wasm and its glue.

use super::glue::{self, GlueFacts};
use super::wasm_facts::{Signature, ValueType, WasmFacts};
use crate::emscripten::abi::{Abi, ExceptionLayout, Growth, StatLayout};
use std::collections::HashMap;

/// Evidence: signatures of imports by canonical name.
struct Evidence<'f> {
    imports: HashMap<&'f str, &'f Signature>,
    modules: Vec<&'f str>,
}

/// An estimate of Emscripten's version as a number: 3.1.45 is 3_01_45.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: u32,
    pub to: u32,
}

impl Range {
    fn at_least(&mut self, version: u32) {
        self.from = self.from.max(version);
    }
    fn at_most(&mut self, version: u32) {
        self.to = self.to.min(version);
    }
}

const OLDEST: u32 = 1_38_00;
const NEWEST: u32 = 9_99_99;

/// The versions that the evidence allows.
pub fn versions(
    facts: &WasmFacts,
    names: &HashMap<(String, String), String>,
    glue: Option<&GlueFacts>,
) -> Range {
    let evidence = Evidence {
        imports: facts
            .function_imports()
            .filter_map(|(import, signature)| {
                let key = (import.module.clone(), import.name.clone());
                Some((names.get(&key)?.as_str(), signature))
            })
            .collect(),
        modules: facts.imports.iter().map(|i| i.module.as_str()).collect(),
    };
    let mut range = Range {
        from: OLDEST,
        to: NEWEST,
    };
    embind(&evidence, &mut range);
    emval(&evidence, &mut range);
    system(&evidence, facts, &mut range);
    exports(facts, glue, &mut range);
    if let Some(evidence) = glue.map(|g| &g.evidence) {
        text(evidence, &mut range);
    }
    if range.from > range.to {
        // Evidence that contradicts itself comes from forks; the later feature is what the code must live with.
        range.to = range.from;
    }
    range
}

fn text(evidence: &glue::Evidence, range: &mut Range) {
    match evidence.emval_undefined {
        Some(1) => range.at_most(3_01_53),
        Some(_) => range.at_least(3_01_54),
        None => {}
    }
    match evidence.stat {
        Some(StatLayout::S88) => range.at_most(3_01_16),
        Some(StatLayout::S112) => {
            range.at_least(3_01_17);
            range.at_most(3_01_41);
        }
        Some(StatLayout::S96) => range.at_least(3_01_42),
        None => {}
    }
    match evidence.linux_errno {
        Some(true) => range.at_most(1_38_46),
        Some(false) => range.at_least(1_38_47),
        None => {}
    }
    if let Some(from) = evidence.from {
        range.at_least(from);
    }
    if let Some(to) = evidence.to {
        range.at_most(to);
    }
}

impl Evidence<'_> {
    fn arity(&self, name: &str) -> Option<usize> {
        self.imports.get(name).map(|s| s.params.len())
    }
    fn has(&self, name: &str) -> bool {
        self.imports.contains_key(name)
    }
}

fn embind(evidence: &Evidence<'_>, range: &mut Range) {
    match evidence.arity("_embind_register_emval") {
        Some(1) => range.at_least(3_01_52),
        Some(_) => range.at_most(3_01_51),
        None => {}
    }
    match evidence.arity("_embind_register_bool") {
        Some(4) => range.at_least(3_01_45),
        Some(_) => range.at_most(3_01_44),
        None => {}
    }
    match evidence.arity("_embind_register_function") {
        Some(8) => range.at_least(3_01_67),
        Some(7) => {
            range.at_least(3_01_33);
            range.at_most(3_01_66);
        }
        Some(6) => range.at_most(3_01_32),
        _ => {}
    }
    match evidence.arity("_embind_register_class_function") {
        Some(10) => range.at_least(3_01_67),
        Some(9) => {
            range.at_least(3_01_33);
            range.at_most(3_01_66);
        }
        Some(8) => range.at_most(3_01_32),
        _ => {}
    }
    match evidence.arity("_embind_register_enum") {
        Some(5) => range.at_least(4_00_23),
        Some(4) => range.at_most(4_00_22),
        _ => {}
    }
    for (name, from) in [
        ("_embind_register_bigint", 2_00_20),
        ("_embind_register_user_type", 3_01_47),
        ("_embind_register_optional", 3_01_52),
        ("_embind_register_user_type_definition", 4_00_17),
        ("_embind_register_iterable", 5_00_00),
    ] {
        if evidence.has(name) {
            range.at_least(from);
        }
    }
}

fn emval(evidence: &Evidence<'_>, range: &mut Range) {
    if evidence.has("_emval_create_invoker") {
        range.at_least(4_00_11);
    }
    match evidence.arity("_emval_get_method_caller") {
        Some(2) => range.at_most(3_01_47),
        Some(3) => {
            range.at_least(3_01_48);
            range.at_most(4_00_10);
        }
        _ => {}
    }
    for old in ["_emval_take_value", "_emval_as", "_emval_call_method"] {
        if evidence.has(old) {
            range.at_most(4_00_10);
        }
    }
    if evidence.has("_emval_call_void_method") {
        range.at_most(3_01_46);
    }
    for (name, from) in [
        ("_emval_new_u8string", 3_01_08),
        ("_emval_iter_begin", 3_01_47),
        ("_emval_coro_suspend", 3_01_48),
        ("_emval_from_current_cxa_exception", 4_00_10),
        ("_emval_array_to_memory_view", 4_00_15),
        ("_emval_invoke_i64", 4_00_22),
    ] {
        if evidence.has(name) {
            range.at_least(from);
        }
    }
}

fn system(evidence: &Evidence<'_>, facts: &WasmFacts, range: &mut Range) {
    if evidence.modules.contains(&"wasi_unstable") {
        range.at_least(1_38_44);
        range.at_most(1_39_04);
    }
    if evidence.modules.contains(&"wasi_snapshot_preview1") {
        range.at_least(1_39_05);
    }
    for name in evidence.imports.keys() {
        if let Some(rest) = name.strip_prefix("__syscall") {
            match rest.bytes().next() {
                Some(b'0'..=b'9') => range.at_most(1_39_11),
                Some(_) => range.at_least(2_00_32),
                None => {}
            }
        } else if name.starts_with("__sys_") {
            range.at_least(1_39_12);
            range.at_most(2_00_31);
        }
    }
    for (name, from, to) in [
        ("enlargeMemory", OLDEST, 1_38_24),
        ("getTotalMemory", OLDEST, 1_38_24),
        ("__setErrNo", OLDEST, 1_39_20),
        ("sbrk", OLDEST, 1_38_45),
        ("setTempRet0", OLDEST, 3_01_19),
        ("emscripten_memcpy_big", OLDEST, 3_01_45),
        ("emscripten_memcpy_js", 3_01_46, 3_01_56),
        ("_emscripten_memcpy_js", 3_01_57, 3_01_74),
        ("_emscripten_date_now", 3_01_08, 3_01_20),
        ("_abort_js", 3_01_59, NEWEST),
        ("abort", OLDEST, 3_01_58),
        ("clock_gettime", OLDEST, 3_01_07),
        ("strftime_l", OLDEST, 3_01_61),
        ("_emscripten_throw_longjmp", 2_00_24, NEWEST),
        ("_mmap_js", 3_01_05, NEWEST),
        ("__syscall_newfstatat", 3_01_08, NEWEST),
        ("__syscall_openat", 2_00_32, NEWEST),
        ("_setitimer_js", 3_01_09, NEWEST),
        ("__call_sighandler", 2_00_32, NEWEST),
        ("__syscall_poll_nonblocking", 6_00_01, NEWEST),
        ("_emval_is_catchable_cpp_exception_object", 6_00_01, NEWEST),
    ] {
        if evidence.has(name) {
            range.at_least(from);
            range.at_most(to);
        }
    }
    // The time crosses by pointer up to 3.1.42, then as an i64 or its two halves.
    for name in ["_localtime_js", "_gmtime_js"] {
        if let Some(signature) = evidence.imports.get(name) {
            let wide =
                signature.params.first() == Some(&ValueType::I64) || signature.params.len() == 3;
            match wide {
                true => range.at_least(3_01_43),
                false => {
                    range.at_least(3_00_01);
                    range.at_most(3_01_42);
                }
            }
            if !signature.results.is_empty() {
                range.at_least(6_00_02);
            }
        }
    }
    if facts.dylink.is_none()
        && facts
            .imports
            .iter()
            .any(|i| i.module == "env" && i.name == "table")
    {
        range.at_most(2_00_01);
    }
}

fn exports(facts: &WasmFacts, glue: Option<&GlueFacts>, range: &mut Range) {
    let canonical = |name: &str| {
        facts.export(name).is_some()
            || glue.is_some_and(|g| g.export_names.values().any(|n| n == name))
    };
    for (name, from, to) in [
        (
            "__embind_register_native_and_builtin_types",
            OLDEST,
            3_01_17,
        ),
        ("_embind_initialize_bindings", 3_01_18, NEWEST),
        ("__data_end", OLDEST, 2_00_01),
        ("__errno_location", OLDEST, 3_01_47),
        ("_emscripten_stack_restore", 3_01_52, NEWEST),
        ("__cxa_increment_exception_refcount", 3_01_36, NEWEST),
        ("__cxa_is_pointer_type", OLDEST, 3_01_74),
    ] {
        if canonical(name) {
            range.at_least(from);
            range.at_most(to);
        }
    }
    let exported_table = facts
        .exports
        .iter()
        .any(|e| matches!(e.item, super::wasm_facts::Item::Table(_)));
    if exported_table {
        range.at_least(2_00_02);
    }
    if glue.is_some_and(|g| g.layout.dynamic.is_some()) {
        range.at_most(2_00_02);
    }
}

/// The generation. Where the evidence leaves a choice, the reading that is right for more of the range wins; for a
/// wasm with no evidence at all that is current Emscripten.
pub fn abi(
    facts: &WasmFacts,
    names: &HashMap<(String, String), String>,
    glue: Option<&GlueFacts>,
) -> Abi {
    let mut range = versions(facts, names, glue);
    let fastcomp = super::is_fastcomp(facts);
    if fastcomp {
        range.at_most(1_40_01);
    }
    // Of a range that a change falls into, the side with current Emscripten wins if that is possible at all.
    let since =
        |version: u32| range.from >= version || (range.to >= version && range.to >= 4_00_00);
    let evidence = glue.map(|g| g.evidence.clone()).unwrap_or_default();
    let embind = evidence.embind;
    let fixed_memory = facts.memories.first().is_some_and(|m| m.max == Some(m.min));
    Abi {
        fastcomp,
        calls_by_dyncall: fastcomp || facts.emulates_casts,
        linux_errno: evidence.linux_errno.unwrap_or(range.to <= 1_38_46),
        stat: evidence.stat.unwrap_or(match () {
            () if since(3_01_42) => StatLayout::S96,
            () if since(3_01_17) => StatLayout::S112,
            () => StatLayout::S88,
        }),
        time64: evidence.time64.unwrap_or(since(3_01_17)),
        emval_even: match evidence.emval_undefined {
            Some(undefined) => undefined == 2,
            None => since(3_01_54),
        },
        embind_checks: embind.map_or(evidence.assertions || !since(3_00_00), |e| e.checks),
        embind_counts: embind.map_or(evidence.assertions || !since(3_01_68), |e| e.counts),
        embind_bare_fields: embind.is_some_and(|e| e.bare_fields),
        embind_args_suffix: embind.map_or(!since(3_01_45), |e| e.args_suffix),
        std_string_utf8: embind.is_none_or(|e| e.utf8),
        emval_deletes_args: !since(3_01_52),
        exceptions: match () {
            () if since(3_01_09) => ExceptionLayout::Header24,
            () if since(2_00_00) => ExceptionLayout::Header16,
            () => ExceptionLayout::HostMap,
        },
        exit_runtime: evidence.exit_runtime,
        anonymous_classes: embind.is_some_and(|e| e.anonymous),
        finalizers: embind.map_or(since(2_00_33), |e| e.finalizers),
        no_filesystem: !names.values().any(|name| OPENING.contains(&name.as_str())),
        absolute_links: !since(3_01_73),
        applies_umask: since(5_00_07),
        opens_folders_to_create: !since(4_00_00),
        unlisted_descriptors: !since(3_01_74),
        any_advice: !since(6_00_03),
        fixed_memory,
        aborting_malloc: evidence.aborting_malloc.unwrap_or(fixed_memory),
        growth: match evidence.growth {
            Some(growth) => growth,
            None if range.to < 1_39_06 => Growth::Doubling,
            None => Growth::default(),
        },
        elapsed_yday: !since(3_01_25),
        old_weeks: !since(3_01_08),
        zone_offsets: since(3_01_64),
        dynamic_top: glue.and_then(|g| g.layout.dynamic).map(|(at, _)| at),
    }
}

/// Imports that open files: Emscripten leaves its file system out of programs without any of them.
const OPENING: [&str; 6] = [
    "__syscall5",
    "__sys_open",
    "__syscall_open",
    "__sys_openat",
    "__syscall_openat",
    "path_open",
];
