'use strict'

// Each of OpenCV's published builds runs the same operations under Node with its own JavaScript and in emvm: everything that comes
// out is equal, byte for byte, the thrown errors included; so are the keys of the module and of its classes.

const { test, describe, before } = require('node:test')
const assert = require('node:assert')
const { spawn } = require('node:child_process')
const path = require('node:path')
const { PACKAGES } = require('./packages')
const { MODULE_KEYS, CLASS_KEYS, OPERATIONS, allowed, normaliseErrorText } = require('./differences')

const GROUPS = ['core', 'imgproc', 'features2d', 'calib3d', 'objdetect', 'video', 'photo', 'language']
const ENOUGH = 60
const TIMEOUT = 300_000

function runSide (side, name) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(__dirname, 'child.js'), side, name], { stdio: ['ignore', 'inherit', 'pipe', 'pipe'], timeout: TIMEOUT })
    const output = []
    const errors = []
    child.stdio[3].on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => errors.push(chunk))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0 && output.length) return resolve(JSON.parse(Buffer.concat(output)))
      reject(new Error(`${side} of ${name} ended with ${signal || `code ${code}`}\n${Buffer.concat(errors)}`))
    })
  })
}

function normalise (value) {
  if (typeof value === 'string') return normaliseErrorText(value)
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(normalise)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normalise(item)]))
}

function differing (group, plain, other) {
  return Object.keys(plain.results)
    .filter((key) => key.startsWith(`${group}.`) && !allowed(OPERATIONS, key))
    .filter((key) => JSON.stringify(normalise(plain.results[key])) !== JSON.stringify(normalise(other.results[key])))
}

function assertEqual (group, plain, other) {
  const keys = differing(group, plain, other)
  if (keys.length === 0) return
  const pick = (side) => Object.fromEntries(keys.map((key) => [key, normalise(side.results[key])]))
  assert.deepStrictEqual(pick(other), pick(plain), `${keys.length} operations differ: ${keys.join(', ')}`)
}

function keyDifferences (plain, emvm, list) {
  const missing = Object.keys(plain).filter((key) => !Object.hasOwn(emvm, key) && !allowed(list, key))
  const extra = Object.keys(emvm).filter((key) => !Object.hasOwn(plain, key) && !allowed(list, key))
  const other = Object.keys(plain).filter((key) => Object.hasOwn(emvm, key) && plain[key] !== emvm[key] && !allowed(list, key))
  return [...missing.map((key) => `${key} is missing`), ...extra.map((key) => `${key} is not in the package's module`), ...other.map((key) => `${key} is ${emvm[key]}, not ${plain[key]}`)]
}

function classDifferences (name, plain, emvm) {
  if (!emvm) return []
  const differences = keyDifferences(plain.statics, emvm.statics, CLASS_KEYS).map((text) => `${name}: ${text}`)
  // A plain function has a prototype or not by the way it is written.
  if (plain.prototypes.every((keys) => Object.keys(keys).join() === 'constructor')) return differences
  // Embind names its classes; of the rest, older embind calls each enum 'ctor' and gives functions no name.
  if (plain.prototypes.length && 'isDeleted' in (plain.prototypes.at(-1)) && plain.name !== emvm.name) differences.push(`${name}: its name is '${emvm.name}', not '${plain.name}'`)
  if (plain.prototypes.length !== emvm.prototypes.length) differences.push(`${name}: ${emvm.prototypes.length} prototypes, not ${plain.prototypes.length}`)
  plain.prototypes.forEach((keys, i) => {
    differences.push(...keyDifferences(keys, emvm.prototypes[i] || {}, CLASS_KEYS).map((text) => `${name}.prototype${'.__proto__'.repeat(i)}: ${text}`))
  })
  return differences
}

for (const { name, version } of PACKAGES) {
  describe(`${name} ${version}`, () => {
    let plain, single, recycled

    before(async () => {
      [plain, single, recycled] = await Promise.all(['plain', 'emvm', 'emvm-recycled'].map((side) => runSide(side, name)))
    }, { timeout: TIMEOUT })

    test(`at least ${ENOUGH} operations work under Node`, () => {
      const working = Object.values(plain.results).filter(({ result }) => result !== undefined)
      assert.ok(working.length >= ENOUGH, `only ${working.length}`)
    })

    test('the native host runs it', () => assert.strictEqual(single.host, 'native'))

    for (const group of GROUPS) {
      test(`${group} on one instance`, () => assertEqual(group, plain, single))
      test(`${group} with a fresh instance each`, () => assertEqual(group, plain, recycled))
    }

    test('the module object has the same keys', () => {
      assert.deepStrictEqual(keyDifferences(plain.shape.module, single.shape.module, MODULE_KEYS), [])
    })

    test('each class and prototype has the same keys', () => {
      const names = Object.keys(plain.shape.classes)
      assert.deepStrictEqual(names.flatMap((key) => classDifferences(key, plain.shape.classes[key], single.shape.classes[key])), [])
    })
  })
}
