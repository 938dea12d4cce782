'use strict'

// The least that instrumented text needs around it: a registry that keeps everything, and puts bindings back. It does not walk
// objects: what a test changes of them it does not see.

const { load } = require('../../lib/base/binding')

function registry ({ kind = 'function', made = true } = {}) {
  const told = { scopes: [], roots: [], kept: [], privates: [], bound: [], made: [], facts: [], changed: [], stamped: [], waits: 0, guarded: 0 }
  const compile = (text, options) => {
    const out = load().instrument(text, { kind, made, ...options })
    told.facts.push(...JSON.parse(out.facts))
    return out
  }
  const taken = []
  const $rw = {
    on: true,
    generation: 0,
    add: (id, n, get, set, one, setOne) => { const scope = { id, n, get, set, one, setOne }; told.scopes.push(scope); return scope },
    hold: (id, n, get, set, one, setOne) => { told.scopes.push({ id, n, get, set, one, setOne, held: true }) },
    root: (o) => { told.roots.push(o) },
    keep: (v) => { told.kept.push(v); return v },
    privates: (list, owner) => { told.privates.push([owner, list]) },
    text: (t) => typeof t === 'string' ? compile(t, { kind: 'eval' }).code : t,
    eval: (t) => (0, eval)(t),
    wait: (v) => { told.waits++; return v },
    awaited: (generation, value) => value,
    each: (v) => v,
    then: (p, ...fs) => p.then(...fs),
    catch: (p, ...fs) => p.catch(...fs),
    finally: (p, ...fs) => p.finally(...fs),
    over: (generation) => { if (generation !== $rw.generation) throw Object.assign(new Error('stale'), { code: 'EMVM_ERR_STALE' }) },
    patch: (o, ...key) => { told.changed.push([o, ...key]); return o },
    handler: (o, key) => { told.changed.push([o, key]); return o },
    hear: Object.fromEntries(['on', 'once', 'addListener', 'prependListener', 'prependOnceListener', 'addEventListener', 'subscribe'].map((name) => [name, (o, ...args) => o[name](...args)])),
    maker: (v) => v,
    construct: (o, ...args) => o.constructor(...args),
    stamp: (o) => { told.stamped.push(o) },
    promise: (f) => new Promise(f),
    literal: (o) => o,
    guarded: (f) => { told.guarded++; return f },
    bind: (f, ...args) => { const b = f.bind(...args); told.bound.push([b, f, ...args]); return b },
    some: (o) => { if (o === undefined || o === null) return false; taken.push(o); return true },
    take: () => taken.pop(),
    bindIf: (f, ...args) => f === undefined || f === null ? undefined : $rw.bind(f, ...args),
    made: (o) => { told.made.push(o); return o },
    Object,
    Reflect,
    create: (...args) => { const o = Object.create(...args); told.made.push(o); return o },
    resumed: (generation, v) => {
      if (generation !== $rw.generation) throw Object.assign(new Error('stale'), { code: 'EMVM_ERR_STALE' })
      return v
    }
  }
  // What scopes hold now; the last of a weak one is the scope's registration.
  const values = (scope) => {
    const all = []
    for (let i = 0; i < scope.n; i++) {
      try { all.push([i, scope.one ? scope.one(i) : scope.get()[i]]) } catch { /* not initialised */ }
    }
    return all
  }
  return {
    $rw,
    told,
    compile,
    take () {
      $rw.on = false
      $rw.generation = 1
      told.image = told.scopes.map((scope) => [scope, values(scope)])
    },
    rewind () {
      $rw.generation++
      for (const [scope, saved] of told.image) {
        for (const [i, value] of saved) {
          if (scope.setOne) scope.setOne(i, value)
          else scope.set(scope.get().map((v, k) => k === i ? value : v))
        }
      }
    }
  }
}

module.exports = { registry }
