'use strict'

// PostgreSQL (PGlite) that is set up once and is fresh again whenever one asks: rows, schema, sequences, prepared statements,
// settings, listeners, temporary tables.

const { open } = require('../..')

// `setUp(db)`: schema and rows that every fresh database has. Gives { db, fresh(), close() }; `db` stays the same object.
async function freshPostgres (setUp, options) {
  let db
  const vm = await open(require.resolve('@electric-sql/pglite'), {
    rewind: true,
    warmUp: async ({ PGlite }) => {
      db = await PGlite.create(options)
      await setUp(db)
      return db
    }
  })
  return {
    db,
    vm,
    fresh: () => vm.isReady(),
    close: () => vm.dispose()
  }
}

module.exports = { freshPostgres }
