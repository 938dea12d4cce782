'use strict'

// A kernel that threads share (rows of a product of matrices), on one thread and on two: emvm against plain Node, interleaved.
//
//   node bench/threads.js [--quick]

const { spawn } = require('node:child_process')
const path = require('node:path')
const { once } = require('node:events')
const { open } = require('..')
const { machine, printTable, save } = require('./lib/measure')

const QUICK = process.argv.includes('--quick')
const SIZE = 384
const ROUNDS = QUICK ? 5 : 25
const FIXTURE = path.join(__dirname, '..', '__test__', 'fixtures', 'pthreads.js')

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

// The other side runs in a process of its own: `[threads]` in, milliseconds out.
function plainNode () {
  const text = `
    delete globalThis.fetch
    process.chdir(${JSON.stringify(path.dirname(FIXTURE))})
    require(${JSON.stringify(FIXTURE)})().then((module) => {
      process.send('ready')
      process.on('message', (threads) => {
        const start = performance.now()
        const sum = module._product(threads, ${SIZE})
        process.send({ ms: performance.now() - start, sum })
      })
    })`
  return spawn(process.execPath, ['-e', text], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

async function main () {
  console.log(machine())
  const plain = plainNode()
  await once(plain, 'message')
  const ask = async (threads) => {
    plain.send(threads)
    return (await once(plain, 'message'))[0]
  }
  const vm = await open(FIXTURE, { print () {}, printErr () {} })
  const times = { 'emvm 1': [], 'emvm 2': [], 'plain 1': [], 'plain 2': [] }
  for (let round = 0; round < ROUNDS; round++) {
    for (const threads of [1, 2]) {
      const start = performance.now()
      const sum = vm.exports._product(threads, SIZE)
      times[`emvm ${threads}`].push(performance.now() - start)
      const theirs = await ask(threads)
      times[`plain ${threads}`].push(theirs.ms)
      if (theirs.sum !== sum) throw new Error(`${threads} threads: ${sum} is not ${theirs.sum}`)
    }
  }
  const recycles = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    const module = await vm.isReady()
    module._product(2, 32)
    recycles.push(performance.now() - start)
  }
  vm.dispose()
  plain.kill()
  const result = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]))
  printTable([`product of ${SIZE} x ${SIZE}, median of ${ROUNDS}`, 'one thread', 'two threads', 'gain'], ['emvm', 'plain'].map((side) => [
    side === 'plain' ? 'plain Node' : side, `${result[`${side} 1`].toFixed(1)} ms`, `${result[`${side} 2`].toFixed(1)} ms`, `${(result[`${side} 1`] / result[`${side} 2`]).toFixed(2)} x`
  ]))
  console.log(`emvm against plain Node: ${(result['plain 1'] / result['emvm 1']).toFixed(2)} x on one thread, ${(result['plain 2'] / result['emvm 2']).toFixed(2)} x on two.`)
  console.log(`A fresh generation with its pool of four threads, and a first product on two: ${median(recycles).toFixed(1)} ms.`)
  save('threads', { ...result, recycle: median(recycles) })
}

main()
