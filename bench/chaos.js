'use strict'

// An HTTP server whose handler leaks, traps, loops, throws and works, at random, over one sandbox of opencv.js (native host)
// and one of a JPEG encoder (glue host). Every good request must be answered right, RSS must stay flat, nothing may crash.
//
//   node bench/chaos.js [--minutes 30] [--quick] [--connections 4]

const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { setTimeout: sleep } = require('node:timers/promises')
const { Pool } = require('undici')
const { WORK, FILES, TIMEOUT } = require('./lib/chaos-work')
const { bytes, duration, machine, median, printTable, quantile, save } = require('./lib/measure')
const { asPublished } = require('./lib/peers')
const { lineChart } = require('./lib/svg')

const argument = (name, usual) => {
  const at = process.argv.indexOf(name)
  return at < 0 ? usual : Number(process.argv[at + 1])
}
const MINUTES = argument('--minutes', process.argv.includes('--quick') ? 0.5 : 30)
const CONNECTIONS = argument('--connections', 4)
const SEEDS = 64
const SAMPLES = 600
const ALLOWED_GROWTH = 0.1

// What the packages themselves answer in V8, for each seed.
async function expected () {
  const [cv] = await asPublished()
  const { default: factory } = await import(pathToFileURL(FILES.jpeg))
  const jpeg = await factory({ wasmBinary: require('node:fs').readFileSync(FILES.jpeg.replace(/\.js$/, '.wasm')), noInitialRun: true })
  const modules = { opencv: cv, jpeg }
  const answers = {}
  for (const [kind, { expect, sandbox, run }] of Object.entries(WORK)) {
    if (expect !== 'answer') continue
    // Leaks would fill the instance in V8, and the answer is the one of the same image.
    const work = kind === 'leak' ? WORK.blur.run : run
    answers[kind] = Array.from({ length: SEEDS }, (_, seed) => work(modules[sandbox], Buffer.from(String(seed))))
  }
  return answers
}

function picker () {
  const kinds = Object.entries(WORK).flatMap(([kind, { share }]) => Array(share).fill(kind))
  return () => kinds[Math.floor(Math.random() * kinds.length)]
}

function judge (kind, status, text, seed, answers) {
  const { expect } = WORK[kind]
  if (expect === 'answer') return status === 200 && text === answers[kind][seed] ? undefined : `${kind}: ${status} ${text}`
  return status === 500 && expect.includes(JSON.parse(text).code) ? undefined : `${kind}: ${status} ${text}`
}

async function main () {
  console.log(machine())
  const answers = await expected()
  const server = fork(path.join(__dirname, 'lib', 'chaos-server.js'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  let died
  server.on('exit', (code, signal) => { died = { code, signal } })
  const [{ port, hosts }] = await once(server, 'message')
  console.log(`Hosts: ${hosts.join(', ')}; ${MINUTES} minutes, ${CONNECTIONS} connections`)

  const client = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS })
  const pick = picker()
  const counts = Object.fromEntries(Object.keys(WORK).map((kind) => [kind, 0]))
  const wrong = []
  let [wrongs, window, all] = [0, [], []]
  const end = Date.now() + MINUTES * 60_000

  async function connection () {
    while (Date.now() < end && died === undefined) {
      const kind = pick()
      const seed = Math.floor(Math.random() * SEEDS)
      const start = performance.now()
      let failure
      try {
        const { statusCode, body } = await client.request({ path: `/${kind}`, method: 'POST', body: String(seed) })
        failure = judge(kind, statusCode, await body.text(), seed, answers)
      } catch (error) {
        failure = `${kind}: ${error.message}`
      }
      counts[kind]++
      if (WORK[kind].expect === 'answer') window.push(performance.now() - start)
      if (failure !== undefined && ++wrongs <= 20) wrong.push(failure)
    }
  }

  const samples = []
  async function sample () {
    const every = Math.max(1000, MINUTES * 60_000 / SAMPLES)
    while (Date.now() < end && died === undefined) {
      await sleep(every)
      if (died !== undefined) break
      server.send('stats')
      const [{ rss, heap, stats }] = await once(server, 'message')
      const latencies = window
      window = []
      all = all.concat(latencies)
      const minute = MINUTES - (end - Date.now()) / 60_000
      if (latencies.length > 0) samples.push({ minute, rss, heap, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), stats })
    }
  }

  await Promise.all([sample(), ...Array.from({ length: CONNECTIONS }, connection)])
  await client.close()
  const crashed = died
  if (!crashed) {
    server.send('stop')
    await once(server, 'exit')
  }

  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const part = (from, to) => samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)).map(({ rss }) => rss)
  const [early, late] = [median(part(0.1, 0.3)), median(part(0.8, 1))]
  const growth = late / early - 1
  const last = samples.at(-1).stats
  printTable(['request', 'count', 'expected'], Object.entries(counts).map(([kind, count]) => [kind, count.toLocaleString('en'), [].concat(WORK[kind].expect).join(' or ')]))
  printTable(['', ''], [
    ['requests', total.toLocaleString('en')],
    ['answered otherwise than expected', wrongs.toLocaleString('en')],
    ['latency of good requests, p50 / p99', `${duration(quantile(all, 0.5) * 1e6)} / ${duration(quantile(all, 0.99) * 1e6)}`],
    ['RSS, from the second to the last fifth', `${bytes(early)} to ${bytes(late)} (${(growth * 100).toFixed(1)} %, allowed ${ALLOWED_GROWTH * 100} %)`],
    ['recycles, traps, time-outs: opencv', `${last.opencv.recycles}, ${last.opencv.traps}, ${last.opencv.timeouts}`],
    ['recycles, traps, time-outs: jpeg', `${last.jpeg.recycles}, ${last.jpeg.traps}, ${last.jpeg.timeouts}`],
    ['the server', crashed ? `died: ${JSON.stringify(crashed)}` : 'ended as it was told']
  ])
  for (const failure of wrong) console.log(failure)

  const at = (value) => samples.map((one) => [one.minute, value(one)])
  const minutes = { xLabel: 'minutes', formatX: (value) => String(Number(value.toFixed(1))) }
  save('chaos', {
    minutes: MINUTES, connections: CONNECTIONS, counts, total, wrong: wrongs, failures: wrong, crashed: crashed || null, rss: { early, late, growth }, p50: quantile(all, 0.5), p99: quantile(all, 0.99), stats: last,
    samples: samples.map(({ stats, ...rest }) => rest)
  }, {
    chaos: lineChart({
      title: 'Leaks, traps, loops, exceptions and good work at random',
      subtitle: `resident memory of the server over ${MINUTES} minutes and ${total.toLocaleString('en')} requests; ${wrongs} answered wrong`,
      ...minutes,
      formatY: (value) => `${Math.round(value / 2 ** 20)} MB`,
      unitY: 2 ** 20,
      series: [{ name: 'RSS', colour: 'emvm', points: at(({ rss }) => rss), end: bytes(samples.at(-1).rss) }, { name: 'V8 heap', colour: 'v8', points: at(({ heap }) => heap) }]
    }),
    'chaos-latency': lineChart({
      title: 'Latency of the good requests among them',
      subtitle: `one thread serves all; a request that loops holds it until its time-out of ${TIMEOUT} ms`,
      ...minutes,
      formatY: (value) => `${Math.round(value)} ms`,
      series: [{ name: 'p99', colour: 'vm', points: at(({ p99 }) => p99) }, { name: 'p50', colour: 'emvm', points: at(({ p50 }) => p50) }]
    })
  })
  if (crashed || wrongs > 0 || growth > ALLOWED_GROWTH) process.exitCode = 1
}

main()
