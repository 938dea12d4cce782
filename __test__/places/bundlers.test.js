'use strict'

// Programs that a bundler has made one file of, and those whose files were traced, run in a folder that has nothing else.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { pathToFileURL } = require('node:url')
const { scratch } = require('../support/files')
const { PLATFORM, ROOT, install, missing, tool } = require('../support/installed')

const FIXTURES = path.join(__dirname, '..', 'fixtures')

const OPENED = ['capi-O2.js', 'capi-O2.wasm', 'pthreads-new.js', 'pthreads-new.wasm']

// Opens a module on both hosts, and says what came of it, of a module with threads, and of a pool.
const WORK = `
  const found = []
  for (const host of ['native', 'glue']) {
    const vm = await open(source, { host, cache: false })
    await vm.isReady()
    found.push([vm.host, vm.generation, typeof vm.exports._malloc])
    vm.dispose()
  }
  try {
    const vm = await open(source.replace('capi-O2', 'pthreads-new'), { cache: false, threads: 8 })
    found.push(vm.exports._sum(3, 1000))
    vm.dispose()
  } catch (error) {
    found.push(error.code + ' ' + error.message)
  }
  try {
    const pool = new Pool(source, { maxThreads: 1, open: { cache: false } })
    found.push(await pool.run((module) => typeof module._malloc))
    await pool.destroy()
  } catch (error) {
    found.push(error.code + ' ' + error.message)
  }
  console.log(JSON.stringify(found))`

const COMMONJS = `const { open, Pool } = require('emvm')
const source = require('path').join(__dirname, 'capi-O2.js')
async function main () {${WORK}
}
main()
`
const ESM = `import { open } from 'emvm'
import emvm from 'emvm'
import { fileURLToPath } from 'node:url'
const { Pool } = emvm
const source = fileURLToPath(new URL('capi-O2.js', import.meta.url))
async function main () {${WORK}
}
main()
`
const RIGHT = [['native', 2, 'function'], ['glue', 2, 'function'], 1501500, 'function']

// A folder with the program, emvm beside it, and the module that it opens.
function program (t, { binary = true } = {}) {
  const { folder, write } = scratch(t)
  install(folder, { binary })
  for (const file of OPENED) fs.copyFileSync(path.join(FIXTURES, file), path.join(folder, file))
  return { folder, write, cjs: write('main.cjs', COMMONJS), esm: write('main.mjs', ESM) }
}

function run (command, args, options = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 120_000, ...options })
  assert.strictEqual(status, 0, `${stderr}\n${stdout}`)
  return stdout
}

const result = (file) => JSON.parse(run(process.execPath, [file]))

// Moves what was built to a folder without `node_modules`, with the module beside it.
function alone (t, files) {
  const { folder } = scratch(t)
  for (const [name, from] of Object.entries(files)) fs.cpSync(from, path.join(folder, name), { recursive: true })
  for (const file of OPENED) fs.copyFileSync(path.join(FIXTURES, file), path.join(folder, file))
  return folder
}

const BUNDLED = /^EMVM_ERR_UNSUPPORTED .*(Pool|A module with threads) starts threads from .* emvm was bundled\..*external: \['emvm'\]/s

// Both hosts run; what starts threads says what to do.
function bundled ([native, glue, ...threads]) {
  assert.deepStrictEqual([native, glue], RIGHT.slice(0, 2))
  for (const given of threads) assert.match(given, BUNDLED)
}

const configurations = Object.fromEntries([...fs.readFileSync(path.join(ROOT, 'docs', 'places.md'), 'utf8')
  .matchAll(/```js\n\/\/ (\S+\.mjs)\n([^]*?)```/g)].map(([, name, text]) => [name, text]))
const load = async (write, name) => (await import(pathToFileURL(write(name, configurations[name])))).default

function webpack (options) {
  return new Promise((resolve, reject) => require(tool('webpack'))(options, (error, stats) => {
    if (error) reject(error)
    else if (stats.hasErrors()) reject(new Error(stats.toString()))
    else resolve()
  }))
}

async function rollup ({ output, ...input }) {
  const plugins = [require(tool('@rollup/plugin-node-resolve')).nodeResolve(), require(tool('@rollup/plugin-commonjs'))()]
  const built = await require(tool('rollup')).rollup({ plugins, logLevel: 'silent', ...input })
  await built.write(output)
  await built.close()
}

const ROLLUP = ['rollup', '@rollup/plugin-commonjs', '@rollup/plugin-node-resolve']

test('esbuild, ESM, as docs/places.md configures it', { skip: missing('esbuild') }, (t) => {
  const { folder, write } = program(t)
  fs.symlinkSync(tool('esbuild'), path.join(folder, 'node_modules', 'esbuild'), 'junction')
  run(process.execPath, [write('build.mjs', configurations['build.mjs'])], { cwd: folder })
  assert.deepStrictEqual(result(path.join(folder, 'bundle.mjs')), RIGHT)
})

