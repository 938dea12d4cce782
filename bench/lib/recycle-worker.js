'use strict'

// Recycles as fast as it can for a while, on its own thread: { recycles, seconds }.

const { parentPort, workerData } = require('node:worker_threads')
const { performance } = require('node:perf_hooks')
const { open } = require('../..')

async function main () {
  const vm = await open(workerData.file, { host: 'native' })
  for (let i = 0; i < 2000; i++) vm.recycle()
  parentPort.postMessage('ready')
  await new Promise((resolve) => parentPort.once('message', resolve))
  const start = performance.now()
  let recycles = 0
  while (performance.now() - start < workerData.ms) {
    for (let i = 0; i < 100; i++) vm.recycle()
    recycles += 100
  }
  parentPort.postMessage({ recycles, seconds: (performance.now() - start) / 1000 })
  vm.dispose()
}

main()
