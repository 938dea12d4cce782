'use strict'

// Whether this machine is fit for emvm, and what to do where it is not.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { nodeTooOld } = require('../base/platform')
const { json, lines, bytes } = require('./output')

const GB = 2 ** 30
// One sandbox reserves two regions of 8 GiB of address space.
const PER_SANDBOX = 17 * GB

const read = (file) => {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function node () {
  const tooOld = nodeTooOld()
  return { name: 'Node', status: tooOld ? 'bad' : 'ok', found: `${process.version} on ${process.platform} ${process.arch}`, advice: tooOld ?? undefined }
}

function binary () {
  try {
    const found = require('../..').capabilities()
    return {
      check: { name: 'binary', status: 'ok', found: `emvm ${found.version}, ${found.engine} ${found.engineVersion}, for ${found.target}` },
      found
    }
  } catch (error) {
    return { check: { name: 'binary', status: 'bad', found: error.message, advice: 'reinstall emvm for this platform' } }
  }
}

function backend (found) {
  const status = found.copyOnWrite ? 'ok' : 'warn'
  return { name: 'memory', status, found: found.backend, advice: found.copyOnWrite ? undefined : `${found.backendReason}: recycles copy the image, which takes longer the larger it is` }
}

function maps () {
  const limit = read('/proc/sys/vm/max_map_count')
  if (limit === null) return null
  const most = Number(limit)
  const used = (read('/proc/self/maps') || '').split('\n').length - 1
  const status = most >= 65530 ? 'ok' : 'warn'
  return { name: 'vm.max_map_count', status, found: `${most} (${used} in use by this process)`, advice: status === 'ok' ? undefined : 'each sandbox needs a few: `sysctl -w vm.max_map_count=262144`' }
}

function addressSpace () {
  const limits = read('/proc/self/limits')
  const line = limits && /^Max address space\s+(\S+)/m.exec(limits)
  if (!line) return null
  if (line[1] === 'unlimited') return { name: 'ulimit -v', status: 'ok', found: 'unlimited' }
  const most = Number(line[1])
  const sandboxes = Math.floor(most / PER_SANDBOX)
  return {
    name: 'ulimit -v',
    status: sandboxes >= 16 ? 'ok' : sandboxes >= 1 ? 'warn' : 'bad',
    found: `${bytes(most)}: room for about ${sandboxes} sandboxes`,
    advice: sandboxes >= 16 ? undefined : 'sandboxes reserve address space, not memory: `ulimit -v unlimited`'
  }
}

function overcommit () {
  const mode = read('/proc/sys/vm/overcommit_memory')
  if (mode === null) return null
  const strict = mode.trim() === '2'
  return { name: 'vm.overcommit_memory', status: strict ? 'warn' : 'ok', found: mode.trim(), advice: strict ? 'with 2 the system counts reserved address space as used: set 0 or 1' : undefined }
}

function memory () {
  const limit = process.constrainedMemory?.() || 0
  const all = os.totalmem()
  const most = limit > 0 && limit < all ? limit : all
  return { name: 'RAM', status: most >= GB ? 'ok' : 'warn', found: `${bytes(most)}${most === limit ? ' (limit of the container)' : ''}, ${bytes(os.freemem())} free` }
}

function cpu () {
  const cpus = os.cpus()
  const name = cpus[0] ? cpus[0].model.trim() : process.arch
  return { name: 'processor', status: 'ok', found: `${os.availableParallelism()} x ${name}` }
}

function features ({ cpuFeatures: names }) {
  const needed = process.arch === 'x64' ? ['SSE41', 'SSE42', 'POPCNT'] : []
  const missing = needed.filter((name) => !names.includes(name))
  return { name: 'CPU features', status: missing.length > 0 ? 'warn' : 'ok', found: names.map(featureName).join(' ') || 'the usual', advice: missing.length > 0 ? `without ${missing.map(featureName).join(', ')} modules that use SIMD are slow or do not compile` : undefined }
}

// As the makers of processors write them.
const featureName = (name) => name.replace(/^SSE4([12])$/, 'SSE4.$1').replace(/^AVX512(F|DQ|VL|BW)$/, 'AVX-512$1')

function cacheFolder (given) {
  const wanted = given || process.env.EMVM_CACHE_DIR
  if (wanted) return path.resolve(wanted)
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Caches', 'emvm')
  if (process.platform === 'win32') return path.join(process.env.LOCALAPPDATA || os.homedir(), 'emvm')
  return path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'emvm')
}

