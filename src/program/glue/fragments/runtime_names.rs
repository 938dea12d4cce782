//! Names of Emscripten's JavaScript runtime that fragments never carry along.

/// Variables of the runtime that change while it runs.
pub fn is_live_name(name: &str) -> bool {
    matches!(
        name,
        "HEAP8"
            | "HEAPU8"
            | "HEAP16"
            | "HEAPU16"
            | "HEAP32"
            | "HEAPU32"
            | "HEAPF32"
            | "HEAPF64"
            | "HEAP64"
            | "HEAPU64"
            | "HEAP_DATA_VIEW"
            | "buffer"
            | "wasmMemory"
            | "ABORT"
            | "EXITSTATUS"
            | "runtimeInitialized"
            | "runtimeExited"
            | "calledRun"
            | "noExitRuntime"
            | "runtimeKeepaliveCounter"
            | "tempRet0"
            | "DYNAMICTOP"
            | "ENV"
            | "runDependencies"
            | "__ATPRERUN__"
            | "__ATINIT__"
            | "__ATMAIN__"
            | "__ATEXIT__"
            | "__ATPOSTRUN__"
    )
}

/// Names of the runtime's start-up and shell: never cut out, always supplied from outside.
pub const RUNTIME: [&str; 56] = [
    "Module",
    "moduleArg",
    "wasmExports",
    "asm",
    "wasmTable",
    "wasmImports",
    "asmLibraryArg",
    "wasmBinary",
    "wasmBinaryFile",
    "wasmModule",
    "run",
    "createWasm",
    "out",
    "err",
    "abort",
    "FS",
    "ENVIRONMENT_IS_NODE",
    "ENVIRONMENT_IS_WEB",
    "ENVIRONMENT_IS_WORKER",
    "ENVIRONMENT_IS_SHELL",
    "ENVIRONMENT_IS_PTHREAD",
    "ENVIRONMENT_HAS_NODE",
    "scriptDirectory",
    "_scriptName",
    "_scriptDir",
    "thisProgram",
    "arguments_",
    "quit_",
    "readAsync",
    "readBinary",
    "read_",
    "fs",
    "nodePath",
    "nodeFS",
    "addRunDependency",
    "removeRunDependency",
    "dependenciesFulfilled",
    "preRun",
    "preMain",
    "initRuntime",
    "exitRuntime",
    "postRun",
    "addOnPreRun",
    "addOnInit",
    "addOnPostRun",
    "addOnPreMain",
    "addOnExit",
    "moduleRtn",
    "readyPromiseResolve",
    "readyPromiseReject",
    "stackSave",
    "stackRestore",
    "stackAlloc",
    "updateMemoryViews",
    "doRun",
    "callMain",
];

pub const COMMON_JS: [&str; 5] = ["require", "module", "exports", "__filename", "__dirname"];
