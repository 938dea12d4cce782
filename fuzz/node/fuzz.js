'use strict'

// Throws broken modules and glue, random calls, recycles and collections at emvm, and counts.
//
//   node --expose-gc fuzz/node/fuzz.js [seconds] [first seed]
//
// Each batch of seeds runs in a process of its own: one that crashes or hangs is counted, and its seed is printed.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { random, mutate } = require('../../__test__/support/hostile')

const ROOT = path.join(__dirname, '..', '..')
const BATCH = 100
const HANG_MS = 120_000

function corpus () {
  const folder = path.join(ROOT, '__test__', 'fixtures')
  const names = fs.readdirSync(folder, { recursive: true }).map(String).filter((name) => /\.(wasm|js)$/.test(name))
  const files = names.map((name) => ({ name, bytes: fs.readFileSync(path.join(folder, name)) }))
  return { wasm: files.filter(({ name }) => name.endsWith('.wasm')), glue: files.filter(({ name }) => name.endsWith('.js')) }
}

const VALUES = [undefined, null, true, 0, 1, -1, 4096, 65535, 2 ** 31, 1.5, NaN, 'x', 7n, {}, [], () => 1, Symbol('s')]

async function one (seed, emvm, files) {
  const rng = random(seed)
  const options = { host: 'native', cache: false, timeout: 100, memory: { max: '64mb' }, print () {}, printErr () {}, imports: { env: { callback: (x) => x } } }
  const whole = rng.below(3) === 0
  const source = rng.below(4) === 0 ? rng.pick(files.glue) : rng.pick(files.wasm)
  if (source.name.endsWith('.js')) options.wasm = rng.pick(files.wasm).bytes
  let vm
  try {
    vm = await emvm.open(whole ? source.bytes : mutate(source.bytes, rng), options)
  } catch (error) {
    if (!(error instanceof emvm.EmvmError)) throw error
    return 'refused'
  }
  const { exports: module } = vm
  const names = Object.keys(module).filter((name) => /^_?[a-z]/i.test(name) && typeof module[name] === 'function')
  for (let i = rng.below(60); i > 0; i--) {
    const args = Array.from({ length: rng.below(4) }, () => rng.below(3) === 0 ? { valueOf () { vm.recycle(); return rng.next() } } : rng.pick(VALUES))
    try { module[rng.pick(names)](...args) } catch { }
    if (rng.below(6) === 0) try { await vm.isReady() } catch { }
    if (rng.below(40) === 0) gc()
  }
  vm.recycle()
  const differences = vm[Symbol.for('emvm.compareWithImage')]()
  if (differences !== null && differences.length > 0) throw new Error(`left behind: ${differences}`)
  if (rng.below(2)) vm.dispose()
  return 'ran'
}

async function batch (first) {
  const emvm = require(ROOT)
  const files = corpus()
  const counts = { ran: 0, refused: 0 }
  for (let seed = first; seed < first + BATCH; seed++) {
    fs.writeSync(3, `${seed}\n`)
    counts[await one(seed, emvm, files)]++
  }
  gc()
  console.log(JSON.stringify({ ...counts, mb: process.memoryUsage().rss >> 20 }))
  process.exit(0)
}

function main (seconds, first) {
  const total = { ran: 0, refused: 0, crashes: 0, hangs: 0, failures: 0, mb: 0 }
  const end = Date.now() + seconds * 1000
  for (let seed = first; Date.now() < end; seed += BATCH) {
    const { status, signal, error, stdout, stderr, output } = spawnSync(process.execPath, ['--expose-gc', __filename, '--batch', String(seed)],
      { encoding: 'utf8', timeout: HANG_MS, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    if (status === 0) {
      const { ran, refused, mb } = JSON.parse(stdout)
      total.ran += ran
      total.refused += refused
      total.mb = Math.max(total.mb, mb)
      continue
    }
    total[error && error.code === 'ETIMEDOUT' ? 'hangs' : signal ? 'crashes' : 'failures']++
    console.error(`seed ${output[3].trim().split('\n').pop()}: ${signal || status} ${stderr.slice(0, 1000)}`)
  }
  console.log(`inputs ${total.ran + total.refused} (${total.refused} refused), crashes ${total.crashes}, hangs ${total.hangs}, failures ${total.failures}, at most ${total.mb} MB`)
  process.exitCode = total.crashes + total.hangs + total.failures > 0 ? 1 : 0
}

if (process.argv[2] === '--batch') batch(Number(process.argv[3])).catch((error) => { console.error(error); process.exit(1) })
else main(Number(process.argv[2] || 60), Number(process.argv[3] || 1))
