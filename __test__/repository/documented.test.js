'use strict'

// Every type that the modules of src show each other says what it is. rustc's own lint asks for words on each field and variant,
// whose names mostly say it, and on nothing in modules that are private to the crate.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')

const SRC = path.join(__dirname, '..', '..', 'src')
const TYPE = /^pub (?:struct|enum|union|trait) (\w+)/

// Types without a comment before them, and before their attributes.
function bareTypes (text) {
  const blocks = text.split('\n\n').map((block) => block.split('\n'))
  return blocks.flatMap((lines) => lines.flatMap((line, at) => {
    const type = TYPE.exec(line)
    if (type === null) return []
    const before = lines.slice(0, at)
    const own = before.slice(before.findLastIndex((other) => /^[})]|;$/.test(other) && !/^\)\]$/.test(other)) + 1)
    return own.some((other) => other.startsWith('///')) ? [] : [type[1]]
  }))
}

test('a type without a word is found', () => {
  assert.deepStrictEqual(bareTypes('/// One.\n#[derive(\n    Debug\n)]\npub struct A;\n\n#[derive(Debug)]\npub enum B {\n}\npub trait C {\n}'), ['B', 'C'])
})

test('every public type of src is documented', () => {
  const files = fs.readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.rs'))
  let types = 0
  for (const file of files) {
    const text = fs.readFileSync(path.join(SRC, file), 'utf8')
    types += text.match(new RegExp(TYPE, 'gm'))?.length ?? 0
    assert.deepStrictEqual(bareTypes(text), [], `src/${file}`)
  }
  assert.ok(types > 200, `${types} types`)
})
