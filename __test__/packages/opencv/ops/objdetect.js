'use strict'

const { CASCADE, qrPixels } = require('../fixtures')

function qr (cv, t) {
  const { size, bytes } = qrPixels()
  const mat = t.keep(new cv.Mat(size, size, cv.CV_8UC1))
  mat.data.set(bytes)
  return mat
}

function writeFile (cv, name, text) {
  cv.FS_createDataFile('/', name, new TextEncoder().encode(text), true, false, false)
}

// A file outlives the operation on the side that keeps its instance.
function withFile (cv, name, text, fn) {
  writeFile(cv, name, text)
  try {
    return fn()
  } finally {
    cv.FS_unlink(`/${name}`)
  }
}

module.exports = {
  CascadeClassifier (cv, t) {
    t.need('CascadeClassifier', 'FS_createDataFile', 'FS_unlink')
    return withFile(cv, 'edges.xml', CASCADE, () => {
      const classifier = t.keep(new cv.CascadeClassifier())
      const before = classifier.empty()
      const loaded = classifier.load('edges.xml')
      const found = t.keep(new cv.RectVector())
      classifier.detectMultiScale(t.gray(), found, 1.2, 2, 0)
      return [before, loaded, classifier.empty(), t.showAll(found)]
    })
  },

  CascadeClassifier_levels (cv, t) {
    t.need('CascadeClassifier', 'FS_createDataFile', 'FS_unlink')
    return withFile(cv, 'levels.xml', CASCADE, () => {
      const classifier = t.keep(new cv.CascadeClassifier('levels.xml'))
      const [found, counts] = [t.keep(new cv.RectVector()), t.keep(new cv.IntVector())]
      classifier.detectMultiScale2(t.gray(), found, counts, 1.3, 1, 0)
      return [t.showAll(found), t.showAll(counts)]
    })
  },

  CascadeClassifier_absent_file (cv, t) {
    t.need('CascadeClassifier')
    const classifier = t.keep(new cv.CascadeClassifier())
    return [t.attempt(() => classifier.load('nowhere.xml')), classifier.empty()]
  },

  CascadeClassifier_broken_file (cv, t) {
    t.need('CascadeClassifier', 'FS_createDataFile', 'FS_unlink')
    return withFile(cv, 'broken.xml', CASCADE.slice(0, 300), () => {
      const classifier = t.keep(new cv.CascadeClassifier())
      return t.attempt(() => classifier.load('broken.xml'))
    })
  },

  HOGDescriptor (cv, t) {
    t.need('HOGDescriptor')
    const hog = t.keep(new cv.HOGDescriptor())
    const names = ['derivAperture', 'gammaCorrection', 'nlevels', 'signedGradient', 'L2HysThreshold', 'winSigma'].filter((name) => name in hog)
    return names.map((name) => [name, hog[name]])
  },

  HOGDescriptor_detector (cv, t) {
    t.need('HOGDescriptor_HistogramNormType.L2Hys')
    const hog = t.keep(new cv.HOGDescriptor(new cv.Size(48, 96), new cv.Size(16, 16), new cv.Size(8, 8), new cv.Size(8, 8), 9,
      1, -1, cv.HOGDescriptor_HistogramNormType.L2Hys, 0.2, true, 64, false))
    const vector = t.keep(cv.HOGDescriptor.getDaimlerPeopleDetector())
    const weights = t.mat(vector.size(), 1, cv.CV_32FC1, t.showAll(vector))
    hog.setSVMDetector(weights)
    const [found, scores] = [t.keep(new cv.RectVector()), t.keep(new cv.DoubleVector())]
    const scaled = t.out()
    cv.resize(t.gray(), scaled, new cv.Size(320, 240), 0, 0, cv.INTER_LINEAR)
    hog.detectMultiScale(scaled, found, scores, -1, new cv.Size(8, 8), new cv.Size(0, 0), 1.2, 0, false)
    return [vector.size(), found.size(), t.showAll(found).slice(0, 10), t.showAll(scores).slice(0, 10)]
  },

  groupRectangles (cv, t) {
    t.need('groupRectangles')
    const [rects, weights] = [t.keep(new cv.RectVector()), t.keep(new cv.IntVector())]
    for (const [x, y] of [[10, 10], [11, 10], [10, 12], [80, 80], [81, 79]]) rects.push_back(new cv.Rect(x, y, 20, 20))
    cv.groupRectangles(rects, weights, 1, 0.2)
    return [t.showAll(rects), t.showAll(weights)]
  },

  QRCodeDetector (cv, t) {
    t.need('QRCodeDetector')
    const detector = t.keep(new cv.QRCodeDetector())
    const [corners, straight] = [t.out(), t.out()]
    const found = detector.detect(qr(cv, t), corners)
    const text = detector.detectAndDecode(qr(cv, t), corners, straight)
    return [found, text, t.show(corners), t.show(straight)]
  },

  QRCodeDetector_finds_nothing (cv, t) {
    t.need('QRCodeDetector')
    const detector = t.keep(new cv.QRCodeDetector())
    return [detector.detect(t.gray(), t.out()), detector.detectAndDecode(t.gray())]
  },

  ArUco (cv, t) {
    t.need('aruco_ArucoDetector', 'generateImageMarker', 'getPredefinedDictionary')
    const dictionary = t.keep(cv.getPredefinedDictionary(0))
    const marker = t.out()
    cv.generateImageMarker(dictionary, 7, 60, marker, 1)
    const scene = t.out()
    cv.copyMakeBorder(marker, scene, 30, 30, 40, 40, cv.BORDER_CONSTANT, new cv.Scalar(255))
    const parameters = t.keep(new cv.aruco_DetectorParameters())
    const refine = t.keep(new cv.aruco_RefineParameters(10, 3, true))
    const detector = t.keep(new cv.aruco_ArucoDetector(dictionary, parameters, refine))
    const corners = t.keep(new cv.MatVector())
    const ids = t.out()
    detector.detectMarkers(scene, corners, ids)
    return [t.show(marker), t.show(ids), t.showAll(corners, t.show), parameters.adaptiveThreshWinSizeMin, parameters.errorCorrectionRate]
  },

  BarcodeDetector (cv, t) {
    t.need('barcode_BarcodeDetector')
    const detector = t.keep(new cv.barcode_BarcodeDetector())
    return [detector.detect(t.gray(), t.out()), detector.detectAndDecode(t.gray())]
  }
}
