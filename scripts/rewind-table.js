'use strict'

// The part of docs/compatibility.md on rewinding, of what `scripts/rewind-run.js --out` gave:
//   node scripts/rewind-table.js REWIND.json EXPECTED.json

const fs = require('node:fs')

const [results, expected] = process.argv.slice(2).map((file) => JSON.parse(fs.readFileSync(file, 'utf8')))
const micros = (value) => value === undefined ? '' : value < 10 ? value.toFixed(1) : String(Math.round(value))
const reasonOf = ({ error, digests, expected }) => error ? error.split('\n')[0].replaceAll('|', '\\|').replace(/\/\S*\/node_modules\//g, '') : `another result in generation ${digests.findIndex((digest) => digest !== expected) + 1}`

const names = Object.keys(results).sort()
const rewound = names.filter((name) => results[name].ok && results[name].rewind === 'on')
const ratios = rewound.filter((name) => results[name].anewMicros).map((name) => results[name].anewMicros / results[name].rewoundMicros)
const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length)
const rows = names.map((name) => {
  const got = results[name]
  const yes = rewound.includes(name)
  return `| ${name} | ${expected[name].version} | ${yes ? 'yes' : got.ok ? `no: ${got.rewind}` : 'no'} | ${yes ? micros(got.rewoundMicros) : ''} | ${yes ? micros(got.idleMicros) : ''} | ${yes ? micros(got.anewMicros) : ''} | ${got.ok ? 'equal' : reasonOf(got)} |`
})

console.log(`## Rewound

A selection of the cases on the glue host with \`rewind: true\` ([rewind](rewind.md)): five generations with different work left behind in each, every one compared with plain Node.
${rewound.length} of ${names.length} are rewound and equal. Microseconds, medians of one run: *after a job*: the recycle right after the job, with all that it changed and left to the
garbage collector; *idle*: one after another; *anew*: \`isReady()\` without \`rewind\` and without a standby, what the package loads included. Evaluating anew takes ${mean.toFixed(1)} times as long as rewinding right
after a job (geometric mean).

| case | version | rewound | after a job | idle | anew | result |
| --- | --- | --- | --: | --: | --: | --- |
${rows.join('\n')}

Made by \`scripts/rewind-run.js\` and \`scripts/rewind-table.js\`.`)
