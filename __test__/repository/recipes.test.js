'use strict'

// The programs of docs/recipes.md, as a user would paste them. The packages take more than a gigabyte: `EMVM_RECIPES` names a
// folder with those that are installed; others are left out.

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')

const root = path.join(__dirname, '..', '..')
const text = fs.readFileSync(path.join(root, 'docs', 'recipes.md'), 'utf8')
const recipes = [...text.matchAll(/^## (\S+)\n([^]*?)(?=^## |(?![^]))/gm)].flatMap(([, name, body]) =>
  [...body.matchAll(/```js\n([^]*?)```\n+```text\n([^]*?)```/g)].map(([, code, output]) => ({ name, code, output })))
const folder = process.env.EMVM_RECIPES

test('there is one for each of thirty packages, with its output', () => {
  assert.ok(new Set(recipes.map(({ name }) => name)).size >= 30)
  assert.strictEqual(recipes.length, text.match(/^```js$/gm).length)
})

for (const { name, code, output } of recipes) {
  const installed = folder !== undefined && fs.existsSync(path.join(folder, 'node_modules', name))
  test(name, { skip: !installed && 'its package is not installed in EMVM_RECIPES' }, (t) => {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-recipe-'))
    t.after(() => fs.rmSync(place, { recursive: true, force: true }))
    fs.symlinkSync(path.join(path.resolve(folder), 'node_modules'), path.join(place, 'node_modules'), 'junction')
    fs.writeFileSync(path.join(place, 'recipe.js'), code)
    const { stdout, stderr, status } = spawnSync(process.execPath, ['recipe.js'], { cwd: place, encoding: 'utf8', timeout: 600_000 })
    assert.deepStrictEqual({ stdout, status }, { stdout: output, status: 0 }, stderr)
  })
}
