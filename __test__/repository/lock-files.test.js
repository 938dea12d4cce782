'use strict'

// The fuzz targets have a workspace and a lock file of their own: without every dependency of the addon in it, `cargo fuzz` stops.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')

const textOf = (...names) => fs.readFileSync(path.join(__dirname, '..', '..', ...names), 'utf8')

// By name: the version that is asked for.
function dependenciesOf (manifest, kinds) {
  const sections = manifest.split(/^\[/m).filter((text) => kinds.test(text.slice(0, text.indexOf(']'))))
  const lines = sections.flatMap((text) => [...text.matchAll(/^([\w-]+) = (?:"([^"]*)"|\{[^}]*?\bversion = "([^"]*)")/gm)])
  return new Map(lines.map(([, name, short, long]) => [name, short ?? long]))
}

// The names of what a package needs, and the versions of all packages that the lock file holds.
function readLock (text, name) {
  const packages = text.split('[[package]]').slice(1)
  const versions = packages.map((entry) => [/^name = "(.*)"$/m.exec(entry)[1], /^version = "(.*)"$/m.exec(entry)[1]])
  const own = packages.find((entry) => entry.includes(`\nname = "${name}"\n`))
  const list = /^dependencies = \[([^]*?)\]/m.exec(own)[1]
  return { needs: [...list.matchAll(/"([\w-]+)/g)].map(([, needed]) => needed), versions }
}

const manifest = textOf('Cargo.toml')
const wanted = dependenciesOf(manifest, /^(?:target\..*\.)?(?:build-)?dependencies$/)

test('the lock file of the fuzz targets has every dependency of the addon', () => {
  assert.ok(wanted.size >= 30)
  const lock = readLock(textOf('fuzz', 'Cargo.lock'), 'emvm')
  const how = 'run `cargo metadata` in fuzz/ with the nightly toolchain, and commit fuzz/Cargo.lock'
  assert.deepStrictEqual(lock.needs.toSorted(), [...wanted.keys()].toSorted(), how)
  for (const [name, version] of wanted) {
    if (!version.startsWith('=')) continue
    assert.ok(lock.versions.some(([known, locked]) => known === name && locked === version.slice(1)), `${name} ${version}: ${how}`)
  }
})

test('the lock file of the addon has them too', () => {
  const tests = dependenciesOf(manifest, /^dev-dependencies$/)
  assert.deepStrictEqual(readLock(textOf('Cargo.lock'), 'emvm').needs.toSorted(), [...wanted.keys(), ...tests.keys()].toSorted())
})
