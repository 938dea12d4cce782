'use strict'

const { load } = require('./base/binding')
const { inspectOptions } = require('./options')
const { chooseHost } = require('./choose')
const { openProgram } = require('./open')

// 30157 is 3.1.57. Both ends are included; a bound that cannot be told is null.
function versions ({ versionMin, versionMax }) {
  const text = (number) => Number.isInteger(number) && number > 0 && number < 1e6 ? `${Math.floor(number / 10000)}.${Math.floor(number / 100) % 100}.${number % 100}` : null
  return { from: text(versionMin), to: text(versionMax) }
}

// What a source is, which host runs it and why.
async function inspect (source, given) {
  const options = inspectOptions(given)
  const { program, facts, path } = await openProgram(source, options)
  const { host, reasons = [], error } = chooseHost(facts, options)
  return {
    source: path ?? null,
    key: facts.key ?? null,
    host: error ? null : host,
    reasons: error ? [error.message] : reasons,
    emscripten: versions(facts),
    wasm: {
      bytes: facts.wasmBytes ?? 0,
      origin: facts.wasmOrigin.kind,
      path: facts.wasmOrigin.path ?? null,
      producers: (facts.producers ?? []).map(([field, name, version]) => ({ field, name, version })),
      features: facts.targetFeatures ?? [],
      names: facts.hasNames ?? false
    },
    memory: facts.memory ?? null,
    recycle: facts.restorable ? { inPlace: false, reason: facts.restorable } : { inPlace: true },
    imports: facts.imports,
    exports: facts.exports.map(({ field, name, item }) => ({ field, name, ...item })),
    glue: facts.hasGlue
      ? { minified: facts.minified, shape: facts.shape ?? null, uses: facts.uses, moduleKeys: facts.moduleKeys, emAsm: Object.keys(facts.emAsm).length }
      : null,
    rewind: options.rewind && !error ? host === 'native' ? { possible: true } : await trial(source, given) : null,
    extras: facts.fragment ? { bytes: facts.fragment.bytes, pre: facts.fragment.hasPre, post: facts.fragment.hasExtras, freeNames: facts.fragment.freeNames.map(({ name }) => name) } : null,
    compileMs: program.compileMs,
    fromCache: program.fromCache
  }
}

// Whether it can be rewound: opened and put back once.
async function trial (source, { wasm, imports, cache }) {
  const { open } = require('./open')
  const vm = await open(source, { host: 'glue', rewind: 'auto', print () {}, printErr () {}, ...(wasm && { wasm }), ...(imports && { imports }), ...(cache !== undefined && { cache }) })
  try {
    await vm.isReady()
    const { rewind, rewindReason, recycleMicros } = vm.stats()
    return rewind === 'on' ? { possible: true, micros: recycleMicros.last } : { possible: false, step: rewind, reason: rewindReason }
  } finally {
    vm.dispose()
  }
}

// What this build of emvm can do on this machine.
function capabilities () {
  return { ...JSON.parse(load().nativeCapabilities()), node: process.versions.node, v8: process.versions.v8 }
}

module.exports = { inspect, capabilities }
