'use strict'

// What `runtimes.test.js` runs in each runtime: both hosts, limits, views, requests under way, rewind, a pool. Prints JSON.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const zlib = require('node:zlib')
const [, , root, scratch] = process.argv
const { open, inspect, capabilities, Pool, WebAssembly: own } = require(root)
const { MACHINE, OP, assemble } = require('../support/wasm')
const { shapes } = require('../support/glue')

const glue = path.join(scratch, 'machine.cjs')
const imports = { env: { callback: (x) => x } }
const ROOMY = assemble({
  imports: [{ module: 'env', name: 'callback', params: 1, result: true }],
  memory: { min: 1, max: 256 },
  functions: [{ export: 'grow', params: 1, result: true, code: [OP.localGet, 0, OP.memoryGrow, 0] }]
})
const codeOf = (fn) => { try { return fn() } catch (error) { return error.code ?? `${error}` } }

const STEPS = {
  async inspect () {
    return (await inspect(path.join(__dirname, '../fixtures/embind.js'))).host
  },
  async native () {
    const vm = await open(MACHINE, { imports, timeout: 300, cache: false })
    const found = []
    for (let round = 0; round < 2; round++) {
      const { _store, _load, _next, HEAPU8 } = vm.exports
      found.push(_load(2048), _load(1024), _next(), HEAPU8[1024])
      _store(2048, 42)
      await vm.isReady()
      found.push(HEAPU8.length)
    }
    found.push(codeOf(() => vm.exports._trap()), codeOf(() => vm.exports._forever()), codeOf(() => vm.exports._divide(1, 0)))
    await vm.isReady()
    found.push(await vm.run((module) => module._add(2, 3)), vm.generation)
    vm.dispose()
    return [...found, codeOf(() => vm.exports)]
  },
  async callbacks () {
    const mine = new Error('mine')
    const vm = await open(MACHINE, { imports: { env: { callback: () => { throw mine } } }, cache: false })
    try {
      vm.exports._back(1)
    } catch (error) {
      return error === mine
    } finally {
      vm.dispose()
    }
  },
  async embind () {
    const vm = await open(path.join(__dirname, '../fixtures/embind.js'), { cache: false, print () {}, printErr () {} })
    const names = Object.keys(vm.exports).filter((name) => /^[A-Z]\w+$/.test(name) && typeof vm.exports[name] === 'function').length
    await vm.isReady()
    vm.dispose()
    return [vm.host, names > 0]
  },
  async glueHost () {
    const found = []
    for (const rewind of [false, true]) {
      const vm = await open(glue, { host: 'glue', rewind, cache: false })
      const view = vm.exports.HEAPU8
      vm.exports._store(2048, 42)
      found.push(vm.exports._next(), view[2048])
      await vm.isReady()
      found.push(vm.exports._next(), vm.exports._load(2048), vm.exports.HEAPU8[2048], view.length, vm.stats().calls > 0, vm.stats().rewind)
      vm.dispose()
    }
    return found
  },
  async namespace () {
    const { instance } = await own.instantiate(MACHINE, imports)
    return instance.exports.add(2, 3)
  },
  // What is read and written while the instance is replaced is that instance's.
  async underWay () {
    const vm = await open(ROOMY, { imports, cache: false })
    const file = path.join(scratch, 'under-way')
    const works = {
      write: (view) => new Promise((resolve, reject) => {
        const fd = fs.openSync(file, 'w')
        fs.write(fd, view, 0, view.length, 0, (error) => { fs.closeSync(fd); error ? reject(error) : resolve(fs.readFileSync(file)) })
      }),
      gzip: (view) => new Promise((resolve, reject) => zlib.gzip(view, (error, bytes) => error ? reject(error) : resolve(zlib.gunzipSync(bytes))))
    }
    const found = []
    for (const work of Object.values(works)) {
      const module = await vm.isReady()
      module._grow(127)
      const view = module.HEAPU8.subarray(65536, 65536 * 100).fill(7)
      const done = work(view)
      for (let i = 0; i < 3; i++) {
        vm.recycle()
        vm.exports._grow(127)
        vm.exports.HEAPU8.fill(9)
      }
      const bytes = await done
      found.push(bytes.length, bytes.every((byte) => byte === 7))
    }
    fs.writeFileSync(file, Buffer.alloc(65536 * 100, 5))
    const module = await vm.isReady()
    module._grow(127)
    const fd = fs.openSync(file)
    const done = new Promise((resolve, reject) => fs.read(fd, module.HEAPU8.subarray(65536), 0, 65536 * 100, 0, (error, count) => error ? reject(error) : resolve(count)))
    vm.recycle()
    vm.exports._grow(127)
    found.push(await done, vm.exports.HEAPU8.every((byte) => byte === 0))
    fs.closeSync(fd)
    vm.dispose()
    return found
  },
  // Memory of past instances is given back.
  async givenBack () {
    const vm = await open(ROOMY, { imports, cache: false })
    const start = process.memoryUsage.rss()
    for (let i = 0; i < 300; i++) {
      const module = await vm.isReady()
      module._grow(255)
      module.HEAPU8.fill(1)
    }
    const grown = process.memoryUsage.rss() - start
    vm.dispose()
    return grown < 300 * 2 ** 20 || `grew by ${Math.round(grown / 2 ** 20)} MB`
  },
  async pool () {
    const pool = new Pool(path.join(__dirname, '../fixtures/capi-O2.js'), { maxThreads: 2, open: { cache: false } })
    const found = await Promise.all([1, 2, 3].map((n) => pool.run((module, n) => [n, typeof module._malloc], n)))
    await pool.destroy()
    return found
  }
}

async function main () {
  fs.writeFileSync(glue, shapes.commonjs())
  const found = { backend: capabilities().backend, threads: os.availableParallelism() > 0 }
  for (const [name, step] of Object.entries(STEPS)) {
    try {
      found[name] = await step()
    } catch (error) {
      found[name] = `${error.stack}`
    }
  }
  fs.writeFileSync(path.join(scratch, 'found.json'), JSON.stringify(found))
}

main()
