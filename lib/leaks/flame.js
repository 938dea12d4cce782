'use strict'

// A flame graph of what was left behind: one page that needs nothing else. Its style and script are in `page.css` and `page.js`.

const fs = require('node:fs')
const path = require('node:path')
const { textOf } = require('./stacks')

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])
// JSON inside a script element: nothing in it may end the element.
const embedded = (value) => JSON.stringify(value).replace(/</g, '\\u003c')
const asset = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8')

// `[name, kind, weight, count, children]`, the heaviest child first. `text` adds the place of JavaScript frames to their names.
function treeOf (stacks, weigh) {
  const make = (name, kind) => ({ name, kind, weight: 0, count: 0, children: new Map() })
  const root = make('all', 'all')
  for (const stack of stacks) {
    const weight = weigh(stack)
    let node = root
    node.weight += weight
    node.count += stack.count
    let last
    for (const frame of stack.frames) {
      const text = textOf(frame)
      // A function that calls itself is drawn once.
      if (text === last) continue
      last = text
      const key = `${frame.kind} ${text}`
      if (!node.children.has(key)) node.children.set(key, make(text, frame.kind))
      node = node.children.get(key)
      node.weight += weight
      node.count += stack.count
    }
  }
  return pack(root)
}

// Frames one below the other, however many: no recursion.
function pack (root) {
  const packed = (node) => [node.name, node.kind, node.weight, node.count, []]
  const result = packed(root)
  const open = [[root, result]]
  while (open.length > 0) {
    const [node, into] = open.pop()
    for (const child of [...node.children.values()].sort((a, b) => b.weight - a.weight)) {
      const made = packed(child)
      into[4].push(made)
      open.push([child, made])
    }
  }
  return result
}

// `notes`: lines on what could not be seen.
function html (blocks, objects, title, notes = []) {
  const graphs = [
    { id: 'bytes', label: 'Bytes never freed', unit: 'bytes', tree: treeOf(blocks, ({ bytes }) => bytes) },
    { id: 'objects', label: 'Objects never deleted', unit: 'objects', tree: treeOf(objects, ({ count }) => count) }
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>
${asset('page.css')}</style>
</head>
<body>
<header>
<h1>${escape(title)}</h1>
${notes.map((note) => `<p class="note">${escape(note)}</p>`).join('\n')}
<div class="bar"><div class="tabs" role="tablist"></div><label>Find <input type="search" placeholder="function or file" spellcheck="false"></label><button type="button" class="reset" hidden>Show all</button></div>
<p class="legend"><span class="key js"></span>JavaScript <span class="key wasm"></span>WebAssembly <span class="key class"></span>C++ class</p>
</header>
<main><div class="scroll"><div class="graph" role="tree" aria-label="Flame graph"></div></div><p class="details" aria-live="polite"></p><p class="none" hidden>Nothing was left behind.</p><table><thead></thead><tbody></tbody></table></main>
<div class="tip" hidden></div>
<noscript>This page draws its graph with JavaScript.</noscript>
<script>
const GRAPHS = ${embedded(graphs)}
${asset('page.js')}</script>
</body>
</html>
`
}

module.exports = { html }
