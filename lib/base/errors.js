'use strict'

// Every error emvm throws has a class and a stable `code`; match on `code`. `instanceof` works across
// copies of the package, realms and workers: each class marks its instances with a symbol of the global registry.

const brandOf = (name) => Symbol.for(`emvm.error.${name}`)
const ordinaryHasInstance = Function.prototype[Symbol.hasInstance]

const classes = new Map()

function brand (Class, code) {
  const mark = brandOf(Class.name)
  Object.defineProperty(Class.prototype, mark, { value: true })
  Object.defineProperty(Class.prototype, 'name', { value: Class.name, configurable: true, writable: true })
  Object.defineProperty(Class, Symbol.hasInstance, {
    value (value) {
      // A subclass made by the user inherits this function, not the mark's meaning.
      if (this !== Class) return ordinaryHasInstance.call(this, value)
      return value !== null && typeof value === 'object' && value[mark] === true
    }
  })
  if (code) classes.set(code, Class)
  return Class
}

function setFields (error, fields) {
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue
    if (key === 'cause') Object.defineProperty(error, 'cause', { value, configurable: true, writable: true })
    else error[key] = value
  }
}

class EmvmError extends Error {
  /** @type {string | undefined} */
  static code

  constructor (message, fields = {}) {
    super(message)
    const { code, ...rest } = fields
    this.code = code || new.target.code || 'EMVM_ERR'
    setFields(this, rest)
  }
}
brand(EmvmError)

function define (name, code) {
  // The computed key gives the class its name.
  const Class = { [name]: class extends EmvmError {} }[name]
  Object.defineProperty(Class, 'code', { value: code })
  return brand(Class, code)
}

const SourceError = define('SourceError', 'EMVM_ERR_SOURCE')
const InvalidWasmError = define('InvalidWasmError', 'EMVM_ERR_INVALID_WASM')
const MissingImportError = define('MissingImportError', 'EMVM_ERR_MISSING_IMPORT')
const OptionError = define('OptionError', 'EMVM_ERR_OPTION')
const StartError = define('StartError', 'EMVM_ERR_START')
const TrapError = define('TrapError', 'EMVM_ERR_TRAP')
const AbortError = define('AbortError', 'EMVM_ERR_ABORT')
const ExitError = define('ExitError', 'EMVM_ERR_EXIT')
const MemoryLimitError = define('MemoryLimitError', 'EMVM_ERR_MEMORY')
const TimeoutError = define('TimeoutError', 'EMVM_ERR_TIMEOUT')
const CppException = define('CppException', 'EMVM_ERR_CPP_EXCEPTION')
const StaleHandleError = define('StaleHandleError', 'EMVM_ERR_STALE')
const BusyError = define('BusyError', 'EMVM_ERR_BUSY')
const NotReadyError = define('NotReadyError', 'EMVM_ERR_NOT_READY')
const DisposedError = define('DisposedError', 'EMVM_ERR_DISPOSED')
const UnsupportedError = define('UnsupportedError', 'EMVM_ERR_UNSUPPORTED')
const QueueFullError = define('QueueFullError', 'EMVM_ERR_QUEUE_FULL')
const WorkerError = define('WorkerError', 'EMVM_ERR_WORKER')

// Emscripten throws the bare pointer, and programs hand what they caught to `exceptionFromPtr`: as a number it is
// the pointer, everywhere else it reads like an error.
Object.defineProperty(CppException.prototype, Symbol.toPrimitive, {
  value (hint) {
    return hint === 'number' ? this.ptr : this.toString()
  }
})

// What the addon calls to make an error: `{ code, message, ...fields }` in, the right class out.
function fromNative (description) {
  const { code, message, ...fields } = description
  const Class = classes.get(code) || EmvmError
  const error = new Class(message, { code, ...fields })
  Error.captureStackTrace(error, fromNative)
  return error
}

module.exports = {
  EmvmError,
  SourceError,
  InvalidWasmError,
  MissingImportError,
  OptionError,
  StartError,
  TrapError,
  AbortError,
  ExitError,
  MemoryLimitError,
  TimeoutError,
  CppException,
  StaleHandleError,
  BusyError,
  NotReadyError,
  DisposedError,
  UnsupportedError,
  QueueFullError,
  WorkerError,
  fromNative
}
