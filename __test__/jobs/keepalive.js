'use strict'

exports.job = (m) => {
  const said = []
  for (const [pushes, pops] of [[2, 1], [0, 1], [3, 3], [0, 1], [1, 0]]) {
    try {
      said.push(m._hold_for(pushes, pops))
    } catch (error) {
      said.push(/Abort/.test(String(error)) ? 'aborted' : String(error))
      break
    }
  }
  return said
}
