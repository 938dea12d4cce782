'use strict'

// Loaded before a script by `emvm leaks`: sums up what each generation of each sandbox left behind, and writes it down as the
// process ends.

const fs = require('node:fs')
const { isMainThread, threadId } = require('node:worker_threads')

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
    stacks.forEach((stack, i) => add(entry.objects, { className, stack }, { count: counts[i] }))
    if (count > placed) add(entry.objects, { className, stack: '' }, { count: count - placed })
  }
  if (entry.unwatched !== undefined) return
  for (const { count, bytes, function: asked, wasmStack, stack } of vm.allocations()) {
    add(entry.blocks, { function: asked, wasmStack, stack }, { count, bytes })
  }
}

function add (places, place, amounts) {
  const at = JSON.stringify(place)
  const known = places.get(at) ?? { ...place, generations: 0, ...Object.fromEntries(Object.keys(amounts).map((key) => [key, 0])) }
  for (const [key, amount] of Object.entries(amounts)) known[key] += amount
  known.generations++
  places.set(at, known)
}

globalThis[Symbol.for('emvm.leaks')] = {
  opened (vm, unwatched) {
    sandboxes.set(vm, { name: vm.name, host: vm.host, unwatched, generation: -1, generations: 0, dirtyBytes: 0, objects: new Map(), blocks: new Map() })
  },
  ends: collect
}

process.on('exit', () => {
  for (const vm of sandboxes.keys()) collect(vm)
  const result = [...sandboxes.values()].map(({ objects, blocks, generation, ...rest }) => ({ ...rest, objects: [...objects.values()], blocks: [...blocks.values()] }))
  fs.writeFileSync(`${file}.${threadId}`, JSON.stringify(result))
})

// A server ends by a signal. Where the script does not listen to it, nothing else would write anything down.
if (isMainThread) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit()
    })
  }
}
