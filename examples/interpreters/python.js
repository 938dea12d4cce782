'use strict'

// Python (pyodide) with modules imported: starting it takes seconds, and is done once.

const path = require('node:path')
const { open } = require('../..')

const PRELUDE = `
import json, re, math, collections, datetime
def mean(values):
    return sum(values) / len(values)
`

// `modules`: where packages are looked for, where not beside this file.
async function python ({ modules = [__dirname] } = {}) {
  const file = require.resolve('pyodide/pyodide.js', { paths: modules })
  let interpreter
  const vm = await open(file, {
    host: 'glue',
    rewind: true,
    timeout: 6000,
    memory: { max: '512mb' },
    warmUp: async ({ loadPyodide }) => {
      interpreter = await loadPyodide({ indexURL: `${path.dirname(file)}/` })
      interpreter.runPython(PRELUDE)
      return interpreter
    }
  })
  return { vm, run: (script) => vm.run(() => String(interpreter.runPython(script))) }
}

module.exports = { python }
