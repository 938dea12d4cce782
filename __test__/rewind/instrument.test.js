'use strict'

// Instrumented JavaScript does what the original does, while nothing is rewound; and its registrations put back what functions
// assign.

const test = require('node:test')
const assert = require('node:assert')
const vm = require('node:vm')
const fs = require('node:fs')
const path = require('node:path')
const { originalColumn } = require('../../lib/rewind/columns')
const { load } = require('../../lib/base/binding')
const { registry } = require('./registry')

const NAMES = ['exports', '$rw', '$rwImport', 'log', 'xs']

function run (text, { instrumented, made = true, asynchronous = false } = {}) {
  const exports = {}
  const world = registry({ made, kind: asynchronous ? 'async function' : 'function' })
  const code = instrumented ? world.compile(text, { params: ['exports', 'log', 'xs'] }).code : text
  const body = asynchronous ? `return (async function () {${code}\n}).call(this)` : code
  const fn = vm.compileFunction(body, NAMES, { filename: 'snippet.js', importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER })
  const log = []
  const result = fn.call(exports, exports, world.$rw, (x) => import(x), (...args) => { log.push(...args) }, [1, 2, 3])
  return { exports, log, result, world, code }
}

async function both (text, options) {
  const outcome = async (instrumented) => {
    const out = []
    let ran
    try {
      ran = run(text, { ...options, instrumented })
      out.push(await ran.result)
    } catch (error) {
      out.push(`${error.name}: ${error.message}`)
    }
    if (ran) {
      for (let i = 0; i < 3 && ran.exports.step; i++) {
        try { out.push(await ran.exports.step()) } catch (error) { out.push(`${error.name}: ${error.message}`) }
      }
      out.push(...ran.log)
    }
    return out
  }
  const [plain, told] = [await outcome(false), await outcome(true)]
  assert.deepStrictEqual(told, plain)
}

