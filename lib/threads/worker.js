'use strict'

// The `Worker` that a generation's JavaScript finds: a worker of Node's, whose `WebAssembly` is emvm's.

const threads = require('node:worker_threads')
const path = require('node:path')
const { fileURLToPath } = require('node:url')
const native = require('../webassembly/native')
const { OptionError } = require('../base/errors')
const { threadFile } = require('../base/thread-file')
const { isGuarded } = require('../webassembly/shared')
const { incoming, outgoing } = require('./messages')

const BOOT = path.join(__dirname, 'boot.js')

// What Node's own `new Worker` makes of its first argument.
function target (given, options) {
  if (options.eval) return { text: `${given}` }
  if (given instanceof URL || Object.prototype.toString.call(given) === '[object URL]') {
    if (given.protocol === 'file:') return { file: fileURLToPath(given) }
    return given.protocol === 'data:' ? { url: given.href } : undefined
  }
  if (typeof given === 'string' && given.startsWith('data:')) return { url: given }
  if (typeof given === 'string' && (path.isAbsolute(given) || /^\.\.?[\\/]/.test(given))) return { file: path.resolve(given) }
  // Node says what is wrong with anything else.
  return undefined
}

// `group`: of the generation (see `index.js`). `settings`: what a thread's namespace is made with, and its own threads'.
function workerClass (group, namespace, settings) {
  return class Worker extends threads.Worker {
    #wanted = true
    #counted = true

    constructor (given, options = {}) {
      const opened = target(given, options)
      if (opened === undefined) {
        super(given, options)
        this.#counted = false
        return
      }
      if (!native.threadsEnter(settings.id, settings.most)) throw refused(group, settings)
      try {
        super(threadFile(BOOT, 'A module with threads'), {
          ...options,
          eval: false,
          workerData: { emvm: { ...settings, opened, guarded: isGuarded() }, theirs: outgoing(options.workerData, namespace) }
        })
      } catch (error) {
        native.threadsLeave(settings.id)
        throw error
      }
      group.add(this)
      if (!group.keepsAlive) super.unref()
    }

    postMessage (message, transfer) { return super.postMessage(outgoing(message, namespace), transfer) }

    // Node tells everything of a worker through here.
    emit (event, ...values) {
      if (event === 'exit' && this.#counted) {
        this.#counted = false
        native.threadsLeave(settings.id)
        group.delete(this)
      }
      const heard = () => {
        if (event === 'message') values[0] = incoming(values[0], namespace, group.met)
        return super.emit(event, ...values)
      }
      return group.tell(event, values, heard, this.listenerCount(event) > 0)
    }

    ref () {
      this.#wanted = true
      if (group.keepsAlive) super.ref()
    }

    unref () {
      this.#wanted = false
      super.unref()
    }

    // The generation is used from here on.
    keepAlive () { if (this.#wanted) super.ref() }
  }
}

function refused (group, { most }) {
  if (group.isOver) return new OptionError('this generation of the module has ended: it starts no threads any more', { option: 'threads', value: most, accepted: 'a larger number' })
  return new OptionError(`Option 'threads' is ${most}: the module asks for one more thread than that.`, { option: 'threads', value: most, accepted: 'as many as the module uses at once (a pool included)' })
}

// Node's `worker_threads` with this `Worker`, and what carries its messages.
function workerThreads (Worker, { channels: { MessageChannel, BroadcastChannel }, receive }) {
  return { ...threads, Worker, MessageChannel, BroadcastChannel, receiveMessageOnPort: receive }
}

module.exports = { workerClass, workerThreads }
