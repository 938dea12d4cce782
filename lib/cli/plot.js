'use strict'

// A strip plot as SVG: a dot for each round, on a logarithmic axis of milliseconds.

const { milliseconds } = require('./output')

const WIDTH = 720
const LEFT = 150
const RIGHT = 24
const TOP = 46
const STRIP = 46
const STYLE = `text { font: 13px system-ui, sans-serif; fill: #1d2128 } .title { font-weight: 600; font-size: 15px } .tick { fill: #5c6470; font-size: 11px }
.grid { stroke: #d8dce2 } .dot { fill-opacity: .55 } .s0 { fill: #1d6fd1 } .s1 { fill: #d9730d } .middle { stroke: #1d2128; stroke-width: 2 } .back { fill: #fff }
@media (prefers-color-scheme: dark) { text { fill: #e6e8ec } .tick { fill: #9aa3b0 } .grid { stroke: #333943 } .middle { stroke: #e6e8ec } .back { fill: #16181d } .s0 { fill: #6aa9f2 } .s1 { fill: #f2a35e } }`

const escape = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c])

const tick = (power) => power >= 3 ? `${10 ** (power - 3)} s` : milliseconds(10 ** power).replace('.0 ', ' ')

// `series`: `{ name, values }`, milliseconds.
function stripPlot (title, series) {
  const all = series.flatMap(({ values }) => values).map((ms) => Math.max(ms, 1e-4))
  const from = Math.floor(Math.log10(Math.min(...all)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...all))))
  const x = (ms) => LEFT + (WIDTH - LEFT - RIGHT) * (Math.log10(Math.max(ms, 1e-4)) - from) / (to - from)
  const bottom = TOP + STRIP * series.length
  const at = (n) => n.toFixed(1)
  const parts = []
  for (let power = from; power <= to; power++) {
    const place = at(x(10 ** power))
    parts.push(`<line class="grid" x1="${place}" x2="${place}" y1="${TOP - 8}" y2="${bottom}"/>`,
      `<text class="tick" x="${place}" y="${bottom + 16}" text-anchor="middle">${tick(power)}</text>`)
  }
  series.forEach(({ name, values }, row) => {
    const y = TOP + STRIP * (row + 0.5)
    const sorted = [...values].sort((a, b) => a - b)
    const middle = sorted[Math.floor(sorted.length / 2)]
    parts.push(`<text x="${LEFT - 14}" y="${at(y - 2)}" text-anchor="end">${escape(name)}</text>`,
      `<text class="tick" x="${LEFT - 14}" y="${at(y + 13)}" text-anchor="end">${milliseconds(middle)}</text>`)
    // Spread over the height of the strip in an order that repeats with the rounds.
    values.forEach((ms, i) => parts.push(`<circle class="dot s${row % 2}" cx="${at(x(ms))}" cy="${at(y + ((i * 7) % 13 - 6) * 2.2)}" r="4"><title>${escape(name)}, round ${i + 1}: ${milliseconds(ms)}</title></circle>`))
    parts.push(`<line class="middle" x1="${at(x(middle))}" x2="${at(x(middle))}" y1="${at(y - 17)}" y2="${at(y + 17)}"/>`)
  })
  const height = bottom + 28
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
<style>${STYLE}</style>
<rect class="back" width="${WIDTH}" height="${height}"/>
<text class="title" x="16" y="24">${escape(title)}</text>
${parts.join('\n')}
</svg>
`
}

module.exports = { stripPlot }
