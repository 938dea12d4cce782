'use strict'

const { open } = require('../..')

function tidy (cv) {
  const mat = new cv.Mat(4, 4, cv.CV_8UC1)
  mat.delete()
}

function forgetful (cv) {
  const kept = new cv.Mat(4, 4, cv.CV_8UC1)
  return kept.rows
}

async function main () {
  const vm = await open(require.resolve('opencv-4.12'))
  for (let i = 0; i < 3; i++) {
    const cv = await vm.isReady()
    tidy(cv)
    for (let k = 0; k <= i; k++) forgetful(cv)
    void new cv.MatVector()
  }
  console.log('done', process.argv[2])
}

main()
