'use strict'

// What stands between JavaScript and C++: errors, handles, strings, vectors, value objects, enums.

const { describeError } = require('../context')

module.exports = {
  wrong_argument_counts (cv, t) {
    const mat = t.gray()
    return [() => cv.cvtColor(), () => cv.cvtColor(mat), () => cv.Canny(mat, t.out()), () => cv.GaussianBlur(mat, t.out(), new cv.Size(3, 3), 1, 1, 4, 7, 8, 9),
      () => new cv.Mat(1, 2), () => new cv.Mat(1, 2, 3, 4, 5, 6, 7, 8), () => mat.rowRange(), () => mat.ucharPtr(1, 2, 3, 4), () => cv.Mat.zeros(1), () => new cv.ORB(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)]
      .map((fn) => t.attempt(fn))
  },

  wrong_argument_types (cv, t) {
    const mat = t.gray()
    return [() => cv.cvtColor('text', t.out(), 6), () => cv.cvtColor(mat, null, 6), () => cv.cvtColor(mat, {}, 6), () => cv.cvtColor(undefined, t.out(), 6),
      () => cv.blur(mat, t.out(), 5), () => cv.blur(mat, t.out(), {}), () => cv.blur(mat, t.out(), { width: 3 }), () => cv.blur(mat, t.out(), { width: '3', height: 3 }),
      () => cv.Canny(mat, t.out(), 'low', 2), () => cv.threshold(mat, t.out(), null, 1, 0), () => cv.putText(mat, 42, new cv.Point(1, 1), 0, 1, new cv.Scalar(1)),
      () => new cv.Mat('a', 'b', 'c'), () => cv.split(mat, mat), () => mat.copyTo(3), () => cv.cvtColor(new cv.Size(1, 2), mat, 6)].map((fn) => t.attempt(fn))
  },

  numbers_at_the_edge (cv, t) {
    const mat = t.gray()
    return [() => mat.ucharAt(1.9, 2.9), () => mat.ucharAt(true, false), () => mat.ucharAt(2 ** 32 + 1, 0), () => cv.getOptimalDFTSize(2 ** 31), () => cv.getOptimalDFTSize(-1),
      () => cv.getOptimalDFTSize(3.7), () => cv.getOptimalDFTSize(NaN), () => cv.getOptimalDFTSize('10'), () => cv.getOptimalDFTSize(-(2 ** 31) - 1), () => cv.getOptimalDFTSize(10n),
      () => cv.norm(t.mat(1, 1, cv.CV_64FC1, [-0]), cv.NORM_INF), () => cv.mean(t.mat(1, 1, cv.CV_64FC1, [Infinity]))].map((fn) => t.attempt(fn))
  },

  cpp_exceptions (cv, t) {
    const mat = t.gray()
    return [() => cv.cvtColor(mat, t.out(), cv.COLOR_RGBA2GRAY), () => cv.add(mat, t.rgb(), t.out()), () => cv.GaussianBlur(mat, t.out(), new cv.Size(4, 4), 0),
      () => mat.roi(new cv.Rect(150, 110, 50, 50)), () => cv.medianBlur(mat, t.out(), 4), () => cv.invert(t.floats(3, 2, 1), t.out(), cv.DECOMP_LU), () => cv.resize(mat, t.out(), new cv.Size(0, 0))].map((fn) => t.attempt(fn))
  },

  works_after_exceptions (cv, t) {
    for (let i = 0; i < 50; i++) t.attempt(() => cv.cvtColor(t.out(), t.out(), cv.COLOR_RGBA2GRAY))
    const result = t.out()
    cv.cvtColor(t.rgba(), result, cv.COLOR_RGBA2GRAY)
    return t.show(result)
  },

  deleted_objects (cv, t) {
    const dead = () => { const mat = new cv.Mat(2, 2, cv.CV_8UC1); mat.delete(); return mat }
    return [() => dead().rows, () => dead().delete(), () => dead().clone(), () => dead().ucharAt(0, 0), () => cv.cvtColor(dead(), t.out(), 6), () => dead().isDeleted(),
      () => dead().isAliasOf(dead()), () => dead().data, () => dead().deleteLater(), () => { const v = new cv.MatVector(); v.delete(); return v.size() }].map((fn) => t.attempt(fn))
  },

  calling_on_the_wrong_object (cv, t) {
    const { rows } = Object.getOwnPropertyDescriptors(cv.Mat.prototype)
    return [() => cv.Mat.prototype.channels.call(null), () => cv.Mat.prototype.channels.call({}), () => cv.Mat.prototype.channels.call(t.keep(new cv.MatVector())), () => rows.get.call({}),
      () => cv.Mat(), () => cv.Mat.call({}), () => cv.Mat.prototype.channels(), () => cv.MatVector.prototype.size.call(t.gray()), () => new cv.Algorithm()].map((fn) => t.attempt(fn))
  },

  handles (cv, t) {
    const mat = t.gray()
    const alias = t.keep(Object.getPrototypeOf(cv.Mat.prototype).clone ? Object.getPrototypeOf(cv.Mat.prototype).clone.call(mat) : mat.clone())
    const later = new cv.Mat()
    const returned = later.deleteLater() === later
    return [mat instanceof cv.Mat, mat.constructor === cv.Mat, mat.constructor.name, cv.Mat.name, cv.Mat.length, cv.MatVector.name, Object.keys(mat).length >= 0, mat.isDeleted(), alias.isAliasOf(mat), mat.isAliasOf(t.out()),
      returned, cv.flushPendingDeletes ? [cv.flushPendingDeletes(), later.isDeleted()] : null, Object.prototype.toString.call(mat)]
  },

  inheritance (cv, t) {
    const orb = t.keep(new cv.ORB())
    return [orb instanceof cv.ORB, orb instanceof cv.Feature2D, orb instanceof cv.Algorithm, Object.getPrototypeOf(cv.ORB.prototype) === cv.Feature2D.prototype, Object.keys(cv.ORB.prototype).includes('detect'), typeof orb.detect]
  },

  subclass_and_monkeypatch (cv, t) {
    cv.Mat.prototype.area = function () { return this.rows * this.cols }
    try {
      return [t.gray().area(), 'area' in t.out()]
    } finally {
      delete cv.Mat.prototype.area
    }
  },

  extra_arguments_and_overloads (cv, t) {
    const mat = t.keep(new cv.Mat(2, 3, cv.CV_8UC1, new cv.Scalar(5)))
    return [t.show(mat), t.attempt(() => t.keep(new cv.Mat(mat, new cv.Rect(0, 0, 2, 2))).rows), t.attempt(() => mat.ucharPtr(1)), t.attempt(() => mat.ucharPtr(1, 1)), t.attempt(() => t.show(t.keep(cv.Mat.zeros(2, 2, 0))))]
  },

  strings (cv, t) {
    const canvas = (text) => {
      const mat = t.keep(cv.Mat.zeros(20, 100, cv.CV_8UC1))
      cv.putText(mat, text, new cv.Point(2, 15), cv.FONT_HERSHEY_PLAIN, 1, new cv.Scalar(255))
      return t.show(mat)
    }
    return [canvas('abc'), canvas(''), canvas('é€😀'), canvas('a\0b'), t.attempt(() => canvas(new Uint8Array([65, 66]))), t.attempt(() => canvas(new Uint8ClampedArray([67]))),
      t.attempt(() => canvas(new Int8Array([68]))), t.attempt(() => canvas(new Uint8Array([69]).buffer)), t.attempt(() => canvas(['x']))]
  },

  lone_surrogates (cv, t) {
    const mat = t.keep(cv.Mat.zeros(20, 100, cv.CV_8UC1))
    cv.putText(mat, '\ud800 lone', new cv.Point(2, 15), cv.FONT_HERSHEY_PLAIN, 1, new cv.Scalar(255))
    return t.show(mat)
  },

  build_information (cv) {
    const text = cv.getBuildInformation()
    return [text.length, text]
  },

  StringVector (cv, t) {
    t.need('StringVector')
    const vector = t.keep(new cv.StringVector())
    for (const text of ['', 'one', 'zwölf', '日本', 'x'.repeat(5000)]) vector.push_back(text)
    return [vector.size(), t.showAll(vector)]
  },

  vectors (cv, t) {
    const ints = t.keep(new cv.IntVector())
    for (const value of [5, -7, 2147483647]) ints.push_back(value)
    ints.set(1, 99)
    ints.resize(5, 42)
    const floats = t.keep(new cv.FloatVector())
    floats.push_back(0.1)
    const doubles = t.keep(new cv.DoubleVector())
    doubles.push_back(0.1)
    return [t.showAll(ints), t.showAll(floats), t.showAll(doubles), ints.get(77), t.attempt(() => ints.push_back('x')), t.attempt(() => ints.get()), t.attempt(() => ints.push_back(1.7)), t.attempt(() => ints.push_back(2 ** 40)), ints.size()]
  },

  vectors_of_objects (cv, t) {
    const mats = t.keep(new cv.MatVector())
    mats.push_back(t.mat(1, 2, cv.CV_8UC1, [1, 2]))
    mats.push_back(t.mat(1, 2, cv.CV_8UC1, [3, 4]))
    const first = t.keep(mats.get(0))
    first.data[0] = 77
    mats.set(1, first)
    const rects = t.keep(new cv.RectVector())
    rects.push_back(new cv.Rect(1, 2, 3, 4))
    rects.push_back({ x: 5, y: 6, width: 7, height: 8 })
    const points = t.keep(new cv.PointVector())
    points.push_back({ x: 1, y: 2, extra: 3 })
    const keypoints = t.keep(new cv.KeyPointVector())
    keypoints.push_back({ pt: { x: 0.5, y: 1.5 }, size: 3, angle: -1, response: 0.25, octave: 2, class_id: -1 })
    return [t.showAll(mats, t.show), t.showAll(rects), t.showAll(points), t.showAll(keypoints), t.attempt(() => points.push_back({ x: 1 })), t.attempt(() => mats.push_back(3)), t.attempt(() => keypoints.push_back({}))]
  },

  value_objects (cv, t) {
    const point = new cv.Point(1, 2)
    const size = new cv.Size(3, 4)
    const rect = new cv.Rect(point, size)
    const scalar = new cv.Scalar(1, 2, 3)
    const scalarAll = t.attempt(() => cv.Scalar.all(7))
    const rotated = new cv.RotatedRect(point, size, 45)
    return [point, size, rect, new cv.Rect(1, 2, 3, 4), new cv.Rect(), scalar, scalarAll, rotated, cv.RotatedRect.points(rotated), cv.RotatedRect.boundingRect(rotated), new cv.Range(1, 5), new cv.TermCriteria(1, 2, 3),
      scalar instanceof Array, new cv.Circle(point, 4), new cv.MinMaxLoc(1, 2, point, point), [cv.Point.name, cv.Scalar.length]]
  },

  constants (cv) {
    return Object.keys(cv).filter((key) => typeof cv[key] === 'number' && key !== 'calledRun').sort().map((key) => [key, cv[key]])
  },

  enums (cv) {
    return Object.keys(cv).filter((key) => typeof cv[key] === 'function' && cv[key].values && typeof cv[key].values === 'object').sort().map((key) => {
      const { values } = cv[key]
      return [key, Object.keys(values).map((value) => [value, values[value].value, values[value].constructor.name, values[value] instanceof cv[key]])]
    })
  },

  heap_access (cv, t) {
    t.need('HEAPU8', '_malloc', '_free')
    const at = cv._malloc(64)
    cv.HEAPU8.set([1, 2, 3, 4, 255, 255, 255, 127], at)
    const seen = [cv.HEAP32[at >> 2], cv.HEAPU16[(at >> 1) + 1], cv.HEAP8[at + 4], cv.HEAPF32[(at >> 2) + 1], cv.HEAPU32[at >> 2], cv.HEAP16[at >> 1]]
    cv._free(at)
    return [seen, at % 8]
  },

  heap_growth (cv, t) {
    t.need('HEAPU8')
    const before = cv.HEAPU8.length
    const mat = t.keep(new cv.Mat(7000, 7000, cv.CV_8UC3, new cv.Scalar(1, 2, 3)))
    return [cv.HEAPU8.length > before, cv.HEAPU8.buffer.byteLength === cv.HEAPU8.length, mat.data.length, Array.from(mat.data.subarray(mat.data.length - 4)), mat.ucharAt(6999, 20999)]
  },

  file_system (cv, t) {
    t.need('FS_createDataFile', 'FS_unlink', 'FS_createPath')
    cv.FS_createPath('/', 'deep/er', true, true)
    cv.FS_createDataFile('/deep/er', 'a.bin', new Uint8Array([1, 2, 3]), true, true, false)
    const again = t.attempt(() => { cv.FS_createDataFile('/deep/er', 'a.bin', 'text', true, true, false) }).thrown !== undefined
    const FS = cv.FS && cv.FS.readFile ? [Array.from(cv.FS.readFile('/deep/er/a.bin')), cv.FS.readdir('/deep').sort(), cv.FS.stat('/deep/er/a.bin').size, cv.FS.analyzePath('/deep/er').exists] : null
    cv.FS_unlink('/deep/er/a.bin')
    return [again, FS]
  },

  exceptionFromPtr_of_a_caught_exception (cv, t) {
    try {
      cv.add(t.gray(), t.rgb(), t.out())
      return 'nothing was thrown'
    } catch (error) {
      return [describeError(cv, error), Number.isInteger(Number(error)), Number(error) > 0]
    }
  },

  module_is_no_thenable: (cv) => [typeof cv.then, Object.prototype.toString.call(cv)],

  detached_functions (cv, t) {
    const { cvtColor, Mat } = cv
    const result = t.keep(new Mat())
    cvtColor(t.rgba(), result, cv.COLOR_RGBA2GRAY)
    return t.show(result)
  }
}
