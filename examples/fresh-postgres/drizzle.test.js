'use strict'

// Tests on drizzle that share one database and never see each other.
//
//   npm install @electric-sql/pglite drizzle-orm
//   node --test examples/fresh-postgres/drizzle.test.js

const { test, before, beforeEach, after } = require('node:test')
const assert = require('node:assert/strict')
const { eq, sql } = require('drizzle-orm')
const { freshShop, order, products, orders } = require('./shop')

let shop, db

before(async () => {
  shop = await freshShop()
  db = shop.db
})
beforeEach(() => shop.fresh())
after(() => shop.close())

test('an order takes from the stock', async () => {
  assert.equal(await order(db, 1, 3), 1)
  assert.deepEqual(await db.select({ stock: products.stock }).from(products).where(eq(products.id, 1)), [{ stock: 1 }])
})

test('more than there is cannot be ordered', async () => {
  await assert.rejects(order(db, 2, 2), ({ cause }) => cause.constraint === 'products_stock_check')
  assert.equal(await db.$count(orders), 0)
})

test('the first order has number 1, whatever other tests did', async () => {
  assert.equal(await order(db, 1, 4), 1)
})

test('a schema that a test changes is its own', async () => {
  await db.execute(sql`drop table orders`)
  await db.execute(sql`alter table products add column price numeric`)
})

test('the next one has the schema of the migrations', async () => {
  assert.equal(await order(db, 2, 1), 1)
  assert.deepEqual(await db.query.products.findFirst({ where: eq(products.id, 2) }), { id: 2, name: 'table', stock: 0 })
})
