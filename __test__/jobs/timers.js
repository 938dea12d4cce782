'use strict'

// Begins cases of timers.c one after the other and waits until each says that it is done.

const { thrown } = require('../support/outcome')

// Node has no animation frames; emvm makes its own.
exports.before = () => {
  globalThis.requestAnimationFrame = (fn) => setTimeout(() => fn(performance.now()), 16)
  globalThis.cancelAnimationFrame = clearTimeout
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

function caseNumber (m, name) {
  for (let i = 0; ; i++) {
    const at = m._name_of(i)
    if (at === 0) throw new Error(`no case ${name}`)
    if (m.UTF8ToString(at) === name) return i
  }
}

exports.caseNumber = caseNumber

// `[value]` of hooks of the main loop, which it may set, are noted.
exports.job = async (m, { argument, lines }) => {
  const result = {}
  for (const name of argument) {
    const hooks = []
    if (name === 'main_loop') {
      m.preMainLoop = () => { hooks.push('pre'); return hooks.length > 1 }
      m.postMainLoop = () => { hooks.push('post') }
    }
    const from = lines.length
    let outcome = 'returned'
    try {
      m._begin(caseNumber(m, name))
    } catch (error) {
      outcome = error === 'unwind' ? 'returned' : thrown(error)
    }
    for (let waited = 0; outcome === 'returned' && m._is_done() === 0 && waited < 4000; waited += 2) await wait(2)
    delete m.preMainLoop
    delete m.postMainLoop
    // Times of blockers differ.
    const printed = lines.splice(from).map((line) => line.replace(/took \d+ ms/, 'took N ms'))
    result[name] = { outcome, printed, hooks, done: m._is_done() }
  }
  return result
}
