'use strict'

// Every operation of the comparison, by module of OpenCV: `name: (cv, context) => plain result`.

const GROUPS = {
  core: require('./ops/core'),
  imgproc: require('./ops/imgproc'),
  features2d: require('./ops/features2d'),
  calib3d: require('./ops/calib3d'),
  objdetect: require('./ops/objdetect'),
  video: require('./ops/video'),
  photo: require('./ops/photo'),
  language: require('./ops/language')
}

module.exports = Object.fromEntries(Object.entries(GROUPS).flatMap(([group, operations]) =>
  Object.entries(operations).map(([name, operation]) => [`${group}.${name}`, operation])))
