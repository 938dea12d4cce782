'use strict'

const camera = (cv, t) => t.mat(3, 3, cv.CV_64FC1, [200, 0, 80, 0, 210, 60, 0, 0, 1])
const distortion = (cv, t) => t.mat(1, 5, cv.CV_64FC1, [0.1, -0.05, 0.001, 0.002, 0.01])
const object = (cv, t) => t.mat(8, 1, cv.CV_32FC3, [0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1.5, 0, 1, 1])
const seen = (cv, t) => t.mat(8, 1, cv.CV_32FC2, [80, 60, 118, 62, 120, 99, 79, 98, 85, 66, 113, 67, 112, 93, 84, 92])

module.exports = {
  findHomography (cv, t) {
    const from = t.random(60, 5, 0, 150)
    const to = from.map((value, i) => Math.fround(value * 1.1 + (i % 2 ? 4 : -3) + (i % 14 === 0 ? 40 : 0)))
    const mask = t.out()
    const found = t.keep(cv.findHomography(t.mat(30, 1, cv.CV_32FC2, from), t.mat(30, 1, cv.CV_32FC2, to), cv.RANSAC, 3, mask))
    return [t.show(found), t.show(mask)]
  },

  estimateAffine2D (cv, t) {
    t.need('estimateAffine2D')
    const from = t.random(40, 15, 0, 150)
    const to = from.map((value, i) => Math.fround(value * 0.8 + (i % 2 ? 4 : -3)))
    const inliers = t.out()
    const found = t.keep(cv.estimateAffine2D(t.mat(20, 1, cv.CV_32FC2, from), t.mat(20, 1, cv.CV_32FC2, to), inliers))
    return [t.show(found), t.show(inliers)]
  },

  Rodrigues (cv, t) {
    const [matrix, back] = [t.out(), t.out()]
    cv.Rodrigues(t.mat(3, 1, cv.CV_64FC1, [0.1, -0.4, 0.7]), matrix)
    cv.Rodrigues(matrix, back)
    return [t.show(matrix), t.show(back)]
  },

  undistort (cv, t) {
    const result = t.out()
    cv.undistort(t.gray(), result, camera(cv, t), distortion(cv, t))
    return t.show(result)
  },

  initUndistortRectifyMap (cv, t) {
    const [x, y] = [t.out(), t.out()]
    cv.initUndistortRectifyMap(camera(cv, t), distortion(cv, t), t.keep(cv.Mat.eye(3, 3, cv.CV_64FC1)), camera(cv, t), new cv.Size(40, 30), cv.CV_32FC1, x, y)
    return [t.show(x), t.show(y)]
  },

  projectPoints (cv, t) {
    t.need('projectPoints')
    const result = t.out()
    cv.projectPoints(object(cv, t), t.mat(3, 1, cv.CV_64FC1, [0.1, 0.2, 0.3]), t.mat(3, 1, cv.CV_64FC1, [0, 0, 6]), camera(cv, t), distortion(cv, t), result)
    return t.show(result)
  },

  solvePnP (cv, t) {
    t.need('solvePnP')
    const [rotation, translation] = [t.out(), t.out()]
    return [cv.solvePnP(object(cv, t), seen(cv, t), camera(cv, t), t.keep(cv.Mat.zeros(1, 5, cv.CV_64FC1)), rotation, translation), t.show(rotation), t.show(translation)]
  },

  solvePnPRansac (cv, t) {
    t.need('solvePnPRansac')
    const [rotation, translation] = [t.out(), t.out()]
    return [cv.solvePnPRansac(object(cv, t), seen(cv, t), camera(cv, t), t.keep(cv.Mat.zeros(1, 5, cv.CV_64FC1)), rotation, translation), t.show(rotation), t.show(translation)]
  },

  getDefaultNewCameraMatrix (cv, t) {
    t.need('getDefaultNewCameraMatrix')
    return t.show(t.keep(cv.getDefaultNewCameraMatrix(camera(cv, t), new cv.Size(160, 120), true)))
  },

  calibrateCamera (cv, t) {
    t.need('calibrateCameraExtended')
    const [objects, images] = [t.keep(new cv.MatVector()), t.keep(new cv.MatVector())]
    const grid = Array.from({ length: 20 }, (_, i) => [i % 5, Math.floor(i / 5), 0])
    for (let view = 0; view < 4; view++) {
      objects.push_back(t.mat(20, 1, cv.CV_32FC3, grid.flat()))
      images.push_back(t.mat(20, 1, cv.CV_32FC2, grid.flatMap(([x, y]) => {
        const z = 8 + 0.2 * view * x - 0.15 * y * (view - 1)
        return [80 + 200 * (x - 2) / z, 60 + 200 * (y - 1.5) / z]
      })))
    }
    const matrix = t.keep(cv.Mat.eye(3, 3, cv.CV_64FC1))
    const coefficients = t.keep(cv.Mat.zeros(1, 5, cv.CV_64FC1))
    const [rotations, translations] = [t.keep(new cv.MatVector()), t.keep(new cv.MatVector())]
    const error = cv.calibrateCameraExtended(objects, images, new cv.Size(160, 120), matrix, coefficients, rotations, translations, t.out(), t.out(), t.out())
    return [error, t.show(matrix), t.show(coefficients), rotations.size()]
  },

  fisheye (cv, t) {
    t.need('fisheye_initUndistortRectifyMap')
    const [x, y] = [t.out(), t.out()]
    cv.fisheye_initUndistortRectifyMap(camera(cv, t), t.mat(1, 4, cv.CV_64FC1, [0.1, 0.01, 0.001, 0.0001]), t.keep(cv.Mat.eye(3, 3, cv.CV_64FC1)), camera(cv, t), new cv.Size(30, 20), cv.CV_32FC1, x, y)
    return [t.show(x), t.show(y)]
  }
}
