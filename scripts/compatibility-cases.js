'use strict'

// Packages, opened by the file that their users load or by the file of their glue. By name, or by package and what of it is
// opened: the file, the options, and `job(module, at, n)`, which gives plain data; other numbers do other work. `start`: what is
// done once, in `warmUp`; `plain`: how plain Node gets the module of what the file exports.
// `refused`: the code with which it must be refused; `native`: nothing of it is WebAssembly in this job, which the row says;
// `preload`: it starts workers of its own, so it is loaded under `--require emvm/preload` and its job gives `{ inside, values }`;
// `noFetch`: its glue takes Node's `fetch` for a browser's; `kept`: why it cannot be rewound.

const fs = require('node:fs')
const path = require('node:path')
const { text, pixels, tar } = require('./lib/case-data')
const { GLUE_CASES } = require('./lib/glue-cases')
const { REGISTRY_CASES } = require('./lib/registry-cases')

const glue = { host: 'glue' }
const PDF = '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/MediaBox[0 0 99 99]/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R>>'
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="red"/></svg>'
const FONT = path.join('dejavu-fonts-ttf', 'ttf', 'DejaVuSansMono-Oblique.ttf')
const JPEG = '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA='
const WAVE = Buffer.from('UklGRiwAAABXQVZFZm10IBAAAAABAAEARKwAAESsAAABAAgAZGF0YQgAAAABAgMEBQYHCA==', 'base64')
const NETLIST = 'RC\nr1 1 2 1k\nc1 2 0 1u\nv1 1 0 dc 5\n.tran 1u 10u\n.end'

async function waSqlite (m, at, n) {
  const { Factory } = await import(at('wa-sqlite/src/sqlite-api.js'))
  const sqlite = Factory(m)
  const db = await sqlite.open_v2(`d${n}`)
  const rows = []
  await sqlite.exec(db, `create table t (a); insert into t values (${n}), (2); select sum(a) from t; drop table t`, (row) => rows.push(row))
  await sqlite.close(db)
  return rows
}

async function duckdb (m, at, n) {
  const dist = at('@duckdb/duckdb-wasm/dist')
  const bundles = { mvp: { mainModule: `${dist}/duckdb-mvp.wasm`, mainWorker: '' } }
  const db = await m.createDuckDB(bundles, new m.VoidLogger(), m.NODE_RUNTIME)
  await db.instantiate(() => {})
  const connection = db.connect()
  const rows = connection.query(`select sum(i * ${n})::int as s, count(*)::int as k, md5('${n}') as h from range(1000) t(i)`).toArray().map((row) => row.toJSON())
  connection.close()
  return rows
}

// A database over a file system whose functions are all asynchronous.
async function suspendedSqlite (m, at, n) {
  const { Factory } = await import(at('@journeyapps/wa-sqlite/src/sqlite-api.js'))
  const { MemoryAsyncVFS } = await import(at('@journeyapps/wa-sqlite/src/examples/MemoryAsyncVFS.js'))
  const sqlite = Factory(m)
  sqlite.vfs_register(await MemoryAsyncVFS.create(`async${n}`, m), true)
  const db = await sqlite.open_v2('test')
  const rows = []
  await sqlite.exec(db, `create table t (a); insert into t values (${n}), (2); select sum(a) from t`, (row) => rows.push(row))
  await sqlite.close(db)
  return rows
}

// It starts a worker, which says whether its `WebAssembly` is emvm's.
async function statistics ({ WebR }, at, n) {
  const r = new WebR({ baseUrl: `${at('webr/dist')}/`, interactive: false })
  await r.init()
  const inside = await r.evalRNumber('webr::eval_js("typeof WebAssembly.Memory.prototype.dispose === \'function\' ? 1 : 0")')
  const values = [await r.evalRNumber(`sum(1:${n + 9})`), await r.evalRNumber('round(coef(lm(dist ~ speed, cars))[[2]], 6)'), await r.evalRString('R.version.string')]
  r.close()
  return { inside: inside === 1, values }
}

// A model that squares four numbers, on two threads.
async function inference (ort) {
  ort.env.wasm.numThreads = 2
  const session = await ort.InferenceSession.create(Buffer.from('CAhCBAoAEA06NQoOCgF4CgF4EgF5IgNNdWwSAWdaDwoBeBIKCggIARIECgIIBGIPCgF5EgoKCAgBEgQKAggE', 'base64'))
  const { y } = await session.run({ x: new ort.Tensor('float32', [1, 2, 3, 4], [4]) })
  return [...y.data]
}