// What a reader of JavaScript would take for the same, and a splice could break.
const SAME = {
  'directives, with and without semicolons': '"use strict"\nlog(this === exports, (function () { "use strict"\nlet a = 1; log((() => a++)()); return this })())',
  'a directive in a comment\'s company': '/* c */ "use strict" // d\nlet n = 0; exports.step = () => ++n',
  'statements that the end of a line ends': 'async function f() { let z = 1; const r = await z++\n;[1].map((x) => log(x))\nconst q = await z++\nlog(q, r, z) }\nreturn f()',
  'await before what could go on': 'async function f(z) { const r = await z++\n\n"x".length\nlet y = await z--\n/x/g.test("x")\n;log(r, y, z) }\nreturn f(1)',
  'yield before what could be called': 'function * g () { const x = yield\n;(x)\nlet y = yield 1\n;[2].forEach((k) => log(k))\nyield () => {}\n;[3].at(0); return [x, y] }\nconst it = g(); it.next(); it.next(5); log(it.next(6).value.name, it.next().value)',
  'yield alone before a parenthesis': 'function * g () { let r = 0; yield\n(r = 1); log(r) }\nlog([...g()])',
  'yield in expressions': 'function * g () { const r = [yield 1, (yield 2) + 1, ...((yield * [3, 4]) || [])]; const o = { a: yield 5, [yield 6]: 1 }; return [r, o, `${yield 7}`, yield yield 8] }\nconst it = g(); let v; let k = 10; const seen = []; for (v = it.next(); !v.done; v = it.next(k++)) seen.push(v.value); log(seen, v.value)',
  'names of anonymous functions': 'const a = () => {}, b = function () {}, c = class {}; let { d = () => {} } = {}; const o = { e: () => {}, ["f" + 1]: () => {} }; class K { g = () => this; #h = () => this; ["i"] = () => this; static j = () => this; "k k" = () => this; h () { return this.#h } }; const k = new K(); log(a.name, b.name, c.name, d.name, o.e.name, o.f1.name, k.g.name, k.h().name, k.i.name, K.j.name, k["k k"].name)',
  'names where fields are all functions of computed keys': 'const key = "x"; class K { [key] = () => this; [key + 1] = () => this } const k = new K(); log(k.x.name, k.x1.name, k.x() === k, Object.keys(k))',
  'fields without semicolons before what could go on': 'class K { a = () => { return this }\n*g () { yield 1 }\nb\n[`c`] = 2\nstatic\nd = 4\nget\ne () { return 5 }\n}\nconst k = new K(); log([...k.g()], k.b, k.c, k.a() === k, Object.keys(k))',
  'fields given twice by a constructor that returns': 'class Base { constructor (o) { return o } } class Stamp extends Base { x = () => this; y = 1 } const o = {}; new Stamp(o); new Stamp(o); log(Object.keys(o), o.x() === o)',
  'a singleton that is extended': 'let one; class S { constructor () { if (one) return one; one = this } } class D extends S { constructor () { super(); this.n = (this.n | 0) + 1 } } new D(); log(new D().n)',
  'super in objects and classes': 'const base = { hi () { return "hi " + this.n } }; const o = { __proto__: base, n: 1, hi () { return super.hi() + "!" }, get x () { return super.hi } }; class A { f () { return 1 } static s () { return 2 } } class B extends A { f () { return super.f() + 1 } static s () { return super.s() + 1 } g = () => super.f() } log(o.hi(), typeof o.x, new B().f(), B.s(), new B().g())',
  'super of an object that begins an expression': 'const f = () => ({ __proto__: { a: 1 }, m () { return super.a } }); log(f().m(), { __proto__: { b: 2 }, m () { return super.b } }.m())',
  'constructors: length, names, new.target': 'class A {} class B extends A {} class E extends Error {} class C { constructor (a, b) { this.t = new.target } } function F (a) { this.t = new.target === F } log(A.length, B.length, E.length, C.length, F.length, A.name, new E("m").message, new E("m") instanceof E, new C().t === C, new F().t, F.call({}, 1))',
  'derived constructors with arrows before super': 'class A { constructor (f) { this.f = f } } class B extends A { constructor () { const g = () => this; super(g); this.g = g } } const b = new B(); log(b.f() === b, b.g() === b)',
  'super() in an arrow, twice': 'class A {} class B extends A { constructor () { const s = () => super(); s(); try { s() } catch (e) { log(e.name) } } } log(new B() instanceof B)',
  'arrow functions that give objects': 'const f = (a) => ({ a, g: () => a++ }); const o = f(1); log(o.g(), o.g(), o.a)\nconst h = a => /* c */ (b) => // d\n  ({ a, b, s: () => ++a })\nlog(h(1)(2).s())',
  'arrow functions at the end of a line': 'const f = a => () => a++\nconst g = a => b => a + b\nlog(f(1)(), g(1)(2))\nconst t = true ? a => () => a : 0\nlog(t(3)())',
  'optional chains': 'const p = Promise.resolve(1), n = null, f = function () { return this.k }; return Promise.all([p?.then((x) => x + 1), n?.then(log), n?.a.then(log).catch(log), p?.["then"]((x) => x + 2), (p.then)((x) => x + 3), f?.bind({ k: 1 })(), n?.bind(1), n?.a.bind(1), ({ f })?.f.bind({ k: 2 })(), ({ f }).f?.bind({ k: 4 })().toFixed(1)])',
  'what is bound at the end of an optional chain': 'const o = { n: 3, a: { f (...x) { return [this?.n, ...x] } }, g () { return this } }, k = "a", none = null; log(o?.a.f.bind(o)(), o?.[k].f.bind(o, 1)(2), o?.g().a?.f.bind(null, ...[1, 2])(), o /* ?. */ ?. /* a */ a . f\n.bind /* ( */ (o)(), none?.a.b.bind(log(1)), o?.none?.a.b.bind(log(2)), (o?.a.f.bind)(o)(), o?.a.f?.bind(o)(), o?.a["f"].bind(o)(), o?.g?.().a.f.bind(o)()); for (const f of [() => o?.none.bind(1), () => o?.a.none.bind(1), () => missing?.a.bind(1)]) try { f() } catch (e) { log(e.name, e.message) }; async function q () { return o?.a.f.bind(await o)(await 1) } return q()',
  'constants that become variables': 'try { a; } catch (e) { log(e.message) } const mk = () => new Uint8Array(2); const a = mk(), [b, ...c] = [mk(), mk()], { d, e: { f = mk() } = {} } = { d: mk() }; const g = mk(), h = mk(); try { h = 1 } catch (e) { log(e.message, h.length) } for (const i of [mk(), mk()]) log((() => i)().length); for (const j = mk(), k = () => j; log(k() === j), k().length < 0;); for (const l in { x: 1 }) log((() => l)()); switch (1) { case 1: const m = mk(); log((() => m)()) } { const a = mk(); log((() => a)() !== a) } exports.step = () => [a[0]++, b[0]++, c[0][0]++, d[0]++, f[1]++, g[0]++, h[0]++]; const /* a */ n /* b */ = mk()\nconst\no = mk(); exports.n = () => [n, o]',
  'a chain over lines, with comments': 'return Promise.resolve(1)\n  // one .then(\n  .then((x) => x + 1) // two (\n  /* .catch( */ . catch /* ( */ (() => 0)\n  .finally(() => log("f"),)\n  .then()',
  'calls of methods with these names that are no promises': 'const o = { then (...a) { return a.length }, catch (a) { return this === o }, finally () { return arguments.length }, bind (a, b) { return b } }; log(o.then(1, 2, 3), o.catch(1), o.finally(), o.bind(1, 2), o.then(...[1, 2]))',
  'errors of calls without an object': 'try { let u; u.a.then(log) } catch (e) { log(e.name, e.message) } try { ({}).x.bind(1) } catch (e) { log(e.name, e.message) }',
  'spread and trailing commas in callbacks': 'const p = Promise.resolve(2), c = [(x) => x * 2]; return Promise.all([p.then(...c), p?.then(...c), p.then(c[0],), p?.then(c[0],)])',
  'labels': 'const fs = []; a: for (let i = 0; i < 3; i++) { b: for (const j of xs) { fs.push(() => i * j++ || 0); if (j > 1) continue a; if (i > 1) break a } } c: { let q = 1; fs.push(() => q++); if (q) break c; log("no") } log(fs.length)',
  'loops without blocks': 'const fs = []; for (let i = 0; i < 2; i++) for (let j of xs) if (j > 1) fs.push(() => i++ + j++); else fs.push(() => j); for (var k in { a: 1 }) fs.push(() => k); for (let z of xs) do fs.push(() => z++); while (false)\nlog(fs.map((f) => f()), fs.map((f) => f()))',
  'heads of loops': 'const fs = []; for (let i = 0, f = () => i++; fs.push(() => i), i < 3; i++, fs.push(() => i)) { fs.push(f) } for (const [a, b = () => a] of [[1], [2]]) fs.push(b); for (let i = 0;; i++) { fs.push(() => i); if (i > 1) break } for (let i = 0; ; fs.push(() => i++)) { if (i++ > 2) break } log(fs.map((f) => f()), fs.map((f) => f()))',
  'loops of nothing': 'let n = 0; for (;;) { if (n++ > 2) break } for (let i = 0; i < 3; i++); for (let i = (() => 0)(); i < 2; i++) ; log(n)',
  'switch': 'const f = (x) => { switch (x) { case 0: let k = 5; const g = () => k++; return g; case/* : */(1): k = 7; return () => k; default: { let k = 1; return () => k++ } } }; log(f(0)()); try { f(1) } catch (e) { log(e.name) } log(f(2)())',
  'switch without a test that is one token': 'const x = { a: 1 }; switch (x.a) { case x . a /* : */ : let q = 1; log((() => q++)()); break; case (x, 2): default : log(3) }',
  'catch': 'const fs = []; try { throw 1 } catch (e) { var e = 2; fs.push(() => e++) } try { throw { a: 1 } } catch ({ a, b = () => a++ }) { fs.push(b, () => a) } try { throw 1 } catch { let q = 1; fs.push(() => q++) } log(fs.map((f) => f()), e)',
  'functions in blocks': 'log(typeof f); { function f () { return 1 } log(f()) } log(typeof f, (() => f())()); if (xs) function g () { return g } log(typeof g, (() => g)().name); { let h; { function h () {} } log(typeof h) } try { throw 1 } catch (k) { { function k () {} } } log(typeof k)',
  'a function in a block, in strict code': '"use strict"; { function f () { return f } log(f() === f) } log(typeof f)',
  'parameters: defaults, patterns, rest, arguments': 'function f (a, b = () => ++a, { c, d = () => c++ } = { c: 1 }, ...r) { var a; return [a, b(), a, d(), c, r.length, arguments.length, f.length] } log(f(1), f(1, undefined, { c: 5 }, 1, 2))',
  'a parameter behind a variable': 'function f (x, g = () => x) { var x; const h = () => x; x = 2; return [g(), h()] } log(f(1)); function k (x, g = () => x) { function x () {} return [g(), typeof x] } log(k(1))',
  'arguments that are mapped': 'function f (a) { arguments[0] = 5; const g = () => a++; g(); return [a, arguments[0], (() => arguments.length)()] } log(f(1, 2))',
  'this and new.target in arrows': 'function F () { this.n = 1; return { f: () => this.n++, t: () => new.target === F } } const o = new F(); log(o.f(), o.f(), o.t(), F.call({}).t())',
  'direct eval': 'function f (a) { let n = 0; const g = eval("let m = 5; var v = 1; () => [n++, m++, v++, a++]"); return [g(), g(), v, n] } log(f(1)); log(eval("1;{let q = 1; (() => q)()}"), eval("var zz = 3"), eval("switch (1) { case 1: let k = 2; (() => k)() }"), eval({}.x), eval(), eval("this") === this)',
  'eval in other ways': 'const e = eval; log(e("1 + 1"), (0, eval)("typeof exports"), eval?.("typeof log"), typeof eval, [eval].length, { eval }.eval("2"))',
  'eval that is a variable': 'function f (eval) { return eval("1") + typeof eval } log(f((x) => x + "!"))',
  'eval in a method, with super and new.target': 'class A { n () { return 1 } } class B extends A { n () { return eval("super.n() + 1") } #p = 3; p () { return eval("(() => this.#p)()") } static { log(eval("this.name")) } f = eval("() => this") } log(new B().n(), new B().p(), new B().f() instanceof B); function F () { return eval("new.target") === F } log(typeof new F())',
  'Object that is a variable': 'const Object = { create: (x) => x }; log(Object.create(1))',
  'with': 'const o = { a: 1, log2: log }; with (o) { a = 2; log2(a) } log(o.a); with (new Proxy({}, { has: (t, k) => k !== "log" && k !== "Symbol", get: (t, k) => k === Symbol.unscopables ? undefined : String(k) })) { log(anything); log((() => something)()) } with (log(1), { k: 2 }) log(k)',
  'tagged templates': 'const tag = (s, ...v) => { seen.add(s); return s.raw.join("|") + v.join() }; const seen = new Set(); const f = () => tag`a${1}\\n${2}`; log(f(), f(), seen.size, `${`${f()}`}`)',
  'private names': 'class A { #a = 1; #m () { return this.#a++ } get #g () { return this.#a } set #g (v) { this.#a = v } static #s = 2; static #t () { return A.#s++ } static has (o) { return #a in o && #m in o && #g in o } run () { this.#g = this.#m() + 5; return [this.#g, A.#t(), A.#s] } } log(new A().run(), A.has(new A()), A.has({}))',
  'classes within classes': 'class A { #x = 1; static B = class { #x = 2; get (a) { return [this.#x, a.constructor.name] } }; get () { return this.#x } static { const y = () => this.B; log(new (y())().get(new A()), new A().get()) } } const C = class D { static n = () => D }; log(C.n() === C)',
  'generators': 'function * g (n) { let s = 0; try { for (;;) { const x = yield () => s += n; if (x) return s } } finally { log("done") } } const it = g(2); const f = it.next().value; f(); log(f(), it.next(1)); class K { * [Symbol.iterator] () { yield this.a = 1 } async * h () { yield 1; yield * [2, Promise.resolve(3)] } } log([...new K()]); return (async () => { const r = []; for await (const v of new K().h()) r.push(v); return r })()',
  'for await': 'return (async () => { const r = []; for await (const x of [1, Promise.resolve(2)]) r.push(() => x); async function * g () { try { yield 1; yield 2 } finally { log("closed") } } for await (const x of g()) { r.push(() => x); break } return r.map((f) => f()) })()',
  'html comments': 'let n = 1 <!-- a comment\n--> another\nlog((() => n++)(), n)',
  'comments in odd places': 'async function f (x) { return await/* ( */x } const g = /* a */ async /* b */ (/* c */) /* d */ => /* e */ await /* f */ 3 /* g */; const b = log /* . */ . /* ( */ bind /* ) */ ( /* x */ null /* y */ ) /* z */; b(1); return Promise.all([f(1), g()])',
  'line separators': 'let a = 1\u2028let b = 2; log((() => a++ + b)()); p()\u2029function p () { log(`x\u2028y`.length) }',
  'names that are words elsewhere': 'var async = 1, of = 2, get = 3, set = 4, let_ = 5, await = 6, yield = 7, static = 8; log((() => [async++, of, get++, await++, yield++, static++])(), [async, await, yield]); var let = 9; log((() => let++)(), let)',
  'escapes in names': 'let \\u0061bc = 1, ünïcode = 2, \\u{62} = 3; log((() => abc++ + ünïcode++ + b++)(), abc)',
  'names of splices\' own parameters': 'const o = 1, v = 2, i = 3; class A { #v = o; get () { return [this.#v, v, i] } } log(new A().get(), (() => [o, v, i])())',
  'asm.js': 'function M (stdlib, ffi, heap) { "use asm"; var n = 0; function f () { n = (n + 1) | 0; return n | 0 } return { f: f } } const m = M({}, {}, new ArrayBuffer(65536)); m.f(); log(m.f())',
  'sequences, conditions and regular expressions': 'const f = (a, b) => (a, () => b ? a : /x/g.test("x")); log(f(1, 0)(), f(1, 1)()); let x = 1; x ||= () => x; x = null; x ??= () => x; log(x() === x)',
  'getters and setters': 'let n = 0; const o = { get a () { return () => ++n }, set a (v) { n = v }, get [`b${1}`] () { return n } }; o.a = 5; log(o.a(), o.b1); class K { static get x () { return () => n++ } static set x (v) { n = v } } K.x = 1; log(K.x(), n)',
  'async arrows and methods': 'const a = async x => await x, b = async (x) => { let n = await x; return () => n++ }, o = { async m () { return (await b(1))() }, async * g () { yield await 1 } }; return Promise.all([a(1), o.m(), o.g().next()])',
  'implicit order of evaluation': 'const t = []; const o = { get a () { t.push("a"); return { then: (f) => t.push(f) } } }; o.a.then(t.push("arg")); log(t)',
  'exceptions within closures of loops': 'const fs = []; for (const x of xs) try { if (x === 2) throw x; fs.push(() => x) } catch (e) { fs.push(() => e * 10) } finally { let k = x; fs.push(() => k) } log(fs.map((f) => f()))',
  'function named as a parameter': 'const f = function g (g) { return () => g++ }; log(f(1)()); const h = function k () { var k = 3; return () => k++ }; log(h()()); const q = function z () { return () => typeof z }; log(q()()); (function w () { w = 1; log(typeof w) })()',
  'duplicate names': 'function f (a, a) { return () => a++ } log(f(1, 2)()); var x = 1; var x; function x () {} log((() => x)())',
  'destructuring assignments': 'let a, b, c, d = {}; ({ a, b: [c = () => a], ...d.rest } = { a: 1, b: [], z: 1 }); [a, d.x = () => c] = [5]; log((() => [a, c(), d.rest, d.x() === c])())',
  'import()': 'return import("node:path").then((m) => typeof m.join)',
  'constructors of objects': 'class A { constructor (n) { this.n = n } } A.prototype.b = { constructor: class { k = 2 } }; const a = new A(1); log(new a.constructor(5).n, new a.constructor().n, new (a.constructor)(7).n, new a.b.constructor().k, new a["b"].constructor.prototype.constructor().k, (new a.constructor).n, typeof a?.constructor, a.constructor.name, [].constructor === Array); a.constructor = 3; log(a.constructor++, a.constructor, delete a.constructor, a.constructor === A); ({ constructor: a.n } = a); log(a.n === A, (() => {}).constructor === Function)',
  'what is changed outside': 'const M = Math, k = "emvmQ"; Math.emvmP = 1; M.emvmP += 2; Math[k] = 3; Math["emvmR"] ??= 4; log(Math.emvmP++, M.emvmP, Math[k], Math.emvmR, delete Math.emvmP, delete M[k], delete Math["emvmR"], "emvmP" in Math); [Math.emvmP, M[k]] = [1, 2]; for (Math.emvmR of [5, 6]); log(Math.emvmP, Math[k], Math.emvmR); delete Math.emvmP; delete Math[k]; delete Math.emvmR; const o = {}; o.onload = 1; o.constructor.emvmS = 2; log(o.onload, Object.emvmS, delete Object.emvmS)',
  'listeners': 'const o = { on (...a) { return [this === o, a.length] }, once: 1, subscribe (f) { return f() } }; log(o.on(1, 2), o.on(), o.on(...[1, 2, 3]), o.subscribe(() => 5), o?.on(1), o["on"](1)); try { o.once(1) } catch (e) { log(e.name) }',
  'chains of new': 'function F () { this.bind = { x: 1 } } F.bind = function () { return 7 }; log(new F.bind(1).constructor === F.bind, new F().bind.x, F.bind(1)); class P { then (f) { return f ? f(1) : 2 } } log(new P().then((x) => x), new P().then())'
}

