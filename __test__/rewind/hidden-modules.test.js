'use strict'

// What files write to Node's modules and to what leads to modules, in whatever way, and what streams and folders of Node's call later.

const test = require('node:test')
const assert = require('node:assert/strict')
const { runScript } = require('../support/child')
const { runCases } = require('./hidden')

const PUT = 'const put = (o, k, v) => { o[k] = v };'
// Loaded with the file, or when a generation first needs it.
const modules = (names, work) => [
  [`${names.join(', ')}, loaded at the start`, `${PUT} const all = ${JSON.stringify(names)}.map((name) => require(name)); exports.step = () => all.map((m) => { ${work} })`],
  [`${names.join(', ')}, loaded later`, `${PUT} exports.step = () => ${JSON.stringify(names)}.map((name) => require(name)).map((m) => { ${work} })`]
].map(([what, text]) => [`properties that a function puts on ${what}`, text])

runCases([
  ...modules(['os', 'node:path', 'path/posix', 'util', 'util/types', 'url', 'querystring', 'timers', 'timers/promises', 'fs', 'fs/promises', 'dns', 'zlib', 'crypto', 'vm', 'tty', 'v8', 'buffer', 'perf_hooks', 'async_hooks', 'string_decoder', 'diagnostics_channel', 'worker_threads'],
    'const r = m.emvmM; put(m, "emvmM", 1); return r'),
  ...modules(['fs', 'zlib', 'crypto'], 'const r = m.constants.emvmC; try { put(m.constants, "emvmC", 1) } catch { } return r'),
  ['lists of Node\'s modules', 'exports.step = () => [require("http").METHODS, require("module").globalPaths].map((list) => { const r = list.includes("emvm"); list.push("emvm"); return r })'],
  ['what leads to modules', 'exports.step = () => [require.resolve, require.resolve.paths, require.main, require.main?.paths, require.main?.children, module.paths, module.children].map((o) => { const r = o?.emvmR; if (o) o.emvmR = 1; return r })'],
  ['paths of the program\'s module', 'exports.step = () => { const r = require.main?.paths?.includes("/emvm"); require.main?.paths?.push("/emvm"); return r }'],
  ['process.env by a function, process.execArgv by a method', `${PUT} exports.step = () => { const r = [process.env.EMVM_PUT, process.execArgv.includes("emvm")]; put(process.env, "EMVM_PUT", "1"); process.execArgv.push("emvm"); Object.defineProperty(process.env, "EMVM_DEFINED", { value: "1", configurable: true, enumerable: true, writable: true }); return r }`],
  ['process.env is what processes get', 'const { execFileSync } = require("child_process"); exports.step = () => { const tell = () => execFileSync(process.execPath, ["-p", "process.env.EMVM_TOLD"], { encoding: "utf8" }); const r = tell(); process.env.EMVM_TOLD = "1"; return [r, tell()] }'],
  ['arguments of the file, from an arrow function', 'const mine = () => arguments; exports.step = () => { const a = mine(); const r = [a.length, a.n, a[9], a[1] === require]; a.n = a[9] = 1; return r }'],
  ['stores that are bound to a channel, and tracing channels', 'const { AsyncLocalStorage } = require("async_hooks"); const d = require("diagnostics_channel"); exports.step = () => { const c = d.channel("emvm-bound"), t = d.tracingChannel("emvm-traced"); const r = [c.hasSubscribers, t.start.hasSubscribers, t.error.hasSubscribers]; c.bindStore(new AsyncLocalStorage(), (x) => x); t.subscribe({ start () {}, end () {}, asyncStart () {}, asyncEnd () {}, error () {} }); return r }'],
  ['modules by other ways than require', `${PUT} const get = process.getBuiltinModule ?? require; exports.step = () => [get("os"), process.mainModule?.require("os"), require.main?.require("os"), require("module")._load("os"), require("module").createRequire(__filename)("os")].map((m) => { if (m === undefined) return m; const r = m.emvmW; put(m, "emvmW", 1); return r === undefined || m === require("os") })`],
  ['a callback by other ways than require', 'let n = 0; const get = process.getBuiltinModule ?? require; exports.step = () => { const r = n; for (const fs of [get("fs"), (process.mainModule ?? module).require("fs"), require("module")._load("fs")]) fs.stat("/", () => { n++ }); return r }'],
  ['streams that Node writes to', 'const { Writable, Transform, PassThrough } = require("stream"); const { inherits } = require("util"); const { createReadStream } = require("fs"); let n = 0; class W extends Writable { _write (c, e, done) { n++; done() } _final (done) { n++; done() } } function Old () { Writable.call(this) } inherits(Old, Writable); Old.prototype._write = (c, e, done) => { n++; done() }; exports.step = () => { const r = n; const read = () => createReadStream(__filename); read().pipe(new W()); read().pipe(new Old()); read().pipe(new Writable({ write (c, e, done) { n++; done() } })); read().pipe(new Transform({ transform (c, e, done) { n++; done(null, c) } })).resume(); return [r, new W() instanceof Writable, new PassThrough() instanceof require("stream"), require("stream").Stream === require("stream")] }'],
  ['a pipeline that ends later', 'const { pipeline, PassThrough, finished } = require("stream"); const { createReadStream } = require("fs"); let n = 0; exports.step = () => { const r = n; const p = new PassThrough(); pipeline(createReadStream(__filename), p, () => { n++ }); finished(p, () => { n++ }); p.resume(); return r }'],
  ['folders that are being read', 'const fs = require("fs"); let n = 0; exports.step = () => { const r = n; fs.opendirSync(__dirname).read(() => { n++ }); fs.opendir(__dirname, () => { n++ }); return r }']
])