// A move of an engine that is asked in lines: what it has found at a depth, on one thread.
async function chess (listen, send) {
  const lines = []
  listen((text) => lines.push(...`${text}`.split('\n')))
  const said = async (word) => {
    while (!lines.some((line) => line.startsWith(word))) await new Promise((resolve) => setTimeout(resolve, 5))
    return lines.find((line) => line.startsWith(word))
  }
  send('uci')
  await said('uciok')
  send('position startpos moves e2e4 e7e5')
  send('go depth 7')
  const best = await said('bestmove')
  return [best, lines.filter((line) => /^info depth 7 .*score/.test(line)).map((line) => line.replace(/ (nps|time|hashfull|tbhits) \d+/g, ''))]
}

// One frame of zstd whose bytes are not compressed: at most 255.
function zstd (bytes) {
  const block = 1 | bytes.length << 3
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, bytes.length, block & 255, block >> 8 & 255, block >> 16]), bytes])
}

// A picture of 16 by 8, whose strip is such a frame.
function geotiff (n) {
  const strip = zstd(text(n, 128))
  const tags = [[256, 16], [257, 8], [258, 8], [259, 50000], [262, 1], [273, 200], [277, 1], [278, 8], [279, strip.length]]
  const bytes = Buffer.alloc(200 + strip.length)
  bytes.write('II*\0', 0, 'latin1')
  bytes.writeUInt32LE(8, 4)
  bytes.writeUInt16LE(tags.length, 8)
  tags.forEach(([tag, value], i) => {
    bytes.writeUInt16LE(tag, 10 + i * 12)
    bytes.writeUInt16LE(4, 12 + i * 12)
    bytes.writeUInt32LE(1, 14 + i * 12)
    bytes.writeUInt32LE(value, 18 + i * 12)
  })
  strip.copy(bytes, 200)
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
}

