'use strict'

// Streams of HTTP/2 that are open in this thread. What is written to one waits in nghttp2, by its address, until the other
// side wants more: libuv has no request for it, and Node lists none.

const channel = require('node:diagnostics_channel')

// The streams, where Node tells of them (from 22.17 on); else the connections of HTTP/2 servers, any stream of which may
// have something.
const open = new Set()
/** @type {(count: number) => void} */
let told = () => {}

function follow (stream) {
  if (stream.destroyed || open.has(stream)) return
  open.add(stream)
  told(open.size)
  stream.once('close', () => {
    open.delete(stream)
    told(open.size)
  })
}

const [major, minor] = process.versions.node.split('.').map(Number)
const namesStreams = major > 24 || (major === 24 && minor >= 2) || (major === 22 && minor >= 17)

function listen () {
  if (namesStreams) {
    for (const side of ['client', 'server']) channel.subscribe(`http2.${side}.stream.created`, ({ stream }) => follow(stream))
    return
  }
  channel.subscribe('net.server.socket', ({ socket }) => {
    if (/^Http2/.test(socket.server?.constructor.name)) follow(socket)
  })
}

module.exports = {
  openStreams: () => open,
  // Whether one of them may have bytes that it was given.
  holdsBytes: (stream) => namesStreams ? stream.writableLength > 0 : true,
  // Calls `tell` with the number of open streams whenever it changes.
  onStreams (tell) {
    told = tell
    listen()
  }
}