// As in src/engine/cache/room.rs.
function cacheLimit () {
  const given = (process.env.EMVM_CACHE_MAX_MB || '').trim()
  return /^\+?\d+$/.test(given) ? Number(given) * 1024 * 1024 : 4 * GB
}

function cache (given) {
  const folder = cacheFolder(given)
  const name = 'cache'
  if (!fs.existsSync(folder)) {
    let above = folder
    while (!fs.existsSync(above)) above = path.dirname(above)
    const can = canWrite(above)
    return { name, status: can ? 'ok' : 'warn', found: `${folder} is not there yet`, advice: can ? undefined : `${above} cannot be written: modules are compiled anew in each process; set the \`cache\` option` }
  }
  const stat = fs.statSync(folder)
  if (!canWrite(folder)) return { name, status: 'warn', found: `${folder} cannot be written`, advice: 'modules are compiled anew in each process: set the `cache` option, or fix its permissions' }
  const open = process.platform !== 'win32' && (stat.mode & 0o022) !== 0
  const foreign = process.platform !== 'win32' && stat.uid !== process.getuid()
  const files = fs.readdirSync(folder, { recursive: true }).map((file) => path.join(folder, file)).map((file) => fs.statSync(file, { throwIfNoEntry: false })).filter((file) => file && file.isFile())
  const size = files.reduce((sum, { size }) => sum + size, 0)
  return {
    name,
    status: open || foreign ? 'warn' : 'ok',
    found: `${folder}, ${files.length} files, ${bytes(size)} of ${bytes(cacheLimit())}`,
    advice: open ? `others can write code there that emvm would run: \`chmod 700 ${folder}\`` : foreign ? 'it belongs to another user, whose code emvm would run' : undefined
  }
}

function canWrite (folder) {
  try {
    fs.accessSync(folder, fs.constants.W_OK)
    return true
  } catch {
    return false
  }
}

// Eight bytes of wasm that do nothing, run in a process of their own: what else could fail would take this one down.
function trial () {
  const script = 'const { open } = require(process.argv[1]); open(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 7, 10, 1, 6, 109, 101, 109, 111, 114, 121, 2, 0), { cache: false }).then((vm) => { for (let i = 0; i < 100; i++) vm.recycle(); process.stdout.write(String(vm.stats().recycleMicros.p50)); vm.dispose() })'
  const { status, stdout, stderr, signal } = spawnSync(process.execPath, ['-e', script, path.join(__dirname, '..', '..')], { encoding: 'utf8', timeout: 30_000 })
  if (status === 0) return { name: 'trial', status: 'ok', found: `100 recycles, ${Number(stdout).toFixed(1)} us each` }
  const why = stderr.split('\n').find((line) => /Error/.test(line)) || signal || `exit code ${status}`
  return { name: 'trial', status: 'bad', found: why, advice: 'see the lines above; with everything in order this is a bug of emvm' }
}

async function doctor ({ json: asJson, cache: given }) {
  const { check, found } = binary()
  const checks = [
    node(), check, found && backend(found), maps(), addressSpace(), overcommit(), memory(), cpu(), found && features(found), cache(given), found && trial()
  ].filter(Boolean)
  const fit = checks.every(({ status }) => status !== 'bad')
  if (asJson) {
    json({ fit, checks, capabilities: found ?? null })
  } else {
    const width = Math.max(...checks.map(({ name }) => name.length))
    lines(checks.flatMap(({ name, status, found, advice }) => [
      `${{ ok: '  ok', warn: 'warn', bad: ' BAD' }[status]}  ${name.padEnd(width)}  ${found}`,
      advice ? `${' '.repeat(width + 8)}-> ${advice}` : null
    ]), '', fit ? 'emvm can run here.' : 'emvm cannot run here until this is mended.')
  }
  return fit ? 0 : 1
}

module.exports = { doctor }
