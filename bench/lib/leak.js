'use strict'

const MATS = 100

// Leaks `megabytes` of written memory in a hundred Mats.
function leak (cv, megabytes) {
  if (megabytes === 0) return
  const columns = Math.round(megabytes * 2 ** 20 / MATS)
  const value = new cv.Scalar(1, 2, 3, 4)
  for (let i = 0; i < MATS; i++) void new cv.Mat(1, columns, cv.CV_8UC1, value)
}

module.exports = { leak }
