'use strict'

// Processes that may not do what emvm would: memory files, threads, functions from text, addons.

const { test } = require('node:test')
const assert = require('node:assert')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { launcher } = require('../support/restricted')
const { runScript } = require('../support/child')

const ROOT = path.join(__dirname, '..', '..')
const { EPERM, ENOSYS } = os.constants.errno

const ON_BOTH_HOSTS = `
  const { glueFolder } = require('./__test__/support/glue')
  const { MACHINE } = require('./__test__/support/wasm')
  const glue = glueFolder({ after: (fn) => process.on('exit', fn) }).glue('machine.js', 'commonjs')
  const main = async () => {
    const found = []
    for (const [source, options] of [[MACHINE, { imports: { env: { callback: (x) => x } } }], [glue, { host: 'glue' }], [glue, { host: 'glue', rewind: true }]]) {
      const vm = await emvm.open(source, { cache: false, ...options })
      vm.exports._store(2048, 42)
      await vm.isReady()
      found.push(vm.exports._load(2048), vm.exports._load(1024), vm.exports._next())
      vm.dispose()
    }
    const { copyOnWrite, backend, backendReason } = emvm.capabilities()
    console.log(JSON.stringify({ found, copyOnWrite, backend, backendReason }))
  }
  main()`

const noMemoryFiles = launcher('no-memfd')
for (const [name, number] of Object.entries({ EPERM, ENOSYS })) {
  test(`memory files that a seccomp filter refuses (${name}): memory is copied, and capabilities() says why`, { skip: noMemoryFiles.missing }, () => {
    const run = (env) => spawnSync(noMemoryFiles.file, [number, process.execPath, '-e', `const emvm = require(${JSON.stringify(ROOT)});${ON_BOTH_HOSTS}`], {
      cwd: ROOT, encoding: 'utf8', env: { ...process.env, EMVM_MEMORY_BACKEND: '', ...env }
    })
    const { stdout, stderr, status } = run({})
    assert.strictEqual(status, 0, stderr)
    const { backendReason, ...rest } = JSON.parse(stdout)
    const image = Buffer.from('imag').readInt32LE()
    assert.deepStrictEqual(rest, { found: [0, image, 8, 0, image, 8, 0, image, 8], copyOnWrite: false, backend: 'portable (copying)' })
    assert.match(backendReason, name === 'EPERM' ? /^memory files cannot be used: Operation not permitted/ : /^memory files cannot be used: Function not implemented/)
    const asked = run({ EMVM_MEMORY_BACKEND: 'copy-on-write' })
    assert.notStrictEqual(asked.status, 0)
    assert.match(asked.stderr, /EMVM_MEMORY_BACKEND is 'copy-on-write', which is not possible here: memory files cannot be used: .*Unset it/)
  })
}

test('capabilities() says why memory is copied', async () => {
  const reasonOf = async (env) => (await runScript('console.log(emvm.capabilities().backendReason)', { env })).stdout
  assert.strictEqual(await reasonOf({ EMVM_MEMORY_BACKEND: 'portable' }), 'EMVM_MEMORY_BACKEND=portable\n')
  if (process.platform === 'linux') assert.strictEqual(await reasonOf({ EMVM_MEMORY_BACKEND: '' }), 'null\n')
})

const NO_STRINGS = ['--disallow-code-generation-from-strings']

test('a process that forbids functions from text: embind, cut-out JavaScript and rewind are as elsewhere', async () => {
  const body = `
    let forbidden = false
    try { new Function('') } catch { forbidden = true }
    ${ON_BOTH_HOSTS}
    const more = async () => {
      const hosts = []
      for (const name of ['embind', 'emasm-O2', 'state', 'capi-O2']) {
        const vm = await emvm.open(require.resolve('./__test__/fixtures/' + name), { cache: false, print () {}, printErr () {} })
        hosts.push(vm.host)
        await vm.isReady()
        vm.dispose()
      }
      console.log(JSON.stringify(hosts))
      process.exitCode = forbidden ? 7 : 8
    }
    more()`
  const [there, elsewhere] = [await runScript(body, { args: NO_STRINGS }), await runScript(body)]
  assert.deepStrictEqual([there.code, elsewhere.code], [7, 8], there.stderr)
  const lines = ({ stdout }) => stdout.trim().split('\n').sort()
  assert.deepStrictEqual(lines(there), lines(elsewhere))
})

