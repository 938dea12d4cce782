'use strict'

// The flag sets that embind's suite is built with: those of Emscripten's own runner, exceptions in both encodings, 64-bit integers.
// Each entry: name, arguments, sources beside the suite's own.

const NO_UTF8 = '-sEMBIND_STD_STRING_IS_UTF8=0'
const NO_DYNAMIC = '-sDYNAMIC_EXECUTION=0'
const GROWTH = { args: ['-O2', '-sALLOW_MEMORY_GROWTH'], sources: ['isMemoryGrowthEnabled=true.cpp'] }

const base = [
  { name: 'O0', args: ['-O0'] },
  { name: 'O1', args: ['-O1'] },
  { name: 'O2', args: ['-O2'] },
  { name: 'O2-growth', ...GROWTH }
]
const with_ = (suffix, flag) => (set) => ({ ...set, name: `${set.name}-${suffix}`, args: [...set.args, flag] })
const latin1 = base.map(with_('latin1', NO_UTF8))

module.exports = [
  ...base,
  ...latin1,
  ...[...base, ...latin1].map(with_('no-eval', NO_DYNAMIC)),
  { name: 'O2-exceptions', args: ['-O2', '-fexceptions'] },
  { name: 'O2-wasm-exceptions', args: ['-O2', '-fwasm-exceptions'] },
  { name: 'O2-bigint', args: ['-O2', '-sWASM_BIGINT'] }
].map((set) => ({ sources: [], ...set }))
