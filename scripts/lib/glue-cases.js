'use strict'

// More packages on the glue host: archives, sound, pictures, geometry, colours, languages, version control. What a case is:
// scripts/compatibility-cases.js.

const fs = require('node:fs')
const { text, pixels, tar } = require('./case-data')

const glue = { host: 'glue' }

// What glue that is a factory gets in plain Node, where it would ask the network for its wasm.
const unfetched = (wasm) => (m, at) => (m.default ?? m)({ wasmBinary: fs.readFileSync(at(wasm)) })

// Sound: one channel of a rising tone.
const tone = (n, length) => Float32Array.from({ length }, (_, i) => Math.fround(Math.sin(i * n * 0.05) * 0.5))

// A bar code (Code 39) of digits, as a picture of grey values.
function bars (n) {
  const codes = { '*': 'nwnnwnwnn', A: 'wnnnnwnnw', 1: 'wnnwnnnnw', 2: 'nnwwnnnnw', 3: 'wnwwnnnnn', 4: 'nnnwwnnnw', 5: 'wnnwwnnnn', 6: 'nnwwwnnnn' }
  const line = Array(40).fill(255)
  for (const each of `*A${n}${n}A*`) {
    for (let i = 0; i < 9; i++) line.push(...Array(codes[each][i] === 'w' ? 6 : 2).fill(i % 2 ? 255 : 0))
    line.push(255, 255)
  }
  line.push(...Array(40).fill(255))
  return { width: line.length, height: 40, data: Uint8Array.from(Array(40).fill(line).flat()) }
}

// An Ogg file with three packets of Opus, whose bytes are as they come.
function opus (n) {
  const page = (flags, granule, number, data) => {
    const bytes = Buffer.alloc(28 + data.length)
    bytes.write('OggS')
    bytes[5] = flags
    bytes.writeUInt32LE(granule, 6)
    bytes.writeUInt32LE(7, 14)
    bytes.writeUInt32LE(number, 18)
    bytes[26] = 1
    bytes[27] = data.length
    data.copy(bytes, 28)
    let sum = 0
    for (const byte of bytes) {
      sum ^= byte << 24
      for (let bit = 0; bit < 8; bit++) sum = sum & 0x80000000 ? (sum << 1) ^ 0x04c11db7 : sum << 1
    }
    bytes.writeInt32LE(sum | 0, 22)
    return bytes
  }
  const packets = [0, 1, 2].map((i) => page(i === 2 ? 4 : 0, 960 * (i + 1), 2 + i, Buffer.from([0x78, ...text(n + i, 40)])))
  return new Uint8Array(Buffer.concat([page(2, 0, 0, Buffer.from('OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0', 'latin1')), page(0, 0, 1, Buffer.from('OpusTags\x01\0\0\0a\0\0\0\0', 'latin1')), ...packets]))
}

// Lua's own functions.
function luaSum ({ lua, lauxlib, lualib }, n) {
  const state = lauxlib.luaL_newstate()
  lualib.luaL_openlibs(state)
  const status = lauxlib.luaL_dostring(state, `local t = {} for i = 1, ${n + 5} do t[#t + 1] = i * ${n} end return table.concat(t, ',')`)
  const given = [status, lua.lua_tostring(state, -1)]
  lua.lua_close(state)
  return given
}

// What lies in an archive.
function listed (m, n) {
  const bytes = tar(n)
  const from = m._malloc(bytes.length)
  m.HEAPU8.set(bytes, from)
  const call = (name, gives, takes, ...values) => m.cwrap(name, gives, takes)(...values)
  const archive = call('archive_open', 'number', ['number', 'number', 'string', 'string'], from, bytes.length, null, 'utf-8')
  const found = []
  for (let entry; (entry = call('get_next_entry', 'number', ['number'], archive)) !== 0;) found.push(call('archive_entry_pathname_utf8', 'string', ['number'], entry), Number(call('archive_entry_size', 'number', ['number'], entry)))
  call('archive_close', null, ['number'], archive)
  return found
}

