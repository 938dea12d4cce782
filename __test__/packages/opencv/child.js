'use strict'

// One side of the comparison, in a process of its own: node child.js <side> <package>, JSON on standard output.
//   plain          the package's own JavaScript under Node, one instance for all operations
//   emvm           one instance of emvm for all operations
//   emvm-recycled  a fresh instance for each operation

const fs = require('node:fs')
const { PACKAGES, pathOf, loadPlain } = require('./packages')
const { runOperation } = require('./context')
const { describeModule } = require('./shape')
const operations = require('./ops')

async function sideOf (side, entry) {
  if (side === 'plain') {
    const [cv] = await loadPlain(entry)
    return { module: async () => [cv], shape: describeModule(cv) }
  }
  const { open } = require('../../..')
  const quiet = { print () {}, printErr () {} }
  const vm = await open(pathOf(entry), { ...quiet, host: process.env.EMVM_TEST_HOST || 'native', recycle: side === 'emvm' ? 'never' : 'always' })
  return { module: async () => [await vm.isReady()], shape: describeModule(vm.exports), host: vm.host }
}

async function main ([side, name]) {
  const entry = PACKAGES.find((candidate) => candidate.name === name)
  // What OpenCV prints is no result, and standard output carries the results.
  for (const method of ['log', 'warn', 'error', 'info']) console[method] = () => {}
  const { module, shape, host } = await sideOf(side, entry)
  const results = {}
  for (const [key, operation] of Object.entries(operations)) {
    const [cv] = await module()
    results[key] = runOperation(cv, operation)
  }
  fs.writeSync(3, JSON.stringify({ host, shape, results }))
}

main(process.argv.slice(2))
