'use strict'

// The scripts of this repository: what npm run test, check and version promise.

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { differences, notes } = require('../../scripts/version')

const root = path.join(__dirname, '..', '..')

function script (name, args, env) {
  return spawnSync(process.execPath, [path.join(root, 'scripts', name), ...args], { encoding: 'utf8', env: { ...process.env, ...env } })
}

test('one version everywhere: manifests, lock files, platform packages, change log', () => {
  assert.deepStrictEqual(differences(), [])
  const { version } = require('../../package.json')
  assert.deepStrictEqual(differences(`v${version}`), [])
  assert.deepStrictEqual(differences('v0.0.0'), ['the tag is v0.0.0'])
  assert.match(notes(), /^[^#]+$/)
})

test('without a Rust toolchain the tests fail, unless the Rust tests are left out by name', () => {
  // Windows looks `Path` up.
  const PATH = Object.fromEntries(Object.keys(process.env).filter((name) => /^path$/i.test(name)).map((name) => [name, '']))
  const { status, stdout, stderr } = script('test.js', [], { ...PATH, EMVM_TEST_ONLY: '' })
  assert.strictEqual(status, 1, stdout)
  assert.match(stderr, /no Rust toolchain[^]*EMVM_TEST_ONLY=js/)
})

test('a check that does not exist is refused, one whose tool is not installed fails', () => {
  const unknown = script('check.js', ['spelling'])
  assert.strictEqual(unknown.status, 2)
  assert.match(unknown.stderr, /no check 'spelling'/)
  const absent = script('check.js', ['typos'], { PATH: '', Path: '' })
  assert.strictEqual(absent.status, 1)
  assert.match(absent.stderr, /pip install typos/)
  assert.match(absent.stdout, /0 of 1 checks passed; failed: typos; not run: /)
})

test('workflows: actions are pinned by commit, tokens are not left behind, permissions are said', () => {
  const folder = path.join(root, '.github', 'workflows')
  for (const name of fs.readdirSync(folder)) {
    const text = fs.readFileSync(path.join(folder, name), 'utf8')
    const used = [...text.matchAll(/uses: (.*)$/gm)].map(([, action]) => action)
    assert.ok(used.length > 0, name)
    for (const action of used) assert.match(action, /^[\w.-]+\/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name)
    assert.strictEqual(used.filter((action) => action.startsWith('actions/checkout@')).length, text.split('persist-credentials: false').length - 1, name)
    assert.match(text, /^permissions:\n {2}contents: read$/m, name)
  }
})

test('__test__/README.md: its tables have every folder, and no other', () => {
  const folder = path.join(root, '__test__')
  const text = fs.readFileSync(path.join(folder, 'README.md'), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('|') && !line.startsWith('| --- '))
  const named = new Set(rows.flatMap((row) => [...row.split('|')[1].matchAll(/`([\w/][\w/-]*)`/g)].map(([, name]) => name)))
  const folders = fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  assert.deepStrictEqual([...named].sort(), folders.sort())
})
