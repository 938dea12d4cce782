'use strict'

// Channels between threads: what is posted through them carries modules and shared memories, as messages of workers do.

const threads = require('node:worker_threads')
const { incoming, outgoing } = require('./messages')

// Where Node hands a message to those who listen at a port.
const DISPATCH = Symbol.for('nodejs.internal.kHybridDispatch')

const { MessagePort } = threads
const clone = globalThis.structuredClone
const { postMessage } = MessagePort.prototype
const dispatch = MessagePort.prototype[DISPATCH]
const own = (target, key, value) => Object.defineProperty(target, key, { value, writable: true, configurable: true })

// Makes a port, or the prototype of all, one that carries them. `isOver()`: nothing is heard any more; `met(port)` is told of
// ports that come with a message.
/**
 * @param {any} target
 * @param {any} namespace
 * @param {{ met?: (port: any) => void, isOver?: () => boolean }} [told]
 */
function carry (target, namespace, { met, isOver = () => false } = {}) {
  if (typeof dispatch !== 'function') throw new Error(`emvm does not know how messages arrive in Node ${process.version}`)
  own(target, DISPATCH, function (value, type, event) {
    if (type !== 'message') return dispatch.call(this, value, type, event)
    return isOver() || dispatch.call(this, incoming(value, namespace, met), type, event)
  })
  own(target, 'postMessage', function (message, transfer) { return postMessage.call(this, outgoing(message, namespace), transfer) })
}

// What is global, and a part of `worker_threads`, for a thread's JavaScript.
/**
 * @param {any} namespace
 * @param {{ opened?: (port: any) => void, isOver?: () => boolean }} [told]
 */
function channels (namespace, { opened = () => {}, isOver = () => false } = {}) {
  class MessageChannel extends threads.MessageChannel {
    constructor () {
      super()
      opened(this.port1)
      opened(this.port2)
    }
  }
  class BroadcastChannel extends threads.BroadcastChannel {
    constructor (name) {
      super(name)
      opened(this)
    }

    postMessage (message) { return super.postMessage(outgoing(message, namespace)) }

    dispatchEvent (event) {
      if (isOver()) return true
      const data = event.type === 'message' ? incoming(event.data, namespace) : event.data
      return super.dispatchEvent(data === event.data ? event : new MessageEvent(event.type, { data }))
    }
  }
  return {
    MessageChannel,
    BroadcastChannel,
    structuredClone: (value, options) => incoming(clone(outgoing(value, namespace), options), namespace)
  }
}

const receiver = (namespace, met = undefined) => (port) => {
  const received = threads.receiveMessageOnPort(port)
  return received && { message: incoming(received.message, namespace, met) }
}

// The ports of a generation, in the thread that opens it: they end with it.
class Ports {
  #namespace
  #open = new Set()
  #isOver = false

  constructor (namespace) {
    this.#namespace = namespace
    this.channels = channels(namespace, { opened: (port) => this.add(port), isOver: () => this.#isOver })
    this.receive = receiver(namespace, (port) => this.add(port))
  }

  // One that was made here, or came with a message.
  add (port) {
    if (this.#open.has(port)) return
    this.#open.add(port)
    if (!(port instanceof MessagePort)) return
    carry(port, this.#namespace, { met: (one) => this.add(one), isOver: () => this.#isOver })
    port.once('close', () => this.#open.delete(port))
  }

  end () {
    this.#isOver = true
    for (const port of this.#open) port.close()
    this.#open.clear()
  }
}

module.exports = { Ports, carry, channels, receiver }
