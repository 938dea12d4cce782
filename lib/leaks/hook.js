'use strict'

// Loaded before a script by `emvm leaks`: sums up what each generation of each sandbox left behind, and writes it down as the
// process ends.

const fs = require('node:fs')
const { threadId } = require('node:worker_threads')

const file = process.env.EMVM_LEAKS_FILE
const sandboxes = new Map()

function collect (vm) {
  const entry = sandboxes.get(vm)
  if (entry === undefined || entry.generation === vm.generation) return
  let leaks
  try {
    leaks = vm.leaks()
  } catch {
    return
  }
  entry.generation = vm.generation
  entry.generations++
  try {
    entry.dirtyBytes = Math.max(entry.dirtyBytes, vm.stats().dirtyBytes)
  } catch {
    // A figure less.
  }
  for (const { className, count, stacks = [], counts = [] } of leaks) {
    const placed = counts.reduce((sum, n) => sum + n, 0)
    stacks.forEach((stack, i) => add(entry, className, stack, counts[i]))
    if (count > placed) add(entry, className, '', count - placed)
  }
}

function add (entry, className, stack, count) {
  const at = `${className}\n${stack}`
  const place = entry.places.get(at) || { className, stack, count: 0, generations: 0 }
  place.count += count
  place.generations++
  entry.places.set(at, place)
}

globalThis[Symbol.for('emvm.leaks')] = {
  opened (vm) {
    sandboxes.set(vm, { name: vm.name, host: vm.host, generation: -1, generations: 0, dirtyBytes: 0, places: new Map() })
  },
  ends: collect
}

process.on('exit', () => {
  for (const vm of sandboxes.keys()) collect(vm)
  const result = [...sandboxes.values()].map(({ places, generation, ...rest }) => ({ ...rest, leaks: [...places.values()] }))
  fs.writeFileSync(`${file}.${threadId}`, JSON.stringify(result))
})
