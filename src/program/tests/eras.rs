//! One small glue of each era.

use super::super::wasm_facts::ValueType;
use super::*;
use crate::emscripten::abi::{ExceptionLayout, StatLayout};

#[test]
fn era_1_38_unminified_with_post_js() {
    let wasm = wasm(
        &[
            ("env", "__cxa_throw", "iii"),
            ("env", "custom", "i"),
            ("wasi_unstable", "fd_write", "iiii"),
        ],
        &["__wasm_call_ctors", "malloc", "dynCall_vi"],
    );
    let text = [
        "(function(root,factory){module.exports=factory()}(this,function(){var cv=(function(){return(function(cv){cv=cv||{};",
        "var Module=typeof cv!==\"undefined\"?cv:{};",
        SHELL,
        r#"var STACK_BASE=6997744,DYNAMIC_BASE=6997744,DYNAMICTOP_PTR=1754704;
        var INITIAL_TOTAL_MEMORY=Module["TOTAL_MEMORY"]||134217728;
        wasmMemory=new WebAssembly.Memory({"initial":INITIAL_TOTAL_MEMORY/65536,"maximum":1073741824/65536});
        __ATINIT__.push({func:function(){___wasm_call_ctors()}});
        function ___cxa_throw(){} function _fd_write(){}
        var table={};function helper(x){return table[x]+HEAP32[x>>2]} table.size=1;
        function _custom(x){return helper(x)}
        var asmLibraryArg={"__cxa_throw":___cxa_throw,"custom":_custom,"fd_write":_fd_write,"memory":wasmMemory};
        var asm=createWasm();Module["asm"]=asm;
        var ___wasm_call_ctors=Module["___wasm_call_ctors"]=function(){return Module["asm"]["__wasm_call_ctors"].apply(null,arguments)};
        var _malloc=Module["_malloc"]=function(){return Module["asm"]["malloc"].apply(null,arguments)};
        Module["then"]=function(f){f(Module)};
        function never(){Module["hidden"]=1}
        function run(){} run();
        if(typeof Module.FS==="undefined"&&typeof FS!=="undefined"){Module.FS=FS}
        if(typeof cv==="undefined"){var cv=Module}
        var count=0;function Point(x){this.x=x;count++}
        Module["Point"]=Point;Module["make"]=function(){return new cv.Mat(_malloc(8))};
        return cv})})();return cv(Module)}));"#,
    ]
    .concat();
    let reading = read_js(&text, &wasm);
    let glue = reading.glue.as_ref().unwrap();
    assert_eq!(*reading.wasm, wasm);
    assert_eq!(glue.names, NameState::Recoverable);
    assert_eq!(
        names(&reading),
        [
            ("__cxa_throw", "__cxa_throw"),
            ("custom", "custom"),
            ("fd_write", "fd_write")
        ]
    );
    assert_eq!(glue.layout.dynamic, Some((1754704, 6997744)));
    assert_eq!(glue.layout.total_memory, Some(134217728));
    assert_eq!(glue.constructors, ["__wasm_call_ctors"]);
    assert_eq!(glue.js_imports, ["custom"]);
    assert_eq!(
        glue.module_keys,
        [
            "asm",
            "___wasm_call_ctors",
            "_malloc",
            "then",
            "FS",
            "Point",
            "make"
        ]
    );
    assert!(glue.shape.modularize && glue.shape.commonjs && !glue.shape.esm);
    let fragment = glue.fragment.as_ref().unwrap();
    assert!(fragment.has_extras && !fragment.has_pre && !fragment.replaces_module);
    let source = &fragment.source;
    assert!(source.contains("\"custom\": _custom"), "{source}");
    assert!(
        source.contains("function helper(x){return table[x]+$live.HEAP32[x>>2]}"),
        "{source}"
    );
    assert!(
        source.contains("var table={};") && source.contains("$emvm.key(table,\"size\").size=1;"),
        "{source}"
    );
    assert!(source.contains("var count;"), "{source}");
    assert!(!source.contains("___cxa_throw"), "{source}");
    let free: Vec<(&str, &Role)> = fragment
        .free_names
        .iter()
        .map(|f| (f.name.as_str(), &f.role))
        .collect();
    assert_eq!(
        free,
        [
            ("$live", &Role::Live),
            ("FS", &Role::Provided("FS".into())),
            ("Module", &Role::Module),
            ("_malloc", &Role::Export("malloc".into())),
            ("cv", &Role::Module),
        ]
    );
    assert_eq!(
        (reading.versions.from, reading.versions.to),
        (1_38_46, 1_39_04)
    );
    assert!(!reading.abi.emval_even && reading.abi.embind_checks);
    assert_eq!(reading.abi.stat, StatLayout::S88);
    assert_eq!(reading.abi.exceptions, ExceptionLayout::HostMap);
}

