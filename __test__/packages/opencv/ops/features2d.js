'use strict'

const detector = (name, make) => (cv, t) => {
  t.need(name)
  const found = t.keep(make(cv))
  const keypoints = t.keep(new cv.KeyPointVector())
  found.detect(t.gray(), keypoints)
  return [t.keypoints(keypoints), found.getDefaultName ? found.getDefaultName() : null]
}

const describer = (name, make) => (cv, t) => {
  t.need(name)
  const found = t.keep(make(cv))
  const keypoints = t.keep(new cv.KeyPointVector())
  const descriptors = t.out()
  found.detectAndCompute(t.gray(), t.out(), keypoints, descriptors)
  return [t.keypoints(keypoints), t.show(descriptors), found.descriptorSize ? found.descriptorSize() : null]
}

function described (cv, t, options) {
  const orb = t.keep(new cv.ORB(60))
  const keypoints = t.keep(new cv.KeyPointVector())
  const descriptors = t.out()
  orb.detectAndCompute(t.gray(options), t.out(), keypoints, descriptors)
  return { keypoints, descriptors }
}

module.exports = {
  ORB: describer('ORB', (cv) => new cv.ORB(80)),
  BRISK: describer('BRISK', (cv) => new cv.BRISK()),
  AKAZE: describer('AKAZE', (cv) => new cv.AKAZE()),
  KAZE: describer('KAZE', (cv) => new cv.KAZE()),
  FAST: detector('FastFeatureDetector', (cv) => new cv.FastFeatureDetector(20)),
  AGAST: detector('AgastFeatureDetector', (cv) => new cv.AgastFeatureDetector()),
  GFTT: detector('GFTTDetector', (cv) => new cv.GFTTDetector(30)),
  MSER: detector('MSER', (cv) => new cv.MSER()),
  SimpleBlobDetector: detector('SimpleBlobDetector', (cv) => new cv.SimpleBlobDetector()),

  SimpleBlobDetector_params_has_no_constructor (cv, t) {
    t.need('SimpleBlobDetector_Params')
    return t.attempt(() => new cv.SimpleBlobDetector_Params())
  },

  GFTT_settings (cv, t) {
    t.need('GFTTDetector')
    const gftt = t.keep(new cv.GFTTDetector(30))
    const before = [gftt.getMaxFeatures(), gftt.getQualityLevel(), gftt.getMinDistance(), gftt.getHarrisDetector(), gftt.getK()]
    gftt.setK(0.1)
    gftt.setHarrisDetector(true)
    return [before, gftt.getK(), gftt.getHarrisDetector(), t.attempt(() => gftt.setK('x'))]
  },

  ORB_settings (cv, t) {
    t.need('ORB')
    const orb = t.keep(new cv.ORB(123, 1.3, 5))
    orb.setFastThreshold(11)
    return [orb.getFastThreshold(), orb.getDefaultName(), orb.descriptorType(), orb.defaultNorm(), orb.empty()]
  },

  BFMatcher_match (cv, t) {
    t.need('BFMatcher', 'ORB')
    const matcher = t.keep(new cv.BFMatcher(cv.NORM_HAMMING, true))
    const matches = t.keep(new cv.DMatchVector())
    matcher.match(described(cv, t).descriptors, described(cv, t, { shift: 6, seed: 11 }).descriptors, matches)
    return t.keypoints(matches)
  },

  BFMatcher_knnMatch (cv, t) {
    t.need('BFMatcher', 'ORB')
    const matcher = t.keep(new cv.BFMatcher(cv.NORM_HAMMING, false))
    const matches = t.keep(new cv.DMatchVectorVector())
    matcher.knnMatch(described(cv, t).descriptors, described(cv, t, { shift: 6, seed: 11 }).descriptors, matches, 2)
    return t.showAll(matches, (row) => t.showAll(row)).slice(0, 20)
  },

  drawKeypoints (cv, t) {
    t.need('ORB', 'drawKeypoints')
    const drawn = t.out()
    cv.drawKeypoints(t.gray(), described(cv, t).keypoints, drawn)
    return t.show(drawn)
  },

  drawKeypoints_with_flags (cv, t) {
    t.need('ORB', 'drawKeypoints')
    const drawn = t.out()
    cv.drawKeypoints(t.gray(), described(cv, t).keypoints, drawn, new cv.Scalar(0, 255, 0), 0)
    return t.show(drawn)
  },

  drawMatches (cv, t) {
    t.need('ORB', 'drawMatches')
    const one = described(cv, t)
    const two = described(cv, t, { shift: 6, seed: 11 })
    const matches = t.keep(new cv.DMatchVector())
    t.keep(new cv.BFMatcher(cv.NORM_HAMMING, true)).match(one.descriptors, two.descriptors, matches)
    const matched = t.out()
    cv.drawMatches(t.gray(), one.keypoints, t.gray({ shift: 6, seed: 11 }), two.keypoints, matches, matched, new cv.Scalar(0, 255, 0, 255), new cv.Scalar(255, 0, 0, 255))
    return t.show(matched)
  },

  MSER_regions (cv, t) {
    t.need('MSER', 'PointVectorVector')
    const mser = t.keep(new cv.MSER())
    const regions = t.keep(new cv.PointVectorVector())
    const boxes = t.keep(new cv.RectVector())
    mser.detectRegions(t.gray(), regions, boxes)
    return [regions.size(), t.showAll(boxes)]
  }
}