// Ways over a flat square.
function walkable (m, n) {
  const config = Object.assign(new m.rcConfig(), { cs: 0.2, ch: 0.2, walkableSlopeAngle: 35, walkableHeight: 1, walkableClimb: 1, walkableRadius: 1, maxEdgeLen: 12, maxSimplificationError: 1.3, minRegionArea: 8, mergeRegionArea: 20, maxVertsPerPoly: 6, detailSampleDist: 6, detailSampleMaxError: 1, borderSize: 1, tileSize: 0 })
  const mesh = new m.NavMesh()
  const side = 5 + n
  mesh.build([-side, 0, -side, side, 0, -side, side, 0, side, -side, 0, side], 4, [0, 2, 1, 0, 3, 2], 6, config)
  const { x, y, z } = mesh.getClosestPoint(new m.Vec3(1, 0, 1))
  return [mesh.getDebugNavMesh().getTriangleCount(), x, y, z]
}

// A repository with a file that is not committed.
function repository (m, n) {
  const { FS } = m
  const folder = `/work${n}${FS.readdir('/').length}`
  FS.mkdir(folder)
  FS.chdir(folder)
  m.callMain(['init', '.'])
  FS.writeFile('a.txt', `hello ${n}`)
  m.callMain(['add', 'a.txt'])
  return [FS.readdir('.git').sort(), FS.readdir('.git/objects').sort()]
}

// A tone made longer.
function stretched (m, n) {
  const [frames, state] = [2048, m._rubberband_new(48000, 1, 0, 1 + n / 10, 1)]
  const [from, list] = [m._malloc(frames * 4), m._malloc(4)]
  m.HEAPU32[list >> 2] = from
  m.HEAPF32.set(tone(n, frames), from >> 2)
  m._rubberband_set_expected_input_duration(state, frames)
  m._rubberband_study(state, list, frames, 1)
  m._rubberband_process(state, list, frames, 1)
  const count = Math.min(m._rubberband_available(state), frames)
  m._rubberband_retrieve(state, list, count)
  return [count, m.HEAPF32.slice(from >> 2, (from >> 2) + count)]
}

// Which parts of a sound are speech.
function spoken (m, n) {
  const state = m._fvad_new()
  m._fvad_set_mode(state, n % 4)
  m._fvad_set_sample_rate(state, 8000)
  const from = m._malloc(480)
  return Array.from({ length: 20 }, (_, frame) => {
    for (let i = 0; i < 240; i++) m.HEAP16[(from >> 1) + i] = Math.round(8000 * Math.sin(i * n * 0.3) * Math.sin(frame * i))
    return m._fvad_process(state, from, 240)
  })
}

function transformed (m, n) {
  const from = m._pffft_aligned_malloc(256)
  m.HEAPF32.set(tone(n, 64), from >> 2)
  m._pffft_transform_ordered(m._pffft_new_setup(64, 0), from, from, 0, 0)
  return m.HEAPF32.slice(from >> 2, (from >> 2) + 64)
}

// A picture packed and unpacked.
function jpegOf (m, n) {
  const encoder = new m.JPEGEncoder()
  encoder.getDecodedBuffer({ width: 16, height: 16, bitsPerSample: 8, componentCount: 3, isSigned: false }).set(colours(n))
  encoder.setQuality(50 + n)
  encoder.encode()
  const packed = Uint8Array.from(encoder.getEncodedBuffer())
  const decoder = new m.JPEGDecoder()
  decoder.getEncodedBuffer(packed.length).set(packed)
  decoder.decode()
  return [packed, Uint8Array.from(decoder.getDecodedBuffer()), decoder.getFrameInfo()]
}
const colours = (n) => Uint8Array.from({ length: 768 }, (_, i) => (i * 7 * n + (i >> 4)) & 255)

function flac (m, n) {
  const parts = []
  const encoder = m.create_libflac_encoder(44100, 1, 16, 5, 0, true, 0)
  m.init_encoder_stream(encoder, (bytes) => { parts.push(...bytes) }, () => {})
  m.FLAC__stream_encoder_process_interleaved(encoder, Int32Array.from(tone(n, 4096), (value) => value * 20000), 4096)
  m.FLAC__stream_encoder_finish(encoder)
  m.FLAC__stream_encoder_delete(encoder)
  return Uint8Array.from(parts)
}

