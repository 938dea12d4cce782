'use strict'

// What waits for the event loop at a checkpoint waits again after each return, with its whole time before it.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { open } = require('../..')
const { caseNumber } = require('../jobs/timers')
const { until } = require('../support/until')

for (const name of ['order', 'interval', 'timeout_loop', 'immediate_loop', 'main_loop', 'main_loop_blockers']) {
  test(`pending at a checkpoint: ${name}`, async (t) => {
    const lines = []
    const vm = await open(path.join(__dirname, '..', 'fixtures', 'timers.js'), { host: 'native', print: (line) => lines.push(line) })
    t.after(() => vm.dispose())
    const { exports: m } = vm
    const idle = vm.checkpoint()
    m._begin(caseNumber(m, name))
    const begun = lines.splice(0)
    const point = vm.checkpoint()
    await until(() => m._is_done() === 1)
    const was = lines.splice(0)
    assert.ok(was.length > 0)
    for (let round = 0; round < 2; round++) {
      vm.recycle({ from: point })
      await until(() => m._is_done() === 1)
      assert.deepStrictEqual(lines.splice(0), was)
    }
    // In the middle, and from there to where nothing waits.
    vm.recycle({ from: point })
    await sleep(1)
    vm.recycle({ from: idle })
    lines.length = 0
    await sleep(60)
    assert.deepStrictEqual(lines, [])
    m._begin(caseNumber(m, name))
    assert.deepStrictEqual(lines.splice(0), begun)
    vm.recycle()
    await sleep(30)
    assert.deepStrictEqual(lines, [])
  })
}
