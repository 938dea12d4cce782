'use strict'

// Requests under way that may have views of memory whose generation is over. The addon keeps such memory as it is; what is
// said here is when it need not any more: see src/binding/in_flight.rs.

const { setInterval, clearInterval } = require('node:timers')
const { listenToMessages, saveMessages, saveStream } = require('./http-messages')
const { holdsBytes, openStreams, onStreams } = require('./http2-streams')
const { keepChunks } = require('./zlib-writes')

// Undocumented, but there in all versions of Node, in workers too: the requests of files and streams, and sockets, as objects.
const active = /** @type {any} */ (process)._getActiveRequests
const handles = /** @type {any} */ (process)._getActiveHandles
const handlesNow = () => handles === undefined ? [] : handles.call(process)
const requestsNow = () => active === undefined ? [] : active.call(process)
// Open streams are given more while they are: what is known of one now says nothing of later.
const underWay = () => [...requestsNow(), ...openStreams()]

// libuv counts them. Bun and Deno have loops of their own, and tell by the memory itself who uses it.
const COUNTED = process.versions.bun === undefined && !('Deno' in globalThis)

// Between two looks, in milliseconds; and while somebody waits for one.
const SELDOM = 10
const OFTEN = 1
// While somebody waits, the collector is asked to look so often at most.
const PRESS = 200

// A write by JavaScript names its chunks; strings among them are copied. All other requests may have anything.
function mayHold (request, shows) {
  if (openStreams().has(request)) return holdsBytes(request)
  const { name } = request.constructor
  if (name === 'ShutdownWrap') return false
  if (name !== 'WriteWrap' || request.handle === undefined || typeof request.oncomplete !== 'function') return true
  // Until Node 23 several chunks are in `_chunks`.
  const chunks = [request.buffer, request._chunks].flat().filter((chunk) => chunk !== undefined && chunk !== null)
  return chunks.some((chunk) => typeof chunk !== 'string' && (!ArrayBuffer.isView(chunk) || shows(chunk)))
}

// What was written to a socket that is being connected waits for that, and for what finds its address: whatever is known of them
// now says nothing of later.
const CONNECTS = new Set(['TCPConnectWrap', 'PipeConnectWrap', 'GetAddrInfoReqWrap', 'QueryReqWrap'])
const isConnecting = (request) => CONNECTS.has(request.constructor.name)

// What a stream or a message has not given to the system yet waits behind what it has. It would be empty once the views are,
// and the other end would get less than it was promised: it gets copies.
function saveQueues (requests, shows) {
  for (const { handle } of requests) {
    if (handle === undefined || handle === null) continue
    for (const key of Object.getOwnPropertySymbols(handle)) if (key.description === 'owner_symbol') saveStream(handle[key], shows)
  }
  saveMessages(shows)
}

const over = (buffers) => (value) => ArrayBuffer.isView(value) && buffers.includes(value.buffer)
const listed = () => new WeakSet(requestsNow())

// `before`: requests that cannot have one of the buffers, since they were under way before there was one.
function claim (before, ...buffers) {
  const requests = underWay()
  const shows = over(buffers)
  const clear = requests.filter((request) => !isConnecting(request) && (before?.has(request) || !mayHold(request, shows)))
  // Who has nothing of it now may get what waits behind: from here on the views may be empty.
  if (clear.length === requests.length) saveQueues(requests, shows)
  return [requests.length, requests.length - clear.length, new WeakSet(clear.filter((request) => !openStreams().has(request)))]
}

// Of each claim: the requests that cannot have its memory, and its buffers.
function look (...claims) {
  const requests = underWay()
  const answer = [requests.length]
  const sockets = handlesNow()
  for (let i = 0; i < claims.length; i += 2) {
    const clear = claims[i]
    const shows = over(claims[i + 1])
    const suspects = requests.filter((request) => !clear?.has(request) && mayHold(request, shows))
    if (suspects.length === 0) {
      saveQueues(requests, shows)
      for (const socket of sockets) saveStream(socket, shows)
    }
    answer.push(suspects.length)
  }
  return answer
}

// `native`: the addon. Once per thread.
function install (native) {
  let timer
  let waiting = []
  let pressed = 0

  function settle () {
    // Who waits has just found no room, and finds out by trying whether there is some now.
    if (waiting.length > 0) press()
    const left = native.lookAtRegionsInFlight()
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
    if (woken.length > 0) watch()
    if (left > 0) return
    clearInterval(timer)
    timer = undefined
  }

  // The thread may be so busy that the collector alone tells.
  function press () {
    const now = () => require('node:perf_hooks').performance.now()
    if (now() - pressed < PRESS) return
    native.pressForRegions()
    pressed = now()
  }

  function watch () {
    clearInterval(timer)
    timer = setInterval(settle, waiting.length > 0 ? OFTEN : SELDOM)
    if (waiting.length === 0) timer.unref()
  }

  if (COUNTED) listenToMessages((some) => native.setMessagesInFlight(some))
  onStreams((count) => native.setStreamsInFlight(count))
  const begin = () => { if (COUNTED) keepChunks(native.isLent) }
  native.setInFlightHooks(begin, listed, claim, look, () => { if (timer === undefined) watch() }, COUNTED)

  return {
    regions: () => native.regionsInFlight(),
    hasRoom: () => native.hasRoomInFlight(),
    // Resolves when it is worth another try.
    wait () {
      return new Promise((resolve) => {
        waiting.push(resolve)
        watch()
      })
    }
  }
}

let installed

module.exports = {
  install (native) { installed ??= install(native) },
  // Runs `work` when there is room for what it leaves, and again where there was not enough. `check` throws when nobody
  // wants it any more.
  async withRoom (work, check) {
    for (;;) {
      await installed.wait()
      check()
      try {
        return await work()
      } catch (error) {
        if (error.inFlight !== true) throw error
      }
    }
  },
  // Waits until less than may be is waiting.
  async room () {
    while (!installed.hasRoom()) await installed.wait()
  },
  regionsInFlight: () => installed.regions()
}
