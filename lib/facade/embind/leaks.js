'use strict'

// C++ objects that the caller never deleted, and where they were made.

// Places of objects that are gone stay this long before they are forgotten.
const MOST_PLACES = 1 << 16

function makeLeaks (operations, generations, trackLeaks) {
  // Of start-up's handles as well, which every generation has.
  const states = generations.perGeneration('places of handles', (image) => new Map(image), { image: (places) => new Map(places), isShared: true, isCache: true })
  const place = (id, key) => `${id} ${key}`

  // `className, id, key`, in a row, for each live handle of this generation.
  function live () {
    const list = operations.live()
    const handles = []
    for (let i = 0; i < list.length; i += 3) handles.push({ className: list[i], at: place(list[i + 1], list[i + 2]) })
    return handles
  }

  function forget () {
    const places = states.value
    const known = new Set(live().map(({ at }) => at))
    for (const at of places.keys()) if (!known.has(at)) places.delete(at)
  }

  function note (id, key, made) {
    const places = states.value
    if (places.size >= MOST_PLACES) forget()
    const error = {}
    Error.captureStackTrace(error, made)
    places.set(place(id, key), error.stack.replace(/^.*\n/, ''))
  }

  function leaks () {
    const places = states.value
    const classes = new Map()
    for (const { className, at } of live()) {
      const entry = classes.get(className) || { className, count: 0, ...(trackLeaks && { stacks: [], counts: [] }) }
      entry.count++
      const stack = places.get(at)
      if (stack !== undefined) {
        const known = entry.stacks.indexOf(stack)
        if (known === -1) entry.counts[entry.stacks.push(stack) - 1] = 1
        else entry.counts[known]++
      }
      classes.set(className, entry)
    }
    if (trackLeaks) forget()
    return [...classes.values()]
  }

  return { leaks, note: trackLeaks ? note : null }
}

module.exports = { makeLeaks }
