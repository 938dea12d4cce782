'use strict'

// Runs the WebAssembly JavaScript API tests of a checkout of https://github.com/WebAssembly/spec against emvm:
//   node __test__/upstream/wasm-js-api.js PATH [--only TEXT] [--v8] [--quiet]
// `--v8` runs them against Node's own WebAssembly, for comparison.

const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { harness } = require('./harness')

const [checkout] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
const flag = (name) => process.argv.includes(`--${name}`)
const valueOf = (name) => flag(name) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : undefined

if (!checkout) {
  console.error('usage: node __test__/upstream/wasm-js-api.js PATH_OF_A_CHECKOUT_OF_WebAssembly/spec [--only TEXT] [--v8]')
  process.exit(2)
}
const root = path.join(checkout, 'test', 'js-api')

function files (folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name)
    if (entry.isDirectory()) return files(full)
    return entry.name.endsWith('.any.js') ? [full] : []
  }).sort()
}

// Proposals whose whole subject the engine lacks: counted apart, not hidden.
const BEYOND = [
  [/^gc\//, 'garbage-collected types'],
  [/memory64/, '64-bit memories'],
  [/^js-string\//, 'JavaScript string builtins']
]

async function runFile (file, WebAssembly) {
  const { globals, results } = harness()
  const text = fs.readFileSync(file, 'utf8')
  const scripts = [...text.matchAll(/^\/\/ META: script=(.*)$/gm)].map(([, script]) =>
    script.startsWith('/wasm/jsapi/') ? path.join(root, script.slice('/wasm/jsapi/'.length)) : path.resolve(path.dirname(file), script))
  const source = [...scripts, file].map((script) => fs.readFileSync(script, 'utf8')).join('\n;\n')
  const scope = { ...globals, WebAssembly, self: undefined }
  try {
    const body = vm.compileFunction(source, Object.keys(scope), { filename: file })
    body.apply(globalThis, Object.values(scope))
  } catch (error) {
    return [{ name: '(the whole file)', ok: false, why: String(error) }]
  }
  return results()
}

async function main () {
  const WebAssembly = flag('v8') ? globalThis.WebAssembly : require('../..').WebAssembly
  // Some tests reach the namespace through `self`.
  Object.defineProperty(globalThis, 'WebAssembly', { value: WebAssembly, writable: true, configurable: true })
  Object.defineProperty(globalThis, 'self', { value: globalThis, writable: true, configurable: true })
  const only = valueOf('only')
  let passed = 0
  let failed = 0
  const beyond = new Map()
  for (const file of files(root)) {
    const name = path.relative(root, file)
    if (only && !name.includes(only)) continue
    const outcomes = await runFile(file, WebAssembly)
    const proposal = BEYOND.find(([pattern]) => pattern.test(name))
    for (const outcome of outcomes) {
      if (proposal) {
        const counts = beyond.get(proposal[1]) || { passed: 0, failed: 0 }
        outcome.ok ? counts.passed++ : counts.failed++
        beyond.set(proposal[1], counts)
        continue
      }
      outcome.ok ? passed++ : failed++
      if (!outcome.ok && !flag('quiet')) console.log(`FAIL ${name}: ${outcome.name}\n     ${outcome.why}`)
    }
  }
  const share = (100 * passed / (passed + failed || 1)).toFixed(1)
  console.log(`${passed} of ${passed + failed} pass (${share} %)`)
  for (const [what, counts] of beyond) {
    console.log(`proposal the engine lacks (${what}): ${counts.passed} of ${counts.passed + counts.failed}`)
  }
}

// Tests leave rejections behind on purpose.
process.on('unhandledRejection', () => {})
main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
