'use strict'

// emvm as it lies in `node_modules` once it was installed: the files that are published, and the package with the binary.

const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { platformName } = require('../../lib/base/platform')

const ROOT = path.join(__dirname, '..', '..')
const PLATFORM = platformName()
const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
// Sources are for building, and nothing here builds.
const PUBLISHED = ['package.json', ...manifest.files.filter((name) => !/^(src|Cargo|build\.rs|\.cargo)/.test(name))]

// Where the tools are that these tests run emvm in: see `npm run test:places`.
const TOOLS = process.env.EMVM_PLACES ?? path.join(ROOT, '__test__', 'places')

// The path of a file of a tool's package; or undefined.
function tool (file) {
  const found = path.join(TOOLS, 'node_modules', file)
  return fs.existsSync(found) ? found : undefined
}

const missing = (...files) => files.every((file) => tool(file)) ? false : 'its package is not installed: npm run test:places'

const link = (from, to) => {
  fs.mkdirSync(path.dirname(to), { recursive: true })
  try {
    fs.linkSync(from, to)
  } catch {
    fs.copyFileSync(from, to)
  }
}

const copy = (from, to) => {
  fs.mkdirSync(path.dirname(to), { recursive: true })
  fs.copyFileSync(from, to)
}

function publish (folder, put = link) {
  for (const name of PUBLISHED) {
    const from = path.join(ROOT, name)
    if (fs.statSync(from).isDirectory()) fs.cpSync(from, path.join(folder, name), { recursive: true })
    else put(from, path.join(folder, name))
  }
}

function publishBinary (folder, put = link) {
  put(path.join(ROOT, 'npm', PLATFORM, 'package.json'), path.join(folder, 'package.json'))
  put(path.join(ROOT, `emvm.${PLATFORM}.node`), path.join(folder, `emvm.${PLATFORM}.node`))
}

// Puts emvm and what it depends on into `folder/node_modules`. `binary`: whether the platform's package is there.
function install (folder, { binary = true } = {}) {
  const modules = path.join(folder, 'node_modules')
  publish(path.join(modules, 'emvm'))
  if (binary) publishBinary(path.join(modules, `emvm-${PLATFORM}`))
  for (const name of Object.keys(manifest.dependencies)) fs.cpSync(fs.realpathSync(path.join(ROOT, 'node_modules', name)), path.join(modules, name), { recursive: true })
}

// The two packages as npm publishes them: the paths of their archives. Copies: tar refuses a file that another test makes or removes
// a link of meanwhile.
function pack (folder) {
  const archive = (name, fill) => {
    fill(path.join(folder, name, 'package'), copy)
    const file = path.join(folder, `${name}.tgz`)
    const { status, stderr } = spawnSync('tar', ['-cf', file, '-I', 'gzip -1', '-C', path.join(folder, name), 'package'], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return file
  }
  const main = archive('emvm', (to) => {
    publish(to, copy)
    fs.rmSync(path.join(to, 'package.json'))
    // As scripts/prepublish.js writes it, for the one platform that is here.
    const { scripts, devDependencies, ...published } = manifest
    fs.writeFileSync(path.join(to, 'package.json'), JSON.stringify({ ...published, scripts: { install: scripts.install } }))
  })
  return { main, binary: archive(`emvm-${PLATFORM}`, publishBinary) }
}

module.exports = { PLATFORM, ROOT, install, missing, pack, tool }
