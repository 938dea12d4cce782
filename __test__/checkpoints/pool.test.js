'use strict'

// One thread of a pool warms up, the others start from there: where that is the same.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open, Pool } = require('../..')
const { load } = require('../../lib/base/binding')
const { scratch } = require('../support/files')

const OPENCV = require.resolve('opencv-4.12')
const SETUP = path.join(__dirname, '..', 'pool', 'warm-setup.js')

async function warmed (t, name, task, expected) {
  const { write } = scratch(t)
  const file = write('warmed', '')
  const setup = write('setup.js', `module.exports = require(${JSON.stringify(SETUP)}).${name}`)
  process.env.EMVM_TEST_WARMED = file
  const pool = new Pool(OPENCV, { threads: 3, setup })
  t.after(() => pool.destroy())
  await pool.ready()
  const work = () => Promise.all(Array.from({ length: 9 }, () => pool.run(SETUP, undefined, { name: task })))
  for (let round = 0; round < 2; round++) assert.deepStrictEqual(new Set(await work()), new Set([expected]))
  return fs.readFileSync(file, 'utf8').split('\n').length - 1
}

test('a warm-up that only the module has runs in one thread', async (t) => {
  assert.strictEqual(await warmed(t, 'alike', 'hasModel', 'EEXIST'), 1)
})

test('a warm-up that keeps something outside runs in each thread', async (t) => {
  assert.strictEqual(await warmed(t, 'outside', 'pointed', 42), 3)
})

test('a warm-up that leaves an object in JavaScript runs in each thread', async (t) => {
  assert.strictEqual(await warmed(t, 'object', 'nothing', 1), 3)
})

test('a pool whose threads start from a checkpoint of the program', async (t) => {
  const vm = await open(OPENCV)
  t.after(() => vm.dispose())
  vm.exports.FS_createDataFile('/', 'model', 'trained', true, true)
  const point = vm.checkpoint()
  const pool = new Pool(OPENCV, { threads: 2, open: { from: point } })
  t.after(() => pool.destroy())
  const answers = await Promise.all([1, 2, 3, 4].map(() => pool.run(SETUP, undefined, { name: 'hasModel' })))
  assert.deepStrictEqual(answers, Array(4).fill('EEXIST'))
})

// The cases of src/program/warm_up.rs, through the addon.
test('what keeps something outside is told from the text', () => {
  const { keepsNothingOutside } = load()
  const text = fs.readFileSync(path.join(__dirname, '..', '..', 'src', 'program', 'warm_up.rs'), 'utf8')
  const lists = [...text.matchAll(/for text in \[([^]*?)\] \{/g)].map(([, list]) => [...list.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, one]) => one))
  assert.strictEqual(lists.length, 2)
  for (const one of lists[0]) assert.strictEqual(keepsNothingOutside(one), true, one)
  for (const one of lists[1]) assert.strictEqual(keepsNothingOutside(one), false, one)
})
