'use strict'

// Random JavaScript files that hide state: nested scopes, closures, classes, containers. `step(list)` of each runs some of its
// operations and gives a text of what they saw. The texts are valid most of the time; what throws when it runs is part of the result.

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']
const KEYS = ['p', 'q', 'r', '0', '1']
const DEEP = 3

// What every file begins with. Each function counts, so that recursion ends at the same place, instrumented or not.
const PRELUDE = `
let fuel = 0
const tick = () => { if (++fuel > 3000) throw new Error('fuel') }
const ops = []
const safe = (f) => { try { return f() } catch (e) { ops.push((out) => out.push(e?.name)); return { p: 1, q: [2] } } }
const sym = Symbol('sym')
function show (v, depth = 0) {
  if (typeof v === 'function') return 'f' + (depth > 2 ? '' : Object.keys(v).map((k) => k + show(v[k], depth + 1)))
  if (typeof v === 'symbol' || typeof v === 'bigint') return String(v)
  if (typeof v === 'string' && /=>|function|class/.test(v)) return 'source'
  if (v === null || typeof v !== 'object') return Object.is(v, -0) ? '-0' : String(v).slice(0, 40)
  if (v === globalThis) return 'G'
  if (depth > 2) return '#'
  if (v instanceof Map) return 'M' + [...v].slice(0, 9).map(([k, x]) => show(k, depth + 1) + '>' + show(x, depth + 1))
  if (v instanceof Set) return 'S' + [...v].slice(0, 9).map((x) => show(x, depth + 1))
  if (v instanceof Date) return 'D' + v.getTime()
  if (v instanceof RegExp) return v.source + v.lastIndex
  if (v instanceof Error) return v.name
  if (v instanceof Promise) return 'P'
  const keys = Reflect.ownKeys(v).slice(0, 12)
  const parts = keys.map((k) => {
    const d = Object.getOwnPropertyDescriptor(v, k)
    return (typeof k === 'string' ? show(k) : String(k)) + (d.enumerable ? '' : '!') + (d.writable === false ? '=' : ':') + ('value' in d ? show(d.value, depth + 1) : 'get')
  })
  return (Array.isArray(v) ? '[' : ArrayBuffer.isView(v) ? 'T' : '{') + parts.join() + (Object.isExtensible(v) ? '' : '/') + (Object.getPrototypeOf(v) === null ? 'null' : '')
}
`

class Writer {
  constructor (rng) {
    this.rng = rng
    this.scopes = [new Set()]
    this.depth = 0
    this.inClass = 0
    this.strict = false
  }

  chance (n) { return this.rng.below(n) === 0 }
  one (...list) { return this.rng.pick(list) }

  // A name that some scope declares, most of the time.
  name () {
    const all = [...new Set(this.scopes.flatMap((s) => [...s]))]
    return all.length > 0 && !this.chance(12) ? this.rng.pick(all) : this.rng.pick(NAMES)
  }

  // A name that this scope does not declare yet.
  fresh () {
    const scope = this.scopes[this.scopes.length - 1]
    const free = NAMES.filter((n) => !scope.has(n))
    const name = free.length > 0 ? this.rng.pick(free) : `${this.rng.pick(NAMES)}${scope.size}`
    scope.add(name)
    return name
  }

  // A `var` has a name that no `let` around it has.
  hoisted () {
    const name = this.one('v', 'w')
    this.scopes[this.scopes.length - 1].add(name)
    return name
  }

  within (names, write) {
    this.scopes.push(new Set(names))
    this.depth++
    try { return write() } finally {
      this.depth--
      this.scopes.pop()
    }
  }

  key () { return this.rng.pick(KEYS) }
  member (object = this.name()) {
    return this.one(() => `${object}.${this.one('p', 'q', 'r')}`, () => `${object}['${this.key()}']`, () => `${object}?.${this.one('p', 'q')}`, () => `${object}[sym]`)()
  }

  place () { return this.one(() => this.name(), () => this.name(), () => this.member().replace('?.', '.'))() }

