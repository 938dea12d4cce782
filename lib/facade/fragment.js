'use strict'

// JavaScript cut out of the glue (EM_ASM bodies, library functions, pre- and post-js) runs as one function in the
// caller's realm; its free names are the function's parameters.

const path = require('node:path')
const { createRequire } = require('node:module')
const { pathToFileURL } = require('node:url')
const { StartError } = require('../errors')
const { withCache } = require('./webidl')

const NOTHING = { imports: {}, asm: {}, pre: null, extras: null }

function evaluate (facade) {
  const { fragment } = facade.facts
  if (!fragment) return NOTHING
  const file = facade.options.sourcePath || path.join(process.cwd(), 'module.js')
  const commonjs = {
    require: createRequire(file),
    module: { exports: {} },
    exports: {},
    __filename: file,
    __dirname: path.dirname(file)
  }
  const values = fragment.freeNames.map(({ role }) => {
    if (role === 'module') return facade.module
    if (role === 'live') return facade.runtime.live
    if (role === 'import.meta') return { url: pathToFileURL(file).href }
    if (role.commonjs !== undefined) return commonjs[role.commonjs]
    if (role.export !== undefined) return facade.runtime.lateExport(role.export)
    return facade.runtime.provide(role.provided)
  })
  let make
  try {
    // eslint-disable-next-line no-new-func
    make = new Function(...fragment.freeNames.map(({ name }) => name), withCache(fragment.source))
  } catch (cause) {
    throw new StartError(`the JavaScript that the package adds to its module does not compile: ${cause.message}`, { cause })
  }
  return make.apply(undefined, values)
}

module.exports = { evaluate }
