'use strict'

// Checkpoints under other conditions: on the memory backend of systems without memory files, on kernels that cannot tell which pages
// were written, in a worker. The same tests, each file in a process of its own.

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { launcher } = require('../support/restricted')

const FILES = ['native.test.js', 'timers.test.js']
const IN_WORKER = `--require=${path.join(__dirname, '..', 'conditions', 'in-worker.js')}`
const { file: withoutScan, missing } = launcher('no-page-scan')

const CONDITIONS = {
  // What is mapped and shared, which the tests of leaks measure, is other there.
  'the portable backend': { env: { EMVM_MEMORY_BACKEND: 'portable' } },
  'a worker': { flags: [IN_WORKER], files: [...FILES, 'leaks.test.js'] },
  'a kernel that does not tell which pages were written': { under: withoutScan, skip: missing }
}

for (const [name, { env, flags = [], files = FILES, under, skip = false }] of Object.entries(CONDITIONS)) {
  test(`as ever: ${name}`, { skip }, () => {
    for (const file of files) {
      const command = [...(under === undefined ? [] : [under]), process.execPath, '--expose-gc', ...flags, path.join(__dirname, file)]
      const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), {
        encoding: 'utf8', timeout: 300_000, env: { ...process.env, EMVM_MEMORY_BACKEND: '', NODE_TEST_CONTEXT: undefined, ...env }
      })
      assert.strictEqual(status, 0, `${file}: ${stdout}${stderr}`)
      assert.match(stdout, /^# pass [1-9]|ℹ pass [1-9]/m)
    }
  })
}

// A recycle that cannot tell takes another region of address space in place of the dirty one.
test('the kernel was kept from telling', { skip: missing }, (t) => {
  const script = `
    const { open } = require(${JSON.stringify(path.join(__dirname, '..', '..'))})
    const size = () => Number(/^VmSize:\\s+(\\d+)/m.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1])
    open(${JSON.stringify(require.resolve('opencv-4.12'))}).then(async (vm) => {
      const before = size()
      void new vm.exports.Mat(8, 8, 0)
      vm.recycle()
      console.log(size() - before > 4 * 2 ** 20)
      vm.dispose()
    })`
  const run = (...command) => {
    const { status, stdout, stderr } = spawnSync(command[0], [...command.slice(1), '-e', script], { encoding: 'utf8', env: { ...process.env, EMVM_MEMORY_BACKEND: '' } })
    assert.strictEqual(status, 0, stderr)
    return stdout.trim()
  }
  assert.strictEqual(run(withoutScan, process.execPath), 'true')
  if (run(process.execPath) === 'true') t.diagnostic('this kernel does not tell anyway')
})
