'use strict'

// What runs first in a worker that a module's JavaScript started: the thread's `WebAssembly` is emvm's, and messages carry
// its modules and memories. Everything else is as Node makes it, and ends with the thread.

const threads = require('node:worker_threads')
const module_ = require('node:module')
const { createNamespace } = require('../webassembly')
const native = require('../webassembly/native')
const { knowGuarded } = require('../webassembly/shared')
const { evaluateWith } = require('../webassembly/translator')
const { incoming } = require('./messages')
const { stoppable } = require('./atomics')
const { carry, channels, receiver } = require('./ports')
const { isFault } = require('./fault')
const { run } = require('./run')
const { workerClass } = require('./worker')

const { workerData: { emvm: { opened, guarded, ...settings }, theirs } } = threads
knowGuarded(guarded)
const { id, memoryMax, timeout, stack, cache, tools } = settings
evaluateWith((file) => require(tools).evaluated(file))
const namespace = createNamespace({ memoryMax, timeout, stack, cache, interruptId: id })
namespace.joinThreads(id)
stoppable(Atomics, namespace)
carry(threads.MessagePort.prototype, namespace)
const { structuredClone, ...classes } = channels(namespace)
for (const [key, value] of Object.entries({ WebAssembly: namespace.WebAssembly, structuredClone, ...classes })) {
  Object.defineProperty(globalThis, key, { value, writable: true, configurable: true, enumerable: key === 'structuredClone' })
}

// Threads of this thread count as the generation's; they end when this one does.
const group = { isOver: false, keepsAlive: true, met () {}, add () {}, delete () {}, tell: (event, values, heard) => heard() }

Object.assign(threads, classes, {
  workerData: incoming(theirs, namespace),
  receiveMessageOnPort: receiver(namespace),
  Worker: workerClass(group, namespace, settings)
})
module_.syncBuiltinESMExports()

// An error of emvm's that nobody catches ends the thread and is the whole generation's fault. The thread that opened it may be
// waiting for this one: it hears of it at once.
function fail (error) {
  if (!isFault(error)) return
  const { message, code, trap, wasmStack, status, requested, limit, elapsed, interrupted, stack: text } = error
  native.threadsFail(id, JSON.stringify({ message: `${message}`, code, trap, wasmStack, status, requested, limit, elapsed, interrupted, stack: `${text}` }))
}

process.on('uncaughtExceptionMonitor', fail)
// Emscripten ends a thread that traps, and lets the one that waits for it throw something of its own: told before, the trap comes
// first.
namespace.onFault = (error) => { if (namespace.depth === 0) fail(error) }

run(opened)