#[test]
fn era_2_0_minified_names() {
    let wasm = wasm(&[("a", "a", "iii"), ("a", "b", "i")], &["c", "d", "e"]);
    let text = [
        "var Module=typeof Module!==\"undefined\"?Module:{};",
        SHELL,
        r#"function _emscripten_memcpy_big(){} function _emscripten_resize_heap(){}
        var asmLibraryArg={"a":_emscripten_memcpy_big,"b":_emscripten_resize_heap};var asm=createWasm();
        var ___wasm_call_ctors=Module["___wasm_call_ctors"]=function(){return(___wasm_call_ctors=Module["___wasm_call_ctors"]=Module["asm"]["c"]).apply(null,arguments)};
        var _malloc=Module["_malloc"]=function(){return(_malloc=Module["_malloc"]=Module["asm"]["d"]).apply(null,arguments)};
        var stackSave=Module["stackSave"]=function(){return(stackSave=Module["stackSave"]=Module["asm"]["e"]).apply(null,arguments)};
        function run(){} run();"#,
    ]
    .concat();
    let reading = read_js(&text, &wasm);
    let glue = reading.glue.as_ref().unwrap();
    assert_eq!(
        names(&reading),
        [
            ("a", "emscripten_memcpy_big"),
            ("b", "emscripten_resize_heap")
        ]
    );
    assert_eq!(glue.export_names["c"], "__wasm_call_ctors");
    assert_eq!(glue.export_names["d"], "malloc");
    assert_eq!(glue.export_names["e"], "stackSave");
    assert_eq!(glue.fragment, None);
    assert!(!glue.shape.modularize);
}

#[test]
fn era_3_1_arrow_wrappers_and_init_runtime() {
    let wasm = wasm(
        &[("a", "a", "ii"), ("a", "b", "iiii")],
        &["c", "d", "__indirect"],
    );
    let text = [
        "async function M(moduleArg={}){var Module=moduleArg;",
        SHELL,
        r#"var wasmExports;var initRuntime=()=>{};function initRuntime2(){wasmExports["c"]()}
        var ___cxa_throw=()=>{};var _fd_write=()=>{};
        var wasmImports={/** @export */a:___cxa_throw,b:_fd_write};
        wasmExports=await createWasm();
        var _malloc=Module["_malloc"]=a0=>(_malloc=Module["_malloc"]=wasmExports["d"])(a0);
        addOnInit(wasmExports["c"]);
        function run(){} run();return Module}export default M;"#,
    ]
    .concat();
    let reading = read_js(&text, &wasm);
    let glue = reading.glue.as_ref().unwrap();
    assert_eq!(names(&reading), [("a", "__cxa_throw"), ("b", "fd_write")]);
    assert_eq!(glue.export_names["d"], "malloc");
    assert_eq!(glue.export_names["c"], "__wasm_call_ctors");
    assert_eq!(glue.export_names["__indirect"], "__indirect");
    assert!(glue.shape.esm);
    assert!(reading.versions.from >= 3_01_44);
}

