'use strict'

// npm run coverage: how much of src/ the tests run, per folder.
//
//   node scripts/coverage.js [--js|--rust] [--files FOLDER] [--keep] [part of a test file's path ...]
//
// It needs the llvm tools of rustc's LLVM: `rustup component add llvm-tools`, or the system's package of that version.
// EMVM_CARGO_FLAGS is appended to cargo's arguments.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { extraFlags, root } = require('./build')

const OUT = path.join(root, 'target', 'coverage')

function fail (message) {
  console.error(`emvm: ${message}`)
  process.exit(1)
}

function run (command, args, { env = {}, capture = false } = {}) {
  const { status, error, stdout } = spawnSync(command, args, {
    cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'], encoding: 'utf8', maxBuffer: 2 ** 30
  })
  if (error) fail(`${command} could not be run: ${error.message}`)
  return { ok: status === 0, stdout }
}

// llvm-cov must be of the LLVM that made the binaries.
function tool (name) {
  const { stdout } = run('rustc', ['-vV'], { capture: true })
  const major = /^LLVM version: (\d+)/m.exec(stdout)[1]
  const host = /^host: (.*)$/m.exec(stdout)[1]
  const sysroot = run('rustc', ['--print', 'sysroot'], { capture: true }).stdout.trim()
  const places = [path.join(sysroot, 'lib', 'rustlib', host, 'bin', name), `/usr/lib/llvm-${major}/bin/${name}`, `${name}-${major}`, name]
  for (const place of places) {
    const { status, stdout: version } = spawnSync(place, ['--version'], { encoding: 'utf8' })
    if (status === 0 && new RegExp(`LLVM version ${major}\\b`).test(version)) return place
  }
  return fail(`no ${name} of LLVM ${major}: run \`rustup component add llvm-tools\`, or install your system's llvm-${major}`)
}

// cargo keeps what a wrapper made apart from its usual artifacts, but for the last copy of the library.
function cargo (args) {
  const env = { RUSTC_WORKSPACE_WRAPPER: path.join(__dirname, 'coverage-rustc.sh'), LLVM_PROFILE_FILE: path.join(OUT, 'build-%p.profraw') }
  const { ok, stdout } = run('cargo', [...args, '--release', '--lib', '--message-format=json-render-diagnostics', ...extraFlags()], { env, capture: true })
  if (!ok) fail('the instrumented build failed')
  const artifacts = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter(({ reason, target }) => reason === 'compiler-artifact' && target.name === 'emvm')
  return artifacts[artifacts.length - 1]
}

function binaries ({ rust, js }) {
  const made = {}
  if (js) {
    const library = cargo(['build']).filenames.find((file) => /\.(so|dylib|dll)$/.test(file))
    made.addon = path.join(OUT, 'emvm.node')
    fs.copyFileSync(library, `${made.addon}.tmp`)
    fs.renameSync(`${made.addon}.tmp`, made.addon)
  }
  if (rust) made.tests = cargo(['test', '--no-run']).executable
  return made
}

function measure ({ addon, tests }, wanted) {
  // One file per process would be thousands: a few are shared and merged as processes end.
  const env = { LLVM_PROFILE_FILE: path.join(OUT, 'emvm-%8m.profraw') }
  const results = []
  if (tests) results.push(run(tests, ['--quiet'], { env }).ok)
  if (addon) results.push(run(process.execPath, [path.join(__dirname, 'test.js'), ...wanted], { env: { ...env, EMVM_BINDING: addon, EMVM_TEST_ONLY: 'js' } }).ok)
  if (results.includes(false)) console.warn('\nSome tests failed: what they did not reach is missing below.')
}

function report ({ addon, tests }) {
  const data = path.join(OUT, 'emvm.profdata')
  const raw = fs.readdirSync(OUT).filter((file) => /^emvm-.*\.profraw$/.test(file)).map((file) => path.join(OUT, file))
  if (raw.length === 0) fail('no test process has written a profile')
  if (!run(tool('llvm-profdata'), ['merge', '-sparse', '-o', data, ...raw]).ok) fail('llvm-profdata failed')
  const [first, ...others] = [addon, tests].filter(Boolean)
  const { ok, stdout } = run(tool('llvm-cov'), ['export', '-summary-only', `-instr-profile=${data}`, first, ...others.flatMap((file) => ['-object', file])], { capture: true })
  if (!ok) fail('llvm-cov failed')
  return JSON.parse(stdout).data[0].files
    .map(({ filename, summary }) => ({ file: path.relative(root, filename), summary }))
    .filter(({ file }) => file.startsWith(`src${path.sep}`) && !file.split(path.sep).includes('tests') && !file.endsWith(`${path.sep}tests.rs`))
}

const COUNTS = ['lines', 'functions', 'regions']

function sum (files) {
  return Object.fromEntries(COUNTS.map((key) => [key, files.reduce((total, { summary }) => ({
    count: total.count + summary[key].count, covered: total.covered + summary[key].covered
  }), { count: 0, covered: 0 })]))
}

const share = ({ count, covered }) => count === 0 ? '-' : `${(covered / count * 100).toFixed(1)} %`

function table (groups) {
  const rows = groups.map(([name, files]) => {
    const total = sum(files)
    return [name, String(total.lines.count), ...COUNTS.map((key) => share(total[key]))]
  })
  const all = [['', 'lines', ...COUNTS], ...rows]
  const widths = all[0].map((_, i) => Math.max(...all.map((row) => row[i].length)))
  for (const row of all) console.log(row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join('   '))
}

function print (files, only) {
  console.log()
  if (only) {
    const inside = files.filter(({ file }) => file.startsWith(path.normalize(only)))
    table([...inside.map((file) => [file.file, [file]]), [only, inside]])
    return
  }
  const folders = new Map()
  for (const file of files) {
    const parts = file.file.split(path.sep).slice(0, -1)
    // A folder counts with what is in it.
    for (let depth = 2; depth <= Math.min(parts.length, 3); depth++) {
      const name = parts.slice(0, depth).join('/')
      folders.set(name, [...(folders.get(name) || []), file])
    }
  }
  table([...[...folders].sort(([a], [b]) => a < b ? -1 : 1), ['src', files]])
}

function main () {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { js: { type: 'boolean' }, rust: { type: 'boolean' }, files: { type: 'string' }, keep: { type: 'boolean' } }
  })
  if (process.platform === 'win32') fail('coverage is measured on Linux and macOS')
  for (const name of ['llvm-profdata', 'llvm-cov']) tool(name)
  fs.mkdirSync(OUT, { recursive: true })
  const both = !values.js && !values.rust
  const made = binaries({ rust: values.rust || both, js: values.js || both })
  for (const file of fs.readdirSync(OUT)) {
    if (file.endsWith('.profraw') && !(values.keep && file.startsWith('emvm-'))) fs.rmSync(path.join(OUT, file))
  }
  measure(made, positionals)
  print(report(made), values.files)
}

main()
