'use strict'

// Throws modules, glue, calls, recycles and collections at emvm, and counts.
//
//   node fuzz/node/fuzz.js MODE [seconds] [first seed]     MODE: mutate, generated, differential, gate, lent
//   node fuzz/node/fuzz.js MODE --seed N                   one seed again, with its error
//
// Each batch of seeds runs in a process of its own, which tells the seed it is at: one that crashes, hangs or leaks is
// counted, its seed is printed, and the batch goes on behind it.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { Resources } = require('./resources')
const { random } = require('../../__test__/support/hostile')

const ROOT = path.join(__dirname, '..', '..')
const BATCH = 600
// Caches of the process are full by then: what is held from there on is a leak.
const WARM = 400
// A seed hangs when it takes so much processor time (waiting for a busy machine is none), or so long at all.
const HANG_CPU_SECONDS = 60
const HANG_MS = 15 * 60_000

const MODES = ['mutate', 'generated', 'differential', 'gate', 'lent', 'rewind']

async function play (mode, first, count, told) {
  const { prepare, one, modules } = require(`./${mode}`)
  const emvm = require(ROOT)
  const files = prepare()
  const bytes = modules ? modules(first, count) : []
  const counts = { ran: 0, refused: 0, failures: [] }
  const resources = new Resources()
  for (let seed = first; seed < first + count; seed++) {
    told(seed)
    try {
      counts[await one(random(seed), { emvm, files, bytes: bytes[seed - first] })]++
    } catch (error) {
      counts.failures.push({ seed, text: String(error && (error.stack || error)).slice(0, 3000) })
    }
    if (seed - first === WARM) await resources.start()
  }
  return { ...counts, ...await resources.end() }
}

// Seconds of processor time that a process has used.
function cpuSeconds (pid) {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

// Runs a batch in a process of its own. Gives its report, or how it ended and where.
function batch (mode, first, count) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--expose-gc', __filename, mode, '--batch', String(first), String(count)], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    let [out, err, seed, since, cpu, hang] = ['', '', first, Date.now(), 0, false]
    child.stdout.on('data', (data) => { out += data })
    child.stderr.on('data', (data) => { err = (err + data).slice(-4000) })
    child.stdio[3].on('data', (data) => {
      seed = Number(String(data).trim().split('\n').pop())
      since = Date.now()
      cpu = cpuSeconds(child.pid)
    })
    const watch = setInterval(() => {
      hang = cpuSeconds(child.pid) - cpu > HANG_CPU_SECONDS || Date.now() - since > HANG_MS
      if (hang) child.kill('SIGKILL')
    }, 1000)
    child.on('close', (status, signal) => {
      clearInterval(watch)
      const report = status === 0 ? JSON.parse(out.trim().split('\n').pop()) : null
      resolve(report || { seed, hang, end: signal || `status ${status}`, text: err })
    })
  })
}

async function main (mode, seconds, first) {
  const total = { ran: 0, refused: 0, crashes: 0, hangs: 0, failures: 0, leaks: 0, mb: 0 }
  const began = Date.now()
  const end = began + seconds * 1000
  const complain = (text) => console.error(`${new Date().toISOString()} ${mode} ${text}`)
  require(`./${mode}`).prepare()
  for (let at = first, left = BATCH; Date.now() < end;) {
    const report = await batch(mode, at, left)
    if (report.end) {
      total[report.hang ? 'hangs' : 'crashes']++
      complain(`seed ${report.seed}: ${report.hang ? 'hangs' : report.end}\n${report.text}`)
      // What came before in this batch is lost to the counts; what comes behind is not.
      left -= report.seed + 1 - at
      at = report.seed + 1
    } else {
      for (const key of ['ran', 'refused']) total[key] += report[key]
      total.failures += report.failures.length
      total.mb = Math.max(total.mb, report.mb)
      for (const { seed, text } of report.failures) complain(`seed ${seed}: ${text}`)
      if (report.leaks.length > 0) {
        total.leaks++
        complain(`seeds ${at} to ${at + left - 1} leak: ${report.leaks.join(', ')}`)
      }
      at += left
      left = 0
    }
    if (left <= 0) {
      left = BATCH
      if (process.env.EMVM_FUZZ_LOG) fs.writeFileSync(process.env.EMVM_FUZZ_LOG, `${summary(mode, total, began)}\n`)
    }
  }
  console.log(summary(mode, total, began))
  process.exitCode = total.crashes + total.hangs + total.failures + total.leaks > 0 ? 1 : 0
}

function summary (mode, total, began) {
  return `${mode}: ${Math.round((Date.now() - began) / 1000)} s, inputs ${total.ran + total.refused + total.failures} (${total.refused} refused), ` +
    `crashes ${total.crashes}, hangs ${total.hangs}, failures ${total.failures}, leaks ${total.leaks}, at most ${total.mb} MB`
}

function run ([mode, ...rest]) {
  if (!MODES.includes(mode)) throw new Error(`say which: ${MODES.join(', ')}`)
  if (rest[0] === '--batch') {
    return play(mode, Number(rest[1]), Number(rest[2]), (seed) => fs.writeSync(3, `${seed}\n`))
      .then((report) => { fs.writeSync(1, `${JSON.stringify(report)}\n`); process.exit(0) })
  }
  if (rest[0] === '--seed') return play(mode, Number(rest[1]), 1, () => {}).then((report) => console.log(report.failures.length ? report.failures[0].text : report))
  return main(mode, Number(rest[0] || 60), Number(rest[1] || 1))
}

run(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1) })
