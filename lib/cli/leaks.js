'use strict'

// Runs a script with the hook and shows what it left behind.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawn } = require('node:child_process')
const { framesOf, placeOf } = require('../leaks/frames')
const { html } = require('../leaks/flame')
const { pprof } = require('../leaks/pprof')
const { speedscope } = require('../leaks/speedscope')
const { blockStacks, objectStacks } = require('../leaks/stacks')
const { jsonText, table, bytes } = require('./output')

async function leaks (script, args, options) {
  if (!fs.existsSync(script)) throw new Error(`${path.resolve(script)} does not exist`)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-leaks-'))
  try {
    const { code, signal } = await run(script, args, path.join(folder, 'leaks'))
    const sandboxes = fs.readdirSync(folder).flatMap((file) => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')))
    if (code !== 0) process.stderr.write(`emvm: the script ended with ${signal || `exit code ${code}`}\n`)
    show(path.basename(script), sandboxes, options)
    return code === 0 ? 0 : 1
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

// What the script prints goes to standard error: standard output is the report's.
function run (script, args, file) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--require', path.join(__dirname, '..', 'leaks', 'hook.js'), script, ...args], {
      stdio: ['inherit', 2, 2], env: { ...process.env, EMVM_LEAKS_FILE: file }
    })
    // Ctrl-C reaches both processes; the report comes when the script has ended.
    const passOn = Object.entries({ SIGINT: !process.stdin.isTTY, SIGTERM: true, SIGHUP: true }).map(([signal, passes]) => {
      const listener = () => { if (passes) child.kill(/** @type {NodeJS.Signals} */ (signal)) }
      process.on(signal, listener)
      return () => process.removeListener(signal, listener)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      for (const stop of passOn) stop()
      resolve({ code, signal })
    })
  })
}

const MOST_ROWS = 30

function show (name, sandboxes, { json: asJson, format = asJson ? 'json' : 'table', ...files }) {
  const objects = sandboxes.flatMap(({ objects }) => objects).sort((a, b) => b.count - a.count)
  const blocks = sandboxes.flatMap(({ blocks }) => blocks).sort((a, b) => b.bytes - a.bytes || b.count - a.count)
  const notes = sandboxes.filter(({ unwatched }) => unwatched !== undefined).map(({ name, unwatched }) => `${name}: ${unwatched}`)
  const made = {
    html: () => html(blockStacks(blocks), objectStacks(objects), `${name}: what was left behind`, notes),
    speedscope: () => JSON.stringify(speedscope(blockStacks(blocks), objectStacks(objects), name)),
    pprof: () => pprof(blockStacks(blocks), name),
    json: () => jsonText(report(name, sandboxes, blocks, objects)),
    table: () => text(sandboxes, blocks, objects)
  }
  for (const kind of ['html', 'speedscope', 'pprof']) if (files[kind] !== undefined) fs.writeFileSync(files[kind], made[kind]())
  process.stdout.write(made[format]())
}

function report (name, sandboxes, blocks, objects) {
  const placed = ({ stack, ...rest }) => ({ ...rest, place: placeOf(framesOf(stack)[0]), frames: framesOf(stack) })
  return {
    script: name,
    sandboxes: sandboxes.map(({ objects, blocks, ...rest }) => rest),
    total: sum(objects, 'count'),
    leaks: objects.map(placed),
    bytes: sum(blocks, 'bytes'),
    blocks: blocks.map(placed)
  }
}

const many = (count, what) => `${count} ${what}${count === 1 ? '' : 's'}`
/** @type {(list: any[], key: string) => number} */
const sum = (list, key) => list.reduce((total, { [key]: n }) => total + n, 0)

function text (sandboxes, blocks, objects) {
  if (sandboxes.length === 0) return 'The script opened no module with emvm.\n'
  const out = []
  for (const { name, host, generations, dirtyBytes, unwatched } of sandboxes) {
    out.push(`${name}: ${host} host, ${many(generations, 'generation')}, at most ${bytes(dirtyBytes)} written in one`)
    if (unwatched !== undefined) out.push(`  allocations were not watched: ${unwatched}`)
    if (host === 'glue') out.push('  (the glue host: the package keeps the books of its objects itself, emvm cannot see them; blocks it can)')
  }
  if (blocks.length === 0 && objects.length === 0) return [...out, '', 'Nothing was left behind.', ''].join('\n')
  const rows = (list, cells) => list.slice(0, MOST_ROWS).map((each) => cells(each, framesOf(each.stack)[0]))
  const more = (list) => list.length > MOST_ROWS ? [`... and ${list.length - MOST_ROWS} more places: --json has them all`] : []
  if (blocks.length > 0) {
    const headings = ['bytes', 'blocks', 'generations', 'allocated in', 'called from', 'in']
    out.push('', `Never freed: ${bytes(sum(blocks, 'bytes'))} in ${many(sum(blocks, 'count'), 'block')}`, '')
    out.push(...table(headings, rows(blocks, ({ bytes, count, generations, function: asked }, frame) =>
      [bytes, count, generations, shorten(asked ?? '(JavaScript)'), placeOf(frame), frame?.name ?? ''])), ...more(blocks))
  }
  if (objects.length > 0) {
    out.push('', `Never deleted: ${many(sum(objects, 'count'), 'C++ object')}`, '')
    out.push(...table(['objects', 'class', 'generations', 'made at', 'in'], rows(objects, ({ className, count, generations }, frame) =>
      [count, className, generations, placeOf(frame), frame?.name ?? ''])), ...more(objects))
  }
  return [...out, ''].join('\n')
}

// Names of templates have no end.
const shorten = (name) => name.length > 70 ? `${name.slice(0, 69)}…` : name

module.exports = { leaks }
