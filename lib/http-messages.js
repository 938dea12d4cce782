'use strict'

// Messages of HTTP/1 that are being sent by this thread. What was written to one may wait in it, without a request: at the end of a
// turn, until it is another message's turn on its connection, or until there is a connection.

const channel = require('node:diagnostics_channel')

const open = new Set()

// Node tells of all responses, and from 22.12 on of the requests of clients.
function listen (told) {
  const follow = (message) => {
    if (open.size === 0) told(true)
    open.add(message)
    message.once('close', () => { if (open.delete(message) && open.size === 0) told(false) })
  }
  channel.subscribe('http.server.request.start', ({ response }) => follow(response))
  channel.subscribe('http.client.request.created', ({ request }) => follow(request))
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
  saveMessages (shows) { for (const message of open) saveMessage(message, shows) }
}
