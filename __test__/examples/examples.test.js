'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const jpeg = require('jpeg-js')

const EXAMPLES = path.join(__dirname, '..', '..', 'examples')

function run (name, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(EXAMPLES, name)], { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 120_000 })
  assert.strictEqual(stderr, '')
  assert.strictEqual(status, 0)
  return stdout
}

test('the main job prints its table and writes the picture', () => {
  const stdout = run('main.js', { REQUESTS: '5' })
  assert.match(stdout, /native host/)
  for (const line of [/requests +5 in/, /p50/, /p99/, /RSS at the end/, /leaked and taken back/]) assert.match(stdout, line)
  assert.ok(!stdout.includes('\r'))
  const { width, height } = jpeg.decode(fs.readFileSync(path.join(EXAMPLES, 'out', 'outlined.jpg')))
  assert.deepStrictEqual([width, height], [640, 480])
})

test('warm-up finds its template in each generation', () => {
  const [same, mirrored] = [...run('warm-up.js').matchAll(/generation \d+: (\d+) of (\d+)/g)].map(([, good, all]) => Number(good) / Number(all))
  assert.ok(same > 0.1 && same > mirrored, `${same}, ${mirrored}`)
})

test('the server answers requests that overlap', async (t) => {
  const { serve } = require('../../examples/server')
  const server = await serve(0)
  t.after(() => { server.closeAllConnections(); server.close() })
  const url = `http://localhost:${server.address().port}`
  const picture = fs.readFileSync(path.join(EXAMPLES, 'picture.jpg'))
  const answers = await Promise.all([picture, Buffer.from('no picture'), picture].map(async (body) => {
    const response = await fetch(url, { method: 'POST', body })
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
  }))
  assert.deepStrictEqual(answers.map(({ status }) => status), [200, 422, 200])
  assert.ok(answers[0].body.equals(answers[2].body))
})

test('the pool outlines pictures on threads', () => {
  const stdout = run('pool.js', { REQUESTS: '6' })
  assert.match(stdout, /6 pictures on \d+ threads: [\d.]+ a second, \d+ things/)
})

test('emvm from an ES module', () => {
  assert.strictEqual(run('esm.mjs'), 'true EMVM_ERR_STALE\n')
})

test('emvm from TypeScript', (t) => {
  const made = ['out', 'opencv.d.ts'].map((name) => path.join(EXAMPLES, 'typescript', name))
  t.after(() => made.forEach((file) => fs.rmSync(file, { recursive: true, force: true })))
  assert.strictEqual(run('typescript/run.js'), '6 4\n')
})
