'use strict'

// Random calls of the API from within random callbacks: `print`, devices, lazy files, imports, timers, getters and
// conversions of arguments, functions in the table. Whatever they do, the process lives, what is refused says so, and
// the sandbox works afterwards.

const path = require('node:path')
const { ANY } = require('./values')

const FIXTURES = path.join(__dirname, '..', '..', '__test__', 'fixtures')
const NAMES = ['program.js', 'files.js', 'crash.js', 'faults.js', 'embind.js', 'state.js', 'timers.js', 'calls.js', 'casts.js', 'emasm-O2.js']
// One call may have so many more within it.
const DEEP = 4
const STEPS = 400

function prepare () {
  return { names: NAMES.map((name) => path.join(FIXTURES, name)) }
}

class Player {
  constructor (rng, emvm, file) {
    this.rng = rng
    this.emvm = emvm
    this.file = file
    this.depth = 0
    this.steps = 0
    this.buffers = []
    this.kept = []
    this.promises = []
    this.disposed = false
  }

  // What a callback does, and what it gives.
  callback (give = () => this.rng.pick(ANY)) {
    return (...args) => {
      this.within(args)
      return give()
    }
  }

  within (args) {
    if (this.depth >= DEEP || this.steps > STEPS || this.vm === undefined) return
    this.depth++
    try {
      for (let i = this.rng.below(3); i > 0; i--) this.step(args)
    } finally {
      this.depth--
    }
    if (this.rng.below(12) === 0) throw this.rng.pick([new Error('of a callback'), 7, undefined, 'text'])
  }

  step (args) {
    this.steps++
    const actions = this.module === undefined ? ['sandbox'] : ['sandbox', 'call', 'files', 'files', 'files', 'buffer', 'table', 'argument']
    try {
      this[this.rng.pick(actions)](args)
    } catch (error) {
      // What callbacks throw, and every refusal.
      if (error instanceof Error && /internal error in emvm|a fault in emvm/.test(error.message)) throw error
    }
  }

  get module () {
    try { return this.vm.exports } catch { return undefined }
  }

  sandbox () {
    const { vm, rng } = this
    switch (rng.below(10)) {
      case 0: return vm.recycle()
      case 1: return this.later(vm.isReady())
      case 2: return this.later(vm.run(() => this.within([])))
      case 3: return vm.stats()
      case 4: return vm.leaks()
      case 5: return this.emvm.interrupt(vm.interruptHandle)
      case 6: return vm.generation
      // Refused within a call; else nothing is left to be done.
      case 7: if (this.depth > 0 || rng.below(20) === 0) { vm.dispose(); this.disposed = true } return
      case 8: return gc()
      default: if (this.kept.length > 0) this.use(rng.pick(this.kept))
    }
  }

  later (promise) {
    if (promise && typeof promise.then === 'function') this.promises.push(Promise.resolve(promise).then(() => {}, () => {}))
  }

  // A conversion may run anything.
  odd () {
    switch (this.rng.below(6)) {
      case 0: return { valueOf: this.callback(() => this.rng.below(100)) }
      case 1: return { toString: this.callback(() => '/file') }
      case 2: return { [Symbol.iterator]: this.callback(() => [1, 2][Symbol.iterator]()), get length () { return 2 } }
      case 3: return this.rng.below(1 << 16)
      case 4: return this.bytes()
      default: return this.rng.pick(ANY)
    }
  }

  // Large ones are given back to the system when they go, so that a use afterwards is seen.
  bytes () {
    const { rng } = this
    const length = rng.below(3) ? rng.below(4096) : 1 << 22
    const buffer = rng.below(2) ? new ArrayBuffer(length, { maxByteLength: 2 * length }) : new ArrayBuffer(length)
    this.buffers.push(buffer)
    if (this.buffers.length > 4) this.buffers.shift()
    return new Uint8Array(buffer)
  }

  // As much of an array as a call is to use.
  amount (array) { return this.rng.below(2) ? array.length : this.rng.below(200) }

  buffer ([given]) {
    const { rng, buffers } = this
    const buffer = given && ArrayBuffer.isView(given) && rng.below(3) === 0 ? given.buffer : buffers.length > 0 ? buffers[buffers.length - 1 - rng.below(Math.min(2, buffers.length))] : undefined
    if (buffer === undefined) return
    if (rng.below(2) && buffer.resizable) buffer.resize(rng.below(buffer.maxByteLength))
    else structuredClone(buffer, { transfer: [buffer] })
    gc()
  }

  call () {
    const { rng, module } = this
    const names = Object.keys(module).filter((name) => typeof module[name] === 'function' && !/^_?(exit|_Exit|quit|abort|raise)$|^_emscripten_force_exit$/i.test(name))
    if (names.length === 0) return
    const name = rng.pick(names)
    const args = Array.from({ length: rng.below(4) }, () => rng.below(4) === 0 ? this.callback() : this.odd())
    const made = /^[A-Z]/.test(name) && rng.below(2) ? new module[name](...args) : module[name](...args)
    if (made !== null && typeof made === 'object') this.kept.push(made)
    this.later(made)
    if (this.kept.length > 20) this.kept.shift()
  }

  use (object) {
    const names = []
    for (let at = object; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) names.push(...Object.getOwnPropertyNames(at))
    const name = this.rng.pick(names)
    const value = object[name]
    if (typeof value === 'function' && name !== 'constructor') this.later(value.call(object, this.odd()))
    else if (this.rng.below(3) === 0) object[name] = this.odd()
  }

  argument ([given]) {
    if (given !== null && typeof given === 'object' && !ArrayBuffer.isView(given)) this.use(given)
  }