test('webpack, ESM, as docs/places.md configures it', { skip: missing('webpack') }, async (t) => {
  const { folder, write } = program(t)
  await webpack({ ...await load(write, 'webpack.config.mjs'), context: folder })
  assert.deepStrictEqual(result(path.join(folder, 'bundle.mjs')), RIGHT)
})

test('Rollup, ESM, as docs/places.md configures it', { skip: missing(...ROLLUP) }, async (t) => {
  const { folder, write } = program(t)
  const { input, output, ...rest } = await load(write, 'rollup.config.mjs')
  await rollup({ ...rest, input: path.join(folder, input), output: { ...output, file: path.join(folder, output.file) } })
  assert.deepStrictEqual(result(path.join(folder, 'bundle.mjs')), RIGHT)
})

test('esbuild, CommonJS', { skip: missing('esbuild') }, (t) => {
  const { folder, cjs } = program(t)
  const outfile = path.join(folder, 'bundle.cjs')
  require(tool('esbuild')).buildSync({ entryPoints: [cjs], outfile, bundle: true, platform: 'node', external: ['emvm'] })
  assert.deepStrictEqual(result(outfile), RIGHT)
})

test('webpack, CommonJS', { skip: missing('webpack') }, async (t) => {
  const { folder, cjs } = program(t)
  await webpack({ mode: 'none', target: 'node', entry: cjs, output: { path: folder, filename: 'bundle.cjs' }, externals: { emvm: 'commonjs emvm' }, node: { __dirname: false } })
  assert.deepStrictEqual(result(path.join(folder, 'bundle.cjs')), RIGHT)
})

test('Rollup, CommonJS', { skip: missing(...ROLLUP) }, async (t) => {
  const { folder, esm } = program(t)
  const file = path.join(folder, 'bundle.cjs')
  await rollup({ input: esm, external: [/^node:/, 'emvm'], output: { file, format: 'cjs' } })
  assert.deepStrictEqual(result(file), RIGHT)
})

test('esbuild, everything in the bundle: both hosts run, Pool says what to do', { skip: missing('esbuild') }, (t) => {
  const { folder, cjs } = program(t)
  const outdir = path.join(folder, 'out')
  require(tool('esbuild')).buildSync({ entryPoints: [cjs], outdir, bundle: true, platform: 'node', loader: { '.node': 'copy' }, outExtension: { '.js': '.cjs' }, logLevel: 'silent' })
  bundled(result(path.join(alone(t, { '': outdir }), 'main.cjs')))
})

test('@vercel/ncc: the binary is found and copied', { skip: missing('@vercel/ncc') }, async (t) => {
  const { folder, cjs } = program(t)
  const { code, assets } = await require(tool('@vercel/ncc'))(cjs, { cache: false, quiet: true })
  const out = path.join(folder, 'out')
  fs.mkdirSync(out)
  fs.writeFileSync(path.join(out, 'index.js'), code)
  for (const [name, { source }] of Object.entries(assets)) {
    fs.mkdirSync(path.dirname(path.join(out, name)), { recursive: true })
    fs.writeFileSync(path.join(out, name), source)
  }
  bundled(result(path.join(alone(t, { '': out }), 'index.js')))
})

test('@vercel/nft, as Next.js traces: the files that it finds are enough, Pool included', { skip: missing('@vercel/nft') }, async (t) => {
  const { folder } = program(t)
  const { nodeFileTrace } = require(tool('@vercel/nft'))
  for (const main of ['main.cjs', 'main.mjs']) {
    const { fileList } = await nodeFileTrace([path.join(folder, main)], { base: folder })
    const files = [...fileList]
    assert.ok(files.includes(`node_modules/emvm-${PLATFORM}/emvm.${PLATFORM}.node`), files.join())
    const out = alone(t, Object.fromEntries(files.map((file) => [file, path.join(folder, file)])))
    assert.deepStrictEqual(result(path.join(out, main)), RIGHT)
  }
})

test('bun build --compile: one file that has the binary inside', { skip: missing('@oven/bun-linux-x64/bin/bun') }, (t) => {
  const { folder, cjs } = program(t)
  const bun = tool('@oven/bun-linux-x64/bin/bun')
  const outfile = path.join(folder, 'program')
  // The program is given the module's place: its own folder is inside of the file.
  fs.writeFileSync(cjs, COMMONJS.replace("require('path').join(__dirname, 'capi-O2.js')", 'process.argv[2]'))
  run(bun, ['build', '--compile', cjs, '--outfile', outfile], { cwd: folder })
  const out = alone(t, { program: outfile })
  fs.rmSync(folder, { recursive: true })
  bundled(JSON.parse(run(path.join(out, 'program'), [path.join(out, 'capi-O2.js')])))
})
