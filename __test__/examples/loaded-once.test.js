'use strict'

// examples/loaded-once: what is loaded once is there for each use, as it was loaded.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { database } = require('../../examples/loaded-once/database')
const { grammar } = require('../../examples/loaded-once/grammar')
const { letters } = require('../../examples/loaded-once/letters')
const { pictureOf } = require('../support/picture')

// Where packages are that are not among this one's own.
const modules = process.env.EMVM_TEST_PACKAGES ? process.env.EMVM_TEST_PACKAGES.split(',') : [__dirname]

function missing (...names) {
  try {
    for (const name of names) require.resolve(name, { paths: modules })
    return false
  } catch {
    return `${names.join(', ')} are not installed`
  }
}

const isRewound = (vm) => assert.equal(vm.stats().evaluations, 1, vm.stats().rewindReason)

test('a database', async () => {
  const { vm, ask } = await database()
  assert.deepEqual(await ask('delete from product where price < 50; pragma user_version = 3; select count(*) from product'), [[1500]])
  assert.deepEqual(await ask('drop table product'), [])
  await assert.rejects(ask('select missing from product'), /no such column/)
  assert.deepEqual(await ask('select count(*), (select user_version from pragma_user_version) from product'), [[3000, 0]])
  isRewound(vm)
  vm.dispose()
})

test('a grammar', { skip: missing('web-tree-sitter', 'tree-sitter-javascript/tree-sitter-javascript.wasm') }, async () => {
  const { vm, parse } = await grammar({ modules })
  const first = await parse('let x = 1')
  assert.match(first, /lexical_declaration/)
  assert.match(await parse('let x = ;'), /ERROR|MISSING/)
  assert.equal(await parse('let x = 1'), first)
  isRewound(vm)
  vm.dispose()
})

test('letters', { skip: missing('tesseract.js-core/tesseract-core.js', '@tesseract.js-data/eng/package.json') }, async () => {
  const { vm, read } = await letters({ modules })
  for (const word of ['HELLO', 'HOLE', 'HELLO']) assert.equal((await read(pictureOf(word))).trim(), word)
  isRewound(vm)
  vm.dispose()
})
