'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

// What is measured is optimised code, whether it was in the cache or not.
process.env.EMVM_TIER ??= 'optimised'

const RESULTS = path.join(__dirname, '..', 'results')

const now = () => Number(process.hrtime.bigint())

const sortedCopy = (values) => Float64Array.from(values).sort()

function quantile (values, share) {
  const sorted = sortedCopy(values)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

const median = (values) => quantile(values, 0.5)

const geometricMean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

// Nanoseconds of one call of `fn`, over as many calls as fill `forMs`.
function perCall (fn, forMs = 20) {
  let calls = 1
  for (;;) {
    const start = now()
    for (let i = 0; i < calls; i++) fn()
    const spent = now() - start
    if (spent >= forMs * 1e6 || calls >= 2 ** 24) return spent / calls
    calls = Math.min(2 ** 24, Math.max(calls * 2, Math.ceil(calls * forMs * 1e6 / Math.max(spent, 1))))
  }
}

const UNITS = [[1, 'ns'], [1e3, 'µs'], [1e6, 'ms'], [1e9, 's']]

function duration (ns) {
  const [size, unit] = UNITS.findLast(([size]) => ns >= size) || UNITS[0]
  return `${significant(ns / size)} ${unit}`
}

// Three digits that mean something.
const significant = (value) => value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))

const ratio = (value) => `${value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)}x`

function bytes (value) {
  if (value < 2 ** 20) return `${(value / 2 ** 10).toFixed(0)} KB`
  if (value < 2 ** 30) return `${(value / 2 ** 20).toFixed(value < 10 * 2 ** 20 ? 1 : 0)} MB`
  return `${(value / 2 ** 30).toFixed(1)} GB`
}

function machine () {
  return `${os.cpus()[0].model.trim()}, ${os.availableParallelism()} cores, ${os.type()} ${os.release()}, Node ${process.version}`
}

function printTable (headings, rows) {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => String(row[i]).length)))
  const line = (row) => row.map((cell, i) => i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i])).join('   ')
  console.log(line(headings))
  console.log(widths.map((width) => '-'.repeat(width)).join('   '))
  for (const row of rows) console.log(line(row))
  console.log()
}

function save (name, result, charts = {}) {
  fs.mkdirSync(RESULTS, { recursive: true })
  fs.writeFileSync(path.join(RESULTS, `${name}.json`), `${JSON.stringify({ machine: machine(), ...result }, null, 2)}\n`)
  for (const [chart, svg] of Object.entries(charts)) fs.writeFileSync(path.join(RESULTS, `${chart}.svg`), svg)
  console.log(`Written: ${[`${name}.json`, ...Object.keys(charts).map((chart) => `${chart}.svg`)].map((file) => path.join('bench', 'results', file)).join(', ')}`)
}

module.exports = { now, quantile, median, geometricMean, perCall, duration, ratio, bytes, machine, printTable, save }