async function mp3AndOgg (m, n) {
  const given = []
  for (const [make, more] of [['createMp3Encoder', {}], ['createOggEncoder', { oggSerialNo: 7 }]]) {
    const encoder = await m[make]()
    encoder.configure({ sampleRate: 48000, channels: 2, vbrQuality: n % 9, ...more })
    given.push(Uint8Array.from(encoder.encode([tone(n, 4800), tone(n + 1, 4800)])), Uint8Array.from(encoder.finalize()))
  }
  return given
}

function cut (m, n) {
  const path = m.FromSVGString('M11.99 2C6.47 2 2 6.48 2 12s4.47 10 9.99 10C17.52 22 22 17.52 22 12S17.52 2 11.99 2z')
  path.op(m.NewPath().moveTo(1, n).lineTo(20, 1).lineTo(10, 30).closePath(), m.PathOp.INTERSECT)
  return [path.toSVGString(), path.toCmds(), path.stroke({ width: n }).toSVGString()]
}

function joined (m, n) {
  const paths = (...list) => {
    const made = new m.Paths64()
    for (const each of list) made.push_back(m.MakePath64(BigInt64Array.from(each, BigInt)))
    return made
  }
  const sum = m.Union64(paths([0, 0, 100, 0, 100, 100, 0, 100]), paths([50 + n, 50, 150, 50, 150, 150, 50 + n, 150]), m.FillRule.NonZero)
  return Array.from({ length: sum.size() }, (_, at) => Array.from({ length: sum.get(at).size() }, (_, point) => [`${sum.get(at).get(point).x}`, `${sum.get(at).get(point).y}`]))
}

// Two points that are to be one.
async function sketch (m, n) {
  const { GcsSystem } = await m.init_planegcs_module()
  const wrapper = new m.GcsWrapper(new GcsSystem())
  wrapper.push_primitives_and_params([{ id: '1', type: 'point', x: 10 * n, y: 10, fixed: false }, { id: '2', type: 'point', x: 20, y: 20, fixed: false }, { id: '3', type: 'p2p_coincident', p1_id: '1', p2_id: '2' }])
  const given = [wrapper.solve(), wrapper.apply_solution(), wrapper.sketch_index.get_primitives()]
  wrapper.destroy_gcs_module()
  return given
}

function signed (m, n) {
  const key = new m.SecretKey()
  key.setHashOf(Uint8Array.of(n, 2, 3))
  const [open, signature] = [key.getPublicKey(), key.sign(Uint8Array.of(1, n))]
  return [open.serializeToHexStr(), signature.serializeToHexStr(), open.verify(signature, Uint8Array.of(1, n))]
}

async function inLab (m, n) {
  const lcms = await m.instantiate()
  const from = lcms.cmsCreate_sRGBProfile()
  const way = lcms.cmsCreateTransform(from, m.TYPE_RGB_8, lcms.cmsCreateLab4Profile(), m.TYPE_Lab_DBL, m.INTENT_PERCEPTUAL, 0)
  return [[...lcms.cmsDoTransform(way, Uint8Array.of(n * 10, 200, 30), 1)], lcms.cmsGetProfileInfoASCII(from, m.cmsInfoDescription, 'en', 'US')]
}

function triangles (m, n) {
  const [from, to] = [m.makeIO({ pointlist: [-1, -1, n, -1, n, 1, -1, 1, 0.1 * n, 0.2] }), m.makeIO()]
  m.triangulate({ pslg: false, quality: true, quiet: true }, from, to)
  const given = [[...to.trianglelist], [...to.pointlist]]
  m.freeIO(from, true)
  m.freeIO(to)
  return given
}

