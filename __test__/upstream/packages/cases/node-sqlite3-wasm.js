'use strict'

// Its files are the real disk's: the JavaScript of its own that answers the imports of its VFS reads and writes them.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

module.exports = {
  package: 'node-sqlite3-wasm',
  source: 'node-sqlite3-wasm/dist/node-sqlite3-wasm.js',
  load: ({ require }) => require('node-sqlite3-wasm'),
  job ({ Database }, { tools }) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-sqlite-'))
    const file = path.join(folder, 'test.db')
    try {
      const db = new Database(file)
      const next = tools.random(3)
      db.exec('create table t(id integer primary key, a text, b real)')
      db.exec('begin')
      for (let i = 0; i < 300; i++) db.run('insert into t values (?,?,?)', [i, `r${Math.floor(next() * 40)}`, next()])
      db.exec('commit')
      const out = [db.all('select a, count(*) n, sum(b) s from t group by a order by a limit 10')]
      db.function('twice', (x) => Number(x) * 2)
      out.push(db.get('select twice(21) v'), db.get('select 9223372036854775807 v'), tools.attempt(() => db.exec('nope')))
      db.close()
      out.push(fs.readFileSync(file))
      return out
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  }
}