for (const [name, text] of Object.entries(SAME)) {
  test(`the same: ${name}`, () => both(text))
  test(`the same, constructors untold: ${name}`, () => both(text, { made: false }))
}

test('await at top level', async () => {
  await both('const a = await xs[0]; let n = 0; exports.step = async () => (await n++) + a\nfor await (const k of xs) { exports["f" + k] = () => k }\nreturn a', { asynchronous: true })
})

// Each gives a step that sees another state each time, until it is put back.
const PUT_BACK = {
  'let of a file': 'let n = 0; exports.step = () => ++n',
  'names of our own': 'let v = 0, i = 0, o = 0, $ = 1; exports.step = () => [++v, ++i, ++o, $++]',
  'parameters, with defaults': 'function f (a, g = () => ++a) { return g } exports.step = f(1)',
  'parameters, patterns': 'function f ({ a, b: [c] }, ...r) { return () => [a++, c++, r = r.length] } exports.step = f({ a: 1, b: [2] }, 3)',
  'parameter and variable of one name': 'function f (x, g) { var x; return () => x++ } exports.step = f(1)',
  'parameter and variable of one name, with defaults': 'function f (x, g = 1) { var x; return () => x++ } exports.step = f(1)',
  'arrow parameters': 'exports.step = ((a, b = 1) => () => a++ + b++)(1)',
  'loops': 'const fs = []; for (let i = 0; i < 3; i++) fs.push(() => i++); for (let x of [1, 2]) { fs.push(() => x++) } for (let k in { a: 1 }) fs.push(() => k += 1); for (const [a, b] of [[1, 2]]) { let c = a; fs.push(() => c += b) } exports.step = () => fs.map((f) => f())',
  'heads of loops': 'const fs = []; for (let i = 0, f = () => i++; fs.push(() => i += 2), i < 2; i++) { fs.push(f, () => i++) } exports.step = () => fs.map((f) => f())',
  'the last round of a loop, which has no body': 'const fs = []; for (let i = 0; i < 2; fs.push(() => i++), i++); exports.step = () => fs.map((f) => f())',
  'a loop without a test': 'const fs = []; for (let i = 0; ; fs.push(() => ++i), i++) { if (i > 2) break } exports.step = () => fs.map((f) => f())',
  'patterns of a loop that capture': 'const fs = []; for (let [a, b = () => a++] of [[1], [2]]) fs.push(b); exports.step = () => fs.map((f) => f())',
  blocks: 'let f; { let q = 1; f = () => q *= 2 } l: { let k = 0; const g = f; f = () => [g(), k++]; break l } exports.step = () => f()',
  catch: 'let f; try { throw { n: 1 } } catch ({ n, m = () => n++ }) { f = () => [m(), n++] } let g; try { throw 1 } catch (e) { g = () => e++ } exports.step = () => [f(), g()]',
  switch: 'let f, g; for (const x of [0, 1]) switch (x) { case 0: let k = 5; f = () => k++; break; case 1: let m = 1; g = () => m++ } exports.step = () => [f(), g()]',
  'functions in blocks': '{ function f () { return f = null } exports.g = () => f } exports.step = () => { const r = typeof f; f = 1; const s = typeof exports.g(); return [r, s] }',
  'functions that are assigned': 'function f () { f = () => 2; return 1 } exports.step = () => f()',
  'classes that are assigned': 'class A { static n = 1 } exports.step = () => { const r = A && A.n; A = null; return r }',
  'direct eval': 'exports.step = (function () { let n = 0; return eval("let m = 5; var v = 1; () => [n++, m++, v++]") })()',
  'variables that eval made': 'exports.step = (function () { eval("var x = 1"); return () => x++ })()',
  generators: 'function * g () { let n = 0; yield () => n++ } exports.step = g().next().value',
  'async functions': 'async function f () { let n = await 0; exports.step = () => n++ } return f()',
  'static blocks': 'class A { static { let n = 0; exports.step = () => n++ } }',
  'closures in fields': 'let n = 0; class A { x = n++ } exports.step = () => new A().x',
  'arrow functions within arrow functions': 'const mk = a => b => c => [a++, b++, c]; exports.step = mk(1)(2)',
  'logical assignments': 'let a, b = 1, c = 0; exports.step = () => [a ??= 5, b &&= b + 1, c ||= 3, [a, b, c] = [a + 1, b + 1, c + 1]]',
  'a variable that an arrow function in a parameter assigns': 'let n = 0; function f (a = (n++, n)) { return a } exports.step = () => f()'
}

