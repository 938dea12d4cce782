'use strict'

// Requests that are under way when the memory they were given ends: each begins one, ends the generation, and looks at what
// the request got and at what the next generations see. For scripts of `onBoth`.

const assert = require('node:assert')
const crypto = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const http2 = require('node:http2')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const zlib = require('node:zlib')
const { execFileSync } = require('node:child_process')
const { once } = require('node:events')
const { promisify } = require('node:util')

const MB = 2 ** 20
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-in-flight-'))
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
let files = 0
const file = () => path.join(folder, String(++files))

function fifo () {
  const name = file()
  execFileSync('mkfifo', [name])
  return name
}

// So many bytes of the instance's memory, all of the same value.
function lend (vm, size, value) {
  const at = vm.exports._malloc(size)
  assert.notStrictEqual(at, 0)
  const view = Buffer.from(vm.exports.HEAPU8.buffer, at, size)
  view.fill(value)
  return view
}

const all = (bytes, value) => bytes.length > 0 && bytes.every((byte) => byte === value)

async function collect (stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

// Each way for a generation to end. `later` is what its successor has of the same place, filled with another value.
const ENDS = {
  async recycle (vm, size) {
    await vm.isReady()
    await vm.isReady()
    return lend(vm, size, 9)
  },
  async growth (vm, size) {
    vm.exports._grow(3 * MB)
    vm.exports._grow(3 * MB)
    return ENDS.recycle(vm, size)
  },
  async dispose (vm) { vm.dispose() }
}

// `begin(view)` gives a promise for when the request is over, or `{ over, go }`: `go` lets it be.
async function during (faults, end, size, begin) {
  const { vm } = await faults()
  const spare = await faults()
  const view = lend(vm, size, 7)
  const begun = begin(view)
  const { over, go } = begun.over ? begun : { over: begun }
  over.catch(() => {})
  await sleep(0)
  const later = await ENDS[end](vm, size)
  const waited = spare.vm.stats().regionsInFlight
  if (go) await go()
  const result = await over
  if (later) assert.ok(all(later, 9), 'a later generation was written to')
  for (let i = 0; spare.vm.stats().regionsInFlight > 0; i++) {
    assert.ok(i < 500, 'the region is not given back')
    await sleep(10)
  }
  spare.vm.dispose()
  if (end !== 'dispose') vm.dispose()
  return { result, waited }
}

// A response of which a first part was written in the turn in which the generation ends. `over` ends it.
async function writtenInTheTurn (vm, over) {
  const server = http.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const asked = http.get({ port: server.address().port, host: '127.0.0.1' })
  const answered = once(asked, 'response')
  const [, response] = await once(server, 'request')
  await over(() => response.write(lend(vm, MB, 7)))
  const later = lend(vm, MB, 9)
  response.end('end')
  const [answer] = await answered
  const chunks = []
  for await (const chunk of answer) chunks.push(chunk)
  const got = Buffer.concat(chunks)
  assert.ok(got.length === MB + 3 && all(got.subarray(0, MB), 7) && all(later, 9), `${got.length} bytes`)
  server.closeAllConnections()
  server.close()
}

const requests = {
  async read (faults, end) {
    const name = fifo()
    const fd = fs.openSync(name, 'r+')
    const { result, waited } = await during(faults, end, MB, (view) => ({
      over: new Promise((resolve, reject) => fs.read(fd, view, 0, 100, null, (error, count) => error ? reject(error) : resolve(count))),
      go: () => fs.writeSync(fd, 'a secret')
    }))
    fs.closeSync(fd)
    assert.deepStrictEqual([result, waited > 0], [8, true])
  },

  async promisedRead (faults, end) {
    const name = fifo()
    const handle = await fs.promises.open(name, 'r+')
    const { result, waited } = await during(faults, end, MB, (view) => ({
      over: handle.read(view, 0, 100, null),
      go: () => fs.writeFileSync(name, 'a secret')
    }))
    await handle.close()
    assert.deepStrictEqual([result.bytesRead, waited > 0], [8, true])
  },

  // Node writes it piece by piece.
  async promisedWrite (faults, end) {
    const name = file()
    await during(faults, end, 4 * MB, (view) => fs.promises.writeFile(name, view))
    const written = fs.readFileSync(name)
    assert.ok(written.length === 4 * MB && all(written, 7), `${written.length} bytes`)
  },

  // The stream opens its file first.
  async writeStream (faults, end) {
    const name = file()
    await during(faults, end, 4 * MB, (view) => {
      const stream = fs.createWriteStream(name)
      stream.write(view.subarray(0, MB))
      stream.write(view.subarray(MB, 2 * MB))
      stream.end(view.subarray(2 * MB))
      return once(stream, 'close')
    })
    const written = fs.readFileSync(name)
    assert.ok(written.length === 4 * MB && all(written, 7), `${written.length} bytes`)
  },

  async randomFill (faults, end) {
    await during(faults, end, 24 * MB, promisify(crypto.randomFill))
  },

  async scrypt (faults, end) {
    const { result } = await during(faults, end, 4 * MB, (view) => promisify(crypto.scrypt)(view, 'salt', 64))
    assert.ok(result.equals(crypto.scryptSync(Buffer.alloc(4 * MB, 7), 'salt', 64)))
  },

  // Many steps, each with the same view.
  async deflate (faults, end) {
    const { result } = await during(faults, end, 24 * MB, promisify(zlib.deflate))
    const inflated = zlib.inflateSync(result)
    assert.ok(inflated.length === 24 * MB && all(inflated, 7))
  },

  async response (faults, end) {
    const server = http.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address()
    const asked = http.get({ port, host: '127.0.0.1' })
    const answered = once(asked, 'response')
    const [, response] = await once(server, 'request')
    const { waited } = await during(faults, end, 12 * MB, (view) => {
      response.end(view)
      return {
        over: new Promise((resolve) => response.once('close', resolve)),
        // Nobody has read anything so far.
        async go () {
          await sleep(200)
          const [answer] = await answered
          let count = 0
          for await (const chunk of answer) {
            assert.ok(all(chunk, 7), 'the response is of another generation')
            count += chunk.length
            if (count % 5 === 0) await sleep(1)
          }
          assert.ok(answer.complete)
          assert.strictEqual(count, 12 * MB)
          asked.destroy()
        }
      }
    })
    server.closeAllConnections()
    server.close()
    assert.ok(waited > 0)
  },

  // Nothing is a request of libuv's while the other side wants no more.
  async http2 (faults, end) {
    const server = http2.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = http2.connect(`http://127.0.0.1:${server.address().port}`)
    const asked = session.request({ ':path': '/' }).pause()
    const [stream] = await once(server, 'stream')
    const { waited } = await during(faults, end, 4 * MB, (view) => {
      stream.respond({ ':status': 200 })
      stream.write(view.subarray(0, MB))
      stream.end(view.subarray(MB))
      return {
        over: once(stream, 'close'),
        async go () {
          await sleep(100)
          let count = 0
          for await (const chunk of asked) {
            assert.ok(all(chunk, 7), 'the response is of another generation')
            count += chunk.length
          }
          assert.strictEqual(count, 4 * MB)
          session.close()
        }
      }
    })
    server.close()
    assert.ok(waited > 0)
  },

  // Its second half waits until somebody reads what was made of the first: nothing is under way meanwhile.
  async gzipUnread (faults, end) {
    const gzip = zlib.createGzip({ level: 0 })
    const { result } = await during(faults, end, 2 * MB, (view) => {
      gzip.write(view.subarray(0, MB))
      gzip.end(view.subarray(MB))
      let go
      const over = new Promise((resolve) => { go = resolve }).then(() => collect(gzip))
      return { over, async go () { await sleep(20); go() } }
    })
    const inflated = zlib.gunzipSync(result)
    assert.ok(inflated.length === 2 * MB && all(inflated, 7), `${inflated.length} bytes`)
  },

  // A response that waits for the one before it, without a request.
  async pipelinedResponse (faults, end) {
    const responses = []
    const server = http.createServer((_, response) => responses.push(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect(server.address().port, '127.0.0.1')
    client.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    while (responses.length < 2) await sleep(1)
    const { result } = await during(faults, end, 2 * MB, (view) => {
      responses[1].end(view)
      return { over: collect(client), async go () { await sleep(20); responses[0].end() } }
    })
    server.close()
    assert.ok(all(result.subarray(-2 * MB), 7), `${result.length} bytes`)
  },

  // What was written before there is a connection.
  async connecting (faults, end) {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { result } = await during(faults, end, 2 * MB, (view) => {
      const over = once(server, 'connection').then(([socket]) => collect(socket))
      const client = net.connect({ port: server.address().port, host: 'localhost' })
      client.write(view.subarray(0, MB))
      client.end(view.subarray(MB))
      return { over }
    })
    server.close()
    assert.ok(result.length === 2 * MB && all(result, 7), `${result.length} bytes`)
  },

  async clientRequest (faults, end) {
    const server = http.createServer(async (request, response) => {
      const body = await collect(request)
      response.end(String(body.length === 2 * MB && all(body, 7)))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { result } = await during(faults, end, 2 * MB, (view) => {
      const request = http.request({ port: server.address().port, host: 'localhost', method: 'POST' })
      request.end(view)
      return { over: once(request, 'response').then(([response]) => collect(response)) }
    })
    server.closeAllConnections()
    server.close()
    assert.strictEqual(String(result), 'true')
  },

  // What the stream has not given to the system yet.
  async socketWrites (faults, end) {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect(server.address().port, '127.0.0.1').pause()
    const [socket] = await once(server, 'connection')
    const { waited } = await during(faults, end, 12 * MB, (view) => {
      for (let i = 0; i < 12; i += 4) socket.write(view.subarray(i * MB, (i + 4) * MB))
      socket.end('end')
      return {
        over: once(socket, 'close'),
        async go () {
          await sleep(200)
          const chunks = []
          for await (const chunk of client) chunks.push(chunk)
          const got = Buffer.concat(chunks)
          assert.strictEqual(got.length, 12 * MB + 3)
          assert.ok(all(got.subarray(0, -3), 7))
          assert.strictEqual(got.subarray(-3).toString(), 'end')
        }
      }
    })
    server.close()
    assert.ok(waited > 0)
  }
}

module.exports = { requests, writtenInTheTurn, lend, all, fifo, sleep, MB }
