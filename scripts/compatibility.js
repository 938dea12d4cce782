'use strict'

// Makes docs/compatibility.md of what `scripts/compatibility-run.js` gave:
//   node scripts/compatibility.js RESULTS.json EXPECTED.json [WRAPPERS.json] > docs/compatibility.md
// With WRAPPERS alone, only the second table is made anew. RESULTS: what emvm gave, EXPECTED: what plain Node gives, both by case. WRAPPERS: what `scripts/compatibility-wrappers.js` gave.

const fs = require('node:fs')
const path = require('node:path')
const { version } = require('../package.json')

const DOCUMENT = path.join(__dirname, '..', 'docs', 'compatibility.md')
const MARK = '## By the file that users load'

const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8'))
const ms = (value) => value === undefined ? '' : value < 1 ? '< 1' : value.toFixed(value < 10 ? 1 : 0)

// The second table: packages with their own wrappers.
function wrapperTable (wrappers) {
  const rows = Object.entries(wrappers).sort(([a], [b]) => a < b ? -1 : 1).map(([name, { version, file, options, host, calls, recycleMs, native, preload, ok, why, rewind, rewindMs }]) => {
    const given = Object.entries(options).map(([key, value]) => `${key}: ${JSON.stringify(value).replaceAll('"', "'")}`).join(', ')
    const shown = preload ? '`--require emvm/preload`' : given && `\`${given}\``
    const state = ok && native && calls === 0 ? `${why}; the job uses none of its WebAssembly` : why.replaceAll('|', '\\|').replace(/\/\S*\/node_modules\//g, '')
    return `| ${name} | ${version} | \`${file.startsWith(`${packageOf(name)}/`) ? file.slice(packageOf(name).length + 1) : file}\` | ${shown} | ${host ?? ''} | ${calls ?? ''} | ${ms(recycleMs)} | ${rewind === undefined ? '' : rewind === 'yes' ? ms(rewindMs) : `no: ${stepOf(rewind)}`} | ${state} |`
  })
  return `${MARK}

The same for packages that are opened by what their users load: their own entry, a wrapper around glue in a dependency, a module made by wasm-bindgen. *calls*: how often the package called into
WebAssembly in emvm (\`vm.stats().calls\`): where it is not 0, the package ran inside. ${Object.values(wrappers).filter(({ ok }) => ok).length} of ${rows.length} are as they should be.
*rewound*: milliseconds of the recycle with \`rewind: true\` ([rewind](rewind.md)), right after a job, where five generations with different work left behind in each gave what plain Node gives:
${Object.values(wrappers).filter(({ rewind }) => rewind === 'yes').length} packages; else the step that stopped it. Empty: not run, or refused by name.
\`--require emvm/preload\`: the package starts a worker of its own, which is asked whether its \`WebAssembly\` is emvm's; it is not recycled ([the preload](webassembly.md#packages-that-start-workers-of-their-own)). JSPI is compared with Node.js 24 with \`--experimental-wasm-jspi\`.

| package | version | file | options | host | calls | recycle | rewound | result |
| --- | --- | --- | --- | --- | --: | --: | --- | --- |
${rows.join('\n')}

Made by \`scripts/compatibility-wrappers.js\` and \`scripts/compatibility.js\`.`
}

// A package is what stands before what of it is opened, in parentheses.
const packageOf = (name) => name.split(' ')[0]

const stepOf = (text) => /\(([\w-]+)\): (.*?)(, at |\. With|$)/.exec(text)?.slice(1, 3).join(', ') ?? text

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
  return known ? known[1] : why.replaceAll('|', '\\|').replace(/\/\S*\/node_modules\//g, '')
}

function mainTable (results, expected) {
  const rows = Object.keys(expected).sort().map((name) => {
    const plain = expected[name]
    const got = results[name]
    const state = got.ok ? 'equal' : reasonOf(name, got.why)
    const hosts = [...new Set(got.hosts || [])].join(', ')
    return `| ${plain.package} | ${plain.version} | ${FORMS[got.form] ?? ''} | ${hosts} | ${plain.features.join(', ')} | ${got.ok ? ms(got.recycleMs) : ''} | ${ms(plain.loadMs)} | ${state} |`
  })
  const all = Object.values(results)

  return `# Compatibility

Real packages from npm, each doing real work twice with a recycle between, by emvm ${version}; the results are compared with what plain Node gives,
by digest. ${all.filter(({ ok }) => ok).length} of ${all.length} are equal; the others say why not.

*opened as*: *factory*: \`vm.exports\` stands for what the package's factory gives; *module*: the glue gives its module at once; *opened ahead*: the package calls a factory that answers
at once, so the sandbox is opened before and the factory gives \`vm.exports\`; *package API*: the file is the package's own API with the glue inside; *wrapper*: the same with the glue
in another file ([glue host](glue-host.md)). *recycle*: milliseconds of \`await isReady()\` right after the job; where a standby was made in time, it only swaps. *plain*: milliseconds
that plain Node takes to make the module for the first time. One run on one machine: orders of magnitude, no benchmark; \`bench/packages.js\` is one.

| package | version | opened as | host | wasm features | recycle | plain | result |
| --- | --- | --- | --- | --- | --: | --: | --- |
${rows.join('\n')}

Made by \`scripts/compatibility-run.js\` and \`scripts/compatibility.js\`.`
}

const files = process.argv.slice(2).map(read)

if (files.length === 1) {
  // The second table alone is made anew.
  const [before, after] = fs.readFileSync(DOCUMENT, 'utf8').split(MARK)
  const next = after?.indexOf('\n## ') ?? -1
  console.log(`${before.trimEnd()}\n\n${wrapperTable(files[0])}${next < 0 ? '' : `\n${after.slice(next).trimEnd()}`}`)
} else {
  console.log(mainTable(files[0], files[1]))
  if (files[2]) console.log(`\n${wrapperTable(files[2])}`)
}
