'use strict'

// State in closures of unusual places, in queues and caches that packages make, in modules and in dependencies. See `hidden.js`.

const { runCases } = require('./hidden')

runCases([
  ['a getter with a closure counter on a frozen object', 'const o = Object.freeze((() => { let n = 0; return { get v () { return n++ } } })()); exports.step = () => o.v'],
  ['a Map keyed by functions with properties', 'const f = () => 1; const m = new Map([[f, { n: 0 }]]); exports.step = () => { f.k = (f.k ?? 0) + 1; return [m.get(f).n++, f.k] }'],
  ['a Set of arrays grown through iteration', 'const s = new Set([[0]]); exports.step = () => { for (const a of s) a.push(1); return [...s][0].length }'],
  ['a linked list of closures', 'const cons = (h, t) => ({ h: () => h++, t }); let l = cons(1, cons(2, null)); exports.step = () => { const r = [l.h(), l.t.h()]; l = cons(9, l); return r }'],
  ['memo by closure over default object', 'const memo = (f, c = {}) => (k) => c[k] ??= f(k); let calls = 0; const m = memo((k) => ++calls); exports.step = () => [m("a"), m(String(calls))]'],
  ['currying with rest and spread', 'const c = (...a) => (...b) => { a.push(...b); return a.length }; const f = c(1, 2); exports.step = () => f(3)'],
  ['a trampoline with a queue', 'const q = []; const run = () => { while (q.length) q.shift()() }; let n = 0; exports.step = () => { q.push(() => { n++; if (n % 2) q.push(() => n++) }); run(); return n }'],
  ['event sourcing with a frozen log', 'let log = Object.freeze([]); exports.step = () => { const r = log.length; log = Object.freeze([...log, { n: r }]); return r }'],
  ['a singleton by a static private', 'class S { static #i; static get () { return this.#i ??= new S() } n = 0 } exports.step = () => S.get().n++'],
  ['a decorator-like wrapper replaced on a prototype', 'class A { m () { return 1 } } const wrap = (p, k) => { const f = p[k]; p[k] = function () { return f.call(this) + 1 } }; exports.step = () => { const r = new A().m(); wrap(A.prototype, "m"); return r }'],
  ['a getter that replaces itself on the prototype', 'let n = 0; class A { get x () { const v = ++n; Object.defineProperty(A.prototype, "x", { get: () => v, configurable: true }); return v } } exports.step = () => new A().x'],
  ['a method borrowed by Object.getOwnPropertyDescriptor', 'class A { #n = 0; get n () { return this.#n++ } } const a = new A(); const g = Object.getOwnPropertyDescriptor(A.prototype, "n").get; exports.step = () => g.call(a)'],
  ['with and var', 'var o = { q: 0 }; with (o) { var up = function () { return q++ } } exports.step = () => up()'],
  ['a label function and a block scoped class', '{ class K { static n = 0; static up () { return K.n++ } } exports.step = () => K.up() }'],
  ['switch with let captured by two cases', 'const fs = []; switch (1) { case 1: let z = 0; fs.push(() => z++); case 2: fs.push(() => z += 10) } exports.step = () => fs.map((f) => f())'],
  ['nested try finally closures', 'let f; try { try { let a = 0; f = () => a++ } finally { let b = 0; const g = f; f = () => [g(), b++] } } finally {} exports.step = () => f()'],
  ['a closure over a for-of destructuring default', 'const fs = []; for (const { a = { n: 0 } } of [{}, {}]) fs.push(() => a.n++); exports.step = () => fs.map((f) => f())'],
  ['eval in a parameter default', 'const mk = (x, y = eval("() => x++")) => y; const f = mk(1); exports.step = () => f()'],
  ['an async iterator class with state', 'class I { n = 0; async next () { return { value: this.n++, done: this.n > 2 } } [Symbol.asyncIterator] () { return this } } const i = new I(); exports.step = async () => { const r = []; for await (const x of i) r.push(x); return r }'],
  ['a promise chain cached', 'let p = Promise.resolve(0); exports.step = async () => { p = p.then((n) => n + 1); return await p }'],
  ['a mutex of promises', 'let tail = Promise.resolve(); let n = 0; const lock = () => { const before = tail; let go; tail = new Promise((r) => { go = r }); return before.then(() => go) }; exports.step = async () => { const go = await lock(); const r = n++; go(); return r }'],
  ['a mutex that is left locked', 'let tail = Promise.resolve(); let n = 0; const lock = () => { const before = tail; let go; tail = new Promise((r) => { go = r }); return before.then(() => go) }; exports.step = async () => { await lock(); return n++ }'],
  ['an EventTarget subclass with private listeners', 'class T extends EventTarget { #l = []; add (f) { this.#l.push(f); this.addEventListener("x", f); return this.#l.length } } const t = new T(); let n = 0; exports.step = () => { const r = t.add(() => { n++ }); t.dispatchEvent(new Event("x")); return [r, n] }'],
  ['an AsyncLocalStorage that is entered', 'const { AsyncLocalStorage } = require("async_hooks"); const s = new AsyncLocalStorage(); exports.step = async () => { const r = s.getStore(); s.enterWith({ k: 1 }); await 1; return [r ?? null] }', 'host-object'],
  ['process.stdin listeners', 'exports.step = () => { const r = process.listenerCount("emvm-in"); process.addListener("emvm-in", () => {}); return r }'],
  ['a Buffer kept in a Map that is transferred to base64', 'const m = new Map([["b", Buffer.from("abc")]]); exports.step = () => { const b = m.get("b"); const r = b.toString(); b.write("z"); return r }'],
  ['SharedArrayBuffer seen through two views', 'const s = new SharedArrayBuffer(8); const a = new Uint8Array(s), b = new DataView(s); exports.step = () => { b.setUint8(1, a[1] + 1); return a[1] }'],
  ['WebAssembly.Global through exports', 'const g = new WebAssembly.Global({ value: "f64", mutable: true }, 1.5); exports.step = () => { const r = g.value; g.value *= 2; return r }'],
  ['WebAssembly.Table grown with functions', 'const t = new WebAssembly.Table({ initial: 1, element: "anyfunc" }); exports.step = () => { const r = t.length; t.grow(2); return r }'],
  ['WebAssembly.Tag and exceptions kept', 'const tag = WebAssembly.Tag && new WebAssembly.Tag({ parameters: ["i32"] }); let e; exports.step = () => { const r = typeof e; if (tag) e = new WebAssembly.Exception(tag, [1]); return r }'],
  ['a module compiled in a generation', 'let m; exports.step = () => { const r = typeof m; m = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); return r }'],
  ['module.require of a JSON with arrays', 'const j = require("./d.json"); exports.step = () => { j.a.push(j.a.length); j.o.k = (j.o.k ?? 0) + 1; return [j.a.length, j.o.k] }', undefined, { 'd.json': '{"a":[],"o":{}}' }],
  ['a dependency with state in exports and closures', 'const d = require("./d.js"); exports.step = () => [d.n++, d.up(), d.list.push(1)]', undefined, { 'd.js': 'let k = 0; exports.n = 0; exports.list = []; exports.up = () => k++' }],
  ['a dependency that replaces its exports lazily', 'const d = require("./d.js"); exports.step = () => [d(), require("./d.js").n]', undefined, { 'd.js': 'let k = 0; module.exports = function f () { f.n = (f.n ?? 0) + 1; module.exports = { n: 7 }; return k++ }' }],
  ['a cycle of CommonJS files', 'const d = require("./d.js"); exports.n = 0; exports.step = () => [d.up(), exports.n]', undefined, { 'd.js': 'const m = require("./index.js"); exports.up = () => m.n++' }],
  ['a dependency that patches another file\'s exports', 'const a = require("./a.js"), d = require("./d.js"); exports.step = () => { const r = a.f(); d(); return r }', undefined, { 'a.js': 'exports.f = () => 1', 'd.js': 'module.exports = () => { require("./a.js").f = () => 2 }' }]
])

