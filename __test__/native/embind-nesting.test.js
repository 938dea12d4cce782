'use strict'

// embind registrations that nest or go on without end: an error of start-up, in bounded time, stack and memory.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { runScript } = require('../support/child')
const { open } = require('../..')

const FIXTURE = path.join(__dirname, '..', 'fixtures', 'wat', 'embind-without-end.wasm')

function scenario (number) {
  const bytes = fs.readFileSync(FIXTURE)
  const at = bytes.indexOf('scenario0')
  assert.ok(at > 0)
  bytes[at + 8] += number
  return bytes
}

// In a process of its own: what is tested for is that it lives.
async function start (number) {
  const { code, stdout, stderr } = await runScript(`
    const bytes = Buffer.from(${JSON.stringify(scenario(number).toString('base64'))}, 'base64')
    emvm.open(bytes, { cache: false, host: 'native' }).then(() => ({ code: 'opened' }), (error) => ({ code: error.code, cause: String(error.cause && error.cause.message) }))
      .then((outcome) => console.log(JSON.stringify({ ...outcome, mb: process.resourceUsage().maxRSS >> 10 })))`, { timeout: 120_000 })
  assert.strictEqual(code, 0, stderr)
  return JSON.parse(stdout)
}

for (const [number, name, pattern] of [
  [0, 'types that wait for each other', /nested more than 100 levels/],
  [2, 'value objects in value objects', /nested more than 100 levels/],
  [3, 'classes over classes', /nested more than 100 levels/],
  [4, 'a function of 16384 types', /16384 types/],
  [5, 'names without end', /more than 256 MB/],
  [6, 'functions without end', /more than 400000/]
]) {
  test(name, async () => {
    const { code, cause, mb } = await start(number)
    assert.strictEqual(code, 'EMVM_ERR_START')
    assert.match(cause, pattern)
    assert.ok(mb < 1500, `${mb} MB`)
  })
}

test('value objects that hold 2^60 numbers are registered at once, and one cannot be passed in any time', async () => {
  const vm = await open(scenario(1), { cache: false, host: 'native', timeout: 500 })
  assert.throws(() => vm.exports.f({}), TypeError)
  const pair = Array.from({ length: 60 }).reduce((inner) => ({ a: inner, b: inner }), 1)
  assert.throws(() => vm.exports.f(pair), { code: 'EMVM_ERR_TIMEOUT' })
  await vm.isReady()
  assert.throws(() => vm.exports.f(7), TypeError)
  vm.dispose()
})
