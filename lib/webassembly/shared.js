'use strict'

// Shared memories are V8's own, so that `buffer` is a SharedArrayBuffer that every thread and V8's `Atomics` know. What wasm of
// emvm's asks of one (to grow, to wait, to notify) V8 does as well.

const native = require('./native')
const { engine } = require('./convert')

const { wait, notify } = Atomics
const { apply } = Reflect
const EngineMemory = engine?.Memory
const growMemory = EngineMemory && EngineMemory.prototype.grow
const bufferOf = EngineMemory && Object.getOwnPropertyDescriptor(EngineMemory.prototype, 'buffer').get
const PAGE = 65536
const GUARD = 8 * 2 ** 30
const OUTCOMES = { ok: 0, 'not-equal': 1, 'timed-out': 2 }

const isSharedMemory = (value) => EngineMemory !== undefined && value instanceof EngineMemory && sharedBuffer(value) instanceof SharedArrayBuffer

// Whether V8 reserves address space that faults behind its memories, which code without bounds checks relies on: it does not
// where its trap handler is off. Asked once. Other threads may make and unmake mappings meanwhile: what is seen three times in
// a row is so, and what was not is asked for again.
let guarded
function isGuarded () {
  guarded ??= native.addressSpace() === undefined || Array.from({ length: 20 }).some(() => [1, 2, 3].every(reserves))
  return guarded
}

function reserves () {
  const before = native.addressSpace()
  const probe = new EngineMemory({ initial: 1, maximum: 1, shared: true })
  return native.addressSpace() - before >= GUARD && apply(bufferOf, probe, []).byteLength === PAGE
}

// Another thread of the process has asked.
function knowGuarded (answer) { guarded = answer }

// What the addon calls for a memory, whenever wasm asks. It leads to nothing but the memory.
function hostOf (memory) {
  const views = [undefined, undefined]
  const view = (at, View) => {
    const buffer = apply(bufferOf, memory, [])
    if (views[at]?.buffer !== buffer) views[at] = new View(buffer)
    return views[at]
  }
  return {
    grow: (delta) => {
      try {
        return apply(growMemory, memory, [delta])
      } catch {
        return -1
      }
    },
    wait: (offset, expected, ms) => {
      const limit = ms < 0 ? Infinity : ms
      return OUTCOMES[typeof expected === 'bigint'
        ? wait(view(1, BigInt64Array), offset / 8, expected, limit)
        : wait(view(0, Int32Array), offset / 4, expected, limit)]
    },
    notify: (offset, count) => notify(view(0, Int32Array), offset >>> 2, count)
  }
}

// Makes V8's memory one of the realm's; its number, which is the same in all realms. `isOurs`: the realm has made it.
function share (realm, memory, maximum, isOurs) {
  if (!isGuarded()) {
    const { UnsupportedError } = require('../base/errors')
    throw new UnsupportedError('V8 reserves no address space behind its memories in this process (--disable-wasm-trap-handler?), so that wasm cannot run on a shared WebAssembly.Memory')
  }
  return native.memoryShare(realm.handle, new Uint8Array(apply(bufferOf, memory, [])), maximum, isOurs, memory, hostOf(memory))
}

const makeShared = (initial, maximum) => new EngineMemory({ initial, maximum, shared: true })
const sharedBuffer = (memory) => apply(bufferOf, memory, [])

module.exports = { PAGE, isGuarded, knowGuarded, isSharedMemory, makeShared, share, sharedBuffer, hostOf }
