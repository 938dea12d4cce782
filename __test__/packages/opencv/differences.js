'use strict'

// Where emvm's module differs from the package's own on purpose: each with its reason. Nothing else may differ.

const MODULE_KEYS = [
  {
    keys: /^(createContext|getUserMedia|pauseMainLoop|resumeMainLoop|requestAnimationFrame|requestFull[Ss]creen|setCanvasSize|preloaded(Images|Audios)|FS_createPreloadedFile|FS_preloadFile|setDelayFunction)$/,
    reason: 'they drive a browser window, canvas or main loop, which Node has not; under Node they fail'
  },
  {
    keys: /^(asm|run|calledRun|(add|remove)RunDependency|onRuntimeInitialized|stdin|stdout|stderr|getMemory|establishStackSpace|globalCtors|__growWasmMemory|_emscripten_replace_memory|setThrew|___wasm_call_ctors)$/,
    reason: "they are steps and inputs of Emscripten's start-up, which is over when emvm gives the module"
  },
  {
    keys: /^(inspect|get_first_emval|count_emval_handles)$/,
    reason: "embind's own debugging aids over tables that emvm keeps in Rust; `vm.leaks()` and `vm.stats()` answer for them"
  },
  {
    keys: /^PureVirtualError$/,
    reason: 'newer embind has it; on older builds it is never thrown'
  }
]

const CLASS_KEYS = [
  {
    keys: /^\$\$$/,
    reason: 'where a handle keeps its state: an own property in embind, an accessor of the prototype in emvm'
  },
  {
    keys: /^major$/,
    reason: "the counter of `FS.createDevice`, which it keeps on itself; emvm's is in Rust"
  },
  {
    keys: /^(toString|name)$/,
    reason: "the error classes of older embind put `toString` on the prototype; emvm's have `name` there, as Error does"
  }
]

const OPERATIONS = [
  {
    keys: /^features2d\.drawKeypoints_with_flags$/,
    reason: 'older embind files the first overload under no count while its types are unbound, so that a call of it fails for its count; emvm says which type is unbound'
  },
  {
    keys: /^language\.lone_surrogates$/,
    reason: 'older Emscripten fuses a lone surrogate with the character after it; emvm writes U+FFFD as the newer one and TextEncoder do'
  }
]

// What differs in the text of errors only.
const ERROR_TEXT = [
  {
    pattern: / - expects one of \(.*\)!$/s,
    reason: 'embind prints the source text of its generated functions here',
    replacement: ' - expects one of (...)!'
  }
]

const allowed = (list, key) => list.find(({ keys }) => keys.test(key))

function normaliseErrorText (text) {
  return ERROR_TEXT.reduce((result, { pattern, replacement }) => result.replace(pattern, replacement), text)
}

module.exports = { MODULE_KEYS, CLASS_KEYS, OPERATIONS, allowed, normaliseErrorText }
