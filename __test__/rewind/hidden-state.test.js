'use strict'

// Ways in which JavaScript hides state. Each file's `step()` changes what it hides and tells what it sees: that must be the
// same in every generation, rewound or, where a step of the ladder is named, evaluated anew.

const test = require('node:test')
const assert = require('node:assert/strict')
const { openFile } = require('./support')

// [what, text of a CommonJS file, the step: at open, or at the first recycle that finds out; none: rewound]
const CASES = [
  // Variables of all kinds of scope.
  ['a let of the file', 'let n = 0; exports.step = () => ++n'],
  ['a var of the file', 'var n = 0; exports.step = () => ++n'],
  ['names that the registry uses itself', 'let v = 0, i = 0, o = 0, is = 0, $ = 1; exports.step = () => [++v, ++i, ++o, ++is, $++]'],
  ['a parameter that the file has from outside', 'exports.step = () => { const was = typeof setTimeout; setTimeout = 5; return was }'],
  ['a parameter, and a closure in a default', 'function f (a, g = () => ++a) { return g } exports.step = f(1)'],
  ['a closure in a default that the body does not share', 'function f (a, g = () => ++a) { var a = 10; return () => [g(), ++a] } exports.step = f(1)', 'construct'],
  ['destructured parameters', 'function f ({ a, b: [c] }, ...rest) { return () => [++a, c++, rest.push(1)] } exports.step = f({ a: 1, b: [2] }, 3)'],
  ['blocks, loop heads, loop bodies', 'const fs = []; for (let i = 0; i < 3; i++) fs.push(() => i++); { let q = 1; fs.push(() => { q *= 2; return q }) } for (let x of [1, 2]) fs.push(() => x++); for (let k in { a: 1 }) fs.push(() => { k += "x"; return k }); exports.step = () => fs.map((f) => f())'],
  ['a closure in a loop\'s head', 'const fs = []; for (let i = 0, f = () => i++; i < 2; i++) fs.push(f, () => i++); exports.step = () => fs.map((f) => f())'],
  ['a loop without a block', 'const fs = []; for (let i = 0; i < 3; i++) fs.push(() => i++); exports.step = () => fs.map((f) => f())'],
  ['while, do, labels', 'const fs = []; let k = 0; outer: while (true) { let w = k; fs.push(() => w++); do { let d = 5; fs.push(() => d++); if (k++ > 1) break outer } while (false) } exports.step = () => fs.map((f) => f())'],
  ['catch', 'let f; try { throw { n: 1 } } catch (e) { let z = 1; f = () => [e.n++, z++] } exports.step = () => f()'],
  ['catch with a pattern', 'let f; try { throw { n: 1 } } catch ({ n }) { f = () => n++ } exports.step = () => f()'],
  ['switch cases', 'let f; switch (0) { case 0: let k = 1; case 1: k = 5; f = () => k++; break; default: k = 7 } exports.step = () => f()'],
  ['a labelled block', 'let f; a: { let n = 0; f = () => n++; break a } exports.step = () => f()'],
  ['a function declared in a block', 'exports.step = (() => { if (true) { var n = 0; function f () { return n++ } } return f })()'],
  ['a named function expression', 'exports.step = (function f () { f.n ??= 0; return () => f.n++ })()'],
  ['nested arrows without blocks', 'const mk = a => b => c => (a.n += b.n += c); const f = mk({ n: 1 })({ n: 1 }); exports.step = () => f(2)'],
  ['an object that only a returned closure sees', 'const mk = (o) => () => ++o.n; exports.step = mk({ n: 0 })'],
  ['arguments, by an arrow', 'function F () { return () => arguments[0]++ } exports.step = F(1)'],
  ['mapped arguments', 'function F (a) { return () => { arguments[0]++; return a } } exports.step = F(1)'],
  ['this of a constructor, by an arrow', 'function F () { this.n = 0; return { step: () => ++this.n } } exports.step = new F().step'],
  ['new.target, by an arrow', 'function F () { return { step: () => { new.target.n = (new.target.n || 0) + 1; return new.target.n } } } exports.step = new F().step'],
  ['a comma, a conditional, a chain', 'let n = 0; const f = n ? 0 : (0, () => n++); exports.step = () => [f?.(), (n ||= 4), (n &&= 9), (n ??= 1)]'],
  ['destructuring assignment', 'let a = 1, b = 2; exports.step = () => { [a, b] = [b, a + 1]; ({ a, ...b } = { a, b }); b = b.b; return [a, b] }'],
  ['for-of into an outer variable', 'let x; exports.step = () => { const was = x; for (x of [1, 2, 3]); return was }'],
  // Objects.
  ['property order and deletion', 'const o = { a: 1, b: 2, c: 3 }; exports.step = () => { const r = Object.keys(o).join(); delete o.a; o.d = 1; o.b++; return r + o.b }'],
  ['constants that hold containers', 'const c = { list: [], m: new Map(), s: new Set() }; exports.step = () => { c.list.push(1); c.m.set(c.list.length, {}); c.s.add(c.list.length); return [c.list.length, c.m.size, [...c.s]] }'],
  ['order of a Map and a Set', 'const m = new Map([[1, 1], [2, 2]]), s = new Set([1, 2]); exports.step = () => { const r = [...m.keys(), ...s]; m.delete(1); m.set(1, 1); s.delete(1); s.add(1); return r }'],
  ['arrays as dictionaries, holes, length', 'const a = [1, 2, , 4], b = [1, 2]; exports.step = () => { const r = [a.length, 2 in a, Object.keys(b).join()]; a[2] = 1; a.push(1); b.x = 1; delete b[0]; return r }'],
  ['minus zero and NaN', 'const o = { z: -0, n: NaN }, a = [-0]; exports.step = () => { const r = [Object.is(o.z, -0), Object.is(a[0], -0), o.n !== o.n]; o.z = 0; a[0] = 0; o.n = 1; return r }'],
  ['an accessor that becomes data', 'let n = 0; const o = { get x () { Object.defineProperty(this, "x", { value: ++n, configurable: true }); return n } }; exports.step = () => [o.x, o.x]'],
  ['data that becomes an accessor of the same value', 'const o = { x: 1 }; exports.step = () => { const r = typeof Object.getOwnPropertyDescriptor(o, "x").get; Object.defineProperty(o, "x", { get: () => 1, configurable: true }); return r }'],
  ['data that becomes an accessor that throws', 'const o = { x: 1 }; exports.step = () => { const r = o.x; Object.defineProperty(o, "x", { get () { throw new Error("dead") }, configurable: true }); return r }'],
  ['an element that becomes an accessor that throws', 'const o = [1, 2]; exports.step = () => { const r = o[1]; Object.defineProperty(o, 1, { get () { throw new Error("dead") }, configurable: true }); return r }'],
  ['an accessor pair', 'let n = 0; const o = { get x () { return n }, set x (v) { n = v } }; exports.step = () => ++o.x'],
  ['a symbol as key', 'const k = Symbol("k"); const o = { [k]: 0 }; exports.step = () => o[k]++'],
  ['a symbol that is added', 'const k = Symbol("k"), o = {}; exports.step = () => { const had = k in o; o[k] = 1; return had }'],
  ['a property that is added and not enumerable', 'const o = {}; exports.step = () => { const had = Object.hasOwn(o, "h"); Object.defineProperty(o, "h", { value: 1, configurable: true, writable: true }); return had }'],
  ['a property that becomes read-only', 'const o = { a: 1 }; exports.step = () => { const r = Object.getOwnPropertyDescriptor(o, "a").writable; Object.defineProperty(o, "a", { writable: false }); return r }'],
  ['a property that becomes not enumerable', 'const o = { a: 1, b: 2 }; exports.step = () => { const r = Object.keys(o).length; Object.defineProperty(o, "a", { enumerable: false }); return r }'],
  ['properties on functions', 'function f () {} exports.step = () => { const had = [f.n, f.prototype.m, f.name]; f.n = 1; f.prototype.m = 2; Object.defineProperty(f, "name", { value: "g" }); return had }'],
  ['a property on a function that is not enumerable', 'const f = () => 1; exports.step = () => { const had = Object.hasOwn(f, "h"); Object.defineProperty(f, "h", { value: 1, configurable: true }); return had }'],
  ['another prototype', 'const a = {}, p = { x: 1 }; exports.step = () => { const r = a.x; Object.setPrototypeOf(a, p); return r }'],
  ['another prototype of an array and a function', 'const a = [1], f = () => 1; exports.step = () => { const r = [a.x, f.x]; Object.setPrototypeOf(a, { x: 1 }); Object.setPrototypeOf(f, { x: 2 }); return r }'],
  ['prototypes and statics of classes', 'class A {} A.prototype.n = 0; A.s = 0; exports.step = () => [A.prototype.n++, A.s++]'],
  ['a patched method', 'class A { m () { return 1 } } exports.step = () => { const r = new A().m(); A.prototype.m = () => 2; return r }'],
  ['a Date, a RegExp', 'const d = new Date(0), r = /a/g; exports.step = () => { d.setTime(d.getTime() + 1); r.exec("aaa"); return [d.getTime(), r.lastIndex] }'],
  ['a RegExp compiled again', 'const r = /a/g; exports.step = () => { const was = r.source; r.compile("b"); return was }'],
  ['an Error with a cause', 'const e = new Error("x", { cause: { n: 0 } }); exports.step = () => [e.cause.n++, e.message += "y"]'],
  ['boxed primitives', 'const s = new String("abc"), n = new Number(1); exports.step = () => { s.x = (s.x || 0) + 1; n.y = (n.y || 0) + 1; return [s.x, n.y] }'],
  ['BigInt', 'let n = 10n ** 30n; const o = { b: 1n }; exports.step = () => [String(n *= 2n), String(o.b++)]'],
  ['strings that are built up', 'let s = ""; exports.step = () => (s += "x").length'],
  ['a subclassed Array and Map', 'class L extends Array {} class M extends Map { n = 0 } const l = L.of(1, 2), m = new M([[1, 1]]); exports.step = () => { l.push(3); m.set(2, 2); m.n++; return [l.length, m.size, m.n] }'],
  ['species', 'class L extends Array { static get [Symbol.species] () { L.n = (L.n || 0) + 1; return Array } } const l = L.of(1); exports.step = () => { l.map((x) => x); return L.n }'],
  ['an object without a prototype', 'const o = Object.create(null); exports.step = () => { o.n = (o.n || 0) + 1; return o.n }'],
  ['a frozen object that holds another', 'const o = Object.freeze({ in: { n: 0 } }); exports.step = () => o.in.n++'],
  ['a cyclic structure', 'const a = { n: 0 }; a.b = { a }; exports.step = () => a.b.a.b.a.n++'],
  ['typed arrays and a Buffer', 'const a = new Uint8Array(10), b = Buffer.from("x"), d = new DataView(new ArrayBuffer(8)); exports.step = () => { d.setInt8(0, d.getInt8(0) + 1); return [a[3]++, b[0]++, d.getInt8(0)] }'],
  ['a property on a typed array', 'const a = new Uint8Array(4); exports.step = () => { const r = a.x; a.x = 1; return r }'],
  ['a long typed array', 'const a = new Float64Array(100000); exports.step = () => a[77777]++'],
  ['tagged templates', 'const seen = new WeakMap(); const tag = (s) => { const n = (seen.get(s) || 0) + 1; seen.set(s, n); return n }; const t = () => tag`x`; t(); exports.step = () => t()'],
  ['JSON with a stateful reviver', 'let n = 0; exports.step = () => JSON.parse("[1,2]", (k, v) => { n++; return v }).length + n'],
  // Classes.
  ['private fields', 'class A { #n = 0; static #s = 0; #o = { k: 0 }; step () { return [++this.#n, ++A.#s, ++this.#o.k] } } const a = new A(); exports.step = () => a.step()'],
  ['private methods and accessors', 'class A { #v = 0; get #x () { return this.#v } set #x (v) { this.#v = v } #up () { return ++this.#x } step () { return this.#up() } } const a = new A(); exports.step = () => a.step()'],
  ['a private field that only a closure sees', 'class A { #n = 0; get f () { return () => ++this.#n } } exports.step = new A().f'],
  ['class fields that are arrows', 'class A { n = 0; step = () => ++this.n } exports.step = new A().step'],
  ['a computed field that counts', 'let n = 0; class A { [(() => { n++; return "x" })()] = () => n++ } const a = new A(); exports.step = () => a.x()'],
  ['a static block', 'let get; class A { static #n = 0; static { let m = 0; get = () => [A.#n++, m++] } } exports.step = () => get()'],
  ['a class expression that knows itself', 'const mk = () => { const C = class D { static n = { k: 0 }; static step () { return D.n.k++ } }; const { step } = C; return step }; exports.step = mk()'],
  ['super, and objects with super', 'const base = { n: 0, up () { return this.n++ } }; const o = { __proto__: base, up () { return super.up() } }; exports.step = () => [o.up(), base.n++]'],
  ['a derived class', 'class A { constructor () { this.n = 0 } } class B extends A { constructor () { super(); this.up = () => ++this.n } } exports.step = new B().up'],
  ['a class that is a mixin', 'const M = (B) => class extends B { static c = 0; static up () { return ++this.c } }; const C = M(Object); exports.step = () => C.up()'],
  // What the walk cannot look into.
  ['a WeakMap with the user\'s keys', 'const w = new WeakMap(), s = new WeakSet(); exports.step = (k) => { const r = [w.get(k), s.has(k)]; w.set(k, 1); s.add(k); return r }'],
  ['a WeakMap as private state', 'const w = new WeakMap(); class A { constructor () { w.set(this, { n: 0 }) } step () { return w.get(this).n++ } } const a = new A(); exports.step = () => a.step()'],
  ['a WeakMap with an entry deleted', 'const w = new WeakMap(), k = {}; w.set(k, 1); exports.step = () => { const r = w.has(k); w.delete(k); return r }'],
  ['a WeakRef', 'let o = { n: 0 }; const r = new WeakRef(o); o = null; exports.step = () => { const t = r.deref(); return t === undefined ? "gone" : t.n++ }'],
  ['a Proxy', 'const t = { n: 0 }; const p = new Proxy(t, { get: (t, k) => t[k], set: (t, k, v) => { t[k] = v; return true } }); exports.step = () => p.n++'],
  ['a Proxy that is revoked', 'const { proxy, revoke } = Proxy.revocable({ n: 0 }, {}); exports.step = () => { let r; try { r = proxy.n++ } catch { r = "revoked" } revoke(); return r }', 'restore'],
  ['a bound function', 'function f () { return this.n++ } exports.step = f.bind({ n: 0 })'],
  ['bound where there is something to bind', 'const o = { n: 0, a: { f () { return this.n++ } } }, none = null, k = "a"; const b = [o?.a.f.bind(o), o?.[k].f.bind(o), o?.a?.f.bind(o), none?.a.f.bind(o.n++), o.none?.a.b.bind(o.n++)]; exports.step = () => b.map((f) => f?.())'],
  ['bound where there is something, within arguments', 'const o = { n: 0, f (g) { return g ?? this.n++ } }; const b = o?.f.bind(o, o?.none?.f.bind(o)); exports.step = () => { let e; try { o?.none.bind(o) } catch (x) { e = x.constructor.name } return [b(), e] }'],
  ['bound by a helper', 'const b = Function.prototype.call.bind(Function.prototype.bind); exports.step = b(function () { return this.n++ }, { n: 0 })', 'foreign'],
  ['direct eval', 'exports.step = (function () { let n = 0; return eval("let m = 5; () => [n++, m++]") })()'],
  ['direct eval that declares', 'exports.step = (function () { eval("var q = 1"); return () => q++ })()'],
  ['new Function', 'exports.step = new Function("o", "let q = 0; return () => [o.n++, q++]")({ n: 0 })'],
  ['Function as a function', 'exports.step = Function("let q = 0; return () => q++")()'],
  ['a global of the generation', 'globalThis.__t = 0; exports.step = () => globalThis.__t++'],
  ['a global that is added', 'exports.step = () => { const had = typeof globalThis.__u; globalThis.__u = 1; return had }'],
  ['exports that change', 'exports.n = 0; exports.step = () => { exports.extra = 1; const r = [exports.n++, Object.keys(exports).length]; return r }'],
  ['module.exports put in another\'s place', 'module.exports = { step () { const r = module.exports.v; module.exports.v = 1; return r } }'],
  ['an Intl object', 'const f = new Intl.NumberFormat("en"); let n = 0; exports.step = () => f.format(++n)'],
  ['a TextDecoder within a stream', 'const d = new TextDecoder(); exports.step = () => [d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), d.decode(new Uint8Array([0xac]), { stream: true }), d.decode(new Uint8Array([0xe2]), { stream: true })]'],
  ['a TextDecoder of the module util', 'const { TextDecoder, TextEncoder } = require("util"); const d = new TextDecoder("utf-8", { fatal: true }); let n = 0; exports.step = () => [d.decode(new TextEncoder().encode("x" + n++)), d instanceof TextDecoder, d instanceof globalThis.TextDecoder, require("node:util").TextDecoder === TextDecoder, typeof require("util").inspect]'],
  ['a TextDecoder that is in a stream when the image is taken', 'const d = new TextDecoder(), e = new TextDecoder(); d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }); e.decode(new Uint8Array(0), { stream: true }); exports.step = () => [d.decode(new Uint8Array([0xac, 65])), e.decode(new Uint8Array([0xe2]), { stream: true })]'],
  ['a URL and its parameters', 'const u = new URL("http://a/?x=1"), q = new URLSearchParams("a=1"); exports.step = () => { u.searchParams.append("y", 1); q.append("b", 2); u.hash = "z"; return [u.href, String(q)] }'],
  ['a finished generator', 'function * g () { yield 1 } const it = g(); [...it]; let n = 0; exports.step = () => [it.next().done, n++]', 'suspended'],
  ['a suspended generator', 'function * g () { let n = 0; for (;;) yield n++ } const it = g(); it.next(); exports.step = () => it.next().value', 'suspended'],
  ['a suspended async generator', 'async function * g () { let n = 0; for (;;) yield n++ } const it = g(); it.next(); exports.step = async () => (await it.next()).value', 'suspended'],
  ['iterators of an array, a Map and a string', 'const it = [1, 2, 3, 4, 5, 6, 7, 8][Symbol.iterator](); exports.step = () => it.next().value', 'suspended'],
  ['an iterator of a Map', 'const it = new Map([[1, 1], [2, 2], [3, 3]]).keys(); exports.step = () => it.next().value', 'suspended'],
  ['an async function that is suspended', 'let n = 0, go; const p = new Promise((resolve) => { go = resolve }); (async () => { await p; n = 100 })(); exports.step = () => { go(); return n++ }', 'suspended'],
  ['a promise that is pending', 'let go; const p = new Promise((resolve) => { go = resolve }); let n = 0; p.then(() => { n = 7 }); exports.step = async () => { go(); await p; return n++ }', 'suspended'],
  ['a promise with a value', 'const p = Promise.resolve({ n: 0 }); exports.step = async () => (await p).n++'],
  ['a promise that was rejected', 'const p = Promise.reject(new Error("x")); p.catch(() => {}); exports.step = async () => { try { await p } catch (e) { e.n = (e.n || 0) + 1; return e.n } }'],
  ['frozen later', 'const o = { a: 1 }; exports.step = () => { o.a++; const r = [o.a, Object.isFrozen(o)]; Object.freeze(o); return r }', 'restore'],
  ['frozen later, and nothing else', 'const o = { a: 1 }; exports.step = () => { const r = Object.isFrozen(o); Object.freeze(o); return r }', 'restore'],
  ['a function that is frozen later', 'const f = () => 1; exports.step = () => { const r = Object.isFrozen(f); Object.freeze(f); return r }', 'restore'],
  ['a property that cannot be deleted', 'const o = {}; exports.step = () => { const r = Object.hasOwn(o, "z"); Object.defineProperty(o, "z", { value: 1, enumerable: true }); return r }'],
  ['constants on a function, and how they show', 'const f = () => 1, k = Symbol("k"); exports.step = () => { const r = [Object.hasOwn(f, "z"), k in f]; Object.defineProperties(f, { z: { value: 1 }, y: { get: () => 2 }, [k]: { value: 3, configurable: true } }); r.push(JSON.stringify(["z", "y", k].map((key) => Object.getOwnPropertyDescriptor(f, key)))); const again = (d) => { try { Object.defineProperty(f, "z", d); return 1 } catch (e) { return e.message } }; return r.concat(again({ value: 1 }), again({ value: 2 }), again({ configurable: true }), Reflect.defineProperty(f, "y", { value: 3 }), f.z, f.y) }'],
  ['a property that is made constant', 'const o = { a: 1 }; exports.step = () => { const r = JSON.stringify(Object.getOwnPropertyDescriptor(o, "a")); Object.defineProperty(o, "a", { writable: false, configurable: false }); let e = 0; try { (() => { "use strict"; o.a = 2 })() } catch (x) { e = x.message } return [r, e, Reflect.defineProperty(o, "a", { writable: true })] }'],
  ['an ArrayBuffer that is transferred', 'const b = new ArrayBuffer(8); exports.step = () => { const r = b.byteLength; structuredClone(b, { transfer: [b] }); return r }', 'restore'],
  ['an AbortController', 'const c = new AbortController(); exports.step = () => { const r = c.signal.aborted; c.abort(); return r }'],
  // Time.
  ['a timer at the image', 'let n = 0; setInterval(() => n++, 1e6); const t = setTimeout(() => { n += 10 }, 2); exports.step = () => { clearTimeout(t); return n++ }'],
  ['a timer that fires in each generation', 'let n = 0; const t = setTimeout(() => { n += 10 }, 300); exports.step = async () => { await new Promise((resolve) => setTimeout(resolve, 500)); return n }'],
  ['await over a recycle', 'let n = 0; exports.step = () => { const was = n; (async () => { await new Promise((resolve) => setImmediate(resolve)); n = 50 })(); return was }'],
  ['then over a recycle', 'let n = 0; exports.step = () => { const was = n; Promise.resolve().then(() => 1).then(() => { n = 50 }); return was }'],
  ['a timer over a recycle', 'let n = 0; exports.step = () => { const was = n; setTimeout(() => { n = 50 }, 0); return was }'],
  ['a microtask and a tick over a recycle', 'let n = 0; exports.step = () => { const was = n; queueMicrotask(() => { n = 50 }); process.nextTick(() => { n = 60 }); return was }'],
  ['for await over a recycle', 'let n = 0; async function * g () { for (;;) yield new Promise((resolve) => setImmediate(resolve)) } exports.step = () => { const was = n; (async () => { for await (const x of g()) n++ })(); return was }'],
  // Node.
  ['an EventEmitter', 'const e = new (require("events"))(); exports.step = () => { const n = e.listenerCount("x"); e.on("x", () => {}); return n }'],
  ['an EventTarget, and classes that extend it', 'class P extends EventTarget { n = 0; #m = 0; up () { return [this.n++, this.#m++] } } const t = new EventTarget(), p = new P(); let n = 0; p.addEventListener("x", () => { n++ }); exports.step = () => { p.dispatchEvent(new Event("x")); t.dispatchEvent(new Event("x")); p.addEventListener("x", () => { n += 10 }); t.addEventListener("x", () => { n += 100 }); return [n, ...p.up()] }'],
  ['classes that extend Node\'s, without objects of theirs', 'class S extends ReadableStream { n = 1 } class U extends URL { static n = 0 } class W extends require("stream").Writable {} exports.step = () => { W.prototype.k = (W.prototype.k || 0) + 1; return [U.n++, W.prototype.k, new S().n, new U("http://a").host] }'],
  ['the process\'s own streams', 'const { stdout, stderr } = process, s = { out: stdout, n: 0 }; exports.step = () => [s.n++, s.out === process.stdout, stderr === process.stderr]'],
  ['listeners of process', 'exports.step = () => { const n = process.listenerCount("exit"); process.on("exit", () => {}); process.exitCode = 3; return n }'],
  ['a hash', 'const h = require("crypto").createHash("sha1"); exports.step = () => { h.update("x"); return h.copy().digest("hex") }', 'host-object'],
  ['a stream', 'const s = new (require("stream").PassThrough)(); exports.step = () => { s.write("x"); return s.readableLength }', 'host-object'],
  ['a MessageChannel', 'const { port1, port2 } = new MessageChannel(); port1.close(); let n = 0; exports.step = () => [port2, n++].length', 'host-object'],
  ['a callback given to Node before', 'let n = 0; require("child_process").exec("sleep 4", () => { n = 7 }); exports.step = () => n++', 'pending'],
  ['a flag in shared memory', 'const s = new Int32Array(new SharedArrayBuffer(8)); exports.step = () => [s[0]++, Atomics.wait(s, 1, 0, 1)]'],
  ['shared memory', 'const s = new Int32Array(new SharedArrayBuffer(1 << 20)); exports.step = () => s[0]++', 'shared-memory'],
  ['WebAssembly.Global, Memory and Table', 'const g = new WebAssembly.Global({ value: "i32", mutable: true }, 0), m = new WebAssembly.Memory({ initial: 1 }), t = new WebAssembly.Table({ initial: 1, element: "anyfunc" }); exports.step = () => { const r = [g.value++, new Uint8Array(m.buffer)[5]++, m.buffer.byteLength, t.length]; m.grow(1); t.grow(1); return r }'],
  ['a constant view of wasm memory', 'const m = new WebAssembly.Memory({ initial: 1 }); const v = new Uint8Array(m.buffer), [w] = [v], { x } = { x: new Int8Array(m.buffer, 8, 4) }; for (const y of [v]) exports.y = () => y[2]++; exports.step = () => [v[1]++, w[1]++, x[0]++, exports.y()]'],
  ['views of wasm memory that nothing assigns again', 'const m = new WebAssembly.Memory({ initial: 1 }); let v = new Uint8Array(m.buffer); function f (p, [q], { r = p } = {}) { return () => [p[1]++, q[2]++, r[3]++] } exports.step = ((g) => () => [v[1]++, ...g()])(f(v, [v]))'],
  ['a constant that something would assign', 'const m = new WebAssembly.Memory({ initial: 1 }); const n = m.buffer.byteLength, o = new Map(); exports.step = () => { let r = o.size; try { o = 1 } catch (e) { r += e.message } o.set(1); return r + n }'],
  ['a view of wasm memory in a frozen object', 'const m = new WebAssembly.Memory({ initial: 1 }); const o = Object.freeze({ v: new Uint8Array(m.buffer) }); exports.step = () => o.v[1]++', 'memory-view'],
  ['a WeakMap of somebody else', 'const w = structuredClone(new Map()); w.constructor; const s = new (Object.getPrototypeOf(new WeakMap()).constructor === WeakMap ? WeakMap : WeakMap)(); exports.step = () => { const r = s.has(exports); s.add?.(exports); s.set?.(exports, 1); return r }']
]

for (const [what, text, step] of CASES) {
  test(`hidden state: ${what}`, async () => {
    const file = await openFile(text, { rewind: 'auto' })
    try {
      const { vm } = file
      const key = {}
      const seen = []
      for (let generation = 1; generation <= 4; generation++) {
        seen.push(JSON.stringify(await vm.exports.step(key)))
        await vm.isReady()
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
      assert.deepEqual(seen, seen.map(() => seen[0]), 'every generation sees what the first saw')
      const { rewind, rewinds } = vm.stats()
      assert.equal(rewind, step ?? 'on', file.why())
      if (step === undefined) assert.equal(rewinds, 4)
    } finally {
      file.close()
    }
  })
}

test('a package that cannot be rewound is refused by name and reason', async () => {
  const text = 'function * g () { yield 1; yield 2 } const it = g(); it.next(); exports.step = () => it.next()'
  await assert.rejects(openFile(text, { rewind: true }), (error) => {
    assert.equal(error.code, 'EMVM_ERR_UNSUPPORTED')
    assert.match(error.message, /cannot be rewound.*\(suspended\): a generator/)
    return true
  })
})
