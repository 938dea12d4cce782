'use strict'

// A method that is registered twice with as many arguments is replaced; one with other arguments makes overloads.

exports.job = (m) => {
  const results = {}
  for (const name of ['Shape', 'Circle', 'Wheel']) {
    const it = new m[name]()
    const seen = results[name] = { own: Object.getOwnPropertyNames(m[name].prototype).sort() }
    for (const [method, ...args] of [['turn'], ['turn', 1], ['turned', 5], ['turned'], ['scale', 2], ['scale', 2, 3], ['scale']]) {
      try {
        seen[`${method}(${args})`] = it[method](...args)
      } catch (error) {
        // What overloads there are is told by their source text.
        seen[`${method}(${args})`] = `${error.name}: ${error.message.split(' - expects')[0]}`
      }
    }
    const { [name]: bare } = m
    try {
      bare()
    } catch (error) {
      seen.bare = `${error.name}: ${error.message}`
    }
  }
  return results
}
