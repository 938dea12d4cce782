'use strict'

// ccall, cwrap, dynCall and what they need of the module: its exports by name, its stack and its allocator.

const { UnsupportedError } = require('../base/errors')

function refuseAsync (ident) {
  throw new UnsupportedError(`calling ${ident} with { async: true } needs Asyncify: open the package's .js file with host: 'glue'`)
}

function makeCalls ({ facade, strings, lateExport, hasExport, table }) {
  const { module, sandbox } = facade

  // The newest name first; a module that exports none of them still has its stack pointer.
  function stack (names, fallback) {
    let found
    return (value) => {
      if (found === undefined) {
        const name = names.find(hasExport)
        found = name === undefined ? fallback : lateExport(name)
      }
      return found(value)
    }
  }
  const stackSave = stack(['emscripten_stack_get_current', 'stackSave'], () => sandbox.stackPointer())
  const stackRestore = stack(['_emscripten_stack_restore', 'stackRestore'], (ptr) => { sandbox.stackPointer(ptr | 0) })
  const stackAlloc = stack(['_emscripten_stack_alloc', 'stackAlloc'], (size) => {
    const ptr = (sandbox.stackPointer() - size) & -16
    sandbox.stackPointer(ptr)
    return ptr
  })
  const malloc = lateExport('malloc')
  const free = lateExport('free')

  function stringToUTF8OnStack (text) {
    const size = strings.lengthBytesUTF8(text) + 1
    const ptr = stackAlloc(size)
    strings.stringToUTF8(text, ptr, size)
    return ptr
  }

  function stringToNewUTF8 (text) {
    const size = strings.lengthBytesUTF8(text) + 1
    const ptr = malloc(size)
    if (ptr) strings.stringToUTF8(text, ptr, size)
    return ptr
  }

  const convert = {
    string (text) {
      return text === null || text === undefined || text === 0 ? 0 : stringToUTF8OnStack(text)
    },
    array (array) {
      const ptr = stackAlloc(array.length)
      strings.writeArrayToMemory(array, ptr)
      return ptr
    }
  }

  function getCFunc (ident) {
    const found = module[`_${ident}`]
    if (found !== undefined) return found
    if (hasExport(ident)) return lateExport(ident)
    throw new TypeError(`Cannot call unknown function ${ident}, make sure it is exported`)
  }

  function convertReturned (value, type) {
    if (type === 'string') return strings.UTF8ToString(value)
    if (type === 'boolean') return Boolean(value)
    return value
  }

  function ccall (ident, returnType, argTypes, args, opts) {
    if (opts && opts.async) refuseAsync(ident)
    const fn = getCFunc(ident)
    if (!args || args.length === 0) return convertReturned(fn(), returnType)
    const given = new Array(args.length)
    let saved
    try {
      for (let i = 0; i < args.length; i++) {
        const converter = convert[argTypes[i]]
        if (converter === undefined) {
          given[i] = args[i]
        } else {
          if (saved === undefined) saved = stackSave()
          given[i] = converter(args[i])
        }
      }
      return convertReturned(fn(...given), returnType)
    } finally {
      if (saved !== undefined) stackRestore(saved)
    }
  }

  function cwrap (ident, returnType, argTypes, opts) {
    if (opts && opts.async) refuseAsync(ident)
    const numeric = !argTypes || argTypes.every((type) => convert[type] === undefined)
    // As in Emscripten a boolean result stays the number it is here, unless the build checks its calls.
    const checked = returnType === 'boolean' && facade.facts.assertions
    if (numeric && returnType !== 'string' && !checked && !opts) return getCFunc(ident)
    return (...args) => ccall(ident, returnType, argTypes, args, opts)
  }

  // Exported by builds that had to split 64-bit integers.
  function dynCall (sig, ptr, args = [], ...rest) {
    const list = Array.isArray(args) ? args : [args, ...rest]
    const name = `dynCall_${sig}`
    if (hasExport(name)) return lateExport(name)(ptr, ...list)
    return table.getWasmTableEntry(ptr)(...list)
  }

  return {
    api: {
      ccall,
      cwrap,
      dynCall,
      stackSave,
      stackRestore,
      stackAlloc,
      stringToNewUTF8,
      stringToUTF8OnStack,
      allocateUTF8: stringToNewUTF8,
      allocateUTF8OnStack: stringToUTF8OnStack
    },
    getCFunc,
    malloc,
    free
  }
}

module.exports = { makeCalls }
