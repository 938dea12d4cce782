'use strict'

// Sandboxes on worker threads: tasks queue here, piscina keeps the threads.

const path = require('node:path')
const { EventEmitter } = require('node:events')
const { performance } = require('node:perf_hooks')
const { isNativeError } = require('node:util').types
const { load } = require('../base/binding')
const { nextTick } = require('../base/clock')
const { openOptions } = require('../options')
const { openProgram } = require('../open')
const { DisposedError, QueueFullError, TimeoutError, UnsupportedError, WorkerError } = require('../base/errors')
const { Control } = require('./control')
const { noThread } = require('../base/binding')
const { threadFile } = require('../base/thread-file')
const { forgiving } = require('../surroundings/failures')
const { unpackError, textOf } = require('./envelope')
const { describe } = require('./work')
const { poolOptions, sourceFor, taskOptions } = require('./options')
const { PoolStats } = require('./stats')
const { Warm } = require('./warm')

const INTERRUPT_MS = 5
// From when a thread is asked for until the task begins: it loads, runs `setup`, opens the source.
const START_LIMIT = 60_000

const now = () => performance.timeOrigin + performance.now()
// What piscina ends a task with that it has when it is destroyed.
const isTermination = (error) => isNativeError(error) && error.message === 'Terminating worker thread'

// One call of `run`, from the queue to its end.
class Task {
  control = new Control()
  // Aborted to end the worker itself.
  kill = new AbortController()
  queuedAt = now()
  settled = false
  running = false
  timers = new Set()
  /** @type {(() => void) | undefined} */
  onAbort

  constructor (message, { transferList, signal, timeout }) {
    this.message = { ...message, control: this.control.buffer }
    this.transferList = transferList
    this.signal = signal
    this.timeout = timeout
    this.promise = new Promise((resolve, reject) => {
      this.resolve = (value) => { this.#settle(); resolve(value) }
      this.reject = (error) => { this.#settle(); reject(error) }
    })
  }

  after (ms, fn) {
    const timer = setTimeout(() => { this.timers.delete(timer); fn() }, Math.min(ms, 2 ** 31 - 1))
    this.timers.add(timer)
  }

  clear () {
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
  }

  #settle () {
    this.settled = true
    if (this.onAbort) this.signal.removeEventListener('abort', this.onAbort)
  }
}

class Pool extends EventEmitter {
  #options
  #source
  #piscina
  #program = null
  #queue = []
  #running = new Set()
  #stats = new PoolStats()
  #needsDrain = false
  // What one thread has warmed up, for the others.
  #warm = new Warm()
  #destroyed = null
  // The newest error of a thread that had no task.
  #strayed

  constructor (source, given) {
    super()
    const options = poolOptions(given)
    this.#options = options
    this.#source = sourceFor(source)
    const { Piscina } = require('piscina')
    const filename = threadFile(path.join(__dirname, 'worker.js'), 'Pool')
    if (options.minThreads > 0) this.#askForThread()
    this.#piscina = new Piscina({
      filename,
      minThreads: options.minThreads,
      maxThreads: options.maxThreads,
      idleTimeout: options.idleTimeout,
      ...(options.resourceLimits && { resourceLimits: options.resourceLimits }),
      // With atomics an idle worker blocks its event loop, which the glue host needs for its standby.
      atomics: 'disabled',
      workerData: { source: this.#source, options: options.open, warm: this.#warm.buffer, ...(options.setup && { setup: options.setup }) }
    })
    this.#piscina.on('error', (error) => this.#strayError(error))
    this.#piscina.on('workerDestroy', () => this.#threadGone())
  }

