'use strict'

// Opens packages by the file that their users load, each with the options that it takes, and says whether they give what plain
// Node gives, twice with a recycle between, and whether they ran in emvm at all:
//   node scripts/compatibility-wrappers.js NODE_MODULES[,NODE_MODULES] [--only a,b] [--out RESULTS.json]
// `--generations 3`: three times, with two recycles between.
// Then the same with `rewind: true` over five generations with different work left behind in each.
// `scripts/compatibility.js` makes the second table of docs/compatibility.md of the results.

const fs = require('node:fs')
const path = require('node:path')
const { createHash } = require('node:crypto')
const { spawn } = require('node:child_process')
const { pathToFileURL } = require('node:url')

const { CASES } = require('./compatibility-cases')

// Several folders, with commas between.
const modules = process.argv[2]?.split(',').map((folder) => path.resolve(folder))
const option = (name) => process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : undefined
const at = (spec) => path.join(modules.find((folder) => fs.existsSync(path.join(folder, spec))) ?? modules[0], spec)
const settled = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function loaded (file) {
  try {
    return require(file)
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM' && error.code !== 'ERR_REQUIRE_ASYNC_MODULE' && !/import|export|await/.test(error.message)) throw error
    return import(pathToFileURL(file).href)
  }
}

const GENERATIONS = 5

// Views are told by their bytes.
const plainData = (value) => JSON.parse(JSON.stringify(value, (key, each) => {
  if (typeof each === 'bigint') return `${each}n`
  return ArrayBuffer.isView(each) ? createHash('md5').update(new Uint8Array(each.buffer, each.byteOffset, each.byteLength)).digest('hex') : each
}) ?? 'null')

// One case, in a process of its own: under plain Node, in emvm, or in emvm and rewound.
async function one (name, mode) {
  const { file, options, job, start = () => {}, refused, plain, noFetch, preload } = CASES[name]
  for (const method of ['log', 'warn', 'info', 'error']) console[method] = () => {}
  const answer = (result) => { fs.writeSync(1, `\n${JSON.stringify({ name, ...result })}\n`); process.exit() }
  process.on('unhandledRejection', (error) => answer({ error: String((error && error.stack) || error) }))
  try {
    if (mode === 'plain') {
      if (noFetch) globalThis.fetch = undefined
      const exported = await loaded(at(file))
      const module = plain ? await plain(exported, at) : exported
      await start(module, at)
      const given = await job(module, at, 1)
      return answer({ values: [plainData(preload ? given.values : given)] })
    }
    if (preload) {
      // Two instances, one after the other: nothing is recycled here.
      const exported = await loaded(at(file))
      const given = [await job(exported, at, 1), await job(exported, at, 1)]
      return answer({ values: given.map(({ values }) => plainData(values)), inside: given.every(({ inside }) => inside) })
    }
    const { open } = require('..')
    const rewind = mode === 'rewind'
    const vm = await open(at(file), { ...options, ...(options.wasm && { wasm: at(options.wasm) }), ...(rewind && { host: 'glue', rewind }), warmUp: async (module) => { await start(module, at) } })
    const values = []
    let recycleMs
    for (let generation = 1; ; generation++) {
      values.push(plainData(await job(vm.exports, at, 1)))
      if (generation === (rewind ? GENERATIONS : Number(option('generations') ?? 2))) break
      // What each leaves behind is different.
      if (rewind) await job(vm.exports, at, 1 + generation)
      else await settled(100)
      const before = performance.now()
      await vm.isReady()
      recycleMs = performance.now() - before
    }
    const { calls, rewind: state, rewindReason } = vm.stats()
    answer({ values, host: vm.host, calls, recycleMs, state, rewindReason })
  } catch (error) {
    answer({ error: String((error && error.stack) || error), code: error && error.code, ...(refused && { refused: error.code === refused }) })
  }
}

function inProcess (name, mode) {
  return new Promise((resolve) => {
    const flags = CASES[name].preload && mode === 'inside' ? ['--require', path.join(__dirname, '..', 'preload.js')] : []
    // The flags of this process are theirs: plain Node has JSPI by one, before Node 26.
    const child = spawn(process.execPath, [...process.execArgv, ...flags, '--expose-gc', __filename, modules.join(), '--one', name, '--mode', mode, ...(option('generations') ? ['--generations', option('generations')] : [])], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => { out += chunk })
    child.stderr.on('data', (chunk) => { err += chunk })
    const late = setTimeout(() => child.kill('SIGKILL'), 600_000)
    child.on('close', (code, signal) => {
      clearTimeout(late)
      const line = out.split('\n').filter((text) => text.startsWith('{"name"')).at(-1)
      resolve(line ? JSON.parse(line) : { name, error: `no result: exit ${code} ${signal ?? ''} ${err.slice(-300)}` })
    })
  })
}

function versionOf (name) {
  try {
    return JSON.parse(fs.readFileSync(at(`${name}/package.json`), 'utf8')).version
  } catch {
    return undefined
  }
}

// What a row says: a package is what stands before what of it is opened, in parentheses.
const packageOf = (name) => name.split(' ')[0]

async function all () {
  const only = option('only')?.split(',')
  const out = option('out')
  // What an earlier run gave of other cases stays.
  const results = out !== undefined && fs.existsSync(out) ? JSON.parse(fs.readFileSync(out, 'utf8')) : {}
  for (const [name, { file, options, refused, native, preload }] of Object.entries(CASES)) {
    const version = versionOf(packageOf(name))
    if ((only && !only.includes(name)) || version === undefined) continue
    const got = await inProcess(name, 'inside')
    const plain = refused ? {} : await inProcess(name, 'plain')
    const rewound = refused || preload ? {} : await inProcess(name, 'rewind')
    const expected = JSON.stringify(plain.values?.[0])
    const isEqual = ({ values, calls, inside }) => expected !== undefined && values?.every((value) => JSON.stringify(value) === expected) && (native || inside || calls > 0)
    const equal = isEqual(got)
    const why = refused ? (got.refused ? `refused by name: ${refused}` : 'not refused') : got.error ? got.error.split('\n')[0] : plain.error ? `plain Node: ${plain.error.split('\n')[0]}` : equal ? 'equal' : got.calls > 0 ? 'another result' : 'nothing ran in emvm'
    const rewind = refused || preload ? undefined : rewound.error ? rewound.error.split('\n')[0] : rewound.state !== 'on' ? rewound.rewindReason : isEqual(rewound) ? 'yes' : 'another result'
    results[name] = { version, file, options, native, preload, ok: refused ? got.refused === true : Boolean(equal), why, host: got.host, calls: got.calls, recycleMs: got.recycleMs, rewind, rewindMs: rewound.recycleMs }
    if (out !== undefined) fs.writeFileSync(out, JSON.stringify(results, null, 1))
    console.log(results[name].ok ? 'ok  ' : 'FAIL', name, got.host ?? '', got.calls ?? '', why, '| rewound:', rewind ?? '')
  }
  console.log(`${Object.values(results).filter(({ ok }) => ok).length} of ${Object.keys(results).length} as they should be; ${Object.values(results).filter(({ rewind }) => rewind === 'yes').length} rewound and equal`)
}

if (!modules) {
  console.error('usage: node scripts/compatibility-wrappers.js NODE_MODULES[,NODE_MODULES] [--only a,b] [--out RESULTS.json]')
  process.exitCode = 2
} else if (option('one')) {
  one(option('one'), option('mode'))
} else {
  all()
}