#[test]
fn era_4_0_assign_wasm_exports_em_asm_and_em_js() {
    let wasm = wasm(
        &[("a", "a", "iii"), ("a", "b", "ii"), ("a", "c", "i")],
        &["d", "e"],
    );
    let text = [
        "async function M(moduleArg={}){var Module=moduleArg;",
        SHELL,
        r#"var ASM_CONSTS={1024:($0,$1)=>{Module.seen=$0;console.log(UTF8ToString($1),HEAPU8[0])},2048:()=>{later({HEAPU8})}};
        var queue=undefined;function init_queue(){queue=[]}init_queue();
        function later(x){queue.push(x)}
        function js_hook(x){return $self(x)}var $self=x=>x+runtime$1(x);
        function runtime$1(x){return HEAPU8$1[x]}var HEAPU8$1;
        var _emscripten_asm_const_int=(a,b,c)=>ASM_CONSTS[a]();
        var __emval_create_invoker=()=>0;
        var _malloc,wasmExports;function assignWasmExports(wasmExports){_malloc=Module["_malloc"]=wasmExports["e"]}
        function initRuntime(){wasmExports["d"]()}
        var wasmImports={a:_emscripten_asm_const_int,b:js_hook,c:__emval_create_invoker};
        wasmExports=await createWasm();function run(){} run();
        moduleRtn=Module;return moduleRtn}"#,
    ]
    .concat()
    .replace("function initRuntime(){callRuntimeCallbacks(__ATINIT__)}", "");
    let reading = read_js(&text, &wasm);
    let glue = reading.glue.as_ref().unwrap();
    assert_eq!(glue.js_imports, ["js_hook"]);
    assert_eq!(glue.export_names["d"], "__wasm_call_ctors");
    assert_eq!(glue.export_names["e"], "malloc");
    assert_eq!(
        glue.em_asm.keys().copied().collect::<Vec<_>>(),
        [1024, 2048]
    );
    assert!(glue.em_asm[&1024].contains("$live.HEAPU8[0]"));
    assert!(glue.em_asm[&2048].contains("{HEAPU8:$live.HEAPU8}"));
    let fragment = glue.fragment.as_ref().unwrap();
    let source = &fragment.source;
    assert!(source.contains("init_queue();"), "{source}");
    assert!(source.contains("return $live.HEAPU8[x]"), "{source}");
    assert!(!fragment.has_extras, "{source}");
    assert!(reading.abi.emval_even && reading.versions.from >= 4_00_11);
}

#[test]
fn post_js_after_an_awaited_run() {
    for run in [
        "await run();",
        "createWasm().then(()=>run());",
        "createWasm().then(run);",
    ] {
        let wasm = wasm(&[("a", "a", "iii")], &["d", "e"]);
        let text = [
            "async function M(moduleArg={}){var Module=moduleArg;",
            SHELL,
            r#"var ___cxa_throw=()=>0;var _malloc,wasmExports;
            function assignWasmExports(wasmExports){_malloc=Module["_malloc"]=wasmExports["e"]}
            var wasmImports={a:___cxa_throw};async function run(){initRuntime()}"#,
            run,
            r#"(function(Module){Module["solve"]=x=>_malloc(x)})(Module);
            ;return Module}module.exports=M;"#,
        ]
        .concat();
        let reading = read_js(&text, &wasm);
        let fragment = reading.glue.as_ref().unwrap().fragment.as_ref();
        let fragment = fragment.unwrap_or_else(|| panic!("{run}"));
        assert!(fragment.has_extras && !fragment.replaces_module, "{run}");
        assert!(
            fragment
                .source
                .contains(r#"$emvm.key(Module,"solve")["solve"]=x=>_malloc(x)"#),
            "{}",
            fragment.source
        );
    }
}

#[test]
fn a_module_that_is_replaced() {
    let wasm = wasm(&[("a", "a", "iii")], &["d", "e"]);
    let glue = |pre: &str, post: &str| {
        [
            "var Module=typeof Module!==\"undefined\"?Module:{};",
            pre,
            "var moduleOverrides=Object.assign({},Module);",
            SHELL,
            r#"var ___cxa_throw=()=>0;var wasmImports={a:___cxa_throw};
            var _malloc=Module["_malloc"]=a0=>(_malloc=Module["_malloc"]=wasmExports["e"])(a0);
            function run(){} run();"#,
            post,
        ]
        .concat()
    };
    let replaces = |pre: &str, post: &str| {
        let reading = read_js(&glue(pre, post), &wasm);
        let fragment = reading.glue.as_ref().unwrap().fragment.as_ref();
        fragment.is_some_and(|f| f.replaces_module)
    };
    assert!(replaces("Module={...Module,raw(){return 1}};", ""));
    assert!(replaces(
        "",
        "function load(){}if(typeof module!=='undefined'){module.exports={load}}"
    ));
    assert!(!replaces("", "module.exports=Module;"));
    assert!(!replaces(
        "Module.preRun=[];",
        "function load(){}Module.load=load;"
    ));
}

