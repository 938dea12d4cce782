'use strict'

const { Buffer } = require('node:buffer')
const { readFileSync, statSync } = require('node:fs')
const { join } = require('node:path')
const { load } = require('./base/binding')
const { setImmediate } = require('./base/clock')
const errors = require('./base/errors')
const { openOptions, sourceOf } = require('./options')
const { chooseHost } = require('./choose')
const { startNative } = require('./native-host')
const { Sandbox } = require('./sandbox')
const { room } = require('./base/in-flight')
const { tellUnkept } = require('./unkept')
const { keep } = require('./base/scripts')
const { evaluateWith, translate } = require('./webassembly/translator')

// Loaded when it is needed.
evaluateWith((file) => require('./glue-host/tools').evaluated(file))

// What a plain `open` does not need is loaded where it is needed: each file costs each thread a third of a millisecond.

// Reads and compiles a source; the work happens off the main thread.
// `runs`: it is to run, so that what no host runs is refused before it is compiled.
async function openProgram (source, options, runs = false) {
  const { path, bytes } = sourceOf(source)
  const wasm = options.wasm
  const spec = {
    __proto__: null,
    ...(path !== undefined && { path }),
    ...(bytes !== undefined && { bytes }),
    ...(typeof wasm === 'string' && { wasmPath: wasm }),
    ...(wasm !== undefined && typeof wasm !== 'string' && { wasmBytes: wasm }),
    ...(options.trackLeaks === 'allocations' && { watched: true }),
    ...(runs && { runs: true }),
    // Better code comes with a recycle of the native host; where there is none, it is waited for.
    ...((options.recycle?.mode === 'never' || options.host === 'glue') && { settled: true }),
    ...(options.cache !== undefined && { cache: options.cache === false ? '' : options.cache })
  }
  const report = options.onProgress && ((error, progress) => {
    if (error) return
    const [phase, done, total] = progress
    options.onProgress({ phase, done, total })
  })
  try {
    const program = await compiled(spec, report)
    tellUnkept(program)
    return { program, facts: factsOf(program), path, bytes }
  } catch (failure) {
    const noGlue = lackOf.get(failure) === 'glue'
    const maker = failure.code === 'EMVM_ERR_SOURCE' ? require('./maker').makerOf(textOf(path, bytes), path, noGlue && options.host !== 'native') : undefined
    if (maker === 'asm.js') {
      throw new errors.UnsupportedError(`${path ?? 'the source'} is asm.js, or leads to it: JavaScript, of which nothing would run in emvm. Use the package's WebAssembly build, or build with -sWASM=1`)
    }
    // A wrapper around glue in another file is run as it is when that is asked for; what it is cannot be told.
    const wraps = noGlue && (options.host === 'glue' || runsPackages(options) || maker !== undefined)
    if (noGlue && options.host === 'auto') failure.message += "; if it is a package's API around glue in another file or in a dependency, open it with host: 'glue'"
    const hides = options.host !== 'native' && path !== undefined && (wraps || lackOf.get(failure) === 'wasm')
    if (failure.code === 'EMVM_ERR_SOURCE') explain(failure, source, path)
    if (!hides) throw failure
    return withoutProgram(failure, path, bytes, maker)
  }
}

function textOf (path, bytes) {
  try {
    if (bytes) return Buffer.from(bytes).toString('latin1')
    return statSync(path).isFile() ? readFileSync(path, 'latin1') : ''
  } catch {
    // What is wrong with the file has been said.
    return ''
  }
}

const runsPackages = ({ packages }) => packages !== undefined && packages.length > 0

// Says which file it is, and what was perhaps meant.
function explain (failure, source, path) {
  if (path === undefined) return
  failure.message = failure.message.replace(/^the source\b/, path)
  if (typeof source !== 'string' || !failure.message.endsWith('does not exist') || /^(\.|\/|file:)/.test(source)) return
  try {
    require('node:module').createRequire(join(process.cwd(), 'index.js')).resolve(source)
    failure.message += `; '${source}' is an installed package: give require.resolve('${source}')`
  } catch {
    // Nor is it a package.
  }
}

