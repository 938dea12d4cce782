'use strict'

// Twenty packages from npm, pinned, and a request for each: small, as a service would have it, and without the calls to
// `free` that a tidy program would make. `job(module, tools)` gives a text that all sides must agree on.

const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

// The same bytes on every side.
function noise (length, seed = 1) {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

const WORDS = 'a fresh instance of every module for each request and its memory given back at once'.split(' ')
const prose = (words) => Array.from(noise(words, 7), (byte) => WORDS[byte % WORDS.length]).join(' ')
const pixels = (width, height, channels) => Uint8Array.from({ length: width * height * channels }, (_, i) => {
  const at = Math.floor(i / channels)
  return channels === 4 && i % 4 === 3 ? 255 : ((at % width) * 2 + Math.floor(at / width) * 3 + (i % channels) * 40) & 255
})
const digest = (bytes) => crypto.createHash('sha1').update(bytes).digest('hex')

// Copies bytes into a module's memory.
function put (module, bytes, malloc = module._malloc) {
  const at = malloc(bytes.length)
  module.HEAPU8.set(bytes, at)
  return at
}
const zeroed = (text) => Buffer.from(`${text}\0`)
function textAt (module, at) {
  const { HEAPU8 } = module
  return Buffer.from(HEAPU8.subarray(at, HEAPU8.indexOf(0, at))).toString()
}

const PACKAGES = [
  {
    name: 'opencv.js',
    package: '@techstark/opencv-js',
    version: '4.12.0-release.1',
    glue: 'dist/opencv.js',
    what: 'blur and threshold of 320 x 240',
    job (cv) {
      const image = cv.matFromArray(240, 320, cv.CV_8UC4, Array.from(pixels(320, 240, 4)))
      cv.cvtColor(image, image, cv.COLOR_RGBA2GRAY)
      cv.GaussianBlur(image, image, new cv.Size(5, 5), 1.5)
      cv.threshold(image, image, 100, 255, cv.THRESH_BINARY)
      return digest(image.data)
    }
  },
  {
    name: 'rdkit',
    package: '@rdkit/rdkit',
    version: '2026.9.1',
    glue: 'dist/RDKit_minimal.js',
    what: 'a molecule read and described',
    job: (m) => { const molecule = m.get_mol('CN1C=NC2=C1C(=O)N(C(=O)N2C)C'); return molecule.get_smiles() + molecule.get_descriptors().length }
  },
  {
    name: 'webp',
    package: '@jsquash/webp',
    version: '1.5.0',
    glue: 'codec/enc/webp_enc.js',
    what: '160 x 120 encoded',
    prepare: async (load) => ({ defaults: (await load('@jsquash/webp', 'meta.js')).defaultOptions }),
    job: (m, { defaults }) => digest(new Uint8Array(m.encode(pixels(160, 120, 4), 160, 120, defaults)))
  },
  {
    name: 'mozjpeg',
    package: '@jsquash/jpeg',
    version: '1.6.0',
    glue: 'codec/enc/mozjpeg_enc.js',
    what: '160 x 120 encoded',
    prepare: async (load) => ({ defaults: (await load('@jsquash/jpeg', 'meta.js')).defaultOptions }),
    job: (m, { defaults }) => digest(new Uint8Array(m.encode(pixels(160, 120, 4), 160, 120, defaults)))
  },
  {
    name: 'openjpeg',
    package: '@cornerstonejs/codec-openjpeg',
    version: '1.3.6',
    glue: 'dist/openjpegwasm.js',
    what: '128 x 96 encoded',
    job (m) {
      const encoder = new m.J2KEncoder()
      encoder.getDecodedBuffer({ width: 128, height: 96, bitsPerSample: 8, componentCount: 1, isSigned: false, isUsingColorTransform: false }).set(pixels(128, 96, 1))
      encoder.encode()
      return digest(encoder.getEncodedBuffer())
    }
  },
  {
    name: 'zstd',
    package: '@foxglove/wasm-zstd',
    version: '1.0.1',
    glue: 'dist/wasm-zstd.js',
    what: '100 KB packed',
    job (m) {
      const text = Buffer.from(prose(20000)).subarray(0, 100000)
      const bound = m._compressBound(text.length)
      const at = m._malloc(bound)
      const length = m._compress(at, bound, put(m, text), text.length, 3)
      return digest(m.HEAPU8.slice(at, at + length))
    }
  },
  {
    name: 'zopfli',
    package: '@gfx/zopfli',
    version: '1.0.15',
    glue: 'dist/libzopfli.js',
    what: '500 bytes packed',
    job (m) {
      const text = Buffer.from(prose(200)).subarray(0, 500)
      const out = m._createZopfliJsOutput()
      m._compress(put(m, text), text.length, out, 0, false, false, 5, true, 15)
      const at = m._getBuffer(out)
      return digest(m.HEAPU8.slice(at, at + m._getBufferSize(out)))
    }
  },
  {
    name: 'argon2',
    package: 'argon2-browser',
    version: '1.18.0',
    glue: 'dist/argon2.js',
    what: 'a password hashed, 1 MB',
    job (m) {
      const password = zeroed('a password')
      const salt = zeroed('salt salt salt')
      const hash = m._malloc(32)
      const encoded = m._malloc(512)
      m._argon2_hash_ext(1, 1024, 1, put(m, password), password.length - 1, put(m, salt), salt.length - 1, hash, 32, encoded, 512, 2, 0, 0, 0, 0, 0x13)
      return digest(m.HEAPU8.slice(hash, hash + 32))
    }
  },
  {
    name: 'speex resampler',
    package: '@echogarden/speex-resampler-wasm',
    version: '0.3.0',
    glue: 'wasm/speex-resampler-nonsimd.js',
    what: '0.2 s of sound',
    job (m) {
      const error = m._malloc(4)
      const state = m._speex_resampler_init(1, 48000, 16000, 5, error)
      const [input, output, inLength, outLength] = [put(m, noise(19200)), m._malloc(8000), m._malloc(4), m._malloc(4)]
      m.HEAPU32[inLength >> 2] = 9600
      m.HEAPU32[outLength >> 2] = 4000
      m._speex_resampler_process_int(state, 0, input, inLength, output, outLength)
      return digest(m.HEAPU8.slice(output, output + 2 * m.HEAPU32[outLength >> 2]))
    }
  },
  {
    name: 'wabt',
    package: 'wabt',
    version: '1.0.39',
    glue: 'index.js',
    what: 'wat to wasm',
    job: (m) => digest(m.parseWat('a.wat', '(module (func (export "f") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))').toBinary({}).buffer)
  },
  {
    name: 'sql.js, row by row',
    package: 'sql.js',
    version: '1.16.0',
    glue: 'dist/sql-wasm.js',
    chatty: true,
    what: '500 rows in, 500 out, one at a time',
    job (SQL) {
      const db = new SQL.Database()
      db.run('create table t (id integer primary key, a text, b real); begin')
      const insert = db.prepare('insert into t values (?, ?, ?)')
      for (let i = 0; i < 500; i++) insert.run([i, `row ${i % 17}`, i / 3])
      const select = db.prepare('select * from t order by a, id')
      const rows = []
      while (select.step()) rows.push(select.getAsObject())
      return digest(JSON.stringify(rows))
    }
  },
  {
    name: 'quickjs',
    package: '@jitl/quickjs-wasmfile-release-sync',
    version: '0.32.0',
    glue: 'dist/emscripten-module.cjs',
    what: 'fib(12) and JSON',
    job (m) {
      const context = m._QTS_NewContext(m._QTS_NewRuntime(), 0)
      const source = zeroed('function fib (n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) } JSON.stringify([fib(12), "a".repeat(20)])')
      const value = m._QTS_Eval(context, put(m, source), source.length - 1, put(m, zeroed('a.js')), 0, 0)
      return textAt(m, m._QTS_Dump(context, value))
    }
  },
  {
    name: 'markdown-wasm',
    package: 'markdown-wasm',
    version: '1.2.0',
    glue: 'dist/markdown.node.js',
    what: '6 KB of Markdown',
    job: (m) => digest(m.parse(Array.from({ length: 60 }, (_, i) => `# Title ${i}\n\n* a _b_ **c** [x](http://e.org/${i})\n`).join('\n')))
  },
  {
    name: 'draco',
    package: 'draco3d',
    version: '1.5.9',
    glue: 'draco_decoder_nodejs.js',
    what: 'the bunny decoded',
    prepare: async (load, folder) => ({ bunny: new Int8Array(fs.readFileSync(path.join(folder, 'draco3d', 'bunny.drc'))) }),
    job (m, { bunny }) {
      const buffer = new m.DecoderBuffer()
      buffer.Init(bunny, bunny.length)
      const mesh = new m.Mesh()
      const status = new m.Decoder().DecodeBufferToMesh(buffer, mesh)
      return `${status.ok()} ${mesh.num_faces()} ${mesh.num_points()}`
    }
  },
  {
    name: 'yoga, node by node',
    package: 'yoga-layout',
    version: '3.2.1',
    glue: 'dist/binaries/yoga-wasm-base64-esm.js',
    chatty: true,
    what: 'a layout of 60 boxes',
    prepare: async (load) => ({ wrap: (await load('yoga-layout', 'dist/src/wrapAssembly.js')).default }),
    job (m, { wrap }) {
      const yoga = wrap(m)
      const root = yoga.Node.create()
      root.setWidth(800)
      for (let i = 0; i < 60; i++) {
        const box = yoga.Node.create()
        box.setFlexGrow(i % 3)
        box.setHeight(10 + i % 7)
        root.insertChild(box, i)
      }
      root.calculateLayout(800, 600, 1)
      return JSON.stringify(Array.from({ length: 60 }, (_, i) => root.getChild(i).getComputedLayout()))
    }
  },
  {
    name: 'box2d, step by step',
    package: 'box2d-wasm',
    version: '7.0.0',
    glue: 'dist/umd/Box2D.js',
    chatty: true,
    what: '20 bodies, 60 steps, read each time',
    job (m) {
      const world = new m.b2World(new m.b2Vec2(0, -10))
      const bodies = Array.from({ length: 20 }, (_, i) => {
        const about = new m.b2BodyDef()
        about.set_type(m.b2_dynamicBody)
        about.set_position(new m.b2Vec2(i % 5, 4 + i))
        const body = world.CreateBody(about)
        const shape = new m.b2CircleShape()
        shape.set_m_radius(0.5)
        body.CreateFixture(shape, 1)
        return body
      })
      let sum = 0
      for (let step = 0; step < 60; step++) {
        world.Step(1 / 60, 3, 2)
        for (const body of bodies) sum += body.GetPosition().get_y()
      }
      return String(sum)
    }
  },
  {
    name: 'harfbuzz',
    package: 'harfbuzzjs',
    version: '1.6.4',
    glue: 'dist/harfbuzz.js',
    what: 'a line shaped',
    prepare: async (load, folder) => ({ font: fs.readFileSync(path.join(folder, 'dejavu-fonts-ttf', 'ttf', 'DejaVuSans.ttf')) }),
    needs: { 'dejavu-fonts-ttf': '2.37.3' },
    job (m, { font }) {
      const { malloc, ...hb } = m.wasmExports
      const face = hb.hb_face_create(hb.hb_blob_create(put(m, font, malloc), font.length, 2, 0, 0), 0)
      const buffer = hb.hb_buffer_create()
      const text = Buffer.from('A fresh instance for each request')
      hb.hb_buffer_add_utf8(buffer, put(m, text, malloc), text.length, 0, text.length)
      hb.hb_buffer_guess_segment_properties(buffer)
      hb.hb_shape(hb.hb_font_create(face), buffer, 0, 0)
      const count = hb.hb_buffer_get_length(buffer)
      const at = hb.hb_buffer_get_glyph_infos(buffer, 0)
      return digest(m.HEAPU8.slice(at, at + 20 * count))
    }
  },
  {
    name: 'jq',
    package: 'jq-web',
    version: '0.6.2',
    glue: 'jq.js',
    what: 'a filter over 100 objects',
    job: (m) => JSON.stringify(m.json({ items: Array.from({ length: 100 }, (_, i) => ({ id: i, name: `n${i % 7}` })) }, '.items | group_by(.name) | map(length)'))
  },
  {
    name: 'webpmux',
    package: 'node-webpmux',
    version: '3.2.1',
    glue: 'libwebp/libwebp.js',
    what: '100 x 80 encoded',
    job (m) {
      const encoder = new m.WebPEnc()
      encoder.init()
      encoder.setQuality(70)
      encoder.loadRGBA(put(m, pixels(100, 80, 4), m.cwrap('allocBuffer', 'number', ['number'])), 100, 80)
      encoder.encode()
      const at = encoder.getResult()
      return digest(m.HEAPU8.slice(at, at + encoder.getResultSize()))
    }
  },
  {
    name: 'libxml2',
    package: 'libxml2-wasm',
    version: '0.7.2',
    glue: 'lib/libxml2raw.mjs',
    what: '10 KB of XML read',
    job (m) {
      const text = Buffer.from(`<root>${Array.from({ length: 200 }, (_, i) => `<item id="${i}"><name>n${i % 7}</name></item>`).join('')}</root>`)
      const document = m._xmlCtxtReadMemory(m._xmlNewParserCtxt(), put(m, text), text.length, 0, 0, 0)
      return String(document !== 0 && m._xmlDocGetRootElement(document) !== 0)
    }
  }
]

// What a job needs of its package apart from the module.
async function toolsOf ({ prepare }, folder) {
  const load = (name, file) => import(pathToFileURL(path.join(folder, name, file)).href)
  return prepare ? prepare(load, folder) : {}
}

module.exports = { PACKAGES, toolsOf }
