'use strict'

// Every piece of state that a generation can change, as JSON: read from the list in src/emscripten/state.rs and from the code.
//
//   node scripts/state.js

const fs = require('node:fs')
const path = require('node:path')

const ROOT = path.join(__dirname, '..')
const FACADE = path.join(ROOT, 'lib', 'facade')
const DECLARED = /perGeneration\(\s*'([^']+)'/g

// Rows of the list: what it is, its owner, its tests.
function listed () {
  const text = fs.readFileSync(path.join(ROOT, 'src', 'emscripten', 'state.rs'), 'utf8')
  let table
  const rows = []
  for (const line of text.split('\n')) {
    const cells = /^\/\/! \| (.*) \|$/.exec(line)?.[1].split(' | ')
    if (cells === undefined || cells[0] === '---') continue
    if (cells[2] === 'test') {
      table = cells[0]
      continue
    }
    const [name, owner, tests] = cells
    rows.push({ table, name, owner: owner.replaceAll('`', ''), tests: tests.split(', ').map((test) => test.replaceAll('`', '')) })
  }
  return rows
}

function files (folder) {
  return fs.readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => entry.isDirectory() ? files(path.join(folder, entry.name)) : path.join(folder, entry.name))
}

// What the code declares, by name: the file.
function declared () {
  const found = new Map()
  for (const file of files(FACADE)) {
    for (const [, name] of fs.readFileSync(file, 'utf8').matchAll(DECLARED)) found.set(name, path.relative(ROOT, file))
  }
  return found
}

function stateList () {
  const code = declared()
  return listed().map((row) => ({ ...row, ...(row.table === 'JavaScript state' && { declaredIn: code.get(row.name) ?? null }) }))
}

module.exports = { declared, files, stateList }

if (require.main === module) console.log(JSON.stringify(stateList(), null, 2))
