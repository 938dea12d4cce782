'use strict'

// More of what programs take from npm: hashes, formatters, parsers, policies, pictures, keys and databases, most of them made by
// wasm-bindgen or AssemblyScript, by the entry that their users load. What a case is: scripts/compatibility-cases.js.

const fs = require('node:fs')
const { text, pixels } = require('./case-data')

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const filled = (n, length = 32) => new Uint8Array(length).fill(n)
const svg = (n) => `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="${n + 3}" height="9" fill="red"/></svg>`

// A body that falls on a plane.
function falling (m, n) {
  const world = new m.World({ x: 0, y: -9.81 })
  world.createCollider(m.ColliderDesc.cuboid(10, 0.1))
  const body = world.createRigidBody(m.RigidBodyDesc.dynamic().setTranslation(0, n))
  world.createCollider(m.ColliderDesc.ball(0.5), body)
  for (let i = 0; i < 50; i++) world.step()
  return [body.translation(), body.linvel()]
}

// Rows, by a query builder over SQLite.
async function built (m, at, n) {
  const { Kysely } = require(at('kysely'))
  const database = await m.createInMemoryDatabase({ readOnly: false })
  database.exec(`create table t (a); insert into t values (${n}), (3)`)
  const rows = await new Kysely({ dialect: m.createDialect({ database }) }).selectFrom('t').selectAll().execute()
  return [rows, m.contentFromDatabase(database).length]
}

// A machine that has not been started.
async function machine ({ V86 }, at, n) {
  const emulator = new V86({ wasm_path: at('v86/build/v86.wasm'), memory_size: n << 23, autostart: false, bios: { buffer: filled(0xf4, 65536).buffer } })
  await new Promise((resolve) => emulator.add_listener('emulator-ready', resolve))
  const given = [emulator.is_running(), emulator.v86.cpu.memory_size[0]]
  await emulator.destroy()
  return given
}

