'use strict'

// SQLite (sql.js) with a database that is filled once: each question may change it as it likes, and the next finds it as it was.
//
//   node examples/loaded-once/database.js

const { open } = require('../..')

async function database () {
  let db
  const vm = await open(require.resolve('sql.js/dist/sql-wasm.js'), {
    host: 'glue',
    rewind: true,
    timeout: 2000,
    warmUp: (SQL) => {
      db = new SQL.Database()
      db.run('create table product (id integer primary key, name text, price real)')
      db.run('begin')
      for (let id = 1; id <= 3000; id++) db.run('insert into product values (?, ?, ?)', [id, `product ${id}`, (id * 7) % 100])
      db.run('commit; create index by_price on product (price)')
      return db
    }
  })
  // The rows of the last statement.
  return { vm, ask: (text) => vm.run(() => db.exec(text).at(-1)?.values ?? []) }
}

module.exports = { database }

if (require.main === module) {
  database().then(async ({ vm, ask }) => {
    console.log(await ask('delete from product where price < 50; select count(*) from product'))
    console.log(await ask('select count(*) from product'))
    vm.dispose()
  })
}