#[test]
fn era_fastcomp_names_and_static_layout() {
    // Imports a global, as fastcomp's output does.
    let mut wasm = wasm(
        &[
            ("env", "___syscall5", "ii"),
            ("env", "_abort", "i"),
            ("asm2wasm", "f64-rem", "dd"),
        ],
        &["_malloc"],
    );
    let imports = 8 + 2 + wasm[9] as usize;
    let global = b"\x03env\x0dDYNAMICTOP_PTR\x03\x7f\0";
    let global: Vec<u8> = [&b"\x03env\x0e"[..], &global[5..]].concat();
    wasm[imports + 1] += global.len() as u8;
    wasm[imports + 2] += 1;
    let end = imports + 2 + wasm[imports + 1] as usize - global.len();
    wasm.splice(end..end, global);
    let text = [
        "var Module=Module||{};",
        SHELL,
        r#"var GLOBAL_BASE=1024;var STATIC_BASE,STATICTOP,STACK_BASE,STACKTOP,STACK_MAX,DYNAMIC_BASE,DYNAMICTOP_PTR;
        function staticAlloc(size){} var TOTAL_STACK=Module["TOTAL_STACK"]||5242880;
        STATIC_BASE=GLOBAL_BASE;STATICTOP=STATIC_BASE+8848;STATICTOP+=16;
        DYNAMICTOP_PTR=staticAlloc(4);STACK_BASE=STACKTOP=alignMemory(STATICTOP);STACK_MAX=STACK_BASE+TOTAL_STACK;
        DYNAMIC_BASE=alignMemory(STACK_MAX);HEAP32[DYNAMICTOP_PTR>>2]=DYNAMIC_BASE;
        function ___syscall5(){} function _abort(){}
        Module.asmLibraryArg={"___syscall5":___syscall5,"_abort":_abort};
        var asm=Module["asm"];var _malloc=Module["_malloc"]=function(){return Module["asm"]["_malloc"].apply(null,arguments)};
        function run(){} run();"#,
    ]
    .concat();
    let reading = read_js(&text, &wasm);
    let glue = reading.glue.as_ref().unwrap();
    assert!(reading.abi.fastcomp);
    assert_eq!(
        names(&reading),
        [
            ("___syscall5", "__syscall5"),
            ("_abort", "abort"),
            ("f64-rem", "asm2wasm.f64-rem")
        ]
    );
    assert!(glue.missing_imports.is_empty());
    assert_eq!(glue.export_names["_malloc"], "malloc");
    // 1024 + 8848 + 16 = 9888; the pointer takes 16 bytes of it, then the stack.
    assert_eq!(glue.layout.dynamic, Some((9888, 5252784)));
    assert_eq!(glue.layout.stack_base, Some(9904));
    assert_eq!(
        glue.layout.globals,
        [("env".into(), "DYNAMICTOP_PTR".into(), 9888.0)]
    );
}

#[test]
fn closure_output_is_told_apart() {
    let wasm = wasm(&[("a", "a", "i"), ("a", "b", "i")], &["c"]);
    let reading = read_js(
        r#"var M=function(a){a=a||{};var b=a;var w="@WASM@";function x(){}function y(){}var t={a:x,b:y};b._malloc=q.c;return b}"#,
        &wasm,
    );
    let glue = reading.glue.as_ref().unwrap();
    assert!(matches!(glue.names, NameState::Minified { .. }));
    assert_eq!(glue.fragment, None);
    assert_eq!(*reading.wasm, wasm);
}

#[test]
fn pre_js_and_module_replacement() {
    let wasm = wasm(&[("env", "abort", "")], &["malloc"]);
    let text = [
        r#"var Module=typeof Module!=="undefined"?Module:{};Module["preRun"]=function(){Module.api=api()};function api(){return 1}"#,
        SHELL,
        r#"function abort(){}var asmLibraryArg={"abort":abort};function run(){} run();Module=other();"#,
    ]
    .concat();
    let reading = read_js(&text, &wasm);
    let fragment = reading.glue.unwrap().fragment.unwrap();
    assert!(fragment.has_pre && fragment.replaces_module);
    assert!(
        fragment.source.contains("function api(){return 1}"),
        "{}",
        fragment.source
    );
}

