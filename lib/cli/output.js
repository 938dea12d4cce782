'use strict'

// How commands print.

const jsonText = (value) => `${JSON.stringify(value, (key, item) => typeof item === 'bigint' ? String(item) : item, 2)}\n`

function json (value) {
  process.stdout.write(jsonText(value))
}

function lines (...all) {
  process.stdout.write(`${all.flat(Infinity).filter((line) => line !== null).join('\n')}\n`)
}

// Rows of text under headings; columns of numbers are aligned to the right.
function table (headings, rows) {
  const cells = rows.map((row) => row.map(String))
  const widths = headings.map((heading, i) => Math.max(heading.length, ...cells.map((row) => row[i].length)))
  const isNumber = headings.map((_, i) => rows.length > 0 && rows.every((row) => /^[\d.,]+( ?[a-zµ]+)?$/i.test(String(row[i]))))
  const line = (row) => row.map((cell, i) => isNumber[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])).join('  ').trimEnd()
  return [line(headings), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)]
}

// Two columns: names and values.
function fields (entries) {
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries.filter(([, value]) => value !== null && value !== undefined && value !== '').map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}

function bytes (value) {
  if (value === undefined || value === null) return 'unlimited'
  if (value < 2 ** 10) return `${value} bytes`
  if (value < 2 ** 20) return `${(value / 2 ** 10).toFixed(0)} KB`
  if (value < 2 ** 30) return `${Number((value / 2 ** 20).toFixed(1))} MB`
  return `${Number((value / 2 ** 30).toFixed(1))} GB`
}

const milliseconds = (ms) => ms < 1 ? `${(ms * 1e3).toFixed(0)} us` : ms < 100 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1e3).toFixed(1)} s`

// A progress bar on standard error, where that is a terminal.
function progress (label) {
  const shown = process.stderr.isTTY
  let written = -Infinity
  return {
    update ({ phase, done, total }) {
      // A terminal shows no more than so many lines a second.
      if (!shown || performance.now() - written < PROGRESS_MS) return
      written = performance.now()
      const share = total > 0 ? Math.min(1, done / total) : 0
      const filled = Math.round(share * 30)
      const line = `${label}  [${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${String(Math.round(share * 100)).padStart(3)} % ${phase}`
      process.stderr.write(`\r${fitted(line, process.stderr.columns)}\x1b[K`)
    },
    end () {
      if (shown) process.stderr.write('\r\x1b[K')
    }
  }
}

const PROGRESS_MS = 50

// A line that a terminal does not wrap: its beginning, a path for the most part, gives way.
function fitted (line, columns = 80) {
  return line.length < columns ? line : `...${line.slice(line.length - columns + 4)}`
}

module.exports = { fitted, json, jsonText, lines, table, fields, bytes, milliseconds, progress }
