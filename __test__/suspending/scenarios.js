'use strict'

// What JavaScript Promise Integration does, told as lines of text: the same for V8's `WebAssembly` and emvm's.

const TEXT = `(module
  (type $unary (func (param i32) (result i32)))
  (import "env" "wait" (func $wait (type $unary)))
  (import "env" "plain" (func $plain (type $unary)))
  (import "env" "twice" (func $twice (result i32 i64)))
  (import "env" "reference" (func $reference (param externref) (result externref)))
  (memory (export "memory") 1)
  (table (export "table") 2 funcref)
  (elem (i32.const 0) $wait $plain)
  (global $depth (mut i32) (i32.const 0))
  (func (export "once") (type $unary) (i32.add (call $wait (local.get 0)) (i32.const 1)))
  (func (export "sum") (type $unary) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $wait (local.get 0))))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $again (local.get 0)))
    (local.get $sum))
  (func $deep (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (call $wait (i32.const 100)))))
  (func (export "deep") (type $unary) (call $deep (local.get 0)))
  (func (export "indirect") (type $unary) (call_indirect (type $unary) (i32.const 7) (local.get 0)))
  (func (export "through") (type $unary) (call $plain (local.get 0)))
  (func (export "trapAfter") (type $unary) (drop (call $wait (local.get 0))) (unreachable))
  (func (export "outOfBounds") (type $unary) (drop (call $wait (local.get 0))) (i32.load (i32.const -8)))
  (func (export "divide") (type $unary) (i32.div_s (i32.const 8) (call $wait (local.get 0))))
  (func $forever (type $unary) (i32.add (i32.const 1) (call $forever (local.get 0))))
  (func (export "overflow") (type $unary) (drop (call $wait (local.get 0))) (call $forever (local.get 0)))
  (func (export "grow") (type $unary) (drop (call $wait (local.get 0))) (drop (memory.grow (i32.const 1))) (call $wait (memory.size)))
  (func (export "many") (result i32 i64) (call $twice))
  (func (export "reference") (param externref) (result externref) (call $reference (local.get 0)))
  (func (export "long") (param i64) (result i64) (local.get 0))
  (func (export "nothing"))
  (global $free (mut i32) (i32.const 1024))
  (func $malloc (export "malloc") (param i32) (result i32)
    (global.set $free (i32.add (global.get $free) (local.get 0)))
    (i32.sub (global.get $free) (local.get 0)))
  (func (export "free") (param i32))
  (func (export "allocating") (type $unary) (drop (call $malloc (i32.const 16))) (i32.add (call $wait (local.get 0)) (i32.const 1)))
  (func (export "spin") (type $unary) (drop (call $wait (local.get 0))) (loop $again (br $again)) (unreachable))
  (export "wait" (func $wait)))`

const CATCHING = `(module
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (import "env" "error" (tag $error (param externref)))
  (func (export "caught") (param i32) (result i32)
    (block $caught
      (return (try_table (result i32) (catch_all $caught) (call $wait (local.get 0)))))
    (i32.const -1))
  (func (export "later") (param i32) (result i32) (local $e exnref)
    (block $caught (result exnref)
      (return (try_table (result i32) (catch_all_ref $caught) (call $wait (local.get 0)))))
    (local.set $e)
    (drop (call $wait (i32.const 5)))
    (throw_ref (local.get $e))))`

const later = (value, ms = 1) => new Promise((resolve) => setTimeout(resolve, ms, value))