for (const [name, text] of Object.entries(PUT_BACK)) {
  test(`put back: ${name}`, async () => {
    const { exports, result, world } = run(text, { instrumented: true })
    await result
    world.take()
    const seen = []
    for (let i = 0; i < 3; i++) {
      seen.push(exports.step())
      exports.step()
      world.rewind()
    }
    assert.deepStrictEqual(seen[1], seen[0])
    assert.deepStrictEqual(seen[2], seen[0])
    assert.notDeepStrictEqual(exports.step(), exports.step())
  })
}

// Objects that only a closure, a method or a private name leads to.
const FOUND = {
  'an object that a closure holds': 'const mk = (o) => () => ++o.n; exports.step = mk({ secret: 1 })',
  'this of a constructor': 'function F () { this.secret = 1; return { step: () => ++this.secret } } exports.step = new F().step',
  'this of fields': 'class A { secret = 1; step = () => ++this.secret } exports.step = new A().step',
  'this of fields that are all functions': 'class A { step = () => this.constructor } A.prototype.secret = 1; exports.step = new A().step',
  arguments: 'function F () { return () => arguments[0].secret++ } exports.step = F({ secret: 1 })',
  'new.target': 'function F () { return { step: () => new.target.secret++ } } F.secret = 1; const { step } = new F(); exports.step = step',
  'a function that knows itself': '(function f () { f.secret ??= 0; exports.step = () => f.secret++ })()',
  'a class expression that knows itself': 'const { step } = class D { static secret = 1; static step () { return D.secret++ } }; exports.step = step',
  'a class declaration that knows itself': '{ class D { static secret = 1; static step () { return D.secret++ } } exports.step = D.step }',
  'this of a static arrow': 'exports.step = class { static secret = 1; static step = () => this.secret++ }.step',
  'the home of a method': 'exports.step = { secret: 1, __proto__: { n: 1 }, step () { return super.n } }.step',
  'the home of a class method': 'class A { static secret = 1 } exports.step = class extends A { static step () { return super.secret } }.step',
  with: 'with ({ secret: 1, n: 0 }) { exports.step = Function("return 1") }',
  'a bound function': 'function f () { return this.secret++ } exports.step = f.bind({ secret: 1 })',
  'a generator of functions': 'function * g (o) { yield () => o.secret++ } exports.step = g({ secret: 1 }).next().value'
}

