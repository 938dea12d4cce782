'use strict'

// Takes memory until there is none, and looks at its size each time.
exports.job = (m, { argument: { pieces, fills = [] } }) => {
  const sizes = []
  for (const bytes of pieces) {
    let taken
    try {
      taken = m._take(bytes)
    } catch (error) {
      taken = /Aborted/.test(String(error)) ? 'aborted' : `${error}`
    }
    sizes.push([taken, m.HEAPU8.length])
  }
  for (const bytes of fills) sizes.push([m._fill(bytes), m.HEAPU8.length])
  return sizes
}