runCases([
  ['export of a let assigned by eval', 'export let n = 0; export const step = () => { const r = n; eval("n++"); return r }'],
  ['default class with private static', 'export default class A { static #n = 0; static up () { return this.#n++ } } export const step = () => A.up()'],
  ['destructured exports', 'export const { a, b: [c] } = { a: { n: 0 }, b: [{ k: 0 }] }; export const step = () => [a.n++, c.k++]'],
  ['export of a function that is reassigned', 'export function f () { return 1 } export const step = () => { const r = f(); f = () => 2; return r }'],
  ['await in a block with closures', 'let f; { const v = await Promise.resolve({ n: 0 }); let k = 1; f = () => [v.n++, k++] } export const step = () => f()'],
  ['import.meta.resolve patched and dirname', 'export const step = () => { const r = typeof import.meta.own; import.meta.own = 1; import.meta.filename; return r }'],
  ['this and strictness', 'export const step = () => { let r = 0; try { undeclaredX = 1 } catch (e) { r = e.name } return r }'],
  ['for await over a list of promises in the body', 'const list = []; for await (const x of [Promise.resolve(1), 2]) list.push(() => list.n = (list.n ?? 0) + x); export const step = () => list.map((f) => f())'],
  ['node: import live binding patched', 'import path from "node:path"; export const step = () => { const r = typeof path.emvmZ; path.emvmZ = 1; return r }'],
  ['namespace of a builtin', 'import * as os from "node:os"; export const step = () => { const r = typeof os.default.emvmZ; os.default.emvmZ = 1; return r }']
], { name: 'index.mjs' })
