'use strict'

// What runs first in a worker that a module's JavaScript started: the thread's `WebAssembly` is emvm's, and messages carry
// its modules and memories. Everything else is as Node makes it, and ends with the thread.

const threads = require('node:worker_threads')
const module_ = require('node:module')
const { createNamespace } = require('../webassembly')
const native = require('../webassembly/native')
const { incoming, outgoing } = require('./messages')
const { isFault } = require('./fault')
const { run } = require('./run')
const { workerClass } = require('./worker')

const { workerData: { emvm: { opened, ...settings }, theirs }, parentPort } = threads
const { id, memoryMax, stack, cache } = settings
const namespace = createNamespace({ memoryMax, stack, cache, interruptId: id })
Object.defineProperty(globalThis, 'WebAssembly', { value: namespace.WebAssembly, writable: true, configurable: true, enumerable: false })

// Threads of this thread count as the generation's; they end when this one does.
const group = { isOver: false, keepsAlive: true, add () {}, delete () {}, tell: (event, values, heard) => heard() }

// Where Node hands a message to those who listen at a port.
const DISPATCH = Symbol.for('nodejs.internal.kHybridDispatch')

function listen (port) {
  const dispatch = port[DISPATCH]
  if (typeof dispatch !== 'function') throw new Error(`emvm does not know how messages arrive in Node ${process.version}`)
  const { postMessage } = port
  const own = (key, value) => Object.defineProperty(port, key, { value, writable: true, configurable: true })
  own(DISPATCH, function (value, type, event) {
    return dispatch.call(this, type === 'message' ? incoming(value, namespace) : value, type, event)
  })
  own('postMessage', (message, transfer) => postMessage.call(port, outgoing(message, namespace), transfer))
}

listen(parentPort);
/** @type {any} */ (threads).workerData = incoming(theirs, namespace)
threads.Worker = workerClass(group, namespace, settings)
module_.syncBuiltinESMExports()

// An error of emvm's that nobody catches ends the thread and is the whole generation's fault. The thread that opened it may be
// waiting for this one: it hears of it at once.
function fail (error) {
  if (!isFault(error)) return
  const { message, code, trap, wasmStack, status, requested, limit, stack: text } = error
  native.threadsFail(id, JSON.stringify({ message: `${message}`, code, trap, wasmStack, status, requested, limit, stack: `${text}` }))
}

process.on('uncaughtExceptionMonitor', fail)
// Emscripten ends a thread that traps, and lets the one that waits for it throw something of its own: told before, the trap comes
// first.
namespace.onFault = (error) => { if (namespace.depth === 0) fail(error) }

run(opened)