#[test]
fn a_script_that_makes_its_module_before_emscripten_does() {
    let wasm = wasm(&[("env", "abort", "")], &["malloc"]);
    let text = [
        r#"if(typeof Module=="undefined"){Module={noInitialRun:true};Module.onRuntimeInitialized=function(){Module.loaded=true}}"#,
        r#"var Module=typeof Module!=="undefined"?Module:{};"#,
        SHELL,
        r#"function abort(){}var asmLibraryArg={"abort":abort};function run(){} run();"#,
    ]
    .concat();
    let fragment = read_js(&text, &wasm).glue.unwrap().fragment.unwrap();
    assert!(fragment.has_pre && fragment.replaces_module);
}

#[test]
fn pre_js_that_declares_its_own_module_adds_to_the_facades() {
    let wasm = wasm(&[("env", "abort", "")], &["malloc"]);
    let text = [
        r#"var Module=typeof Module!="undefined"?Module:{};var ENVIRONMENT_IS_NODE=true;"#,
        r#"var Module={parse:function(text){return Module._raw(text)}};class Own{} Module.Own=Own;"#,
        r#"var programArgs=[];var thisProgram="./this.program";"#,
        SHELL,
        r#"function abort(){}var wasmImports={abort};function run(){} run();"#,
    ]
    .concat();
    let fragment = read_js(&text, &wasm).glue.unwrap().fragment.unwrap();
    assert!(fragment.has_pre && !fragment.replaces_module);
    let source = &fragment.source;
    assert!(
        source.contains("Object.assign($emvm.whole(Module),{parse:"),
        "{source}"
    );
    assert!(
        source.contains("$emvm.key(Module,\"Own\").Own=Own"),
        "{source}"
    );
}

#[test]
fn pre_js_that_puts_defaults_under_its_module_adds_what_is_missing() {
    let wasm = wasm(&[("env", "abort", "")], &["malloc"]);
    for declared in ["", "var "] {
        let text = [
            r#"var Module=typeof Module!="undefined"?Module:{};var ENVIRONMENT_IS_NODE=true;"#,
            declared,
            r#"Module=Object.assign({noInitialRun:true,preRun:function(){}},Module);"#,
            SHELL,
            r#"function abort(){}var wasmImports={abort};function run(){} run();"#,
        ]
        .concat();
        let fragment = read_js(&text, &wasm).glue.unwrap().fragment.unwrap();
        assert!(fragment.has_pre && !fragment.replaces_module);
        let source = &fragment.source;
        assert!(
            source.contains("\n(function(a){for(var k in a)if(!(k in Module))$emvm.whole(Module)[k]=$emvm.got(a[k])})({noInitialRun:true,preRun:function(){}});"),
            "{source}"
        );
    }
}

#[test]
fn export_names_of_shadowed_variables() {
    let wasm = wasm(&[("a", "a", "")], &["b", "c"]);
    let text = r#"var F=(()=>function(moduleArg={}){var Module=moduleArg;var w="@WASM@";var ___getTypeName,_free;
        var __abort_js=()=>{};var wasmImports={a:__abort_js};
        function assignWasmExports(wasmExports2){___getTypeName=wasmExports2["b"];_free=wasmExports2["c"]}
        function run(){} run();return Module})()"#;
    let reading = read_js(text, &wasm);
    let names = &reading.glue.unwrap().export_names;
    assert_eq!((&*names["b"], &*names["c"]), ("__getTypeName", "free"));
}

#[test]
fn abi_from_signatures_alone() {
    let bare = |imports: &[(&str, &str, &str)]| {
        let source = SourceFile {
            path: None,
            bytes: wasm(imports, &["malloc"]),
            beside: None,
        };
        read(&source, None, host()).unwrap()
    };
    let old = bare(&[
        ("env", "_embind_register_emval", "ii"),
        ("env", "_embind_register_bool", "iiiii"),
    ]);
    assert!(old.abi.embind_args_suffix && !old.abi.emval_even && old.abi.emval_deletes_args);
    let new = bare(&[("env", "_emval_create_invoker", "iii")]);
    assert!(new.abi.emval_even && !new.abi.embind_counts && new.abi.time64);
    assert_eq!(new.wasm_origin, WasmOrigin::Source);
    assert_eq!(
        new.import_names[&("env".into(), "_emval_create_invoker".into())],
        "_emval_create_invoker"
    );
    assert_eq!(new.facts.functions[0].params[0], ValueType::I32);
    assert_eq!(new.facts.functions[0].to_string(), "(iii)→v");
    assert_ne!(old.key, new.key);
}
