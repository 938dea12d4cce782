'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { typesOf, functionType } = require('../../lib/types')
const { MACHINE } = require('../support/wasm')

const ROOT = path.join(__dirname, '..', '..')

// Compiles declarations and programs with --strict, in a folder where `emvm` is installed.
function compile (t, files) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-types-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text)
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(ROOT, path.join(folder, 'node_modules', 'emvm'), 'junction')
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { strict: true, noEmit: true, target: 'es2022', lib: ['es2022', 'dom', 'esnext.disposable'], module: 'node16', esModuleInterop: true, types: [] },
    include: ['*.ts']
  }))
  const { stdout } = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '--project', folder], { encoding: 'utf8' })
  return stdout
}

test('opencv.js: a program that uses its declarations compiles under --strict, one that misuses them does not', async (t) => {
  const made = await typesOf(require.resolve('opencv-4.12'))
  assert.ok(made.classes > 30 && made.functions > 200 && made.records > 10, JSON.stringify({ ...made, text: undefined }))
  const usage = fs.readFileSync(path.join(__dirname, '..', 'types-of', 'opencv-usage.ts'), 'utf8')
  assert.strictEqual(compile(t, { 'opencv.d.ts': made.text, 'usage.ts': usage }), '')
})

test('embind: hierarchy, nullable and smart pointers, values, enums, vectors, overloads', async (t) => {
  const { text } = await typesOf(path.join(__dirname, '..', 'fixtures', 'embind.js'))
  const usage = fs.readFileSync(path.join(__dirname, '..', 'types-of', 'embind-usage.ts'), 'utf8')
  assert.strictEqual(compile(t, { 'embind.d.ts': text, 'usage.ts': usage }), '')
})

test('other versions of opencv.js: what is declared stands on its own, a class may have its own clone()', async (t) => {
  const files = {}
  for (const name of ['opencv-4.5.2', 'opencv-5.0']) files[`${name.replace(/[.-]/g, '_')}.d.ts`] = (await typesOf(require.resolve(name))).text
  assert.strictEqual(compile(t, { ...files, 'usage.ts': `import cv from './opencv_4_5_2'
     const rows: number = new cv.Mat().clone().rows
     void rows` }), '')
})

test('node-unrar-js: wide strings, value objects, a class', async (t) => {
  const { text } = await typesOf(require.resolve('node-unrar-js/dist/js/unrar.js'))
  assert.match(text, /open \(a: string, b: string, c: boolean\): ArcHeader/)
  assert.strictEqual(compile(t, {
    'unrar.d.ts': text,
    'usage.ts': `import unrar from './unrar'
      const archive = new unrar.RarArchive()
      const size: number = archive.getFileHeader().packSize
      const code: number = archive.readFile(true).errCode
      // @ts-expect-error
      archive.open(1, 2, 3)
      void [size, code]`
  }), '')
})

test('an ES module of embind functions: @jsquash/jpeg', async (t) => {
  const { text } = await typesOf(path.join(ROOT, 'node_modules/@jsquash/jpeg/codec/dec/mozjpeg_dec.js'), { name: 'Decoder' })
  assert.match(text, /export interface Decoder \{/)
  assert.match(text, /decode: \(a: Bytes, b: boolean\) => any/)
  assert.strictEqual(compile(t, { 'decoder.d.ts': text, 'usage.ts': "import type { Decoder } from './decoder'\nexport const decode = (d: Decoder) => d.decode(new Uint8Array(3), true)" }), '')
})

test('a C module: exports by their wasm signatures', async (t) => {
  assert.strictEqual(functionType('(ii)→i'), '(a: number, b: number) => number')
  assert.strictEqual(functionType('(ijd)→v'), '(a: number, b: bigint | number, c: number) => void')
  assert.strictEqual(functionType('()→j'), '() => bigint')
  const { text } = await typesOf(path.join(__dirname, '..', 'fixtures', 'capi-O2.js'))
  assert.match(text, /_malloc: \(a: number\) => number/)
  assert.strictEqual(compile(t, { 'capi.d.ts': text, 'usage.ts': "import capi from './capi'\nconst p: number = capi._malloc(3)\ncapi._free(p)\nconst h: Uint8Array = capi.HEAPU8\nvoid h" }), '')
  await assert.rejects(typesOf(MACHINE), { code: 'EMVM_ERR_MISSING_IMPORT' })
})
