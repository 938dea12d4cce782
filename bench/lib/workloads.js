'use strict'

// The operations of bench/ops.js: `make(cv)` sets up once and gives the function that is measured.

const WIDTH = 1920
const HEIGHT = 1080

function noise (seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

// Rectangles of many sizes over a ramp, with grain: edges, corners and flat parts.
function picture () {
  const random = noise(1)
  const data = new Uint8Array(WIDTH * HEIGHT * 4)
  for (let y = 0, i = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, i += 4) {
      const grain = random() * 10
      data[i] = x / 10 + grain
      data[i + 1] = y / 6 + grain
      data[i + 2] = (x + y) / 14 + grain
      data[i + 3] = 255
    }
  }
  for (let box = 0; box < 220; box++) {
    const [x0, y0, w, h] = [random() * WIDTH, random() * HEIGHT, 8 + random() * 160, 8 + random() * 120].map(Math.floor)
    const colour = [random() * 255, random() * 255, random() * 255]
    for (let y = y0; y < Math.min(HEIGHT, y0 + h); y++) {
      for (let x = x0; x < Math.min(WIDTH, x0 + w); x++) data.set(colour, (y * WIDTH + x) * 4)
    }
  }
  return data
}

let pixels
function rgba (cv) {
  pixels = pixels || picture()
  const mat = new cv.Mat(HEIGHT, WIDTH, cv.CV_8UC4)
  mat.data.set(pixels)
  return mat
}

function gray (cv) {
  const [source, result] = [rgba(cv), new cv.Mat()]
  cv.cvtColor(source, result, cv.COLOR_RGBA2GRAY)
  source.delete()
  return result
}

const HEAVY = {
  'cvtColor RGBA to gray' (cv) {
    const [source, result] = [rgba(cv), new cv.Mat()]
    return () => cv.cvtColor(source, result, cv.COLOR_RGBA2GRAY)
  },
  'GaussianBlur 9x9' (cv) {
    const [source, result, size] = [gray(cv), new cv.Mat(), new cv.Size(9, 9)]
    return () => cv.GaussianBlur(source, result, size, 2)
  },
  Canny (cv) {
    const [source, result] = [gray(cv), new cv.Mat()]
    return () => cv.Canny(source, result, 50, 120)
  },
  'resize to 960x540' (cv) {
    const [source, result, size] = [rgba(cv), new cv.Mat(), new cv.Size(WIDTH / 2, HEIGHT / 2)]
    return () => cv.resize(source, result, size, 0, 0, cv.INTER_AREA)
  },
  'medianBlur 5' (cv) {
    const [source, result] = [gray(cv), new cv.Mat()]
    return () => cv.medianBlur(source, result, 5)
  },
  warpPerspective (cv) {
    const [source, result, size] = [rgba(cv), new cv.Mat(), new cv.Size(WIDTH, HEIGHT)]
    const matrix = cv.matFromArray(3, 3, cv.CV_64FC1, [1, 0.05, -20, -0.03, 1.02, 10, 1e-5, 2e-5, 1])
    return () => cv.warpPerspective(source, result, matrix, size)
  },
  'ORB, 500 features' (cv) {
    const [source, mask, orb, keypoints, result] = [gray(cv), new cv.Mat(), new cv.ORB(500), new cv.KeyPointVector(), new cv.Mat()]
    return () => orb.detectAndCompute(source, mask, keypoints, result)
  },
  findContours (cv) {
    const [source, edges, contours, hierarchy] = [gray(cv), new cv.Mat(), new cv.MatVector(), new cv.Mat()]
    cv.Canny(source, edges, 50, 120)
    return () => cv.findContours(edges, contours, hierarchy, cv.RETR_TREE, cv.CHAIN_APPROX_SIMPLE)
  },
  'matchTemplate 64x64' (cv) {
    const [source, result] = [gray(cv), new cv.Mat()]
    const template = source.roi(new cv.Rect(700, 400, 64, 64)).clone()
    return () => cv.matchTemplate(source, template, result, cv.TM_CCOEFF_NORMED)
  }
}

const SMALL = {
  'm.rows' (cv) {
    const m = new cv.Mat(8, 8, cv.CV_8UC1)
    return () => m.rows
  },
  'm.channels()' (cv) {
    const m = new cv.Mat(8, 8, cv.CV_8UC1)
    return () => m.channels()
  },
  'm.ucharAt(3, 4)' (cv) {
    const m = new cv.Mat(8, 8, cv.CV_8UC1)
    return () => m.ucharAt(3, 4)
  },
  'm.data' (cv) {
    const m = new cv.Mat(8, 8, cv.CV_8UC1)
    return () => m.data
  },
  'new cv.Mat() and delete()' (cv) {
    return () => new cv.Mat().delete()
  },
  'new cv.Size(3, 4)' (cv) {
    return () => new cv.Size(3, 4)
  }
}

module.exports = { HEAVY, SMALL }
