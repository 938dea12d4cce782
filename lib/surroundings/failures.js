'use strict'

// Failures that nobody waits for: promises that the glue made by itself and that are rejected, errors in its timers. While
// a generation starts they are the start's; once it has ended they are nobody's; in between they are the user's
// `onUncaught`, or without it the process's, as under plain Node.
//
// Whose a rejection is tells its asynchronous context: what a caller of the module awaits is the caller's.

const { AsyncLocalStorage } = require('node:async_hooks')
const path = require('node:path')
const { isNativeError } = require('node:util').types
const { Reflect: { apply, getOwnPropertyDescriptor }, SafeSet, SafeWeakSet } = require('../base/primordials')

const context = new AsyncLocalStorage()
const [STARTING, ALIVE, ENDED] = ['starting', 'alive', 'ended']
// Errors of work that a recycle ended: who waits for it is told; that nobody does is no failure.
const untold = new SafeWeakSet()
// Files of emvm's.
const OWN = path.dirname(__dirname)
const FATAL = new SafeSet(['uncaughtException', 'uncaughtExceptionMonitor'])
let watching = false

// What becomes of a generation's failures. Promises may hold it for ever, so that it leads to nothing once all is over.
class Failures {
  #state
  #fail
  #onUncaught

  // `isStarted`: of a generation that begins without a start.
  constructor (onUncaught, isStarted = false) {
    this.#onUncaught = onUncaught
    this.#state = isStarted ? ALIVE : STARTING
    // Rejected by the first failure while starting.
    this.ofStart = isStarted ? undefined : new Promise((resolve, reject) => { this.#fail = reject })
    this.ofStart?.catch(() => {})
  }

  get ended () { return this.#state === ENDED }

  // What `work` begins is this generation's.
  adopt (work) {
    watch()
    return context.run(this, work)
  }

  // Whether what begins now is this generation's.
  get adopting () { return context.getStore() === this }

  // A function that the module calls, as an import: what it begins is not its caller's.
  around (fn) { return (...args) => context.run(this, fn, ...args) }

  started () {
    this.#state = ALIVE
    this.#fail = undefined
  }

  end () {
    this.#state = ENDED
    this.#fail = this.#onUncaught = undefined
  }

  // A thread has failed: while starting it is the start's failure.
  faulted (error) { if (this.#state === STARTING) this.#fail(error) }

  // Whether the failure is taken care of.
  take (error) {
    if (this.#state === ENDED) return true
    const told = this.#state === STARTING ? this.#fail : this.#onUncaught
    if (told === undefined) return false
    told(error)
    return true
  }
}

// Node tells `process` of a rejection before it does anything else about it. A listener would see those of others too and
// would have to do for them what Node does without one; and other listeners would see those that are taken care of.
function watch () {
  if (watching) return
  watching = true
  const { emit } = process
  const watched = function (event, error) {
    if (FATAL.has(event) && isNodes(error)) return true
    if (event === 'unhandledRejection' && (untold.has(error) || context.getStore()?.take(error))) return true
    return apply(emit, this, arguments)
  }
  Object.defineProperty(process, 'emit', { value: watched, writable: true, configurable: true, enumerable: false })
}

// What Node's own objects (a stream, a socket) do with an object of a past generation, or pass on of its work.
function isNodes (error) {
  if (untold.has(error)) return true
  // Nothing of what is thrown runs here: no trap, no accessor.
  if (!isNativeError(error) || getOwnPropertyDescriptor(error, 'code')?.value !== 'EMVM_ERR_STALE') return false
  const frames = String(error.stack).split('\n').filter((line) => /^\s+at /.test(line) && !line.includes(OWN))
  return frames.length > 0 && frames.every((line) => /\(node:internal\/|at node:internal\/|\(node:(events|fs|net|stream)[:)]|<anonymous>\)$/.test(line))
}

// Of what `work` makes Node begin, rejections that are `isNobodys(error)` are no failures: nobody is given their promises.
function forgiving (isNobodys, work) {
  watch()
  return context.run({ take: isNobodys }, work)
}

function nobodys (error) {
  watch()
  untold.add(error)
  return error
}

module.exports = { Failures, forgiving, nobodys }
