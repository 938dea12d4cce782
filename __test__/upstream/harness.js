'use strict'

// As much of the Web Platform Tests' testharness.js as the WebAssembly JavaScript API tests use.

class AssertionError extends Error {}

const fail = (message, note) => { throw new AssertionError(note ? `${note}: ${message}` : message) }
const same = (a, b) => Object.is(a, b)

function show (value) {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  try {
    return String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

function threw (error, Class, note) {
  if (error === null || (typeof error !== 'object' && typeof error !== 'function')) fail(`threw ${show(error)}, not an error`, note)
  if (error.constructor !== Class && error.name !== Class.name) fail(`threw ${show(error)}, expected ${Class.name}`, note)
  if (error.constructor !== Class) fail(`threw a ${error.name} of another realm`, note)
}

const assertions = {
  assert_true: (value, note) => { if (value !== true) fail(`expected true, got ${show(value)}`, note) },
  assert_false: (value, note) => { if (value !== false) fail(`expected false, got ${show(value)}`, note) },
  assert_equals: (got, want, note) => { if (!same(got, want)) fail(`expected ${show(want)}, got ${show(got)}`, note) },
  assert_not_equals: (got, other, note) => { if (same(got, other)) fail(`got ${show(got)}`, note) },
  assert_unreached: (note) => fail('reached unreachable code', note),
  assert_class_string: (object, name, note) => {
    const got = {}.toString.call(object)
    if (got !== `[object ${name}]`) fail(`expected [object ${name}], got ${got}`, note)
  },
  assert_array_equals: (got, want, note) => {
    if (got === null || typeof got !== 'object') fail(`expected an array, got ${show(got)}`, note)
    if (got.length !== want.length) fail(`expected length ${want.length}, got ${got.length}: ${[...got].map(show)}`, note)
    for (let i = 0; i < want.length; i++) if (!same(got[i], want[i])) fail(`at ${i}: expected ${show(want[i])}, got ${show(got[i])}`, note)
  },
  assert_throws_js: (Class, run, note) => {
    let error
    try {
      run()
    } catch (caught) {
      error = caught
      return threw(error, Class, note)
    }
    fail(`did not throw ${Class.name}`, note)
  },
  assert_throws_exactly: (want, run, note) => {
    try {
      run()
    } catch (got) {
      if (!same(got, want)) fail(`threw ${show(got)}, expected ${show(want)} itself`, note)
      return
    }
    fail('did not throw', note)
  },
  assert_own_property: (object, key, note) => { if (!Object.hasOwn(object, key)) fail(`has no own ${show(key)}`, note) },
  assert_regexp_match: (text, pattern, note) => { if (!pattern.test(text)) fail(`${show(text)} does not match ${pattern}`, note) },
  assert_less_than: (a, b, note) => { if (!(a < b)) fail(`${show(a)} is not below ${show(b)}`, note) },
  assert_greater_than: (a, b, note) => { if (!(a > b)) fail(`${show(a)} is not above ${show(b)}`, note) },
  assert_implements: (value, note) => { if (!value) fail('not implemented', note) }
}

// One file's tests; `globals` are the names that the file sees, `run` gives the results once all have ended.
function harness () {
  const waiting = []
  let chain = Promise.resolve()
  const settle = async (name, body) => {
    const cleanups = []
    const t = {
      name,
      add_cleanup: (f) => cleanups.push(f),
      step_func: (f) => f,
      step: (f) => f(),
      unreached_func: (note) => () => fail('reached unreachable code', note)
    }
    try {
      await body(t)
      return { name, ok: true }
    } catch (error) {
      return { name, ok: false, why: error && error.message !== undefined ? `${error.name}: ${error.message}` : show(error) }
    } finally {
      for (const f of cleanups) f()
    }
  }
  const globals = {
    ...assertions,
    test: (body, name) => {
      let outcome
      try {
        body({ name, add_cleanup () {}, step_func: (f) => f, unreached_func: (note) => () => fail('unreachable', note) })
        outcome = { name, ok: true }
      } catch (error) {
        outcome = { name, ok: false, why: error && error.message !== undefined ? `${error.name}: ${error.message}` : show(error) }
      }
      waiting.push(outcome)
    },
    promise_test: (body, name) => {
      chain = chain.then(() => settle(name, body))
      waiting.push(chain)
    },
    promise_rejects_js: async (t, Class, promise, note) => {
      let error
      try {
        await promise
      } catch (caught) {
        error = caught
        return threw(error, Class, note)
      }
      fail(`did not reject with ${Class.name}`, note)
    },
    promise_rejects_exactly: async (t, want, promise, note) => {
      try {
        await promise
      } catch (got) {
        if (!same(got, want)) fail(`rejected with ${show(got)}`, note)
        return
      }
      fail('did not reject', note)
    },
    // Names that some files use although testharness.js has dropped them.
    assert_throws: (example, run, note) => assertions.assert_throws_js(example.constructor, run, note),
    promise_rejects: (t, example, promise, note) => globals.promise_rejects_js(t, example.constructor, promise, note),
    assertEquals: assertions.assert_equals,
    format_value: show,
    setup: (options) => { if (typeof options === 'function') options() },
    done () {}
  }
  return { globals, results: () => Promise.all(waiting) }
}

module.exports = { harness }
