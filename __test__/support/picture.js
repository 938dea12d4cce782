'use strict'

// A picture of a word, as a bitmap: black letters of 5 by 7 squares on white.

const LETTERS = {
  H: ['10001', '10001', '10001', '11111', '10001', '10001', '10001'],
  E: ['11111', '10000', '10000', '11110', '10000', '10000', '11111'],
  L: ['10000', '10000', '10000', '10000', '10000', '10000', '11111'],
  O: ['01110', '10001', '10001', '10001', '10001', '10001', '01110']
}

function pictureOf (word, scale = 6) {
  const [width, height] = [(word.length * 6 + 7) * scale, 15 * scale]
  const row = Math.ceil(width * 3 / 4) * 4
  const file = Buffer.alloc(54 + row * height, 255)
  file.fill(0, 0, 54)
  file.write('BM', 0)
  for (const [at, value] of [[2, file.length], [10, 54], [14, 40], [18, width], [22, height], [34, row * height]]) file.writeUInt32LE(value, at)
  file.writeUInt16LE(1, 26)
  file.writeUInt16LE(24, 28)
  ;[...word].forEach((letter, at) => LETTERS[letter].forEach((line, y) => [...line].forEach((dot, x) => {
    if (dot === '0') return
    for (let dy = 0; dy < scale; dy++) {
      const below = height - 1 - ((4 + y) * scale + dy)
      file.fill(0, 54 + below * row + (4 + at * 6 + x) * scale * 3, 54 + below * row + (5 + at * 6 + x) * scale * 3)
    }
  })))
  return file
}

module.exports = { pictureOf }
