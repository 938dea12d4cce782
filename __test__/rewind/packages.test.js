'use strict'

// Real packages, booted and warmed up: each generation gives what the first gave, whatever the last left behind or under way.

const test = require('node:test')
const assert = require('node:assert/strict')
const { open } = require('../..')

const turns = async (count) => { for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve)) }

test('sql.js: a database that warmUp filled', async () => {
  let db, statement
  const vm = await open(require.resolve('sql.js/dist/sql-wasm.js'), {
    host: 'glue',
    rewind: true,
    warmUp: (SQL) => {
      db = new SQL.Database()
      db.run('create table t (id integer primary key, a text)')
      for (let i = 0; i < 500; i++) db.run('insert into t values (?, ?)', [i, `row ${i % 7}`])
      statement = db.prepare('select count(*) from t where a = $a')
    }
  })
  const plain = require('sql.js')
  const job = (SQL, database) => {
    const out = [database.exec('select a, count(*) from t group by a')[0].values]
    database.run("delete from t where id < 100; insert into t (a) values ('new'); create table more (x); pragma user_version = 7")
    database.create_function('twice', (x) => x * 2)
    out.push(database.exec('select twice(count(*)), (select user_version from pragma_user_version) from t')[0].values)
    const other = new SQL.Database()
    other.run('create table o (x)')
    out.push(other.export().length, database.exec('select last_insert_rowid()')[0].values)
    return out
  }
  const SQL = await plain()
  const twin = new SQL.Database()
  twin.run('create table t (id integer primary key, a text)')
  for (let i = 0; i < 500; i++) twin.run('insert into t values (?, ?)', [i, `row ${i % 7}`])
  const expected = job(SQL, twin)
  for (let generation = 1; generation <= 6; generation++) {
    assert.deepEqual(job(vm.exports, db), expected)
    statement.bind({ $a: 'row 1' })
    statement.step()
    if (generation % 2 === 0) statement.free()
    if (generation % 3 === 0) db.close()
    await vm.isReady()
  }
  statement.bind({ $a: 'row 1' })
  assert.ok(statement.step())
  assert.deepEqual(statement.get(), [72])
  assert.equal(vm.stats().rewind, 'on', vm.stats().rewindReason)
  assert.equal(vm.stats().rewinds, 6)
  vm.dispose()
})

test('PGlite: work under way at a recycle neither goes on nor is seen', async () => {
  let db
  const vm = await open(require.resolve('@electric-sql/pglite'), {
    rewind: true,
    warmUp: async ({ PGlite }) => {
      db = await PGlite.create()
      await db.exec('create table t (id serial primary key, a text); insert into t (a) select i::text from generate_series(1, 100) i; create sequence s')
      return db
    }
  })
  let notices = 0
  for (let round = 0; round < 6; round++) {
    let settled = 0
    const count = () => { settled++ }
    // Not awaited: queries, a transaction that is left open, a mutex that is held.
    for (let k = 0; k < 4; k++) db.query('insert into t (a) values ($1) returning *', [`x${k}`]).then(count, count)
    db.transaction(async (tx) => {
      await tx.query('delete from t')
      await new Promise((resolve) => setTimeout(resolve, 5))
      await tx.query('insert into t (a) values (1)')
    }).then(count, count)
    if (round > 2) {
      await db.listen('news', () => { notices++ })
      await db.exec("set application_name to 'mine'; prepare p as select 1; create temp table scratch (x int); select nextval('s'); notify news").then(() => {}, () => {})
    }
    for (let k = 0; k < round * 3; k++) await null
    await turns(round)
    await vm.isReady()
    const before = settled
    const told = notices
    const { rows } = await db.query("select count(*)::int as n, max(id) as m, current_setting('application_name') as name, (select count(*)::int from pg_prepared_statements) as prepared, (select count(*)::int from pg_listening_channels()) as channels, to_regclass('scratch') as scratch, nextval('s')::int as s from t")
    assert.deepEqual(rows, [{ n: 100, m: 100, name: '', prepared: 0, channels: 0, scratch: null, s: 1 }])
    await db.exec('notify news')
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(settled, before)
    assert.equal(notices, told)
    await vm.isReady()
  }
  assert.equal(vm.stats().rewind, 'on', vm.stats().rewindReason)
  assert.equal(vm.stats().evaluations, 1)
  vm.dispose()
})
