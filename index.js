'use strict'

const { load } = require('./lib/base/binding')
const { fromNative, ...errors } = require('./lib/base/errors')
const { nodeTooOld } = require('./lib/base/platform')

if (nodeTooOld()) throw new errors.UnsupportedError(nodeTooOld())

const { checkVariables, checkBackend } = require('./lib/variables')
checkVariables()

load().setErrorFactory(fromNative)

const { open } = require('./lib/open')
const { inspect, capabilities } = require('./lib/inspect')
checkBackend(capabilities)
const { Sandbox } = require('./lib/sandbox')
const { Checkpoint } = require('./lib/base/checkpoint')
const { interrupt } = require('./lib/interrupt')

module.exports = {
  open,
  inspect,
  capabilities,
  Sandbox,
  Checkpoint,
  interrupt,
  ...errors
}

// Loaded when first asked for.
Object.defineProperties(module.exports, {
  Pool: { enumerable: true, get: () => require('./lib/pool').Pool },
  WebAssembly: { enumerable: true, get: () => require('./lib/webassembly').WebAssembly }
})

// Never runs: names for `import { ... } from 'emvm'` that Node cannot read from the object above.
// WebAssembly is not among them, since importing it would make its store: `import emvm from 'emvm'`, then `emvm.WebAssembly`.
/* eslint-disable no-undef, no-constant-binary-expression */
0 && (module.exports = {
  open, inspect, capabilities, interrupt, Sandbox, Checkpoint, Pool,
  EmvmError, SourceError, InvalidWasmError, MissingImportError, OptionError, StartError, TrapError, AbortError, ExitError,
  MemoryLimitError, TimeoutError, CppException, StaleHandleError, BusyError, NotReadyError, DisposedError, UnsupportedError,
  QueueFullError, WorkerError
})
