'use strict'

// The README's programs, pasted in an empty folder where emvm was installed from its archives: by each package manager, and
// run by each runtime.

const { test, before, after } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { PLATFORM, ROOT, missing, pack, tool } = require('../support/installed')

const PROGRAMS = [...fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code)
const OUTPUT = ['0 480 640 114\n1 480 640 114\n2 480 640 114\n', '[ 100, 400, 900 ]\n']
const OPENCV = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')).devDependencies['opencv-4.12'].replace(/^.*@/, '')

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-installed-'))
let archives
before(() => { archives = pack(path.join(folder, 'archives')) })
after(() => fs.rmSync(folder, { recursive: true, force: true }))

function run (command, args, cwd, env = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 300_000, env: { ...process.env, ...env } })
  assert.ok(!error && status === 0, `${command} ${args.join(' ')}: ${error ?? `${stdout}\n${stderr}`}`)
  return stdout
}

// An empty folder with a manifest that names emvm, and the programs.
function project (name, files = {}) {
  const at = path.join(folder, name)
  fs.mkdirSync(at)
  const dependencies = { emvm: `file:${archives.main}`, [`emvm-${PLATFORM}`]: `file:${archives.binary}`, '@techstark/opencv-js': OPENCV }
  fs.writeFileSync(path.join(at, 'package.json'), JSON.stringify({ name: 'pasted', private: true, type: 'commonjs', dependencies }))
  for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(at, file), text)
  PROGRAMS.forEach((code, i) => fs.writeFileSync(path.join(at, `program-${i}.js`), code))
  return at
}

function check (at, command, args, env) {
  OUTPUT.forEach((output, i) => assert.strictEqual(run(command, [...args, `program-${i}.js`], at, env), output))
}

// pnpm and Yarn want a newer Node.js than emvm does.
const NODE = tool('node-24/bin/node') ?? process.execPath
const node = (...args) => [NODE, args]
const MANAGERS = {
  npm: { file: undefined, install: ['npm', ['install', '--no-audit', '--no-fund', '--prefer-offline']] },
  pnpm: { file: 'pnpm/bin/pnpm.mjs', install: node('$', 'install', '--prefer-offline', '--ignore-scripts') },
  'Yarn, node_modules': { file: '@yarnpkg/cli-dist/bin/yarn.js', install: node('$', 'install'), files: { 'yarn.lock': '', '.yarnrc.yml': 'nodeLinker: node-modules\nenableScripts: false\n' } },
  "Yarn, Plug'n'Play": { file: '@yarnpkg/cli-dist/bin/yarn.js', install: node('$', 'install'), run: node('$', 'node'), files: { 'yarn.lock': '', '.yarnrc.yml': 'nodeLinker: pnp\nenableScripts: false\n' } }
}
// What a manager keeps for itself, and that it installs in CI what no lock names.
const OWN = { YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', YARN_ENABLE_TELEMETRY: '0', YARN_GLOBAL_FOLDER: path.join(folder, 'yarn'), npm_config_store_dir: path.join(folder, 'pnpm'), CI: 'true' }

let installed

// The package managers are what takes long here: all of it runs where they were installed for it.
const skip = missing('@yarnpkg/cli-dist', 'pnpm')
for (const [name, { file, install: [command, args], run: [runner, runnerArgs] = node(), files }] of Object.entries(MANAGERS)) {
  test(`the README's programs, installed by ${name}`, { skip }, () => {
    const at = project(name.replace(/\W+/g, '-'), files)
    const own = (list) => list.map((arg) => arg === '$' ? tool(file) : arg)
    run(command, own(args), at, OWN)
    check(at, runner, own(runnerArgs), OWN)
    if (name === 'npm') installed = at
    // The command line, as it is installed.
    // eslint-disable-next-line n/no-extraneous-require
    if (name === 'npm') assert.match(run('npx', ['--no-install', 'emvm', 'inspect', require.resolve('opencv-4.12')], at), /native/)
  })
}

const RUNTIMES = {
  'Node.js 22': ['node-22/bin/node'],
  'Node.js 24': ['node-24/bin/node'],
  'Node.js 26': ['node-26/bin/node'],
  Bun: ['@oven/bun-linux-x64/bin/bun'],
  Deno: ['@deno/linux-x64-glibc/deno', 'run', '--allow-all']
}

for (const [name, [file, ...args]] of Object.entries(RUNTIMES)) {
  test(`the README's programs, run by ${name}`, { skip: missing(file) || skip }, () => {
    check(installed, tool(file), args, { DENO_DIR: path.join(folder, 'deno'), NO_COLOR: '1' })
  })
}