  // An expression.
  value (d = 0) {
    const v = () => this.value(d + 1)
    const leaf = [
      () => String(this.rng.below(9)), () => `'${this.one('x', 'yy', '')}'`, () => this.name(), () => this.name(), () => this.member(), () => '-0', () => 'null', () => 'undefined', () => '7n',
      () => `${this.name()}.length`, () => `typeof ${this.name()}`
    ]
    if (d > 2 || this.depth > DEEP || this.chance(3)) return this.rng.pick(leaf)()
    const more = [
      ...leaf,
      () => `{ p: ${v()}, q: ${v()} }`.replace(/^/, '(').concat(')'),
      () => `{ ${this.key()}: ${v()}, get g () { tick(); return ${v()} }, m () { tick(); ${this.body(2)} return this } }`.replace(/^/, '(').concat(')'),
      () => `{ ...${this.name()}, [${v()}]: ${v()}, __proto__: ${this.one('null', this.name(), '{ z: 1 }')} }`.replace(/^/, '(').concat(')'),
      () => `[${v()}, ${v()}, ...[${v()}]]`, () => `[1, , ${v()}]`,
      () => `new Map([[${v()}, ${v()}], ['k', ${v()}]])`, () => `new Set([${v()}, ${v()}])`,
      () => `new WeakMap([[${this.one('ops', 'show', '{}', '[]')}, ${v()}]])`, () => `new WeakRef(${this.one('ops', '{ p: 1 }', 'show')})`,
      () => this.one('new Uint8Array(4)', 'new Float64Array([1, 2])', 'new BigInt64Array(2)', 'new Uint16Array(new ArrayBuffer(16), 2, 3)', 'new DataView(new ArrayBuffer(8))'),
      () => `new Date(${this.rng.below(1e6)})`, () => this.one('/x/g', '/(y)/y'), () => `Object.freeze([${v()}])`, () => `Object.create(${this.name()})`,
      () => this.arrow(), () => this.arrow(), () => this.func(), () => this.klass(),
      () => `new (${this.klass()})(${v()})`, () => `new ${this.name()}(${v()})`,
      () => `${this.name()}(${v()})`, () => `${this.member()}(${v()})`, () => `${this.name()}?.(${v()})`, () => `(${this.arrow()})(${v()})`, () => `(${this.func()}).call(${v()}, ${v()})`,
      () => `${this.func()}.bind(${v()}, ${v()})`, () => `[...(${this.generator()})()]`, () => `(${this.generator()})()`,
      () => `(${this.place()} = ${v()})`, () => `(${this.place()} ${this.one('+=', '??=', '||=', '&&=', '-=')} ${v()})`, () => `${this.place()}++`, () => `--${this.place()}`,
      () => `(${v()} ${this.one('+', '===', '&&', '||', '??', ',', '<', 'instanceof', 'in')} ${v()})`.replace(/-0 \?\?/, '0 ??'),
      () => `(${v()} ? ${v()} : ${v()})`, () => `\`<\${${v()}}>\``, () => `((s, ...x) => { tick(); return s })\`t\${${v()}}\``,
      () => `Object.keys(${v()})`, () => `[${v()}, ${v()}].map(${this.arrow()})`, () => `[3, 1, 2].sort(${this.arrow()})`,
      () => `Object.assign(${this.name()}, { r: ${v()} })`, () => `Object.defineProperty(${this.name()}, '${this.key()}', { ${this.one(() => `value: ${v()}, `, () => `get: ${this.arrow()}, `, () => `value: ${v()}, writable: true, `)()}configurable: true })`,
      () => `(delete ${this.member()})`, () => `Reflect.${this.one('get', 'has', 'deleteProperty')}(${this.name()}, '${this.key()}')`,
      () => `new Proxy(${this.name()}, { get: ${this.arrow()} })`, () => `new Proxy(${this.name()}, {})`, () => `Promise.resolve(${v()})`, () => 'typeof this', () => `Symbol.for('${this.key()}')`,
      () => `Reflect.set(${this.name()}, '${this.key()}', ${v()}${this.chance(3) ? `, ${this.name()}` : ''})`, () => `Reflect.defineProperty(${this.name()}, '${this.key()}', { value: ${v()}, configurable: true, writable: true })`,
      () => `${this.name()}.__defineGetter__?.('${this.key()}', ${this.arrow()})`, () => `Object.getOwnPropertyDescriptors(${this.name()})`, () => `Object.fromEntries([['p', ${v()}]])`,
      () => `Array.from({ length: 2 }, ${this.arrow()})`, () => `[1, ${v()}].reduce(${this.arrow()}, ${v()})`, () => `[${v()}].flatMap(${this.arrow()})`, () => `'xyx'.replace(/y/g, ${this.arrow()})`,
      () => `JSON.stringify({ p: ${this.name()} }, (k, x) => (tick(), typeof x === 'bigint' ? 0 : x))`, () => `new (class extends ${this.one('Array', 'Map', 'Set', 'EventTarget')} { #k = ${v()}; k () { tick(); return this.#k } })().k()`,
      () => `((o) => { with (o) { return typeof p } })(${this.name()} ?? {})`.replace(/^.*$/s, (text) => this.strict ? '0' : text),
      () => `[...{ * [Symbol.iterator] () { yield ${v()}; yield ${this.name()} } }]`, () => `({ [Symbol.toPrimitive]: ${this.arrow()} }) + ''`, () => `new WeakSet([${this.one('ops', 'show', '{}')}]).has(ops)`,
      () => `((n) => eval('n'))(${this.name()})`, () => `structuredClone(${this.name()})`, () => `JSON.parse('{"p":[1,{"q":2}]}')`
    ]
    return this.rng.pick(more)()
  }

