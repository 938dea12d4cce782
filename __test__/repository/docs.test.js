'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { createRequire } = require('node:module')
const { spawnSync } = require('node:child_process')
const { scratch } = require('../support/files')

const ROOT = path.join(__dirname, '..', '..')
const FILES = ['README.md', 'CONTRIBUTING.md', 'examples/README.md', 'examples/queue/README.md', 'bench/README.md', 'CHANGELOG.md', ...fs.readdirSync(path.join(ROOT, 'docs')).map((file) => `docs/${file}`)].filter((file) => file.endsWith('.md'))
const textOf = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8')
const blocks = (file) => [...textOf(file).matchAll(/^```js\n([^]*?)^```/gm)].map(([, code]) => code)

// GitHub's anchors of a file's headings.
const anchors = (file) => new Set([...textOf(file).replace(/^```[^]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)]
  .map(([, heading]) => heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-')))

for (const file of FILES) {
  test(`${file}: links lead somewhere`, () => {
    for (const [, target, anchor] of textOf(file).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
      const to = path.posix.join(path.posix.dirname(file), target)
      assert.ok(target === '' || fs.existsSync(path.join(ROOT, to)), `${file} links to ${target}`)
      if (anchor) assert.ok(anchors(target === '' ? file : to).has(anchor), `${file} links to ${target}#${anchor}`)
    }
  })
}

// What may not be wrapped: tables, images, code; and a word that is longer than that.
const LONGEST = 100
// Scripts write these, or list what came of them.
const WRITTEN = ['CHANGELOG.md', 'docs/compatibility.md', 'docs/performance.md']
for (const file of FILES.filter((file) => !WRITTEN.includes(file))) {
  test(`${file}: lines have ${LONGEST} characters at most`, () => {
    const text = textOf(file).replace(file === 'docs/recipes.md' ? /^```[^]*?^```/gm : /^```(?!js\b)[^]*?^```/gm, '')
    const long = text.split('\n').filter((line) => [...line].length > LONGEST && !/^\||^!\[/.test(line) && /\S\s+\S/.test(line.trim().slice(0, LONGEST)))
    assert.deepStrictEqual(long, [])
  })
}

// Every block of JavaScript can be pasted: it is a program, or a file that begins with its name and that another one uses. The
// code that somebody had before is not ours.
const PACKAGES = { '@techstark/opencv-js': 'opencv-4.12', 'sql.js': 'sql.js', 'prom-client': 'prom-client', '@opentelemetry/api': '@opentelemetry/api' }
const NAMED = /^\/\/ (\S+\.[cm]?js)$/m

for (const file of FILES.filter((file) => !['README.md', 'docs/recipes.md'].includes(file) && blocks(file).length > 0)) {
  test(`${file}: its programs run`, async (t) => {
    const { folder, write } = scratch(t)
    const modules = path.join(folder, 'node_modules')
    fs.mkdirSync(path.join(modules, '@techstark'), { recursive: true })
    fs.mkdirSync(path.join(modules, '@opentelemetry'))
    fs.symlinkSync(ROOT, path.join(modules, 'emvm'), 'junction')
    for (const [name, installed] of Object.entries(PACKAGES)) {
      const from = path.join(ROOT, 'node_modules', installed)
      if (fs.existsSync(from)) fs.symlinkSync(fs.realpathSync(from), path.join(modules, name), 'junction')
    }
    const all = blocks(file).filter((code) => !code.startsWith('// before'))
    const isFile = (code) => NAMED.exec(code.split('\n', 1)[0])
    for (const code of all) if (isFile(code)) write(isFile(code)[1], code)
    for (const code of all) {
      const named = isFile(code)
      if (named?.[1].endsWith('.mjs')) {
        assert.strictEqual(spawnSync(process.execPath, ['--check', path.join(folder, named[1])], { encoding: 'utf8' }).stderr, '')
      } else if (!named) {
        const absent = [...code.matchAll(/require(?:\.resolve)?\('([^'.][^']*)'\)/g)].map(([, name]) => name).filter((name) => !canResolve(name, folder))
        if (absent.length > 0) { t.diagnostic(`not run: ${absent.join()} is not installed`); continue }
        const { status, stderr } = spawnSync(process.execPath, [write('program.js', `${code}\n${ENDS}`)], { cwd: folder, encoding: 'utf8', timeout: 120_000 })
        assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: '' }, code)
      }
    }
  })
}

// Programs that serve until they are told to end are told so.
const ENDS = "if (process.listenerCount('SIGTERM') > 0) setTimeout(() => process.emit('SIGTERM'), 500)\n"

function canResolve (name, folder) {
  try {
    return Boolean(createRequire(path.join(folder, 'x.js')).resolve(name))
  } catch {
    return false
  }
}

test('docs/memory-leaks.md shows what `emvm leaks` prints', () => {
  const printed = fs.readFileSync(path.join(__dirname, '..', 'cli', 'leaks.txt'), 'utf8').split('\n').slice(2).join('\n')
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
