'use strict'

// npm test: the Rust tests in the profile the addon was built with, then every __test__/**/*.test.js.
// Arguments choose test files by a part of their path; EMVM_TEST_ONLY=js leaves the Rust tests out.
// --debug-assertions: both over a build of the addon with Rust's debug assertions and overflow checks on.
// The JavaScript tests alone under other conditions: --gc collects garbage at random moments, --worker runs each file in a
// worker, --portable is the memory backend of systems without memory files.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { assertionFlags, build, cargoVersion, extraFlags, root } = require('./build')

const CONCURRENCY = Math.max(1, Math.min(4, os.availableParallelism()))

const preload = (name) => `--require=${JSON.stringify(path.join(root, '__test__', 'conditions', name))}`

const CONDITIONS = {
  '--gc': { NODE_OPTIONS: preload('random-gc.js') },
  '--worker': { NODE_OPTIONS: preload('in-worker.js') },
  '--portable': { EMVM_MEMORY_BACKEND: 'portable' }
}

function run (command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } })
  if (error) console.error(`emvm: ${command} could not be run: ${error.message}`)
  return error ? 1 : status === null ? 1 : status
}

function rustTests (flags) {
  return run('cargo', ['test', '--release', '--lib', ...flags, ...extraFlags()])
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

function javascriptTests (wanted, env) {
  const files = testFiles(wanted)
  if (files.length === 0) {
    console.error(`emvm: no test file has ${wanted.join(' or ')} in its path.`)
    return 1
  }
  // The temporary folder of all that the tests start, killed processes too: it goes as a whole.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-test-'))
  const tap = path.join(folder, 'tap')
  const status = run(process.execPath, [
    '--expose-gc', '--test', `--test-concurrency=${CONCURRENCY}`,
    '--test-reporter=spec', '--test-reporter-destination=stdout',
    '--test-reporter=tap', `--test-reporter-destination=${tap}`,
    ...files
  ], { ...env, TMPDIR: folder, TEMP: folder, TMP: folder })
  const text = fs.existsSync(tap) ? fs.readFileSync(tap, 'utf8') : ''
  fs.rmSync(folder, { recursive: true, force: true })
  console.log(`\n${count(text, 'pass')} passed, ${count(text, 'fail') + count(text, 'cancelled')} failed, ${count(text, 'skipped')} skipped`)
  return status
}

// Every process that the tests start finds this build, not the usual one.
function useAssertions () {
  const { status, output } = build({ debugAssertions: true })
  process.env.EMVM_BINDING = output
  return status
}

function main (args) {
  const wanted = args.filter((arg) => !arg.startsWith('--'))
  const [condition, more] = args.filter((arg) => arg.startsWith('--'))
  const assertions = condition === '--debug-assertions'
  if (more || (condition && !assertions && !CONDITIONS[condition])) {
    console.error(`emvm: give one of --debug-assertions, ${Object.keys(CONDITIONS).join(', ')}, not ${more || condition}.`)
    return 2
  }
  const rust = !wanted.length && !CONDITIONS[condition] && process.env.EMVM_TEST_ONLY !== 'js'
  if (rust && !cargoVersion()) {
    console.error('emvm: no Rust toolchain, so the Rust tests cannot run: install it from https://rustup.rs, or leave them out with EMVM_TEST_ONLY=js.')
    return 1
  }
  const unbuilt = assertions ? useAssertions() : 0
  if (unbuilt) return unbuilt
  const failed = rust ? rustTests(assertions ? assertionFlags : []) : 0
  return javascriptTests(wanted, CONDITIONS[condition]) || failed
}

process.exitCode = main(process.argv.slice(2))
