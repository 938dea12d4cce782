'use strict'

// A flame graph of what was left behind: one page that needs nothing else, and a profile for speedscope.

const { framesOf, placeOf } = require('./frames')

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])

// Outermost frame first; the class is the innermost.
const pathOf = ({ className, stack }) => [...framesOf(stack).reverse().map((frame) => `${frame.name}  ${placeOf(frame)}`), className]

function treeOf (leaks) {
  const root = { name: 'all', count: 0, children: new Map() }
  for (const leak of leaks) {
    let node = root
    node.count += leak.count
    for (const name of pathOf(leak)) {
      if (!node.children.has(name)) node.children.set(name, { name, count: 0, children: new Map() })
      node = node.children.get(name)
      node.count += leak.count
    }
  }
  return root
}

function html (leaks, title) {
  const root = treeOf(leaks)
  const row = (node) => {
    const children = [...node.children.values()].sort((a, b) => b.count - a.count)
    const share = (count) => `${(100 * count / node.count).toFixed(3)}%`
    const inner = children.map((child) => `<div class="cell" style="width:${share(child.count)}">${row(child)}</div>`).join('')
    const hue = 18 + [...node.name].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 997, 7) % 34
    const label = `${node.name} (${node.count})`
    return `<div class="frame" style="background:hsl(${hue} 85% 68%)" title="${escape(label)}" tabindex="0">${escape(label)}</div>${inner ? `<div class="row">${inner}</div>` : ''}`
  }
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 16px; color: #222; background: #fff }
h1 { font-size: 18px; margin: 0 0 4px } p { margin: 0 0 12px }
.row { display: flex; width: 100% } .cell { min-width: 0; overflow: hidden }
.frame { box-sizing: border-box; height: 22px; line-height: 20px; padding: 0 4px; margin: 0 1px 1px 0; border-radius: 2px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; font-size: 12px; cursor: default }
.frame:focus { outline: 2px solid #000; white-space: normal; height: auto }
</style></head><body>
<h1>${escape(title)}</h1><p>${root.count} C++ objects were not deleted. The outermost JavaScript function is at the top, the class at the bottom; width is the number of objects.</p>
${root.count > 0 ? row(root) : '<p>Nothing was left behind.</p>'}
</body></html>
`
}

// https://www.speedscope.app/file-format-schema.json
function speedscope (leaks, name) {
  const frames = []
  const index = new Map()
  const frame = (text, extra) => {
    if (!index.has(text)) index.set(text, frames.push({ name: text, ...extra }) - 1)
    return index.get(text)
  }
  const samples = leaks.map((leak) => [
    ...framesOf(leak.stack).reverse().map(({ name, file, line, column }) => frame(`${name} ${placeOf({ file, line })}`, { file, line, col: column })),
    frame(leak.className)
  ])
  const weights = leaks.map(({ count }) => count)
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name,
    exporter: 'emvm',
    shared: { frames },
    profiles: [{ type: 'sampled', name, unit: 'none', startValue: 0, endValue: weights.reduce((sum, n) => sum + n, 0), samples, weights }]
  }
}

module.exports = { html, speedscope }
