'use strict'

// `console` and `performance`: Node remembers what it was told through them (counters, timers and indentation; marks and measures). What a
// generation told ends with it.

const perfHooks = require('node:perf_hooks')

const MODULES = /^(?:node:)?(console|perf_hooks)$/
const HOUR = 3600000
const MINUTE = 60000
const SECOND = 1000

// `registry` knows the generation. `overrides`: what files see; `of(id)`: what `require` gives, where it is one of these modules; `seal()`: the
// image is taken; `save()`: what there is now, for `rewind(saved)`.
function tellers (registry) {
  let counts = new Map()
  let timers = new Map()
  let depth = 0
  // Names of marks and of measures, in order, that nobody else had.
  const [marks, measures] = [[], []]
  // Node holds those that observe.
  const observing = new Set()
  const save = () => ({ counts: new Map(counts), timers: new Map(timers), depth, marks: marks.length, measures: measures.length, observing: new Set(observing) })
  let image = save()

  const told = Object.assign(Object.create(console), {
    count (label = 'default') {
      const count = (counts.get(`${label}`) ?? 0) + 1
      counts.set(`${label}`, count)
      told.log(`${label}: ${count}`)
    },
    countReset (label = 'default') {
      if (!counts.delete(`${label}`)) process.emitWarning(`Count for '${label}' does not exist`)
    },
    time (label = 'default') {
      if (timers.has(`${label}`)) process.emitWarning(`Label '${label}' already exists for console.time()`)
      else timers.set(`${label}`, performance.now())
    },
    timeLog (label = 'default', ...data) { sayTime('timeLog', label, data) },
    timeEnd (label = 'default') {
      sayTime('timeEnd', label, [])
      timers.delete(`${label}`)
    },
    group (...data) {
      if (data.length > 0) told.log(...data)
      depth++
      console.group()
    },
    groupEnd () {
      if (depth > 0) depth--
      console.groupEnd()
    }
  })
  told.groupCollapsed = told.group

  function sayTime (method, label, data) {
    const since = timers.get(`${label}`)
    if (since === undefined) process.emitWarning(`No such label '${label}' for console.${method}()`)
    else told.log('%s: %s', label, durationOf(performance.now() - since), ...data)
  }

  // Node's methods ask for the object itself.
  const own = Object.create(performance)
  for (let proto = Object.getPrototypeOf(performance); proto !== null && proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const key of Reflect.ownKeys(proto)) {
      const { value, get, set } = Reflect.getOwnPropertyDescriptor(proto, key)
      if (key === 'constructor' || Object.hasOwn(own, key)) continue
      if (typeof value === 'function') Object.defineProperty(own, key, { value: Object.defineProperty((...args) => Reflect.apply(value, performance, args), 'name', { value: value.name }), writable: true, configurable: true })
      else if (get !== undefined) Object.defineProperty(own, key, { get: () => Reflect.apply(get, performance, []), set: set && ((to) => Reflect.apply(set, performance, [to])), configurable: true })
    }
  }
  const noting = (method, type, list) => (name, ...rest) => {
    const names = list()
    if (!names.includes(`${name}`) && performance.getEntriesByName(`${name}`, type).length === 0) names.push(`${name}`)
    return performance[method](name, ...rest)
  }
  if (performance.mark !== undefined) {
    own.mark = noting('mark', 'mark', () => marks)
    own.measure = noting('measure', 'measure', () => measures)
  }

  class PerformanceObserver extends perfHooks.PerformanceObserver {
    constructor (callback) { super(typeof callback === 'function' ? registry.quiet(callback) : callback) }

    observe (options) {
      super.observe(options)
      observing.add(this)
    }

    disconnect () {
      observing.delete(this)
      super.disconnect()
    }
  }

  const modules = { console: told, perf_hooks: { ...perfHooks, performance: own, PerformanceObserver } }
  return {
    overrides: { console: told, performance: own, PerformanceObserver },
    of: (id) => modules[MODULES.exec(id)?.[1]],
    save,
    seal () { image = save() },
    rewind (then = image) {
      for (const observer of observing) if (!then.observing.has(observer)) observer.disconnect()
      counts = new Map(then.counts)
      timers = new Map(then.timers)
      for (; depth > then.depth; depth--) console.groupEnd()
      for (; depth < then.depth; depth++) console.group()
      for (const name of marks.splice(then.marks)) performance.clearMarks(name)
      for (const name of measures.splice(then.measures)) performance.clearMeasures(name)
    }
  }
}

// As Node writes it.
function durationOf (ms) {
  if (ms < SECOND) return `${Number(ms.toFixed(3))}ms`
  if (ms < MINUTE) return `${(ms / SECOND).toFixed(3)}s`
  const two = (value) => String(value).padStart(2, '0')
  const minutes = Math.floor(ms % HOUR / MINUTE)
  const [seconds, rest] = (ms % MINUTE / SECOND).toFixed(3).split('.')
  return ms < HOUR ? `${minutes}:${two(seconds)}.${rest} (m:ss.mmm)` : `${Math.floor(ms / HOUR)}:${two(minutes)}:${two(seconds)}.${rest} (h:mm:ss.mmm)`
}

module.exports = { tellers }
