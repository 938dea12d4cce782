'use strict'

const binary = (name) => (cv, t) => {
  const result = t.out()
  cv[name](t.gray(), t.gray({ seed: 9, shift: 5 }), result)
  return t.show(result)
}

module.exports = {
  add: binary('add'),
  subtract: binary('subtract'),
  absdiff: binary('absdiff'),
  bitwise_and: binary('bitwise_and'),
  bitwise_or: binary('bitwise_or'),
  bitwise_xor: binary('bitwise_xor'),
  min: binary('min'),
  max: binary('max'),

  bitwise_not (cv, t) {
    const result = t.out()
    cv.bitwise_not(t.rgba(), result)
    return t.show(result)
  },

  multiply_scaled (cv, t) {
    const result = t.out()
    cv.multiply(t.floats(9, 7, 1), t.floats(9, 7, 2), result, 0.3)
    return t.show(result)
  },

  divide_by_zero (cv, t) {
    const result = t.out()
    cv.divide(t.mat(1, 4, cv.CV_32FC1, [1, -1, 0, 5]), t.mat(1, 4, cv.CV_32FC1, [0, 0, 0, 3]), result, 1)
    return t.show(result)
  },

  addWeighted (cv, t) {
    const result = t.out()
    cv.addWeighted(t.gray(), 0.37, t.gray({ seed: 3 }), 0.61, 2.5, result)
    return t.show(result)
  },

  compare (cv, t) {
    const result = t.out()
    cv.compare(t.gray(), t.gray({ shift: 9 }), result, cv.CMP_GT)
    return [t.show(result), cv.countNonZero(result)]
  },

  inRange (cv, t) {
    const image = t.rgba()
    const low = t.keep(new cv.Mat(image.rows, image.cols, image.type(), [60, 60, 60, 0]))
    const high = t.keep(new cv.Mat(image.rows, image.cols, image.type(), [180, 200, 220, 255]))
    const result = t.out()
    cv.inRange(image, low, high, result)
    return t.show(result)
  },

  mean_and_deviation (cv, t) {
    const mean = t.out()
    const deviation = t.out()
    cv.meanStdDev(t.rgba(), mean, deviation)
    return [cv.mean(t.rgba()), t.show(mean), t.show(deviation)]
  },

  minMaxLoc: (cv, t) => cv.minMaxLoc(t.gray()),

  norms: (cv, t) => [cv.NORM_INF, cv.NORM_L1, cv.NORM_L2].map((type) => cv.norm(t.floats(11, 13, 5, -3, 3), type)),

  normalize (cv, t) {
    const result = t.out()
    cv.normalize(t.gray(), result, 0, 1, cv.NORM_MINMAX, cv.CV_32F)
    return t.show(result)
  },

  split_and_merge (cv, t) {
    const planes = t.keep(new cv.MatVector())
    cv.split(t.rgba(), planes)
    const shown = t.showAll(planes, t.show)
    const result = t.out()
    cv.merge(planes, result)
    return [shown, t.show(result)]
  },

  mixChannels (cv, t) {
    const from = t.keep(new cv.MatVector())
    const to = t.keep(new cv.MatVector())
    from.push_back(t.rgba())
    to.push_back(t.keep(new cv.Mat(120, 160, cv.CV_8UC4)))
    cv.mixChannels(from, to, [0, 2, 1, 1, 2, 0, 3, 3])
    return t.showAll(to, t.show)
  },

  flip_rotate_transpose (cv, t) {
    return [() => { const m = t.out(); cv.flip(t.rgb(), m, -1); return m },
      () => { const m = t.out(); cv.rotate(t.rgb(), m, cv.ROTATE_90_CLOCKWISE); return m },
      () => { const m = t.out(); cv.transpose(t.rgb(), m); return m }].map((make) => t.show(make()))
  },

  concatenation (cv, t) {
    const parts = t.keep(new cv.MatVector())
    parts.push_back(t.gray())
    parts.push_back(t.gray({ shift: 4 }))
    const side = t.out()
    const below = t.out()
    cv.hconcat(parts, side)
    cv.vconcat(parts, below)
    return [t.show(side), t.show(below)]
  },

  repeat_and_border (cv, t) {
    const repeated = t.out()
    const bordered = t.out()
    cv.repeat(t.mat(2, 2, cv.CV_8UC1, [1, 2, 3, 4]), 2, 3, repeated)
    cv.copyMakeBorder(t.rgba(), bordered, 3, 5, 7, 9, cv.BORDER_REFLECT_101, new cv.Scalar(1, 2, 3, 4))
    return [t.show(repeated), t.show(bordered)]
  },

  reduce (cv, t) {
    const rows = t.out()
    const columns = t.out()
    cv.reduce(t.gray(), rows, 0, cv.REDUCE_SUM, cv.CV_32S)
    cv.reduce(t.gray(), columns, 1, cv.REDUCE_AVG, cv.CV_32F)
    return [t.show(rows), t.show(columns)]
  },

  transcendental (cv, t) {
    const source = t.floats(17, 11, 21, 0.001, 12)
    return ['exp', 'log', 'sqrt'].map((name) => {
      const result = t.out()
      cv[name](source, result)
      return t.show(result)
    })
  },

  pow (cv, t) {
    return [2, 0.5, 1.7, -3].map((power) => {
      const result = t.out()
      cv.pow(t.floats(5, 9, 31, 0.1, 4), power, result)
      return t.show(result)
    })
  },

  polar_coordinates (cv, t) {
    const [magnitude, angle, x, y] = [t.out(), t.out(), t.out(), t.out()]
    cv.cartToPolar(t.floats(7, 6, 1, -2, 2), t.floats(7, 6, 2, -2, 2), magnitude, angle, true)
    cv.polarToCart(magnitude, angle, x, y, true)
    return [magnitude, angle, x, y].map(t.show)
  },

  gemm (cv, t) {
    const result = t.out()
    cv.gemm(t.floats(8, 6, 1), t.floats(6, 9, 2), 1.5, t.floats(8, 9, 3), -0.25, result, 0)
    return t.show(result)
  },

  linear_algebra (cv, t) {
    const a = t.mat(3, 3, cv.CV_64FC1, [4, -2, 1, -2, 5, 0.5, 1, 0.5, 3])
    const b = t.mat(3, 1, cv.CV_64FC1, [1, 2, 3])
    const [x, inverse, values, vectors] = [t.out(), t.out(), t.out(), t.out()]
    return [cv.determinant(a), cv.trace(a), cv.solve(a, b, x, cv.DECOMP_LU), t.show(x), cv.invert(a, inverse, cv.DECOMP_SVD), t.show(inverse),
      cv.eigen(a, values, vectors), t.show(values), t.show(vectors)]
  },

  solvePoly (cv, t) {
    t.need('solvePoly')
    const roots = t.out()
    return [cv.solvePoly(t.mat(1, 4, cv.CV_64FC1, [-6, 11, -6, 1]), roots, 300), t.show(roots)]
  },

  dft (cv, t) {
    const forward = t.out()
    const back = t.out()
    cv.dft(t.floats(16, 20, 4, -1, 1), forward, cv.DFT_COMPLEX_OUTPUT, 0)
    cv.dft(forward, back, cv.DFT_INVERSE | cv.DFT_SCALE | cv.DFT_REAL_OUTPUT, 0)
    return [cv.getOptimalDFTSize(1001), t.show(forward), t.show(back)]
  },

  random_numbers (cv, t) {
    const uniform = t.keep(new cv.Mat(9, 9, cv.CV_8UC1))
    const normal = t.keep(new cv.Mat(9, 9, cv.CV_32FC1))
    const [low, high] = [t.mat(1, 1, cv.CV_64FC1, [10]), t.mat(1, 1, cv.CV_64FC1, [200])]
    cv.setRNGSeed(99)
    cv.randu(uniform, low, high)
    cv.randn(normal, t.mat(1, 1, cv.CV_64FC1, [0.5]), t.mat(1, 1, cv.CV_64FC1, [2]))
    return [t.show(uniform), t.show(normal)]
  },

  kmeans (cv, t) {
    const [labels, centers] = [t.out(), t.out()]
    const criteria = new cv.TermCriteria(cv.TermCriteria_EPS + cv.TermCriteria_MAX_ITER, 20, 0.01)
    const compactness = cv.kmeans(t.floats(60, 2, 8, 0, 100), 3, labels, criteria, 2, cv.KMEANS_PP_CENTERS, centers)
    return [compactness, t.show(labels), t.show(centers)]
  },

  lookup_table (cv, t) {
    t.need('LUT')
    const table = t.mat(1, 256, cv.CV_8UC1, Array.from({ length: 256 }, (_, i) => 255 - i))
    const result = t.out()
    cv.LUT(t.gray(), table, result)
    return t.show(result)
  },

  perspective_and_transform (cv, t) {
    const [turned, projected] = [t.out(), t.out()]
    cv.transform(t.rgb(), turned, t.mat(2, 3, cv.CV_32FC1, [0.2, 0.5, 0.3, 1, -1, 0.5]))
    cv.perspectiveTransform(t.mat(4, 1, cv.CV_32FC2, [0, 0, 10, 0, 10, 20, 0, 20]), projected, t.mat(3, 3, cv.CV_64FC1, [1, 0.1, 3, -0.2, 1.1, 1, 0.001, 0.002, 1]))
    return [t.show(turned), t.show(projected)]
  },

  setIdentity_and_inverse_affine (cv, t) {
    const identity = t.keep(new cv.Mat(3, 4, cv.CV_32FC1))
    cv.setIdentity(identity, new cv.Scalar(2.5))
    return t.show(identity)
  },

  mat_methods (cv, t) {
    const mat = t.gray()
    const part = t.keep(mat.roi(new cv.Rect(10, 20, 30, 40)))
    const [float, copied] = [t.out(), t.out()]
    part.convertTo(float, cv.CV_32F, 1 / 255, -0.5)
    mat.copyTo(copied, t.mask())
    const row = t.keep(mat.row(5))
    const column = t.keep(mat.col(6))
    const range = t.keep(mat.rowRange(3, 6))
    const diagonal = t.keep(t.mat(3, 3, cv.CV_32SC1, [1, 2, 3, 4, 5, 6, 7, 8, 9]).diag(1))
    return [part.isContinuous(), part.step, part.elemSize(), mat.total(), mat.empty(), t.out().empty(), mat.channels(), mat.depth(), mat.size(),
      [float, copied, row, column, range, diagonal].map(t.show)]
  },

  mat_static_makers (cv, t) {
    return [cv.Mat.zeros(3, 4, cv.CV_16SC2), cv.Mat.ones(2, 2, cv.CV_64FC1), cv.Mat.eye(3, 3, cv.CV_8UC1), cv.Mat.eye(new cv.Size(2, 3), cv.CV_32FC1)]
      .map((mat) => t.show(t.keep(mat)))
  },

  mat_access (cv, t) {
    const mat = t.rgba()
    const floats = t.floats(4, 5, 3, -9, 9)
    const ints = t.mat(2, 2, cv.CV_32SC1, [-5, 6, 70000, -2147483648])
    return [mat.ucharAt(3, 9), mat.ucharPtr(3, 9), mat.charAt(3, 9), floats.floatAt(2, 3), floats.floatPtr(2, 1), ints.intAt(1, 0), ints.intPtr(1),
      t.mat(1, 2, cv.CV_64FC1, [0.1, 1e300]).doubleAt(0, 1), t.mat(1, 2, cv.CV_16SC1, [-3, 30000]).shortAt(0, 1), t.mat(1, 2, cv.CV_16UC1, [3, 65535]).ushortAt(0, 1)]
  },

  mat_views (cv, t) {
    const mat = t.mat(2, 3, cv.CV_32FC1, [1.5, -2, 3e10, 0.1, 5, 6])
    const before = Array.from(mat.data32F)
    mat.data32F[1] = 42.25
    mat.data[0] = 0
    const kinds = ['data', 'data8S', 'data16U', 'data16S', 'data32S', 'data32F', 'data64F'].map((view) => [mat[view].constructor.name, mat[view].length])
    return [before, mat.floatAt(0, 1), mat.floatAt(0, 0), kinds]
  },

  mat_from_parts (cv, t) {
    const scalar = t.keep(new cv.Mat(2, 2, cv.CV_8UC3, new cv.Scalar(1, 2, 3)))
    const sized = t.keep(new cv.Mat(new cv.Size(3, 2), cv.CV_16UC1))
    sized.setTo(new cv.Scalar(777))
    const cloned = t.keep(scalar.clone())
    const image = t.keep(cv.matFromImageData({ width: 2, height: 1, data: new Uint8ClampedArray([1, 2, 3, 4, 5, 6, 7, 8]) }))
    const copied = t.keep(new cv.Mat(scalar))
    const types = [['CV_8UC1', [1, 255]], ['CV_8SC1', [-1, 127]], ['CV_16UC1', [65535, 1]], ['CV_16SC1', [-32768, 1]], ['CV_32SC1', [-1, 5]], ['CV_32FC1', [0.1, -0]], ['CV_64FC1', [0.1, 1e-300]]]
      .map(([type, values]) => t.show(t.mat(1, 2, cv[type], values)))
    return [[scalar, sized, cloned, image, copied].map(t.show), types]
  },

  mat_dot_product_and_inverse (cv, t) {
    const a = t.mat(1, 3, cv.CV_32FC1, [1, 2, 3])
    const b = t.mat(1, 3, cv.CV_32FC1, [-2, 0.5, 4])
    const square = t.mat(2, 2, cv.CV_64FC1, [3, 1, 1, 2])
    return [a.dot(b), t.show(t.keep(square.inv(cv.DECOMP_LU))), t.show(t.keep(square.t())), t.show(t.keep(a.mul(b, 2)))]
  }
}
