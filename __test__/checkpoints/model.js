'use strict'

// Random work over a module whose state is known, with checkpoints, returns, forks, growth, saves and loads. After each step the
// state is that of a model; after each return memory, globals and table are those of the image, byte for byte.
//
//   node __test__/checkpoints/model.js SEED STEPS

const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { open } = require('../..')
const { exportsOf, MACHINE } = require('../support/wasm')

const COMPARE = Symbol.for('emvm.compareWithImage')
const PAGE = 65536
// Of the machine.
const MOST_PAGES = 16
const options = { imports: { env: { callback: (x) => x } } }

function random (seed) {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

class Model {
  constructor (from) {
    this.words = new Map(from?.words)
    this.counter = from?.counter ?? 7
    this.pages = from?.pages ?? 1
  }

  step (machine, pick) {
    const kind = pick(10)
    if (kind < 6) {
      // Few pages, often: most writes meet one that was written before.
      const at = (pick(3) === 0 ? pick(this.pages * PAGE / 4) : pick(this.pages) * PAGE / 4 + 600 + pick(4)) * 4
      const value = pick(3)
      machine.store(at, value)
      this.words.set(at, value)
    } else if (kind < 9) {
      assert.strictEqual(machine.next(), ++this.counter)
    } else if (this.pages < MOST_PAGES) {
      const by = Math.min(1 + pick(3), MOST_PAGES - this.pages)
      assert.strictEqual(machine.grow(by), this.pages)
      this.pages += by
    }
  }

  check (machine) {
    assert.strictEqual(machine.grow(0), this.pages)
    for (const [at, value] of this.words) assert.strictEqual(machine.load(at), value, `at ${at}`)
    assert.strictEqual(machine.next(), this.counter + 1)
    this.counter++
  }
}

async function run (seed, steps) {
  const pick = random(seed)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-model-'))
  const vm = await open(MACHINE, options)
  const machine = exportsOf(vm.exports)
  const start = new Model()
  let model = new Model()
  let points = []
  const counts = { returns: 0, forks: 0, loads: 0, points: 0 }
  for (let step = 0; step < steps; step++) {
    const kind = pick(40)
    if (kind < 4) {
      points.push({ point: vm.checkpoint(), model: new Model(model) })
      counts.points++
    } else if (kind < 10) {
      const to = pick(5) === 0 ? undefined : points[pick(points.length)]
      vm.recycle({ from: to?.point })
      assert.deepStrictEqual(vm[COMPARE](to?.point), [])
      model = new Model(to?.model ?? start)
      model.check(machine)
      counts.returns++
    } else if (kind === 10 && points.length > 3) {
      points.splice(pick(points.length), 1)[0].point.dispose()
    } else if (kind === 11 && points.length > 0) {
      const from = points[pick(points.length)]
      const isLoaded = pick(2) === 0
      const file = path.join(folder, 'image')
      if (isLoaded) await from.point.save(file)
      const twin = await open(MACHINE, { ...options, ...(isLoaded ? { image: file } : { from: pick(2) === 0 ? from.point : from.point.handle }) })
      const other = exportsOf(twin.exports)
      for (let round = 0; round < 2; round++) {
        assert.deepStrictEqual(twin[COMPARE](), [])
        const theirs = new Model(from.model)
        theirs.check(other)
        for (let i = 0; i < 20; i++) theirs.step(other, pick)
        if (round === 0) {
          const inner = twin.checkpoint()
          theirs.step(other, pick)
          twin.recycle({ from: inner })
          assert.deepStrictEqual(twin[COMPARE](inner), [])
        }
        twin.recycle()
      }
      twin.dispose()
      counts[isLoaded ? 'loads' : 'forks']++
    } else {
      for (let i = pick(12); i >= 0; i--) model.step(machine, pick)
    }
    model.check(machine)
  }
  assert.strictEqual(vm.stats().checkpoints, points.length)
  for (const { point } of points) point.dispose()
  points = []
  vm.recycle()
  assert.deepStrictEqual(vm[COMPARE](), [])
  vm.dispose()
  fs.rmSync(folder, { recursive: true })
  return counts
}

module.exports = { run }

if (require.main === module) {
  const [seed, steps] = process.argv.slice(2).map(Number)
  run(seed, steps).then((counts) => console.log(JSON.stringify(counts)))
}
