'use strict'

// What a process holds of the system, before and after: descriptors, mappings, memory.

const fs = require('node:fs')

const count = (read) => { try { return read() } catch { return 0 } }
const mappings = () => count(() => fs.readFileSync('/proc/self/maps', 'utf8').split('\n')) || []
// What a memory's addresses are reserved with: hardly anything else is that large.
const isReservation = (line) => sizeOf(line) >= 2 ** 32

function sizeOf (line) {
  const [from, to] = line.split(' ')[0].split('-').map((at) => parseInt(at, 16))
  return to - from
}

// The native stack of a call that has nested: so large, anonymous, with a guard page below it. emvm keeps up to 1,024.
const STACK = 1 << 20
const isStack = (line) => sizeOf(line) === STACK && /^\S+ rw-p \S+ 00:00 0\s*$/.test(line)

// What is collected runs its finalizers in later turns of the event loop.
async function settle () {
  for (let i = 0; i < 6; i++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function now () {
  const all = mappings()
  const stacks = all.filter(isStack).length
  return {
    descriptors: count(() => fs.readdirSync('/proc/self/fd').length),
    mappings: all.length - 2 * stacks,
    stacks,
    memories: all.filter(isReservation).length,
    megabytes: process.memoryUsage().rss >> 20
  }
}

// How much each may differ without being a leak: caches fill, the collector takes its time.
const SLACK = { descriptors: 4, mappings: 450, stacks: 1024, memories: 40, megabytes: 96 }

class Resources {
  async start () {
    await settle()
    this.before = now()
  }

  async end () {
    if (!this.before) return { leaks: [], mb: process.memoryUsage().rss >> 20 }
    await settle()
    const after = now()
    const leaks = Object.keys(SLACK).filter((key) => after[key] - this.before[key] > SLACK[key])
    return { leaks: leaks.map((key) => `${key} ${this.before[key]} -> ${after[key]}`), mb: after.megabytes }
  }
}

module.exports = { Resources }
