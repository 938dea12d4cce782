'use strict'

// Emscripten's own embind suite against emvm's native host, test by test beside plain Node.
//
//   node __test__/upstream/embind/run.js [--only=O2,O2-bigint] [--handles] [--jobs=N] [TESTS_FOLDER]
//
// Ends with 1 when a test that passes under plain Node does not pass under emvm.

const { fork } = require('node:child_process')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { EMXX, build, inParallel, testFolder } = require('../emscripten')
const flagSets = require('./flags')

const ROUND_TIMEOUT = 600_000

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, handles: { type: 'boolean' }, jobs: { type: 'string', default: '1' } }
})
const folder = path.join(testFolder(positionals[0]), 'embind')
const wanted = options.only ? options.only.split(',') : null

function compile ({ name, args, sources }) {
  const files = ['embind_test.cpp', ...sources].map((file) => path.join(folder, file))
  const around = ['test.pre.js', 'test.post.js'].map((file) => path.join(folder, file))
  return build(`embind-${name}`, EMXX, [
    ...files, '--pre-js', around[0], '--post-js', around[1], '-lembind', '-sWASM_ASYNC_COMPILATION=0', '-sIN_TEST_HARNESS', ...args
  ], [...files, ...around])
}

function rounds (mode, js) {
  return new Promise((resolve, reject) => {
    const got = []
    let said = ''
    const child = fork(path.join(__dirname, 'child.js'), [mode, js, folder, options.handles ? 'handles' : ''], { silent: true, timeout: ROUND_TIMEOUT })
    child.on('message', (message) => got.push(message))
    child.stderr.on('data', (chunk) => { said += chunk })
    child.stdout.resume()
    child.on('close', (code, signal) => {
      if (code === 0 && got.length) resolve(got)
      else reject(new Error(`${mode}: ${signal || `status ${code}`} after ${got.length} rounds\n${said}`))
    })
  })
}

const counts = (results) => {
  const failed = results.filter((test) => test.error !== null).length
  return `${results.length - failed} pass, ${failed} fail`
}

// Tests that pass under plain Node and not in this round. Names may repeat, so the place counts.
function lost (plain, round) {
  return plain.filter((test) => test.error === null).flatMap((test) => {
    const other = round.results[plain.indexOf(test)]
    if (other && other.name === test.name && other.error === null) return []
    return [{ name: test.name, error: other && other.name === test.name ? other.error : 'did not run' }]
  })
}

async function check (set) {
  const { js, refused } = await compile(set)
  if (!js) return { lines: [`${set.name}: did not compile\n${refused}`], bad: true }
  const [plain] = await rounds('plain', js)
  const lines = [`${set.name}: ${plain.round}: ${counts(plain.results)}`]
  let bad = plain.results.length === 0
  for (const round of await rounds('emvm', js)) {
    lines.push(`${set.name}: emvm, ${round.round}: ${counts(round.results)}`)
    for (const test of lost(plain.results, round)) {
      bad = true
      lines.push(`  LOST ${test.name}\n       ${test.error}`)
    }
  }
  return { lines, bad }
}

async function main () {
  const sets = flagSets.filter((set) => !wanted || wanted.includes(set.name))
  if (sets.length === 0) throw new Error(`--only: there are ${flagSets.map((set) => set.name).join(', ')}`)
  const outcomes = await inParallel(sets, Number(options.jobs), async (set) => {
    const outcome = await check(set).catch((error) => ({ lines: [`${set.name}: ${error.message}`], bad: true }))
    console.log(outcome.lines.join('\n'))
    return outcome
  })
  const bad = outcomes.filter((outcome) => outcome.bad).length
  console.log(`\n${sets.length - bad} of ${sets.length} flag sets lose nothing to plain Node`)
  process.exitCode = bad ? 1 : 0
}

main().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
