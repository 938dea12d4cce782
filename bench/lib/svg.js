'use strict'

// Two kinds of chart, drawn as plain SVG on a card of its own so that they read on light and dark pages.

const INK = '#1f2430'
const MUTED = '#6b7280'
const GRID = '#e5e7eb'
const COLOURS = { emvm: '#0f9d76', vm: '#d9534f', v8: '#4a7bd0', extra: '#b58a2a' }
const FONT = "font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif\""

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])

// The white rim keeps a label readable where a line runs through it.
function text (x, y, content, { size = 13, fill = INK, anchor = 'start', weight = 400 } = {}) {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" fill="${fill}" text-anchor="${anchor}" font-weight="${weight}" ` +
    `stroke="#ffffff" stroke-width="3" paint-order="stroke" xml:space="preserve">${escape(content)}</text>`
}

function card (width, height, title, subtitle, body) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${FONT} role="img" aria-label="${escape(title)}">`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="#ffffff" stroke="${GRID}"/>`,
    text(28, 40, title, { size: 18, weight: 600 }),
    subtitle ? text(28, 61, subtitle, { fill: MUTED }) : '',
    ...body,
    '</svg>',
    ''
  ].join('\n')
}

function niceTicks (max, count = 5) {
  const raw = max / count
  const magnitude = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 2.5, 5, 10].map((m) => m * magnitude).find((s) => s >= raw)
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, i) => i * step)
}

function decades (min, max) {
  const first = Math.floor(Math.log10(min))
  const last = Math.ceil(Math.log10(max))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

// rows: [{ label, value, note, colour, group }]; with `log` the bars start at the power of ten below the smallest value.
function barChart ({ title, subtitle, rows, log = false, format = String, reference, width = 860 }) {
  const left = 28 + Math.max(...rows.map(({ label }) => label.length)) * 7.3 + 14
  const right = width - 40 - Math.max(...rows.map(({ value, note }) => (note || format(value)).length)) * 6.6
  const top = 86
  const rowHeight = 30
  const groupGap = 12
  const values = rows.map(({ value }) => value)
  const ticks = log ? decades(Math.min(...values), Math.max(...values)) : niceTicks(Math.max(...values, reference || 0) * 1.05)
  const low = ticks[0]
  const high = log ? ticks[ticks.length - 1] : Math.max(...values, reference || 0) * 1.05
  const at = (value) => left + (right - left) * (log ? Math.log(value / low) / Math.log(high / low) : value / high)
  let y = top
  const marks = rows.map((row, i) => {
    if (i > 0 && row.group !== rows[i - 1].group) y += groupGap
    const bar = { ...row, y }
    y += rowHeight
    return bar
  })
  const bottom = y + 4
  const body = [
    ...ticks.map((tick) => `<line x1="${at(tick).toFixed(1)}" x2="${at(tick).toFixed(1)}" y1="${top - 8}" y2="${bottom}" stroke="${GRID}"/>` +
      text(at(tick), bottom + 18, format(tick), { size: 11, fill: MUTED, anchor: 'middle' })),
    ...marks.map(({ value, colour, y: at0 }) => `<rect x="${left}" y="${at0 + 3}" width="${Math.max(2, at(value) - left).toFixed(1)}" height="18" rx="3" fill="${COLOURS[colour] || colour}"/>`),
    ...(reference ? [`<line x1="${at(reference).toFixed(1)}" x2="${at(reference).toFixed(1)}" y1="${top - 8}" y2="${bottom}" stroke="${INK}" stroke-dasharray="4 3"/>`] : []),
    ...marks.flatMap(({ label, value, note, y: at0 }) => [
      text(left - 10, at0 + 16, label, { anchor: 'end' }),
      text(Math.max(left + 2, at(value), ...(reference ? [at(reference)] : [])) + 8, at0 + 16, note || format(value), { size: 12 })
    ])
  ]
  return card(width, bottom + 36, title, subtitle, body)
}

// series: [{ name, colour, points: [[x, y]], end }]; the legend stands above the plot, and `end` at the last point.
function lineChart ({ title, subtitle, series, xLabel, logX = false, formatX = String, formatY = String, unitY = 1, width = 860, height = 430 }) {
  const [left, right, top, bottom] = [84, width - 36, 104, height - 58]
  const xs = series.flatMap(({ points }) => points.map(([x]) => x)).filter((x) => !logX || x > 0)
  const ys = series.flatMap(({ points }) => points.map(([, y]) => y))
  const yMax = Math.max(...ys) * 1.08
  const xTicks = logX ? decades(Math.min(...xs), Math.max(...xs)) : niceTicks(Math.max(...xs))
  const xLow = logX ? xTicks[0] : 0
  const xHigh = logX ? xTicks[xTicks.length - 1] : Math.max(...xs)
  const x = (value) => left + (right - left) * (logX ? Math.log(Math.max(value, xLow) / xLow) / Math.log(xHigh / xLow) : value / xHigh)
  const y = (value) => bottom - (bottom - top) * value / yMax
  let legend = left
  const body = [
    ...niceTicks(yMax / unitY).map((tick) => tick * unitY).map((tick) => `<line x1="${left}" x2="${right}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}" stroke="${GRID}"/>` +
      text(left - 10, y(tick) + 4, formatY(tick), { size: 11, fill: MUTED, anchor: 'end' })),
    ...xTicks.map((tick) => text(x(tick), bottom + 20, formatX(tick), { size: 11, fill: MUTED, anchor: 'middle' })),
    text((left + right) / 2, height - 16, xLabel, { size: 12, fill: MUTED, anchor: 'middle' }),
    ...series.flatMap(({ name, colour, points, end }) => {
      const fill = COLOURS[colour] || colour
      const path = points.map(([px, py], i) => `${i ? 'L' : 'M'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join('')
      const [lastX, lastY] = points[points.length - 1]
      const atEdge = x(lastX) > right - 120
      const key = `<rect x="${legend}" y="80" width="14" height="4" rx="2" fill="${fill}"/>` + text(legend + 20, 87, name, { size: 12 })
      legend += 44 + name.length * 6.9
      return [
        `<path d="${path}" fill="none" stroke="${fill}" stroke-width="2.5" stroke-linejoin="round"/>`,
        `<circle cx="${x(lastX).toFixed(1)}" cy="${y(lastY).toFixed(1)}" r="4" fill="${fill}"/>`,
        end ? text(x(lastX) + (atEdge ? 0 : 10), y(lastY) + (atEdge ? -12 : 4), end, { size: 12, fill, weight: 600, anchor: atEdge ? 'end' : 'start' }) : '',
        key
      ]
    })
  ]
  return card(width, height, title, subtitle, body)
}

module.exports = { barChart, lineChart, COLOURS }
