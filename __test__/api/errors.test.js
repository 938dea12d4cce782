'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const vm = require('node:vm')
const fs = require('node:fs')
const path = require('node:path')
const errors = require('../../lib/base/errors')
const { open } = require('../..')

const CODES = {
  SourceError: 'EMVM_ERR_SOURCE',
  InvalidWasmError: 'EMVM_ERR_INVALID_WASM',
  MissingImportError: 'EMVM_ERR_MISSING_IMPORT',
  OptionError: 'EMVM_ERR_OPTION',
  StartError: 'EMVM_ERR_START',
  TrapError: 'EMVM_ERR_TRAP',
  AbortError: 'EMVM_ERR_ABORT',
  ExitError: 'EMVM_ERR_EXIT',
  MemoryLimitError: 'EMVM_ERR_MEMORY',
  TimeoutError: 'EMVM_ERR_TIMEOUT',
  CppException: 'EMVM_ERR_CPP_EXCEPTION',
  StaleHandleError: 'EMVM_ERR_STALE',
  BusyError: 'EMVM_ERR_BUSY',
  NotReadyError: 'EMVM_ERR_NOT_READY',
  DisposedError: 'EMVM_ERR_DISPOSED',
  UnsupportedError: 'EMVM_ERR_UNSUPPORTED'
}

test('each code gives its own class, with name, code, message and fields', () => {
  for (const [name, code] of Object.entries(CODES)) {
    const error = errors.fromNative({ code, message: 'what happened', extra: 7 })
    assert.strictEqual(error.constructor, errors[name])
    assert.strictEqual(error.name, name)
    assert.strictEqual(error.code, code)
    assert.strictEqual(error.message, 'what happened')
    assert.strictEqual(error.extra, 7)
    assert.ok(error instanceof errors.EmvmError && error instanceof Error)
    assert.match(error.stack, new RegExp(`^${name}: what happened\n`))
    assert.doesNotMatch(error.stack, /fromNative/)
    const others = Object.keys(CODES).filter((other) => other !== name && error instanceof errors[other])
    assert.deepStrictEqual(others, [])
  }
})

test('classes may be made by users without repeating the code', () => {
  assert.strictEqual(new errors.TrapError('boom', { trap: 'unreachable' }).code, 'EMVM_ERR_TRAP')
  assert.strictEqual(new errors.EmvmError('boom').code, 'EMVM_ERR')
})

test('an unknown code is still an EmvmError that carries it', () => {
  const error = errors.fromNative({ code: 'EMVM_ERR_FUTURE', message: 'new' })
  assert.strictEqual(error.constructor, errors.EmvmError)
  assert.strictEqual(error.code, 'EMVM_ERR_FUTURE')
})

test('instanceof survives a second copy of the package and another realm', () => {
  const file = path.join(__dirname, '..', '..', 'lib', 'base', 'errors.js')
  const module = { exports: {} }
  vm.runInNewContext(`(function (module, require) {${fs.readFileSync(file, 'utf8')}\n})`)(module, require)
  const foreign = module.exports.fromNative({ code: 'EMVM_ERR_TRAP', message: 'boom' })
  assert.ok(!(foreign instanceof Error))
  assert.ok(foreign instanceof errors.TrapError)
  assert.ok(foreign instanceof errors.EmvmError)
  assert.ok(!(foreign instanceof errors.AbortError))
})

test('instanceof of a user\'s subclass is the ordinary one', () => {
  class Mine extends errors.TrapError {}
  assert.ok(new Mine('x') instanceof Mine)
  assert.ok(new Mine('x') instanceof errors.TrapError)
  assert.ok(!(new errors.TrapError('x') instanceof Mine))
})

test('instanceof of what is no error is false', () => {
  for (const value of [undefined, null, 1, 'x', {}, [], new Error('x'), Object.create(null)]) {
    assert.ok(!(value instanceof errors.EmvmError))
  }
})

test('a CppException is its pointer as a number and its text everywhere else', () => {
  const error = errors.fromNative({ code: 'EMVM_ERR_CPP_EXCEPTION', message: 'bad size', type: 'cv::Exception', ptr: 5243920 })
  assert.strictEqual(Number(error), 5243920)
  assert.strictEqual(error | 0, 5243920)
  assert.strictEqual(`${error}`, 'CppException: bad size')
  assert.strictEqual('caught ' + error, 'caught CppException: bad size')
})

test('cause is carried as errors carry it', () => {
  const cause = new RangeError('inner')
  const error = errors.fromNative({ code: 'EMVM_ERR_START', message: 'start-up failed', cause })
  assert.strictEqual(error.cause, cause)
  assert.ok(!Object.keys(error).includes('cause'))
})

test("a C++ exception has OpenCV's own words, and is taken for its pointer", async () => {
  for (const name of ['opencv-4.12', 'opencv-5.0']) {
    const vm = await open(require.resolve(name))
    const cv = vm.exports
    let error
    assert.throws(() => cv.cvtColor(new cv.Mat(), new cv.Mat(), cv.COLOR_RGBA2GRAY), (thrown) => { error = thrown; return true })
    assert.strictEqual(error.code, 'EMVM_ERR_CPP_EXCEPTION')
    assert.strictEqual(error.type, 'cv::Exception')
    assert.match(error.message, /^OpenCV\(.*!_src\.empty\(\)/)
    assert.strictEqual(cv.exceptionFromPtr(error).msg, error.message)
    await vm.isReady()
    assert.match(error.message, /!_src\.empty\(\)/)
    // The pointer was the past instance's.
    if (name === 'opencv-4.12') assert.throws(() => cv.exceptionFromPtr(error), TypeError)
    vm.dispose()
  }
})
