'use strict'

// What a fresh clone needs before anything runs: development packages and an up-to-date binary.
// With everything in place it takes about a second.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { candidates } = require('../lib/base/binary')
const { build, cargoVersion, root } = require('./build')

function installedVersion (folder) {
  const file = path.join(root, folder, 'package.json')
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')).version : null
}

function missingPackages () {
  const lock = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(lock.packages)
    .filter(([folder, { version, optional }]) => folder && !optional && installedVersion(folder) !== version)
    .map(([folder]) => folder)
}

function installPackages () {
  if (missingPackages().length === 0) return
  console.log('Installing development packages ...')
  // --ignore-scripts: the addon is built below, once, with its output shown.
  const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32'
  })
  if (error || status !== 0) fail(`npm ci failed${error ? `: ${error.message}` : ''}.`)
}

function buildBinary () {
  const present = candidates().find((candidate) => fs.existsSync(candidate))
  if (process.env.EMVM_BINDING || process.env.EMVM_SKIP_BUILD) {
    if (!present) fail(`EMVM_SKIP_BUILD or EMVM_BINDING is set, but there is no ${candidates()[0]}.`)
    return
  }
  if (!cargoVersion()) {
    if (present) return console.warn('No Rust toolchain: using the binary that is here, which may be older than the sources.')
    fail('No Rust toolchain found: install Rust from https://rustup.rs and run this again.')
  }
  if (!present) console.log('Building the addon; the first time takes some minutes ...')
  const { status } = build({ quiet: Boolean(present) })
  if (status !== 0) fail(`cargo build failed with exit code ${status}.`)
}

function fail (message) {
  console.error(`emvm: ${message}`)
  process.exit(1)
}

installPackages()
buildBinary()