for (const [name, text] of Object.entries(FOUND)) {
  test(`found: ${name}`, () => {
    const { world } = run(text, { instrumented: true })
    const { told } = world
    const reached = [told.roots, told.kept, told.bound.flat(), told.scopes.flatMap(({ get, one }) => {
      try { return get() } catch {
        const all = []
        for (let i = 0; i < 20; i++) { try { all.push(one(i)) } catch { /* not initialised */ } }
        return all
      }
    })].flat()
    const holds = (o) => o !== null && (typeof o === 'object' || typeof o === 'function') && ('secret' in o || (o[0] && holds(o[0])))
    assert.ok(reached.some((o) => holds(o)), 'nothing leads to it')
  })
}

test('what closures among parameters refer to is held, since they do not keep the body', () => {
  const held = (text) => run(text, { instrumented: true }).world.told.scopes.map(({ held, get }) => [Boolean(held), get().length])
  assert.deepStrictEqual(held('function F (g = () => this.n++) { return g } new F()'), [[true, 1]])
  assert.deepStrictEqual(held('(function f (g = () => f.n) { return g })()'), [[true, 1]])
  assert.deepStrictEqual(held('(function f (g = 1) { return () => f.n++ + g })({})'), [[false, 3]])
})

test('private names are told with their class', () => {
  const { exports, world } = run('class A { #n = 1; static #s = { k: 1 }; #m () {} get #g () { return 1 } } exports.A = A; exports.a = new A()', { instrumented: true })
  const [[owner, list]] = world.told.privates
  assert.strictEqual(owner, exports.A)
  const [n, s, m] = list
  assert.deepStrictEqual([n[0](exports.a), n[1](exports.a), s[1](exports.A), typeof m[1](exports.a), m.length], [true, 1, { k: 1 }, 'function', 2])
  n[2](exports.a, 7)
  assert.strictEqual(n[1](exports.a), 7)
  assert.strictEqual(list.length, 3)
})

