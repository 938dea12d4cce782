'use strict'

// Requests that read and write views of the module's memory, and recycles, growth and disposals at random moments. What a
// request was given it finds as it was; what a generation finds is its own.

const assert = require('node:assert')
const crypto = require('node:crypto')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const zlib = require('node:zlib')
const { once } = require('node:events')
const { promisify } = require('node:util')
const { faultsOn } = require('../../__test__/support/hosts')

const KB = 1024
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const turn = () => new Promise(setImmediate)
const all = (bytes, value) => bytes.every((byte) => byte === value)

let folder, files

function prepare () {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-fuzz-lent-'))
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  fs.writeFileSync(path.join(folder, 'source'), Buffer.alloc(4096 * KB, 0xee))
  files = 0
  return {}
}

// Each uses bytes that are all of one value, and gives a promise that what it made of them is right. Those that only write into
// the view have nothing to show. `steps`: Node's own JavaScript goes back to the view, which growth empties, as in V8.
const requests = {
  read: {
    begin: async (view) => {
      const file = await fs.promises.open(path.join(folder, 'source'))
      try {
        if (view.length > 0) await file.read(view, 0, view.length, 0)
      } finally {
        await file.close()
      }
    }
  },
  randomFill: { begin: (view) => promisify(crypto.randomFill)(view) },
  scrypt: {
    begin: async (view, value) => {
      const { length } = view
      const key = await promisify(crypto.scrypt)(view, 'salt', 16, { N: 1024 })
      assert.ok(key.equals(crypto.scryptSync(Buffer.alloc(length, value), 'salt', 16, { N: 1024 })))
    }
  },
  deflate: {
    steps: true,
    begin: async (view, value) => {
      const { length } = view
      const back = zlib.inflateRawSync(await promisify(zlib.deflateRaw)(view, { level: 1 }))
      assert.ok(back.length === length && all(back, value), 'deflate')
    }
  },
  file: {
    steps: true,
    begin: async (view, value) => {
      const { length } = view
      const name = path.join(folder, String(++files))
      try {
        await fs.promises.writeFile(name, view)
      } catch (error) {
        // Between two of its steps no request is under way: it finds its view empty then, and says so.
        if (error instanceof TypeError || error instanceof RangeError) return
        throw error
      }
      const written = fs.readFileSync(name)
      fs.unlinkSync(name)
      assert.ok(written.length === length && all(written, value), 'file')
    }
  },
  socket: {
    steps: true,
    begin: async (view, value, { server, port, rng, length, sending }) => {
      const client = net.connect(port, '127.0.0.1').pause()
      const [socket] = await once(server, 'connection')
      socket.on('error', () => {})
      // Not before the write has begun: until then the bytes are the program's.
      if (view.length !== length) return client.destroy()
      const middle = rng.below(length)
      socket.write(view.subarray(0, middle))
      socket.end(view.subarray(middle))
      const self = { view, socket, client, over: false }
      sending.add(self)
      await wait(rng.below(20))
      let count = 0
      try {
        for await (const chunk of client) {
          assert.ok(all(chunk, value), 'socket: bytes of another generation')
          count += chunk.length
        }
      } catch (error) {
        if (!self.over) throw error
      } finally {
        sending.delete(self)
      }
      if (!self.over) assert.strictEqual(count, length, 'socket')
    }
  }
}

async function one (rng) {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  const sandboxes = []
  for (let i = 1 + rng.below(2); i > 0; i--) sandboxes.push((await faultsOn(rng.pick(['native', 'glue']))).vm)
  const running = []
  let sockets = Promise.resolve()
  let value = 0

  const sending = new Set()
  // What waits in a socket is empty when memory grows, as in V8: it would wait for ever.
  function take (vm, size) {
    const { buffer } = vm.exports.HEAPU8
    const at = vm.exports._malloc(size)
    if (vm.exports.HEAPU8.buffer === buffer) return at
    for (const each of sending) {
      if (each.view.length > 0) continue
      each.over = true
      each.socket.destroy()
      each.client.destroy()
    }
    return at
  }

  // Fills memory of the current generation, and lends it to a request.
  function lend (vm, growing) {
    const size = (1 + rng.below(rng.below(4) ? 256 : 4096)) * KB
    const at = take(vm, size)
    if (at === 0) return
    const view = Buffer.from(vm.exports.HEAPU8.buffer, at, size)
    const mine = value = value % 250 + 1
    view.fill(mine)
    const names = Object.keys(requests).filter((name) => !growing || !requests[name].steps)
    const { begin } = requests[rng.pick(names)]
    const run = () => begin(view, mine, { server, port, rng, sending, length: size })
    // The server knows its connections by their order.
    const over = begin === requests.socket.begin ? (sockets = sockets.then(run)) : run()
    over.catch(() => {})
    running.push(over)
  }

  // Memory of the current generation that nobody has lent: nobody may write to it.
  const kept = new Map()
  function keep (vm) {
    const size = (1 + rng.below(64)) * KB
    const at = take(vm, size)
    if (at === 0) return
    const mine = value = value % 250 + 1
    vm.exports.HEAPU8.fill(mine, at, at + size)
    kept.set(vm, [...(kept.get(vm) || []), { at, size, mine }])
  }
  function check (vm) {
    for (const { at, size, mine } of kept.get(vm) || []) {
      assert.ok(all(vm.exports.HEAPU8.subarray(at, at + size), mine), `${vm.host} host: memory of generation ${vm.generation} was written to`)
    }
  }

  const growing = rng.below(3) === 0
  for (let i = 5 + rng.below(20); i > 0; i--) {
    const vm = rng.pick(sandboxes)
    if (vm === undefined) break
    switch (rng.below(8)) {
      case 0: case 1: case 2: lend(vm, growing); break
      case 3: keep(vm); break
      case 4: check(vm); break
      case 5: case 6:
        check(vm)
        kept.delete(vm)
        await vm.isReady()
        break
      case 7:
        if (growing) vm.exports._grow((1 + rng.below(2048)) * KB)
        else if (rng.below(4) === 0) {
          vm.dispose()
          sandboxes.splice(sandboxes.indexOf(vm), 1)
          kept.delete(vm)
        } else if (rng.below(10) === 0) gc()
        break
    }
    if (rng.below(2)) await (rng.below(2) ? turn() : wait(rng.below(5)))
  }
  const ended = await Promise.allSettled(running)
  for (const vm of sandboxes) {
    check(vm)
    vm.dispose()
  }
  server.close()
  const failed = ended.find(({ status }) => status === 'rejected')
  if (failed) throw failed.reason
  return 'ran'
}

module.exports = { prepare, one }
