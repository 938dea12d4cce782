'use strict'

// Makes docs/compatibility.md from a run over real packages:
//   node scripts/compatibility.js RESULTS.json EXPECTED.json > docs/compatibility.md
// RESULTS: what emvm gave, EXPECTED: what plain Node gives, both by case.

const fs = require('node:fs')
const { version } = require('../package.json')

const [results, expected] = process.argv.slice(2).map((file) => JSON.parse(fs.readFileSync(file, 'utf8')))

// Why a case differs, where the cause is known and is not a fault that should be mended.
const REASONS = [
  [/^opencv-/, 'equal but for the kind of a thrown C++ exception: V8 gives the bare pointer, emvm a `CppException`'],
  [/^(onnxruntime|z3)$/, 'uses threads: refused by name'],
  [/^(essentia|opusscript|php|solc|stockfish|quickjs)/, 'the job takes the module synchronously or through a wrapper, which `open()` cannot stand in for'],
  [/^(recast-navigation|mupdf)$/, 'the job keeps objects of its first instance over the recycle: they are stale, and say so'],
  [/^npcz-magic$/, 'reads the real disk through the package\'s own file system'],
  [/^pqc-sphincs$/, 'the job seeds random numbers once for two runs']
]

const reasonOf = (name, why) => {
  const known = REASONS.find(([pattern]) => pattern.test(name))
  return known ? known[1] : why.replaceAll('|', '\\|').replace(/\/\S*\/node_modules\//g, '')
}

const ms = (value) => value === undefined ? '' : value < 1 ? '< 1' : value.toFixed(value < 10 ? 1 : 0)
const rows = Object.keys(expected).sort().map((name) => {
  const plain = expected[name]
  const got = results[name]
  const state = got.ok ? 'equal' : got.why === 'n/a' ? 'not tried: the job goes through the package\'s own wrapper' : reasonOf(name, got.why)
  const hosts = [...new Set(got.hosts || [])].join(', ')
  return `| ${plain.package} | ${plain.version} | ${hosts} | ${plain.features.join(', ')} | ${got.ok ? ms(got.recycleMs) : ''} | ${ms(plain.loadMs)} | ${state} |`
})
const tally = (test) => Object.values(results).filter(test).length

console.log(`# Compatibility

Real packages from npm, each doing real work twice with a recycle between, by emvm ${version}; the results are compared with what plain Node gives,
by digest. ${tally((r) => r.ok)} are equal, ${tally((r) => r.why === 'n/a')} could not be tried this way (their job goes through a wrapper that makes the module itself), ${tally((r) => !r.ok && r.why !== 'n/a')} differ or are
refused, for the reason given.

*recycle*: milliseconds of \`await isReady()\` right after the job, without waiting for a standby. *plain*: milliseconds that plain Node takes to make the module anew.
One run on one machine: orders of magnitude, no benchmark.

| package | version | host | wasm features | recycle | plain | result |
| --- | --- | --- | --- | --: | --: | --- |
${rows.join('\n')}

Jobs of packages that are not tried here are run with their glue over emvm's \`WebAssembly\` namespace instead, see [WebAssembly](webassembly.md).`)
