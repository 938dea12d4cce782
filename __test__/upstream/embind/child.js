'use strict'

// node child.js plain|emvm a.out.js SUITE_FOLDER [handles]: runs the suite and sends its results to the parent, one message per round.
// `handles` also lets the suite count, after each test, the JavaScript values that C++ still holds.

const { runSuite } = require('./suite')

const RECYCLES = 20
const [mode, js, folder, handles] = process.argv.slice(2)

// The suite's pre-js and post-js make the module a global, which some of its C++ looks for.
function round (name, Module) {
  globalThis.Module = Module
  const results = runSuite(folder, Module, { countHandles: handles === 'handles' })
  process.send({ round: name, results })
}

async function emvm () {
  const { open } = require('../../..')
  const vm = await open(js, { host: 'native' })
  round('before a recycle', vm.exports)
  round('after one', await vm.isReady())
  for (let i = 0; i < RECYCLES; i++) await vm.isReady()
  round(`after ${RECYCLES} more`, vm.exports)
  vm.dispose()
}

function plain () {
  require(js)
  round('plain Node', globalThis.Module)
}

Promise.resolve().then(mode === 'plain' ? plain : emvm).then(() => process.disconnect(), (error) => {
  console.error(error)
  process.exit(1)
})
