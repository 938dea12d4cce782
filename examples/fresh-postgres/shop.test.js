'use strict'

// Tests that share one database and never see each other: each begins with what `setUp` made.
//
//   node --test examples/fresh-postgres

const { test, before, beforeEach, after } = require('node:test')
const assert = require('node:assert/strict')
const { freshPostgres } = require('./postgres')

let postgres, db

before(async () => {
  postgres = await freshPostgres(async (db) => {
    await db.exec(`
      create table products (id serial primary key, name text unique not null, stock int not null check (stock >= 0));
      create table orders (id serial primary key, product int references products, amount int not null);
      insert into products (name, stock) values ('chair', 4), ('table', 1)`)
  })
  db = postgres.db
})
beforeEach(() => postgres.fresh())
after(() => postgres.close())

const order = (product, amount) => db.transaction(async (tx) => {
  await tx.query('update products set stock = stock - $2 where id = $1', [product, amount])
  return (await tx.query('insert into orders (product, amount) values ($1, $2) returning id', [product, amount])).rows[0].id
})

test('an order takes from the stock', async () => {
  assert.equal(await order(1, 3), 1)
  assert.deepEqual((await db.query('select stock from products where id = 1')).rows, [{ stock: 1 }])
})

test('more than there is cannot be ordered', async () => {
  await assert.rejects(order(2, 2), /products_stock_check/)
  assert.deepEqual((await db.query('select count(*)::int as n from orders')).rows, [{ n: 0 }])
})

test('the first order has number 1, whatever other tests did', async () => {
  assert.equal(await order(1, 4), 1)
})

test('a schema that a test changes is its own', async () => {
  await db.exec('drop table orders; alter table products add column price numeric; set search_path to pg_catalog; create temp table scratch (x int)')
})

test('the next one has the schema of the beginning', async () => {
  const { rows } = await db.query("select count(*)::int as n from information_schema.columns where table_name in ('orders', 'products', 'scratch')")
  assert.deepEqual(rows, [{ n: 6 }])
})
