'use strict'

// Arguments: such as JavaScript may pass, and such as fit a wasm type.

const ANY = [undefined, null, true, 0, 1, -1, 4096, 65535, 2 ** 31, 1.5, NaN, 'x', 7n, {}, [], () => 1, Symbol('s')]
const INTEGERS = [0, 1, -1, 2, 7, 255, 4096, 65535, 65536, 0x7fffffff, -0x80000000]
const FLOATS = [0, -0, 1, -1.5, 1e-40, 3.4e38, 1e300, Infinity, -Infinity, NaN, 2 ** 31, 2 ** 63, -(2 ** 63)]

function fitting (type, rng, refs) {
  switch (type) {
    case 'i32': return rng.below(3) ? rng.pick(INTEGERS) : rng.next() | 0
    case 'i64': return rng.below(3) ? BigInt(rng.pick(INTEGERS)) : BigInt.asIntN(64, (BigInt(rng.next()) << 32n) | BigInt(rng.next()))
    case 'f32':
    case 'f64': return rng.below(3) ? rng.pick(FLOATS) : (rng.next() - 2 ** 31) / 65536
    case 'externref': return rng.pick(refs)
    default: return null
  }
}

module.exports = { ANY, fitting }
