'use strict'

// A thread of the pool: one sandbox, one task at a time, a fresh instance for each.

const { performance } = require('node:perf_hooks')
const { types } = require('node:util')
const { MessagePort, workerData } = require('node:worker_threads')
const { move: movable, transferableSymbol, valueSymbol } = require('piscina')
// Tells the addon of this thread how errors are made.
require('../..')
const { OptionError } = require('../base/errors')
const { Control } = require('./control')
const { pack, packError } = require('./envelope')
const { openWarm } = require('./warm')
const { resolve, fromFile } = require('./work')
// Loaded while the thread starts, not by its first task.
require('../facade/embind')

const { source, options, setup, warm } = workerData

// Nothing but this timer is left in a thread so often: the promise is given up.
const [QUIET_MS, QUIET_TURNS] = [100, 25]

const OWNS_BUFFER = Symbol.for('emvm.ownsBuffer')
const OWNS = Symbol.for('emvm.owns')

let sandbox = null
let openMs = 0
// The recycle that is under way, on the glue host: it goes on while the result is on its way.
let recycled = Promise.resolve()
let recycleMicros

async function ready () {
  if (sandbox === null) {
    const started = performance.now()
    sandbox = openSandbox()
    // A failure is told to the task that waits; the next one tries again.
    sandbox.catch(() => { sandbox = null })
    await sandbox
    openMs = performance.now() - started
  }
  await recycled
  return sandbox
}

async function openSandbox () {
  return openWarm(source, setup === undefined ? options : { ...options, ...await ownOptions() }, warm)
}

async function ownOptions () {
  const made = await fromFile(setup.file, setup.name)
  const own = await unlessStuck(() => made(options))
  if (own === null || typeof own !== 'object') {
    throw new OptionError(`The setup module '${setup.file}' returned ${own === null ? 'null' : typeof own}: expected an object of options for open().`, {
      option: 'setup', value: own, accepted: 'an object of options for open()'
    })
  }
  return own
}

// What setup gives, unless nothing is left in this thread that could settle it.
function unlessStuck (start) {
  // The thread's own ports stay; of what else there is, one is the timer below.
  const ports = () => process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length
  const others = () => process.getActiveResourcesInfo().filter((kind) => kind !== 'MessagePort').length - 1
  const known = ports()
  const made = start()
  let quiet = 0
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      quiet = others() > 0 || ports() > known ? 0 : quiet + 1
      if (quiet < QUIET_TURNS) return
      clearInterval(timer)
      reject(new OptionError(`The setup module '${setup.file}' returned a promise that can no longer settle: expected options for open().`, {
        option: 'setup', value: made, accepted: 'an object of options for open()'
      }))
    }, QUIET_MS)
    Promise.resolve(made).then(resolve, reject).finally(() => clearInterval(timer))
  })
}

const now = () => performance.timeOrigin + performance.now()

function timed (started) {
  recycleMicros = (performance.now() - started) * 1e3
}

// Memory goes back before the task counts as done, where that takes microseconds; where the package's own JavaScript has to run,
// it runs after the result was sent.
function recycleAfter (vm) {
  const started = performance.now()
  if (vm.host === 'native') {
    return vm.isReady().then(() => timed(started))
  }
  recycled = new Promise((resolve) => setImmediate(resolve)).then(() => {
    const started = performance.now()
    return vm.isReady().then(() => timed(started))
  }).catch(() => drop(vm))
  return undefined
}

// A sandbox that cannot be recycled is of no use: the next task opens another.
function drop (vm) {
  sandbox = null
  try {
    vm.dispose()
  } catch {
    // Its wasm is still on the stack, under a task that waits for something: the thread ends with it.
  }
}

module.exports = async function work ({ task, payload, control: shared }) {
  const control = new Control(shared)
  let vm
  try {
    vm = await ready()
  } catch (error) {
    return { error: packError(error) }
  }
  const report = { openMs, host: vm.host }
  openMs = 0
  if (recycleMicros !== undefined) {
    report.recycleMicros = recycleMicros
    recycleMicros = undefined
  }
  const stopping = new AbortController()
  const moved = new Set()
  const move = (value) => {
    moved.add(transferableOf(value))
    return value
  }
  if (!control.begin(vm.interruptHandle, now())) return { ...report, stopped: true }
  control.onStop(() => stopping.abort())
  report.began = control.startedAt
  const started = performance.now()
  let answer
  try {
    const fn = await resolve(task)
    const module = vm.exports
    const given = await fn(module, payload, { signal: stopping.signal, generation: vm.generation, move })
    const isMemory = (buffer) => vm[OWNS_BUFFER](buffer)
    const packed = pack(given, isMemory, (value) => vm[OWNS](value))
    for (const value of moved) if (isMemory(value)) moved.delete(value)
    moved.delete(undefined)
    answer = { value: packed.value, transfer: [...moved, ...packed.transfer] }
  } catch (error) {
    answer = { error: packError(error), transfer: [] }
  }
  report.runMs = performance.now() - started
  if (control.end()) {
    stopping.abort()
    report.stopped = true
  }
  try {
    await recycleAfter(vm)
    if (recycleMicros !== undefined) {
      report.recycleMicros = recycleMicros
      recycleMicros = undefined
    }
  } catch {
    drop(vm)
  }
  const { transfer, ...rest } = answer
  const message = { ...report, ...rest }
  return transfer.length === 0 ? message : movable({ [transferableSymbol]: transfer, [valueSymbol]: message })
}

// What may be moved instead of copied. A view of a part of a buffer is copied: moving would take the other parts along.
function transferableOf (value) {
  if (ArrayBuffer.isView(value)) return value.byteLength === value.buffer.byteLength ? transferableOf(value.buffer) : undefined
  if (types.isArrayBuffer(value) || value instanceof MessagePort) return value
  if (types.isSharedArrayBuffer(value)) return undefined
  throw new TypeError('move(value): value must be an ArrayBuffer, a view of one, or a MessagePort')
}
