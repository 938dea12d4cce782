'use strict'

// Every variable of every context of some files' closures, as V8's heap snapshot has them: an eye on a rewind that knows
// nothing of how it is done.

const inspector = require('node:inspector')
const v8 = require('node:v8')

// From V8 14 on, numbers of small scopes lie in cells that its snapshots do not look into. This is for functions that are compiled
// from here on.
if (Number(process.versions.v8.split('.')[0]) >= 14) v8.setFlagsFromString('--no-function-context-cells')

// A heap snapshot, with its graph.
class Snapshot {
  static session

  static async take () {
    let text = ''
    const add = ({ params }) => { text += params.chunk }
    // Objects keep their numbers as long as the session lasts.
    if (Snapshot.session === undefined) {
      Snapshot.session = new inspector.Session()
      Snapshot.session.connect()
    }
    const { session } = Snapshot
    session.on('HeapProfiler.addHeapSnapshotChunk', add)
    await new Promise((resolve, reject) => {
      session.post('HeapProfiler.takeHeapSnapshot', { reportProgress: false, captureNumericValue: true }, (error) => error ? reject(error) : resolve())
    })
    session.off('HeapProfiler.addHeapSnapshotChunk', add)
    return new Snapshot(JSON.parse(text))
  }

  constructor ({ snapshot: { meta }, nodes, edges, strings }) {
    this.nodes = nodes
    this.edges = edges
    this.strings = strings
    this.width = meta.node_fields.length
    this.edgeWidth = meta.edge_fields.length
    this.field = Object.fromEntries(meta.node_fields.map((name, at) => [name, at]))
    this.types = meta.node_types[0]
    this.edgeTypes = meta.edge_types[0]
    this.count = nodes.length / this.width
    this.first = new Int32Array(this.count + 1)
    for (let at = 0; at < this.count; at++) this.first[at + 1] = this.first[at] + nodes[at * this.width + this.field.edge_count]
  }

  id (node) { return this.nodes[node * this.width + this.field.id] }
  type (node) { return this.types[this.nodes[node * this.width + this.field.type]] }
  name (node) { return this.strings[this.nodes[node * this.width + this.field.name]] }
  label (node) { return `${this.type(node)} ${this.name(node).slice(0, 60)}` }

  // Edges that leave a node: [type, name, target].
  * from (node) {
    for (let edge = this.first[node]; edge < this.first[node + 1]; edge++) {
      const at = edge * this.edgeWidth
      const type = this.edgeTypes[this.edges[at]]
      const name = this.edges[at + 1]
      yield [type, type === 'element' || type === 'hidden' ? name : this.strings[name], this.edges[at + 2] / this.width]
    }
  }

  to (node, wanted) {
    for (const [, name, target] of this.from(node)) if (name === wanted) return target
    return undefined
  }

  // The contexts of closures of files that `isOurs(name)`: by id, their variables with what they hold.
  contexts (isOurs) {
    const contexts = new Map()
    const scripts = new Map()
    let closures = 0
    const ours = (shared) => {
      const script = [...this.from(shared)].find(([, name]) => /script/i.test(String(name)))?.[2]
      if (script === undefined) return false
      if (!scripts.has(script)) {
        scripts.set(script, isOurs(this.name(script)) || [...this.from(script)].some(([, name, target]) => name === 'name' && isOurs(this.name(target))))
      }
      return scripts.get(script)
    }
    for (let node = 0; node < this.count; node++) {
      if (this.type(node) !== 'closure') continue
      const shared = this.to(node, 'shared')
      if (shared === undefined || !ours(shared)) continue
      closures++
      for (let at = this.to(node, 'context'); at !== undefined && /Context/.test(this.label(at)); at = this.to(at, 'previous')) {
        if (contexts.has(this.id(at))) break
        const variables = new Map()
        for (const [type, name, target] of this.from(at)) if (type === 'context') variables.set(name, this.#value(target))
        contexts.set(this.id(at), variables)
      }
    }
    return { contexts, closures }
  }

  // Numbers by value: V8 may move them.
  #value (node) {
    if (this.type(node) !== 'number') return { key: this.id(node), label: this.label(node) }
    const text = this.to(node, 'value') === undefined ? this.label(node) : this.label(this.to(node, 'value'))
    return { key: `number ${text}`, label: `number ${text}` }
  }
}

// What differs, of contexts that are there both times. Views of memory are made anew at each rewind.
function differences (before, after) {
  const found = []
  let variables = 0
  for (const [id, then] of before.contexts) {
    const now = after.contexts.get(id)
    if (now === undefined) continue
    for (const [name, { key, label }] of then) {
      if (name.startsWith('$rw')) continue
      variables++
      const value = now.get(name)
      if (value === undefined) found.push(`${name}: ${label} -> nothing`)
      else if (value.key !== key && !/ArrayBuffer|Array$|DataView|^(hidden|code|number hidden)/.test(label)) found.push(`${name}: ${label} -> ${value.label}`)
    }
    for (const [name, { label }] of now) if (!then.has(name) && !name.startsWith('$rw')) found.push(`${name}: nothing -> ${label}`)
  }
  return { found, variables }
}

module.exports = { Snapshot, differences }
