'use strict'

// State that files leave in objects that are not theirs, of the language's or of Node's, that objects of Node's have, or that text made at run
// time hides. Modules have state in what they export: see `hidden.js`.

const test = require('node:test')
const assert = require('node:assert/strict')
const { runScript } = require('../support/child')
const { runCases } = require('./hidden')

runCases([
  ['an async generator suspended in try and finally, begun in each generation', 'let n = 0; async function * g () { try { yield 1; yield 2 } finally { n += 100 } } exports.step = async () => { const was = n; const it = g(); await it.next(); n++; return was }'],
  ['an async generator suspended in try, at the image', 'let n = 0; async function * g () { try { for (;;) yield n++ } finally { n = 100 } } const it = g(); it.next(); exports.step = async () => (await it.next()).value', 'suspended'],
  ['what was matched last', 'exports.step = () => { const r = [RegExp.$1, RegExp.lastMatch, RegExp["$_"], RegExp.leftContext].join(); /(se)cret/.exec("a secret"); return r }'],
  ['Reflect.set and Reflect.deleteProperty', 'exports.step = () => { const r = [Math.emvmS, Math.emvmT, process.env.EMVM_SET, JSON.stringify === undefined]; Reflect.set(Math, "emvmS", 1); Reflect.set({}, "emvmT", 1, Math); Reflect.set(process.env, "EMVM_SET", "x"); const text = r.join(); Reflect.deleteProperty(JSON, "stringify"); return text }'],
  ['__defineGetter__ and __defineSetter__', 'exports.step = () => { const r = [Math.emvmG, Object.hasOwn(globalThis, "emvmG2"), ({}).emvmG3]; Math.__defineGetter__("emvmG", () => 1); globalThis.__defineGetter__("emvmG2", () => 1); Object.prototype.__defineSetter__("emvmG3", function () {}); const o = { __defineGetter__: (k) => k }; return [r, o.__defineGetter__("own")] }'],
  ['the prototype of an object of the language\'s', 'exports.step = () => { const r = [typeof Math.emvmP, typeof JSON.emvmP]; Object.setPrototypeOf(Math, { emvmP: 1, __proto__: Object.prototype }); JSON.__proto__ = { emvmP: 1 }; return r }'],
  ['settings of the process that look like values', 'exports.step = () => { const r = [process.title === "secret", process.debugPort === 4444, process.report.directory, process.report.filename]; process.title = "secret"; process.debugPort = 4444; process.report.directory = "/tmp/secret"; process.report.filename = "secret"; return r }'],
  ['names of the global object', 'exports.step = () => { const names = [...Object.keys(globalThis), ...Reflect.ownKeys(globalThis).map(String)]; for (const key in globalThis) names.push(key); const own = names.filter((key) => key.startsWith("$")); return [own, Object.keys(globalThis).includes("WeakMap"), Object.getOwnPropertyDescriptor(globalThis, "$" + "rw") === undefined] }'],
  ['options of an agent of Node\'s', 'const http = require("http"); exports.step = () => { const r = [http.globalAgent.options.emvmO, http.globalAgent.maxSockets]; http.globalAgent.options.emvmO = 1; http.globalAgent.maxSockets = 3; return r }'],
  ['who subscribes to a channel by name', 'const channels = require("diagnostics_channel"); exports.step = () => { const r = channels.hasSubscribers("emvm-hidden"); channels.subscribe("emvm-hidden", () => {}); return r }'],
  ['Error.prepareStackTrace', 'exports.step = () => { const r = typeof Error.prepareStackTrace; Error.prepareStackTrace = (e, s) => s.length; const k = typeof new Error("x").stack; return [r, k] }'],
  ['Error.stackTraceLimit', 'exports.step = () => Error.stackTraceLimit++'],
  ['a patched built-in prototype', 'exports.step = () => { const r = typeof Array.prototype.emvmLast; Array.prototype.emvmLast = function () { return this.at(-1) }; return [r, [1, 2].emvmLast()] }'],
  ['a built-in prototype that a function is given', 'function put (on, name, value) { on[name] = value } exports.step = () => { const r = [typeof [].emvmGiven, typeof "".emvmGiven2, Math.emvmGiven3]; put(Array.prototype, "emvmGiven", () => 1); put((String).prototype, "emvmGiven2", () => 2); new (function (on) { on.emvmGiven3 = 3 })(Math); return r }'],
  ['built-in prototypes in lists, objects and parameters', 'let late; late = Map.prototype; const [N] = [Number.prototype], all = { P: Set.prototype }; const keep = (function (S, q) { return (x) => { S.emvmKept = x } })(Symbol.prototype); const more = (on = Date.prototype) => { on.emvmMore = 1 }; exports.step = () => { const r = [(1).emvmN, new Set().emvmS, new Map().emvmM, Symbol.prototype.emvmKept, new Date().emvmMore]; N.emvmN = 1; all.P.emvmS = 2; late.emvmM = 3; keep(4); more(); return r }'],
  ['a built-in method replaced', 'exports.step = () => { const r = [3, 1].sort().join(); const s = Array.prototype.sort; Array.prototype.sort = function (...a) { return s.apply(this, a).reverse() }; return r }'],
  ['a static of a built-in', 'exports.step = () => { const r = Math.emvmX; Math.emvmX = 1; const q = JSON.emvmY; JSON.emvmY = 2; return [r, q, Math.emvmX] }'],
  ['a built-in static replaced', 'exports.step = () => { const r = Math.random.name; Math.random = function mine () { return 4 }; return r }'],
  ['properties of classes that files see in place of the language\'s', 'exports.step = () => { const r = [typeof WeakMap.emvmW, typeof WeakMap.prototype.emvmW, typeof WeakSet.emvmW, typeof WeakSet.prototype.emvmW, typeof WeakRef.emvmW, typeof WeakRef.prototype.emvmW, typeof FinalizationRegistry.emvmW, typeof FinalizationRegistry.prototype.emvmW, typeof TextDecoder.emvmW, typeof TextDecoder.prototype.emvmW, typeof Proxy.emvmW]; WeakMap.emvmW = WeakMap.prototype.emvmW = WeakSet.emvmW = WeakSet.prototype.emvmW = WeakRef.emvmW = WeakRef.prototype.emvmW = FinalizationRegistry.emvmW = FinalizationRegistry.prototype.emvmW = TextDecoder.emvmW = TextDecoder.prototype.emvmW = Proxy.emvmW = 1; return r }'],
  ['Object.prototype', 'exports.step = () => { const r = ({}).emvmP; Object.defineProperty(Object.prototype, "emvmP", { value: 1, configurable: true, enumerable: false }); return r }'],
  ['the prototype of an iterator', 'const P = Object.getPrototypeOf([][Symbol.iterator]()); exports.step = () => { const r = typeof P.emvmI; P.emvmI = () => 1; return r }'],
  ['the prototype of functions, of generators and of async functions', 'const A = (async () => {}).constructor.prototype, G = Object.getPrototypeOf(function * () {}); exports.step = () => { const r = [A.emvmA, G.emvmG, Function.prototype.emvmF]; A.emvmA = G.emvmG = Function.prototype.emvmF = 1; return r }'],
  ['Symbol.for', 'exports.step = () => { const s = Symbol.for("emvm.k"); const r = s.description + (globalThis[s] ?? "none"); globalThis[s] = 1; return r }'],
  ['an accessor on globalThis', 'let n = 0; exports.step = () => { const r = Object.hasOwn(globalThis, "emvmGet"); Object.defineProperty(globalThis, "emvmGet", { get: () => ++n, configurable: true }); return [r, globalThis.emvmGet, typeof emvmGet] }'],
  ['a global by assignment to a name', 'exports.step = () => { const r = typeof emvmSloppy; emvmSloppy = 1; return r }'],
  ['a global deleted', 'globalThis.emvmD = 1; exports.step = () => { const r = "emvmD" in globalThis; delete globalThis.emvmD; return r }'],
  ['a subclass of DataView and of ArrayBuffer', 'class D extends DataView { k = 0 } class B extends ArrayBuffer { m = 0 } const b = new B(8), d = new D(b); exports.step = () => { d.setInt8(0, d.getInt8(0) + 1); return [d.getInt8(0), d.k++, b.m++] }'],
  ['a resizable ArrayBuffer', 'const b = new ArrayBuffer(8, { maxByteLength: 64 }); const v = new Uint8Array(b), w = new Uint8Array(b, 4, 4); exports.step = () => { const r = [b.byteLength, v.length, v[0]++, w[0]++, w.length]; b.resize(r[0] + 8); v[12] = 1; return r }'],
  ['a resizable ArrayBuffer that shrinks', 'const b = new ArrayBuffer(16, { maxByteLength: 64 }); const v = new Uint8Array(b); v.fill(7); exports.step = () => { const r = [b.byteLength, v.join()]; b.resize(2); return r }'],
  ['a growable SharedArrayBuffer', 'const b = new SharedArrayBuffer(8, { maxByteLength: 64 }); const v = new Uint8Array(b); exports.step = () => { const r = [b.byteLength, v[0]++]; b.grow(r[0] + 8); return r }', 'restore'],
  ['a small SharedArrayBuffer and Atomics', 'const a = new Int32Array(new SharedArrayBuffer(16)); exports.step = () => [Atomics.add(a, 0, 1), Atomics.exchange(a, 1, 5), Atomics.notify(a, 2)]'],
  ['revocation of a Proxy of the generation', 'const m = new Map(); exports.step = () => { const r = m.size; const p = Proxy.revocable({}, {}); m.set("p", p); p.revoke(); return r }'],
  ['a Proxy of an array and of a function', 'const a = new Proxy([1, 2], {}), f = new Proxy(function () { return f.n = (f.n || 0) + 1 }, {}); exports.step = () => { a.push(3); return [a.length, f()] }'],
  ['a MessageChannel made in each generation', 'let ports; exports.step = () => { const was = typeof ports; ports = new MessageChannel(); ports.port1.onmessage = () => {}; ports.port1.close(); return was }'],
  ['a message that arrives in the next generation', 'let n = 0; exports.step = () => { const was = n; const { port1, port2 } = new MessageChannel(); port1.onmessage = () => { n = 50; port1.close() }; port2.postMessage(1); return was }'],
  ['an AsyncLocalStorage', 'const { AsyncLocalStorage } = require("async_hooks"); const s = new AsyncLocalStorage(); exports.step = () => { const was = s.getStore(); s.enterWith(7); return was }', 'host-object'],
  ['an AsyncLocalStorage by run', 'const { AsyncLocalStorage } = require("async_hooks"); const s = new AsyncLocalStorage(); let n = 0; exports.step = () => s.run({ k: n++ }, () => s.getStore().k)', 'host-object'],
  ['listeners of an emitter', 'const e = new (require("events"))(); let n = 0; e.on("x", () => n++); e.once("o", () => { n += 10 }); exports.step = () => { e.emit("x"); e.emit("o"); e.prependListener("x", () => { n += 100 }); e.removeAllListeners("o"); e.setMaxListeners(99); return [n, e.listenerCount("x"), e.eventNames().length, e.getMaxListeners()] }'],
  ['a class that extends EventEmitter', 'class E extends require("events") { constructor () { super({ captureRejections: true }); this.n = 0; this.on("up", () => this.n++) } } const e = new E(); exports.step = () => { e.emit("up"); e.on("up", () => { e.n += 10 }); return [e.n, e.listenerCount("up")] }'],
  ['an emitter of Node\'s own that gets listeners', 'exports.step = () => { const n = process.stdout.listenerCount("emvm"); process.stdout.on("emvm", () => {}); return n }'],
  ['require("events").defaultMaxListeners', 'const ev = require("events"); exports.step = () => { const n = ev.defaultMaxListeners; ev.defaultMaxListeners = n + 1; return n }'],
  ['a property on a module of Node\'s', 'const p = require("path"); exports.step = () => { const r = typeof p.emvmX; p.emvmX = 1; return r }'],
  ['a function of a module of Node\'s replaced', 'const p = require("os"); exports.step = () => { const r = p.EOL + p.hostname.name; p.hostname = function mine () {}; return r.length }'],
  ['an AbortSignal\'s listeners', 'const c = new AbortController(); let n = 0; c.signal.addEventListener("abort", () => { n++ }); exports.step = () => { c.signal.addEventListener("abort", () => { n += 10 }); c.abort(); return [n, c.signal.aborted] }'],
  ['an AbortSignal\'s listeners and no abort', 'const c = new AbortController(); let n = 0; c.signal.addEventListener("x", () => { n++ }); exports.step = () => { c.signal.dispatchEvent(new Event("x")); c.signal.addEventListener("x", () => { n += 10 }); c.signal.onabort = () => {}; return n }'],
  ['AbortSignal.onabort', 'const c = new AbortController(); exports.step = () => { const r = typeof c.signal.onabort; c.signal.onabort = () => {}; return r }'],
  ['an EventTarget with once and capture', 'const t = new EventTarget(); let n = 0; const f = () => { n++ }; t.addEventListener("x", f, { once: true }); exports.step = () => { t.dispatchEvent(new Event("x")); t.dispatchEvent(new Event("x")); t.removeEventListener("x", f); return n }'],
  ['an Event that is kept', 'const e = new Event("x", { cancelable: true }); exports.step = () => { const r = e.defaultPrevented; e.preventDefault(); return r }', 'host-object'],
  ['an Event that is kept and was dispatched', 'const e = new CustomEvent("x", { detail: { n: 0 } }); exports.step = () => [e.detail.n++, e.target === null, new EventTarget().dispatchEvent(e)]', 'host-object'],
  ['listeners of process, by name and by symbol', 'const k = Symbol("k"); exports.step = () => { const n = [process.listenerCount("emvm"), process.listenerCount(k)]; process.on("emvm", () => {}); process.once(k, () => {}); process.emit("emvm"); return n }'],
  ['process.env', 'exports.step = () => { const r = process.env.EMVM_HIDES; process.env.EMVM_HIDES = "1"; return r }'],
  ['process.title, argv, exitCode, cwd', 'exports.step = () => { const r = [process.argv.length, process.exitCode]; process.argv.push("x"); process.exitCode = 0; return r }'],
  ['require.cache', 'exports.step = () => { const r = Object.keys(require.cache).length; require.cache.emvm = { exports: 1 }; const e = require.cache[__filename]; const had = e?.emvm; if (e) e.emvm = 1; return [r, had] }'],
  ['a file that is required in each generation', 'exports.step = () => { const o = require("./other.js"); return [o.n++, o.up()] }', undefined, { 'other.js': 'let k = 0; exports.n = 0; exports.up = () => k++' }],
  ['a file whose entry in require.cache goes', 'require("./other.js"); exports.step = () => { const o = require("./other.js"); const r = [o.n++, o.up()]; delete require.cache[require.resolve("./other.js")]; return r }', undefined, { 'other.js': 'let k = 0; exports.n = 0; exports.up = () => k++' }],
  ['a JSON file', 'const j = require("./data.json"); exports.step = () => [j.n++, j.l.push(1)]', undefined, { 'data.json': '{"n":0,"l":[]}' }],
  ['a let that shadows a global', 'let Array = { n: 0 }, Map = class { k = 0 }, undefined_ = 0; const m = new Map(); exports.step = () => [Array.n++, m.k++]'],
  ['a file that has its own Promise', 'const Promise = class { constructor (f) { this.n = 0; f((v) => { this.v = v }) } then (f) { this.n++; return f(this.v) } }; const p = new Promise((r) => r(1)); exports.step = () => [p.then((v) => v), p.n]'],
  ['timers with arguments and refs', 'let n = 0; exports.step = () => { const was = n; const i = setInterval((k) => { n += k }, 1, 5); i.unref(); setTimeout(function () { n += 100; this.refresh() }, 1).unref(); return was }'],
  ['a timer of timers/promises', 'const { setTimeout: wait } = require("timers/promises"); let n = 0; exports.step = () => { const was = n; wait(1).then(() => { n = 5 }); (async () => { await wait(0); n = 6 })(); return was }'],
  ['a timer of require("timers")', 'const t = require("timers"); let n = 0; exports.step = () => { const was = n; t.setTimeout(() => { n = 5 }, 0); t.setImmediate(() => { n = 6 }); return was }'],
  ['util.promisify(setTimeout)', 'const wait = require("util").promisify(setTimeout); let n = 0; exports.step = () => { const was = n; wait(1).then(() => { n = 5 }); return was }'],
  ['an interval by for await', 'let n = 0; exports.step = () => { const was = n; (async () => { for await (const x of require("timers/promises").setInterval(1)) { n++; if (n > 3) break } })(); return was }'],
  ['a ReadableStream', 'let n = 0; const s = new ReadableStream({ pull (c) { c.enqueue(n++) } }); exports.step = async () => { const r = s.getReader(); const v = (await r.read()).value; r.releaseLock(); return v }', 'host-object'],
  ['a ReadableStream made in a generation', 'let n = 0; exports.step = () => { const was = n; const s = new ReadableStream({ pull (c) { n++; c.enqueue(1) } }, { highWaterMark: 5 }); s.getReader().read().then(() => { n += 100 }); return was }'],
  ['a stream that is under way', 'const { Readable } = require("stream"); let n = 0; exports.step = () => { const was = n; const r = Readable.from(["a", "b"]); r.on("data", () => { n++ }); r.on("end", () => { n += 50 }); return was }'],
  ['a TextDecoder of util', 'const { TextDecoder: T } = require("util"); const d = new T(); exports.step = () => [d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), d.decode(new Uint8Array([0xac]), { stream: true }), d.decode(new Uint8Array([0xe2]), { stream: true })]'],
  ['a TextDecoder of globalThis', 'const d = new globalThis.TextDecoder(); exports.step = () => [d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), d.decode(new Uint8Array([0xac]), { stream: true }), d.decode(new Uint8Array([0xe2]), { stream: true })]'],
  ['a TextDecoder within a stream at the image, fatal', 'const d = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }); d.decode(new Uint8Array([0xe2]), { stream: true }); exports.step = () => { let r; try { r = d.decode(new Uint8Array([0x82, 0xac, 0xe2]), { stream: true }) } catch (e) { r = e.name } return r }'],
  ['a StringDecoder', 'const { StringDecoder } = require("string_decoder"); const d = new StringDecoder("utf8"); exports.step = () => { const r = d.write(Buffer.from([0xac])); d.write(Buffer.from([0xe2, 0x82])); return r }', 'host-object'],
  ['a hash half fed, in a generation', 'let h; const c = require("crypto"); exports.step = () => { const was = typeof h; h = c.createHash("sha1"); h.update("x"); return [was, h.copy().digest("hex")] }'],
  ['a hash half fed', 'const h = require("crypto").createHmac("sha1", "k"); h.update("a"); exports.step = () => { h.update("x"); return 1 }', 'host-object'],
  ['a cipher', 'const c = require("crypto").createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)); exports.step = () => c.update("abc", "utf8", "hex")', 'host-object'],
  ['zlib half fed', 'const z = require("zlib").createGzip(); exports.step = () => { z.write("abc"); return z.bytesWritten }', 'pending'],
  ['zlib, in a generation', 'const z = require("zlib"); let n = 0; exports.step = () => { const was = n; z.gzip("abc", () => { n = 7 }); return [was, z.inflateSync(z.deflateSync("q")).toString()] }'],
  ['an fs.ReadStream', 'const s = require("fs").createReadStream(__filename).on("error", () => {}); exports.step = () => { s.read(); return s.bytesRead }', 'host-object'],
  ['an open descriptor', 'const fs = require("fs"); const fd = fs.openSync(__filename); exports.step = () => { const b = Buffer.alloc(4); fs.readSync(fd, b); return b.toString() }', 'pending'],
  ['a descriptor opened in a generation', 'const fs = require("fs"); let fd; exports.step = () => { const was = typeof fd; fd = fs.openSync(__filename); return was }'],
  ['the pool of Buffer', 'const a = Buffer.allocUnsafe(16).fill(0), b = Buffer.from("abc"), c = a.subarray(4, 8); exports.step = () => { const r = [a[5]++, b[1]++, c[0]++, c.buffer === a.buffer]; Buffer.from("other").fill(1); return r }'],
  ['Buffer.poolSize', 'exports.step = () => { const r = Buffer.poolSize; Buffer.poolSize = r + 8; return r }'],
  ['a method of console replaced', 'exports.step = () => { const r = console.emvm; console.emvm = 1; return r }'],
  ['WebAssembly.Global of i64 and of references', 'const g = new WebAssembly.Global({ value: "i64", mutable: true }, 5n), r = new WebAssembly.Global({ value: "externref", mutable: true }, { n: 0 }); exports.step = () => { g.value++; const o = r.value; const out = [String(g.value), o?.n]; if (o) o.n++; r.value = { n: 9 }; return out }'],
  ['entries of a WebAssembly.Table', 'const t = new WebAssembly.Table({ initial: 2, element: "externref" }); t.set(0, { n: 0 }); exports.step = () => { const o = t.get(0); const r = [o.n++, t.get(1) === undefined, t.length]; t.set(1, o); t.set(0, { n: 5 }); t.grow(1); return r }'],
  ['WebAssembly.Memory grown through JS', 'const m = new WebAssembly.Memory({ initial: 1, maximum: 10 }); let v = new Uint8Array(m.buffer); exports.step = () => { const r = [m.buffer.byteLength, v.length, new Uint8Array(m.buffer)[9]++]; m.grow(1); v = new Uint8Array(m.buffer); v[65536] = 1; return r }'],
  ['WebAssembly.Memory\'s extra property', 'const m = new WebAssembly.Memory({ initial: 1 }); exports.step = () => { const r = m.mine; m.mine = 1; return r }'],
  ['a patched WebAssembly', 'exports.step = () => { const r = WebAssembly.emvmX; WebAssembly.emvmX = 1; const f = WebAssembly.instantiate; WebAssembly.instantiate = 0; return [r, typeof f] }'],
  ['a patched prototype of WebAssembly', 'exports.step = () => { const r = WebAssembly.Memory.prototype.emvmX; WebAssembly.Memory.prototype.emvmX = 1; return r }'],
  ['the Function constructor by a prototype', 'const F = (() => {}).constructor; const up = new F("o", "let q = 0; return () => [o.n++, q++]")({ n: 0 }); exports.step = () => up()'],
  ['the AsyncFunction and the GeneratorFunction constructor', 'const A = (async () => {}).constructor, G = (function * () {}).constructor; const up = new A("o", "let q = 0; return () => [o.n++, q++]"); let f; exports.ready = up({ n: 0 }).then((g) => { f = g }); exports.step = () => f()'],
  ['vm.runInThisContext', 'const up = require("vm").runInThisContext("(() => { let q = 0; return () => q++ })()"); exports.step = () => up()', 'construct'],
  ['vm.createContext', 'const vm = require("vm"); const c = vm.createContext({ n: 0 }); exports.step = () => vm.runInContext("n++", c)', 'restore'],
  ['Object.freeze by globalThis', 'const o = { a: 1 }; exports.step = () => { const r = Object.isFrozen(o); globalThis.Object.freeze(o); return r }', 'restore'],
  ['Reflect.apply(Object.defineProperty)', 'const o = { a: 1 }; exports.step = () => { const r = Object.getOwnPropertyDescriptor(o, "a").enumerable; Reflect.apply(Object.defineProperty, null, [o, "a", { enumerable: false }]); return r }'],
  ['a var of a function from eval in a default', 'function f (a = eval("var z = 1; () => z++"), b = () => a()) { return b } const g = f(); exports.step = () => g()'],
  ['module.children, module.paths, module.loaded', 'exports.step = () => { const r = [module.loaded, module.emvm]; module.emvm = 1; module.loaded = 5; return r }'],
  ['require.extensions and require.resolve', 'exports.step = () => { const r = [typeof require.extensions?.[".emvm"], require.emvm]; if (require.extensions) require.extensions[".emvm"] = () => {}; require.emvm = 1; return r }'],
  ['a DOMException', 'const e = new DOMException("m", "AbortError"); let n = 0; exports.step = () => { const r = e.x; e.x = 1; return [r, n++] }'],
  ['Headers, Request and Response', 'const h = new Headers({ a: "1" }); exports.step = () => { const r = h.get("a"); h.set("a", "2"); return r }'],
  ['a Response', 'const r = new Response("abc"); exports.step = async () => { const u = r.bodyUsed; await r.text().catch(() => {}); return u }', 'host-object'],
  ['diagnostics_channel', 'const dc = require("diagnostics_channel"); exports.step = () => { const c = dc.channel("emvm:hidden"); const r = c.hasSubscribers; c.subscribe(() => {}); return r }'],
  ['EventEmitter.once and on of events', 'const { once, on, EventEmitter } = require("events"); const e = new EventEmitter(); let n = 0; exports.step = () => { const was = [n, e.listenerCount("x")]; once(e, "x").then(() => { n = 4 }); setImmediate(() => e.emit("x")); return was }'],
  ['WeakMap of globalThis', 'const w = new globalThis.WeakMap(), k = {}; w.set(k, { m: 0 }); exports.step = () => { const r = w.get(k)?.m; w.delete(k); return r }'],
  ['Proxy of globalThis', 'const p = new globalThis.Proxy({ n: 0 }, {}); exports.step = () => p.n++'],
  ['process.nextTick with arguments', 'let n = 0; exports.step = () => { const was = n; process.nextTick((k) => { n = k }, 9); return was }'],
  ['setImmediate in a chain', 'let n = 0; exports.step = () => { const was = n; const f = () => { n++; setImmediate(f) }; setImmediate(f); return was }'],
  ['crypto callbacks', 'const c = require("crypto"); let n = 0; exports.step = () => { const was = n; c.randomBytes(8, () => { n = 3 }); c.pbkdf2("a", "b", 1, 8, "sha1", () => { n = 4 }); c.webcrypto.subtle.digest("SHA-1", new Uint8Array(3)).then(() => { n = 5 }); return was }'],
  ['async hooks', 'const { createHook } = require("async_hooks"); let n = 0; exports.step = () => { const was = n; const h = createHook({ init () { n++ } }); h.enable(); setTimeout(() => {}, 0); h.disable(); return was }'],
  ['a domain-like asyncResource', 'const { AsyncResource } = require("async_hooks"); const r = new AsyncResource("EMVM"); let n = 0; exports.step = () => r.runInAsyncScope(() => n++)', 'pending'],
  ['Atomics on a WebAssembly memory', 'const m = new WebAssembly.Memory({ initial: 1 }); const v = new Int32Array(m.buffer); exports.step = () => Atomics.add(v, 3, 1)']
])

