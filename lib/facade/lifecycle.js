'use strict'

// How a program starts, ends and prints, as far as JavaScript sees it.

const { AbortError, ExitError } = require('../errors')

class ExitStatus {
  constructor (status) {
    this.name = 'ExitStatus'
    this.message = `Program terminated with exit(${status})`
    this.status = status
  }
}

// What Emscripten's ENV holds at first.
function makeEnvironment ({ env = {} }) {
  const { navigator } = /** @type {any} */ (globalThis)
  const language = (navigator && navigator.languages && navigator.languages[0]) || 'C'
  return {
    USER: 'web_user',
    LOGNAME: 'web_user',
    PATH: '/',
    PWD: '/',
    HOME: '/home/web_user',
    LANG: `${language.replace('-', '_')}.UTF-8`,
    _: './this.program',
    ...env
  }
}

function makeLifecycle ({ facade }) {
  const { sandbox, options, module } = facade
  // Pre-js may put its own in the place of what prints; what the user gave comes first.
  const printers = { print: options.print || module.print || console.log, printErr: options.printErr || module.printErr || console.warn }
  const out = (...args) => printers.print(...args)
  const err = (...args) => printers.printErr(...args)
  const warned = new Set()
  const ENV = makeEnvironment(options)
  const given = JSON.stringify(ENV)
  const queues = { preRun: [], init: [], preMain: [], exit: [], postRun: [] }
  const dependencies = new Set()
  let dependencyCount = 0

  function abort (what) {
    const text = what === undefined ? '' : String(what)
    throw new AbortError(`Aborted(${text})`)
  }

  function assert (condition, text) {
    if (!condition) abort(`Assertion failed${text ? `: ${text}` : ''}`)
  }

  function warnOnce (text) {
    if (warned.has(text)) return
    warned.add(text)
    err(text)
  }

  function exit (status) {
    throw new ExitError(`the module called exit(${status})`, { status: status | 0 })
  }

  function statusOf (error) {
    if (error === 'unwind') return 0
    if (error instanceof ExitStatus) return error.status
    return error !== null && typeof error === 'object' && error.code === 'EMVM_ERR_EXIT' ? error.status : undefined
  }

  // Runs main with these arguments and gives its status.
  function callMain (args) {
    try {
      return sandbox.callMain(Array.from(args || [], String))
    } catch (error) {
      const status = statusOf(error)
      if (status === undefined) throw error
      return status
    }
  }

  function handleException (error) {
    const status = statusOf(error)
    if (status === undefined) throw error
    return status
  }

  function callUserCallback (fn) {
    try {
      fn()
    } catch (error) {
      handleException(error)
    }
  }

  // What JavaScript counts to keep the runtime alive, by generation. It ends with its process anyway.
  const holds = {
    generation: -1,
    count: 0,
    of (generation) {
      if (this.generation !== generation) Object.assign(this, { generation, count: 0 })
      return this
    }
  }

  function runtimeKeepalivePop () {
    const { count } = holds.of(sandbox.generation)
    if (facade.facts.assertions) assert(count > 0)
    holds.count = count - 1
  }

  // A timer of a past generation must not run in the next one.
  function safeSetTimeout (fn, ms) {
    const generation = sandbox.generation
    return setTimeout(() => {
      if (sandbox.generation === generation) callUserCallback(fn)
    }, ms)
  }

  function addRunDependency (id) {
    dependencyCount++
    if (id) dependencies.add(id)
    if (typeof module.monitorRunDependencies === 'function') module.monitorRunDependencies(dependencyCount)
  }

  function removeRunDependency (id) {
    dependencyCount--
    if (id) dependencies.delete(id)
    if (typeof module.monitorRunDependencies === 'function') module.monitorRunDependencies(dependencyCount)
  }

  function getUniqueRunDependency (id) {
    let unique = id
    while (dependencies.has(unique)) unique = id + Math.random()
    return unique
  }

  // Emscripten runs each queue last-in first-out, but for constructors.
  function adder (name) {
    return (fn) => { queues[name].unshift(fn) }
  }

  function runQueue (name) {
    const queue = queues[name]
    while (queue.length > 0) queue.shift()(module)
  }

  /** @returns {Function[]} */
  function listed (name) {
    const value = module[name]
    if (value === undefined) return []
    return typeof value === 'function' ? [value] : [...value]
  }

  // What pre-js put into the module object or queued; the file system and memory are there, constructors have not run.
  function beforeConstructors () {
    for (const [name, own] of /** @type {[string, Function][]} */ ([['print', out], ['printErr', err]])) {
      const given = module[name]
      if (!options[name] && typeof given === 'function' && given !== own) printers[name] = (...args) => given.apply(module, args)
    }
    for (const fn of [...listed('preInit'), ...listed('preRun')]) fn(module)
    runQueue('preRun')
    if (JSON.stringify(ENV) !== given) giveEnvironment()
    runQueue('init')
  }

  // Pre-js was made anew for a generation whose files are there already: those that its hooks make are no error.
  function runHooksAgain () {
    for (const fn of [...listed('preInit'), ...listed('preRun')]) {
      try {
        fn(module)
      } catch (error) {
        if (error === null || typeof error !== 'object' || error.code !== 'EEXIST') throw error
      }
    }
  }

  // The C library reads it once, so it counts until start-up only.
  function giveEnvironment () {
    const names = [...new Set([...Object.keys(JSON.parse(given)), ...Object.keys(ENV)])]
    sandbox.setVariables(names, names.map((name) => ENV[name] === undefined || ENV[name] === null ? null : String(ENV[name])))
  }

  function beforeMain () {
    runQueue('preMain')
  }

  function afterMain () {
    for (const fn of listed('postRun')) fn(module)
    runQueue('postRun')
  }

  return {
    api: {
      ENV,
      abort,
      out,
      err,
      print: out,
      printErr: err,
      callMain,
      run: () => {},
      ExitStatus,
      addRunDependency,
      removeRunDependency,
      addOnPreRun: adder('preRun'),
      addOnInit: adder('init'),
      addOnPreMain: adder('preMain'),
      addOnExit: adder('exit'),
      addOnPostRun: adder('postRun')
    },
    own: {
      assert,
      warnOnce,
      _exit: exit,
      exitJS: exit,
      quit_: exit,
      exitRuntime: () => {},
      handleException,
      callUserCallback,
      safeSetTimeout,
      getUniqueRunDependency,
      runtimeKeepalivePush: () => { holds.of(sandbox.generation).count++ },
      runtimeKeepalivePop,
      keepRuntimeAlive: () => true,
      maybeExit: () => {},
      __ATPRERUN__: queues.preRun,
      __ATINIT__: queues.init,
      __ATMAIN__: queues.preMain,
      __ATEXIT__: queues.exit,
      __ATPOSTRUN__: queues.postRun
    },
    beforeConstructors,
    runHooksAgain,
    beforeMain,
    afterMain
  }
}

module.exports = { makeLifecycle, ExitStatus }
