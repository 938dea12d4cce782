'use strict'

// A progress bar where there is a terminal, and a table of two columns.

const WIDTH = 32

function progressBar (total, stream = process.stdout) {
  if (!stream.isTTY) return { step () {}, end () {} }
  let done = 0
  let drawn = -1
  const draw = (text) => {
    const filled = Math.round(WIDTH * done / total)
    if (filled === drawn && done < total) return
    drawn = filled
    stream.write(`\r${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${done}/${total} ${text}\x1b[K`)
  }
  return {
    step (text = '') {
      done++
      draw(text)
    },
    end () {
      stream.write('\r\x1b[K')
    }
  }
}

function table (rows) {
  const left = Math.max(...rows.map(([name]) => name.length))
  const right = Math.max(...rows.map(([, value]) => value.length))
  return rows.map(([name, value]) => `  ${name.padEnd(left)}   ${value.padStart(right)}`).join('\n')
}

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]

function megabytes (bytes) {
  return `${(bytes / 2 ** 20).toLocaleString('en', { maximumFractionDigits: bytes < 100 * 2 ** 20 ? 1 : 0 })} MB`
}

function micros (value) {
  return value < 1000 ? `${value.toFixed(1)} µs` : `${(value / 1000).toFixed(1)} ms`
}

module.exports = { progressBar, table, percentile, megabytes, micros }
