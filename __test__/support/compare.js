'use strict'

// One job, run by a fixture's own JavaScript under plain Node and by emvm: in its first generation and, after a
// recycle, in the next. All have to give the same.

const assert = require('node:assert')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { inspect, isDeepStrictEqual } = require('node:util')
const { open } = require('../..')

const fixtures = path.join(__dirname, '..', 'fixtures')
const jobs = path.join(__dirname, '..', 'jobs')

function plain (fixture, job, argument) {
  const args = ['--no-warnings', path.join(__dirname, 'plain.js'), path.join(fixtures, fixture), path.join(jobs, job)]
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

// Only what differs, so that a failure can be read.
function differing (actual, expected) {
  const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)
  if (!isObject(actual) || !isObject(expected)) return [actual, expected]
  const pairs = [{}, {}]
  for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    if (isDeepStrictEqual(actual[key], expected[key])) continue
    const [a, b] = differing(actual[key], expected[key])
    pairs[0][key] = a
    pairs[1][key] = b
  }
  return pairs
}

// `lines`: which lines of output count.
async function compare (fixture, job, { argument, options, lines = () => true } = {}) {
  const keep = (run) => ({ ...run, start: run.start.filter(lines), lines: run.lines.filter(lines) })
  const expected = keep(plain(fixture, job, argument))
  const runs = (await native(fixture, job, argument, options)).map(keep)
  for (const [i, run] of runs.entries()) {
    const [actual, wanted] = differing(run, expected)
    assert.deepStrictEqual(actual, wanted, i === 0 ? undefined : `after a recycle: ${inspect(actual)} should be ${inspect(wanted)}`)
  }
  return expected
}

module.exports = { compare, plain, native, fixtures }
