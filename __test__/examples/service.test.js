'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const jpeg = require('jpeg-js')
const { serve } = require('../../examples/service/server')
const { findChromium, launch, NO_CHROMIUM } = require('../support/browser')

const PICTURE = fs.readFileSync(path.join(__dirname, '..', '..', 'examples', 'picture.jpg'))
const MB = 2 ** 20

async function started (t, options) {
  const app = await serve({ pool: { threads: 1 }, ...options })
  t.after(() => app.close())
  const url = `http://localhost:${app.server.address().port}`
  return {
    url,
    send: (mode, operation = 'outline', body = PICTURE) => fetch(`${url}/process/${operation}?mode=${mode}`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body }),
    stats: async () => (await fetch(`${url}/stats`)).json()
  }
}

test('the image service: both modes give the same picture, whatever is done with it', async (t) => {
  const { send, stats } = await started(t)
  for (const operation of ['outline', 'sketch', 'blur']) {
    const answers = await Promise.all(['emvm', 'emvm', 'plain'].map((mode) => send(mode, operation)))
    assert.deepStrictEqual(answers.map(({ status }) => status), [200, 200, 200])
    const bodies = await Promise.all(answers.map(async (answer) => Buffer.from(await answer.arrayBuffer())))
    const { width, height } = jpeg.decode(bodies[0])
    assert.deepStrictEqual([width, height], [640, 480])
    assert.ok(bodies.every((body) => body.equals(bodies[0])), operation)
    assert.ok(!bodies[0].equals(PICTURE))
  }
  const { pool } = await stats()
  assert.deepStrictEqual([pool.completed, pool.failed], [6, 0])
})

test('the image service: what is refused, and with which status', async (t) => {
  const { url, send, stats } = await started(t, { pool: { threads: 1, timeout: 1 } })
  for (const mode of ['emvm', 'plain']) {
    const noPicture = await send(mode, 'outline', 'no picture')
    assert.strictEqual(noPicture.status, mode === 'emvm' && (await noPicture.clone().json()).code === 'EMVM_ERR_TIMEOUT' ? 504 : 422)
  }
  const late = await send('emvm', 'outline')
  assert.strictEqual(late.status, 504)
  assert.strictEqual((await late.json()).code, 'EMVM_ERR_TIMEOUT')
  assert.strictEqual((await send('emvm', 'constructor')).status, 404)
  assert.strictEqual((await fetch(`${url}/process/outline`, { method: 'POST', body: 'text' })).status, 415)
  assert.strictEqual((await fetch(`${url}/elsewhere`)).status, 404)
  assert.ok((await stats()).failures.emvm >= 2)
})

test('the image service: the plain module grows with each picture, emvm does not', async (t) => {
  const { send, stats } = await started(t)
  const growth = {}
  for (const mode of ['emvm', 'plain']) {
    const memory = []
    for (let i = 0; i < 42; i++) {
      await (await send(mode, 'blur')).arrayBuffer()
      memory.push((await stats()).rss[mode])
    }
    // The lower edge: what garbage of JavaScript comes and goes on top of it is not meant.
    growth[mode] = Math.min(...memory.slice(-10)) - Math.min(...memory.slice(4, 14))
  }
  t.diagnostic(`growth over 28 pictures: emvm ${Math.round(growth.emvm / MB)} MB, plain ${Math.round(growth.plain / MB)} MB`)
  assert.ok(growth.plain > growth.emvm + 30 * MB, JSON.stringify(growth))
})

test('the image service: a plain process past its limit is replaced, and no picture is lost', async (t) => {
  const { send, stats } = await started(t, { plain: { limit: 1 } })
  const answers = await Promise.all([1, 2, 3].map(() => send('plain', 'blur')))
  assert.deepStrictEqual(answers.map(({ status }) => status), [200, 200, 200])
  assert.strictEqual((await send('plain', 'blur')).status, 200)
  assert.ok((await stats()).restarts >= 2)
})

const chromium = findChromium()

test('the page of the image service, in a browser', { skip: chromium === null && NO_CHROMIUM }, async (t) => {
  const { url, stats } = await started(t)
  const browser = await launch(chromium)
  t.after(() => browser.close())
  const page = await browser.open(url)
  const text = (id) => page.evaluate(`document.getElementById('${id}').textContent`)
  const click = (selector) => page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`)

  await click('#traffic')
  await page.until("Number(document.getElementById('count-emvm').textContent) >= 4")
  await page.until("document.getElementById('told').textContent.endsWith('outlined in emvm')")
  await page.until("document.querySelector('#memory .line.emvm')?.getTotalLength() > 0")
  assert.match(await text('recycle'), /(µs|ms) \/ .*(µs|ms)/)
  assert.strictEqual(await page.evaluate("document.querySelector('#memory .line.plain')"), null)

  await click('input[value=plain]')
  await page.until("Number(document.getElementById('count-plain').textContent) >= 3")
  await page.until("document.querySelector('#memory .line.plain') !== null")
  await click('#traffic')
  assert.strictEqual(await text('traffic'), 'Start sending')

  await page.evaluate("document.getElementById('operation').value = 'sketch'")
  await click('input[value=emvm]')
  await page.until("document.documentElement.dataset.underWay === '0'")
  const before = (await stats()).requests.emvm
  await page.setFile('#file', path.join(__dirname, '..', '..', 'docs', 'images', 'recycle.svg'))
  await page.until(`fetch('stats').then((r) => r.json()).then((s) => s.requests.emvm > ${before})`)
  await page.until("document.getElementById('told').textContent === 'Processed in emvm'")

  // A narrow window scrolls in one direction only.
  for (const [width, height] of [[1280, 800], [390, 844], [320, 640]]) {
    await page.size(width, height)
    assert.strictEqual(await page.evaluate('document.documentElement.scrollWidth'), width)
  }
  const contrast = async (dark) => {
    await page.dark(dark)
    return page.evaluate('getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color')
  }
  assert.notStrictEqual(await contrast(false), await contrast(true))
  assert.deepStrictEqual(page.problems, [])
})
