'use strict'

// The two ways V8 has to give a fresh instance of opencv.js.
//
//   vmTechnique   the package's script run again in a new `vm` context, its code compiled once (vm.Script): what people do
//   bestOfV8      the wasm compiled once (WebAssembly.Module), the glue's factory compiled once and called again with the
//                 `instantiateWasm` hook: no base64, no compiling; the most that a user can get without changing the glue

const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')

const FILE = require.resolve('opencv-4.12')

// What the glue gives is a promise of the module or the module with a `then` that calls back with itself: the module comes in an array.
function ready (loaded) {
  return new Promise((resolve, reject) => {
    loaded.then((cv) => {
      delete cv.then
      resolve([cv])
    }, reject)
  })
}

// Each instance of this glue adds listeners to `process` that keep it alive for ever: they are left out, so that what is
// measured is V8 and not that.
const inertProcess = Object.create(process, { on: { value () { return this } } })

function vmTechnique (file = FILE) {
  const script = new vm.Script(fs.readFileSync(file, 'utf8'), { filename: file })
  const folder = path.dirname(file)
  return async function fresh () {
    const module = { exports: {} }
    const context = vm.createContext({
      module, exports: module.exports, require, process: inertProcess, Buffer, console, performance, setTimeout, clearTimeout, TextDecoder, URL, __filename: file, __dirname: folder
    })
    script.runInContext(context)
    const [cv] = await ready(module.exports)
    return [cv]
  }
}

// The factory itself in place of `cv(Module)`: the package keeps it to itself.
function factoryOf (file) {
  const source = fs.readFileSync(file, 'utf8')
  const patched = source.replace(/return cv\(Module\);\s*\}\)\);\s*$/, 'return cv;\n}));')
  if (patched === source) throw new Error(`${file} does not end as expected`)
  const module = { exports: {} }
  vm.compileFunction(patched, ['module', 'exports', 'require', 'process', 'fetch', '__filename', '__dirname'], { filename: file })
    .call(module.exports, module, module.exports, require, inertProcess, undefined, file, path.dirname(file))
  return module.exports
}

async function compiledWasm (factory) {
  const { instantiate } = WebAssembly
  let bytes
  WebAssembly.instantiate = function (source, imports) {
    bytes = source
    return instantiate.call(WebAssembly, source, imports)
  }
  try {
    await ready(factory({}))
  } finally {
    WebAssembly.instantiate = instantiate
  }
  return WebAssembly.compile(bytes)
}

async function bestOfV8 (file = FILE) {
  const factory = factoryOf(file)
  const compiled = await compiledWasm(factory)
  return async function fresh () {
    const [cv] = await ready(factory({
      instantiateWasm (imports, done) {
        const instance = new WebAssembly.Instance(compiled, imports)
        done(instance, compiled)
        return instance.exports
      }
    }))
    return [cv]
  }
}

// The package as anybody loads it, once.
async function asPublished (file = FILE) {
  return ready(require(file))
}

module.exports = { FILE, asPublished, vmTechnique, bestOfV8 }
