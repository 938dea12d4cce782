'use strict'

// What does a fresh PostgreSQL (PGlite) cost for each test, over schemas of 5 and of 100 tables?
//
//   node bench/pglite.js [--rounds 20] [--tables 5,100] [--packages NODE_MODULES]
//
// All ways in one run, one after the other in each round, a test's work before each; medians. The slow ones (a database made anew, a
// data directory) run in every tenth round. Each database but emvm's is plain PGlite in V8.

const path = require('node:path')
const { createRequire } = require('node:module')
const { duration, machine, median, now, printTable, ratio, save } = require('./lib/measure')
const { open } = require('..')

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}
const ROUNDS = Number(option('rounds', 20))
const SIZES = option('tables', '5,100').split(',').map(Number)
const SLOW = 10
const ROWS = 100
// So many tables a test writes to.
const WRITTEN = 5

const folder = option('packages')
const file = createRequire(folder === undefined ? __filename : path.join(path.resolve(folder), 'index.js')).resolve('@electric-sql/pglite')
const { PGlite } = require(file)

const namesOf = (tables) => Array.from({ length: tables }, (_, at) => `t${at}`)
const filled = (name) => `insert into ${name} (name, value) select 'row ' || i, sqrt(i) from generate_series(1, ${ROWS}) i`

async function setUp (db, names) {
  for (const name of names) await db.exec(`create table ${name} (id serial primary key, name text, value double precision); create index on ${name} (name); ${filled(name)}`)
}

// What a test does; gives what it saw. The number of a new row is no more than shown: a database made of files goes on behind the numbers that
// PostgreSQL had set aside.
async function work (db, names) {
  const { rows: [{ id }] } = await db.query(`insert into ${names[0]} (name) values ('x') returning id`)
  for (const name of names.slice(1, WRITTEN)) await db.query(`insert into ${name} (name) values ('x')`)
  await db.query(`delete from ${names[0]} where id < 50`)
  const { rows: [{ count }] } = await db.query(`select count(*)::int from ${names.at(-1)}`)
  return { id, count }
}

async function waysOf (names) {
  let inside
  const vm = await open(file, {
    rewind: true,
    warmUp: async (module) => {
      inside = await module.PGlite.create()
      await setUp(inside, names)
      return inside
    }
  })
  const plain = await PGlite.create()
  await setUp(plain, names)
  const image = await plain.dumpDataDir('none')
  const template = await PGlite.create({ loadDataDir: image })
  // `fresh(db)` gives the database to go on with.
  const another = (make) => async (db) => {
    const next = await make()
    if (db !== template) await db.close()
    return next
  }
  return {
    vm,
    ways: [
      { name: 'emvm, rewind', db: inside, fresh: async (db) => { await vm.isReady(); return db } },
      {
        name: 'TRUNCATE ... RESTART IDENTITY, rows again',
        db: plain,
        fresh: async (db) => {
          await db.exec(`truncate ${names.join(', ')} restart identity`)
          for (const name of names) await db.exec(filled(name))
          return db
        }
      },
      { name: 'clone()', slow: true, db: await template.clone(), fresh: another(() => template.clone()) },
      { name: 'loadDataDir', slow: true, db: await PGlite.create({ loadDataDir: image }), fresh: another(() => PGlite.create({ loadDataDir: image })) },
      { name: 'create() and the schema', slow: true, db: await PGlite.create().then(async (db) => { await setUp(db, names); return db }), fresh: another(async () => { const db = await PGlite.create(); await setUp(db, names); return db }) }
    ]
  }
}

async function measure (tables) {
  const names = namesOf(tables)
  const { vm, ways } = await waysOf(names)
  const expected = names.length <= WRITTEN ? ROWS + 1 : ROWS
  for (const way of ways) Object.assign(way, { times: [], tests: [], ids: new Set() })
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways) {
      if (way.slow && round % SLOW !== 0) continue
      const began = now()
      const { id, count } = await work(way.db, names)
      if (count !== expected) throw new Error(`${way.name}: a test saw ${count} rows, not ${expected}`)
      way.ids.add(id)
      const since = now()
      way.db = await way.fresh(way.db)
      way.times.push(now() - since)
      way.tests.push(since - began)
    }
  }
  const { rewind, rewindReason } = vm.stats()
  if (rewind !== 'on') throw new Error(rewindReason)
  vm.dispose()
  return ways.map(({ name, times, tests, ids }) => ({ tables, name, fresh: median(times), test: median(tests), ids: [...ids].join(', '), rounds: times.length }))
}

async function main () {
  console.log(`${machine()}\n`)
  const results = []
  for (const tables of SIZES) {
    const ways = await measure(tables)
    results.push(...ways)
    console.log(`${tables} tables`)
    printTable(['a fresh database by', 'median', 'over emvm', 'a test before it', 'its new row has', 'rounds'],
      ways.map(({ name, fresh, test, ids, rounds }) => [name, duration(fresh), ratio(fresh / ways[0].fresh), duration(test), ids, rounds]))
  }
  save('pglite', { results })
}

main().then(() => process.exit(), (error) => {
  console.error(error)
  process.exit(1)
})