async function tell (WebAssembly, { plain, catching }) {
  const lines = []
  const say = (text) => lines.push(text)
  const shown = (value) => value instanceof Error ? `${value.name}: ${value.message}` : JSON.stringify(value, (key, part) => typeof part === 'bigint' ? `${part}n` : part)
  const outcome = async (name, promise) => {
    const kind = promise instanceof Promise ? 'promise' : typeof promise
    say(`${name}: ${kind}: ${await Promise.resolve(promise).then((value) => shown(value), (error) => `rejected ${shown(error)}`)}`)
  }
  const attempt = (name, work) => {
    try {
      say(`${name}: ${shown(work())}`)
    } catch (error) {
      say(`${name}: threw ${shown(error)}`)
    }
  }
  let wait = (value) => later(value * 2)
  let through = (value) => value
  const env = {
    wait: new WebAssembly.Suspending((value) => wait(value)),
    plain: (value) => through(value),
    twice: new WebAssembly.Suspending(() => later([3, 4n])),
    reference: new WebAssembly.Suspending((value) => later(value))
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(plain), { env })
  const promising = Object.fromEntries(Object.entries(exports).filter(([, value]) => typeof value === 'function').map(([name, fn]) => [name, WebAssembly.promising(fn)]))

  say(`names ${promising.once.name.length > 0} ${promising.once.length} ${typeof promising.once === 'function'} ${WebAssembly.promising(exports.once) === promising.once}`)
  await outcome('once', promising.once(20))
  await outcome('sum', promising.sum(5))
  await outcome('deep', promising.deep(50))
  await outcome('indirect, suspending', promising.indirect(0))
  await outcome('indirect, not', promising.indirect(1))
  await outcome('nothing', promising.nothing())
  await outcome('many', promising.many())
  const object = { is: 'the same' }
  say(`reference: ${await promising.reference(object) === object}`)
  await outcome('long', promising.long(5n))
  attempt('an argument that cannot be converted', () => promising.long(5))
  await outcome('grow', promising.grow(1))
  say(`memory: ${exports.memory.buffer.byteLength}`)

  wait = (value) => value + 1
  await outcome('no promise', promising.once(1))
  attempt('no promise, no promising', () => exports.once(1))
  wait = (value) => ({ then: (resolve) => resolve(9) })
  await outcome('a thenable', promising.once(1))
  wait = () => later('12')
  await outcome('converted', promising.once(1))
  wait = () => later({ valueOf () { throw new Error('no number') } })
  await outcome('converting throws', promising.once(1))
  wait = () => { throw new Error('thrown at once') }
  await outcome('thrown at once', promising.once(1))
  wait = async () => { await later(); throw new Error('rejected later') }
  await outcome('rejected', promising.once(1))
  wait = () => later(0)
  await outcome('trap', promising.trapAfter(1))
  await outcome('out of bounds', promising.outOfBounds(1))
  await outcome('divide', promising.divide(1))
  await outcome('overflow', promising.overflow(1))
  await outcome('after the traps', promising.once(1))

  wait = (value) => later(value)
  attempt('without promising', () => exports.once(1))
  attempt('the import itself', () => exports.wait(1))
  await outcome('the import itself, promising', promising.wait(4))
  through = (value) => exports.once(value)
  await outcome('JavaScript between', promising.through(1))
  through = (value) => { promising.once(value).then((result) => say(`inner ${result}`)); return value }
  await outcome('a promising call within', promising.through(1))
  await later(undefined, 10)

  const waiting = new Map()
  wait = (value) => new Promise((resolve, reject) => waiting.set(value, { resolve, reject }))
  const calls = [1, 2, 3, 4].map((number) => outcome(`call ${number}`, promising.once(number)))
  await later()
  waiting.get(3).resolve(30)
  await later()
  waiting.get(1).reject(new Error('one'))
  await later()
  waiting.get(4).resolve(40)
  waiting.get(2).resolve(20)
  await Promise.all(calls)

  const first = outcome('first, which traps after the second began', promising.trapAfter(1))
  const second = outcome('second', promising.trapAfter(2))
  await later()
  waiting.get(1).resolve(1)
  await first
  waiting.get(2).resolve(1)
  await second
  // The first goes on while the second waits, begun later.
  const [a, b] = [outcome('a', promising.outOfBounds(1)), outcome('b', promising.outOfBounds(2))]
  await later()
  attempt('a call beside those that wait', () => exports.long(6n))
  attempt('a suspension beside those that wait', () => exports.table.get(0)(1))
  waiting.get(1).resolve(1)
  await a
  waiting.get(2).resolve(1)
  await b

  const order = []
  wait = (value) => Promise.resolve(value)
  const call = promising.once(1).then(() => order.push('call'))
  for (let tick = 0; tick < 6; tick++) queueMicrotask(() => order.push(tick))
  await call
  await later()
  say(`order ${order.join(' ')}`)

  if (catching) {
    wait = async () => { throw new Error('for wasm') }
    const tag = WebAssembly.JSTag
    const instance = new WebAssembly.Instance(new WebAssembly.Module(catching), { env: { ...env, error: tag } })
    const [caught, rethrown] = [WebAssembly.promising(instance.exports.caught), WebAssembly.promising(instance.exports.later)]
    await outcome('caught by wasm', caught(1))
    const one = rethrown(1)
    wait = (value) => later(value)
    // A call that ends meanwhile takes nothing from the one that waits.
    await outcome('another call', promising.once(1))
    await outcome('rethrown after another wait', one)
    wait = () => later(0)
    attempt('a suspension that is not allowed', () => instance.exports.caught(1))
  }
  return lines
}

async function assemble () {
  const { default: binaryen } = await import('binaryen')
  const make = (text) => {
    const module = binaryen.parseText(text)
    const { ReferenceTypes, Multivalue, ExceptionHandling, MutableGlobals } = binaryen.Features
    module.setFeatures(ReferenceTypes | Multivalue | ExceptionHandling | MutableGlobals)
    const bytes = module.emitBinary()
    module.dispose()
    return bytes
  }
  return { plain: make(TEXT), catching: make(CATCHING) }
}

module.exports = { assemble, tell, later }

if (require.main === module) {
  assemble().then((wasm) => tell(process.argv[2] === 'emvm' ? require('../..').WebAssembly : WebAssembly, wasm)).then((lines) => console.log(lines.join('\n')), console.error)
}
