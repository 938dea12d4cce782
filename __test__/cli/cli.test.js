'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const zlib = require('node:zlib')

const ROOT = path.join(__dirname, '..', '..')
const PACKAGES = ['opencv-4.12', 'node-unrar-js/dist/js/unrar.js', '@jsquash/jpeg/codec/dec/mozjpeg_dec.js']
const GOLDEN = path.join(__dirname, '..', 'cli')

function emvm (...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(ROOT, 'bin', 'emvm.js'), ...args], { cwd: ROOT, encoding: 'utf8', timeout: 120_000, maxBuffer: 1 << 26 })
  return { status, stdout, stderr, get json () { return JSON.parse(stdout) } }
}

function folder (t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-cli-'))
  t.after(() => fs.rmSync(made, { recursive: true, force: true }))
  return made
}

test('output that cannot be written is an error', { skip: !fs.existsSync('/dev/full') }, () => {
  for (const args of [['doctor'], ['inspect', '__test__/fixtures/capi-O2.js', '--json'], ['types', '__test__/fixtures/embind.js'], ['--help']]) {
    const full = fs.openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [path.join(ROOT, 'bin', 'emvm.js'), ...args], { cwd: ROOT, encoding: 'utf8', timeout: 120_000, stdio: ['ignore', full, 'pipe'] })
    fs.closeSync(full)
    assert.strictEqual(status, 1, args[0])
    assert.match(stderr, /output cannot be written: ENOSPC/)
  }
})

const lineOf = (script, text) => fs.readFileSync(path.join(ROOT, script), 'utf8').split('\n').findIndex((line) => line.includes(text)) + 1

// EMVM_UPDATE_GOLDEN=1 writes what is printed now.
function golden (name, text) {
  const file = path.join(GOLDEN, `${name}.txt`)
  const stable = text.replaceAll(ROOT, '<root>').replace(/\r/g, '').replace(/at most [\d.]+ [KM]B/, 'at most <n> KB')
  if (process.env.EMVM_UPDATE_GOLDEN) fs.writeFileSync(file, stable)
  assert.strictEqual(stable, fs.readFileSync(file, 'utf8'))
}

for (const source of PACKAGES) {
  const name = path.basename(source, '.js')
  test(`inspect ${name}`, () => {
    const { status, stdout, stderr } = emvm('inspect', source)
    assert.deepStrictEqual([status, stderr], [0, ''])
    golden(`inspect-${name}`, stdout)
    const { json } = emvm('inspect', source, '--json')
    assert.strictEqual(json.host, 'native')
    assert.ok(json.imports.every(({ name, signature, by }) => name && signature && by))
    assert.match(json.emscripten.from, /^\d+\.\d+\.\d+$/)
    assert.match(emvm('inspect', source, '--imports').stdout, /answered by\n/)
  })

  test(`compile ${name}`, (t) => {
    if (name.startsWith('opencv')) return assert.strictEqual(emvm('compile', source).status, 0)
    const cache = folder(t)
    const first = emvm('compile', source, '--cache', cache, '--json')
    assert.strictEqual(first.status, 0, first.stderr)
    assert.strictEqual(first.json.results[0].fromCache, false)
    assert.ok(fs.readdirSync(cache, { recursive: true }).length > 0)
    assert.match(emvm('compile', source, '--cache', cache).stdout, /was in the cache/)
  })

  test(`types ${name}`, () => {
    const { status, stdout } = emvm('types', source)
    assert.strictEqual(status, 0)
    if (name !== 'opencv-4.12') golden(`types-${name}`, stdout)
    assert.ok(emvm('types', source, '--json').json.members > 5)
  })

  test(`bench ${name}`, (t) => {
    const svg = path.join(folder(t), 'plot.svg')
    const { status, json, stderr } = emvm('bench', source, '--rounds', '5', '--json', '--svg', svg)
    assert.deepStrictEqual([status, stderr], [0, ''])
    assert.strictEqual(json.recycleMs.count, 5)
    assert.ok(json.sustainedMs.count > 0 && json.sustainedMs.p50 > 0)
    const plot = fs.readFileSync(svg, 'utf8')
    for (let round = 1; round <= 5; round++) assert.match(plot, new RegExp(`<title>emvm, round ${round}: [\\d.]+ (us|ms|s)</title>`))
    assert.strictEqual(plot.includes('plain Node, round 8'), json.plain.freshMs !== undefined)
    if (name !== 'mozjpeg_dec') assert.ok(json.ratio > 1, JSON.stringify(json))
  })
}

