'use strict'

// What can be done with a picture: tasks of the pool, JPEG in, JPEG out.

const { outline, sketch, blur } = require('../service/operations')

// A job that never ends, as a hostile picture might make one.
function endless (cv) {
  const source = cv.Mat.ones(1024, 1024, cv.CV_8UC1)
  const result = new cv.Mat()
  for (;;) cv.GaussianBlur(source, result, new cv.Size(31, 31), 0)
}

module.exports = { outline, sketch, blur, endless }