test('a package whose own JavaScript makes functions from text is refused by name there, and runs elsewhere', async () => {
  const body = `
    const { glueFolder } = require('./__test__/support/glue')
    const glue = glueFolder({ after: (fn) => process.on('exit', fn) }).glue('machine.js', 'commonjs', 'new Function("a", "return a")(1)')
    emvm.open(glue, { host: 'glue', cache: false }).then((vm) => { console.log(vm.host); vm.dispose() }, ({ code, message }) => console.log(code, message))`
  assert.match((await runScript(body, { args: NO_STRINGS })).stdout, /^EMVM_ERR_UNSUPPORTED .*makes functions from text.*start Node\.js without --disallow-code-generation-from-strings/)
  assert.strictEqual((await runScript(body)).stdout, 'glue\n')
})

const fewThreads = launcher('no-threads')
const onlyRoot = fewThreads.missing ?? (process.getuid() !== 0 && 'only root can start a process of another user')

test('a system that gives no more threads: errors name the cause and the cure, at every limit', { skip: onlyRoot }, () => {
  const body = `
    const main = async () => {
      const emvm = require(${JSON.stringify(ROOT)})
      const file = ${JSON.stringify(path.join(__dirname, '..', 'fixtures', 'capi-O2.js'))}
      const vm = await emvm.open(file, { cache: false, timeout: 500 })
      vm.dispose()
      console.log('opened')
      const pool = new emvm.Pool(file, { maxThreads: 4, open: { cache: false } })
      const results = await Promise.allSettled([1, 2, 3, 4].map((n) => pool.run((module, n) => n, n)))
      await pool.destroy()
      const failed = results.find(({ reason }) => reason)
      if (failed) throw failed.reason
      console.log('ran')
    }
    main().catch(({ code, message }) => console.log(code, message))`
  const run = (limit, script) => spawnSync(fewThreads.file, [limit, process.execPath, '-e', script], { encoding: 'utf8', timeout: 20_000, killSignal: 'SIGKILL', env: { PATH: process.env.PATH } })
  // Below that, Node.js itself cannot start its pool of threads.
  let limit = 8
  while (limit < 40 && run(limit, 'require("fs").stat(".", () => console.log("works"))').stdout !== 'works\n') limit++
  const found = new Set()
  for (; limit <= 40; limit++) {
    const { signal, stdout, stderr } = run(limit, body)
    // emvm has taken the thread that Node.js was to have.
    if (signal === 'SIGABRT') continue
    assert.doesNotMatch(stderr, /panicked|throw /, `${limit}: ${stderr}`)
    const last = stdout.trim().split('\n').at(-1)
    found.add(last.split(' ')[0])
    if (last === 'ran') break
    assert.match(last, /^EMVM_ERR_(BINDING|UNSUPPORTED|WORKER) .*the system refuses emvm a thread \(.*\): raise the limit of threads and processes/, `${limit}: ${stdout}${stderr}`)
  }
  assert.ok(found.has('EMVM_ERR_UNSUPPORTED') && found.has('ran'), [...found].join())
})

test('no binary, no addons, no permission: each message says what to do', { skip: process.platform === 'win32' }, (t) => {
  const { scratch } = require('../support/files')
  const { install } = require('../support/installed')
  const { folder } = scratch(t)
  install(folder, { binary: false })
  const run = (args) => spawnSync(process.execPath, [...args, '-e', 'try { require("emvm") } catch ({ code, message }) { console.log(code, message) }'], { cwd: folder, encoding: 'utf8' }).stdout
  assert.match(run([]), /^EMVM_ERR_BINDING emvm has no native binary for .*emvm-\S+ \(not found\); reinstall emvm without --omit=optional, or install Rust and run/)
  install(folder)
  assert.strictEqual(run([]), '')
  assert.strictEqual(run(['--no-addons']), 'EMVM_ERR_BINDING emvm is a native addon, and this Node.js was started with --no-addons: start it without.\n')
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  assert.strictEqual(run([flag, '--allow-fs-read=*']), 'EMVM_ERR_BINDING emvm is a native addon, and this Node.js was started with --permission: add --allow-addons.\n')
})
