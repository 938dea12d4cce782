'use strict'

// What the service does with a picture. Each is a task of the pool: JPEG in, JPEG out, and nothing deleted.

const jpeg = require('jpeg-js')
const { outline } = require('../lib/pipeline')

const QUALITY = 85

function through (process) {
  return (cv, picture) => {
    const { width, height, data } = jpeg.decode(picture, { useTArray: true })
    const result = new cv.Mat()
    process(cv, cv.matFromImageData({ width, height, data }), result)
    return { picture: jpeg.encode({ width, height, data: result.data }, QUALITY).data }
  }
}

// A pencil drawing: the picture divided by its own blurred negative.
const sketch = through((cv, source, result) => {
  const gray = new cv.Mat()
  cv.cvtColor(source, gray, cv.COLOR_RGBA2GRAY)
  const negative = new cv.Mat()
  cv.bitwise_not(gray, negative)
  const blurred = new cv.Mat()
  cv.GaussianBlur(negative, blurred, new cv.Size(21, 21), 0)
  const light = new cv.Mat()
  cv.bitwise_not(blurred, light)
  const drawn = new cv.Mat()
  cv.divide(gray, light, drawn, 255)
  cv.cvtColor(drawn, result, cv.COLOR_GRAY2RGBA)
})

const blur = through((cv, source, result) => {
  cv.GaussianBlur(source, result, new cv.Size(0, 0), 6)
})

module.exports = { outline: (cv, picture) => outline(cv, picture), sketch, blur }
