'use strict'

// What is dear to set up is set up once: features of a template are found in `warmUp`, before the image is taken, and every
// generation has them.
//
//   node examples/warm-up.js

const fs = require('node:fs')
const path = require('node:path')
const jpeg = require('jpeg-js')
const { open } = require('..')

const TEMPLATE = { x: 20, y: 180, width: 260, height: 200 }
const FEATURES = 400
const CLOSE = 40

function grayOf (cv, { width, height, data }) {
  const gray = new cv.Mat()
  cv.cvtColor(cv.matFromImageData({ width, height, data }), gray, cv.COLOR_RGBA2GRAY)
  return gray
}

function describe (cv, orb, gray) {
  const keypoints = new cv.KeyPointVector()
  const descriptors = new cv.Mat()
  orb.detectAndCompute(gray, new cv.Mat(), keypoints, descriptors)
  return { keypoints, descriptors }
}

async function main () {
  const picture = jpeg.decode(fs.readFileSync(path.join(__dirname, 'picture.jpg')), { useTArray: true })
  let orb, matcher, template
  const vm = await open(require.resolve('opencv-4.12'), {
    warmUp (cv) {
      const part = grayOf(cv, picture).roi(new cv.Rect(TEMPLATE.x, TEMPLATE.y, TEMPLATE.width, TEMPLATE.height))
      orb = new cv.ORB(FEATURES)
      matcher = new cv.BFMatcher(cv.NORM_HAMMING, true)
      template = describe(cv, orb, part)
    }
  })
  for (const mirrored of [false, true]) {
    const cv = await vm.isReady()
    const gray = grayOf(cv, picture)
    if (mirrored) cv.flip(gray, gray, 1)
    const scene = describe(cv, orb, gray)
    const matches = new cv.DMatchVector()
    matcher.match(template.descriptors, scene.descriptors, matches)
    let good = 0
    for (let i = 0; i < matches.size(); i++) if (matches.get(i).distance < CLOSE) good++
    console.log(`generation ${vm.generation}: ${good} of ${template.keypoints.size()} features found in the ${mirrored ? 'mirrored' : 'same'} picture`)
  }
  vm.dispose()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