  // Parameters, and the names they declare.
  parameters () {
    const names = NAMES.slice().sort(() => this.rng.below(3) - 1).slice(0, this.rng.below(3))
    const list = names.map((n, i) => this.one(
      () => n, () => n, () => `${n} = ${this.one('1', `() => ${names[0]}`, this.name(), `{ p: ${i} }`)}`, () => `{ p: ${n} = ${i} } = {}`, () => `[${n}, ...${n}s] = [1, 2]`)())
    if (this.chance(6)) {
      list.push('...rest')
      names.push('rest')
    }
    return { text: list.join(', '), names }
  }

  arrow () {
    const { text, names } = this.parameters()
    const async = this.chance(14) ? 'async ' : ''
    return this.within(names, () => this.chance(2) ? `${async}(${text}) => { tick(); ${this.body(3)} return ${this.value(2)} }` : `${async}(${text}) => (tick(), ${this.value(2)})`).replace(/^/, '(').concat(')')
  }

  func () {
    const { text, names } = this.parameters()
    const own = this.chance(3) ? this.rng.pick(NAMES) : ''
    return this.within([...names, ...own ? [own] : []], () => `(function ${own} (${text}) { tick(); ${this.body(3)} return ${this.one(() => 'this', () => 'arguments', () => 'arguments[0]++', () => this.value(1), () => this.value(1), () => 'new.target')()} })`)
  }

  generator () {
    const { text, names } = this.parameters()
    return this.within(names, () => `function * (${text}) { tick(); ${this.body(2)} yield ${this.value(2)}; try { yield * [1, ${this.value(2)}] } finally { ${this.statement()} } }`)
  }

  klass () {
    const parent = this.chance(3) ? ` extends ${this.one('Array', 'Map', 'Object', 'Error', `(${this.func()})`, this.name())}` : ''
    const method = (head) => `${head} { tick(); ${this.body(2)} return ${this.value(2)} }`
    this.inClass++
    const members = this.within([], () => [
      () => `#n = ${this.value(2)}; n () { tick(); ${this.one('return this.#n++', 'this.#n = this.#n + 1; return this.#n', '({ p: this.#n } = { p: 4 }); return #n in this')} }`,
      () => `${this.key()} = ${this.value(2)}`, () => `static s = ${this.value(2)}`, () => 'static #h = { k: 0 }; static h () { tick(); return this.#h && this.#h.k++ }',
      () => method(`${this.one('m', 'q', 'valueOf')} ()`), () => method('get g ()'), () => method(`set g (${this.rng.pick(NAMES)})`), () => method('static t ()'), () => method('#z ()'),
      () => `static { ${this.body(2)} }`, () => `['${this.key()}'] = () => (tick(), ${this.value(2)})`,
      () => `constructor (...x) { ${parent ? 'super(); ' : ''}tick(); this.p = x[0]; ${this.body(1)} }`
    ].filter(() => this.chance(5)).map((write) => write()))
    this.inClass--
    return `(class ${this.chance(2) ? this.rng.pick(NAMES) : ''}${parent} { ${members.join('; ')} })`
  }