test('doctor', (t) => {
  const { status, stdout, json } = emvm('doctor', '--json')
  assert.strictEqual(status, 0, stdout)
  assert.strictEqual(json.fit, true)
  const found = json.checks.map(({ name }) => name)
  for (const name of ['Node', 'binary', 'memory', 'RAM', 'processor', 'CPU features', 'cache', 'trial']) assert.ok(found.includes(name), name)
  if (process.platform === 'linux') assert.ok(found.includes('vm.max_map_count') && found.includes('ulimit -v'))
  if (process.platform !== 'win32') {
    const open = path.join(folder(t), 'open')
    fs.mkdirSync(open)
    fs.chmodSync(open, 0o777)
    const cache = emvm('doctor', '--json', '--cache', open).json.checks.find(({ name }) => name === 'cache')
    assert.strictEqual(cache.status, 'warn')
    assert.match(cache.advice, /chmod 700/)
  }
  assert.match(emvm('doctor').stdout, /emvm can run here\.\n$/)
})

test('leaks points at the lines that forgot', (t) => {
  const out = folder(t)
  const page = path.join(out, 'leaks.html')
  const profile = path.join(out, 'leaks.json')
  const script = path.join('__test__', 'leaks', 'forgetful.js')
  const { status, json, stderr } = emvm('leaks', '--json', '--html', page, '--speedscope', profile, script, 'hello')
  assert.strictEqual(status, 0)
  assert.strictEqual(stderr, 'done hello\n')
  assert.deepStrictEqual(json.leaks.map(({ className, count, generations, place }) => ({ className, count, generations, place })), [
    { className: 'Mat', count: 6, generations: 3, place: `${script}:${lineOf(script, 'const kept')}` },
    { className: 'MatVector', count: 3, generations: 3, place: `${script}:${lineOf(script, 'new cv.MatVector')}` }
  ])
  assert.deepStrictEqual(json.leaks[0].frames.map(({ name }) => name), ['forgetful', 'main'])
  assert.match(fs.readFileSync(page, 'utf8'), /"Objects never deleted".*"forgetful {2}__test__/s)
  const { profiles: [, { samples, weights }], shared } = JSON.parse(fs.readFileSync(profile, 'utf8'))
  assert.deepStrictEqual(weights, [6, 3])
  assert.deepStrictEqual(samples[0].map((frame) => shared.frames[frame].name.split(' ')[0]), ['main', 'forgetful', 'Mat'])
  // The blocks of forgotten objects, by the same lines; others are what opencv makes once and keeps.
  const places = new Set(json.blocks.map(({ place }) => place))
  for (const { place } of json.leaks) assert.ok(places.has(place), place)
  assert.strictEqual(json.bytes, json.blocks.reduce((sum, { bytes }) => sum + bytes, 0))
})

test('leaks reports on a server that a signal ends', { skip: process.platform === 'win32' }, async (t) => {
  const script = path.join(folder(t), 'server.js')
  fs.writeFileSync(script, `require('node:http').createServer().listen(0, async () => {
    const { exports } = await require(${JSON.stringify(ROOT)}).open(${JSON.stringify(path.join(ROOT, '__test__', 'fixtures', 'leaky.js'))})
    new exports.Basket()
    console.error('listening')
  })`)
  const child = spawn(process.execPath, [path.join(ROOT, 'bin', 'emvm.js'), 'leaks', '--json', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [told, said] = ['', '']
  child.stdout.on('data', (text) => { told += text })
  child.stderr.on('data', (text) => {
    if (!said.includes('listening') && (said += text).includes('listening')) child.kill('SIGINT')
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.strictEqual(code, 0)
  assert.deepStrictEqual(JSON.parse(told).leaks.map(({ className, count }) => [className, count]), [['Basket', 1]])
})

test('inspect names the files of a package that may be opened', () => {
  const { status, stderr } = emvm('inspect', '@jsquash/jpeg/meta.js')
  assert.strictEqual(status, 1)
  assert.match(stderr, /these may be opened:\n {2}codec\/dec\/mozjpeg_dec\.js\n {2}codec\/enc\/mozjpeg_enc\.js\n/)
  assert.match(emvm('inspect', '__test__/fixtures').stderr, /is a folder[^]*these may be opened:\n {2}calls\.js\n/)
})

test('leaks points at the function and the line where C++ forgot', (t) => {
  const out = folder(t)
  const at = (name) => path.join(out, name)
  const script = path.join('__test__', 'leaks', 'script.js')
  const { status, stdout } = emvm('leaks', '--html', at('page.html'), '--speedscope', at('scope.json'), '--pprof', at('pprof.gz'), script)
  assert.strictEqual(status, 0)
  golden('leaks', stdout)
  assert.match(fs.readFileSync(at('page.html'), 'utf8'), /"shop::Basket::add\(int\)","wasm",1008,4/)
  const { profiles: [bytes, objects], shared } = JSON.parse(fs.readFileSync(at('scope.json'), 'utf8'))
  assert.deepStrictEqual([bytes.unit, bytes.weights, objects.weights], ['bytes', [1008, 64, 24], [2]])
  assert.deepStrictEqual(bytes.samples[0].map((frame) => shared.frames[frame].name.split(/ {2}|</)[0]),
    ['main', 'fill', 'emscripten::internal::MethodInvoker', 'shop::Basket::add(int)', 'operator new(unsigned long)', 'dlmalloc'])
  const pprof = zlib.gunzipSync(fs.readFileSync(at('pprof.gz'))).toString('latin1')
  for (const text of ['inuse_space', 'bytes', 'shop::Basket::add(int)', 'fill', path.join(ROOT, script)]) assert.ok(pprof.includes(text), text)
  for (const [format, file] of [['speedscope', 'scope.json'], ['html', 'page.html']]) {
    assert.strictEqual(emvm('leaks', '--format', format, script).stdout, fs.readFileSync(at(file), 'utf8'))
  }
})

test('leaks of two more packages', () => {
  const script = path.join('__test__', 'leaks', 'packages.js')
  const { status, json, stderr } = emvm('leaks', '--json', script)
  assert.deepStrictEqual([status, stderr], [0, '8 8\n'])
  assert.deepStrictEqual(json.sandboxes.map(({ name, generations, unwatched }) => [path.basename(name), generations, unwatched]), [['unrar.js#1', 2, undefined], ['mozjpeg_dec.js#2', 2, undefined]])
  const place = `${script}:${lineOf(script, 'it has a delete()')}`
  assert.deepStrictEqual(json.leaks.map(({ className, count, place }) => [className, count, place]), [['RarArchive', 1, place]])
  const own = json.blocks.find((block) => block.place === place)
  assert.strictEqual(own.count, 1)
  assert.ok(own.wasmStack.every((name) => /^(malloc|wasm-function\[\d+\])$/.test(name)), own.wasmStack.join(' < '))
})

test('leaks of a script that fails, and of one that opens nothing', (t) => {
  const file = path.join(folder(t), 'script.js')
  fs.writeFileSync(file, 'process.exit(7)')
  const { status, stdout, stderr } = emvm('leaks', file)
  assert.strictEqual(status, 1)
  assert.match(stderr, /exit code 7/)
  assert.match(stdout, /opened no module/)
})

test('exit codes: 1 for failures, 2 for misuse, 0 for help', () => {
  for (const [args, status, pattern] of [
    [['inspect', 'not-there.js'], 1, /EMVM_ERR_SOURCE/],
    [['compile', 'package.json'], 1, /EMVM_ERR_SOURCE/],
    [['leaks', 'not-there.js'], 1, /does not exist/],
    [['frobnicate'], 2, /unknown command/],
    [['inspect'], 2, /missing required argument/],
    [['inspect', 'x', '--colour'], 2, /unknown option/],
    [['bench', 'opencv-4.12', '--rounds', 'many'], 2, /whole number/],
    [['inspect', 'x', '--host', 'other'], 2, /Allowed choices/],
    [[], 2, /Usage: emvm/]
  ]) {
    const result = emvm(...args)
    assert.strictEqual(result.status, status, `${args.join(' ')}: ${result.stderr}`)
    assert.match(result.stderr, pattern)
    assert.strictEqual(result.stdout, '')
  }
  for (const args of [['--help'], ['inspect', '--help'], ['leaks', '--help'], ['--version']]) {
    const { status, stdout } = emvm(...args)
    assert.strictEqual(status, 0)
    assert.match(stdout, /Usage: emvm|^\d+\.\d+\.\d+/)
  }
  const { status, json } = emvm('inspect', 'not-there.js', '--json')
  assert.strictEqual(status, 1)
  assert.strictEqual(json.error.code, 'EMVM_ERR_SOURCE')
})
