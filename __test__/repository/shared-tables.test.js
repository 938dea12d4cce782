'use strict'

// Tables that both sides of the addon need, once in Rust and once in JavaScript: they are the same.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')

const textOf = (...names) => fs.readFileSync(path.join(__dirname, '..', '..', ...names), 'utf8')
const octal = (text) => text.startsWith('0o') ? parseInt(text.slice(2), 8) : Number(text)

test('modes and open flags of files', () => {
  const rust = Object.fromEntries(['node.rs', 'open.rs'].flatMap((file) =>
    [...textOf('src', 'emscripten', 'fs', file).matchAll(/pub const ([SO]_[A-Z]+): u32 = (\w+);/g)].map(([, name, value]) => [name, octal(value)])))
  const text = textOf('lib', 'facade', 'fs', 'modes.js')
  const modes = [...text.matchAll(/^const (S_[A-Z]+) = (\w+)$/gm)].map(([, name, value]) => [name, octal(value)])
  const flags = [.../^const O = \{(.*)\}$/m.exec(text)[1].matchAll(/([A-Z]+): (\w+)/g)].map(([, name, value]) => [`O_${name}`, octal(value)])
  // Rust makes no block devices, and has no name for them.
  const shared = [...modes, ...flags].filter(([name]) => name !== 'S_IFBLK')
  assert.ok(shared.length >= 14)
  for (const [name, value] of shared) assert.strictEqual(value, rust[name], name)
})

test('error numbers, of WASI and of Linux', () => {
  const rust = new Map([...textOf('src', 'emscripten', 'fs', 'errno.rs').matchAll(/^ +(E\w+) (\d+) (\d+) "/gm)].map(([, name, ...numbers]) => [name, numbers.map(Number)]))
  const object = /^const NUMBERS = \{([^]*?)^\}/m.exec(textOf('lib', 'facade', 'fs', 'index.js'))[1]
  const lib = [...object.matchAll(/(E\w+): \[(\d+), (\d+)\]/g)].map(([, name, ...numbers]) => [name, numbers.map(Number)])
  assert.ok(lib.length >= 9 && rust.size >= 50)
  for (const [name, numbers] of lib) assert.deepStrictEqual(numbers, rust.get(name), name)
  // Modules know an error by the number that their version of Emscripten gives it: no other table says which.
  for (const file of fs.readdirSync(path.join(__dirname, '..', '..', 'lib', 'facade', 'fs'))) {
    assert.doesNotMatch(textOf('lib', 'facade', 'fs', file), /\bE[A-Z]{2,} = \d/, file)
  }
})

test('the environment that a program starts with', () => {
  const list = /let defaults = \[([^]*?)\];/.exec(textOf('src', 'emscripten', 'environment.rs'))[1]
  const rust = [...list.matchAll(/\("(\w+)", ([^)]+)\)/g)].map(([, name, value]) => [name, /^"/.test(value) ? JSON.parse(value) : undefined])
  const object = /function makeEnvironment[^]*?return \{([^]*?)\.\.\.env/.exec(textOf('lib', 'facade', 'lifecycle.js'))[1]
  const lib = [...object.matchAll(/^ +(\w+): (['`])(.*)\2,$/gm)].map(([, name, quote, value]) => [name, quote === '`' || name === '_' ? undefined : value])
  assert.ok(rust.length >= 7)
  // LANG is made from the language, and the program's name is a constant, on either side.
  assert.deepStrictEqual(lib, rust)
})
