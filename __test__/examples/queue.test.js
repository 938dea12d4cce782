'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const jpeg = require('jpeg-js')
const { isInstalled, startRedis } = require('../../examples/queue/redis')
const { run } = require('../../examples/queue/main')
const { Storage } = require('../../examples/queue/storage')

function folder (t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-queue-'))
  t.after(() => fs.rmSync(made, { recursive: true, force: true }))
  return made
}

const skip = !isInstalled() && 'no Redis here: install redis-server'

test('the queue: jobs are spread, a worker killed in mid-job loses nothing, a job that never ends is ended', { skip }, async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const STORAGE = folder(t)
  const { killed, jobs } = await run({ pictures: 24, workers: 3, redis: redis.url, env: { STORAGE } })

  const pictures = jobs.filter(({ operation }) => operation !== 'endless')
  assert.deepStrictEqual(pictures.filter(({ state }) => state !== 'completed'), [])
  const survivors = new Set(pictures.map(({ by }) => by).filter((by) => by !== killed.worker.name))
  assert.strictEqual(survivors.size, 2, 'both others took part')

  assert.ok(killed.jobs.length > 0)
  for (const id of killed.jobs) {
    const job = jobs.find((job) => job.id === id)
    assert.notStrictEqual(job.by, killed.worker.name)
    assert.ok(job.stalled >= 1, JSON.stringify(job))
  }
  for (const { result: { result } } of pictures) {
    const { width, height } = jpeg.decode(fs.readFileSync(path.join(STORAGE, result)))
    assert.deepStrictEqual([width, height], [640, 480])
  }
  assert.strictEqual(fs.readdirSync(path.join(STORAGE, 'results')).filter((file) => file.endsWith('.jpg')).length, pictures.length)

  const endless = jobs.find(({ operation }) => operation === 'endless')
  assert.strictEqual(endless.state, 'failed')
  assert.match(endless.failed, /^EMVM_ERR_TIMEOUT/)
})

test('the queue: a key leads nowhere but into the storage', async (t) => {
  const storage = new Storage(folder(t))
  await storage.write('a/b.jpg', Buffer.from('x'))
  assert.strictEqual(String(await storage.read('a/b.jpg')), 'x')
  for (const key of ['../elsewhere', '/etc/hostname', 'a/../../b', '']) await assert.rejects(async () => storage.read(key))
})
