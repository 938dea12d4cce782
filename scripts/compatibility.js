'use strict'

// Makes docs/compatibility.md of what `scripts/compatibility-run.js` gave:
//   node scripts/compatibility.js RESULTS.json EXPECTED.json > docs/compatibility.md
// RESULTS: what emvm gave, EXPECTED: what plain Node gives, both by case.

const fs = require('node:fs')
const { version } = require('../package.json')

const [results, expected] = process.argv.slice(2).map((file) => JSON.parse(fs.readFileSync(file, 'utf8')))

// Why a case differs, where the cause is known and is not a fault that should be mended.
const REASONS = [
  [/^opencv-/, 'equal but for the kind of a thrown C++ exception: V8 gives the bare pointer, emvm a `CppException`'],
  [/^recast-navigation$/, 'its wrapper is another package, which keeps the first module it was given for ever'],
  [/^micropython$/, 'the API is a second export beside the factory, and `open()` gives the factory\'s module']
]

// How the job of a case takes its module.
const FORMS = {
  factory: 'factory',
  maker: 'factory',
  module: 'module',
  ahead: 'opened ahead',
  default: 'package API',
  package: 'package API',
  getter: 'package API',
  loader: 'wrapper',
  wrapper: 'wrapper'
}

const reasonOf = (name, why) => {
  const known = REASONS.find(([pattern]) => pattern.test(name))
  if (/^UnsupportedError: this module uses threads/.test(why)) return 'uses threads: refused by name'
  return known ? known[1] : why.replaceAll('|', '\\|').replace(/\/\S*\/node_modules\//g, '')
}

const ms = (value) => value === undefined ? '' : value < 1 ? '< 1' : value.toFixed(value < 10 ? 1 : 0)
const rows = Object.keys(expected).sort().map((name) => {
  const plain = expected[name]
  const got = results[name]
  const state = got.ok ? 'equal' : reasonOf(name, got.why)
  const hosts = [...new Set(got.hosts || [])].join(', ')
  return `| ${plain.package} | ${plain.version} | ${FORMS[got.form] ?? ''} | ${hosts} | ${plain.features.join(', ')} | ${got.ok ? ms(got.recycleMs) : ''} | ${ms(plain.loadMs)} | ${state} |`
})
const all = Object.values(results)

console.log(`# Compatibility

Real packages from npm, each doing real work twice with a recycle between, by emvm ${version}; the results are compared with what plain Node gives,
by digest. ${all.filter(({ ok }) => ok).length} of ${all.length} are equal; the others say why not.

*opened as*: *factory*: \`vm.exports\` stands for what the package's factory gives; *module*: the glue gives its module at once; *opened ahead*: the package calls a factory that answers
at once, so the sandbox is opened before and the factory gives \`vm.exports\`; *package API*: the file is the package's own API with the glue inside; *wrapper*: the same with the glue
in another file ([glue host](glue-host.md)). *recycle*: milliseconds of \`await isReady()\` right after the job; where a standby was made in time, it only swaps. *plain*: milliseconds
that plain Node takes to make the module for the first time. One run on one machine: orders of magnitude, no benchmark; \`bench/packages.js\` is one.

| package | version | opened as | host | wasm features | recycle | plain | result |
| --- | --- | --- | --- | --- | --: | --: | --- |
${rows.join('\n')}

Made by \`scripts/compatibility-run.js\` and \`scripts/compatibility.js\`.`)
