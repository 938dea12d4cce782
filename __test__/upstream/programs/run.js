'use strict'

// Emscripten's small programs, compiled and run under plain Node and under emvm's native host: standard output and
// exit status must be the same at start, by `callMain`, and by `callMain` after a recycle.
//
//   node __test__/upstream/programs/run.js [--only=PART,PART] [--jobs=N] [--verbose] [--compile] [TESTS_FOLDER]
//
// `--compile` only fills the cache of builds. Ends with 1 when a program gives something else under emvm than under plain Node.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { EMCC, EMXX, build, inParallel, testFolder } = require('../emscripten')
const { select } = require('./selection')

const RUN_TIMEOUT = 300_000
const MARK = '\x1e'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, jobs: { type: 'string', default: '1' }, verbose: { type: 'boolean' }, compile: { type: 'boolean' } }
})
const folder = testFolder(positionals[0])
const wanted = options.only ? options.only.split(',') : null

function node (args, cwd) {
  return new Promise((resolve) => {
    const out = { stdout: '', stderr: '' }
    const child = spawn(process.execPath, args, { cwd, timeout: RUN_TIMEOUT, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => { out[name] += text })
    child.on('close', (code, signal) => resolve({ ...out, status: signal || code }))
  })
}

// What is between the marks of child.js, by round.
function roundsOf (stdout) {
  const parts = stdout.split(MARK)
  const rounds = {}
  for (let i = 1; i < parts.length; i += 4) {
    const { round } = JSON.parse(parts[i])
    const end = parts[i + 2] && JSON.parse(parts[i + 2])
    rounds[round] = { stdout: parts[i + 1], status: end ? end.status : 'did not end' }
  }
  return rounds
}

// Glue of this age rethrows what nobody catches from within Node's own handler, which makes 7 of Node's status 1.
const uncaught = (status) => status === 7 ? 1 : status

// What this round gives that plain Node does not, or nothing.
function difference (round, plain, before = '') {
  // A return of main at start is nobody's to see.
  if (round.status !== undefined && round.status !== uncaught(plain.status)) return `status ${round.status}, under plain Node ${plain.status}`
  if (before + round.stdout !== plain.stdout) return differingLine(plain.stdout, before + round.stdout)
}

function differingLine (want, got) {
  const [wants, gots] = [want.split('\n'), got.split('\n')]
  const at = wants.findIndex((line, i) => line !== gots[i])
  const line = at < 0 ? wants.length : at
  return `line ${line + 1}: ${JSON.stringify(gots[line])}, under plain Node ${JSON.stringify(wants[line])}`
}

async function check ({ name, file, flags, args }) {
  const compiler = /\.c$/.test(file) ? EMCC : EMXX
  const hasMain = /\bmain\s*\(/.test(fs.readFileSync(file, 'utf8'))
  const methods = !hasMain || flags.some((flag) => flag.includes('EXPORTED_RUNTIME_METHODS')) ? [] : ['-sEXPORTED_RUNTIME_METHODS=callMain']
  const { js, refused } = await build(`program-${name.replace(/\W+/g, '-')}`, compiler, [file, `-I${folder}`, `-I${path.dirname(file)}`, '-w', ...flags, ...methods], [file])
  if (!js) return { name, kind: 'does not compile', lines: [refused.split('\n').find((line) => /error/.test(line)) || refused.split('\n')[0]] }
  if (options.compile) return { name, kind: 'compiles', lines: [] }
  const cwd = path.dirname(js)
  // This Emscripten's glue takes Node's `fetch` for a browser's.
  const runPlain = () => node(['--require', path.join(__dirname, 'name.js'), js, ...args], cwd)
  const plain = await runPlain()
  const emvm = await node([path.join(__dirname, 'child.js'), js, ...args], cwd)
  const rounds = roundsOf(emvm.stdout)
  const lines = []
  if (!rounds['at start']) lines.push(`did not start: ${emvm.stderr.slice(0, 500)}`)
  const { 'before main': setUp = { stdout: '' } } = rounds
  // Constructors ran before the image was taken.
  for (const [round, before] of [['at start', ''], ['callMain', setUp.stdout], ['after a recycle', setUp.stdout]]) {
    const bad = rounds[round] && difference(rounds[round], plain, before)
    if (bad) lines.push(`${round}: ${bad}`)
  }
  if (emvm.status !== 0) lines.push(`ended with ${emvm.status}`)
  if (lines.length) {
    const again = await runPlain()
    if (plain.stdout !== again.stdout || plain.status !== again.status) return { name, kind: 'differs from run to run', lines: [differingLine(plain.stdout, again.stdout)] }
  }
  if (lines.length) return { name, kind: 'different', lines: [...lines, ...complaint(emvm.stderr)] }
  const expected = fs.readFileSync(file.replace(/\.\w+$/, '.out'), 'utf8')
  return { name, kind: 'same', full: Boolean(rounds['after a recycle']), asExpected: plain.stdout.trim() === expected.trim(), lines: [] }
}

const complaint = (stderr) => stderr.trim() ? [`stderr: ${stderr.trim().split('\n').slice(0, 4).join(' | ')}`] : []

async function main () {
  const { programs, skipped } = select(folder)
  const chosen = programs.filter(({ name }) => !wanted || wanted.some((part) => name.includes(part)))
  let done = 0
  const outcomes = await inParallel(chosen, Number(options.jobs), async (program) => {
    const outcome = await check(program)
    done++
    if (options.verbose || outcome.kind === 'different') console.log(`[${done}/${chosen.length}] ${outcome.name}: ${outcome.kind}${outcome.lines.map((line) => `\n    ${line}`).join('')}`)
    return outcome
  })
  const of = (kind) => outcomes.filter((outcome) => outcome.kind === kind)
  const same = of('same')
  console.log(`\n${same.length} of ${chosen.length} programs do as under plain Node, ${of('different').length} do not`)
  console.log(`  ${same.filter(({ full }) => full).length} of them at start, by callMain, and after a recycle; the others have no main to call`)
  console.log(`  ${same.filter(({ asExpected }) => asExpected).length} print just what Emscripten's tests expect`)
  for (const kind of ['does not compile', 'differs from run to run']) {
    console.log(`${of(kind).length}: ${kind}`)
    for (const { name, lines } of of(kind)) console.log(`  ${name}: ${lines.join(' ').trim()}`)
  }
  if (!wanted) {
    console.log(`${skipped.length} left out`)
    for (const { name, why } of skipped) console.log(`  ${name}: ${why}`)
  }
  process.exitCode = of('different').length ? 1 : 0
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