  get maxThreads () { return this.#options.maxThreads }
  get threads () { return this.#piscina.threads.length }
  get queueSize () { return this.#queue.length }

  // The pool has no free thread for another task: hold back until 'drain'.
  get needsDrain () { return this.#needsDrain }

  // Reads and compiles the source, which the workers then share. Resolves when a task would not wait for it.
  async ready () {
    this.#check()
    await this.#compiled()
  }

  /**
   * @param {any} work
   * @param {any} [payload]
   * @param {any} [options]
   */
  run (work, payload, options) {
    let task
    let signal
    try {
      this.#check()
      const { transferList, timeout, name, ...rest } = taskOptions(options, { timeout: this.#options.timeout })
      signal = rest.signal
      if (signal !== undefined) signal.throwIfAborted()
      if (this.#queue.length > 0 || this.#running.size >= this.maxThreads) this.#admit()
      task = new Task({ task: describe(work, name), payload }, { transferList, signal, timeout })
    } catch (error) {
      return Promise.reject(error)
    }
    if (signal !== undefined) {
      task.onAbort = () => this.#abort(task)
      signal.addEventListener('abort', task.onAbort, { once: true })
    }
    this.#queue.push(task)
    this.#next()
    return task.promise
  }

  // What a listener throws is the process's, and not the end of the task that happened to be on its way.
  #tell (event) {
    try {
      this.emit(event)
    } catch (error) {
      nextTick(() => { throw error })
    }
  }

  #admit () {
    const { maxQueue } = this.#options
    if (this.#queue.length < maxQueue) return
    throw new QueueFullError(
      `All ${this.maxThreads} threads are busy and ${this.#queue.length} tasks wait, which is the most that maxQueue allows: wait for 'drain', or raise maxQueue.`,
      { queued: this.#queue.length, maxQueue })
  }

  #compiled () {
    if (this.#program === null) {
      const made = openProgram(this.#source, openOptions(this.#options.open))
      this.#program = made
      // A file that is not there yet may be there for the next task.
      made.catch(() => { this.#program = null })
    }
    return this.#program
  }

  #next () {
    while (this.#queue.length > 0 && this.#running.size < this.maxThreads) {
      const task = this.#queue.shift()
      task.done = this.#start(task)
    }
    const full = this.#running.size >= this.maxThreads
    if (full && !this.#needsDrain) {
      this.#needsDrain = true
      this.#tell('needsDrain')
    } else if (!full && this.#needsDrain && this.#queue.length === 0) {
      this.#needsDrain = false
      this.#tell('drain')
    }
  }

  async #start (task) {
    this.#running.add(task)
    try {
      await this.#compiled()
      if (task.settled) return
      task.running = true
      if (this.#piscina.threads.length < Math.min(this.maxThreads, this.#running.size)) this.#askForThread()
      if (task.timeout !== undefined) this.#watch(task)
      task.after(Math.max(START_LIMIT, task.timeout ?? 0), () => this.#late(task))
      // Where the system has no thread for it after all, piscina throws and keeps the task, whose promise nobody has.
      const answer = await forgiving(isTermination, () => this.#piscina.run(task.message, { transferList: task.transferList, signal: task.kill.signal }))
      this.#stats.note(answer, task.queuedAt)
      if (!task.settled) this.#finish(task, answer)
    } catch (error) {
      if (!task.settled) this.#lost(task, error)
    } finally {
      task.clear()
      this.#running.delete(task)
      this.#next()
    }
  }

  // Piscina starts a thread for this task; where the system refused it, it would do so again where nobody can catch it.
  #askForThread () {
    const why = load().threadRefused()
    if (why) throw new UnsupportedError(`Pool: ${why}, or lower maxThreads (${this.maxThreads})`)
  }

  #finish (task, answer) {
    if (answer.error !== undefined) {
      this.#stats.counts.failed++
      task.reject(unpackError(answer.error))
    } else {
      this.#stats.counts.completed++
      task.resolve(answer.value)
    }
  }

  // The task has no answer: it could not be sent, or its worker is gone.
  #lost (task, cause) {
    this.#stats.counts.failed++
    const code = cause?.code ?? ''
    if (cause?.name === 'DataCloneError' || String(code).startsWith('EMVM_ERR') || cause instanceof TypeError) {
      task.reject(cause)
    } else if (this.#destroyed) {
      task.reject(destroyed())
    } else {
      this.#stats.counts.workersLost++
      const why = textOf(cause)
      const what = 'The worker thread ended while it ran the task'
      task.reject(new WorkerError(`${what}${why === 'EAGAIN' ? `: ${noThread(why)}` : ` (${why}); another thread takes its place`}.`, { cause }))
    }
  }

  // Time counts from when the task begins, not while its worker starts.
  #watch (task) {
    const look = () => {
      if (task.settled) return
      const { startedAt } = task.control
      const elapsed = startedAt === 0 ? 0 : now() - startedAt
      if (elapsed < task.timeout) {
        task.after(Math.max(1, startedAt === 0 ? Math.min(task.timeout, 50) : task.timeout - elapsed), look)
        return
      }
      this.#stats.counts.timeouts++
      this.#stop(task, new TimeoutError(`the task ran for ${Math.round(elapsed)} ms, the limit is ${task.timeout} ms`, { limit: task.timeout, elapsed }))
    }
    look()
  }

  #abort (task) {
    this.#stats.counts.aborted++
    this.#stop(task, task.signal.reason)
  }

  // The caller hears at once. The wasm stops at its next interruption check; a task that does not end all the same, because it is
  // in an endless loop of JavaScript or waits for something, loses its worker after the grace.
  #stop (task, reason) {
    task.reject(reason)
    if (!task.running) {
      const at = this.#queue.indexOf(task)
      if (at !== -1) this.#queue.splice(at, 1)
      return
    }
    this.#interrupt(task)
    task.after(this.#options.grace, () => {
      this.#stats.counts.workersLost++
      task.kill.abort()
    })
  }

  // An interruption between two calls into the module passes without effect: it is repeated until the task has ended.
  #interrupt (task) {
    if (task.control.stop((id) => load().interrupt(id))) task.after(INTERRUPT_MS, () => this.#interrupt(task))
  }

  // Its thread never got as far as the task.
  #late (task) {
    if (task.settled || task.control.startedAt !== 0) return
    this.#stats.counts.workersLost++
    task.reject(new WorkerError(`The worker thread did not begin the task within ${START_LIMIT} ms: \`setup\` or the module's start-up blocks it.`))
    task.kill.abort()
  }

  // Piscina starts no other thread for tasks that wait when one ends before it is ready: without any thread left, nobody would run them.
  #threadGone () {
    this.#warm.threadGone()
    setImmediate(() => {
      if (this.#destroyed !== null || this.#piscina.threads.length > 0) return
      const cause = this.#strayed
      this.#strayed = undefined
      for (const task of this.#running) {
        if (task.settled || !task.running) continue
        task.reject(new WorkerError(`No worker thread could be started (${cause === undefined ? 'it ended while it started' : textOf(cause)}).`, { cause }))
        task.kill.abort()
      }
    })
  }

  // Thrown in a worker outside of any task, say in a forgotten timer: piscina has replaced the worker.
  #strayError (error) {
    this.#strayed = error
    this.#stats.counts.workersLost++
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  stats () {
    return {
      threads: this.threads,
      running: this.#running.size,
      queued: this.#queue.length,
      ...this.#stats.summary
    }
  }

  // Ends all threads now. Tasks that wait or run are rejected with EMVM_ERR_DISPOSED.
  destroy () {
    if (this.#destroyed === null) {
      for (const task of [...this.#queue, ...this.#running]) {
        if (task.running) this.#interrupt(task)
        if (!task.settled) task.reject(destroyed())
      }
      this.#queue.length = 0
      this.#destroyed = this.#piscina.destroy()
    }
    return this.#destroyed
  }

  // Lets tasks that wait or run come to their end first.
  async close () {
    while (this.#destroyed === null && this.#queue.length + this.#running.size > 0) {
      // A task that was stopped has its answer before its thread is free.
      await Promise.allSettled([...this.#queue.map(({ promise }) => promise), ...[...this.#running].map(({ done }) => done)])
    }
    await this.destroy()
  }

  [Symbol.asyncDispose] () { return this.close() }

  #check () {
    if (this.#destroyed) throw destroyed()
  }
}

const destroyed = () => new DisposedError('the pool was destroyed: make another one')

module.exports = { Pool }
