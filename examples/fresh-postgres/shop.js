'use strict'

// A shop on drizzle: its tables, and what it does with them.

const path = require('node:path')
const { eq, sql } = require('drizzle-orm')
const { drizzle } = require('drizzle-orm/pglite')
const { migrate } = require('drizzle-orm/pglite/migrator')
const { pgTable, serial, text, integer } = require('drizzle-orm/pg-core')
const { freshPostgres } = require('./postgres')

const products = pgTable('products', { id: serial('id').primaryKey(), name: text('name').notNull(), stock: integer('stock').notNull() })
const orders = pgTable('orders', { id: serial('id').primaryKey(), product: integer('product').notNull(), amount: integer('amount').notNull() })

// drizzle itself is outside of the sandbox: it keeps the one client, which each fresh database has, and so `db` is made once. All
// migrations run once, too.
async function freshShop () {
  let db
  const postgres = await freshPostgres(async (client) => {
    db = drizzle(client, { schema: { products, orders } })
    await migrate(db, { migrationsFolder: path.join(__dirname, 'migrations') })
  })
  return { db, fresh: postgres.fresh, close: postgres.close }
}

// Gives the order's number.
function order (db, product, amount) {
  return db.transaction(async (tx) => {
    await tx.update(products).set({ stock: sql`${products.stock} - ${amount}` }).where(eq(products.id, product))
    const [{ id }] = await tx.insert(orders).values({ product, amount }).returning({ id: orders.id })
    return id
  })
}

module.exports = { freshShop, order, products, orders }
