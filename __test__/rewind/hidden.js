'use strict'

// Runs files that hide state: `step()` of each changes what it hides and tells what it sees. That must be the same in every generation,
// rewound or, where a step of the ladder is named, evaluated anew.

const test = require('node:test')
const assert = require('node:assert/strict')
const { openFile } = require('./support')

const { stringify } = JSON
const wait = setTimeout

// `cases`: [what, text, the step: at open, or at the first recycle that finds out; none: rewound; other files by name]
function runCases (cases, { name = 'index.js' } = {}) {
  for (const [what, text, step, files] of cases) {
    test(`hidden state: ${what}`, async () => {
      const file = await openFile(text, { rewind: 'auto', name, files })
      try {
        const { vm } = file
        const key = {}
        const seen = []
        for (let generation = 1; generation <= 4; generation++) {
          seen.push(stringify(await vm.exports.step(key)))
          // What goes on by itself has time to, or has not.
          if (generation === 3) await new Promise((resolve) => wait(resolve, 5))
          await vm.isReady()
        }
        await new Promise((resolve) => wait(resolve, 5))
        seen.push(stringify(await vm.exports.step(key)))
        await vm.isReady()
        assert.deepEqual(seen, seen.map(() => seen[0]), 'every generation sees what the first saw')
        const { rewind, rewinds } = vm.stats()
        assert.equal(rewind, step ?? 'on', vm.stats().rewindReason)
        if (step === undefined) assert.equal(rewinds, 5)
      } finally {
        file.close()
      }
    })
  }
}

module.exports = { runCases }
