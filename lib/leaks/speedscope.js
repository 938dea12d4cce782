'use strict'

// https://www.speedscope.app/file-format-schema.json: one profile of bytes, one of objects.

const { textOf } = require('./stacks')

function speedscope (stacks, objects, name) {
  const frames = []
  const known = new Map()
  const numberOf = (frame) => {
    const text = textOf(frame)
    if (!known.has(text)) {
      const { file, line, column } = frame
      known.set(text, frames.push({ name: text, ...(file !== undefined && { file, line, col: column }) }) - 1)
    }
    return known.get(text)
  }
  const profile = (what, unit, list, weigh) => {
    const weights = list.map(weigh)
    return {
      type: 'sampled',
      name: `${name}: ${what}`,
      unit,
      startValue: 0,
      endValue: weights.reduce((sum, n) => sum + n, 0),
      samples: list.map(({ frames }) => frames.map(numberOf)),
      weights
    }
  }
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name,
    exporter: 'emvm',
    shared: { frames },
    profiles: [
      profile('bytes never freed', 'bytes', stacks, ({ bytes }) => bytes),
      profile('objects never deleted', 'none', objects, ({ count }) => count)
    ]
  }
}

module.exports = { speedscope }
