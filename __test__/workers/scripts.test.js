'use strict'

// emvm's own files: loaded with V8's code, which a thread that has opened something made, they are what Node would load.

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { platformName } = require('../../lib/base/platform')

const ROOT = path.join(__dirname, '..', '..')
const FIXTURE = path.join(__dirname, '..', 'fixtures', 'wat', 'wasi.wasm')

function temporary (t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-scripts-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

// A program beside a fresh cache folder; JSON is what it says. `PLAIN` has Node load everything.
function program (cache, body, { args = [], env = {}, root = ROOT } = {}) {
  const text = `const ROOT = ${JSON.stringify(root)}; const path = require('node:path'); const MODULE = ${JSON.stringify(FIXTURE)}
    const say = (value) => console.log(JSON.stringify(value))
    const native = () => require(path.join(ROOT, 'lib/base/binary')).find()
    const hasCode = (file) => Boolean(native().ownScript(path.join(ROOT, file))?.code)
    ;(async () => {${body}})()`
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, '-e', text], {
    encoding: 'utf8', timeout: 60_000, env: { ...process.env, NODE_V8_COVERAGE: '', EMVM_CACHE_DIR: cache, ...env }
  })
  assert.strictEqual(status, 0, stderr)
  return JSON.parse(stdout)
}
const PLAIN = { WATCH_REPORT_DEPENDENCIES: '1' }

const OPEN = 'const { open } = require(ROOT); (await open(MODULE)).dispose(); await new Promise((resolve) => setTimeout(resolve, 20));'
const kept = (cache) => fs.readdirSync(cache).filter((name) => name.endsWith('.kept'))

test('stacks have the names, lines and columns of the files', (t) => {
  const cache = temporary(t)
  const body = `
    const stack = await require(ROOT).open(MODULE, { timeout: 'long' }).catch((error) => error.stack)
    say(stack.split('\\n').slice(1).filter((line) => line.includes(path.join(ROOT, 'lib'))))`
  const usual = program(cache, body, { env: PLAIN })
  assert.ok(usual.length > 1)
  for (let i = 0; i < 2; i++) assert.deepStrictEqual(program(cache, OPEN + body), usual)
})

test('files are in require.cache, once', (t) => {
  const body = `require(ROOT)
    const { cache } = require
    const ours = Object.keys(cache).filter((file) => file.startsWith(path.join(ROOT, 'lib'))).map((file) => path.relative(ROOT, file))
    const again = ours.every((file) => require(path.join(ROOT, file)) === cache[path.join(ROOT, file)].exports)
    say({ ours: ours.sort(), again, loaded: ours.every((file) => cache[path.join(ROOT, file)].loaded) })`
  const cache = temporary(t)
  const [ours, usual] = [program(cache, body), program(cache, body, { env: PLAIN })]
  assert.ok(ours.again && ours.loaded)
  assert.deepStrictEqual(ours, usual)
})

test('an error while a file is loaded leaves nothing behind', (t) => {
  const body = 'const attempt = () => { try { require(ROOT) } catch ({ code }) { return code } }; say([attempt(), attempt()])'
  assert.deepStrictEqual(program(temporary(t), body, { env: { EMVM_TIER: 'nonsense' } }), ['EMVM_ERR_OPTION', 'EMVM_ERR_OPTION'])
})

test('a thread, and the next process, find the code that the first open left', (t) => {
  const cache = temporary(t)
  const look = "[hasCode('lib/open'), hasCode('lib/facade/index.js')]"
  const inThread = `
    const worker = new (require('node:worker_threads').Worker)(\`const path = require('node:path'); const ROOT = \${JSON.stringify(ROOT)}
      require(ROOT); const native = require(path.join(ROOT, 'lib/base/binary')).find()
      require('node:worker_threads').parentPort.postMessage(Boolean(native.ownScript(path.join(ROOT, 'lib/open')).code))\`, { eval: true })
    const inThread = await new Promise((resolve) => worker.on('message', resolve))`
  const first = program(cache, `require(ROOT); const before = ${look}; ${OPEN} ${inThread}; say({ before, after: ${look}, inThread })`)
  assert.deepStrictEqual(first, { before: [false, false], after: [true, true], inThread: true })
  assert.strictEqual(kept(cache).length, 1)
  assert.deepStrictEqual(program(cache, `require(ROOT); say(${look})`), [true, true])
})

