'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { TRIPLES, nodeTooOld, platformName } = require('../../lib/base/platform')

const root = path.join(__dirname, '..', '..')

// All that the package loads but its binary.
function copyOfPackage (t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-package-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  for (const name of ['lib', 'scripts']) fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true })
  return folder
}

function node (folder, args, env = {}) {
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, EMVM_BINDING: '', EMVM_SKIP_BUILD: '', ...env } })
}

test('without a binary, loading says in one sentence what was tried and what to do', (t) => {
  const folder = copyOfPackage(t)
  const { stdout } = node(folder, ['-e', "try { require('./lib/base/binding').load() } catch (e) { console.log(e.code, e.message) }"])
  assert.match(stdout, /^EMVM_ERR_BINDING emvm has no native binary for /)
  assert.ok(stdout.includes(`emvm.${platformName()}.node (not found), emvm-${platformName()} (not found)`))
  assert.match(stdout, /install Rust and run `node scripts[/\\]install\.js`/)
  assert.strictEqual(stdout.trim().split('\n').length, 1)
})

test('a Node that is too old is told so, and no other', () => {
  for (const version of ['18.20.8', '20.3.1']) assert.match(nodeTooOld(version), new RegExp(`needs Node.js 20\\.4 or newer, this is ${version}`))
  for (const version of ['20.4.0', '20.20.2', '22.0.0', '24.1.0', process.versions.node]) assert.strictEqual(nodeTooOld(version), null)
})

test('a binary that is there but does not load is named with the reason', (t) => {
  const folder = copyOfPackage(t)
  fs.writeFileSync(path.join(folder, `emvm.${platformName()}.node`), 'not a library')
  const { stdout } = node(folder, ['-e', "try { require('./lib/base/binding').load() } catch (e) { console.log(e.message) }"])
  assert.ok(stdout.includes(`emvm.${platformName()}.node (`))
  assert.ok(!stdout.includes(`emvm.${platformName()}.node (not found)`))
})

test('installing without a binary and without Rust fails with one clear sentence', (t) => {
  const folder = copyOfPackage(t)
  const { status, stderr } = node(folder, ['scripts/install.js'], { PATH: path.join(folder, 'nothing') })
  assert.strictEqual(status, 1)
  assert.strictEqual(stderr.trim().split('\n').length, 1)
  assert.match(stderr, /no prebuilt binary for .* and no Rust toolchain .*install Rust/)
})

test('each target of package.json has its platform package, of the same version', () => {
  const main = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
  assert.deepStrictEqual([...main.napi.targets].sort(), Object.values(TRIPLES).sort())
  assert.deepStrictEqual(fs.readdirSync(path.join(root, 'npm')).sort(), Object.keys(TRIPLES).sort())
  for (const name of Object.keys(TRIPLES)) {
    const platform = JSON.parse(fs.readFileSync(path.join(root, 'npm', name, 'package.json'), 'utf8'))
    assert.strictEqual(platform.name, `emvm-${name}`)
    assert.strictEqual(platform.version, main.version)
    assert.strictEqual(platform.main, `emvm.${name}.node`)
    assert.ok(name.startsWith(`${platform.os[0]}-${platform.cpu[0]}`))
  }
})

test('package.json, Cargo.toml and package-lock.json agree on the version', () => {
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
  assert.match(fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8'), new RegExp(`^version = "${version}"$`, 'm'))
  assert.strictEqual(JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')).version, version)
})

test('package-lock.json names no registry', () => {
  assert.doesNotMatch(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'), /"resolved"/)
})
