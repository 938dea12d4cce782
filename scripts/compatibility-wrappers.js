'use strict'

// Opens packages by the file that their users load, each with the options that it takes, and says whether they give what plain
// Node gives, twice with a recycle between, and whether they ran in emvm at all:
//   node scripts/compatibility-wrappers.js NODE_MODULES [--only a,b] [--out RESULTS.json]
// `scripts/compatibility.js` makes the second table of docs/compatibility.md of the results.

const fs = require('node:fs')
const path = require('node:path')
const { spawn } = require('node:child_process')
const { pathToFileURL } = require('node:url')

const glue = { host: 'glue' }
const PDF = '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/MediaBox[0 0 99 99]/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R>>'
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="red"/></svg>'
const NETLIST = 'RC\nr1 1 2 1k\nc1 2 0 1u\nv1 1 0 dc 5\n.tran 1u 10u\n.end'

// By package: the file, the options, and a job that gives plain data. `refused`: the code with which it must be refused;
// `native`: nothing of it is WebAssembly in this job, which the row says;
// `noFetch`: its glue takes Node's `fetch` for a browser's.
const CASES = {
  'libsodium-wrappers': { file: 'libsodium-wrappers/dist/modules/libsodium-wrappers.js', options: glue, job: async (m) => { await m.ready; return m.to_hex(m.crypto_generichash(16, 'text')) } },
  'quickjs-emscripten': { file: 'quickjs-emscripten/dist/index.js', options: glue, job: async (m) => (await m.getQuickJS()).evalCode('[1, 2].map((n) => n * 2).join()') },
  '@react-pdf/renderer': {
    file: '@react-pdf/renderer/lib/react-pdf.js', options: { packages: ['yoga-layout'] },
    job: async ({ Document, Page, Text, renderToBuffer }, at) => {
      const { createElement } = require(at('react'))
      const pdf = await renderToBuffer(createElement(Document, null, createElement(Page, { size: 'A6' }, createElement(Text, null, 'hello'))))
      return pdf.length
    }
  },
  satori: { file: 'satori/dist/index.js', options: glue, job: ({ default: satori }) => satori({ type: 'div', props: { style: { width: 10, height: 10, background: 'red' } } }, { width: 20, height: 20, fonts: [] }) },
  shiki: { file: 'shiki/dist/index.mjs', options: glue, job: (m) => m.codeToHtml('const a = 1', { lang: 'javascript', theme: 'nord' }) },
  'pdfjs-dist': { file: 'pdfjs-dist/legacy/build/pdf.mjs', options: glue, native: true, job: async (m) => (await m.getDocument({ data: new Uint8Array(Buffer.from(PDF)), verbosity: 0 }).promise).numPages },
  'eecircuit-engine': { file: 'eecircuit-engine/dist/eecircuit-engine.mjs', options: glue, job: async ({ Simulation }) => { const circuit = new Simulation(); await circuit.start(); circuit.setNetList(NETLIST); const { variableNames, numVariables, data } = await circuit.runSim(); return [variableNames, numVariables, data.map(({ values }) => values[0])] } },
  pyodide: { file: 'pyodide/pyodide.js', options: glue, job: async ({ loadPyodide }, at) => (await loadPyodide({ indexURL: `${at('pyodide')}/` })).runPython('sum(range(100))') },
  'gdal3.js': { file: 'gdal3.js/node.js', options: glue, job: async (init, at) => Object.keys((await init({ path: path.relative(process.cwd(), at('gdal3.js/dist/package')), useWorker: false })).drivers.raster).sort() },
  '@viz-js/viz': { file: '@viz-js/viz/dist/viz.js', options: {}, job: async (m) => (await m.instance()).renderString('digraph { a -> b }', { format: 'svg' }) },
  watlas: { file: 'watlas/dist/watlas.js', options: glue, job: (m) => Object.keys(m).filter((key) => /^[A-Z]/.test(key)).sort(), plain: async (m) => m.default ? m.default() : m },
  binaryen: { file: 'binaryen/index.js', options: {}, job: (m) => (m.default ?? m).parseText('(module (func (export "f") (result i32) (i32.const 42)))').emitText() },
  'heic-decode': { file: 'heic-decode/index.js', options: { packages: ['libheif-js'] }, job: (decode) => decode({ buffer: Buffer.from('no picture') }).catch((error) => error.message) },
  'libheif-js': { file: 'libheif-js/wasm-bundle.js', options: glue, job: (m) => { const decoder = new m.HeifDecoder(); return decoder.decode(Buffer.from('no picture')).length } },
  'wasm-lz4': { file: 'wasm-lz4/index.js', options: glue, noFetch: true, job: async (m) => { await m.isLoaded; return Buffer.from(m(Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 5, 0, 0, 0x80, 104, 101, 108, 108, 111, 0, 0, 0, 0]), 5)).toString() } },
  'zstd-codec': { file: 'zstd-codec/lib/zstd-codec.js', options: glue, job: async (m) => { const z = await new Promise((resolve) => m.run(resolve)); const simple = new z.Simple(); return Buffer.from(simple.decompress(simple.compress(Buffer.from('hello')))).toString() } },
  'web-ifc': { file: 'web-ifc/web-ifc-api-node.js', options: glue, job: async ({ IfcAPI }) => { const api = new IfcAPI(); await api.Init(); return [api.CreateModel({ schema: 'IFC4' }), api.GetVersion()] } },
  solc: { file: 'solc/index.js', options: glue, job: (m) => JSON.parse(m.compile(JSON.stringify({ language: 'Solidity', sources: { a: { content: 'contract A { function f() public pure returns (uint) { return 42; } }' } }, settings: { outputSelection: { '*': { '*': ['evm.bytecode.object'] } } } }))).contracts.a.A.evm.bytecode.object.length },
  '@imagemagick/magick-wasm': { file: '@imagemagick/magick-wasm/dist/index.js', options: glue, job: async (m, at) => { await m.initializeImageMagick(fs.readFileSync(at('@imagemagick/magick-wasm/dist/x86/magick.wasm'))); return m.Magick.imageMagickVersion } },
  mupdf: { file: 'mupdf/dist/mupdf.js', options: glue, job: ({ PDFDocument }) => new PDFDocument().countPages() },
  'hash-wasm': { file: 'hash-wasm/dist/index.umd.js', options: glue, job: (m) => Promise.all([m.md5('text'), m.blake3('text'), m.crc32('text')]) },
  tiktoken: { file: 'tiktoken/tiktoken.cjs', options: {}, job: (m) => [...m.get_encoding('cl100k_base').encode('hello world')] },
  '@swc/wasm': { file: '@swc/wasm/wasm.js', options: {}, job: (m) => m.transformSync('const a: number = 1', { jsc: { parser: { syntax: 'typescript' } } }).code },
  '@resvg/resvg-wasm': { file: '@resvg/resvg-wasm/index.js', options: {}, job: async (m, at) => { if (!m.ready) await m.initWasm(fs.readFileSync(at('@resvg/resvg-wasm/index_bg.wasm'))).catch(() => {}); return Buffer.from(new m.Resvg(SVG).render().asPng()).toString('base64') } },
  '@automerge/automerge': { file: '@automerge/automerge/dist/cjs/fullfat_node.cjs', options: {}, job: (m) => m.load(m.save(m.from({ a: [1, 2] }))) },
  'onnxruntime-web': { file: 'onnxruntime-web/dist/ort-wasm-simd-threaded.mjs', options: {}, refused: 'EMVM_ERR_UNSUPPORTED' },
  '@img/sharp-wasm32': { file: '@img/sharp-wasm32/lib/sharp-wasm32-0.35.5.node.js', options: {}, refused: 'EMVM_ERR_UNSUPPORTED' }
}

