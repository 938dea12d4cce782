'use strict'

// Members of the module object are made when they are first asked for. Nobody can see that: whatever looks at them or changes them
// finds what it finds in the package's own module in plain Node.

const { test, before } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const util = require('node:util')
const { open } = require('../..')

const FILE = require.resolve('opencv-4.12')

const said = (run) => {
  try {
    return run()
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`
  }
}

const kinds = (descriptor) => descriptor && {
  ...descriptor,
  ...('value' in descriptor && { value: typeof descriptor.value })
}

// Each touches members that no other touches: plain Node has one module for all.
const ATTACKS = {
  'descriptors before anything was read' (cv) {
    const one = kinds(Object.getOwnPropertyDescriptor(cv, 'Canny'))
    return [one, kinds(Object.getOwnPropertyDescriptor(cv, 'Size2f')), kinds(Reflect.getOwnPropertyDescriptor(cv, '_malloc')), typeof cv.Canny]
  },
  'names, `in`, own properties, for-in' (cv) {
    const names = Object.keys(cv)
    const seen = []
    for (const name in cv) seen.push(name)
    const all = ['GaussianBlur', 'RotatedRect', 'CV_8UC1']
    return [all.map((name) => [name in cv, Object.hasOwn(cv, name), names.includes(name), seen.includes(name), Object.prototype.propertyIsEnumerable.call(cv, name)]), names.length === seen.length]
  },
  'the same value each time' (cv) {
    const first = { ...cv }
    return [cv.blur === first.blur, cv.KeyPointVector === first.KeyPointVector, Object.getOwnPropertyDescriptor(cv, 'dilate').value === cv.dilate]
  },
  deletion (cv) {
    const done = Reflect.deleteProperty(cv, 'erode')
    return [done, 'erode' in cv, typeof cv.erode, Object.keys(cv).includes('erode')]
  },
  assignment (cv) {
    const at = Object.keys(cv).indexOf('bitwise_and')
    cv.bitwise_and = 5
    return [cv.bitwise_and, Object.getOwnPropertyDescriptor(cv, 'bitwise_and'), Object.keys(cv).indexOf('bitwise_and') === at]
  },
  definition (cv) {
    Object.defineProperty(cv, 'bitwise_or', { value: 7 })
    Object.defineProperty(cv, 'bitwise_xor', { enumerable: false })
    Object.defineProperty(cv, 'bitwise_not', { configurable: true, get: () => 9 })
    Object.defineProperty(cv, 'absdiff', { writable: false })
    return [...['bitwise_or', 'bitwise_xor', 'absdiff'].map((name) => kinds(Object.getOwnPropertyDescriptor(cv, name))), cv.bitwise_not,
      said(() => { 'use strict'; cv.absdiff = 1 })]
  },
  'a copy by spread' (cv) {
    const copy = { ...cv }
    return [typeof copy.add, copy.add === cv.add, kinds(Object.getOwnPropertyDescriptor(copy, 'subtract')), copy.Mat === cv.Mat]
  },
  'Object.assign, entries and JSON' (cv) {
    const copy = Object.assign({}, cv)
    const entries = new Map(Object.entries(cv))
    return [copy.multiply === cv.multiply, entries.get('divide') === cv.divide, JSON.stringify({ cv: cv.divide, n: cv.CV_8UC3 })]
  },
  'a proxy over it' (cv) {
    const seen = []
    const proxy = new Proxy(cv, { get: (target, key, receiver) => { seen.push(key); return Reflect.get(target, key, receiver) } })
    return [proxy.sqrt === cv.sqrt, seen, kinds(Object.getOwnPropertyDescriptor(proxy, 'exp'))]
  },
  'an object that inherits from it' (cv) {
    const child = Object.create(cv)
    const inherited = child.pow === cv.pow
    child.log = 1
    return [inherited, Object.hasOwn(child, 'pow'), child.log, typeof cv.log]
  },
  structuredClone (cv) {
    return said(() => structuredClone({ fn: cv.flip })).replace(/\{[\s\S]*could/, '{ ... } could').slice(0, 12)
  },
  classes (cv) {
    class Own extends cv.Mat {}
    const mat = new cv.Mat(2, 3, cv.CV_8UC1)
    const found = [
      mat instanceof cv.Mat, cv.Mat.prototype.constructor === cv.Mat, mat.constructor === cv.Mat, Object.getPrototypeOf(mat) === cv.Mat.prototype, typeof Own,
      Object.getPrototypeOf(Own) === cv.Mat, said(() => new Own()), said(() => cv.Mat()), mat.rows, mat.cols
    ]
    mat.delete()
    return found
  },
  'a class that native code returns before anybody asked for it' (cv) {
    const vector = new cv.MatVector()
    const mat = cv.Mat.eye(3, 3, cv.CV_8UC1)
    vector.push_back(mat)
    const back = vector.get(0)
    const found = [back instanceof cv.Mat, back.constructor.name, vector.size(), vector instanceof cv.MatVector]
    for (const one of [back, mat, vector]) one.delete()
    return found
  },
  freezing (cv) {
    // Views and options of the glue cannot be frozen in the same way: what counts are the members.
    Object.freeze(cv)
    return [Object.isFrozen(cv), ...['threshold', 'PointVector', 'resize'].map((name) => kinds(Object.getOwnPropertyDescriptor(cv, name))),
      typeof cv.threshold, said(() => { 'use strict'; cv.threshold = 1 })]
  }
}

// `then` gives itself, so it comes in an array.
const plainModule = () => new Promise((resolve, reject) => require(FILE).then((cv) => {
  delete cv.then
  resolve([cv])
}, reject))

let plain
before(async () => { [plain] = await plainModule() })

for (const [name, attack] of Object.entries(ATTACKS)) {
  test(`as in plain Node: ${name}`, async (t) => {
    const vm = await open(FILE, { host: 'native' })
    t.after(() => vm.dispose())
    assert.deepStrictEqual(attack(vm.exports), attack(plain))
  })
}

test('what is made is shown, and showing it changes nothing', async (t) => {
  const vm = await open(FILE)
  t.after(() => vm.dispose())
  const cv = vm.exports
  const text = util.inspect(cv, { maxArrayLength: null, depth: 0 })
  assert.ok(!/\[Getter/.test(text.replace(/^\s*(HEAP\w+|\w+): \[Getter\/Setter\],?$/gm, '')), text.slice(0, 500))
  assert.match(text, /Canny: \[Function/)
  assert.strictEqual(cv.Canny, cv.Canny)
})

test('after dispose a member that nobody had asked for says so when it is called', async () => {
  const vm = await open(FILE)
  const cv = vm.exports
  const { Canny } = cv
  vm.dispose()
  const code = { code: 'EMVM_ERR_DISPOSED' }
  assert.throws(() => Canny(1, 2, 3, 4), code)
  assert.throws(() => cv.GaussianBlur(1, 2, 3, 4), code)
  assert.throws(() => cv._malloc(1), code)
  assert.throws(() => new cv.Mat(), code)
})

test('a member is the same in each generation, whichever asked for it first', async (t) => {
  const vm = await open(FILE, { recycle: 'always' })
  t.after(() => vm.dispose())
  const cv = await vm.isReady()
  const { Mat } = cv
  await vm.isReady()
  const { Mat: again, MatVector, _malloc } = vm.exports
  assert.strictEqual(again, Mat)
  const vector = new MatVector()
  await vm.isReady()
  assert.throws(() => vector.size(), { code: 'EMVM_ERR_STALE' })
  assert.strictEqual(vm.exports.MatVector, MatVector)
  assert.strictEqual(vm.exports._malloc, _malloc)
  assert.ok(_malloc(8) > 0)
})

// Few members are made at once. Here all are made later, also in modules whose own JavaScript changes them.
test('what module code changes of members that nobody had asked for is undone', () => {
  for (const file of ['recycling/survivors.test.js', 'native/em-asm.test.js']) {
    const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', '--test', '--test-reporter=tap', path.join(__dirname, '..', file)], { encoding: 'utf8', timeout: 120_000, env: { ...process.env, EMVM_TEST_ALL_LAZY: '1', NODE_TEST_CONTEXT: undefined } })
    assert.strictEqual(status, 0, stdout)
    assert.match(stdout, /^# pass [1-9]/m)
  }
})

test('members of FS are all there is, and work when they are first asked for in a later generation', async (t) => {
  const { MEMBERS } = require('../../lib/facade/files')
  const { makeFS } = require('../../lib/facade/fs')
  const { Generations } = require('../../lib/facade/generations')
  const facade = { facts: {}, generations: new Generations(), heap: {}, module: {}, options: {}, sandbox: {} }
  const { members } = makeFS({ facade, FS: {}, strings: {}, lateExport () {}, hasExport: () => false })
  assert.deepStrictEqual(Object.keys(members), MEMBERS)
  const vm = await open(FILE)
  t.after(() => vm.dispose())
  assert.deepStrictEqual(Reflect.ownKeys(vm.exports.FS), [...MEMBERS, 'trackingDelegate'])
  await vm.isReady()
  const { FS } = vm.exports
  FS.ignorePermissions = true
  FS.writeFile('/one', 'text')
  const stream = FS.open('/one', 'r')
  assert.strictEqual(FS.streams[stream.fd].path, '/one')
  assert.throws(() => FS.readFile('/none'), (error) => error instanceof FS.ErrnoError && error.code === 'ENOENT')
  const point = vm.checkpoint()
  FS.writeFile('/two', 'text')
  await vm.isReady()
  assert.deepStrictEqual([FS.ignorePermissions, FS.analyzePath('/one').exists], [false, false])
  await vm.isReady({ from: point })
  assert.deepStrictEqual([FS.ignorePermissions, FS.analyzePath('/one').exists, FS.analyzePath('/two').exists], [true, true, false])
})

test('two sandboxes have members of their own', async (t) => {
  const [one, other] = [await open(FILE), await open(FILE)]
  t.after(() => { one.dispose(); other.dispose() })
  assert.notStrictEqual(one.exports.Mat, other.exports.Mat)
  assert.notStrictEqual(one.exports.add, other.exports.add)
  one.exports.Mat.prototype.mine = 1
  assert.strictEqual(other.exports.Mat.prototype.mine, undefined)
  const mat = new one.exports.Mat()
  assert.throws(() => other.exports.Mat.prototype.clone.call(mat))
  mat.delete()
})

test('members within a warm-up', async (t) => {
  const vm = await open(FILE, { warmUp: (cv) => { cv.kept = cv.Sobel } })
  t.after(() => vm.dispose())
  assert.strictEqual(vm.exports.kept, vm.exports.Sobel)
  await vm.recycle()
  assert.strictEqual(vm.exports.kept, vm.exports.Sobel)
})

test('where V8 has no such properties they are made at once', async (t) => {
  const native = require('../../lib/base/binding').load()
  const { defineLazily } = native
  t.after(() => { native.defineLazily = defineLazily })
  native.defineLazily = () => false
  const eager = await open(FILE)
  native.defineLazily = defineLazily
  const lazy = await open(FILE)
  t.after(() => { eager.dispose(); lazy.dispose() })
  assert.deepStrictEqual(Object.keys(lazy.exports), Object.keys(eager.exports))
  const shape = (cv) => Object.keys(cv).map((key) => [key, kinds(Object.getOwnPropertyDescriptor(cv, key))])
  assert.deepStrictEqual(shape(lazy.exports).map(([key, { value }]) => [key, value]), shape(eager.exports).map(([key, { value }]) => [key, value]))
})

test('an exception of the function that makes a member goes to whoever asked, and the member is there the next time', () => {
  const native = require('../../lib/base/binding').load()
  const object = { first: 1 }
  let calls = 0
  assert.strictEqual(native.defineLazily(object, ['a', 'b'], (name) => {
    if (calls++ === 0) throw new RangeError('not yet')
    return { name }
  }), true)
  assert.throws(() => object.a, { name: 'RangeError', message: 'not yet' })
  assert.deepStrictEqual(object.a, { name: 'a' })
  assert.deepStrictEqual(Object.keys(object), ['first', 'a', 'b'])
  assert.deepStrictEqual(JSON.stringify(object), '{"first":1,"a":{"name":"a"},"b":{"name":"b"}}')
  assert.strictEqual(calls, 3)
  const endless = {}
  const more = () => { const inner = {}; native.defineLazily(inner, ['x'], more); return inner.x }
  native.defineLazily(endless, ['x'], more)
  assert.throws(() => endless.x, RangeError)
})

test('ten times as many members take about ten times as long', () => {
  const { defineLazily } = require('../../lib/base/lazy')
  const best = (count) => {
    const names = Array.from({ length: count }, (_, i) => `member${i}`)
    let least = Infinity
    for (let round = 0; round < 7; round++) {
      const object = { first: 1, second: 2 }
      const began = performance.now()
      defineLazily(object, names, (name) => name)
      least = Math.min(least, performance.now() - began)
      assert.deepStrictEqual(Reflect.ownKeys(object), ['first', 'second', ...names])
      assert.strictEqual(object.member7, 'member7')
    }
    return least
  }
  best(90)
  const [few, many] = [best(90), best(900)]
  assert.ok(many < 30 * few, `90 in ${few} ms, 900 in ${many} ms`)
})
