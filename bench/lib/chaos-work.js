'use strict'

// What the handler of bench/chaos.js does: good work whose answer is known, and five ways to do harm.

const { createHash } = require('node:crypto')
const path = require('node:path')

const FILES = {
  opencv: require.resolve('opencv-4.12'),
  jpeg: path.join(path.dirname(require.resolve('@jsquash/jpeg/package.json')), 'codec/enc/mozjpeg_enc.js')
}

// Long enough for good work on a machine that others use as well.
const TIMEOUT = 1000

const OPTIONS = {
  opencv: { host: 'native', timeout: TIMEOUT, memory: { max: '512mb' }, print () {}, printErr () {} },
  jpeg: { host: 'glue', timeout: TIMEOUT, memory: { max: '512mb' }, print () {}, printErr () {} }
}

const JPEG = {
  quality: 75, baseline: false, arithmetic: false, progressive: true, optimize_coding: true, smoothing: 0, color_space: 3, quant_table: 3,
  trellis_multipass: false, trellis_opt_zero: false, trellis_opt_table: false, trellis_loops: 1, auto_subsample: true, chroma_subsample: 2,
  separate_chroma_quality: false, chroma_quality: 75
}

const SIDE = 96
const LARGE_SIDE = 4000
const LARGE = new Uint8ClampedArray(LARGE_SIDE * LARGE_SIDE * 4).map((_, i) => Math.imul(i, 2654435761) >>> 13)
const digest = (data) => createHash('sha256').update(data).digest('hex')

// The image that a request's seed stands for.
function image (seed) {
  let state = seed >>> 0
  return Uint8ClampedArray.from({ length: SIDE * SIDE * 4 }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return ((i >> 4) + (state >>> 27)) & 255
  })
}

const seedOf = (input) => Number(input.toString())

function blurred (cv, seed) {
  const source = new cv.Mat(SIDE, SIDE, cv.CV_8UC4)
  source.data.set(image(seed))
  const [gray, result] = [new cv.Mat(), new cv.Mat()]
  cv.cvtColor(source, gray, cv.COLOR_RGBA2GRAY)
  cv.GaussianBlur(gray, result, new cv.Size(5, 5), 1.5)
  return digest(result.data)
}

// `expect`: 'answer' (the same digest as the package gives in V8), or the error that the sandbox must give. `share`: of all
// requests.
const WORK = {
  blur: { sandbox: 'opencv', expect: 'answer', share: 50, run: (cv, input) => blurred(cv, seedOf(input)) },
  jpeg: { sandbox: 'jpeg', expect: 'answer', share: 20, run: (module, input) => digest(module.encode(image(seedOf(input)), SIDE, SIDE, JPEG)) },
  leak: {
    sandbox: 'opencv',
    expect: 'answer',
    share: 10,
    run (cv, input) {
      const seed = seedOf(input)
      for (let i = 0; i < 1 + seed % 20; i++) void new cv.Mat(1024, 1024, cv.CV_8UC1, new cv.Scalar(seed % 256))
      return blurred(cv, seed)
    }
  },
  bomb: {
    sandbox: 'opencv',
    expect: ['EMVM_ERR_MEMORY', 'EMVM_ERR_CPP_EXCEPTION'],
    share: 2,
    run (cv) { for (;;) void new cv.Mat(8192, 8192, cv.CV_8UC1) }
  },
  trap: {
    sandbox: 'opencv',
    expect: ['EMVM_ERR_TRAP'],
    share: 5,
    run (cv) {
      const mat = new cv.Mat(512, 512, cv.CV_8UC4)
      // The header's pointer to the pixels, now past the end of memory.
      const at = cv.HEAPU32.indexOf(mat.data.byteOffset, mat.$$.ptr >> 2)
      cv.HEAPU32[at] = 0xf0000000
      cv.cvtColor(mat, new cv.Mat(), cv.COLOR_RGBA2GRAY)
    }
  },
  loop: {
    sandbox: 'opencv',
    expect: ['EMVM_ERR_TIMEOUT'],
    share: 2,
    run (cv) {
      const source = new cv.Mat(1080, 1920, cv.CV_8UC3, new cv.Scalar(1, 2, 3))
      cv.bilateralFilter(source, new cv.Mat(), 101, 80, 80)
    }
  },
  throw: {
    sandbox: 'opencv',
    expect: ['EMVM_ERR_CPP_EXCEPTION'],
    share: 5,
    run (cv) { cv.cvtColor(new cv.Mat(), new cv.Mat(), cv.COLOR_RGBA2GRAY) }
  },
  jpegTrap: {
    sandbox: 'jpeg',
    expect: ['EMVM_ERR_TRAP', 'EMVM_ERR_ABORT'],
    share: 3,
    run (module) {
      module.HEAPU8.fill(255)
      module.encode(image(1), SIDE, SIDE, JPEG)
    }
  },
  jpegLoop: {
    sandbox: 'jpeg',
    expect: ['EMVM_ERR_TIMEOUT'],
    share: 1,
    run (module) { module.encode(LARGE, LARGE_SIDE, LARGE_SIDE, { ...JPEG, trellis_loops: 50, trellis_multipass: true }) }
  }
}

module.exports = { FILES, OPTIONS, WORK, TIMEOUT }
