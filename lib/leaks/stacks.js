'use strict'

// What was left behind as weighed stacks, outermost frame first, for graphs and profiles: JavaScript down to the call into the
// module, then wasm down to the function that asked for the memory.

const { framesOf, placeOf } = require('./frames')

// `{ name, file?, line?, column?, kind }` of each frame; `kind` is 'js', 'wasm' or 'class'.
const jsFrames = (stack) => framesOf(stack).reverse().map((frame) => ({ ...frame, kind: 'js' }))

function blockStacks (blocks) {
  return blocks.map(({ bytes, count, wasmStack, stack }) => ({
    frames: [...jsFrames(stack), ...[...wasmStack].reverse().map((name) => ({ name, kind: 'wasm' }))], bytes, count
  }))
}

function objectStacks (objects) {
  return objects.map(({ className, count, stack }) => ({ frames: [...jsFrames(stack), { name: className, kind: 'class' }], count }))
}

const textOf = (frame) => frame.kind === 'js' ? `${frame.name}  ${placeOf(frame)}` : frame.name

module.exports = { blockStacks, objectStacks, textOf }