const GLUE_CASES = {
  'libarchive.js': { file: 'libarchive.js/src/webworker/wasm-gen/libarchive.js', options: glue, plain: unfetched('libarchive.js/src/webworker/wasm-gen/libarchive.wasm'), noFetch: true, job: (m, at, n) => listed(m, n) },
  'wasm-media-encoders': { file: 'wasm-media-encoders/dist/index.cjs', options: glue, job: (m, at, n) => mp3AndOgg(m, n) },
  libflacjs: { file: 'libflacjs/dist/libflac.wasm.js', options: glue, noFetch: true, start: (m) => m.isReady() || new Promise((resolve) => { m.onready = resolve }), job: (m, at, n) => flac(m, n) },
  'ogg-opus-decoder': { file: 'ogg-opus-decoder/index.js', options: glue, job: async (m, at, n) => { const decoder = new m.OggOpusDecoder({ forceStereo: n % 2 === 0 }); await decoder.ready; const { channelData, samplesDecoded, errors } = await decoder.decodeFile(opus(n)); await decoder.reset(); decoder.free(); return [channelData, samplesDecoded, errors.length] } },
  'silk-wasm': { file: 'silk-wasm/lib/index.cjs', options: glue, job: async (m, at, n) => { const { data, duration } = await m.encode(Int16Array.from(tone(n, 4800), (value) => value * 20000), 24000); return [data, duration, (await m.decode(data, 24000)).data] } },
  '@echogarden/rubberband-wasm': { file: '@echogarden/rubberband-wasm/rubberband.js', options: glue, plain: unfetched('@echogarden/rubberband-wasm/rubberband.wasm'), job: (m, at, n) => stretched(m, n) },
  '@echogarden/fvad-wasm': { file: '@echogarden/fvad-wasm/fvad.js', options: glue, plain: unfetched('@echogarden/fvad-wasm/fvad.wasm'), job: (m, at, n) => spoken(m, n) },
  '@echogarden/pffft-wasm': { file: '@echogarden/pffft-wasm/dist/non-simd/pffft.js', options: glue, plain: unfetched('@echogarden/pffft-wasm/dist/non-simd/pffft.wasm'), job: (m, at, n) => transformed(m, n) },
  '@echogarden/icu-segmentation-wasm': { file: '@echogarden/icu-segmentation-wasm/dist/exports/Exports.js', options: glue, start: (m) => m.initialize(), job: (m, at, n) => { const words = `Hello World! ${n} w\u00f6rter. \u4f60\u597d\u4e16\u754c how?`; return [m.splitToCharacters(words), m.splitToWords(words), m.splitToSentences(words, 'en'), [...m.createLineBreakIterator(words)]] } },
  '@wasm-codecs/mozjpeg': { file: '@wasm-codecs/mozjpeg/lib/index.js', options: glue, noFetch: true, job: async (m, at, n) => new Uint8Array(await (m.default ?? m)(Buffer.from(colours(n)), { width: 16, height: 16, channels: 3 }, { quality: 50 + n })) },
  '@cornerstonejs/codec-libjpeg-turbo-8bit': { file: '@cornerstonejs/codec-libjpeg-turbo-8bit/dist/libjpegturbowasm.js', options: glue, plain: unfetched('@cornerstonejs/codec-libjpeg-turbo-8bit/dist/libjpegturbowasm.wasm'), noFetch: true, job: (m, at, n) => jpegOf(m, n) },
  '@saschazar/wasm-avif': { file: '@saschazar/wasm-avif/wasm_avif.js', options: glue, plain: unfetched('@saschazar/wasm-avif/wasm_avif.wasm'), noFetch: true, job: (m, at, n) => new Uint8Array(m.encode(colours(n), 16, 16, 3, { minQuantizer: 10 + n, maxQuantizer: 40, minQuantizerAlpha: 33, maxQuantizerAlpha: 63, tileRowsLog2: 0, tileColsLog2: 0, speed: 8 }, 1)) },
  'chafa-wasm': { file: 'chafa-wasm/dist/chafa.js', options: glue, plain: unfetched('chafa-wasm/dist/chafa.wasm'), job: (m, at, n) => new Promise((resolve, reject) => m.imageToAnsi({ data: pixels(n, 32, 32).data, width: 32, height: 32 }, { height: 4, width: 8 + n }, (error, { ansi } = {}) => error ? reject(error) : resolve(ansi))) },
  'lcms-wasm': { file: 'lcms-wasm/dist/lcms.js', options: glue, job: (m, at, n) => inLab(m, n) },
  '@undecaf/zbar-wasm': { file: '@undecaf/zbar-wasm/dist/inlined/main.cjs', options: glue, job: async (m, at, n) => { const { data, width, height } = bars(n); return (await m.scanGrayBuffer(data.buffer, width, height)).map((symbol) => [symbol.typeName, symbol.decode(), symbol.points]) } },
  'pathkit-wasm': { file: 'pathkit-wasm/bin/pathkit.js', options: glue, plain: unfetched('pathkit-wasm/bin/pathkit.wasm'), noFetch: true, job: (m, at, n) => cut(m, n) },
  'clipper2-wasm': { file: 'clipper2-wasm/dist/umd/clipper2z.js', options: glue, plain: unfetched('clipper2-wasm/dist/umd/clipper2z.wasm'), noFetch: true, job: (m, at, n) => joined(m, n) },
  'tess2-wasm': { file: 'tess2-wasm/build/tess2.single.js', options: glue, plain: (m) => m(), job: (m, at, n) => { const tess = new m.Tess(); tess.addContours([0, 0, 0, n, n, n, n, 0, 0.2, 0.7]); const given = tess.tesselate({ windingRule: 0, elementType: 0, polySize: 3, vertexSize: 2 }); tess.dispose(); return given } },
  'triangle-wasm': { file: 'triangle-wasm/index.js', options: glue, noFetch: true, start: (m, at) => m.init(at('triangle-wasm/triangle.out.wasm')), job: (m, at, n) => triangles(m, n) },
  '@salusoft89/planegcs': { file: '@salusoft89/planegcs/dist/index.js', options: glue, job: (m, at, n) => sketch(m, n) },
  'recast-detour': { file: 'recast-detour/recast.wasm.js', options: glue, plain: unfetched('recast-detour/recast.wasm.wasm'), noFetch: true, job: (m, at, n) => walkable(m, n) },
  'bls-eth-wasm': { file: 'bls-eth-wasm/src/index.js', options: glue, start: (m) => m.init(m.BLS12_381), job: (m, at, n) => signed(m, n) },
  'lua-wasm-bindings': { file: 'lua-wasm-bindings/dist/lua.54.js', options: glue, job: (m, at, n) => luaSum(m, n) },
  'jq-wasm': { file: 'jq-wasm/dist/index.js', options: glue, job: async (m, at, n) => [await m.raw({ list: [1, 2, n] }, '.list | map(. * 2)', ['-c']), await m.json({ a: n }, '.a'), await m.raw({}, '.a |', []).catch((error) => error.message)] },
  'libyara-wasm': { file: 'libyara-wasm/dist/libyara-wasm.js', options: glue, plain: (m) => m(), noFetch: true, job: (m, at, n) => { const { matchedRules, compileErrors } = m.run(`hello ${n} abc`, `rule a { strings: $a = "${n} abc" condition: $a } rule b { condition: false }`); return [matchedRules.size(), matchedRules.get(0).ruleName, compileErrors.size()] } },
  '@wasm-fmt/clang-format': { file: '@wasm-fmt/clang-format/clang-format-node.js', options: glue, job: (m, at, n) => [m.format(`int main(){int a=${n};return a;}`, 'a.cc', JSON.stringify({ BasedOnStyle: 'Chromium', IndentWidth: n })), m.version()] },
  wasmagic: { file: 'wasmagic/dist/index.js', options: glue, job: async (m, at, n) => { const magic = await m.WASMagic.create(); return [Buffer.from('89504E470D0A1A0A0000000D49484452', 'hex'), Buffer.from('GIF89a'), text(n, 100)].map((bytes) => magic.detect(bytes)) } },
  'wasm-git': { file: 'wasm-git/lg2.js', options: { ...glue, print () {}, printErr () {} }, plain: (m, at) => m.default({ wasmBinary: fs.readFileSync(at('wasm-git/lg2.wasm')), print () {}, printErr () {} }), job: (m, at, n) => repository(m, n) }
}

module.exports = { GLUE_CASES }
