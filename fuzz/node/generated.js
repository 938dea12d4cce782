'use strict'

// Random valid modules on the native host: the same calls after a recycle give the same as before it.

const smith = require('./smith')
const { signatures } = require('./signatures')
const { fitting } = require('./values')

const LIMIT_MS = 20_000

function imports (log) {
  const say = (name, result) => (...args) => { log.push([name, ...args]); return result(...args) }
  return {
    env: {
      nothing: say('nothing', () => {}),
      i32: say('i32', (a, b) => a ^ b),
      i64: say('i64', (a, b) => BigInt(a) + BigInt(b)),
      f32: say('f32', (a) => a / 2),
      f64: say('f64', (a, b) => a - b),
      throws: say('throws', (a) => { throw new RangeError(`asked for ${a}`) }),
      back: say('back', (a) => a + 1)
    }
  }
}

const shown = (value) => typeof value === 'object' && value !== null ? 'object' : typeof value === 'function' ? 'function' : Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`

function play (vm, calls, log) {
  log.length = 0
  const results = calls.map(({ name, args }) => {
    try {
      return shown(vm.exports[name](...args))
    } catch (error) {
      if (error.code === 'EMVM_ERR_TIMEOUT') throw error
      return `${error.name} ${error.trap || error.code || error.message}`
    }
  })
  return JSON.stringify([results, log.map((line) => line.map(shown)), vm.exports.HEAPU8 ? vm.exports.HEAPU8.length : 0])
}

function prepare () {
  smith.prepare()
  return {}
}

async function one (rng, { emvm, bytes }) {
  if (bytes.length === 0) return 'refused'
  const log = []
  let vm
  try {
    vm = await emvm.open(bytes, { host: 'native', cache: false, timeout: LIMIT_MS, memory: { max: '64mb' }, print () {}, printErr () {}, imports: imports(log) })
  } catch (error) {
    if (!(error instanceof emvm.EmvmError)) throw error
    return 'refused'
  }
  const types = signatures(bytes)
  const names = Object.keys(vm.exports).map((key) => [key, types[key] || types[key.replace(/^_/, '')]]).filter(([key, type]) => type && typeof vm.exports[key] === 'function')
  const calls = names.length === 0
    ? []
    : Array.from({ length: rng.below(20) }, () => {
      const [name, { params }] = rng.pick(names)
      return { name, args: params.map((type) => fitting(type, rng, [null, undefined, 1, 'x'])) }
    })
  const first = play(vm, calls, log)
  for (let i = 1 + rng.below(3); i > 0; i--) {
    await vm.isReady()
    if (rng.below(20) === 0) gc()
    const again = play(vm, calls, log)
    if (again !== first) throw new Error(`generation ${vm.generation} differs:\n${first}\n${again}`)
  }
  vm.recycle()
  const differences = vm[Symbol.for('emvm.compareWithImage')]()
  if (differences !== null && differences.length > 0) throw new Error(`left behind: ${differences}`)
  if (rng.below(2)) vm.dispose()
  return 'ran'
}

module.exports = { prepare, one, modules: (first, count) => smith.modules(first, count, false) }
