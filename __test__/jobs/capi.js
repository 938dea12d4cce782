'use strict'

const { attempt } = require('../support/outcome')

const TEXTS = ['', 'a', 'plain text', 'näïve', '€uro', '😀 smile', 'x'.repeat(300), 'é'.repeat(200), '日本語'.repeat(40), 'lone \ud800 high', 'lone low \udc00 x', 'end \ud83d']
const STRINGS = {
  UTF8: ['stringToUTF8', 'UTF8ToString', 'lengthBytesUTF8'],
  UTF16: ['stringToUTF16', 'UTF16ToString', 'lengthBytesUTF16'],
  UTF32: ['stringToUTF32', 'UTF32ToString', 'lengthBytesUTF32']
}
// Bytes that are no UTF-8, short (decoded by hand) and long (decoded by TextDecoder).
const BROKEN = [[0xff, 0x41], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0x80, 0x80, 0x41], [0xed, 0xa0, 0x80], [0xc0, 0x80, 0x41], [0xef, 0xbb, 0xbf, 0x41]]

exports.job = (m, { argument = {} }) => {
  const { bigint = false } = argument
  const result = {}
  const say = (name, run) => { result[name] = attempt(run) }
  const bytesAt = (ptr, n) => Array.from(m.HEAPU8.subarray(ptr, ptr + n))
  const room = m._malloc(4096)

  // Calls
  say('add', () => m._add(2, 3))
  say('wraps', () => m._add(2147483647, 1))
  say('truncates', () => m._add(1.9, -1.9))
  say('texts are numbers', () => m._add('7', true))
  say('missing', () => m._add(5))
  say('big', () => m._big())
  say('scale', () => m._scale(1.5, 0.1))
  say('half', () => m._half(0.1))
  say('nothing', () => m._nothing())
  say('many', () => m._many(1, 2, 3, 4, 5, 6, 7, 8))
  say('too many', () => m._many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
  say('count', () => [m._count(), m._count(), m._count()])
  say('trap', () => m._trap())
  say('after a trap', () => m._add(1, 1))
  if (bigint) {
    say('mul64', () => m._mul64(3000000000n, -4n))
    say('mul64 of a number', () => m._mul64(1, 2))
  }

  // ccall and cwrap
  const c = (...args) => attempt(() => m.ccall(...args))
  result.ccall = [
    c('add', 'number', ['number', 'number'], [4, 5]),
    c('greet', 'string', ['string'], ['Zoë 😀']),
    c('greet', 'string', ['string'], [null]),
    c('greet', 'string', ['string'], [undefined]),
    c('greet', 'string', ['string'], ['']),
    c('greet', 'string', ['string'], ['w\u0000x']),
    c('null_text', 'string', [], []),
    c('is_odd', 'boolean', ['number'], [3]),
    c('is_odd', 'boolean', ['number'], [4]),
    c('negate', 'number', ['boolean'], [true]),
    c('nothing', null, [], []),
    c('nothing', null),
    c('big', 'number', null, []),
    c('sum_bytes', 'number', ['array', 'number'], [new Uint8Array([1, 2, 250]), 3]),
    c('sum_bytes', 'number', ['array', 'number'], [[1, 2, 250], 3]),
    c('length', 'number', ['string'], ['ÿ'.repeat(1000)]),
    c('length', 'number', ['string'], [12345])
  ]
  const stack = m.stackSave()
  for (let i = 0; i < 1000; i++) m.ccall('length', 'number', ['string'], ['x'.repeat(5000)])
  say('the stack comes back', () => m.stackSave() === stack)
  const w = (args, ...signature) => attempt(() => m.cwrap(...signature)(...args))
  result.cwrap = [
    w([1, 2], 'add', 'number', ['number', 'number']),
    argument.assertions ? 3 : w([1, 2], 'add', 'number'),
    w(['you'], 'greet', 'string', ['string']),
    w([[5, 6], 2], 'sum_bytes', 'number', ['array', 'number']),
    w([], 'nothing', null, []),
    w([3], 'is_odd', 'boolean', ['number'], {}),
    typeof m.cwrap('add', 'number', ['number', 'number'])
  ]

  // Memory
  m.HEAPF64.set([0.5, 1.25, 4], room >> 3)
  say('sum_doubles', () => m._sum_doubles(room, 3))
  say('block', () => bytesAt(m._block(6), 6))
  for (const [type, value] of [['i1', 1], ['i8', -3], ['i8', 300], ['i16', -12345], ['i32', -123456789], ['i32', 4e9], ['float', 0.1], ['double', Math.PI], ['*', 4000000000], ['i8*', 65536]]) {
    m.setValue(room, value, type)
    result[`value ${type} ${value}`] = [attempt(() => m.getValue(room, type)), bytesAt(room, 8)]
  }
  for (const value of bigint ? [5n, -5n, 1n << 62n] : [5, -5, 2 ** 40 + 3, -(2 ** 40), 1.5e18]) {
    m.setValue(room, value, 'i64')
    result[`value i64 ${value}`] = [bytesAt(room, 8), attempt(() => m.getValue(room, 'i64'))]
  }
  say('default type', () => { m.setValue(room, 77); return m.getValue(room) })
  say('unknown type', () => m.getValue(room, 'i128'))
  say('allocate bytes', () => bytesAt(m.allocate([1, 2, 3, 255], m.ALLOC_NORMAL), 4))
  say('allocate on the stack', () => {
    const saved = m.stackSave()
    const ptr = m.allocate(new Uint8Array([9, 8]), m.ALLOC_STACK)
    const got = bytesAt(ptr, 2)
    m.stackRestore(saved)
    return [got, ptr < saved, saved - m.stackAlloc(20)]
  })
  m.stackRestore(stack)
  say('writeArrayToMemory', () => { m.writeArrayToMemory([1, -1, 256], room); return bytesAt(room, 4) })
  say('writeAsciiToMemory', () => {
    m.HEAPU8.fill(42, room, room + 16)
    m.writeAsciiToMemory('abc', room, true)
    m.writeAsciiToMemory('xyz', room + 8)
    return bytesAt(room, 16)
  })
  say('writeStringToMemory', () => {
    m.HEAPU8.fill(42, room, room + 16)
    m.writeStringToMemory('añb', room, true)
    m.writeStringToMemory('añb', room + 8)
    return bytesAt(room, 16)
  })

  // Texts
  for (const [i, text] of TEXTS.entries()) {
    for (const [kind, [write, read, length]] of Object.entries(STRINGS)) {
      for (const max of [4000, 40, 7, 4, 2, 1, 0]) {
        m.HEAPU8.fill(0xaa, room, room + 4096)
        const wrote = attempt(() => m[write](text, room, max))
        const unit = kind === 'UTF8' ? 1 : kind === 'UTF16' ? 2 : 4
        m.HEAPU8.fill(0, room + 4000, room + 4096)
        result[`${kind} ${i} in ${max}`] = [wrote, bytesAt(room, Math.min(60, wrote + unit + 2)), m[length](text)]
      }
      m[write](text, room, 4000)
      for (const max of [undefined, 0, 3, 16, 17, 18, 1000]) result[`${kind} ${i} read ${max}`] = m[read](room, max)
    }
    result[`array ${i}`] = [m.intArrayFromString(text).slice(0, 50), m.intArrayFromString(text, true).slice(-3), m.intArrayFromString(text, false, 5)]
    say(`allocateUTF8 ${i}`, () => m.UTF8ToString(m.allocateUTF8(text)))
  }
  say('on the stack', () => m.UTF8ToString(m.allocateUTF8OnStack('stäck')))
  m.stackRestore(stack)
  for (const [i, bytes] of BROKEN.entries()) {
    for (const padding of [0, 20]) {
      const all = [...bytes, ...Array(padding).fill(0x2e)]
      m.HEAPU8.set([...all, 0], room)
      result[`broken ${i} ${padding}`] = [m.UTF8ToString(room), m.UTF8ArrayToString(Uint8Array.from([...all, 0]), 0), m.UTF8ArrayToString(Uint8Array.from(all), 0, 2), m.UTF8ArrayToString([...all, 0], 0)]
    }
  }
  say('null is empty', () => m.UTF8ToString(0))
  say('ascii', () => { m.stringToAscii('\u00e9ascii', room); return [m.AsciiToString(room), bytesAt(room, 7)] })
  say('intArrayToString', () => m.intArrayToString([72, 105, 0, 233]))

  // The function table
  const mul = (a, b) => a * b
  const index = m.addFunction(mul, 'iii')
  say('the same function, the same index', () => m.addFunction(mul, 'iii') === index)
  say('call_iii', () => m._call_iii(index, 6, 7))
  say('fold', () => m._fold(m.addFunction((a, b) => a + b * b, 'iii'), 100))
  say('call_ddf', () => m._call_ddf(m.addFunction((a, b) => a + b, 'ddf'), 1.5, 0.25))
  say('call_v', () => { let ran = 0; m._call_v(m.addFunction(() => { ran++ }, 'v')); return ran })
  say('results are converted', () => [m._call_iii(m.addFunction(() => 3.99, 'iii'), 0, 0), m._call_iii(m.addFunction(() => undefined, 'iii'), 0, 0), m._call_iii(m.addFunction(() => '12', 'iii'), 0, 0), m._call_iii(m.addFunction(() => 2 ** 32 + 5, 'iii'), 0, 0)])
  say('thrown', () => m._call_v(m.addFunction(() => { throw new RangeError('mine') }, 'v')))
  say('nested', () => m._call_iii(m.addFunction((a, b) => m._call_iii(index, a, b) + 1, 'iii'), 3, 4))
  m.removeFunction(index)
  say('freed indices are used again', () => m.addFunction((a, b) => a - b, 'iii') === index)
  say('and do the new thing', () => m._call_iii(index, 9, 4))
  if (!argument.assertions) say('an own function has its own index', () => [m.addFunction(m._add) === m._own_add(), m._call_iii(m._own_add(), 20, 22)])
  say('sort', () => {
    m.HEAP32.set([5, -2, 9, 0], room >> 2)
    m._sort(room, 4, m.addFunction((a, b) => m.HEAP32[b >> 2] - m.HEAP32[a >> 2], 'iii'))
    const down = Array.from(m.HEAP32.subarray(room >> 2, (room >> 2) + 4))
    m._sort(room, 4, m._own_compare())
    return [down, Array.from(m.HEAP32.subarray(room >> 2, (room >> 2) + 4))]
  })
  say('a wrong type traps', () => m._call_v(m._own_add()))
  say('a null entry traps', () => m._call_v(0))
  say('an index out of range traps', () => m._call_v(1000000))

  // Output
  m.ccall('say', null, ['string'], ['one\ntwo'])
  m.ccall('say_part', null, ['string'], ['three '])
  m.ccall('say', null, ['string'], ['four ü😀'])
  m.ccall('complain', null, ['string'], ['to stderr'])
  say('quit', () => m._quit(3))
  say('after quit', () => m._add(1, 2))
  if (argument.growth) {
    const before = m.HEAPU8
    say('grow', () => m._grow(40 << 20))
    say('views', () => [before.length, m.HEAPU8.length > 40 << 20, m.HEAP32.buffer === m.HEAPU8.buffer])
    say('text in new memory', () => { const ptr = m._malloc(100); m.stringToUTF8('new', ptr, 10); return m.UTF8ToString(ptr) })
  }
  return result
}
