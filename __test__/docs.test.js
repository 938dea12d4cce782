'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { runScript } = require('./support/child')

const ROOT = path.join(__dirname, '..')
const FILES = ['README.md', 'CONTRIBUTING.md', 'examples/README.md', 'examples/queue/README.md', 'bench/README.md', 'CHANGELOG.md', ...fs.readdirSync(path.join(ROOT, 'docs')).map((file) => `docs/${file}`)].filter((file) => file.endsWith('.md'))
const textOf = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8')
const blocks = (file) => [...textOf(file).matchAll(/^```js\n([^]*?)^```/gm)].map(([, code]) => code)

for (const file of FILES) {
  test(`${file}: links lead somewhere, JavaScript parses`, () => {
    for (const [, target] of textOf(file).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      assert.ok(fs.existsSync(path.join(ROOT, path.dirname(file), target)), `${file} links to ${target}`)
    }
    for (const code of blocks(file)) {
      assert.doesNotThrow(() => new vm.Script(`(async () => {${code}\n})`), `${file}:\n${code}`)
    }
  })
}

// Blocks that are complete programs.
for (const file of ['docs/sandbox.md', 'docs/errors.md', 'docs/memory-leaks.md']) {
  test(`${file}: its programs run`, async () => {
    for (const code of blocks(file)) {
      const body = code.replaceAll("require('emvm')", 'emvm').replaceAll("require.resolve('@techstark/opencv-js')", 'OPENCV').replace(/^const \{ open \} = emvm$/m, 'const { open } = emvm;')
      const { code: status, stderr } = await runScript(body)
      assert.strictEqual(stderr, '')
      assert.strictEqual(status, 0)
    }
  })
}

test('docs/memory-leaks.md shows what `emvm leaks` prints', () => {
  const printed = fs.readFileSync(path.join(__dirname, 'cli', 'leaks.txt'), 'utf8').split('\n').slice(2).join('\n')
  assert.ok(textOf('docs/memory-leaks.md').includes(printed))
})

test('every option, class and code of the types is in the documentation', () => {
  const types = textOf('index.d.ts')
  const errors = textOf('docs/errors.md')
  for (const [, code] of types.matchAll(/readonly code: '(EMVM_ERR_\w+)'/g)) assert.ok(errors.includes(`\`${code}\``), code)
  for (const [, name] of types.matchAll(/export class (\w+Error|CppException) extends/g)) if (name !== 'EmvmError') assert.ok(errors.includes(`\`${name}\``), name)
  const members = (name) => [...new RegExp(`export interface ${name}\\b[^{]*\\{([^]*?)\\n\\}`).exec(types)[1].matchAll(/^ {2}(\w+)\?:/gm)].map(([, option]) => option)
  for (const option of members('OpenOptions')) assert.ok(textOf('docs/sandbox.md').includes(`\`${option}\``), option)
  for (const option of members('PoolOptions')) assert.ok(textOf('docs/pool.md').includes(`\`${option}\``), option)
})
