'use strict'

// What the runners of Emscripten's own tests share: where its compiler and its tests are, and a cache of builds.

const { spawn, spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const EMCC = process.env.EMCC || 'emcc'
const CACHE = path.resolve(process.env.EMVM_UPSTREAM_CACHE || path.join(os.tmpdir(), 'emvm-upstream'))
const BUILD_TIMEOUT = 900_000

// Debian's package keeps the JavaScript modules that its compiler requires here.
const env = { ...process.env, NODE_PATH: [process.env.NODE_PATH, '/usr/share/nodejs'].filter(Boolean).join(path.delimiter) }

// Ends the process, without a failure, when there is nothing to run.
function skip (why) {
  console.log(`skipped: ${why}`)
  process.exit(0)
}

function compilerVersion () {
  const { status, stdout } = spawnSync(EMCC, ['--version'], { env, encoding: 'utf8' })
  if (status !== 0) skip(`no Emscripten: ${EMCC} cannot be run (EMCC names another)`)
  return stdout.split('\n')[0]
}

// The folder of Emscripten's tests: the argument, or $EMSCRIPTEN_TESTS, or where Debian has it.
function testFolder (argument) {
  const folder = path.resolve(argument || process.env.EMSCRIPTEN_TESTS || '/usr/share/emscripten/tests')
  if (!fs.existsSync(path.join(folder, 'embind', 'embind.test.js'))) {
    skip(`${folder} is not Emscripten's test folder (name it as an argument or in EMSCRIPTEN_TESTS)`)
  }
  return folder
}

function command (file, args, { cwd, timeout }) {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(file, args, { cwd, env, timeout, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', (chunk) => { output += chunk })
    child.stderr.on('data', (chunk) => { output += chunk })
    child.on('error', (error) => resolve({ status: null, output: String(error) }))
    child.on('close', (status, signal) => resolve({ status, output: signal ? `${output}\nended by ${signal}` : output }))
  })
}

// Compiles once per compiler, arguments and sources; gives the folder, or what the compiler said against it.
// `inputs` are files whose change makes a build stale.
async function build (name, compiler, args, inputs) {
  const key = crypto.createHash('sha256').update(JSON.stringify([compilerVersion.cached ??= compilerVersion(), compiler, args]))
  for (const file of inputs) key.update(fs.readFileSync(file))
  const folder = path.join(CACHE, `${name}-${key.digest('hex').slice(0, 12)}`)
  const js = path.join(folder, 'a.out.js')
  const refused = path.join(folder, 'refused')
  if (fs.existsSync(refused)) return { refused: fs.readFileSync(refused, 'utf8') }
  if (!fs.existsSync(js)) {
    fs.mkdirSync(CACHE, { recursive: true })
    const room = fs.mkdtempSync(path.join(CACHE, 'building-'))
    const { status, output } = await command(compiler, [...args, '-o', 'a.out.js'], { cwd: room, timeout: BUILD_TIMEOUT })
    if (status === null) {
      // The machine's fault, or somebody's: not to be remembered.
      fs.rmSync(room, { recursive: true, force: true })
      return { refused: output }
    }
    if (status !== 0) fs.writeFileSync(path.join(room, 'refused'), output)
    fs.rmSync(folder, { recursive: true, force: true })
    fs.renameSync(room, folder)
    if (status !== 0) return { refused: output }
  }
  return { folder, js }
}

// Runs `work` over all items, `width` at a time.
async function inParallel (items, width, work) {
  const waiting = [...items.entries()]
  const results = new Array(items.length)
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results[next[0]] = await work(next[1])
  }
  await Promise.all(Array.from({ length: width }, worker))
  return results
}

module.exports = { EMCC, EMXX: EMCC.replace(/emcc(?=[^/\\]*$)/, 'em++'), build, inParallel, skip, testFolder }
