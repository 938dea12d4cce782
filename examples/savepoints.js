'use strict'

// Savepoints across a whole database engine: sql.js is put back to any of several moments, with its open statements and everything else that
// JavaScript and wasm hold, not only what a transaction covers. A small tree of moves is searched, each from the state its parent left.
//
//   npm install sql.js
//   node examples/savepoints.js

const { open } = require('..')

// What may be done in each state.
const MOVES = [
  'insert into stock select name || \'+\', amount * 2 from stock where amount < 20',
  'update stock set amount = amount + 5',
  'delete from stock where amount % 3 = 0'
]

async function search (depth) {
  let db, total
  const vm = await open(require.resolve('sql.js/dist/sql-wasm.js'), {
    host: 'glue',
    rewind: true,
    warmUp: (SQL) => {
      db = new SQL.Database()
      db.run('create table stock (name text, amount int); insert into stock values (\'a\', 3), (\'b\', 8), (\'c\', 15)')
      total = db.prepare('select count(*), coalesce(sum(amount), 0) from stock')
    }
  })
  const look = () => {
    total.reset()
    total.step()
    return total.get()
  }
  let best = { sum: -1, moves: [] }
  let visited = 0
  const visit = (moves) => {
    visited++
    const [count, sum] = look()
    if (count <= 4 && sum > best.sum) best = { sum, moves }
    if (moves.length === depth) return
    const here = vm.checkpoint()
    for (let move = 0; move < MOVES.length; move++) {
      vm.recycle({ from: here })
      db.run(MOVES[move])
      visit([...moves, move])
    }
    here.dispose()
  }
  visit([])
  vm.recycle()
  const start = look()
  const { rewind, checkpoints } = vm.stats()
  vm.dispose()
  return { best, visited, start, rewind, checkpoints }
}

module.exports = { search, MOVES }

if (require.main === module) {
  search(Number(process.argv[2] ?? 4)).then(({ best, visited }) => {
    console.log(`${visited} states; the most for at most four rows: ${best.sum}, by ${best.moves.map((move) => `\n  ${MOVES[move]}`).join('')}`)
  })
}
