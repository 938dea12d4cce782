'use strict'

// Every variable of every context of some files' closures, and every property, element and entry of the objects that these lead to, as
// V8's heap snapshot has them: an eye on a rewind that knows nothing of how it is done.

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

  // All that there is.
  ids () {
    const ids = new Set()
    for (let node = 0; node < this.count; node++) ids.add(this.id(node))
    return ids
  }

  // The file of a closure.
  #fileOf (closure) {
    const shared = this.to(closure, 'shared')
    const script = shared === undefined ? undefined : [...this.from(shared)].find(([, name]) => /script/i.test(String(name)))?.[2]
    if (script === undefined) return ''
    if (!this.files.has(script)) {
      const names = [...this.from(script)].filter(([, name]) => name === 'name').map(([, , target]) => this.name(target))
      this.files.set(script, [this.name(script), ...names].join(' '))
    }
    return this.files.get(script)
  }

  // The contexts of closures of files that `isOurs(name)`: by id, their variables with what they hold. `known`: ids of what was there
  // before them; where it is given, `objects` has what the variables lead to besides, by id, as far as it is no object of `isOthers(name)`.
  contexts (isOurs, known, isOthers = () => false) {
    const contexts = new Map()
    const queue = []
    this.files = new Map()
    let closures = 0
    for (let node = 0; node < this.count; node++) {
      if (this.type(node) !== 'closure' || !isOurs(this.#fileOf(node))) continue
      closures++
      queue.push(node)
      for (let at = this.to(node, 'context'); at !== undefined && /Context/.test(this.label(at)); at = this.to(at, 'previous')) {
        if (contexts.has(this.id(at))) break
        const variables = new Map()
        for (const [type, name, target] of this.from(at)) {
          if (type !== 'context') continue
          variables.set(name, this.#value(target))
          if (!name.startsWith('$rw')) queue.push(target)
        }
        contexts.set(this.id(at), variables)
      }
    }
    return { contexts, closures, objects: known === undefined ? new Map() : this.#objects(queue, known, isOthers) }
  }

  #objects (queue, known, isOthers) {
    const objects = new Map()
    for (let node; (node = queue.pop()) !== undefined;) {
      const id = this.id(node)
      if (known.has(id) || objects.has(id) || !OBJECTS.has(this.type(node)) || BYTES.test(this.name(node)) || this.#isOthers(node, isOthers)) continue
      const fields = new Map()
      const entries = []
      objects.set(id, { label: this.label(node), fields })
      for (const [type, name, target] of this.from(node)) {
        if (type === 'property' || type === 'element') fields.set(`${name}`, this.#value(target))
        else if (type === 'internal' && name === 'table') for (const [, , entry] of this.from(target)) entries.push(entry)
        else continue
        queue.push(target)
      }
      if (entries.length === 0) continue
      // Where an entry lies in a table is V8's affair.
      const counts = new Map()
      for (const entry of entries) {
        if (!OBJECTS.has(this.type(entry)) && !/string|number/.test(this.type(entry))) continue
        queue.push(entry)
        const { key, label } = this.#value(entry)
        const count = (counts.get(key) ?? 0) + 1
        counts.set(key, count)
        fields.set(`entry ${key} ${count}`, { key: 'there', label })
      }
    }
    return objects
  }

  // What a class of other files made.
  #isOthers (node, isOthers) {
    if (this.type(node) === 'closure') return isOthers(this.#fileOf(node))
    const proto = this.to(node, '__proto__')
    const made = proto === undefined ? undefined : this.to(proto, 'constructor')
    return made !== undefined && this.type(made) === 'closure' && isOthers(this.#fileOf(made))
  }

  // Numbers and strings by value: V8 may move them.
  #value (node) {
    // V8 puts strings together, and others in their place.
    if (/string/.test(this.type(node))) return { key: `string ${this.name(node)}`, label: this.label(node) }
    if (this.type(node) !== 'number') return { key: this.id(node), label: this.label(node) }
    const text = this.to(node, 'value') === undefined ? this.label(node) : this.label(this.to(node, 'value'))
    return { key: `number ${text}`, label: `number ${text}` }
  }
}

const OBJECTS = new Set(['object', 'closure', 'regexp'])
// Views of memory are made anew at each rewind. What buffers hold shows in no snapshot, nor do arrays of nothing but numbers.
const BYTES = /ArrayBuffer|(Int|Uint|Float)\d+(Clamped)?Array$|DataView/

// What differs, of contexts and objects that are there both times. Views of memory are made anew at each rewind.
function differences (before, after) {
  const found = []
  let [variables, fields] = [0, 0]
  const compare = (then, now, where) => {
    for (const [name, { key, label }] of then) {
      if (name.startsWith('$rw')) continue
      const value = now.get(name)
      if (value === undefined) found.push(`${where}${name}: ${label} -> nothing`)
      else if (value.key !== key && !BYTES.test(label) && !/^(hidden|code|number hidden)/.test(label)) found.push(`${where}${name}: ${label} -> ${value.label}`)
    }
    for (const [name, { label }] of now) if (!then.has(name) && !name.startsWith('$rw')) found.push(`${where}${name}: nothing -> ${label}`)
  }
  for (const [id, then] of before.contexts) {
    const now = after.contexts.get(id)
    if (now === undefined) continue
    variables += [...then.keys()].filter((name) => !name.startsWith('$rw')).length
    compare(then, now, '')
  }
  for (const [id, then] of before.objects) {
    const now = after.objects.get(id)
    if (now === undefined) continue
    fields += then.fields.size
    compare(then.fields, now.fields, `${then.label}.`)
  }
  return { found, variables, fields }
}

module.exports = { Snapshot, differences }
