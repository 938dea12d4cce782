'use strict'

// Broken modules and glue, on both hosts, with random calls, recycles and collections.

const fs = require('node:fs')
const path = require('node:path')
const { mutate } = require('../../__test__/support/hostile')
const { ANY } = require('./values')

const FIXTURES = path.join(__dirname, '..', '..', '__test__', 'fixtures')

function prepare () {
  const names = fs.readdirSync(FIXTURES, { recursive: true }).map(String).filter((name) => /\.(wasm|js)$/.test(name))
  const files = names.map((name) => ({ name, bytes: fs.readFileSync(path.join(FIXTURES, name)) }))
  const glue = files.filter(({ name }) => name.endsWith('.js') && !name.includes('embedded'))
  const pairs = glue.map((file) => ({ glue: file, wasm: files.find(({ name }) => name === file.name.replace(/\.js$/, '.wasm')) }))
  return { wasm: files.filter(({ name }) => name.endsWith('.wasm')), glue, pairs: pairs.filter(({ wasm }) => wasm) }
}

// What is opened. Mutated glue is read by the native host alone: the glue host would run it, with our rights.
function source (rng, files, options) {
  const whole = rng.below(3) === 0
  const change = (bytes) => whole ? bytes : mutate(bytes, rng)
  switch (rng.below(4)) {
    case 0:
      options.wasm = rng.pick(files.wasm).bytes
      return change(rng.pick(files.glue).bytes)
    case 1: {
      const { glue, wasm } = rng.pick(files.pairs)
      options.host = 'glue'
      options.wasm = change(wasm.bytes)
      return glue.bytes
    }
    default:
      return change(rng.pick(files.wasm).bytes)
  }
}

async function one (rng, { emvm, files }) {
  const options = { host: 'native', cache: false, timeout: 100, memory: { max: '64mb' }, print () {}, printErr () {}, onUncaught () {}, imports: { env: { callback: (x) => x } } }
  const bytes = source(rng, files, options)
  let vm
  try {
    vm = await emvm.open(bytes, options)
  } catch (error) {
    if (!(error instanceof emvm.EmvmError)) throw error
    return 'refused'
  }
  // The glue's own JavaScript may loop for ever on such arguments, under plain Node too.
  const wanted = vm.host === 'glue' ? /^_[a-z]/i : /^_?[a-z]/i
  const names = Object.keys(vm.exports).filter((name) => wanted.test(name) && typeof vm.exports[name] === 'function' && !/^_?(exit|_Exit|quit)$/i.test(name))
  for (let i = rng.below(60); i > 0; i--) {
    const args = Array.from({ length: rng.below(4) }, () => rng.below(3) === 0 ? { valueOf () { vm.recycle(); return rng.next() } } : rng.pick(ANY))
    if (names.length > 0) try { vm.exports[rng.pick(names)](...args) } catch { }
    if (rng.below(6) === 0) try { await vm.isReady() } catch { }
    if (rng.below(40) === 0) gc()
  }
  if (vm.host === 'native') {
    vm.recycle()
    const differences = vm[Symbol.for('emvm.compareWithImage')]()
    if (differences !== null && differences.length > 0) throw new Error(`left behind: ${differences}`)
  }
  if (rng.below(2)) vm.dispose()
  return 'ran'
}

module.exports = { prepare, one }
