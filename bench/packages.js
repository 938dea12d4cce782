'use strict'

// Twenty packages from npm under requests: emvm with a fresh instance for each, plain Node that makes the module anew for
// each, plain Node that keeps one; on the glue host also emvm with `rewind: true`. Time of a fresh instance, time of the job, and memory after all requests.
//
//   node bench/packages.js [--quick] [--packages NODE_MODULES] [--only a,b]
//
// Without --packages the packages are installed into bench/out/packages first.

const fs = require('node:fs')
const path = require('node:path')
const { execFileSync, fork } = require('node:child_process')
const { quantile, median, geometricMean, duration, ratio, bytes, machine, printTable, save } = require('./lib/measure')
const { PACKAGES } = require('./lib/package-jobs')
const { barChart } = require('./lib/svg')

const QUICK = process.argv.includes('--quick')
const REQUESTS = QUICK ? 60 : 500
const ROUNDS = QUICK ? 3 : 10
const SIDES = ['emvm', 'recreate', 'keep']
const REWOUND = 'rewound'
const option = (name) => process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined

function installed () {
  const given = option('--packages')
  if (given) return path.resolve(given)
  const folder = path.join(__dirname, 'out', 'packages')
  const dependencies = Object.assign({}, ...PACKAGES.map((about) => ({ [about.package]: about.version, ...about.needs })))
  const wanted = JSON.stringify({ private: true, dependencies }, null, 2)
  const file = path.join(folder, 'package.json')
  if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== wanted || !fs.existsSync(path.join(folder, 'node_modules'))) {
    fs.mkdirSync(folder, { recursive: true })
    fs.writeFileSync(file, wanted)
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' })
  }
  return path.join(folder, 'node_modules')
}

class Side {
  constructor (folder, name, side) {
    this.child = fork(path.join(__dirname, 'lib', 'package-side.js'), [folder, name, side], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.started = this.#answer()
  }

  #answer () {
    return new Promise((resolve, reject) => {
      const gone = (code) => reject(new Error(`the process ended with ${code}`))
      this.child.once('exit', gone)
      this.child.once('message', (message) => {
        this.child.removeListener('exit', gone)
        if (message.error) reject(new Error(message.error))
        else resolve(message)
      })
    })
  }

  ask (what, count) {
    const answer = this.#answer()
    this.child.send({ what, count })
    return answer
  }

  end () { if (this.child.connected) this.child.disconnect() }
}

async function measure (folder, { name }) {
  const sides = Object.fromEntries(SIDES.map((side) => [side, { process: new Side(folder, name, side), made: [], done: [] }]))
  try {
    for (const side of Object.values(sides)) side.about = await side.process.started
    if (sides.emvm.about.host === 'glue') {
      const side = sides[REWOUND] = { process: new Side(folder, name, REWOUND), made: [], done: [] }
      side.about = await side.process.started
    }
    for (const { process } of Object.values(sides)) await process.ask('requests', 3)
    const answers = new Set()
    for (let round = 0; round < ROUNDS; round++) {
      for (const side of Object.values(sides)) {
        const { made, done, answer, rss } = await side.process.ask('requests', Math.ceil(REQUESTS / ROUNDS))
        side.made.push(...made)
        side.done.push(...done)
        side.rss = rss
        answers.add(answer)
      }
    }
    if (answers.size > 1) throw new Error('the sides give different answers')
    const { made } = await sides.emvm.process.ask('rested', QUICK ? 5 : 20)
    return {
      host: sides.emvm.about.host,
      restedNs: median(made),
      ...Object.fromEntries(Object.keys(sides).map((side) => {
        const { made, done, rss } = sides[side]
        return [side, { freshNs: median(made), freshP99Ns: quantile(made, 0.99), jobNs: median(done), rss }]
      }))
    }
  } finally {
    for (const { process } of Object.values(sides)) process.end()
  }
}

async function main () {
  const folder = installed()
  const only = option('--only')
  console.log(`${machine()}\n${REQUESTS} requests to each side, ${ROUNDS} rounds interleaved\n`)
  const results = []
  for (const about of PACKAGES) {
    if (only && !only.split(',').some((part) => about.name.includes(part))) continue
    const { name, package: id, version, what, chatty = false } = about
    try {
      const measured = await measure(folder, about)
      results.push({ name, package: id, version, what, chatty, ...measured })
      const { emvm, rewound, recreate, keep } = measured
      console.log(`${name}: fresh ${duration(emvm.freshNs)}${rewound ? `, rewound ${duration(rewound.freshNs)},` : ''} against ${duration(recreate.freshNs)}, job ${duration(emvm.jobNs)} against ${duration(keep.jobNs)}`)
    } catch (error) {
      console.error(`${name}: ${error.message}`)
      process.exitCode = 1
    }
  }
  console.log()
  const request = (side) => side.freshNs + side.jobNs
  printTable(['package', 'host', 'fresh: emvm', 'with a standby', 'rewound', 'made anew', 'job: emvm', 'made anew', 'kept', 'request: emvm / anew', 'rewound / anew', 'memory: emvm', 'made anew', 'kept'],
    results.map(({ name, host, restedNs, emvm, rewound, recreate, keep }) => [
      name, host, duration(emvm.freshNs), duration(restedNs), rewound ? duration(rewound.freshNs) : '', duration(recreate.freshNs), duration(emvm.jobNs), duration(recreate.jobNs), duration(keep.jobNs),
      ratio(request(emvm) / request(recreate)), rewound ? ratio(request(rewound) / request(recreate)) : '', bytes(emvm.rss), bytes(recreate.rss), bytes(keep.rss)
    ]))
  const summary = {
    requestOverAnew: geometricMean(results.map(({ emvm, recreate }) => request(emvm) / request(recreate))),
    rewoundOverAnew: geometricMean(results.filter(({ rewound }) => rewound).map(({ rewound, recreate }) => request(rewound) / request(recreate))),
    requestOverKept: geometricMean(results.map(({ emvm, keep }) => request(emvm) / request(keep))),
    jobOverKept: geometricMean(results.map(({ emvm, keep }) => emvm.jobNs / keep.jobNs))
  }
  console.log(`A request (fresh instance and job), geometric means: ${ratio(summary.requestOverAnew)} of making the module anew, ` +
    `${ratio(summary.requestOverKept)} of keeping one for ever. The job alone: ${ratio(summary.jobOverKept)} of V8's. With \`rewind: true\` on the glue host: ${ratio(summary.rewoundOverAnew)} of making it anew.\n`)
  if (only) return
  save('packages', { requests: REQUESTS, results, summary }, {
    packages: barChart({
      title: 'A request on a fresh instance: twenty packages',
      subtitle: 'emvm against plain Node that makes the module anew (1.0): fresh instance and job, medians',
      log: true,
      format: (value) => value >= 0.1 ? value.toFixed(1) : String(Number(value.toPrecision(1))),
      reference: 1,
      rows: results.map(({ name, host, emvm, recreate, chatty }) => {
        const value = request(emvm) / request(recreate)
        return { label: `${name}${chatty ? ' (chatty)' : ''}`, value, note: `${ratio(value)}  ${duration(request(emvm))} / ${duration(request(recreate))}`, colour: host === 'native' ? 'emvm' : 'extra', group: host }
      }).sort((a, b) => a.group === b.group ? a.value - b.value : a.group === 'native' ? -1 : 1)
    })
  })
}

main()
