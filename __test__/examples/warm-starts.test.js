'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')

const EXAMPLES = path.join(__dirname, '..', '..', 'examples')

test('a fresh PostgreSQL for each test: none sees another', () => {
  const { status, stdout } = spawnSync(process.execPath, ['--test', path.join(EXAMPLES, 'fresh-postgres', 'shop.test.js')], {
    encoding: 'utf8', env: { ...process.env, NODE_TEST_CONTEXT: undefined }, timeout: 300_000
  })
  assert.strictEqual(status, 0, stdout)
  assert.match(stdout, /pass 5/)
})

test('a fresh interpreter for each request: none sees another, and none goes on for ever', async (t) => {
  const { serve } = require('../../examples/fresh-interpreter')
  const server = await serve(0)
  t.after(() => { server.closeAllConnections(); server.close() })
  const ask = async (script) => {
    const response = await fetch(`http://localhost:${server.address().port}`, { method: 'POST', body: script })
    return [response.status, (await response.text()).trim()]
  }
  const answers = await Promise.all([
    'sum([1, 2, 3])', 'globalThis.mine = 1; store.clear(); sum = undefined', 'typeof mine + store.size', 'Array.prototype.map = null; 1', '[1, 2].map((x) => x * 2).join()', 'for (;;);', 'sum([4])'
  ].map(ask))
  assert.deepStrictEqual(answers[0], [200, '6'])
  assert.strictEqual(answers[1][0], 422)
  assert.match(answers[2][1], /undefined1000/)
  assert.match(answers[4][1], /2,4/)
  assert.strictEqual(answers[5][0], 408)
  assert.deepStrictEqual(answers[6], [200, '4'])
})

test('savepoints across a whole database: each state is what its moves make of the start', async () => {
  const { search, MOVES } = require('../../examples/savepoints')
  const { best, visited, start, rewind, checkpoints } = await search(3)
  assert.strictEqual(visited, 1 + 3 + 9 + 27)
  assert.deepStrictEqual(start, [3, 26])
  assert.deepStrictEqual([rewind, checkpoints], ['on', 0])
  // The same moves in plain Node, each sequence on a database of its own.
  const SQL = await require('sql.js')()
  let sum = -1
  const play = (moves) => {
    const db = new SQL.Database()
    db.run("create table stock (name text, amount int); insert into stock values ('a', 3), ('b', 8), ('c', 15)")
    for (const move of moves) db.run(MOVES[move])
    const [count, total] = db.exec('select count(*), coalesce(sum(amount), 0) from stock')[0].values[0]
    if (count <= 4) sum = Math.max(sum, total)
    db.close()
    if (moves.length < 3) MOVES.forEach((_, move) => play([...moves, move]))
  }
  play([])
  assert.strictEqual(best.sum, sum)
})

test('branches of a whole PostgreSQL: each change finds the state of its checkpoint, sequences included', async () => {
  const { branches } = require('../../examples/fresh-postgres/branches')
  const { results, bytes } = await branches()
  const seen = results.map(({ state, outcome, id }) => [state, outcome === 'works', id])
  assert.deepStrictEqual(seen, [
    ['empty', true, 1], ['filled', true, 3], ['with a gap', false, 2],
    ['empty', true, 1], ['filled', true, 3], ['with a gap', true, 2]
  ])
  assert.match(results[2].outcome, /contains null values/)
  // Of 64 MB and more, each has what it changed.
  for (const own of Object.values(bytes)) assert.ok(own < 16 << 20, `${own} bytes`)
})
