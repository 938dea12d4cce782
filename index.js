'use strict'

// What stands in lib/api, loaded the quick way where that goes.
module.exports = require('./lib/base/scripts').loaded(module, 'lib/api') ?? require('./lib/api')

// Never runs: names for `import { ... } from 'emvm'` that Node cannot read from the object above.
// WebAssembly is not among them, since importing it would make its store: `import emvm from 'emvm'`, then `emvm.WebAssembly`.
/* eslint-disable no-undef, no-constant-binary-expression */
0 && (module.exports = {
  open, inspect, capabilities, interrupt, Sandbox, Checkpoint, Pool,
  EmvmError, SourceError, InvalidWasmError, MissingImportError, OptionError, StartError, TrapError, AbortError, ExitError,
  MemoryLimitError, TimeoutError, CppException, StaleHandleError, BusyError, NotReadyError, DisposedError, UnsupportedError,
  QueueFullError, WorkerError
})