  body (most) {
    let text = ''
    for (let i = this.rng.below(most + 1); i > 0; i--) text += this.statement()
    return text
  }

  pattern () {
    const [x, y] = [this.fresh(), this.fresh()]
    return this.one(() => `{ p: ${x} = ${this.value(2)}, ...${y} } = ({ p: ${this.value(2)}, q: 2 })`, () => `[${x}, [${y} = 3] = []] = [${this.value(2)}, [${this.value(2)}]]`, () => `{ [${this.value(2)}]: ${x}, q: { r: ${y} } = { r: 5 } } = ({ q: undefined })`)()
  }

  op () {
    return `ops.push((out) => { tick(); ${this.within([], () => this.body(3))} out.push(${this.value()}, ${this.name()}); ${this.statement()} });`
  }

  statement () {
    const block = (names = []) => this.within(names, () => `{ ${this.body(3)} }`)
    if (this.depth > DEEP) return `${this.place()} = ${this.value(2)};`
    return this.one(
      () => `let ${this.fresh()} = ${this.value()};`, () => `let ${this.fresh()} = ${this.value()};`, () => `const ${this.fresh()} = ${this.value()};`, () => `var ${this.hoisted()} = ${this.value()};`, () => `let ${this.fresh()};`,
      () => `${this.one('let', 'const')} ${this.pattern()};`,
      () => `${this.place()} = ${this.value()};`, () => `${this.place()} = ${this.value()};`, () => `${this.value()};`.replace(/^(?=[{`[(]|function|class)/, ';'),
      () => this.op(), () => this.op(), () => this.op(),
      () => block(), () => `${this.one('x', 'y')}: ${block()}`,
      () => `if (${this.value(1)}) ${block()} else ${block()}`,
      () => this.within([], () => { const i = this.fresh(); return `for (let ${i} = 0, g = () => ${i}; ${i} < 3; ${i}++) { tick(); ops.push((out) => { out.push(${i}++, g()) }); ${this.body(3)} }` }),
      () => this.within([], () => `for (${this.one(() => `let ${this.fresh()}`, () => `const ${this.fresh()}`, () => `var ${this.hoisted()}`)()} of [${this.value(1)}, ${this.value(1)}]) { tick(); ${this.body(3)} ${this.op()} ${this.one('', 'continue;', 'break;')} }`),
      () => this.within([], () => `for (let ${this.fresh()} in ${this.value(1)}) { tick(); ${this.body(2)} ${this.op()} }`),
      () => `for (${this.place()} of [1, ${this.value(1)}]) { tick(); ${this.body(1)} }`,
      () => `do { tick(); ${this.within([], () => this.body(3))} } while (${this.one('false', '0', 'fuel % 3')});`,
      () => `switch (${this.value(1)}) { case 1: ${this.within([], () => `let ${this.fresh()} = ${this.value(1)}; ${this.op()} case ${this.value(2)}: ${this.body(2)} default: ${this.body(2)}`)} }`,
      () => `try ${block()} catch ${this.one(() => block(), () => { const n = this.rng.pick(NAMES); return `(${n}) ${block([n])}` }, () => { const n = this.rng.pick(NAMES); return `({ name: ${n} }) ${block([n])}` })()}${this.chance(3) ? ` finally ${block()}` : ''}`,
      () => `try { throw ${this.value(1)} } catch (${this.rng.pick(NAMES)}) ${this.within([], () => `{ ${this.op()} ${this.body(2)} }`)}`,
      () => { const n = this.fresh(); const { text, names } = this.parameters(); return `function ${n} (${text}) { tick(); ${this.within(names, () => `${this.body(3)} ${this.chance(2) ? this.op() : ''}`)} return ${this.value(1)} }` },
      () => { const n = this.fresh(); return `class ${n} ${this.klass().slice(1, -1).replace(/^class \w*/, '').replace(/^( extends)?/, '$1')};` },
      () => `${this.name()}.${this.one('push', 'set', 'add', 'delete', 'unshift', 'fill', 'setTime', 'exec', 'clear', 'splice', 'reverse', 'sort', 'next', 'setUint8')}?.(${this.value(1)}, ${this.value(1)});`,
      () => `Object.${this.one('freeze', 'seal', 'preventExtensions')}(${this.one(this.name(), '{}')});`, () => `Object.setPrototypeOf(${this.name()}, ${this.one('null', '{ z: 2 }', this.name())});`,
      () => `[${this.place()}, ${this.place()}] = [${this.value(1)}, ${this.value(1)}];`.replace(/^/, ';'), () => `;({ p: ${this.place()}, ...${this.place()} } = { p: ${this.value(1)}, r: 1 });`,
      () => `${this.name()}.prototype.${this.one('m', 'p')} = ${this.value(1)};`, () => `globalThis.${this.one('ga', 'gb')} = ${this.value(1)};`, () => `setTimeout(() => { ${this.place()} = 77 }, 0);`,
      () => `Promise.resolve(1).then(() => { ${this.place()} = ${this.value(2)} });`, () => `(async () => { await 0; ${this.place()} = ${this.value(2)} })();`.replace(/^/, ';'),
      () => `new Promise((r) => setTimeout(r, 0)).then(${this.arrow()});`,
      () => `(async () => { for await (const ${this.rng.pick(NAMES)}z of [1, Promise.resolve(2)]) { ${this.place()} = ${this.value(2)} } })().catch(() => {});`.replace(/^/, ';'),
      () => `(async () => { const it = (async function * () { try { yield 1; yield 2 } finally { ${this.place()} = ${this.value(2)} } })(); await it.next(); await it.return() })().catch(() => {});`.replace(/^/, ';'),
      () => { const label = this.one('k', 'l'); return `${label}: for (const i of [1, 2]) { for (const j of [1, 2]) { tick(); ${this.place()} = ${this.value(2)}; if (i === j) ${this.one('continue', 'break')} ${label} } }` },
      () => `globalThis.__defineGetter__('${this.one('ga', 'gb')}', ${this.arrow()});`, () => `Reflect.set(globalThis, '${this.one('ga', 'gb')}', ${this.value(1)});`, () => `Reflect.deleteProperty(globalThis, '${this.one('ga', 'gb')}');`,
      () => `new EventTarget().addEventListener('x', ${this.arrow()}, { once: true });`, () => `queueMicrotask(() => { ${this.place()} = ${this.value(2)} });`
    )()
  }
}

// The text of a program, as CommonJS or as an ES module.
function program (rng) {
  const writer = new Writer(rng)
  let text = rng.below(4) === 0 ? "'use strict'\n" : ''
  text += PRELUDE
  for (let i = 2 + rng.below(8); i > 0; i--) {
    text += writer.one(
      // Of the file itself. What throws there would end it.
      () => `${writer.one('let', 'const', 'var')} ${writer.fresh()} = safe(() => ${writer.value()})\n`,
      () => `${writer.op()}\n`,
      () => `safe(() => { ${writer.within([], () => writer.body(5))} })\n`,
      () => `safe(() => (${writer.func()})(${writer.value(1)}, ${writer.value(1)}))\n`,
      () => { const name = writer.fresh(); return `function ${name} (...x) { tick(); ${writer.within(['x'], () => writer.body(4))} }\nsafe(${name})\n` },
      () => { const name = writer.fresh(); return `const ${name} = safe(() => ${writer.klass()})\n` }
    )()
  }
  text += `${writer.op()}\n`
  const step = `function step (list) {
  const out = []
  for (const i of list) {
    fuel = 0
    try { ops[i % ops.length](out) } catch (e) { out.push(e?.message === 'fuel' ? 'fuel' : e instanceof Error ? e.name : 'thrown') }
  }
  fuel = 0
  return out.map((v) => { try { return show(v) } catch (e) { return 'X' + e?.name } }).join(' ') + ' ' + ops.length
}\n`
  return { text: text + step, module: rng.below(4) === 0 }
}

module.exports = { program }
