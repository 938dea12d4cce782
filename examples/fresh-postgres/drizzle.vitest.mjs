// The same under vitest.
//
//   npm install @electric-sql/pglite drizzle-orm vitest
//   npx vitest run --config examples/fresh-postgres/vitest.config.mjs

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eq, sql } from 'drizzle-orm'
import shopOf from './shop.js'

const { freshShop, order, products, orders } = shopOf
let shop, db

// The first start of a version of PGlite compiles it.
beforeAll(async () => {
  shop = await freshShop()
  db = shop.db
}, 120_000)
beforeEach(() => shop.fresh())
afterAll(() => shop.close())

test('an order takes from the stock', async () => {
  expect(await order(db, 1, 3)).toBe(1)
  expect(await db.select({ stock: products.stock }).from(products).where(eq(products.id, 1))).toEqual([{ stock: 1 }])
})

test('more than there is cannot be ordered', async () => {
  await expect(order(db, 2, 2)).rejects.toHaveProperty('cause.constraint', 'products_stock_check')
  expect(await db.$count(orders)).toBe(0)
})

test('a schema that a test changes is its own', async () => {
  await db.execute(sql`drop table orders`)
})

test('the first order has number 1, whatever other tests did', async () => {
  expect(await order(db, 1, 4)).toBe(1)
})
