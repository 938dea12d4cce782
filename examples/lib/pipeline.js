'use strict'

// A request of an image service: JPEG in, the outlines of what is on the picture drawn on it, JPEG out.
// It deletes nothing. Under plain opencv.js that is a leak of several megabytes a request.

const jpeg = require('jpeg-js')

const MIN_AREA = 150
const QUALITY = 85

function outline (cv, picture) {
  const { width, height, data } = jpeg.decode(picture, { useTArray: true })
  const source = cv.matFromImageData({ width, height, data })

  const gray = new cv.Mat()
  cv.cvtColor(source, gray, cv.COLOR_RGBA2GRAY)
  const smooth = new cv.Mat()
  cv.GaussianBlur(gray, smooth, new cv.Size(5, 5), 0)
  const edges = new cv.Mat()
  cv.Canny(smooth, edges, 40, 110)
  const closed = new cv.Mat()
  cv.morphologyEx(edges, closed, cv.MORPH_CLOSE, cv.getStructuringElement(cv.MORPH_ELLIPSE, new cv.Size(7, 7)))

  const contours = new cv.MatVector()
  const hierarchy = new cv.Mat()
  cv.findContours(closed, contours, hierarchy, cv.RETR_EXTERNAL, cv.CHAIN_APPROX_SIMPLE)
  let found = 0
  for (let i = 0; i < contours.size(); i++) {
    if (cv.contourArea(contours.get(i)) < MIN_AREA) continue
    found++
    cv.drawContours(source, contours, i, new cv.Scalar(255, 60, 40, 255), 2, cv.LINE_AA, hierarchy, 0)
  }

  const result = jpeg.encode({ width, height, data: source.data }, QUALITY)
  return { found, picture: result.data }
}

module.exports = { outline }
