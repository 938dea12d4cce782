'use strict'

module.exports = {
  BackgroundSubtractorMOG2 (cv, t) {
    t.need('BackgroundSubtractorMOG2')
    const subtractor = t.keep(new cv.BackgroundSubtractorMOG2(20, 16, true))
    const mask = t.out()
    const shown = []
    for (let frame = 0; frame < 6; frame++) {
      subtractor.apply(t.rgb({ shift: frame * 3, seed: frame + 1 }), mask, -1)
      shown.push(t.show(mask))
    }
    const background = t.out()
    if (subtractor.getBackgroundImage) subtractor.getBackgroundImage(background)
    return [shown, t.show(background), subtractor.getHistory ? subtractor.getHistory() : null]
  },

  calcOpticalFlowPyrLK (cv, t) {
    const points = t.mat(5, 1, cv.CV_32FC2, [40, 40, 46, 36, 100, 70, 112, 78, 85, 20])
    const [next, status, error] = [t.out(), t.out(), t.out()]
    cv.calcOpticalFlowPyrLK(t.gray(), t.gray({ shift: 3 }), points, next, status, error, new cv.Size(15, 15), 2, new cv.TermCriteria(3, 10, 0.03))
    return [next, status, error].map(t.show)
  },

  calcOpticalFlowFarneback (cv, t) {
    const flow = t.out()
    cv.calcOpticalFlowFarneback(t.gray(), t.gray({ shift: 2 }), flow, 0.5, 2, 11, 2, 5, 1.1, 0)
    return t.show(flow)
  },

  CamShift_and_meanShift (cv, t) {
    const criteria = new cv.TermCriteria(3, 10, 1)
    return [cv.CamShift(t.mask(), new cv.Rect(20, 20, 30, 30), criteria), cv.meanShift(t.mask(), new cv.Rect(90, 60, 30, 30), criteria)]
  },

  findTransformECC (cv, t) {
    const warp = t.mat(2, 3, cv.CV_32FC1, [1, 0, 0, 0, 1, 0])
    const criteria = new cv.TermCriteria(3, 15, 1e-4)
    return t.attempt(() => [cv.findTransformECC(t.gray(), t.gray({ shift: 2 }), warp, 0, criteria, t.out(), 5), t.show(warp)])
  },

  TrackerMIL (cv, t) {
    t.need('TrackerMIL')
    const tracker = t.keep(new cv.TrackerMIL())
    tracker.init(t.rgb(), new cv.Rect(18, 18, 44, 44))
    return t.attempt(() => tracker.update(t.rgb({ shift: 2 })))
  },

  accumulate_by_hand (cv, t) {
    const mean = t.keep(cv.Mat.zeros(120, 160, cv.CV_32FC1))
    for (let frame = 0; frame < 5; frame++) {
      const float = t.out()
      t.gray({ shift: frame }).convertTo(float, cv.CV_32F)
      cv.addWeighted(mean, 0.8, float, 0.2, 0, mean)
    }
    return t.show(mean)
  }
}
