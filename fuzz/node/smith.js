'use strict'

// Random valid modules from fuzz/smith, which is built on first use.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const FOLDER = path.join(__dirname, '..', 'smith')
const TARGET = path.join(FOLDER, '..', '..', 'target', 'smith')
const PROGRAM = path.join(TARGET, 'release', process.platform === 'win32' ? 'emvm-smith.exe' : 'emvm-smith')

function prepare () {
  if (fs.existsSync(PROGRAM)) return
  const { status, error } = spawnSync('cargo', ['build', '--release'], { cwd: FOLDER, stdio: ['ignore', 2, 2], env: { ...process.env, CARGO_TARGET_DIR: TARGET } })
  if (error || status !== 0) throw new Error(`fuzz/smith could not be built: ${error ? error.message : `cargo ended with ${status}`}`)
}

// The modules of `count` seeds; empty ones are seeds that give none. Without `globals` only functions, a memory and a
// table are imported: what the native host can answer.
function modules (first, count, globals = true) {
  const { status, stdout, error } = spawnSync(PROGRAM, [String(first), String(count), ...(globals ? [] : ['functions'])], { maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 2] })
  if (error || status !== 0) throw error || new Error(`emvm-smith ended with ${status}`)
  const all = []
  for (let at = 0; at < stdout.length;) {
    const end = at + 4 + stdout.readUInt32LE(at)
    all.push(stdout.subarray(at + 4, end))
    at = end
  }
  return all
}

module.exports = { prepare, modules }