test('code of files that are loaded after an open is kept as well', (t) => {
  const cache = temporary(t)
  const look = "hasCode('lib/leaks/stacks')"
  const load = "require(path.join(ROOT, 'lib/base/scripts')).loaded(require.cache[path.join(ROOT, 'index.js')], 'lib/leaks/stacks'); await new Promise((resolve) => setTimeout(resolve, 20));"
  assert.deepStrictEqual(program(cache, `${OPEN} const before = ${look}; ${load} say([before, ${look}])`), [false, true])
  assert.deepStrictEqual(program(cache, `require(ROOT); say(${look})`), true)
})

test('what is damaged, or of another kind of V8, is not used', (t) => {
  const cache = temporary(t)
  program(cache, `${OPEN} say(1)`)
  const [file] = kept(cache).map((name) => path.join(cache, name))
  const whole = fs.readFileSync(file)
  whole[whole.length >> 1] ^= 1
  fs.writeFileSync(file, whole)
  assert.strictEqual(program(cache, `require(ROOT); const before = hasCode('lib/open'); ${OPEN} say(before)`), false)
  assert.strictEqual(program(cache, "require(ROOT); say(hasCode('lib/open'))"), true)
  // Other flags have a file of their own, and leave the first one as it is.
  const args = ['--no-opt']
  const before = fs.readFileSync(file)
  program(cache, `${OPEN} say(1)`, { args })
  assert.strictEqual(kept(cache).length, 2)
  assert.deepStrictEqual(fs.readFileSync(file), before)
  assert.strictEqual(program(cache, `${OPEN} say(hasCode('lib/open'))`, { args }), true)
  assert.strictEqual(kept(cache).length, 2)
})

test('nothing is kept for other processes by an open with a cache of its own, or with none', (t) => {
  const [cache, other] = [temporary(t), temporary(t)]
  for (const folder of [false, other]) {
    const body = `const { open } = require(ROOT); (await open(MODULE, { cache: ${JSON.stringify(folder)} })).dispose()
      await new Promise((resolve) => setTimeout(resolve, 20)); say(hasCode('lib/open'))`
    assert.strictEqual(program(cache, body), true, 'threads have it')
  }
  assert.deepStrictEqual([...kept(cache), ...kept(other)], [])
})

test('a file that was changed is compiled anew', (t) => {
  const [cache, folder] = [temporary(t), temporary(t)]
  const root = path.join(fs.realpathSync(folder), 'emvm')
  fs.cpSync(path.join(ROOT, 'lib'), path.join(root, 'lib'), { recursive: true })
  for (const name of ['index.js', 'package.json', `emvm.${platformName()}.node`]) fs.cpSync(path.join(ROOT, name), path.join(root, name))
  program(cache, `${OPEN} say(1)`, { root })
  const file = path.join(root, 'lib', 'interrupt.js')
  const text = fs.readFileSync(file, 'utf8')
  // V8 itself compares lengths only.
  const changed = text.replace('module.exports = { interrupt }', 'exports.interrupt = "changed!"')
  assert.ok(changed !== text && changed.length === text.length)
  fs.writeFileSync(file, changed)
  assert.strictEqual(program(cache, 'const { interrupt } = require(ROOT); say(interrupt)', { root }), 'changed!')
})

test('where something counts what ran, or asks for each file, Node loads them', (t) => {
  const body = "require(ROOT); say(require.cache[path.join(ROOT, 'lib', 'open.js')].children.length > 0)"
  assert.strictEqual(program(temporary(t), body), false)
  for (const env of [PLAIN, { NODE_V8_COVERAGE: temporary(t) }]) assert.strictEqual(program(temporary(t), body, { env }), true)
})
