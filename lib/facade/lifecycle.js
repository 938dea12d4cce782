'use strict'

// How a program starts, ends and prints, as far as JavaScript sees it.

const { AbortError, ExitError } = require('../base/errors')

// Functions of the user's, or of pre-js, that a start calls.
const OPTIONS = ['preInit', 'preRun', 'postRun', 'onRuntimeInitialized']
const QUEUES = ['preRun', 'init', 'preMain', 'exit', 'postRun']

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
  const { sandbox, options, module, generations } = facade
  // Pre-js may put its own in the place of what prints; what the user gave comes first.
  const printers = { print: options.print || module.print || console.log, printErr: options.printErr || module.printErr || console.warn }
  const out = (...args) => printers.print(...args)
  const err = (...args) => printers.printErr(...args)
  const copySet = (image) => new Set(image)
  const warned = generations.perGeneration('warnings given', copySet, { image: copySet })
  // The C library reads it once, at start.
  const environment = generations.perGeneration('ENV', (image) => ({ ...(image ?? makeEnvironment(options)) }), { image: (now) => ({ ...now }) })
  const copyQueues = (image) => Object.fromEntries(QUEUES.map((name) => [name, [...(image?.[name] ?? [])]]))
  const queues = generations.perGeneration('queues of hooks', copyQueues, { image: copyQueues })
  const copyDependencies = (image) => ({ names: new Set(image?.names), count: image?.count ?? 0 })
  const dependencies = generations.perGeneration('run dependencies', copyDependencies, { image: copyDependencies })
  // What JavaScript counts to keep the runtime alive. It ends with its process anyway.
  const holds = generations.perGeneration('holds on the runtime', (image) => ({ count: 0, ...image }), { image: (now) => ({ ...now }), stays: false })
  const given = JSON.stringify(makeEnvironment(options))

  function abort (what) {
    const text = what === undefined ? '' : String(what)
    throw new AbortError(`Aborted(${text})`)
  }

  function assert (condition, text) {
    if (!condition) abort(`Assertion failed${text ? `: ${text}` : ''}`)
  }

  function warnOnce (text) {
    if (warned.value.has(text)) return
    warned.value.add(text)
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

  function runtimeKeepalivePop () {
    if (facade.facts.assertions) assert(holds.value.count > 0)
    holds.value.count--
  }

  function safeSetTimeout (fn, ms) {
    return facade.surroundings.loop.overrides.setTimeout(callUserCallback, ms, fn)
  }

  function countDependency (by) {
    dependencies.value.count += by
    if (typeof module.monitorRunDependencies === 'function') module.monitorRunDependencies(dependencies.value.count)
  }

  function addRunDependency (id) {
    if (id) dependencies.value.names.add(id)
    countDependency(1)
  }

  function removeRunDependency (id) {
    if (id) dependencies.value.names.delete(id)
    countDependency(-1)
  }

  function getUniqueRunDependency (id) {
    let unique = id
    while (dependencies.value.names.has(unique)) unique = id + Math.random()
    return unique
  }

  // Emscripten runs each queue last-in first-out, but for constructors.
  function adder (name) {
    return (fn) => { queues.value[name].unshift(fn) }
  }

  function runQueue (name) {
    const queue = queues.value[name]
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
    if (JSON.stringify(environment.value) !== given) giveEnvironment(environment.value)
    runQueue('init')
  }

  // Options mean what the user gave, whatever the last generation put in their places.
  function resetOptions () {
    for (const name of OPTIONS) {
      const given = options.module?.[name]
      if (given === undefined) delete module[name]
      else module[name] = given
    }
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
  function giveEnvironment (ENV) {
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
      get ENV () { return environment.value },
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
      runtimeKeepalivePush: () => { holds.value.count++ },
      runtimeKeepalivePop,
      keepRuntimeAlive: () => true,
      maybeExit: () => {}
    },
    // Variables of the runtime: read anew each time.
    live: {
      get ENV () { return environment.value },
      get runDependencies () { return dependencies.value.count },
      get __ATPRERUN__ () { return queues.value.preRun },
      get __ATINIT__ () { return queues.value.init },
      get __ATMAIN__ () { return queues.value.preMain },
      get __ATEXIT__ () { return queues.value.exit },
      get __ATPOSTRUN__ () { return queues.value.postRun }
    },
    beforeConstructors,
    resetOptions,
    runHooksAgain,
    beforeMain,
    afterMain
  }
}

module.exports = { makeLifecycle, ExitStatus }