// What was read is the same for all sandboxes of a program, so they share it as long as one of them lives.
const known = new Map()

function factsOf (program) {
  const facts = known.get(program.key)?.deref()
  if (facts !== undefined) return facts
  for (const [key, ref] of known) if (ref.deref() === undefined) known.delete(key)
  const read = withExports(bare(JSON.parse(program.facts())), program)
  known.set(program.key, new WeakRef(read))
  return read
}

// What is not told of a module is told by nobody else either.
function bare (facts) {
  for (const part of [facts, ...Object.values(facts)]) {
    if (part !== null && typeof part === 'object' && !Array.isArray(part)) Object.setPrototypeOf(part, null)
  }
  return facts
}

// Exports are for the native host and for who asks: of a large module they are told in megabytes. `exported` is what the native host
// begins with.
function withExports (facts, program) {
  const define = (name, enumerable, read) => Object.defineProperty(facts, name, {
    get () {
      const value = JSON.parse(read())
      Object.defineProperty(facts, name, { value })
      return value
    },
    enumerable,
    configurable: true
  })
  define('exports', true, () => program.exports())
  define('exported', false, () => program.exported())
  return facts
}

// Glue that hides its wasm (packed in a way of its own): it must unpack and compile it itself.
// `maker`: what made its JavaScript, where that is known.
function withoutProgram (failure, path, bytes, maker) {
  const facts = { __proto__: null, hasGlue: true, imports: [], exports: [], moduleKeys: [], emAsm: {}, minified: failure.message, uses: {}, maker, wasmOrigin: { kind: 'hidden' } }
  return { program: { compileMs: 0, fromCache: false, hidden: failure }, facts, path, bytes }
}

// What the source of a failure lacks: 'file', 'glue' or 'wasm'.
const lackOf = new WeakMap()

const isFailure = (program) => Object.hasOwn(program, 'code')
const lackIn = (program) => Object.hasOwn(program, 'lacks') ? program.lacks : undefined

async function compiled (given, report) {
  const native = load()
  let spec = given
  let program = await native.openProgram(spec, report)
  if (lackIn(program) === 'file') {
    spec = require('./nearby').readThroughNode(spec) ?? spec
    if (spec !== given) program = await native.openProgram(spec, report)
  }
  if (!isFailure(program)) return program
  const { feature, lacks, ...failure } = { __proto__: null, ...program }
  if (feature === undefined || !feature.includes('legacy_exceptions')) {
    const error = errors.fromNative(failure)
    lackOf.set(error, lacks)
    throw error
  }
  // The first encoding of wasm exceptions is translated once; afterwards the cache has the code.
  const translated = await translate(await native.readWasm(spec), spec.path)
  if (translated === undefined) {
    failure.message += ' (the first encoding of WebAssembly exceptions): install the `binaryen` package beside emvm, which translates it, or build with -sWASM_LEGACY_EXCEPTIONS=0'
    throw errors.fromNative(failure)
  }
  const again = await native.openProgram({ __proto__: null, ...spec, translated }, report)
  if (!isFailure(again)) return again
  throw errors.fromNative({ code: again.code, message: again.message })
}

// What no sandbox can do without.
function checkRuntime (options) {
  if (process.env.EMVM_TEST_NO_EXTERNAL_BUFFERS || !load().externalBuffers()) {
    throw new errors.UnsupportedError(
      'this runtime lets no addon make ArrayBuffers over memory of its own (Electron from 21 on), and the views of a module\'s memory are such: ' +
      'run emvm in a Node.js process beside this one, for instance child_process.fork() with `execPath` set to a Node.js of your own')
  }
  if (options.timeout !== undefined && process.env.EMVM_INTERRUPTION_POINTS === 'off') {
    throw new errors.OptionError('timeout: EMVM_INTERRUPTION_POINTS=off compiles modules without the points at which a call can be stopped; unset it', { option: 'timeout', value: options.timeout })
  }
}

