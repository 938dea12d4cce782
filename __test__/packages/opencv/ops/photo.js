'use strict'

const hdr = (cv, t) => t.mat(30, 40, cv.CV_32FC3, t.random(3600, 77, 0.01, 20))

const tonemap = (name, make) => (cv, t) => {
  t.need(name)
  const result = t.out()
  t.keep(make(cv)).process(hdr(cv, t), result)
  return t.show(result)
}

function exposures (cv, t) {
  const images = t.keep(new cv.MatVector())
  for (const gain of [0.5, 1, 1.8]) {
    const image = t.out()
    cv.convertScaleAbs(t.rgb(), image, gain, 0)
    images.push_back(image)
  }
  return images
}

module.exports = {
  inpaint (cv, t) {
    const mask = t.keep(cv.Mat.zeros(120, 160, cv.CV_8UC1))
    cv.line(mask, new cv.Point(20, 20), new cv.Point(120, 90), new cv.Scalar(255), 3)
    return [cv.INPAINT_TELEA, cv.INPAINT_NS].map((method) => {
      const result = t.out()
      cv.inpaint(t.rgb(), mask, result, 3, method)
      return t.show(result)
    })
  },

  denoising (cv, t) {
    t.need('fastNlMeansDenoising')
    const result = t.out()
    cv.fastNlMeansDenoising(t.gray(), result, 5, 5, 11)
    return t.show(result)
  },

  Tonemap_has_no_constructor (cv, t) {
    t.need('Tonemap')
    return t.attempt(() => new cv.Tonemap(2.2))
  },

  TonemapDrago: tonemap('TonemapDrago', (cv) => new cv.TonemapDrago(1.5, 0.9, 0.8)),
  TonemapMantiuk: tonemap('TonemapMantiuk', (cv) => new cv.TonemapMantiuk(1.2, 0.7, 1)),
  TonemapReinhard: tonemap('TonemapReinhard', (cv) => new cv.TonemapReinhard(1.1, 0.5, 0.3, 0.2)),

  MergeMertens (cv, t) {
    t.need('MergeMertens')
    const result = t.out()
    t.keep(new cv.MergeMertens(1, 1, 0.5)).process(exposures(cv, t), result, t.mat(3, 1, cv.CV_32FC1, [0.5, 1, 1.8]), t.out())
    return t.show(result)
  },

  CalibrateDebevec (cv, t) {
    t.need('CalibrateDebevec')
    const response = t.out()
    t.keep(new cv.CalibrateDebevec(20, 10, false)).process(exposures(cv, t), response, t.mat(3, 1, cv.CV_32FC1, [0.5, 1, 1.8]))
    return t.show(response)
  },

  AlignMTB (cv, t) {
    t.need('AlignMTB')
    const align = t.keep(new cv.AlignMTB(4, 4, false))
    return align.calculateShift ? align.calculateShift(t.gray(), t.gray({ shift: 3 })) : null
  },

  blobFromImage (cv, t) {
    t.need('blobFromImage')
    const blob = t.keep(cv.blobFromImage(t.rgb({ width: 8, height: 6 }), 1 / 255, new cv.Size(4, 3), new cv.Scalar(1, 2, 3), true, false))
    return Array.from(blob.data32F)
  }
}