test('what is constructed is told', () => {
  const { world } = run('class A {} class B extends A {} class E extends Error {} function F () { this.x = 1 } exports.all = [new A(), new B(), new E(), new F(), Object.create(A.prototype)]; F.call({})', { instrumented: true })
  const { made } = world.told
  assert.deepStrictEqual(made.map((o) => o.constructor.name), ['A', 'B', 'E', 'F', 'A'])
})

test('a generator of a past generation does not go on', () => {
  const { exports, world } = run('exports.g = function * () { yield 1; yield 2 }', { instrumented: true })
  world.take()
  const it = exports.g()
  it.next()
  world.rewind()
  assert.throws(() => it.next(), { code: 'EMVM_ERR_STALE' })
  assert.deepStrictEqual([...exports.g()], [1, 2])
})

test('what cannot be covered is named, with its place', () => {
  const facts = (text) => {
    const { facts } = load().instrument(text, { kind: 'function', made: true })
    return JSON.parse(facts).map(({ what, uncovered, name, line, column }) => [what, uncovered, name, line, column].join())
  }
  assert.deepStrictEqual(facts('let a = 1\n  with (a) { (() => { let q = 1; return () => q++ })() }'), ['with,true,,2,3'])
  assert.deepStrictEqual(facts('with (a) { b = 1 }'), ['undeclared,false,b,1,1'])
  assert.deepStrictEqual(facts('function f (x, g = () => x++) { var x; return [g, () => x] }'), ['hidden-parameter,true,,1,1'])
  assert.deepStrictEqual(facts('function * f (x, g = () => x++) { yield g }'), ['generator-parameters,true,,1,1'])
  assert.deepStrictEqual(facts('eval(...[1])'), ['eval,false,,1,1', 'eval-spread,true,,1,1'])
  assert.deepStrictEqual(facts('function f () { count = 1 }'), ['undeclared,false,count,1,1'])
  assert.deepStrictEqual(facts('let a = b?.c.bind(1).d + b?.(1).bind(2)'), ['optional-bind,false,,1,9', 'optional-bind,false,,1,26'])
  assert.deepStrictEqual(facts('let a = 1; exports.f = () => a++'), [])
})

