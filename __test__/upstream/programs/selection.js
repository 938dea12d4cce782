'use strict'

// Which of Emscripten's small programs are run, with which flags and arguments, and why others are not.

const fs = require('node:fs')
const path = require('node:path')

const FOLDERS = [
  '.', 'core', 'cstdio', 'dirent', 'embind', 'emscripten_log', 'fcntl', 'fs', 'interop', 'math', 'netinet', 'other', 'printf', 'stdio', 'unistd', 'va_arg'
]

// Name (or a pattern of names) and the reason.
const SKIPPED = [
  [/pthread|_threads\b|^other\/test_icu|stdio_locking|main_thread_async/, 'threads'],
  [/dylink|dlfcn|dlopen|main_module|relocatable|test_asm\.c$|syscall_intercept/, 'dynamic linking'],
  [/asyncify|em_async_js|lazy_load_code|unistd\/sleep/, 'Asyncify'],
  [/gl_get_proc|GL_EMULATION|test_gl_/, 'WebGL'],
  [/asan|lsan|ubsan/, 'sanitizers'],
  [/wasmfs/, 'another file system, which this version only begins'],
  [/split_m|externref|funcptr_import_type|full_js_library|js_lib_symbol|custom_js_settings|modularize_closure/, 'comes with a JavaScript library or another file of its own'],
  [/test_abort_on_exception/, 'ABORT_ON_WASM_EXCEPTIONS wraps every function in JavaScript'],
  [/dwarf|autodebug/, 'about debug information'],
  [/FS_exports|legacy_exported_runtime_numbers/, 'looks at the glue by `eval` in its scope'],
  [/test_emscripten_api|test_llvm_used|embind\/test_val\.cpp/, 'emscripten_run_script, which emvm refuses unless the user answers that import'],
  [/fs\/test_mmap/, "looks at the size of MEMFS's own buffers"],
  [/longjmp_unwind/, 'prints addresses on the stack'],
  [/demangle_stacks/, "prints JavaScript's call stack"],
  [/extern_weak|export_global_address|standalone_syscalls|memory64/, 'about linking, not running'],
  [/symlink_on_nodefs/, 'the real disk under NODEFS']
]

const JS_EXCEPTIONS = ['-fexceptions']
const WASM_EXCEPTIONS = ['-fwasm-exceptions']
const VARIANTS = [
  [/exceptions|test_longjmp_throw|uncaught|EH/, { 'JavaScript exceptions': JS_EXCEPTIONS, 'wasm exceptions': WASM_EXCEPTIONS }],
  [/longjmp|setjmp/, { plain: [], O2: ['-O2'], 'wasm exceptions': [...WASM_EXCEPTIONS, '-sSUPPORT_LONGJMP=wasm'] }],
  [/^embind\/|embind_5|embind_poly/, { plain: ['-lembind'], O2: ['-lembind', '-O2'] }]
]

// Flags that a program needs to be what it is, as Emscripten's own runner gives them.
const FLAGS = [
  [/i64_binding|i64_val|i64_invoke_bigint/, ['-sWASM_BIGINT']],
  [/polymorphic_class_no_rtti/, ['-fno-rtti', '-DEMSCRIPTEN_HAS_UNBOUND_TYPE_NAMES=0']],
  [/EXPORTED_RUNTIME_METHODS/, ['-DEXPORTED', '-sDEFAULT_LIBRARY_FUNCS_TO_INCLUDE=$dynCall', '-sEXPORTED_RUNTIME_METHODS=dynCall,addFunction,lengthBytesUTF8,getTempRet0,setTempRet0,callMain']],
  [/dyncall_specific/, ['-DDYNAMIC_SIG', '-sDYNCALLS', '-sDEFAULT_LIBRARY_FUNCS_TO_INCLUDE=$dynCall']],
  [/emmalloc/, ['-sMALLOC=emmalloc']],
  [/get_compiler_setting/, ['-sRETAIN_COMPILER_SETTINGS']],
  [/getValue_setValue/, ['-sEXPORTED_RUNTIME_METHODS=getValue,setValue,callMain']],
  [/memory_growth_step/, ['-sTOTAL_STACK=1Mb', '-sINITIAL_MEMORY=64Mb', '-sMAXIMUM_MEMORY=130Mb', '-sMEMORY_GROWTH_LINEAR_STEP=1Mb']],
  [/geometric_step/, ['-sMEMORY_GROWTH_GEOMETRIC_STEP=8.5', '-sMEMORY_GROWTH_GEOMETRIC_CAP=32MB']],
  [/memorygrowth|mmap/, ['-sALLOW_MEMORY_GROWTH']],
  [/test_add_function/, ['-sRESERVED_FUNCTION_POINTERS=2', '-sALLOW_TABLE_GROWTH', '-sEXPORTED_RUNTIME_METHODS=addFunction,removeFunction,callMain']],
  [/test_ccall/, ['-sEXPORTED_FUNCTIONS=_get_int,_get_float,_get_bool,_get_string,_print_int,_print_float,_print_bool,_print_string,_multi,_pointer,_call_ccall_again,_malloc,_main', '-sEXPORTED_RUNTIME_METHODS=ccall,cwrap,callMain']],
  [/fs\/|FS_exports|libc_progname/, ['-sFORCE_FILESYSTEM']],
  [/atexit|fflush|iostream|stdio_locking|sup\b/, ['-sEXIT_RUNTIME']]
]

const ARGUMENTS = [
  [/test_i64_7z/, ['hallo']],
  [/test_i64_varargs/, ['waka', 'fleefl', 'asdfasdfasdfasdf']],
  [/test_fast_math/, ['5', '6', '8']],
  [/test_strings\.c/, ['wowie', 'too', '74']],
  [/life\.c/, ['2']],
  [/getopt\.c/, ['-t', '12', '-n', 'foobar']],
  [/getopt_long/, ['--file', 'foobar', '-b']],
  [/hello_argc/, ['hello', 'world']]
]

const first = (table, name) => (table.find(([pattern]) => pattern.test(name)) || [])[1]
const all = (table, name) => table.filter(([pattern]) => pattern.test(name)).flatMap(([, flags]) => flags)

function sources (folder) {
  const here = path.join(folder)
  return FOLDERS.filter((name) => fs.existsSync(path.join(here, name))).flatMap((name) => fs.readdirSync(path.join(here, name))
    .filter((file) => /\.(c|cpp)$/.test(file) && fs.existsSync(path.join(here, name, file.replace(/\.\w+$/, '.out'))))
    .map((file) => path.posix.join(name, file)))
}

// `{ programs: [{ name, file, flags, args }], skipped: [{ name, why }] }`
function select (folder) {
  const programs = []
  const skipped = []
  for (const name of sources(folder)) {
    const why = first(SKIPPED, name)
    if (why) {
      skipped.push({ name, why })
      continue
    }
    const variants = first(VARIANTS, name) || { plain: [] }
    for (const [variant, flags] of Object.entries(variants)) {
      programs.push({
        name: Object.keys(variants).length > 1 ? `${name} (${variant})` : name,
        file: path.join(folder, name),
        flags: [...flags, ...all(FLAGS, name)],
        args: first(ARGUMENTS, name) || []
      })
    }
  }
  return { programs, skipped }
}

module.exports = { select }
