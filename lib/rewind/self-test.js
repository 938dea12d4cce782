'use strict'

// When a rewind is compared with its image: after the first ones, and now and then later, so seldom that it costs a
// hundredth of the time. With EMVM_REWIND_VERIFY=1 after each.

const { Refusal } = require('./steps')

const VERIFIES = process.env.EMVM_REWIND_VERIFY === '1'
const FIRST = 2
const SHARE = 0.01
const MIN_PAUSE_MS = 10000

class SelfTests {
  constructor () { this.begin() }

  // Of a new image.
  begin () {
    this.done = 0
    this.next = 0
  }

  // Right after a rewind; gives why the image is not to be trusted, or undefined.
  run (rewinder) {
    const now = performance.now()
    if (!VERIFIES && this.done >= FIRST && now < this.next) return undefined
    const found = differences(rewinder)
    // The next rewind is compared instead.
    if (found === undefined) return undefined
    this.done++
    const took = performance.now() - now
    this.next = now + Math.max(MIN_PAUSE_MS, took / SHARE)
    if (found.length === 0) return undefined
    const more = found.length > 3 ? `; and ${found.length - 3} more` : ''
    return new Refusal('self-test', found.slice(0, 3).join('; ') + more)
  }
}

// Undefined: the system has no room for the copy that it is compared with, which says nothing about the rewind.
function differences (rewinder) {
  try {
    return rewinder.verify(VERIFIES)
  } catch (error) {
    if (error.code === 'EMVM_ERR_MEMORY') return undefined
    throw error
  }
}

module.exports = { SelfTests, VERIFIES }
