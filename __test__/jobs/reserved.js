'use strict'

exports.job = (m) => {
  const seen = []
  const attempt = (run) => {
    try {
      return run()
    } catch (error) {
      return /RESERVED_FUNCTION_POINTERS/.test(String(error && error.message ? error.message : error)) ? 'none left' : String(error)
    }
  }
  const triple = m.addFunction((x) => x * 3, 'ii')
  const note = m.addFunction((...args) => { seen.push(args) }, 'viid')
  const results = [triple, note, m._apply(triple, 5), m._apply(3, 5), m.dynCall_ii(triple, -1)]
  m._each(note, 1, 2, 0.5)
  results.push(attempt(() => m.addFunction(() => 1, 'ii')))
  m.removeFunction(triple)
  const again = m.addFunction((x) => x + 1, 'ii')
  results.push(again, m._apply(again, 5), m._apply(note, 9))
  m.removeFunction(note)
  results.push(m.addFunction((x) => m._apply(again, x) * 10, 'ii'), m._apply(2, 4))
  return { results, seen }
}
