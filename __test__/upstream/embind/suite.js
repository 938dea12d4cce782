'use strict'

// Runs embind's suite once against a module object. The suite's three files share one scope, as they do behind Emscripten's
// glue; between them its runner, which ends at the first failure, is replaced by one that goes on.

const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')

const read = (folder, file) => fs.readFileSync(path.join(folder, file), 'utf8')

// `countHandles`: also look, after each test, at the JavaScript values that C++ still holds.
function runSuite (folder, Module, { countHandles = false, complain = () => {} } = {}) {
  const results = []
  const runAll = (tests, runTest) => {
    for (const test of tests) {
      const failed = runTest(test)
      results.push({ name: test.name, error: failed ? String((failed.e && failed.e.message) || failed.e) : null })
    }
  }
  const text = [
    read(folder, 'underscore-1.4.2.js'),
    read(folder, 'imvu_test_adapter.js'),
    'run_all = function () { runAll(allTests, runTest) }',
    countHandles ? 'INVOKED_FROM_EMSCRIPTEN_TEST_RUNNER = undefined' : '',
    read(folder, 'embind.test.js')
  ].join('\n;')
  const suite = vm.compileFunction(text, ['Module', 'runAll', 'console', 'global'], { filename: path.join(folder, 'embind.test.js') })
  const { random } = Math
  try {
    suite.call(globalThis, Module, runAll, { ...console, error: complain }, {})
  } finally {
    Math.random = random
  }
  return results
}

module.exports = { runSuite }
