'use strict'

// What embind does, as data: the same for the package's own JavaScript and for emvm. Errors are named with their text.

const { inspect } = require('node:util')

exports.job = (m) => {
  const results = {}
  const say = (name, fn) => {
    try {
      results[name] = inspect(fn(), { depth: 5, maxStringLength: 100 })
    } catch (error) {
      results[name] = error instanceof Error || (error && error.name) ? `${error.name}: ${error.message}` : `threw ${error}`
    }
  }
  const plain = (value) => value === null || typeof value !== 'object' ? value : { ...value }

  // Classes, inheritance, properties.
  const it = new m.Animal('cat')
  const dog = new m.Dog('rex')
  say('greet', () => [it.greet(), dog.greet(), dog.fetch(3), dog.sound(), dog instanceof m.Animal, dog.constructor.name])
  say('create', () => [true, false].map((kind) => { const a = m.Animal.create(kind); const seen = [a.constructor.name, a.greet()]; a.delete(); return seen }))
  say('property', () => { it.name = 'tom'; it.legs = 3; return [it.name, it.legs, Object.keys(it)] })
  say('bad property', () => { it.legs = 'many' })
  say('bad receiver', () => m.Animal.prototype.greet.call({}))
  say('bad receiver of getter', () => Object.getOwnPropertyDescriptor(m.Animal.prototype, 'name').get.call({}))
  say('primitive receiver', () => Object.getOwnPropertyDescriptor(m.Animal.prototype, 'name').get.call(5))
  say('without new', () => m.Animal('x'))
  say('wrong constructor', () => new m.Animal())
  say('no constructor', () => new m.Late())
  say('late', () => { const late = m.makeLate(); const { value } = late; late.delete(); return value })
  say('never', () => m.makeNever())
  say('too many', () => it.greet(1))
  say('alias', () => { const copy = dog.clone(); const same = [copy.isAliasOf(dog), copy.isAliasOf(it), dog.isAliasOf({})]; copy.delete(); return same })
  say('clone', () => { const copy = it.clone(); it.legs = 9; const { legs } = copy; copy.delete(); return [legs, copy.isDeleted(), it.isDeleted()] })
  say('deleted', () => { const gone = new m.Animal('gone'); gone.delete(); return gone.isDeleted() && gone.greet() })
  say('deleted property', () => { const gone = new m.Animal('gone'); gone.delete(); return gone.name })
  say('deleted twice', () => { const gone = new m.Animal('gone'); gone.delete(); gone.delete() })
  say('delete later', () => { const soon = new m.Animal('soon'); const same = soon.deleteLater() === soon; return [same, soon.isDeleted(), m.flushPendingDeletes(), soon.isDeleted()] })
  say('delete later twice', () => { const soon = new m.Animal('soon'); soon.deleteLater(); try { soon.deleteLater() } finally { m.flushPendingDeletes() } })
  say('delay', () => { let calls = 0; m.setDelayFunction((flush) => { calls++; flush() }); const soon = new m.Animal('soon'); soon.deleteLater(); m.setDelayFunction(undefined); return [calls, soon.isDeleted()] })
  say('living', () => m.living())

  // Pointers.
  say('pass', () => [m.pass(it), m.pass(dog), m.pass_pointer(dog), m.pass_pointer(null)])
  for (const [name, value] of Object.entries({ null: null, number: 5, string: 'x', object: {} })) say(`pass ${name}`, () => m.pass(value))
  say('pass undefined', () => m.pass(undefined))
  say('pass other', () => m.pass(new m.Buffer(1)))
  say('keep', () => { m.keep(dog); const same = m.kept(); const seen = [same.greet(), same.isAliasOf(dog)]; same.delete(); m.keep(null); return [seen, m.kept()] })
  say('keep raw', () => m.keep(m.Animal.create(true)))
  it.delete()
  dog.delete()

  // Value objects and arrays.
  say('size', () => m.double_size({ width: 1.5, height: -2 }))
  say('size with more', () => m.double_size({ width: 1, height: 2, depth: 3 }))
  say('size inherited', () => m.double_size(Object.create({ width: 1, height: 2 })))
  say('size missing', () => m.double_size({ width: 1 }))
  say('size of nothing', () => m.double_size(null))
  say('size of number', () => m.double_size(3))
  say('size of text', () => m.double_size({ width: 'a', height: 1 }))
  say('box', () => m.invert({ corner: [1, 2], size: { width: 3, height: 4 }, filled: false }))
  say('box short corner', () => m.invert({ corner: [1], size: { width: 3, height: 4 }, filled: false }))
  say('box missing inside', () => m.invert({ corner: [1, 2], size: { width: 3 }, filled: false }))
  say('named', () => m.rename({ name: 'naïve', count: 1 }))
  say('named missing', () => m.rename({ count: 1 }))

  // Enums, constants.
  say('enum', () => [m.next(m.Color.red) === m.Color.green, m.next(m.Color.green) === m.Color.blue, m.Color.blue.value, m.Color.red instanceof m.Color, Object.keys(m.Color), m.Color.values[2] === m.Color.green])
  say('enum wrong', () => m.next(undefined))
  say('constants', () => [m.ANSWER, m.NAME, m.HALF])

  // Numbers and strings.
  say('wrap', () => [m.wrap8(255), m.wrap8(true), m.wrap32(4294967295)])
  say('wrap wide', () => [m.wrap8(256), m.wrap32(-1)])
  say('wrap text', () => m.wrap8('7'))
  say('wrap undefined', () => m.wrap8(undefined))
  say('overloads', () => [m.sum(1), m.sum(1, 2)])
  for (const [name, text] of Object.entries({ ascii: 'abc', empty: '', nul: 'a\0b\0', bmp: 'äß漢', astral: '😀x', bom: '\ufeffabcdefghijklmnopqrstuvwxyz', long: 'é'.repeat(5000) })) {
    say(`echo ${name}`, () => [m.echo(text), m.echo16(text), m.echo_wide(text)])
  }
  say('echo bytes', () => [new Uint8Array([104, 105]), new Int8Array([104, 105]), new Uint8ClampedArray([104]), new Uint8Array([104, 105]).buffer].map((bytes) => m.echo(bytes)))
  say('echo shorts', () => m.echo(new Uint16Array([1])))
  say('echo number', () => m.echo(5))
  say('echo16 number', () => m.echo16(5))
  say('echo count', () => m.echo())
  say('bytes', () => Array.from(m.echo_bytes('é\0😀')))

  // Containers and views.
  say('vector', () => { const v = m.range(3); v.push_back(9); v.set(0, 5); const seen = [v.size(), v.get(0), v.get(3), v.get(10)]; v.delete(); return seen })
  say('map', () => { const c = new m.Counts(); c.set('a', 1); c.set('b', 2); const k = c.keys(); const seen = [c.size(), c.get('a'), c.get('z'), k.get(1)]; k.delete(); c.delete(); return seen })
  say('view', () => { const b = new m.Buffer(4); b.view().set([1, 2, 3, 4]); const seen = [Array.from(b.view()), b.view().constructor.name, b.view().buffer === m.HEAPU8.buffer]; b.delete(); return seen })

  // Vals.
  say('apply', () => [m.apply((n) => n + 1, 4), m.apply((n) => [n], 4), m.apply(() => undefined, 1), m.apply(() => null, 1), m.apply(() => 'x', 1), m.apply(() => 5n, 1), m.apply_int((n) => n * 2, 21)])
  say('apply symbol', () => { const s = Symbol('s'); return m.apply(() => s, 0) === s })
  say('apply nothing', () => m.apply_int(() => 'x', 1))
  say('apply not a function', () => typeof m.apply({}, 1))
  say('method', () => m.method({ tag: '!', f (a, b, c) { return `${a}${b}${c}${this.tag}` } }, 'f'))
  say('construct', () => plain(m.construct(class { constructor (n) { this.n = n } })))
  say('keys', () => m.keys_of({ a: 1, b: 2 }))
  say('types', () => [1, 'x', undefined, null, true, {}, () => 1, 5n, Symbol('x')].map((v) => m.type_of(v)))
  say('store', () => [NaN, -0, 'text', null, undefined, false].map((v) => { m.store(v); return m.load() }))
  say('store object', () => { const o = { a: 1 }; m.store(o); const same = m.load() === o; m.store(undefined); return same })
  say('store handle', () => { const a = new m.Animal('a'); m.store(a); const same = m.load() === a; m.store(undefined); a.delete(); return same })
  say('throw', () => { const thrown = new RangeError('mine'); try { m.apply(() => { throw thrown }, 1); return 'nothing' } catch (error) { return error === thrown } })
  say('throw text', () => m.apply(() => { throw 'text' }, 1)) // eslint-disable-line no-throw-literal
  say('reenter', () => m.apply((n) => m.apply((k) => m.sum(n, k), 2), 40))

  // JavaScript subclasses.
  say('extend', () => {
    const Ears = m.Listener.extend('Ears', {
      __construct (gain) { this.__parent.__construct.call(this); this.gain = gain },
      __destruct () { results.destructed = true; this.__parent.__destruct.call(this) },
      heard (what) { return what.length * this.gain }
    })
    const ears = new Ears(10)
    const seen = [m.tell(ears, 'abc'), ears.optional(5), ears instanceof m.Listener, m.getInheritedInstanceCount(), m.getLiveInheritedInstances()[0] === ears]
    ears.delete()
    return [seen, m.getInheritedInstanceCount()]
  })
  say('implement', () => { const l = m.Listener.implement({ heard: () => 1, optional: () => 2 }); const n = m.tell(l, 'x'); l.delete(); return n })
  say('pure', () => { const Deaf = m.Listener.extend('Deaf', {}); return new Deaf() })
  say('abstract', () => new m.Listener())

  say('left over', () => [m.living(), m.count_emval_handles(), m.getInheritedInstanceCount()])
  return results
}