test('parameters that the text assigns are put back', () => {
  const { exports, world } = run('exports.step = () => xs = xs.length ?? xs + 1', { instrumented: true })
  world.take()
  const first = exports.step()
  world.rewind()
  assert.strictEqual(exports.step(), first)
})

test('lines stay, and columns can be led back', () => {
  const text = 'let n = 0\nexports.f = () => { n++; throw new Error("a") }; const g = (a) => () => { a++; throw new Error("b") }\nexports.g = g(1)\nexports.h = async (x) => { await x; ü = 1; throw new Error("c") }'
  const { code, columns } = load().instrument(text, { kind: 'function', made: true })
  const places = (source) => {
    const exports = {}
    vm.compileFunction(source, NAMES, { filename: 'columns.js' }).call(exports, exports, registry().$rw)
    return ['f', 'g'].map((name) => {
      try { exports[name]() } catch (error) { return /columns\.js:(\d+):(\d+)/.exec(error.stack).slice(1).map(Number) }
    })
  }
  const [plain, told] = [places(text), places(code)]
  assert.notDeepStrictEqual(told, plain)
  assert.deepStrictEqual(told.map(([line, column]) => [line, originalColumn(columns, line, column)]), plain)
})

test('what is no JavaScript is refused', () => {
  for (const [text, kind] of [['let = = 1', 'function'], ['})(function () {', 'function'], ['import a from "b"', 'script'], ['$rw.on', 'function'], ['"\ud800"', 'script'], ['x', 'poem']]) {
    assert.throws(() => load().instrument(text, { kind }), Error, text)
  }
  load().instrument('return new.target', { kind: 'function' })
  load().instrument('import a from "b"; export default a; await 1', { kind: 'module' })
})

