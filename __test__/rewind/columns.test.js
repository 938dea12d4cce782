'use strict'

// Errors of instrumented files tell lines and columns of the package's own text, as under plain Node.

const test = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { openFile } = require('./support')

const TEXT = `
let count = 0, list = []; const add = (x) => { list.push(x); count++; return () => count }
class Shape { #sides = 4; constructor (n) { this.n = n; count++ } grow () { this.#sides++; count++; return undefined.of.nothing } static make () { return new Shape(count++).grow() } }
exports.thrown = () => { count++; const later = () => { count++; throw new Error('made here') }; return later() }; exports.typed = () => { add(1)(); return null.x }
exports.method = () => { count++; return Shape.make() }
exports.awaited = async () => { count++; await 1; count++; await Promise.resolve().then(() => { count++; throw new RangeError('of a promise') }) }
exports.loops = () => { for (let i = 0; i < 3; i++) { list.push(() => i++); if (i === 2) throw new Error('of a loop') } }; exports.evaluated = () => { count++; return eval('null.y') }
exports.nodes = () => { count++; return Buffer.alloc('x') }; exports.plain = () => { const o = {}; count++; Error.captureStackTrace(o); throw o }
exports.ü = () => { const ä = '\u{1f600}'; count++; throw new Error(ä) }
`

const NAMES = ['thrown', 'typed', 'method', 'awaited', 'loops', 'evaluated', 'nodes', 'plain', 'ü']

const stackOf = async (call) => {
  try {
    await call()
  } catch (error) {
    return error.stack
  }
}

// Head, and the places in one file. Those that wait for a promise are not compared: a promise of emvm's is between.
const ownOf = (stack, file) => {
  const [head, ...frames] = stack.split('\n    at ')
  const places = new RegExp(`${path.basename(file)}:(\\d+:\\d+)`, 'g')
  return [head, ...frames.filter((frame) => !frame.startsWith('async ')).flatMap((frame) => [...frame.matchAll(places)].map(([, place]) => place))]
}

test('each kind of error tells the line and column of the text, in every generation', async () => {
  const file = await openFile(TEXT, { rewind: true })
  try {
    const main = path.join(file.folder, 'index.js')
    const copy = path.join(file.folder, 'copy.js')
    fs.copyFileSync(main, copy)
    const plain = require(copy)
    for (let generation = 0; generation < 2; generation++) {
      for (const name of NAMES) {
        const [then, now] = [await stackOf(plain[name]), await stackOf(file.vm.exports[name])]
        assert.ok(ownOf(then, copy).length > 1, name)
        assert.deepEqual(ownOf(now, main), ownOf(then, copy), name)
      }
      await file.vm.isReady()
    }
    // The same file without emvm keeps its own.
    assert.deepEqual(ownOf(await stackOf(require(main).method), main), ownOf(await stackOf(plain.method), copy))
  } finally {
    file.close()
  }
})

test('an uncaught error tells them, and stacks of other code are as Node writes them', async () => {
  const file = await openFile(`${TEXT};exports.late = () => { count++; setTimeout(() => { count++; throw new Error('uncaught') }) }`, { rewind: true })
  try {
    const script = path.join(file.folder, 'run.js')
    const main = path.join(file.folder, 'index.js')
    fs.writeFileSync(script, `
      const own = () => { try { Buffer.alloc('x') } catch (error) { return error.stack } }
      const typed = () => { try { null.x } catch (error) { return error.stack } }
      const before = [own(), typed()]
      const run = async () => {
        const vm = process.argv[2] === 'plain' ? { exports: require(${JSON.stringify(main)}) } : await require(${JSON.stringify(path.join(__dirname, '..', '..'))}).open(${JSON.stringify(main)}, { host: 'glue', rewind: true })
        const after = [own(), typed()]
        console.log(JSON.stringify([before, after]).replaceAll(/run\\.js:\\d+:\\d+/g, 'run.js'))
        vm.exports.late()
      }
      run()`)
    const [plain, inside] = ['plain', 'inside'].map((how) => spawnSync(process.execPath, [script, how], { encoding: 'utf8', timeout: 60000 }))
    for (const { status } of [plain, inside]) assert.notEqual(status, 0)
    const strip = (text) => JSON.parse(text).map((stacks) => stacks.map((stack) => stack.split('\n    at ').slice(0, 2)))
    const [before, after] = strip(inside.stdout)
    assert.deepEqual(after, before)
    assert.deepEqual(after, strip(plain.stdout)[0])
    const places = (text) => /Error: uncaught\n\s+at [^\n]*index\.js:(\d+:\d+)/.exec(text)?.[1]
    assert.notEqual(places(plain.stderr), undefined)
    assert.equal(places(inside.stderr), places(plain.stderr))
  } finally {
    file.close()
  }
})

test('a program that prepares stacks itself goes on doing so', async () => {
  const before = Error.prepareStackTrace
  const mine = (error, sites) => `mine: ${error.message} ${sites.length > 0}`
  Error.prepareStackTrace = mine
  const file = await openFile(TEXT, { rewind: true })
  try {
    assert.equal(Error.prepareStackTrace, mine)
    assert.equal(await stackOf(file.vm.exports.thrown), 'mine: made here true')
  } finally {
    Error.prepareStackTrace = before
    file.close()
  }
})
