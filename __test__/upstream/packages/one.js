'use strict'

// One case in a process of its own: `node one.js <node_modules> <case> plain|native [show]` writes
// `{ runs: [digest, ...], length }` to descriptor 3.

const fs = require('node:fs')
const path = require('node:path')
const { createRequire } = require('node:module')
const { makeWrapper } = require('./wrapper')
const { canonical, digest, tools } = require('./tools')

// Old glue takes Node's fetch for a browser's.
delete globalThis.fetch

const [, , folder, name, mode, show] = process.argv
const spec = require(path.join(__dirname, 'cases', `${name}.js`))
const at = (file) => path.join(folder, file)
const context = { at, read: (file) => fs.readFileSync(at(file)), require: createRequire(path.join(folder, 'index.js')), tools }

async function plain () {
  const wrapper = spec.wrapper && await makeWrapper(spec.wrapper, { at })
  const module = spec.load ? await spec.load({ ...context, wrapper }) : wrapper
  const result = await spec.job(module, context)
  return [canonical(result)]
}

async function native () {
  const { open } = require('../../..')
  const options = spec.options ? spec.options(context) : {}
  const vm = await open(at(spec.source), { host: 'native', print: () => {}, printErr: () => {}, ...options })
  const results = []
  for (let i = 0; i < 2; i++) {
    // A wrapper keeps what it found in its module, so each generation has one of its own.
    const wrapper = spec.wrapper && await makeWrapper(spec.wrapper, { at, module: vm.exports })
    const module = spec.native ? await spec.native({ ...context, wrapper, module: vm.exports, vm }) : wrapper || vm.exports
    results.push(canonical(await spec.job(module, context)))
    await vm.isReady()
  }
  vm.dispose()
  return results
}

function report (value) {
  fs.writeSync(3, JSON.stringify(value))
  process.exit(value.error ? 1 : 0)
}

process.on('unhandledRejection', (error) => report({ error: String((error && error.stack) || error) }))
const run = mode === 'plain' ? plain : native
run().then((results) => {
  if (show) fs.writeFileSync(show, results.join('\n'))
  report({ runs: results.map(digest), length: results[0].length })
}, (error) => report({ error: String((error && error.stack) || error) }))
