'use strict'

// What a fresh database costs, in one run: emvm's rewind, and what one does in plain Node.
//
//   node examples/fresh-postgres/compare.js [TABLES]

const { PGlite } = require('@electric-sql/pglite')
const { freshPostgres } = require('./postgres')

const TABLES = Number(process.argv[2] ?? 5)
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

const names = Array.from({ length: TABLES }, (_, n) => `t${n}`)
const setUp = async (db) => {
  for (const name of names) {
    await db.exec(`create table ${name} (id serial primary key, name text, value double precision); create index on ${name} (name);
      insert into ${name} (name, value) select 'row ' || i, sqrt(i) from generate_series(1, 100) i`)
  }
}
// What a test leaves behind.
const work = async (db) => {
  for (const name of names.slice(0, 5)) await db.query(`insert into ${name} (name) values ('x')`)
  await db.query(`delete from ${names[0]} where id < 50`)
}

// `fresh(db)` gives the database to go on with.
async function measure (what, rounds, db, fresh) {
  const times = []
  for (let round = 0; round < rounds; round++) {
    await work(db)
    const since = performance.now()
    db = await fresh(db)
    times.push(performance.now() - since)
  }
  return [what, median(times), db]
}

async function main () {
  const rows = []
  const postgres = await freshPostgres(setUp)
  rows.push(await measure('emvm, rewind', 40, postgres.db, async (db) => { await postgres.fresh(); return db }))
  postgres.close()

  const plain = await PGlite.create()
  await setUp(plain)
  const list = names.join(', ')
  rows.push(await measure('TRUNCATE ... RESTART IDENTITY, rows again', 10, plain, async (db) => {
    await db.exec(`truncate ${list} restart identity`)
    for (const name of names) await db.exec(`insert into ${name} (name, value) select 'row ' || i, sqrt(i) from generate_series(1, 100) i`)
    return db
  }))
  const image = await plain.dumpDataDir('none')
  rows.push(await measure('clone()', 2, plain, (db) => db.clone()))
  rows.push(await measure('loadDataDir', 2, plain, () => PGlite.create({ loadDataDir: image })))
  rows.push(await measure('create() and the schema', 2, plain, async () => { const db = await PGlite.create(); await setUp(db); return db }))

  const [[, base]] = rows
  console.log(`a fresh database with ${TABLES} tables, median:`)
  for (const [what, ms] of rows) console.log(`${what.padEnd(44)} ${ms.toFixed(2).padStart(10)} ms  ${(ms / base).toFixed(1).padStart(8)}`)
}

main().then(() => process.exit(), (error) => {
  console.error(error)
  process.exit(1)
})
