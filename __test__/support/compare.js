'use strict'

// One job, run by a fixture's own JavaScript under plain Node and by emvm: in its first generation and, after a
// recycle, in the next. All have to give the same.

const assert = require('node:assert')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { open } = require('../..')

const fixtures = path.join(__dirname, '..', 'fixtures')
const jobs = path.join(__dirname, '..', 'jobs')

function plain (fixture, job, argument) {
  const args = ['--no-experimental-fetch', path.join(__dirname, 'plain.js'), path.join(fixtures, fixture), path.join(jobs, job)]
  if (argument !== undefined) args.push(JSON.stringify(argument))
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  assert.strictEqual(status, 0, `plain Node failed: ${stderr}`)
  return JSON.parse(stdout)
}

async function native (fixture, job, argument, options = {}) {
  const lines = []
  const vm = await open(path.join(fixtures, fixture), {
    host: 'native',
    print: (line) => lines.push(`out ${line}`),
    printErr: (line) => lines.push(`err ${line}`),
    ...options
  })
  try {
    const start = lines.splice(0)
    const { job: run } = require(path.join(jobs, job))
    const runs = []
    for (let i = 0; i < 2; i++) {
      const result = await run(vm.exports, { lines, argument })
      runs.push(JSON.parse(JSON.stringify({ start, result, lines: lines.splice(0) })))
      await vm.isReady()
    }
    return runs
  } finally {
    vm.dispose()
  }
}

async function compare (fixture, job, { argument, options } = {}) {
  const expected = plain(fixture, job, argument)
  const [first, second] = await native(fixture, job, argument, options)
  assert.deepStrictEqual(first, expected)
  assert.deepStrictEqual(second, expected, 'after a recycle')
  return expected
}

module.exports = { compare, plain, native, fixtures }