const modules = process.argv[2] && path.resolve(process.argv[2])
const option = (name) => process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : undefined
const at = (spec) => path.join(modules, spec)
const settled = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function loaded (file) {
  try {
    return require(file)
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM' && error.code !== 'ERR_REQUIRE_ASYNC_MODULE' && !/import|export|await/.test(error.message)) throw error
    return import(pathToFileURL(file).href)
  }
}

// One case, in a process of its own: under plain Node or in emvm.
async function one (name, inside) {
  const { file, options, job, refused, plain, noFetch } = CASES[name]
  for (const method of ['log', 'warn', 'info', 'error']) console[method] = () => {}
  const answer = (result) => { fs.writeSync(1, `\n${JSON.stringify({ name, ...result })}\n`); process.exit() }
  process.on('unhandledRejection', (error) => answer({ error: String((error && error.stack) || error) }))
  try {
    if (!inside) {
      if (noFetch) globalThis.fetch = undefined
      const module = await loaded(at(file))
      return answer({ value: await job(plain ? await plain(module) : module, at) })
    }
    const { open } = require('..')
    const started = performance.now()
    const vm = await open(at(file), options)
    const values = [await job(vm.exports, at)]
    await settled(100)
    const before = performance.now()
    await vm.isReady()
    const recycleMs = performance.now() - before
    values.push(await job(vm.exports, at))
    answer({ values, host: vm.host, calls: vm.stats().calls, recycleMs, openMs: before - started })
  } catch (error) {
    answer({ error: String((error && error.stack) || error), code: error && error.code, ...(refused && { refused: error.code === refused }) })
  }
}

