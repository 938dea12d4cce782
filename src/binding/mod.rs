//! The N-API layer: values in and out, classes, ArrayBuffers. The only place that knows JavaScript.

mod addon;
mod capabilities;
mod embind;
mod errors;
mod exports;
mod js;
pub mod memory;
mod program;
mod raw;
pub mod sandbox;
pub mod webassembly;

/// Variables of Emscripten's JavaScript that `lib/facade` provides to code cut out of the glue. The list stands there too.
fn facade_provides(name: &str) -> bool {
    const PROVIDED: &[&str] = &[
        "HEAP8",
        "HEAPU8",
        "HEAP16",
        "HEAPU16",
        "HEAP32",
        "HEAPU32",
        "HEAPF32",
        "HEAPF64",
        "HEAP64",
        "HEAPU64",
        "HEAP_DATA_VIEW",
        "buffer",
        "wasmMemory",
        "wasmTable",
        "FS",
        "ENV",
        "UTF8ToString",
        "UTF8ArrayToString",
        "UTF8Decoder",
        "stringToUTF8",
        "stringToUTF8Array",
        "lengthBytesUTF8",
        "stringToNewUTF8",
        "stringToUTF8OnStack",
        "allocateUTF8",
        "allocateUTF8OnStack",
        "AsciiToString",
        "stringToAscii",
        "intArrayFromString",
        "intArrayToString",
        "UTF16ToString",
        "stringToUTF16",
        "lengthBytesUTF16",
        "UTF32ToString",
        "stringToUTF32",
        "lengthBytesUTF32",
        "writeStringToMemory",
        "writeArrayToMemory",
        "writeAsciiToMemory",
        "Pointer_stringify",
        "getValue",
        "setValue",
        "ccall",
        "cwrap",
        "allocate",
        "stackSave",
        "stackRestore",
        "stackAlloc",
        "addFunction",
        "removeFunction",
        "getWasmTableEntry",
        "setWasmTableEntry",
        "dynCall",
        "abort",
        "out",
        "err",
        "callMain",
        "getCFunc",
        "assert",
        "ALLOC_NORMAL",
        "ALLOC_STACK",
        "ExitStatus",
        "wasmExports",
        "Asyncify",
        "callUserCallback",
        "runtimeKeepalivePush",
        "runtimeKeepalivePop",
        "keepRuntimeAlive",
        "safeSetTimeout",
        "updateMemoryViews",
        "updateGlobalBufferViews",
        "exitRuntime",
        "_exit",
        "handleException",
        "warnOnce",
        "print",
        "printErr",
    ];
    PROVIDED.contains(&name)
}
