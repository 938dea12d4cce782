'use strict'

// Branches of a whole PostgreSQL: a schema change is tried on three states of the database, each a checkpoint that is taken once and gone
// back to as often as wanted. Sequences, prepared statements and settings of the session go back as well, which no transaction does.
//
//   npm install @electric-sql/pglite
//   node examples/fresh-postgres/branches.js

const { open } = require('../..')

const SCHEMA = 'create table item (id serial primary key, name text not null, price int)'

const STATES = {
  empty: '',
  filled: "insert into item (name, price) values ('cup', 5), ('jug', 12)",
  'with a gap': "insert into item (name) values ('no price yet')"
}

const CHANGES = {
  'price is required': 'alter table item alter column price set not null',
  'names are unique': 'alter table item add unique (name)'
}

async function branches () {
  let db
  const vm = await open(require.resolve('@electric-sql/pglite'), {
    host: 'glue',
    rewind: true,
    warmUp: async ({ PGlite }) => {
      db = new PGlite()
      await db.waitReady
      await db.exec(SCHEMA)
    }
  })
  const points = {}
  for (const [name, sql] of Object.entries(STATES)) {
    vm.recycle()
    if (sql !== '') await db.exec(sql)
    points[name] = vm.checkpoint()
  }
  const results = []
  for (const [change, sql] of Object.entries(CHANGES)) {
    for (const state of Object.keys(points)) {
      vm.recycle({ from: points[state] })
      const outcome = await db.exec(sql).then(() => 'works', ({ message }) => message)
      const { rows: [{ id }] } = await db.query("insert into item (name, price) values ('next', 1) returning id")
      results.push({ change, state, outcome, id })
    }
  }
  const bytes = Object.fromEntries(Object.entries(points).map(([name, point]) => [name, point.bytes]))
  vm.dispose()
  return { results, bytes }
}

module.exports = { branches }

if (require.main === module) branches().then(({ results, bytes }) => { console.table(results); console.table(bytes) })