function inProcess (name, mode) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [__filename, modules, '--one', name, '--mode', mode], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => { out += chunk })
    child.stderr.on('data', (chunk) => { err += chunk })
    const late = setTimeout(() => child.kill('SIGKILL'), 600_000)
    child.on('close', (code, signal) => {
      clearTimeout(late)
      const line = out.split('\n').filter((text) => text.startsWith('{"name"')).at(-1)
      resolve(line ? JSON.parse(line) : { name, error: `no result: exit ${code} ${signal ?? ''} ${err.slice(-300)}` })
    })
  })
}

function versionOf (name) {
  try {
    return JSON.parse(fs.readFileSync(at(`${name}/package.json`), 'utf8')).version
  } catch {
    return undefined
  }
}

async function all () {
  const only = option('only')?.split(',')
  const results = {}
  for (const [name, { file, options, refused, native }] of Object.entries(CASES)) {
    if ((only && !only.includes(name)) || versionOf(name) === undefined) continue
    const got = await inProcess(name, 'inside')
    const plain = refused ? {} : await inProcess(name, 'plain')
    const expected = JSON.stringify(plain.value)
    const equal = expected !== undefined && got.values?.every((value) => JSON.stringify(value) === expected)
    const ran = native || got.calls > 0
    const why = refused ? (got.refused ? `refused by name: ${refused}` : 'not refused') : got.error ? got.error.split('\n')[0] : plain.error ? `plain Node: ${plain.error.split('\n')[0]}` : !equal ? 'another result' : ran ? 'equal' : 'nothing ran in emvm'
    results[name] = { version: versionOf(name), file, options, native, ok: refused ? got.refused === true : Boolean(equal && ran), why, host: got.host, calls: got.calls, recycleMs: got.recycleMs }
    console.log(results[name].ok ? 'ok  ' : 'FAIL', name, got.host ?? '', got.calls ?? '', why)
  }
  if (option('out')) fs.writeFileSync(option('out'), JSON.stringify(results, null, 1))
  console.log(`${Object.values(results).filter(({ ok }) => ok).length} of ${Object.keys(results).length} as they should be`)
}

if (!modules) {
  console.error('usage: node scripts/compatibility-wrappers.js NODE_MODULES [--only a,b] [--out RESULTS.json]')
  process.exitCode = 2
} else if (option('one')) {
  one(option('one'), option('mode') === 'inside')
} else {
  all()
}
