'use strict'

// The threads of one generation of the glue host.

const { load } = require('../base/binding')
const native = require('../webassembly/native')
const { fromNative } = require('../base/errors')
const { isFault } = require('./fault')
const { OwnAtomics } = require('./atomics')
const { Ports } = require('./ports')
const { workerClass, workerThreads } = require('./worker')

class Threads {
  // Made by the first look at `worker_threads`.
  #module
  #workers = new Set()
  #began = false

  // `call(work)` runs what a thread told, as the generation's; `failed(error)` is told what ended one; `during(promise)`: the
  // same while the generation lives; `tools`: the file that evaluates tools of emvm's own.
  constructor (namespace, { most, memoryMax, timeout, stack, cache, tools, call, failed, during }) {
    this.namespace = namespace
    this.id = load().newInterruptId()
    this.settings = { id: this.id, most, memoryMax, timeout, stack, cache, tools }
    this.atomics = new OwnAtomics(namespace, during)
    this.ports = new Ports(namespace)
    this.call = call
    this.failed = failed
    // Whether workers that want to keep the process alive do.
    this.keepsAlive = false
    this.isOver = false
  }

  // What `require('worker_threads')` gives.
  get module () {
    if (this.#module === undefined) {
      this.#module = workerThreads(workerClass(this, this.namespace, this.settings), this.ports)
      if (!this.isOver) {
        this.#began = true
        this.namespace.beginThreads(this.id)
        if (this.keepsAlive) this.#answer()
      }
    }
    return this.#module
  }

  // What the module's JavaScript finds as globals.
  get globals () { return { Atomics: this.atomics.object, ...this.ports.channels } }

  get hasWorkers () { return this.#workers.size > 0 }

  get live () { return this.#began ? native.threadsLive(this.id) : 0 }

  add (worker) { this.#workers.add(worker) }
  met = (port) => this.ports.add(port)
  delete (worker) { this.#workers.delete(worker) }

  // From here on the generation is the user's.
  use () {
    this.keepsAlive = true
    if (this.#began) this.#answer()
    for (const worker of this.#workers) worker.keepAlive()
  }

  // Who interrupts the sandbox interrupts these.
  #answer () { native.threadsAnswerTo(this.id, this.namespace.interruptId) }

  // A worker has something to tell; `heard()` tells it to those who listen.
  tell (event, values, heard, isHeard) {
    if (this.isOver) return isHeard
    if (event === 'error') this.#look(values[0])
    // Without a listener Node throws the error, which is the generation's all the same.
    if (event === 'error' && !isHeard) {
      this.call(() => { throw values[0] })
      return false
    }
    let given = isHeard
    this.call(() => { given = heard() })
    return given
  }

  // A thread that ends with an error of emvm's has taken the generation with it.
  #look (error) {
    const fault = native.threadsTakeFault(this.id)
    if (fault !== undefined) this.failed(revived(fault))
    else if (isFault(error)) this.failed(error)
  }

  // What a thread has failed with, if one has and nobody was told: the thread that opened the module may be waiting for it.
  takeFault () {
    const fault = this.#began ? native.threadsTakeFault(this.id) : undefined
    return fault === undefined ? undefined : revived(fault)
  }

  // Stops all threads, wherever they are. Nothing of them is told any more.
  end () {
    if (this.isOver) return
    this.isOver = true
    for (const worker of this.#workers) worker.terminate()
    this.#workers.clear()
    this.ports.end()
    if (this.#began) {
      // First, so that nothing that is stopped is a fault.
      native.threadsEnd(this.id)
      load().interrupt(this.id)
    }
    this.atomics.end()
  }
}

// The error of another thread, of the class of its code.
function revived (text) {
  const { message, stack, ...rest } = JSON.parse(text)
  const error = fromNative({ ...rest, message: `a thread of the module failed: ${message}` })
  error.stack = `${error.name}: ${error.message}\n${stack.split('\n').slice(message.split('\n').length).join('\n')}`
  return error
}

module.exports = { Threads, isFault }
