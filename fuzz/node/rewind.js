'use strict'

// Random programs of JavaScript with `rewind`: each generation, rewound or evaluated anew, gives what the text gives where
// plain Node evaluates it for the first time.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const vm = require('node:vm')
const { program } = require('./programs')

const GENERATIONS = 4
// (module (memory (export "m") 1)): something of a package must run inside, else emvm warns.
const INSIDE = 'new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 109, 2, 0])));'

const settle = () => new Promise((resolve) => setTimeout(resolve, 3))

let folder
let lost = 0
// Names of the global object.
let globals

function prepare () {
  folder ??= fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-fuzz-rewind-'))
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  // Of the programs' own, which nobody waits for.
  process.on('unhandledRejection', () => { lost++ })
  process.on('uncaughtException', () => { lost++ })
  return folder
}

// The text, evaluated for the first time by plain Node. Undefined where it throws.
async function evaluate (file, text, isModule, fresh) {
  clean()
  try {
    if (isModule) return (await import(`${file}?${fresh}`)).step
    const module = { exports: {} }
    vm.runInThisContext(`(function (exports, require, module) {${text}\n})`).call(module.exports, module.exports, require, module)
    return module.exports.step
  } catch (error) {
    return error instanceof SyntaxError ? null : undefined
  }
}

// What the text has defined there is not the next one's.
function clean () {
  for (const key of Object.keys(globalThis)) if (!globals.has(key)) Reflect.deleteProperty(globalThis, key)
}

async function one (rng, { emvm, bytes }) {
  const { text, module } = program(rng)
  const name = `${process.pid}-${rng.next()}`
  const home = path.join(folder, name)
  const file = path.join(home, module ? 'index.mjs' : 'index.js')
  const whole = `${INSIDE}${text}${module ? 'export { step }' : 'exports.step = step'}`
  fs.mkdirSync(home)
  fs.writeFileSync(path.join(home, 'package.json'), '{ "name": "random" }')
  fs.writeFileSync(file, whole)
  let box
  lost = 0
  globals = new Set(Object.keys(globalThis))
  try {
    const plain = await evaluate(file, whole, module, 'first')
    await settle()
    if (plain === null || plain === undefined) return 'refused'
    // Twice in plain Node: what differs there (order of timers, a name left on the language's own objects) tells nothing.
    const lists = Array.from({ length: GENERATIONS }, () => Array.from({ length: 1 + rng.below(12) }, () => rng.below(1000)))
    const wanted = []
    for (let round = 0; round < 2; round++) {
      for (const [i, list] of lists.entries()) {
        const step = await evaluate(file, whole, module, `${round}-${i}`)
        await settle()
        const seen = step(list)
        await settle()
        const all = `${seen} | ${step(list)}`
        await settle()
        if (lost > 0 || (round === 1 && all !== wanted[i])) return 'refused'
        wanted[i] = all
      }
    }
    clean()
    box = await emvm.open(file, { host: 'glue', rewind: 'auto', onUncaught: () => {} })
    for (const [i, list] of lists.entries()) {
      const { step } = await box.isReady()
      await settle()
      const seen = step(list)
      await settle()
      const all = `${seen} | ${step(list)}`
      if (all !== wanted[i]) throw new Error(`generation ${i + 1} (${box.stats().rewind} ${box.stats().rewindReason ?? ''}) [${list}]\n  wanted ${wanted[i]}\n  given  ${all}\n${process.env.EMVM_FUZZ_SHOW ? whole : ''}`)
    }
    tally[box.stats().rewind] = (tally[box.stats().rewind] ?? 0) + 1
    return 'ran'
  } finally {
    clean()
    box?.dispose()
    fs.rmSync(home, { recursive: true, force: true })
  }
}

const tally = {}
module.exports = { prepare, one, tally }