runCases([
  ['live bindings', 'import { n, up, default as d } from "./other.mjs"; export const step = () => { const r = [n, d.k]; up(); d.k++; return r }', undefined, { 'other.mjs': 'export let n = 0; export const up = () => { n++ }; export default { k: 0 }' }],
  ['a namespace', 'import * as o from "./other.mjs"; export const step = () => { const r = o.n; o.up(); return r }', undefined, { 'other.mjs': 'export let n = 0; export function up () { n++ }' }],
  ['export let that changes', 'export let n = 0; export let o = { k: 0 }; export const step = () => [n++, o.k++]'],
  ['export default that changes', 'let v = 0; export { v as default }; export const step = () => v++'],
  ['import.meta', 'export const step = () => { const r = import.meta.emvm; import.meta.emvm = 1; return r }'],
  ['top-level await', 'const v = await Promise.resolve({ n: 0 }); await new Promise((r) => setTimeout(r, 2)); let k = 0; export const step = () => [v.n++, k++]'],
  ['dynamic import', 'export const step = async () => { const m = await import("./other.mjs"); return m.up() }', undefined, { 'other.mjs': 'let n = 0; export const up = () => n++' }],
  ['dynamic import with a query', 'export const step = async () => { const m = await import("./other.mjs?x"); return m.up() }', undefined, { 'other.mjs': 'let n = 0; export const up = () => n++' }],
  ['a cycle of modules', 'import { a } from "./other.mjs"; export let n = 0; export const inc = () => n++; export const step = () => a()', undefined, { 'other.mjs': 'import { inc } from "./index.mjs"; export const a = () => inc()' }],
  ['re-exports', 'export * from "./other.mjs"; import { up } from "./other.mjs"; export const step = () => up()', undefined, { 'other.mjs': 'export let n = 0; export const up = () => ++n' }],
  ['createRequire', 'import { createRequire } from "module"; const r = createRequire(import.meta.url); const o = r("./other.cjs"); export const step = () => o.up()', undefined, { 'other.cjs': 'let n = 0; exports.up = () => n++' }],
  ['a class exported', 'export class A { static n = 0; #p = 0; up () { return [A.n++, this.#p++] } } const a = new A(); export const step = () => a.up()']
], { name: 'index.mjs' })

test('opening with `rewind` changes nothing of the process', async () => {
  const { stdout, stderr } = await runScript(`
    const { openFile } = require('./__test__/rewind/support')
    const { title } = process
    openFile('exports.step = () => { process.title = "theirs" }', { rewind: true }).then(async (file) => {
      file.vm.exports.step()
      console.log('domain' in new (require('node:events'))(), process.title === title)
      await file.vm.isReady()
      process.setUncaughtExceptionCaptureCallback(() => {})
      file.close()
    })`)
  assert.equal(stderr, '')
  assert.equal(stdout, 'false true\n')
})
