'use strict'

// Undo in a picture editor: each step is a checkpoint of the whole module. No operation needs an inverse, and the C++ objects that the
// editor holds are the same before and after.
//
//   node examples/undo.js

const fs = require('node:fs')
const path = require('node:path')
const jpeg = require('jpeg-js')
const { open } = require('..')

const OPERATIONS = {
  blur: (cv, picture) => cv.GaussianBlur(picture, picture, new cv.Size(9, 9), 3),
  invert: (cv, picture) => cv.bitwise_not(picture, picture),
  flip: (cv, picture) => cv.flip(picture, picture, 1),
  circle: (cv, picture) => cv.circle(picture, new cv.Point(picture.cols / 2, picture.rows / 2), 40, new cv.Scalar(255, 0, 0, 255), -1)
}

class Editor {
  #vm
  #picture
  // What one can go back to, and forward; the one that is shown is `#at`.
  #steps = []
  #at = 0

  constructor (vm, { width, height, data }) {
    this.#vm = vm
    this.#picture = vm.exports.matFromImageData({ width, height, data })
    this.#steps.push(vm.checkpoint())
  }

  apply (name) {
    OPERATIONS[name](this.#vm.exports, this.#picture)
    for (const undone of this.#steps.splice(this.#at + 1)) undone.dispose()
    this.#at = this.#steps.push(this.#vm.checkpoint()) - 1
  }

  undo () { return this.#go(this.#at - 1) }
  redo () { return this.#go(this.#at + 1) }

  #go (to) {
    if (this.#steps[to] === undefined) return false
    this.#at = to
    this.#vm.recycle({ from: this.#steps[to] })
    return true
  }

  // The sum of all channels: what tells one picture from another here.
  get sum () { return this.#picture.data.reduce((sum, value) => sum + value, 0) }
  get bytes () { return this.#steps.reduce((sum, { bytes }) => sum + bytes, 0) }

  dispose () { for (const step of this.#steps) step.dispose() }
}

async function main () {
  const picture = jpeg.decode(fs.readFileSync(path.join(__dirname, 'picture.jpg')), { useTArray: true })
  const vm = await open(require.resolve('opencv-4.12'))
  const editor = new Editor(vm, picture)
  const shown = (what) => console.log(`${what.padEnd(8)} ${editor.sum}`)
  shown('opened')
  for (const name of Object.keys(OPERATIONS)) {
    editor.apply(name)
    shown(name)
  }
  while (editor.undo()) shown('undo')
  while (editor.redo()) shown('redo')
  editor.undo()
  editor.apply('flip')
  shown('flip')
  console.log(`redo possible: ${editor.redo()}; all steps together: ${Math.round(editor.bytes / 1024)} KiB`)
  editor.dispose()
  vm.dispose()
}

module.exports = { Editor, OPERATIONS }

if (require.main === module) main()