  table () {
    const { rng, module } = this
    const { wasmTable, wasmMemory, addFunction, removeFunction, HEAPU8 } = module
    switch (rng.below(6)) {
      case 0: if (addFunction) this.index = addFunction(this.callback(() => 1), rng.pick(['v', 'i', 'ii', 'vi', 'x'])); return
      case 1: if (removeFunction) removeFunction(this.index); return
      case 2: if (wasmTable) { const f = wasmTable.get(rng.below(wasmTable.length + 2)); if (f) f(this.odd(), this.odd()) } return
      case 3: if (wasmTable) wasmTable.grow(rng.below(4)); return
      case 4: if (wasmMemory) wasmMemory.grow(rng.below(3)); return
      default: if (HEAPU8) HEAPU8[rng.below(HEAPU8.length)] = rng.below(256)
    }
  }

  files () {
    const { rng, module } = this
    const { FS } = module
    if (!FS) return
    const file = rng.pick(['/file', '/lazy', '/folder/file', '/dev/tty', '/dev/d0', '/dev/d1', '/dev/own', '/dev/null', '/dev/random', '/link', '/', '/dev/stdin'])
    switch (rng.below(16)) {
      case 0: return FS.createDevice('/dev', `d${rng.below(2)}`, rng.below(4) ? this.callback(() => rng.pick([65, 10, null, undefined])) : null, this.callback())
      case 1: {
        const dev = FS.makedev(64, rng.below(4))
        const ops = {}
        for (const name of ['open', 'close', 'read', 'write', 'llseek']) if (rng.below(3)) ops[name] = this.callback(() => rng.below(64))
        FS.registerDevice(dev, ops)
        return FS.mkdev('/dev/own', 0o666, dev)
      }
      case 2: return FS.createLazyFile('/', 'lazy', this.vm.host === 'native' ? this.callback(() => this.bytes()) : '/nothing', true, rng.below(2) === 1)
      case 3: this.stream = undefined; this.stream = FS.open(file, rng.pick(['r', 'r+', 'w', 'w+', 'a', 'a+', 'wx'])); return
      case 4: case 5: {
        const bytes = this.bytes()
        return FS.read(this.stream ?? FS.getStream(rng.below(4)), bytes, rng.below(3) ? 0 : this.odd(), this.amount(bytes), rng.below(3) ? undefined : this.odd())
      }
      case 6: case 7: {
        const bytes = rng.below(4) ? this.bytes() : Buffer.from('a line\nand another\n')
        return FS.write(this.stream ?? FS.getStream(1 + rng.below(3)), bytes, rng.below(3), this.amount(bytes), rng.below(3) ? undefined : this.odd())
      }
      case 8: return FS.writeFile(file, rng.below(2) ? this.bytes() : 'text\n'.repeat(rng.below(9)), { flags: rng.pick(['w', 'a', undefined]), mode: this.odd() })
      case 9: return FS.readFile(file, { encoding: rng.pick(['utf8', 'binary']) })
      case 10: return FS.close(this.stream ?? FS.getStream(rng.below(4)))
      case 11: return rng.pick([() => FS.unlink(file), () => FS.rename(file, '/folder/file'), () => FS.symlink(file, '/link'), () => FS.mkdir('/folder'), () => FS.rmdir('/folder')])()
      case 12: return rng.pick([() => FS.stat(file), () => FS.readdir(file), () => FS.analyzePath(file), () => FS.lookupPath(file), () => FS.chmod(file, this.odd()), () => FS.utime(file, this.odd(), this.odd())])()
      case 13: return FS.truncate(file, rng.below(3000))
      case 14: return FS.mmap && FS.mmap(this.stream, rng.below(100), 0, 3, 2)
      default: return FS.createDataFile('/', 'file', this.bytes(), true, true, true)
    }
  }
}

async function one (rng, { emvm, files }) {
  const player = new Player(rng, emvm, rng.pick(files.names))
  const options = {
    host: rng.below(3) === 0 ? 'glue' : 'native',
    timeout: 1000,
    memory: { max: '64mb' },
    print: player.callback(),
    printErr: player.callback(),
    onUncaught () {},
    recycle: rng.pick(['always', { calls: 5 }]),
    imports: { env: { callback: player.callback((x) => rng.below(9)) } },
    module: { stdin: player.callback(() => rng.pick([65, 10, null])), preRun: [player.callback()], onRuntimeInitialized: player.callback(), onAbort: player.callback() }
  }
  let vm
  try {
    vm = await emvm.open(player.file, options)
  } catch (error) {
    if (!(error instanceof emvm.EmvmError) && !/of a callback/.test(String(error))) throw error
    return 'refused'
  }
  player.vm = vm
  for (let i = 5 + rng.below(20); i > 0 && !player.disposed; i--) {
    player.step([])
    if (rng.below(5) === 0) await player.promises.pop()
    if (rng.below(8) === 0) await new Promise((resolve) => setTimeout(resolve, rng.below(3)))
  }
  const settled = Promise.all(player.promises).then(() => true)
  // A call of the module's may give a promise that never settles; a lease of the sandbox always ends.
  await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 1000))])
  if (player.disposed) return 'ran'
  // It still works, from the beginning.
  player.steps = Infinity
  const module = await ready(vm)
  // A policy may keep an instance that the calls have left as they like.
  if (module.FS && vm.host === 'native' && options.recycle === 'always') {
    module.FS.writeFile('/after', 'works')
    if (module.FS.readFile('/after', { encoding: 'utf8' }) !== 'works') throw new Error('files do not work afterwards')
  }
  vm.dispose()
  return 'ran'
}

// A lease that is under way ends first.
async function ready (vm) {
  for (let i = 0; ; i++) {
    try {
      return await vm.isReady()
    } catch (error) {
      if (error.code !== 'EMVM_ERR_BUSY' || i === 1000) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

module.exports = { prepare, one }
