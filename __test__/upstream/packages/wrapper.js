'use strict'

// A package's own JavaScript over another module than its glue makes: the glue is in a file that it requires, or in its own
// file, where one expression makes the module.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const Module = require('node:module')
const { pathToFileURL } = require('node:url')

let count = 0

// `file`; and `glue`, the file it requires, or `factory`, the text of the expression that the factory is called by; `wrap`
// makes what `glue` exports from the module (the factory, unless said otherwise).
async function makeWrapper ({ file, glue, factory, esm, wrap = (module) => async () => module }, { at, module }) {
  if (glue) {
    for (const part of [file, glue]) delete require.cache[require.resolve(at(part))]
    if (module !== undefined) require.cache[require.resolve(at(glue))] = { id: glue, filename: at(glue), loaded: true, children: [], paths: [], exports: wrap(module) }
    return require(at(file))
  }
  let source = fs.readFileSync(at(file), 'utf8')
  if (module !== undefined) {
    if (!source.includes(factory)) throw new Error(`${file} has no ${factory}`)
    const key = `__moduleOfCase${++count}`
    globalThis[key] = wrap(module)
    source = source.replace(factory, factory.replace(/[\w$]+(?=\W*$)/, `globalThis.${key}`))
  }
  if (!esm) {
    const made = new Module(at(file))
    made.filename = at(file)
    made.paths = Module._nodeModulePaths(path.dirname(at(file)))
    made._compile(source, at(file))
    return made.exports
  }
  if (module === undefined) return import(pathToFileURL(at(file)).href)
  const copy = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-wrapper-')), 'wrapper.mjs')
  try {
    fs.writeFileSync(copy, source)
    return await import(pathToFileURL(copy).href)
  } finally {
    fs.rmSync(path.dirname(copy), { recursive: true })
  }
}

module.exports = { makeWrapper }
