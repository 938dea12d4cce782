'use strict'

// Messages of HTTP/1 that are being sent by this thread. What was written to one may wait in it, without a request: at the end of a
// turn, until it is another message's turn on its connection, or until there is a connection.

const { Buffer } = require('node:buffer')
const channel = require('node:diagnostics_channel')

// Those of each connection that has some; each request of a client for itself.
const open = new Set()
const ofSocket = new WeakMap()

// Node tells of all responses, and from 22.12 on of the requests of clients. `told(some)`: whether there are any.
function listen (told) {
  const look = (messages) => {
    const before = open.size
    if (messages.size > 0) open.add(messages)
    else open.delete(messages)
    if ((before === 0) !== (open.size === 0)) told(open.size > 0)
  }
  const follow = (message, messages) => {
    messages.add(message)
    look(messages)
    message.once('close', () => {
      messages.delete(message)
      look(messages)
    })
  }
  channel.subscribe('http.server.request.start', ({ response, socket }) => {
    if (socket.destroyed) return
    let messages = ofSocket.get(socket)
    if (messages === undefined) {
      ofSocket.set(socket, messages = new Set())
      // A response whose turn never comes does not close.
      socket.once('close', () => {
        messages.clear()
        look(messages)
      })
    }
    follow(response, messages)
  })
  channel.subscribe('http.client.request.created', ({ request }) => follow(request, new Set()))
}

// Gives a message copies of what waits in it and shows memory that is about to be empty.
function saveMessage (message, shows) {
  for (const entry of message.outputData) if (shows(entry.data)) entry.data = Buffer.copyBytesFrom(entry.data)
  // Of one that is corked: `chunk, encoding, callback, ...`
  for (const key of Object.getOwnPropertySymbols(message)) {
    const value = message[key]
    if (key.description === 'kChunkedBuffer') value.forEach((one, at) => { if (shows(one)) value[at] = Buffer.copyBytesFrom(one) })
  }
  saveStream(message.socket, shows)
}

function saveStream (stream, shows) {
  const queue = stream?._writableState?.getBuffer?.()
  if (queue) for (const entry of queue) if (shows(entry.chunk)) entry.chunk = Buffer.copyBytesFrom(entry.chunk)
}

module.exports = {
  listenToMessages: listen,
  saveStream,
  saveMessages (shows) { for (const messages of open) for (const message of messages) saveMessage(message, shows) }
}
