'use strict'

// A thousand idle sandboxes of opencv.js in one process: memory for each, address space, maps; and what happens at the system's limits.
//
//   node bench/density.js [--quick]

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { open } = require('..')
const { bytes, duration, machine, now, printTable, save } = require('./lib/measure')
const { FILE } = require('./lib/peers')

const QUICK = process.argv.includes('--quick')
const SANDBOXES = QUICK ? 50 : 1000

// Linux only: elsewhere RSS is all there is.
function memoryOfProcess () {
  const rss = process.memoryUsage.rss()
  if (process.platform !== 'linux') return { rss, virtual: NaN, maps: NaN }
  const [, kilobytes] = /^VmSize:\s+(\d+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))
  const maps = fs.readFileSync('/proc/self/maps', 'utf8').split('\n').length - 1
  return { rss, virtual: Number(kilobytes) * 1024, maps }
}

async function idle () {
  const first = await open(FILE, { host: 'native' })
  if (global.gc) global.gc()
  const before = memoryOfProcess()
  const start = now()
  const all = []
  for (let i = 0; i < SANDBOXES; i++) all.push(await open(FILE, { host: 'native' }))
  const spent = now() - start
  if (global.gc) global.gc()
  const after = memoryOfProcess()
  const works = (await all[SANDBOXES - 1].isReady()).Mat !== undefined
  for (const vm of [first, ...all]) vm.dispose()
  return { before, after, spent, works, end: memoryOfProcess() }
}

// Opens sandboxes under a limit until one fails, in a process of its own, and says how.
function atLimit (name, shell) {
  if (process.platform !== 'linux') return { name, outcome: 'measured on Linux only' }
  const script = `exec '${process.execPath}' '${path.join(__dirname, 'lib', 'until-it-fails.js')}'`
  const { status, signal, stdout } = spawnSync('sh', ['-c', `${shell} ${script}`], { encoding: 'utf8', timeout: 600_000 })
  const outcome = signal ? `killed by ${signal}` : stdout.trim() || `exit code ${status}`
  return { name, outcome, clean: !signal && status === 0 }
}

async function main () {
  console.log(machine())
  const { before, after, spent, works, end } = await idle()
  const each = (key) => (after[key] - before[key]) / SANDBOXES
  printTable([`${SANDBOXES} idle sandboxes`, 'for each', 'in all'], [
    ['resident memory', bytes(each('rss')), bytes(after.rss)],
    ['address space', bytes(each('virtual')), bytes(after.virtual)],
    ['maps', each('maps').toFixed(1), after.maps],
    ['time to open', duration(spent / SANDBOXES), duration(spent)]
  ])
  console.log(`The last one ${works ? 'works' : 'does not work'}. After dispose: RSS ${bytes(end.rss)}, ${end.maps} maps.\n`)
  const limits = [
    // Thousands of sandboxes: minutes.
    ...(QUICK ? [] : [atLimit('vm.max_map_count as it is', '')]),
    atLimit('ulimit -v 200 GB', 'ulimit -v 209715200;'),
    atLimit('ulimit -v 40 GB', 'ulimit -v 41943040;')
  ]
  printTable(['at the limit', 'what happened'], limits.map(({ name, outcome }) => [name, outcome]))
  save('density', { sandboxes: SANDBOXES, residentPerSandbox: each('rss'), virtualPerSandbox: each('virtual'), mapsPerSandbox: each('maps'), limits })
  if (limits.some(({ clean }) => clean === false)) process.exitCode = 1
}

main()