const REGISTRY_CASES = {
  '@one-ini/wasm': { file: '@one-ini/wasm/one_ini.js', options: {}, job: (m, at, n) => m.parse_to_json(`root = true\n[*.js]\nindent_size = ${n}\n`) },
  'farmhash-modern': { file: 'farmhash-modern/lib/index.cjs', options: {}, job: (m, at, n) => [m.fingerprint32(`a${n}`), m.fingerprint64(`b${n}`), m.hash64(`c${n}`)].map(String) },
  'blake3-wasm': { file: 'blake3-wasm/dist/index.js', options: {}, job: (m, at, n) => { const hash = m.createHash(); hash.update(`x${n}`); return [m.hash(`text${n}`).toString('hex'), hash.digest('hex')] } },
  'blake2b-wasm': { file: 'blake2b-wasm/index.js', options: {}, job: async (m, at, n) => { await new Promise((resolve) => m.ready(resolve)); return m().update(Buffer.from(`hello${n}`)).digest('hex') } },
  'sha256-wasm': { file: 'sha256-wasm/index.js', options: {}, job: async (m, at, n) => { await new Promise((resolve) => m.ready(resolve)); return m().update(text(n)).digest('hex') } },
  '@chainsafe/as-sha256': { file: '@chainsafe/as-sha256/lib/index.js', options: {}, job: (m, at, n) => [hex(m.digest(text(n))), hex(m.digest64(new Uint8Array(text(n, 64))))] },
  'yoga-wasm-web': { file: 'yoga-wasm-web/dist/index.js', options: {}, job: async (m, at, n) => { const { Node } = await m.default(fs.readFileSync(at('yoga-wasm-web/dist/yoga.wasm'))); const root = Node.create(); root.setWidth(100 * n); root.setHeight(50); root.calculateLayout(undefined, undefined, 1); return [root.getComputedWidth(), root.getComputedHeight()] } },
  '@dprint/formatter': { file: '@dprint/formatter/script/mod.js', options: {}, job: (m, at, n) => { const formatter = m.createFromBuffer(fs.readFileSync(require(at('@dprint/json')).getPath())); formatter.setConfig({ indentWidth: n + 1 }, {}); return formatter.formatText({ filePath: 'a.json', fileText: '{\n"a":1,\n"b":[1,2]}' }) } },
  '@prisma/prisma-fmt-wasm': { file: '@prisma/prisma-fmt-wasm/src/prisma_fmt_build.js', options: {}, job: (m, at, n) => m.format(`model A${n} {\nid Int @id\nname String?\n}`, JSON.stringify({ textDocument: { uri: 'file:/a.prisma' }, options: { tabSize: 2, insertSpaces: true } })) },
  'lz4-wasm-nodejs': { file: 'lz4-wasm-nodejs/lz4_wasm_nodejs.js', options: {}, job: (m, at, n) => { const packed = m.compress(new Uint8Array(text(n))); return [packed, m.decompress(packed)] } },
  'brotli-compress': { file: 'brotli-compress/index.cjs', options: {}, job: async (m, at, n) => { const packed = await m.compress(new Uint8Array(text(n))); return [packed, await m.decompress(packed)] } },
  hysnappy: { file: 'hysnappy/js/index.js', options: {}, job: (m, at, n) => { const packed = m.snappyCompress(new Uint8Array(text(n, 400))); return [packed, m.snappyUncompress(packed, 400)] } },
  '@dimforge/rapier2d-simd-compat': { file: '@dimforge/rapier2d-simd-compat/rapier.cjs', options: {}, start: (m) => m.init(), job: (m, at, n) => falling(m, n) },
  'sqlite-wasm-kysely': { file: 'sqlite-wasm-kysely/dist/index.js', options: { packages: ['@sqlite.org/sqlite-wasm'] }, job: built },
  '@hpcc-js/wasm': { file: '@hpcc-js/wasm/dist/index.cjs', options: {}, job: async ({ Graphviz }, at, n) => (await Graphviz.load()).dot(`digraph { a -> b${n} }`) },
  '@herb-tools/node-wasm': { file: '@herb-tools/node-wasm/dist/herb-node-wasm.cjs', options: {}, job: async ({ Herb }, at, n) => { await Herb.load(); return [Herb.parse(`<h1><%= a${n} %></h1>`).errors.length, Herb.extractRuby(`<p><% x = ${n} %></p>`)] } },
  onigasm: { file: 'onigasm/lib/index.js', options: {}, start: (m, at) => m.loadWASM(new Uint8Array(fs.readFileSync(at('onigasm/lib/onigasm.wasm'))).buffer), job: (m, at, n) => new m.OnigScanner(['b+', `a${n}`]).findNextMatchSync('xxa1a2a3a4a5bb', 0) },
  assemblyscript: { file: 'assemblyscript/dist/asc.js', options: { realm: 'context' }, kept: 'more objects than can be thrown away', job: async (m, at, n) => { const { text, binary } = await (m.default ?? m).compileString(`export function f (a: i32): i32 { return a + ${n} }`, { optimizeLevel: 2 }); return [text, binary] } },
  '@matrix-org/matrix-sdk-crypto-wasm': { file: '@matrix-org/matrix-sdk-crypto-wasm/node.cjs', options: {}, job: async (m, at, n) => { await m.initAsync(); const user = new m.UserId(`@a${n}:b.c`); return [m.BackupDecryptionKey.createRandomKey().toBase64().length, user.toString(), user.localpart] } },
  'svg2png-wasm': { file: 'svg2png-wasm/dist/index.cjs', options: {}, start: (m, at) => m.initialize(fs.readFileSync(at('svg2png-wasm/svg2png_wasm_bg.wasm'))), job: async (m, at, n) => new Uint8Array(await m.svg2png(svg(n), {})) },
  '@cwasm/lodepng': { file: '@cwasm/lodepng/index.js', options: {}, job: (m, at, n) => { const png = m.encode({ width: 16, height: 16, data: pixels(n).data }); return [png, m.decode(png).data] } },
  'webp-wasm': { file: 'webp-wasm/index.js', options: {}, job: async (m, at, n) => { const packed = await m.encode(pixels(n), { quality: 80 }); return new Uint8Array(packed) } },
  '@cedar-policy/cedar-wasm': { file: '@cedar-policy/cedar-wasm/nodejs/cedar_wasm.js', options: {}, job: (m, at, n) => m.isAuthorized({ principal: { type: 'U', id: `a${n}` }, action: { type: 'Action', id: 'v' }, resource: { type: 'P', id: 'x' }, context: {}, policies: { staticPolicies: 'permit(principal == U::"a1", action, resource);' }, entities: [] }) },
  '@css-inline/css-inline-wasm': { file: '@css-inline/css-inline-wasm/index.js', options: {}, start: (m, at) => m.initWasm(fs.readFileSync(at('@css-inline/css-inline-wasm/index_bg.wasm'))), job: (m, at, n) => m.inline(`<style>p { color: red; width: ${n}px }</style><p>x</p>`) },
  '@cf-wasm/photon': { file: '@cf-wasm/photon/dist/node.js', options: {}, job: (m, at, n) => { const image = new m.PhotonImage(new Uint8Array(pixels(n).data), 16, 16); m.grayscale(image); return m.resize(image, 4, 4, m.SamplingFilter.Nearest).get_raw_pixels() } },
  '@bitauth/libauth': { file: '@bitauth/libauth/build/index.js', options: {}, job: (m, at, n) => [hex(m.sha256.hash(text(n))), hex(m.secp256k1.derivePublicKeyCompressed(filled(n))), hex(m.ripemd160.hash(text(n)))] },
  '@emurgo/cardano-serialization-lib-nodejs': { file: '@emurgo/cardano-serialization-lib-nodejs/cardano_serialization_lib.js', options: {}, job: (m, at, n) => { const key = m.Bip32PrivateKey.from_bip39_entropy(Buffer.alloc(32, n), Buffer.from('')); return [key.to_bech32(), key.derive(n).to_public().to_bech32()] } },
  '@trustwallet/wallet-core': { file: '@trustwallet/wallet-core/dist/index.js', options: {}, job: async (m, at, n) => { const { PrivateKey, AnyAddress, CoinType } = await m.initWasm(); const key = PrivateKey.createWithData(filled(n)); return [hex(key.getPublicKeySecp256k1(true).data()), AnyAddress.createWithPublicKey(key.getPublicKeySecp256k1(false), CoinType.ethereum).description()] } },
  oxigraph: { file: 'oxigraph/node.js', options: {}, job: (m, at, n) => { const store = new m.Store(); store.load(`<http://a/${n}> <http://b> "c" .`, { format: 'text/turtle' }); return store.query('SELECT * WHERE { ?s ?p ?o }').map((row) => row.get('s').value) } },
  '@cdktf/hcl2json': { file: '@cdktf/hcl2json/lib/index.js', options: {}, kept: 'its program of Go never ends', job: (m, at, n) => m.parse('a.tf', `variable "a${n}" {\n default = ${n}\n}`) },
  '@oxc-parser/wasm': { file: '@oxc-parser/wasm/node/oxc_parser_wasm.js', options: {}, job: (m, at, n) => JSON.stringify(m.parseSync(`let a${n} = ${n}`, { sourceFilename: 'a.js' }).program) },
  amaro: { file: 'amaro/dist/index.js', options: {}, job: (m, at, n) => m.transformSync(`const a: number = ${n}`, { mode: 'strip-only' }).code },
  '@supabase/pg-parser': { file: '@supabase/pg-parser/dist/index.cjs', options: {}, job: async ({ PgParser }, at, n) => (await new PgParser({ version: 17 }).parse(`select ${n} as a`)).tree },
  '@anthropic-ai/tokenizer': { file: '@anthropic-ai/tokenizer/dist/cjs/index.js', options: { packages: ['tiktoken'] }, job: (m, at, n) => m.countTokens('hello world '.repeat(n)) },
  '@wasmer/wasi': { file: '@wasmer/wasi/dist/Library.cjs.min.js', options: {}, start: (m) => m.init(), job: (m, at, n) => { const { fs } = new m.WASI({ env: {}, args: ['a'] }); fs.createDir(`/d${n}`); return fs.readDir('/').map(({ path }) => path) } },
  '@vscode/tree-sitter-wasm': { file: '@vscode/tree-sitter-wasm/wasm/tree-sitter.js', options: {}, start: ({ Parser }) => Parser.init(), job: async ({ Parser, Language }, at, n) => { const parser = new Parser(); parser.setLanguage(await Language.load(at('@vscode/tree-sitter-wasm/wasm/tree-sitter-css.wasm'))); return parser.parse(`a { b: ${'c '.repeat(n)} }`).rootNode.toString() } },
  v86: { file: 'v86/build/libv86.mjs', options: {}, job: machine },
  'ffmpeg.js': { file: 'ffmpeg.js/ffmpeg-webm.js', options: {}, refused: 'EMVM_ERR_UNSUPPORTED', job: () => undefined }
}

module.exports = { REGISTRY_CASES }