// A request to a server of this process.
async function request ({ Agent, request }, at, n) {
  const server = require('node:http').createServer((asked, answer) => answer.writeHead(201, { 'x-n': n }).end(`${asked.method} ${asked.url}`))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dispatcher = new Agent()
  try {
    const { statusCode, headers, body } = await request(`http://127.0.0.1:${server.address().port}/a${n}`, { dispatcher })
    return [statusCode, headers['x-n'], await body.text()]
  } finally {
    await dispatcher.close()
    server.close()
  }
}

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
  'onnxruntime-web': { file: 'onnxruntime-web/dist/ort.node.min.js', options: { packages: ['onnxruntime-common'] }, job: inference },
  '@img/sharp-wasm32': {
    file: 'sharp/dist/index.cjs',
    options: { host: 'glue', factory: false, threads: 16, packages: ['@img/sharp-wasm32', '@emnapi/runtime'], wasm: '@img/sharp-wasm32/lib/sharp-wasm32-0.35.5.node.wasm' },
    job: async (m) => (await (m.default ?? m)(Buffer.alloc(200 * 120 * 3, 77), { raw: { width: 200, height: 120, channels: 3 } }).resize(77).blur(1.5).png().toBuffer()).toString('base64')
  },
  'wasm-vips': {
    file: 'wasm-vips/lib/vips-node.mjs', options: { threads: 16 }, plain: (m) => m.default(),
    job: (vips) => Buffer.from(vips.Image.black(300, 200).linear([1], [40]).bandjoin([90, 200]).copy({ interpretation: 'srgb' }).resize(0.37).gaussblur(1.2).writeToBuffer('.png')).toString('base64')
  },
  'z3-solver': {
    file: 'z3-solver/build/node.js', options: { host: 'glue', threads: 16 },
    job: async ({ init }) => {
      const { Context } = await init()
      const { Solver, Int, And } = new Context('main')
      const [x, y] = [Int.const('x'), Int.const('y')]
      const solver = new Solver()
      solver.add(And(x.add(2).le(y.sub(10)), x.gt(5), y.lt(30)))
      return [await solver.check(), `${solver.model().get(x)}`, `${solver.model().get(y)}`]
    }
  },
  'stockfish.wasm': { file: 'stockfish.wasm/stockfish.js', options: { threads: 16, print () {}, printErr () {} }, noFetch: true, plain: (m) => m({ print () {}, printErr () {} }), job: (m) => chess((hear) => m.addMessageListener(hear), (line) => m.postMessage(line)) },
  'fairy-stockfish-nnue.wasm': { file: 'fairy-stockfish-nnue.wasm/stockfish.js', options: { threads: 40, print () {}, printErr () {} }, noFetch: true, plain: (m) => m({ print () {}, printErr () {} }), job: (m) => chess((hear) => m.addMessageListener(hear), (line) => m.postMessage(line)) },
  '@lichess-org/stockfish-web': { file: '@lichess-org/stockfish-web/fsf_14.js', options: { threads: 40, print () {}, printErr () {} }, plain: (m) => m.default({ print () {}, printErr () {} }), job: (m) => chess((hear) => { m.listen = hear }, (line) => m.uci(line)) },
  // A stream of literals, and its end.
  'lzo-wasm': {
    file: 'lzo-wasm/lzo-wasm.js', options: {}, noFetch: true, plain: (m, at) => m.default({ wasmBinary: fs.readFileSync(at('lzo-wasm/lzo-wasm.wasm')) }),
    job: (m) => {
      const literals = text(1, 20)
      const packed = Buffer.concat([Buffer.from([17 + literals.length]), literals, Buffer.from([0x11, 0, 0])])
      const from = m._malloc(packed.length)
      m.HEAPU8.set(packed, from)
      const to = m.cwrap('decompress', 'number', ['number', 'number', 'number'])(from, packed.length, literals.length)
      return Buffer.from(m.HEAPU8.slice(to, to + literals.length)).toString()
    }
  },
  // What Node servers use: pictures, compression, cryptography, databases, geometry, sound, languages.
  '@jsquash/avif': { file: '@jsquash/avif/encode.js', options: glue, start: (m, at) => m.init(new WebAssembly.Module(fs.readFileSync(at('@jsquash/avif/codec/enc/avif_enc.wasm')))), job: async (m, at, n) => new Uint8Array(await m.default(pixels(n), { speed: 9 })) },
  '@jsquash/oxipng': { file: '@jsquash/oxipng/codec/pkg/squoosh_oxipng.js', options: glue, start: (m, at) => m.default(fs.readFileSync(at('@jsquash/oxipng/codec/pkg/squoosh_oxipng_bg.wasm'))), job: (m, at, n) => m.optimise_raw(pixels(n).data, 16, 16, 2, false, false) },
  '@jsquash/png': { file: '@jsquash/png/codec/pkg/squoosh_png.js', options: glue, start: (m, at) => m.default(fs.readFileSync(at('@jsquash/png/codec/pkg/squoosh_png_bg.wasm'))), job: (m, at, n) => { const encoded = m.encode(pixels(n).data, 16, 16, 8); const { width, data } = m.decode(encoded, 8); return [encoded, width, data] } },
  '@jsquash/resize': { file: '@jsquash/resize/lib/resize/pkg/squoosh_resize.js', options: glue, start: (m, at) => m.default(fs.readFileSync(at('@jsquash/resize/lib/resize/pkg/squoosh_resize_bg.wasm'))), job: (m, at, n) => m.resize(new Uint8Array(pixels(n).data.buffer), 16, 16, 8, 8, 3, true, true) },
  '@jsquash/qoi': { file: '@jsquash/qoi/codec/enc/qoi_enc.js', options: {}, plain: (m, at) => m.default({ wasmBinary: fs.readFileSync(at('@jsquash/qoi/codec/enc/qoi_enc.wasm')) }), job: (m, at, n) => new Uint8Array(m.encode(pixels(n).data, 16, 16)) },
  wawoff2: { file: 'wawoff2/compress.js', options: glue, job: (m, at) => m(fs.readFileSync(at(FONT))) },
  'woff2-encoder': { file: 'woff2-encoder/dist/index.js', options: glue, job: async (m, at) => { const packed = await m.compress(fs.readFileSync(at(FONT))); return [packed, await m.decompress(packed)] } },
  'subset-font': { file: 'subset-font/index.js', options: glue, job: (m, at, n) => m(fs.readFileSync(at(FONT)), `Hello${n}`, { targetFormat: 'sfnt' }) },
  'brotli-wasm': { file: 'brotli-wasm/index.node.js', options: {}, job: (m, at, n) => { const packed = m.compress(text(n), { quality: 5 }); return [packed, m.decompress(packed)] } },
  '@bokuweb/zstd-wasm': { file: '@bokuweb/zstd-wasm/dist/common/index.node.js', options: glue, start: (m) => m.init(), job: (m, at, n) => { const packed = m.compress(text(n), 5); return [packed, m.decompress(packed)] } },
  '@hpcc-js/wasm-zstd': { file: '@hpcc-js/wasm-zstd/dist/index.js', options: glue, job: async (m, at, n) => { const zstd = await m.Zstd.load(); const packed = zstd.compress(text(n), 3); return [packed, zstd.decompress(packed)] } },
  '@foxglove/wasm-bz2': { file: '@foxglove/wasm-bz2/dist/index.js', options: glue, job: async (m) => { const bz2 = await (m.default ?? m).init(); try { return bz2.decompress(Buffer.from('no archive'), 20, { small: false }) } catch (error) { return error.message } } },
  'xz-decompress': { file: 'xz-decompress/dist/package/xz-decompress.js', options: glue, job: async (m) => { try { return await new Response(new m.XzReadableStream(new Blob([text(1, 99)]).stream())).text() } catch (error) { return error.message } } },
  'libarchive-wasm': { file: 'libarchive-wasm/dist/index.js', options: glue, job: async (m, at, n) => { const reader = new m.ArchiveReader(await m.libarchiveWasm(), new Int8Array(tar(n))); const found = []; for (const entry of reader.entries()) found.push([entry.getPathname(), entry.getSize(), Buffer.from(entry.readData()).toString()]); reader.free(); return found } },
  'tiny-secp256k1': { file: 'tiny-secp256k1/lib/cjs/index.cjs', options: glue, job: (m, at, n) => { const [key, hash] = [Buffer.alloc(32, n), Buffer.alloc(32, 7)]; const point = m.pointFromScalar(key, true); const signature = m.sign(hash, key); return [point, signature, m.verify(hash, point, signature)] } },
  'wa-sqlite': { file: 'wa-sqlite/dist/wa-sqlite.mjs', options: {}, plain: (m, at) => m.default({ wasmBinary: fs.readFileSync(at('wa-sqlite/dist/wa-sqlite.wasm')) }), job: waSqlite },
  'wa-sqlite (asyncify)': { file: 'wa-sqlite/dist/wa-sqlite-async.mjs', options: {}, plain: (m, at) => m.default({ wasmBinary: fs.readFileSync(at('wa-sqlite/dist/wa-sqlite-async.wasm')) }), job: waSqlite },
  'sql-wasm': { file: 'sql-wasm/dist/cjs/sql-wasm.js', options: glue, job: async (m, at, n) => { const SQL = await (m.default ?? m)({ wasmUrl: at('sql-wasm/dist/sqlite3.wasm') }); const db = new SQL.Database(); db.run('create table t (a)'); db.run('insert into t values (?), (5)', [n]); return db.exec('select sum(a) from t') } },
  'libpg-query': { file: 'libpg-query/wasm/index.cjs', options: glue, job: async (m, at, n) => { await m.loadModule(); return m.parse(`select ${n}, a from t where b = 'x'`) } },
  'pgsql-parser': { file: 'pgsql-parser/index.js', options: glue, job: async (m, at, n) => m.deparse(await m.parse(`select ${n}, a from t where b = 'x'`)) },
  '@embedpdf/pdfium': { file: '@embedpdf/pdfium/dist/index.cjs', options: glue, job: async (m, at) => { const w = await m.init({ wasmBinary: fs.readFileSync(at('@embedpdf/pdfium/dist/pdfium.wasm')) }); w.PDFiumExt_Init(); const at0 = w.pdfium.wasmExports.malloc(PDF.length); w.pdfium.HEAPU8.set(Buffer.from(PDF), at0); return w.FPDF_GetPageCount(w.FPDF_LoadMemDocument(at0, PDF.length, '')) } },
  'manifold-3d': { file: 'manifold-3d/manifold.js', options: {}, plain: (m, at) => m.default({ wasmBinary: fs.readFileSync(at('manifold-3d/manifold.wasm')) }), job: (m, at, n) => { m.setup(); const result = m.Manifold.cube([n, 1, 1], true).subtract(m.Manifold.sphere(0.6, 16)); const { vertProperties, triVerts } = result.getMesh(); return [result.volume(), vertProperties, triVerts] } },
  meshoptimizer: { file: 'meshoptimizer/meshopt_encoder.js', options: glue, job: async ({ MeshoptEncoder }, at, n) => { await MeshoptEncoder.ready; return MeshoptEncoder.encodeVertexBuffer(Uint8Array.from({ length: 192 }, (_, i) => i * n), 16, 12) } },
  '@dimforge/rapier3d-compat': { file: '@dimforge/rapier3d-compat/dist/rapier.cjs', options: glue, start: (m) => m.init(), job: (m, at, n) => { const world = new m.World({ x: 0, y: -9.81, z: 0 }); world.createCollider(m.ColliderDesc.cuboid(10, 0.1, 10)); const body = world.createRigidBody(m.RigidBodyDesc.dynamic().setTranslation(0, n, 0)); world.createCollider(m.ColliderDesc.ball(0.5), body); for (let i = 0; i < 50; i++) world.step(); return [body.translation(), body.linvel()] } },
  '@cornerstonejs/codec-charls': { file: '@cornerstonejs/codec-charls/dist/charlswasm.js', options: {}, noFetch: true, plain: (m, at) => m({ wasmBinary: fs.readFileSync(at('@cornerstonejs/codec-charls/dist/charlswasm.wasm')) }), job: (m, at, n) => { const encoder = new m.JpegLSEncoder(); encoder.getDecodedBuffer({ width: 16, height: 16, bitsPerSample: 8, componentCount: 1, isSigned: false }).set(text(n, 256)); encoder.setNearLossless(0); encoder.encode(); const out = Uint8Array.from(encoder.getEncodedBuffer()); const decoder = new m.JpegLSDecoder(); decoder.getEncodedBuffer(out.length).set(out); decoder.decode(); return [out, Uint8Array.from(decoder.getDecodedBuffer()), decoder.getFrameInfo()] } },
  ammojs3: { file: 'ammojs3/dist/ammo.wasm.js', options: {}, noFetch: true, plain: (m, at) => m.call({}, { wasmBinary: fs.readFileSync(at('ammojs3/dist/ammo.wasm.wasm')) }), job: (m, at, n) => { const [v, w, t] = [new m.btVector3(n, 2, 3), new m.btVector3(4, 5, 6), new m.btTransform()]; t.setIdentity(); t.setOrigin(v); return [v.dot(w), t.getOrigin().x(), v.length()] } },
  highs: { file: 'highs/build/highs.js', options: {}, noFetch: true, plain: (m, at) => m({ wasmBinary: fs.readFileSync(at('highs/build/highs.wasm')) }), job: (m, at, n) => { const { Status, ObjectiveValue, Columns } = m.solve(`Maximize\n obj: x1 + ${n + 1} x2\nSubject To\n c1: x1 + x2 <= 4\n c2: x1 + 3 x2 <= 6\nBounds\n x1 >= 0\n x2 >= 0\nEnd`); return [Status, ObjectiveValue, Columns] } },
  'opus-decoder': { file: 'opus-decoder/index.js', options: glue, job: async (m, at, n) => { const decoder = new m.OpusDecoder(); await decoder.ready; const { samplesDecoded, sampleRate } = decoder.decodeFrame(new Uint8Array([0xf8 + (n & 1), 0xff, 0xfe])); decoder.free(); return [samplesDecoded, sampleRate] } },
  'mpg123-decoder': { file: 'mpg123-decoder/index.js', options: glue, job: async (m) => { const decoder = new m.MPEGDecoder(); await decoder.ready; const frames = new Uint8Array(1251); for (let at = 0; at < 1251; at += 417) frames.set([0xff, 0xfb, 0x90, 0x64], at); const { samplesDecoded, sampleRate } = decoder.decode(frames); decoder.free(); return [samplesDecoded, sampleRate] } },
  '@wasm-audio-decoders/flac': { file: '@wasm-audio-decoders/flac/index.js', options: glue, job: async (m, at, n) => { const decoder = new m.FLACDecoder(); await decoder.ready; const { samplesDecoded } = await decoder.decode(text(n, 100)); decoder.free(); return samplesDecoded } },
  'mediainfo.js': { file: 'mediainfo.js/dist/cjs/index.cjs', options: glue, job: async (m, at, n) => { const info = await (m.default ?? m.mediaInfoFactory ?? m)({ format: 'JSON', locateFile: () => at('mediainfo.js/dist/MediaInfoModule.wasm') }); const { media } = JSON.parse(await info.analyzeData(() => WAVE.length, (size, from) => WAVE.subarray(from, from + size))); info.close(); return media.track.map((track) => [track['@type'], track.Format, track.SamplingRate]) } },
  'exiv2-wasm': { file: 'exiv2-wasm/dist/exiv2.js', options: {}, noFetch: true, plain: (m, at) => m({ wasmBinary: fs.readFileSync(at('exiv2-wasm/dist/exiv2.wasm')) }), job: (m, at, n) => { const picture = m.writeString(new Uint8Array(Buffer.from(JPEG, 'base64')), 'Exif.Image.Artist', `me${n}`); return [picture.length, JSON.stringify(m.read(picture))] } },
  'cld3-asm': { file: 'cld3-asm/dist/cjs/index.js', options: glue, job: async (m, at, n) => { const finder = (await m.loadModule()).create(0, 500); const found = finder.findLanguage(n === 1 ? 'This is an English sentence' : 'Dies ist ein deutscher Satz'); finder.dispose(); return found } },
  'fasttext.wasm.js': { file: 'fasttext.wasm.js/dist/main/node.cjs', options: glue, job: async (m, at, n) => { const model = await m.getLIDModel(); await model.load(); const { alpha2, possibility } = await model.identify(n === 1 ? 'Hello, how are you' : 'Hallo, wie geht es'); return [alpha2, possibility] } },
  'swipl-wasm': { file: 'swipl-wasm/dist/swipl/swipl-bundle.js', options: { print () {}, printErr () {}, args: ['-q'] }, noFetch: true, plain: (m) => m({ arguments: ['-q'], print () {}, printErr () {} }), job: (m, at, n) => { m.prolog.query(`assertz(f(${n}))`).once(); return [m.prolog.query(`X is ${n} + 2`).once().X, String(m.prolog.query('findall(A, f(A), L)').once().L)] } },
  '@duckdb/duckdb-wasm': { file: '@duckdb/duckdb-wasm/dist/duckdb-node-blocking.cjs', options: glue, job: duckdb },
  '@journeyapps/wa-sqlite (JSPI)': { file: '@journeyapps/wa-sqlite/dist/wa-sqlite-jspi.mjs', options: {}, plain: (m, at) => m.default({ wasmBinary: fs.readFileSync(at('@journeyapps/wa-sqlite/dist/wa-sqlite-jspi.wasm')) }), job: suspendedSqlite },
  webr: { file: 'webr/dist/webr.cjs', options: {}, preload: true, job: statistics },
  'php-wasm': { file: 'php-wasm/PhpNode.mjs', options: glue, job: async (m, at, n) => { const php = new m.PhpNode(); let out = ''; php.addEventListener('output', ({ detail }) => { out += detail.join('') }); await php.run(`<?php $a = ${n}; echo array_sum([1, 2, $a]) . md5("x");`); return out } },
  // What many programs have without knowing: parsers, formatters, compilers, hashes, in wrappers and as base64 within scripts.
  'es-module-lexer': { file: 'es-module-lexer/dist/lexer.cjs', options: {}, job: async (m, at, n) => { await m.init; return m.parse(`import a from 'b${n}'; export const c = import('d')`) } },
  'cjs-module-lexer': { file: 'cjs-module-lexer/dist/lexer.js', options: {}, job: async (m, at, n) => { await m.init(); return m.parse(`exports.a${n} = 1; module.exports = require('b')`) } },
  undici: { file: 'undici/index.js', options: glue, job: request },
  'source-map': { file: 'source-map/source-map.js', options: glue, job: async (m, at, n) => { const maps = new m.SourceMapGenerator({ file: 'a.js' }); for (let line = 1; line < 50; line++) maps.addMapping({ generated: { line, column: n }, original: { line: line * n, column: 2 }, source: 'b.js', name: `n${line}` }); return m.SourceMapConsumer.with(maps.toJSON(), null, (consumer) => [7, 8].map((line) => consumer.originalPositionFor({ line, column: n }))) } },
  '@rollup/wasm-node': { file: '@rollup/wasm-node/dist/rollup.js', options: glue, job: async (m, at, n) => { const text = `const a = ${n}, unused = 3; export default () => a + 1`; const bundle = await m.rollup({ input: 'x', plugins: [{ resolveId: (id) => id, load: () => text }] }); const { output } = await bundle.generate({ format: 'cjs' }); await bundle.close(); return output[0].code } },
  'xxhash-wasm': { file: 'xxhash-wasm/cjs/xxhash-wasm.cjs', options: {}, job: async (m, at, n) => { const hash = await m(); return [hash.h32(`text${n}`), hash.h64ToString(`text${n}`), hash.create64().update(`${n}`).digest()] } },
  '@tootallnate/quickjs-emscripten': { file: '@tootallnate/quickjs-emscripten/dist/index.js', options: glue, job: async (m, at, n) => { const context = (await m.getQuickJS()).newContext(); const value = context.unwrapResult(context.evalCode(`[1, 2].map((a) => a * ${n}).join()`)); const text = context.getString(value); value.dispose(); context.dispose(); return text } },
  '@polkadot/util-crypto': { file: '@polkadot/util-crypto/cjs/index.js', options: glue, job: async (m, at, n) => { await m.cryptoWaitReady(); const { publicKey, secretKey } = m.sr25519PairFromSeed(new Uint8Array(32).fill(n)); const signature = m.sr25519Sign('text', { publicKey, secretKey }); return [publicKey, m.sr25519Verify('text', signature, publicKey), m.mnemonicValidate('seed sock milk update focus rotate barely fade car face mechanic mercy')] } },
  geotiff: { file: 'geotiff/dist-node/geotiff.js', options: { packages: ['zstddec'] }, job: async (m, at, n) => { const image = await (await m.fromArrayBuffer(geotiff(n))).getImage(); return [image.getWidth(), (await image.readRasters())[0]] } },
  numcodecs: { file: 'numcodecs/dist/index.js', options: glue, job: async (m, at, n) => Promise.all(['Blosc', 'Zstd', 'LZ4'].map(async (name) => { const codec = m[name].fromConfig({}); const packed = await codec.encode(new Uint8Array(text(n))); return [packed, await codec.decode(packed)] })) },
  zstddec: { file: 'zstddec/dist/zstddec.mjs', options: glue, job: async (m, at, n) => { const decoder = new m.ZSTDDecoder(); await decoder.init(); return decoder.decode(zstd(text(n, 200)), 200) } },
  openpgp: { file: 'openpgp/dist/node/openpgp.cjs', options: glue, job: async (m, at, n) => { const config = { s2kType: m.enums.s2k.argon2, s2kArgon2Params: { passes: 1, parallelism: 1, memoryExponent: 10 } }; const encrypted = await m.encrypt({ message: await m.createMessage({ text: `text${n}` }), passwords: ['secret'], config }); return (await m.decrypt({ message: await m.readMessage({ armoredMessage: encrypted }), passwords: ['secret'], config })).data } },
  '@sqlite.org/sqlite-wasm': { file: '@sqlite.org/sqlite-wasm/dist/node.mjs', options: glue, plain: (m) => m.default(), job: (sqlite3, at, n) => { const db = new sqlite3.oo1.DB(':memory:'); db.exec(`create table t (a); insert into t values (${n}), (5)`); const rows = db.exec('select sum(a), sqlite_version() from t', { returnValue: 'resultRows' }); db.close(); return rows } },
  '@astrojs/compiler': { file: '@astrojs/compiler/dist/node/index.cjs', options: glue, job: async (m, at, n) => (await m.transform(`---\nconst a = ${n}\n---\n<h1>{a}</h1><style>h1 { color: red }</style>`, { filename: 'a.astro', internalURL: 'astro' })).code },
  'lightningcss-wasm': { file: 'lightningcss-wasm/wasm-node.mjs', options: glue, job: (m, at, n) => Buffer.from(m.transform({ filename: 'a.css', code: Buffer.from(`.a { .b { color: rgb(${n} 0 0 / 50%) } }`), minify: true, targets: { chrome: 80 << 16 } }).code).toString() },
  'sh-syntax': { file: 'sh-syntax/lib/index.cjs', options: glue, job: (m, at, n) => m.print(`if true;then echo ${n};fi`) },
  'html-rewriter-wasm': { file: 'html-rewriter-wasm/dist/html_rewriter.js', options: {}, job: async (m, at, n) => { let out = ''; const rewriter = new m.HTMLRewriter((chunk) => { out += new TextDecoder().decode(chunk) }); rewriter.on('p', { async element (element) { await null; element.setInnerContent(`new${n}`) } }); await rewriter.write(Buffer.from('<p>old</p><b>x</b>')); await rewriter.end(); rewriter.free(); return out } },
  '@prisma/prisma-schema-wasm': { file: '@prisma/prisma-schema-wasm/src/prisma_schema_build.js', options: {}, job: (m, at, n) => [m.format(JSON.stringify([['a.prisma', `model A${n} {\nid Int @id\nname String?\n}`]]), JSON.stringify({ textDocument: { uri: 'file:/a.prisma' }, options: { tabSize: 2, insertSpaces: true } })), m.preview_features().length] },
  'loro-crdt': { file: 'loro-crdt/nodejs/index.js', options: {}, job: (m, at, n) => { const doc = new m.LoroDoc(); doc.setPeerId('7'); doc.getText('t').insert(0, `text${n}`); doc.getMap('m').set('a', n); const other = new m.LoroDoc(); other.import(doc.export({ mode: 'snapshot' })); return other.toJSON() } },
  'loro-crdt (base64)': { file: 'loro-crdt/base64/index.js', options: {}, job: (m, at, n) => { const doc = new m.LoroDoc(); doc.getList('l').push(n); return doc.toJSON() } },
  '@matrix-org/olm': { file: '@matrix-org/olm/olm.js', options: glue, noFetch: true, job: async (m, at, n) => { await m.init(); const account = new m.Account(); account.create(); const utility = new m.Utility(); const answer = [utility.sha256(`text${n}`), Object.keys(JSON.parse(account.identity_keys()))]; account.free(); utility.free(); return answer } },
  ffjavascript: { file: 'ffjavascript/build/main.cjs', options: glue, job: async (m, at, n) => { const curve = await m.getCurveFromName('bn128', { singleThread: true }); const point = curve.G1.timesScalar(curve.G1.g, n + 5); return [curve.G1.toObject(curve.G1.toAffine(point)).map(String), `${curve.Fr.toObject(curve.Fr.mul(curve.Fr.e(3), curve.Fr.e(n)))}`] } },
  phonemizer: { file: 'phonemizer/dist/phonemizer.cjs', options: glue, refused: 'EMVM_ERR_UNSUPPORTED', job: (m, at, n) => m.phonemize(`Hello world ${n}.`) },
  'heic-convert': { file: 'heic-convert/index.js', options: { packages: ['libheif-js'] }, job: (m) => m({ buffer: Buffer.from('no picture'), format: 'PNG' }).catch((error) => error.message) },
  '@babylonjs/havok': { file: '@babylonjs/havok/lib/umd/HavokPhysics_umd.js', options: {}, noFetch: true, plain: (m, at) => m({ wasmBinary: fs.readFileSync(at('@babylonjs/havok/lib/umd/HavokPhysics.wasm')) }), job: (m, at, n) => { const world = m.HP_World_Create()[1]; m.HP_World_SetGravity(world, [0, -9.81, 0]); const body = m.HP_Body_Create()[1]; m.HP_Body_SetShape(body, m.HP_Shape_CreateSphere([0, 0, 0], n)[1]); m.HP_Body_SetMassProperties(body, [[0, 0, 0], 1, [1, 1, 1], [0, 0, 0, 1]]); m.HP_Body_SetMotionType(body, m.MotionType.DYNAMIC); m.HP_World_AddBody(world, body, false); for (let i = 0; i < 20; i++) m.HP_World_Step(world, 1 / 60); return m.HP_Body_GetPosition(body) } },
  rhino3dm: { file: 'rhino3dm/rhino3dm.js', options: {}, plain: (m) => m(), job: (m, at, n) => { const sphere = new m.Sphere([1, 2, 3], n); const box = sphere.toBrep().getBoundingBox(); return [sphere.radius, box.min, box.max] } },
  '@evan/opus': { file: '@evan/opus/wasm/index.js', options: {}, job: (m, at, n) => { const encoder = new m.Encoder({ channels: 1, sample_rate: 48000 }); const packed = encoder.encode(new Uint8Array(Int16Array.from({ length: 960 }, (_, i) => Math.sin(i * n / 9) * 9000).buffer)); return [packed.length > 0, new m.Decoder({ channels: 1 }).decode(packed).length] } },
  '@biomejs/wasm-nodejs': { file: '@biomejs/wasm-nodejs/biome_wasm.js', options: {}, job: (m, at, n) => { const workspace = new m.Workspace(); const given = Object.getOwnPropertyNames(m.Workspace.prototype).sort(); workspace.free(); return given } },
  '@vercel/og': { file: '@vercel/og/dist/index.node.js', options: glue, job: async (m) => Buffer.from(await new m.ImageResponse({ type: 'div', props: { style: { display: 'flex', width: 20, height: 20, background: 'red' } } }, { width: 40, height: 30 }).arrayBuffer()).toString('base64') },
  ...GLUE_CASES,
  ...REGISTRY_CASES,
  'h3-js': { file: 'h3-js/dist/h3-js.js', options: {}, refused: 'EMVM_ERR_UNSUPPORTED', job: (m, at, n) => m.latLngToCell(37 + n, -122, 7) }
}

module.exports = { CASES }
