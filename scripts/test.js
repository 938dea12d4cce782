'use strict'

// npm test: the Rust tests in the profile the addon was built with, then every __test__/**/*.test.js.
// Arguments choose test files by a part of their path; EMVM_TEST_ONLY=js leaves the Rust tests out. The JavaScript tests
// alone run under other conditions: --gc collects garbage at random moments, --worker runs each file in a worker, --portable
// is the memory backend of systems without memory files.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { cargoVersion, extraFlags, root } = require('./build')

const CONCURRENCY = Math.max(1, Math.min(4, os.availableParallelism()))

const preload = (name) => `--require=${JSON.stringify(path.join(root, '__test__', 'conditions', name))}`

const CONDITIONS = {
  '--gc': { env: { NODE_OPTIONS: preload('random-gc.js') }, leaveOut: [] },
  '--worker': { env: { NODE_OPTIONS: preload('in-worker.js') }, leaveOut: [] },
  '--portable': { env: { EMVM_MEMORY_BACKEND: 'portable' }, leaveOut: [] }
}

function run (command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } })
  if (error) console.error(`emvm: ${command} could not be run: ${error.message}`)
  return error ? 1 : status === null ? 1 : status
}

function rustTests () {
  if (process.env.EMVM_TEST_ONLY === 'js') return 0
  if (!cargoVersion()) {
    console.warn('No Rust toolchain: the Rust tests are left out.')
    return 0
  }
  return run('cargo', ['test', '--release', '--lib', ...extraFlags()])
}

function testFiles (wanted) {
  return fs.readdirSync(path.join(root, '__test__'), { recursive: true })
    .map((file) => path.join('__test__', file))
    .filter((file) => file.endsWith('.test.js') && !file.includes('node_modules'))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort()
}

function count (tap, word) {
  const found = new RegExp(`^# ${word} (\\d+)$`, 'm').exec(tap)
  return found ? Number(found[1]) : 0
}

function javascriptTests (wanted, { env, leaveOut } = { env: {}, leaveOut: [] }) {
  const files = testFiles(wanted).filter((file) => !leaveOut.some((part) => file.includes(part)))
  if (files.length === 0) {
    console.error(`emvm: no test file has ${wanted.join(' or ')} in its path.`)
    return 1
  }
  const tap = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-test-')), 'tap')
  const status = run(process.execPath, [
    '--expose-gc', '--test', `--test-concurrency=${CONCURRENCY}`,
    '--test-reporter=spec', '--test-reporter-destination=stdout',
    '--test-reporter=tap', `--test-reporter-destination=${tap}`,
    ...files
  ], env)
  const text = fs.existsSync(tap) ? fs.readFileSync(tap, 'utf8') : ''
  fs.rmSync(path.dirname(tap), { recursive: true, force: true })
  console.log(`\n${count(text, 'pass')} passed, ${count(text, 'fail') + count(text, 'cancelled')} failed, ${count(text, 'skipped')} skipped`)
  return status
}

const [condition] = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
if (condition && !CONDITIONS[condition]) {
  console.error(`emvm: ${condition} is none of ${Object.keys(CONDITIONS).join(', ')}.`)
  process.exitCode = 2
} else {
  const rust = wanted.length || condition ? 0 : rustTests()
  process.exitCode = javascriptTests(wanted, CONDITIONS[condition]) || rust
}
