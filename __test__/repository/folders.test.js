'use strict'

// Which folder may use which: dependencies go one way, and in src as the architecture page says.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')

const ROOT = path.join(__dirname, '..', '..')
const filesBelow = (folder, ending) => fs.readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith(ending)).map((file) => file.split(path.sep).join('/'))
const textOf = (...names) => fs.readFileSync(path.join(ROOT, ...names), 'utf8')

// By folder: which others it uses, and from where.
function usesOf (files, textOfFile, targets) {
  const uses = new Map()
  for (const file of files) {
    const from = roomOf(file)
    for (const room of targets(file, textOfFile(file))) {
      if (room === from) continue
      if (!uses.has(from)) uses.set(from, new Map())
      uses.get(from).set(room, file)
    }
  }
  return uses
}

const roomOf = (file) => file.includes('/') ? file.slice(0, file.indexOf('/')) : '.'

function circleIn (uses) {
  const [open, done] = [[], new Set()]
  const visit = (room) => {
    if (done.has(room)) return undefined
    if (open.includes(room)) return [...open.slice(open.indexOf(room)), room]
    open.push(room)
    for (const next of (uses.get(room) || new Map()).keys()) {
      const circle = visit(next)
      if (circle) return circle
    }
    open.pop()
    done.add(room)
    return undefined
  }
  for (const room of uses.keys()) {
    const circle = visit(room)
    if (circle) return circle.map((room, i) => i ? `${room} (${uses.get(circle[i - 1]).get(room)})` : room).join(' -> ')
  }
  return undefined
}

test('a circle is found', () => {
  const uses = new Map([['a', new Map([['b', 'a/x']])], ['b', new Map([['a', 'b/y']])]])
  assert.strictEqual(circleIn(uses), 'a -> b (a/x) -> a (b/y)')
})

test('no folder of lib uses one that uses it', () => {
  const files = filesBelow('lib', '.js')
  const uses = usesOf(files, (file) => textOf('lib', file), (file, text) => [...text.matchAll(/require\('(\.[^']*)'\)/g)]
    .map(([, name]) => path.posix.join(path.posix.dirname(file), name))
    .filter((target) => !target.startsWith('..'))
    .map((target) => files.includes(`${target}/index.js`) ? target.split('/')[0] : roomOf(target)))
  assert.ok(uses.size >= 8)
  assert.strictEqual(circleIn(uses), undefined)
})

test('the folders of src use those that the architecture page allows', () => {
  const rows = [...textOf('docs', 'architecture.md').matchAll(/^\| `src\/(\w+)` \|[^|]*\|([^|]*)\|$/gm)]
  const rooms = rows.map(([, room]) => room)
  const names = (cell) => [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name)
  const allowed = new Map(rows.map(([, room, cell], i) => [room, /\ball\b/.test(cell) ? (/above/.test(cell) ? rooms.slice(0, i) : rooms) : names(cell)]))
  assert.ok(rooms.length >= 7)
  const files = filesBelow('src', '.rs').filter((file) => file.includes('/'))
  const code = (file) => textOf('src', file).replace(/\/\/.*/g, '')
  const uses = usesOf(files, code, (file, text) => [...text.matchAll(/\bcrate::(\w+)/g)].map(([, room]) => room).filter((room) => rooms.includes(room)))
  assert.ok(uses.size >= 6)
  for (const [room, targets] of uses) {
    for (const [target, file] of targets) assert.ok(allowed.get(room)?.includes(target), `src/${file} uses crate::${target}, which the page does not allow`)
  }
  assert.strictEqual(circleIn(uses), undefined)
})
