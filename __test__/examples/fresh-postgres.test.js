'use strict'

// A fresh PostgreSQL for each test: whatever a test leaves behind, the next one does not see. Each case leaves something, and looks for it
// in the next generation; what is seen there is what was seen before anything was left.

const { test, before, after } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { freshPostgres } = require('../../examples/fresh-postgres/postgres')
const { tool, missing } = require('../support/installed')

const ROOT = path.join(__dirname, '..', '..')
const EXAMPLE = path.join(ROOT, 'examples', 'fresh-postgres')

let postgres, db
// What callbacks of the tests' were told.
let told = []

before(async () => {
  postgres = await freshPostgres((made) => made.exec(`
    create table item (id serial primary key, name text not null); insert into item (name) values ('cup'), ('jug');
    create function shout() returns void language plpgsql as $$ begin raise notice 'heard'; end $$`))
  db = postgres.db
})
after(() => postgres.close())

const rows = async (sql, parameters) => (await db.query(sql, parameters)).rows
const failed = (promise) => promise.then(() => 'works', ({ message }) => message)

const CASES = {
  rows: [() => db.exec("insert into item (name) values ('pot'); delete from item where id = 1; update item set name = 'x'"), () => rows('select * from item order by id')],
  'the schema': [() => db.exec('drop table item; create schema other; create type mood as enum (\'good\')'),
    () => rows("select relname from pg_class where relname like 'item%' union select nspname from pg_namespace where nspname = 'other' union select typname from pg_type where typname = 'mood' order by 1")],
  sequences: [() => rows("select nextval('item_id_seq'), setval('item_id_seq', 40)"), () => rows("insert into item (name) values ('pot') returning id")],
  'prepared statements': [() => db.exec('prepare mine as select 1'), async () => [await rows('select name from pg_prepared_statements'), await failed(db.exec('execute mine'))]],
  settings: [() => db.exec("set search_path to pg_catalog; set timezone to 'Asia/Tokyo'; set my.own = '1'; set statement_timeout to 4321"),
    async () => [await rows('show search_path'), await rows('show timezone'), await rows("select current_setting('my.own', true) as own"), await rows('show statement_timeout')]],
  notices: [() => db.query('select shout()', [], { onNotice: () => told.push('notice') }), async () => {
    told = []
    await db.query('select shout()')
    return told
  }],
  listeners: [() => db.listen('news', () => told.push('news')), async () => {
    told = []
    await db.exec("notify news, 'x'")
    return [told, await rows('select pg_listening_channels() as channel')]
  }],
  'listeners of everything': [() => db.onNotification(() => told.push('all')), async () => {
    told = []
    await db.listen('other', () => {})
    await db.exec("notify other, 'x'")
    return told
  }],
  'temporary tables': [() => db.exec('create temp table scratch (x int); insert into scratch values (1)'), () => failed(db.exec('select * from scratch'))],
  'a transaction that was left open': [() => db.exec("begin; insert into item (name) values ('half')"), async () => [await rows('select count(*)::int from item'), await rows('select pg_current_xact_id_if_assigned() is null as outside')]],
  'a transaction that failed': [() => db.exec('begin; select 1/0').catch(() => {}), () => rows('select 1 as works')],
  cursors: [() => db.exec('begin; declare mine cursor with hold for select * from item; commit'), () => failed(db.exec('fetch mine'))],
  locks: [() => rows('select pg_advisory_lock(7)'), () => rows("select count(*)::int from pg_locks where locktype = 'advisory'")],
  'roles and rights': [() => db.exec('create role ann; grant select on item to ann; set role ann'), async () => [await rows('select current_user'), await rows("select rolname from pg_roles where rolname = 'ann'")]],
  'functions and triggers': [() => db.exec('create or replace function shout() returns void language sql as $$ $$; create function f() returns trigger language plpgsql as $$ begin return null; end $$; create trigger t before insert on item execute function f()'),
    () => rows("select count(*)::int from pg_trigger where tgname = 't'")],
  files: [() => db.exec("copy item to '/tmp/out.csv'"), () => failed(db.exec("create temp table o (id int, name text); copy o from '/tmp/out.csv'"))],
  'types that were registered': [() => { db.parsers[25] = () => 'mine' }, () => rows('select name from item order by id limit 1')],
  'random numbers of the session': [() => rows('select setseed(0.5), random()'), () => rows('select setseed(0.25), random()')],
  'the last value of the session': [() => rows("select nextval('item_id_seq')"), () => failed(db.query("select currval('item_id_seq')"))],
  statistics: [() => db.exec('analyze item'), () => rows("select reltuples from pg_class where relname = 'item'")]
}

for (const [what, [leave, look]] of Object.entries(CASES)) {
  test(`nothing of one test in the next: ${what}`, async () => {
    await postgres.fresh()
    const then = await look()
    await postgres.fresh()
    const again = await look()
    assert.deepStrictEqual(again, then, 'a fresh database looks the same each time')
    await postgres.fresh()
    await leave()
    await postgres.fresh()
    assert.deepStrictEqual(await look(), then)
    assert.strictEqual(postgres.vm.stats().rewind, 'on', postgres.vm.stats().rewindReason)
  })
}

test('what a test got of the database is the last one\'s: a transaction that is kept is refused', async () => {
  await postgres.fresh()
  let kept
  await db.transaction(async (tx) => { kept = tx })
  await postgres.fresh()
  await assert.rejects(async () => kept.query('select 1'), { code: 'EMVM_ERR_STALE' })
})

test('a query under way when the database is made fresh is refused, and the next one is answered', async () => {
  await postgres.fresh()
  const late = db.query('select 1')
  postgres.vm.recycle()
  await assert.rejects(late, { code: 'EMVM_ERR_STALE' })
  assert.deepStrictEqual(await rows('select count(*)::int from item'), [{ count: 2 }])
})

const skip = missing('drizzle-orm')

// The example as it lies beside the packages that it names.
function installed (t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-fresh-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  fs.cpSync(EXAMPLE, path.join(folder, 'examples', 'fresh-postgres'), { recursive: true })
  fs.writeFileSync(path.join(folder, 'index.js'), `module.exports = require(${JSON.stringify(ROOT)})`)
  fs.writeFileSync(path.join(folder, 'package.json'), '{}')
  const modules = path.join(folder, 'node_modules')
  fs.mkdirSync(path.join(modules, '@electric-sql'), { recursive: true })
  fs.symlinkSync(path.join(require.resolve('@electric-sql/pglite'), '..', '..'), path.join(modules, '@electric-sql', 'pglite'))
  for (const name of ['drizzle-orm', 'vitest']) if (tool(name)) fs.symlinkSync(tool(name), path.join(modules, name))
  return (...parameters) => spawnSync(process.execPath, parameters, { cwd: folder, encoding: 'utf8', env: { ...process.env, NODE_TEST_CONTEXT: undefined }, timeout: 300_000 })
}

test('drizzle on top of it, made once, under node:test', { skip }, (t) => {
  const { status, stdout, stderr } = installed(t)('--test', 'examples/fresh-postgres/drizzle.test.js')
  assert.strictEqual(status, 0, stdout + stderr)
  assert.match(stdout, /pass 5/)
})

test('and under vitest', { skip: skip || missing('vitest') }, (t) => {
  const { status, stdout, stderr } = installed(t)(path.join(fs.realpathSync(tool('vitest')), 'vitest.mjs'), 'run', '--config', 'examples/fresh-postgres/vitest.config.mjs')
  assert.strictEqual(status, 0, stdout + stderr)
  assert.match(stdout, /4 passed/)
})
