'use strict'

const apply = (name, picture, ...rest) => (cv, t) => {
  t.need(name)
  const result = t.out()
  cv[name](t[picture](), result, ...rest.map((value) => typeof value === 'function' ? value(cv, t) : value))
  return t.show(result)
}

const kernel = (cv, t) => t.keep(cv.getStructuringElement(cv.MORPH_ELLIPSE, new cv.Size(5, 5)))
const points = (t, type, values) => t.mat(values.length / 2, 1, type, values)

module.exports = {
  cvtColor (cv, t) {
    return ['COLOR_RGBA2GRAY', 'COLOR_RGBA2RGB', 'COLOR_RGBA2BGRA', 'COLOR_RGB2HSV', 'COLOR_RGB2Lab', 'COLOR_RGB2YCrCb', 'COLOR_RGB2Luv', 'COLOR_RGB2HLS', 'COLOR_RGB2XYZ', 'COLOR_RGB2YUV']
      .map((code) => {
        const result = t.out()
        cv.cvtColor(code.startsWith('COLOR_RGBA') ? t.rgba() : t.rgb(), result, cv[code], 0)
        return [code, t.show(result)]
      })
  },

  blur: apply('blur', 'rgba', (cv) => new cv.Size(5, 3), (cv) => new cv.Point(-1, -1), (cv) => cv.BORDER_DEFAULT),
  boxFilter: apply('boxFilter', 'gray', -1, (cv) => new cv.Size(7, 7)),
  GaussianBlur: apply('GaussianBlur', 'rgba', (cv) => new cv.Size(9, 9), 1.7, 2.3),
  medianBlur: apply('medianBlur', 'rgb', 5),
  bilateralFilter: apply('bilateralFilter', 'rgb', 9, 75, 75, (cv) => cv.BORDER_DEFAULT),
  filter2D: apply('filter2D', 'gray', (cv) => cv.CV_32F, (cv, t) => t.mat(3, 3, cv.CV_32FC1, [0, -1.5, 0.25, -1, 5, -1, 0, -1, 0.1])),
  sepFilter2D: apply('sepFilter2D', 'gray', (cv) => cv.CV_32F, (cv, t) => t.mat(1, 3, cv.CV_32FC1, [0.25, 0.5, 0.25]), (cv, t) => t.mat(1, 3, cv.CV_32FC1, [-1, 0, 1])),
  Sobel: apply('Sobel', 'gray', (cv) => cv.CV_16S, 1, 0, 3, 1, 0),
  Scharr: apply('Scharr', 'gray', (cv) => cv.CV_32F, 0, 1),
  Laplacian: apply('Laplacian', 'gray', (cv) => cv.CV_64F, 3, 0.5, 1),
  Canny: apply('Canny', 'gray', 50, 120, 3, true),
  dilate: apply('dilate', 'rgba', kernel),
  erode: apply('erode', 'gray', kernel, (cv) => new cv.Point(-1, -1), 2),
  morphologyEx: apply('morphologyEx', 'gray', (cv) => cv.MORPH_GRADIENT, kernel),
  resize_area: apply('resize', 'rgba', (cv) => new cv.Size(61, 47), 0, 0, (cv) => cv.INTER_AREA),
  resize_cubic: apply('resize', 'rgb', (cv) => new cv.Size(0, 0), 1.7, 1.3, (cv) => cv.INTER_CUBIC),
  resize_lanczos: apply('resize', 'gray', (cv) => new cv.Size(200, 90), 0, 0, (cv) => cv.INTER_LANCZOS4),
  pyrDown: apply('pyrDown', 'rgba'),
  pyrUp: apply('pyrUp', 'gray'),
  equalizeHist: apply('equalizeHist', 'gray'),
  adaptiveThreshold: apply('adaptiveThreshold', 'gray', 255, (cv) => cv.ADAPTIVE_THRESH_GAUSSIAN_C, (cv) => cv.THRESH_BINARY, 11, 2),
  warpAffine: apply('warpAffine', 'rgba', (cv, t) => t.mat(2, 3, cv.CV_64FC1, [0.9, 0.2, 5, -0.1, 1.1, 3]), (cv) => new cv.Size(150, 130), (cv) => cv.INTER_LINEAR, (cv) => cv.BORDER_CONSTANT, (cv) => new cv.Scalar(9, 8, 7, 255)),
  warpPerspective: apply('warpPerspective', 'rgb', (cv, t) => t.mat(3, 3, cv.CV_64FC1, [1, 0.1, 2, -0.05, 1, 4, 0.0005, 0.0002, 1]), (cv) => new cv.Size(160, 120)),
  warpPolar: apply('warpPolar', 'gray', (cv) => new cv.Size(90, 120), (cv) => new cv.Point(80, 60), 60, 0),
  convertScaleAbs: apply('convertScaleAbs', 'gray', -1.5, 30),
  cornerHarris: apply('cornerHarris', 'gray', 2, 3, 0.04),
  cornerMinEigenVal: apply('cornerMinEigenVal', 'gray', 3, 3),
  sqrBoxFilter: apply('sqrBoxFilter', 'gray', -1, (cv) => new cv.Size(3, 3)),
  stackBlur: apply('stackBlur', 'rgba', (cv) => new cv.Size(7, 7)),
  applyColorMap: apply('applyColorMap', 'gray', 2),

  threshold (cv, t) {
    return ['THRESH_BINARY_INV', 'THRESH_TRUNC', 'THRESH_TOZERO'].map((kind) => {
      const result = t.out()
      return [cv.threshold(t.gray(), result, 100, 200, cv[kind]), t.show(result)]
    }).concat([[cv.threshold(t.gray(), t.out(), 0, 255, cv.THRESH_BINARY | cv.THRESH_OTSU)]])
  },

  integral (cv, t) {
    const [sum, square, tilted] = [t.out(), t.out(), t.out()]
    cv.integral(t.gray(), sum)
    cv.integral2(t.gray(), tilted, square)
    return [sum, square, tilted].map(t.show)
  },

  histograms (cv, t) {
    const source = t.keep(new cv.MatVector())
    source.push_back(t.gray())
    const [one, two, back] = [t.out(), t.out(), t.out()]
    cv.calcHist(source, [0], t.out(), one, [32], [0, 256])
    const other = t.keep(new cv.MatVector())
    other.push_back(t.gray({ shift: 12, seed: 5 }))
    cv.calcHist(other, [0], t.out(), two, [32], [0, 256])
    cv.calcBackProject(source, [0], one, back, [0, 256], 1)
    return [t.show(one), t.show(back), [cv.HISTCMP_CORREL, cv.HISTCMP_CHISQR, cv.HISTCMP_BHATTACHARYYA].map((method) => cv.compareHist(one, two, method))]
  },

  CLAHE (cv, t) {
    t.need('CLAHE')
    const clahe = t.keep(new cv.CLAHE(3, new cv.Size(8, 8)))
    const result = t.out()
    clahe.apply(t.gray(), result)
    return [t.show(result), clahe.getClipLimit ? clahe.getClipLimit() : null]
  },

  findContours (cv, t) {
    const { contours, hierarchy } = t.contours(cv.RETR_TREE)
    return [t.showAll(contours, t.show), t.show(hierarchy)]
  },

  contour_shapes (cv, t) {
    const contour = t.largestContour()
    const [approx, hull, defects] = [t.out(), t.out(), t.out()]
    cv.approxPolyDP(contour, approx, 3, true)
    cv.convexHull(contour, hull, false, false)
    cv.convexityDefects(contour, hull, defects)
    return [cv.contourArea(contour, false), cv.arcLength(contour, true), cv.isContourConvex(contour), cv.boundingRect(contour), cv.minAreaRect(contour),
      cv.minEnclosingCircle(contour), cv.fitEllipse(contour), cv.moments(contour, false), t.show(approx), t.show(hull), t.show(defects),
      cv.pointPolygonTest(contour, new cv.Point(40, 40), true), cv.matchShapes(contour, approx, 1, 0)]
  },

  HuMoments (cv, t) {
    t.need('HuMoments')
    const hu = t.out()
    cv.HuMoments(cv.moments(t.largestContour(), false), hu)
    return t.show(hu)
  },

  fitLine (cv, t) {
    const line = t.out()
    cv.fitLine(t.largestContour(), line, cv.DIST_L2, 0, 0.01, 0.01)
    return t.show(line)
  },

  minEnclosingTriangle (cv, t) {
    t.need('minEnclosingTriangle')
    const triangle = t.out()
    return [cv.minEnclosingTriangle(t.largestContour(), triangle), t.show(triangle)]
  },

  rotated_rectangles (cv, t) {
    const rect = new cv.RotatedRect(new cv.Point(50, 60), new cv.Size(40, 20), 33)
    return [rect, cv.rotatedRectPoints(rect), cv.rotatedRectBoundingRect(rect), cv.rotatedRectBoundingRect2f(rect)]
  },

  connectedComponents (cv, t) {
    const [labels, stats, centroids] = [t.out(), t.out(), t.out()]
    return [cv.connectedComponents(t.mask(), labels, 8, cv.CV_32S), t.show(labels),
      cv.connectedComponentsWithStats(t.mask(), labels, stats, centroids, 4, cv.CV_32S), t.show(stats), t.show(centroids)]
  },

  distanceTransform (cv, t) {
    const [distances, labelled, labels] = [t.out(), t.out(), t.out()]
    cv.distanceTransform(t.mask(), distances, cv.DIST_L2, 5)
    cv.distanceTransformWithLabels(t.mask(), labelled, labels, cv.DIST_L2, 5, cv.DIST_LABEL_CCOMP)
    return [distances, labelled, labels].map(t.show)
  },

  watershed (cv, t) {
    const markers = t.keep(cv.Mat.zeros(120, 160, cv.CV_32SC1))
    markers.intPtr(40, 40)[0] = 1
    markers.intPtr(78, 112)[0] = 2
    markers.intPtr(5, 5)[0] = 3
    cv.watershed(t.rgb(), markers)
    return t.show(markers)
  },

  grabCut (cv, t) {
    const [mask, background, foreground] = [t.out(), t.out(), t.out()]
    cv.grabCut(t.rgb(), mask, new cv.Rect(15, 15, 60, 60), background, foreground, 2, cv.GC_INIT_WITH_RECT)
    return [mask, background, foreground].map(t.show)
  },

  floodFill (cv, t) {
    const image = t.gray()
    const mask = t.keep(cv.Mat.zeros(122, 162, cv.CV_8UC1))
    return t.attempt(() => [cv.floodFill(image, mask, new cv.Point(40, 50), new cv.Scalar(255)), t.show(image), t.show(mask)])
  },

  Hough (cv, t) {
    const edges = t.out()
    cv.Canny(t.gray(), edges, 50, 150, 3)
    const [lines, segments, circles] = [t.out(), t.out(), t.out()]
    cv.HoughLines(edges, lines, 1, Math.PI / 180, 40, 0, 0, 0, Math.PI)
    cv.HoughLinesP(edges, segments, 1, Math.PI / 180, 20, 15, 5)
    cv.HoughCircles(t.gray(), circles, cv.HOUGH_GRADIENT, 1, 20, 90, 20, 5, 40)
    return [lines, segments, circles].map(t.show)
  },

  matchTemplate (cv, t) {
    const part = t.keep(t.gray().roi(new cv.Rect(30, 30, 24, 20)))
    return [cv.TM_SQDIFF, cv.TM_CCOEFF_NORMED, cv.TM_CCORR_NORMED].map((method) => {
      const result = t.out()
      cv.matchTemplate(t.gray(), part, result, method)
      return [t.show(result), cv.minMaxLoc(result)]
    })
  },

  goodFeaturesToTrack (cv, t) {
    t.need('goodFeaturesToTrack')
    const corners = t.out()
    cv.goodFeaturesToTrack(t.gray(), corners, 25, 0.01, 8)
    return t.show(corners)
  },

  remap (cv, t) {
    const n = 120 * 160
    const x = t.mat(120, 160, cv.CV_32FC1, Array.from({ length: n }, (_, i) => (i % 160) + 3 * Math.sin(i / 900)))
    const y = t.mat(120, 160, cv.CV_32FC1, Array.from({ length: n }, (_, i) => Math.floor(i / 160) + 2 * Math.cos(i / 500)))
    const result = t.out()
    cv.remap(t.rgba(), result, x, y, cv.INTER_LINEAR, cv.BORDER_REFLECT)
    return t.show(result)
  },

  geometric_transforms (cv, t) {
    const from = points(t, cv.CV_32FC2, [0, 0, 100, 5, 90, 110, 3, 95])
    const to = points(t, cv.CV_32FC2, [5, 5, 95, 0, 100, 100, 0, 100])
    const three = points(t, cv.CV_32FC2, [0, 0, 100, 5, 90, 110])
    const threeTo = points(t, cv.CV_32FC2, [2, 1, 99, 9, 85, 117])
    return [cv.getPerspectiveTransform(from, to), cv.getAffineTransform(three, threeTo), cv.getRotationMatrix2D(new cv.Point(20, 30), 25, 1.3)].map((mat) => t.show(t.keep(mat)))
  },

  invertAffineTransform (cv, t) {
    t.need('invertAffineTransform')
    const result = t.out()
    cv.invertAffineTransform(t.mat(2, 3, cv.CV_64FC1, [0.9, 0.2, 5, -0.1, 1.1, 3]), result)
    return t.show(result)
  },

  drawing (cv, t) {
    const canvas = t.keep(cv.Mat.zeros(120, 160, cv.CV_8UC3))
    cv.line(canvas, new cv.Point(3, 5), new cv.Point(150, 100), new cv.Scalar(255, 0, 0), 3, cv.LINE_AA, 0)
    cv.rectangle(canvas, new cv.Point(10, 10), new cv.Point(60, 50), new cv.Scalar(0, 255, 0), -1)
    cv.circle(canvas, new cv.Point(90, 60), 25, new cv.Scalar(0, 0, 255), 2, cv.LINE_8)
    cv.ellipse(canvas, new cv.Point(80, 80), new cv.Size(50, 20), 30, 0, 270, new cv.Scalar(255, 255, 0), 2)
    cv.putText(canvas, 'emvm åßç 42', new cv.Point(5, 100), cv.FONT_HERSHEY_SIMPLEX, 0.7, new cv.Scalar(255, 255, 255), 1, cv.LINE_AA)
    const { contours, hierarchy } = t.contours(cv.RETR_CCOMP)
    cv.drawContours(canvas, contours, -1, new cv.Scalar(128, 64, 32), 1, cv.LINE_8, hierarchy, 100)
    return t.show(canvas)
  },

  polygons (cv, t) {
    const canvas = t.keep(cv.Mat.zeros(60, 60, cv.CV_8UC1))
    const shapes = t.keep(new cv.MatVector())
    shapes.push_back(points(t, cv.CV_32SC2, [5, 5, 50, 10, 40, 50, 10, 40]))
    cv.fillPoly(canvas, shapes, new cv.Scalar(200))
    cv.fillConvexPoly(canvas, points(t, cv.CV_32SC2, [20, 20, 30, 22, 25, 35]), new cv.Scalar(90))
    if (cv.polylines) cv.polylines(canvas, shapes, true, new cv.Scalar(255), 2)
    return t.show(canvas)
  },

  arrows_and_markers (cv, t) {
    t.need('arrowedLine', 'drawMarker')
    const canvas = t.keep(cv.Mat.zeros(60, 60, cv.CV_8UC1))
    cv.arrowedLine(canvas, new cv.Point(5, 5), new cv.Point(50, 40), new cv.Scalar(255))
    cv.drawMarker(canvas, new cv.Point(30, 40), new cv.Scalar(128), 0, 20, 2, 8)
    return t.show(canvas)
  },

  spatialGradient_and_windows (cv, t) {
    t.need('spatialGradient', 'createHanningWindow')
    const [dx, dy, window] = [t.out(), t.out(), t.out()]
    cv.spatialGradient(t.gray(), dx, dy)
    cv.createHanningWindow(window, new cv.Size(9, 7), cv.CV_64F)
    return [dx, dy, window].map(t.show)
  },

  blendLinear (cv, t) {
    t.need('blendLinear')
    const result = t.out()
    cv.blendLinear(t.gray(), t.gray({ shift: 8 }), t.floats(120, 160, 1), t.floats(120, 160, 2), result)
    return t.show(result)
  }
}
