'use strict'

// Runs a script with the hook and shows what it left behind.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawn } = require('node:child_process')
const { framesOf, placeOf } = require('../leaks/frames')
const { html, speedscope } = require('../leaks/flame')
const { json, lines, table, bytes } = require('./output')

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
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
}

function show (name, sandboxes, { json: asJson, html: page, speedscope: profile }) {
  const all = sandboxes.flatMap(({ leaks }) => leaks).sort((a, b) => b.count - a.count)
  if (page) fs.writeFileSync(page, html(all, `${name}: objects never deleted`))
  if (profile) fs.writeFileSync(profile, JSON.stringify(speedscope(all, name)))
  const shown = all.map(({ className, count, generations, stack }) => ({ className, count, generations, place: placeOf(framesOf(stack)[0]), frames: framesOf(stack) }))
  if (asJson) {
    json({ script: name, sandboxes: sandboxes.map(({ leaks, ...rest }) => rest), total: all.reduce((sum, { count }) => sum + count, 0), leaks: shown })
    return
  }
  for (const { name: sandbox, host, generations, dirtyBytes } of sandboxes) {
    lines(`${sandbox}: ${host} host, ${generations} generation${generations === 1 ? '' : 's'}, at most ${bytes(dirtyBytes)} written in one`)
    if (host === 'glue') lines('  (the glue host: the package keeps the books of its objects itself, emvm cannot see them)')
  }
  if (sandboxes.length === 0) lines('The script opened no module with emvm.')
  else if (shown.length === 0) lines('', 'Nothing was left behind.')
  else lines('', table(['objects', 'class', 'generations', 'made at', 'in'], shown.map(({ className, count, generations, place, frames }) => [count, className, generations, place, frames[0]?.name ?? ''])))
}

module.exports = { leaks }