test('a text is instrumented once in a process, and V8\'s code for it is kept', () => {
  const text = 'let cached = 0; exports.f = () => cached++; return function later () { return cached }'
  const first = load().instrument(text, { kind: 'function' })
  assert.strictEqual(first.v8, undefined)
  const compile = ({ code, v8 }) => vm.compileFunction(code, ['exports', '$rw'], { cachedData: v8, produceCachedData: v8 === undefined })
  load().keepCode(first.key, compile(first).cachedData)
  const second = load().instrument(text, { kind: 'function' })
  assert.strictEqual(second.code, first.code)
  assert.strictEqual(compile(second).cachedDataRejected, false)
  assert.strictEqual(load().instrument(text, { kind: 'function', params: ['exports'] }).v8, undefined)
  load().keepCode(Buffer.alloc(3), Buffer.alloc(3))
})

test('kinds: modules and scripts', async () => {
  const world = registry({ kind: 'module' })
  const { code } = world.compile('import { join } from "node:path"; let n = 0; export let m = 1; export const step = () => [++n, ++m, typeof join]; export default function () { return n }; export { n as k }')
  assert.match(code, /^const \$rw/)
  const script = registry({ kind: 'script' })
  const context = vm.createContext({ $rw: script.$rw })
  vm.runInContext(script.compile('let n = 0; var m = 1; function step () { return [++n, ++m] }').code, context)
  vm.runInContext('step()', context)
  script.take()
  const first = vm.runInContext('step()', context)
  script.rewind()
  assert.deepStrictEqual(vm.runInContext('step()', context), first)
  assert.strictEqual(vm.runInContext(script.compile('1; let q = () => q').code, context), 1)
})

test('all of this project\'s own files parse afterwards', () => {
  const root = path.join(__dirname, '..', '..')
  let checked = 0
  for (const folder of ['lib', '__test__', 'bench']) {
    for (const file of fs.readdirSync(path.join(root, folder), { recursive: true })) {
      if (!/\.js$/.test(file) || file.includes('node_modules')) continue
      const text = fs.readFileSync(path.join(root, folder, file), 'utf8').replace(/^#!.*/, '')
      if (text.includes('$rw')) continue
      try { vm.compileFunction(text, ['exports', 'require', 'module', '__filename', '__dirname']) } catch { continue }
      const { code } = load().instrument(text, { kind: 'function', made: true })
      vm.compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], { filename: file })
      assert.strictEqual(code.split('\n').length, text.split('\n').length)
      checked++
    }
  }
  assert.ok(checked > 100, `${checked}`)
})

// Object literals with functions, as the first value of a variable `o` of a function `f`.
const LOCAL = [
  'const o = { a: () => 1, b: () => 2 }; const call = o[k]; return call()',
  'var o = { a: (x) => x }; return o.a ? 1 : 2',
  'let o = { a: function () {} }; return o?.b',
  'const o = { a: () => 1 }\nfor (const key of [k]) { const g = o[key]; g() }',
  'var toC = 1, o = { string: (s) => s, array: (a) => a }; return k.map((each) => toC).concat(o[k] || 3)'
]
const SHARED = [
  'const o = { a: () => 1 }; return o',
  'const o = { a: () => 1 }; k(o)',
  'const o = { a () { k(this) } }; o.a()',
  'const o = { a () { k(this) } }; o["a"]()',
  'const o = { a () { k(this) } }; (o.a)()',
  'const o = { a () { k(this) } }; o?.a()',
  'const o = { a () { k(this) } }; (o?.a)()',
  'const o = { a () { k(this) } }; (o).a()',
  'const o = { a () { k(this) } }; o.a``',
  'const o = { get a () { return this }, b: () => 1 }; return o.a',
  'const o = { ["__proto__"]: k, b: () => 1 }; return o.a',
  'const o = { __proto__: k, b: () => 1 }; return o.a',
  'const o = { a: () => 1 }; return () => o.a',
  'const o = { a: () => 1 }; return { o }',
  'const o = { a: () => 1 }; return [...[o]]',
  'const o = { a: () => 1 }; const { a, ...rest } = o; return a',
  'const o = { a: () => 1 }; k = o',
  'const o = { a: () => 1 }; return eval("o")',
  'if (k) { var o = { a: () => 1 } } return o.a',
  'return (function (o) { var o = { a: () => 1 }; return arguments[0] })(k)',
  'let o = 1; o = { a: () => 1 }; return o.a'
]

test('object literals are told, but for those that nobody but their variable ever has', () => {
  const told = (text) => run(`exports.f = function (k) { ${text} }`, { instrumented: true }).code.split('$rw.literal(').length - 1
  for (const text of LOCAL) assert.equal(told(text), 0, text)
  for (const text of SHARED) assert.ok(told(text) >= 1, text)
  // What they hold is others'.
  assert.equal(told('const o = { a: { b: () => 1 }, c: () => 2 }; return o.a'), 1)
  // Those of the file's own scope are made once.
  assert.match(run('const o = { a: () => 1 }; exports.f = 1', { instrumented: true }).code, /\$rw\.literal\(/)
})

test('object literals that are not told do what they did', async () => {
  for (const text of LOCAL) await both(`exports.step = function (k = 'a') { try { ${text} } catch (error) { return error.name } }`)
  await both('exports.step = () => { const o = { a: (x) => x + 1 }\n[1, 2].forEach((x) => x)\nreturn o.a.name }')
})
