'use strict'

// One side of `bench/packages.js`, in a process of its own: serves requests to one package and says how long they took.
//
//   node package-side.js FOLDER PACKAGE SIDE     SIDE: emvm, rewound, recreate, keep
//
//   rewound    emvm with `rewind: true`
//   recreate   plain Node, the module made anew for each request: the wasm compiled once (WebAssembly.Module), the glue's
//              text compiled once, the factory called again; the most that can be had without touching the glue
//   keep       plain Node, one module for all requests

const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { createRequire } = require('node:module')
const { pathToFileURL } = require('node:url')
const { now } = require('./measure')
const { PACKAGES, toolsOf } = require('./package-jobs')

const QUIET = { print () {}, printErr () {} }

async function emvm (file, rewind) {
  const { open } = require('../..')
  const sandbox = await open(file, { ...QUIET, rewind })
  return { fresh: async () => [await sandbox.isReady()], host: sandbox.host }
}

// Old glue adds listeners to `process` that keep each instance alive for ever: they are left out, so that what is measured
// is V8 and not that.
const inertProcess = Object.create(process, { on: { value () { return this } } })

// Modules compiled once, by the length of their bytes.
function onceCompiled () {
  const compiled = new Map()
  const real = WebAssembly
  const compile = (bytes) => {
    if (bytes instanceof real.Module) return bytes
    let module = compiled.get(bytes.byteLength)
    if (module === undefined) compiled.set(bytes.byteLength, module = new real.Module(bytes))
    return module
  }
  const shadow = Object.create(real, {
    instantiate: {
      value: async (bytes, imports) => {
        const module = compile(bytes)
        const instance = await real.instantiate(module, imports)
        return bytes instanceof real.Module ? instance : { module, instance }
      }
    },
    compile: { value: async (bytes) => compile(bytes) },
    Module: { value: new Proxy(real.Module, { construct: (_, [bytes]) => compile(bytes) }) }
  })
  // Spares the glue the decoding of a wasm that it has inside; the largest is its own.
  const hook = () => {
    const module = compiled.get(Math.max(...compiled.keys()))
    return compiled.size === 0
      ? {}
      : { instantiateWasm (imports, done) { real.instantiate(module, imports).then((instance) => done(instance, module)); return {} } }
  }
  return { shadow, hook }
}

async function plain (file, again) {
  const { shadow, hook } = onceCompiled()
  let given
  if (isModule(file)) {
    globalThis.WebAssembly = shadow
    const { default: factory } = await import(pathToFileURL(file).href)
    given = () => factory
  } else {
    const names = ['module', 'exports', 'require', '__filename', '__dirname', 'process', 'fetch', 'WebAssembly', 'Module']
    const compiled = vm.compileFunction(`${fs.readFileSync(file, 'utf8')}\n;return typeof Module === 'undefined' ? undefined : Module`, names, { filename: file })
    given = (options) => {
      const initial = {}
      const module = { exports: initial }
      const made = compiled.call(module.exports, module, module.exports, createRequire(file), file, path.dirname(file), inertProcess, undefined, shadow, options)
      return module.exports !== initial || Object.keys(initial).length > 0 ? module.exports : made
    }
  }
  // Some glue would fetch it, which Node refuses for files.
  const wasm = file.replace(/\.[cm]?js$/, '.wasm')
  const beside = fs.existsSync(wasm) ? { wasmBinary: fs.readFileSync(wasm) } : {}
  async function fresh () {
    const options = { ...QUIET, ...beside, ...hook() }
    let module = given(options)
    if (module && typeof module.default === 'function') module = module.default
    if (typeof module === 'function') module = module(options)
    return ready(module)
  }
  if (again) return { fresh }
  const kept = await fresh()
  return { fresh: async () => kept }
}

// Boxed: old modules are thenables that resolve with themselves.
async function ready (module) {
  if (module instanceof Promise) return [await module]
  if (typeof module.then === 'function') {
    await new Promise((resolve, reject) => module.then(() => resolve(), reject))
    delete module.then
  } else if (module.ready instanceof Promise) {
    await module.ready
  } else if (!module.calledRun) {
    // A script: its wasm is on its way.
    await new Promise((resolve) => { module.onRuntimeInitialized = resolve })
  }
  return [module]
}

function isModule (file) {
  if (!file.endsWith('.js')) return file.endsWith('.mjs')
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const about = path.join(folder, 'package.json')
    if (fs.existsSync(about)) return JSON.parse(fs.readFileSync(about, 'utf8')).type === 'module'
  }
  return false
}

async function main () {
  const [folder, name, side] = process.argv.slice(2)
  const about = PACKAGES.find((known) => known.name === name)
  const file = path.join(folder, about.package, about.glue)
  const tools = await toolsOf(about, folder)
  const log = console.log
  console.log = console.warn = () => {}
  const { fresh, host } = side === 'emvm' || side === 'rewound' ? await emvm(file, side === 'rewound') : await plain(file, side === 'recreate')

  async function requests (count) {
    const made = []
    const done = []
    let answer
    for (let i = 0; i < count; i++) {
      const start = now()
      const [module] = await fresh()
      const between = now()
      answer = await about.job(module, tools)
      done.push(now() - between)
      made.push(between - start)
    }
    return { made, done, answer, rss: process.memoryUsage.rss() }
  }
  // With time to spare between requests, as a service has it.
  async function rested (count) {
    const made = []
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      const start = now()
      await fresh()
      made.push(now() - start)
    }
    return { made }
  }
  process.on('message', async ({ what, count }) => {
    try {
      process.send(await (what === 'rested' ? rested : requests)(count))
    } catch (error) {
      process.send({ error: String(error && error.stack ? error.stack : error) })
    }
  })
  process.on('disconnect', () => process.exit())
  process.send({ host, rss: process.memoryUsage.rss() })
  console.log = log
}

main().catch((error) => {
  process.send({ error: String(error && error.stack ? error.stack : error) })
  process.exitCode = 1
})
