'use strict'

// npm start: real opencv.js under real load. Three hundred requests, none of which deletes anything.

const fs = require('node:fs')
const path = require('node:path')
const { performance } = require('node:perf_hooks')
const { open } = require('..')
const { outline } = require('./lib/pipeline')
const { progressBar, table, percentile, megabytes, micros } = require('./lib/report')

const REQUESTS = Number(process.env.REQUESTS || 300)
const PICTURE = path.join(__dirname, 'picture.jpg')
const RESULT = path.join(__dirname, 'out', 'outlined.jpg')

async function openOpenCV () {
  const terminal = process.stdout.isTTY
  const start = performance.now()
  const vm = await open(require.resolve('opencv-4.12'), {
    onProgress ({ phase, done, total }) {
      if (terminal) process.stdout.write(`\r${phase} ${Math.round(100 * done / total)} %\x1b[K`)
    }
  })
  if (terminal) process.stdout.write('\r\x1b[K')
  const { fromCache } = vm.stats()
  console.log(`opencv.js 4.12 opened in ${Math.round(performance.now() - start)} ms (${fromCache ? 'compiled before' : 'compiled now, kept for the next time'}), ${vm.host} host`)
  return vm
}

async function serve (vm, picture) {
  const recycles = []
  const bar = progressBar(REQUESTS)
  let result, rssBefore
  let leakedBytes = 0
  let leakedHandles = 0
  for (let request = 0; request < REQUESTS; request++) {
    const start = performance.now()
    const cv = await vm.isReady()
    recycles.push((performance.now() - start) * 1000)
    result = outline(cv, picture)
    const { dirtyBytes, liveHandles } = vm.stats()
    leakedBytes += dirtyBytes
    leakedHandles += liveHandles
    // After the first request every buffer of the program's own exists.
    if (request === 0) rssBefore = process.memoryUsage.rss()
    bar.step(`RSS ${megabytes(process.memoryUsage.rss())}`)
  }
  bar.end()
  return { recycles: recycles.sort((a, b) => a - b), result, rssBefore, leakedBytes, leakedHandles }
}

async function main () {
  const picture = fs.readFileSync(PICTURE)
  const vm = await openOpenCV()
  const start = performance.now()
  const { recycles, result, rssBefore, leakedBytes, leakedHandles } = await serve(vm, picture)
  const seconds = (performance.now() - start) / 1000
  await vm.isReady()
  fs.mkdirSync(path.dirname(RESULT), { recursive: true })
  fs.writeFileSync(RESULT, result.picture)
  console.log(table([
    ['requests', `${REQUESTS} in ${seconds.toFixed(1)} s`],
    ['await vm.isReady(), p50', micros(percentile(recycles, 0.5))],
    ['await vm.isReady(), p99', micros(percentile(recycles, 0.99))],
    ['RSS after the first request', megabytes(rssBefore)],
    ['RSS at the end', megabytes(process.memoryUsage.rss())],
    ['leaked and taken back', `${megabytes(leakedBytes)} in ${leakedHandles.toLocaleString('en')} objects`],
    ['outlines on the picture', String(result.found)]
  ]))
  console.log(`The last picture is in ${path.relative(process.cwd(), RESULT)}.`)
  vm.dispose()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