async function open (source, given) {
  const options = openOptions(given)
  checkRuntime(options)
  // Set by `emvm leaks`: see `lib/leaks/hook.js`.
  if (!globalThis[Symbol.for('emvm.leaks')]) return start(source, options)
  try {
    return await start(source, { ...options, trackLeaks: 'allocations' })
  } catch (error) {
    if (error.code !== 'EMVM_ERR_UNSUPPORTED') throw error
    return start(source, { ...options, trackLeaks: true }, error.message)
  }
}

// `unwatched`: why allocations are not seen, where they were to be.
async function start (source, given, unwatched) {
  const options = { ...given, opensImage: given.image === undefined ? undefined : imageOf(given.image, given.cache) }
  const opened = await openProgram(source, options, true)
  await room()
  const choice = chooseHost(opened.facts, options)
  if (choice.error) throw choice.error
  const startsFrom = ['from', 'image'].find((name) => options[name] !== undefined)
  if (startsFrom !== undefined && choice.host !== 'native') {
    throw new errors.UnsupportedError(`${startsFrom}: only the native host starts from an image, and this module runs on the glue host: ${choice.reasons.join('; ')}`)
  }
  const startHost = choice.host === 'native' ? startNative : startGlue
  const host = await startHost(opened, options).catch((cause) => {
    // Some of what keeps the native host from running a module shows when it runs.
    if (choice.host === 'native' && options.host === 'auto' && startsFrom === undefined && opened.facts.hasGlue && cause instanceof errors.UnsupportedError && cause.reasons) {
      return startGlue(opened, options)
    }
    // Glue without a wasm that we know of was given its chance: what is wrong is that there is none. Who asked for the
    // glue host knows what he runs.
    const { program: { hidden }, facts: { maker } } = opened
    throw hidden === undefined || maker !== undefined || options.host === 'glue' || runsPackages(options) ? cause : Object.assign(hidden, { cause })
  })
  checkPolicy(host, options)
  const allocations = options.trackLeaks === 'allocations' ? watch(host, opened) : undefined
  const twin = () => start(source, { ...given, from: undefined, image: undefined, trackLeaks: 'allocations' })
  setImmediate(keep, options.cache === undefined, setImmediate)
  return new Sandbox(host, options, opened, { allocations, twin, unwatched })
}

// Its realms link modules that one compiler has compiled: baseline code passes numbers in a way of its own.
async function startGlue (opened, options) {
  const { program } = opened
  if (program.tier === 'baseline') await load().optimiseProgram(program)
  return require('./glue-host').startGlue(opened, options)
}

// The image in a file. It is looked at beside the source.
function imageOf (file, cache) {
  const opened = load().openImageFile(file, cache === false ? '' : cache).then((found) => {
    if (typeof found !== 'string') return found
    const accepted = 'a file that Checkpoint.save wrote'
    throw new errors.OptionError(`Option 'image' is '${file}', which cannot be used: ${found}.`, { option: 'image', value: file, accepted })
  })
  // It is looked for later.
  opened.catch(() => {})
  return opened
}

// A bound that a fresh instance reaches would make each `isReady()` recycle, whatever was left behind.
function checkPolicy (host, { recycle: { heapBytes } }) {
  if (heapBytes === undefined || host.heldBytes < heapBytes) return
  const held = host.heldBytes
  host.dispose()
  const accepted = `more than the ${held} bytes that a fresh instance of this module holds, or recycle: 'always'`
  throw new errors.OptionError(`Option 'recycle.heapBytes' is ${heapBytes}: expected ${accepted}.`, { option: 'recycle.heapBytes', value: heapBytes, accepted })
}

function watch (host, { facts, program }) {
  const { Allocations } = require('./leaks/allocations')
  const allocations = new Allocations(host, facts.allocators)
  if (!program.hidden && allocations.start()) return allocations
  host.dispose()
  throw new errors.UnsupportedError('allocations cannot be watched in this module: its own JavaScript unpacks or compiles its wasm, out of sight. ' +
    'Give the .wasm with the `wasm` option, or use trackLeaks: true, which sees C++ objects only.')
}

module.exports = { open, openProgram }