test('a stream over what a generation left under way fails for nobody', async () => {
  const { code, stdout, stderr } = await runScript(`
    const { openFile } = require('./__test__/rewind/support')
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    openFile(\`
      const stream = require('stream')
      const pause = () => new Promise((resolve) => setTimeout(resolve, 1))
      exports.step = () => {
        stream.Readable.from((async function * () { await pause(); yield 1 })()).on('data', () => {})
        const composed = stream.compose?.(async function * (source) { for await (const each of source) { await pause(); yield each } })
        composed?.end('x')
        composed?.resume()
      }\`, { rewind: true }).then(async (file) => {
      for (let round = 0; round < 3; round++) {
        file.vm.exports.step()
        await file.vm.isReady()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      console.log(file.vm.stats().rewinds)
      file.close()
    })`)
  assert.deepEqual([code, stdout, stderr], [0, '3\n', ''])
})

test('nothing of an uncaught value runs while emvm looks whose it is', async () => {
  const { code, stdout, stderr } = await runScript(`
    const { openFile } = require('./__test__/rewind/support')
    const asked = []
    const trap = (target, key) => { asked.push(key); throw new Error('trap') }
    let caught = 0
    process.on('uncaughtException', () => { caught++ })
    openFile('exports.step = async () => {}', { rewind: true }).then(async (file) => {
      await file.vm.exports.step()
      const accessor = Object.defineProperty(new Error('x'), 'code', { get: trap })
      const claims = Object.assign(new Error('x'), { code: 'EMVM_ERR_STALE' })
      for (const thrown of [new Proxy(new Error('x'), { get: trap, getOwnPropertyDescriptor: trap, getPrototypeOf: trap }), { get code () { return trap(this, 'own') } }, accessor, claims, undefined]) {
        setImmediate(() => { throw thrown })
      }
      setTimeout(() => { console.log(caught, asked.join()); file.close() }, 50)
    })`)
  assert.deepEqual([code, stdout, stderr], [0, '5 \n', ''])
})

test('files and folders that a generation opened by promises are closed with it', { skip: process.platform !== 'linux' }, async () => {
  const { code, stdout, stderr } = await runScript(`
    const { openFile } = require('./__test__/rewind/support')
    const { readdirSync } = require('node:fs')
    const open = () => readdirSync('/proc/self/fd').length
    openFile(\`
      const { promises } = require('fs')
      exports.step = async () => { await promises.open(__filename); await promises.open(__filename); require('fs').opendirSync(__dirname) }
      exports.begin = () => { promises.open(__filename) }\`, { rewind: true }).then(async (file) => {
      const before = open()
      for (let round = 0; round < 3; round++) {
        await file.vm.exports.step()
        file.vm.exports.begin()
        await file.vm.isReady()
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      console.log(open() - before)
      file.close()
    })`, { args: ['--expose-gc'] })
  assert.deepEqual([code, stdout, stderr], [0, '0\n', ''])
})

test('a self-test that the system has no room for is none, and errors of the system have a code', { skip: process.platform !== 'linux' }, async () => {
  const { code, stdout, stderr } = await runScript(`
    const { execFileSync } = require('node:child_process')
    const script = \`
      const emvm = require(${JSON.stringify(require.resolve('../..'))})
      emvm.open(${JSON.stringify(require.resolve('../fixtures/capi-growth.js'))}, { host: 'glue', rewind: true }).then(async (vm) => {
        for (let round = 0; round < 3; round++) await vm.isReady()
        let refused
        try { for (;;) new emvm.WebAssembly.Memory({ initial: 1 }) } catch ({ code, name }) { refused = name + ' ' + code }
        console.log(vm.stats().rewind, vm.stats().rewinds, refused)
      })\`
    process.stdout.write(execFileSync('sh', ['-c', 'ulimit -v 20000000; exec "$0" -e "$1"', process.execPath, script], { encoding: 'utf8' }))`)
  assert.deepEqual([code, stdout, stderr], [0, 'on 3 RangeError EMVM_ERR_MEMORY\n', ''])
})
