'use strict'

// npm run check: all that CI checks beside the tests.
//
//   npm run check                     every check
//   npm run check -- eslint tsc       some
//   npm run check -- --offline        without those that ask a server for known vulnerabilities
//
// Every check runs, whatever the others say. A tool that is not installed is a failure, with the way to get it.

const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { extraFlags, root } = require('./build')

const bin = (name, file) => [process.execPath, path.join(path.dirname(require.resolve(`${name}/package.json`)), file)]

// `install`: for a tool that `npm ci` does not bring. `online`: asks a server.
const CHECKS = {
  version: { run: [process.execPath, 'scripts/version.js'] },
  eslint: { run: [...bin('eslint', 'bin/eslint.js'), '.'] },
  tsc: { run: [...bin('typescript', 'bin/tsc'), '--project', 'jsconfig.json'] },
  typos: { run: ['typos'], install: 'pip install typos, or cargo install typos-cli' },
  audit: { run: ['npm', 'audit'], online: true },
  fmt: { run: ['cargo', 'fmt', '--all', '--check'], install: 'rustup component add rustfmt' },
  // In the profile of the addon, whose build scripts and macros are there after a build.
  clippy: {
    run: ['cargo', 'clippy', '--release', '--lib', '--tests', '--locked', ...extraFlags(), '--', '--deny', 'warnings'],
    install: 'rustup component add clippy'
  },
  deny: {
    run: ['cargo', 'deny', '--locked', 'check', 'bans', 'licenses', 'sources'],
    install: 'cargo install --locked cargo-deny'
  },
  advisories: { run: ['cargo', 'deny', '--locked', 'check', 'advisories'], install: 'cargo install --locked cargo-deny', online: true }
}

function passes (name) {
  const { run: [command, ...args], install } = CHECKS[name]
  console.log(`\n${name}: ${path.basename(command)} ${args.map((arg) => path.relative(root, arg).startsWith('..') ? arg : path.relative(root, arg) || '.').join(' ')}`)
  const { status, error } = spawnSync(command, args, {
    cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32' && command === 'npm'
  })
  if (error) console.error(`emvm: ${command} could not be run: ${error.message}`)
  if (status !== 0 && install) console.error(`emvm: if ${name} is not installed: ${install}`)
  return status === 0
}

function main (args) {
  const offline = args.includes('--offline')
  const wanted = args.filter((arg) => arg !== '--offline')
  const unknown = wanted.find((name) => !Object.hasOwn(CHECKS, name))
  if (unknown !== undefined) {
    console.error(`emvm: there is no check '${unknown}': give some of ${Object.keys(CHECKS).join(', ')}.`)
    return 2
  }
  const chosen = (wanted.length > 0 ? wanted : Object.keys(CHECKS)).filter((name) => !(offline && CHECKS[name].online))
  const failed = chosen.filter((name) => !passes(name))
  const left = Object.keys(CHECKS).filter((name) => !chosen.includes(name))
  console.log(`\n${chosen.length - failed.length} of ${chosen.length} checks passed${failed.length > 0 ? `; failed: ${failed.join(', ')}` : ''}${left.length > 0 ? `; not run: ${left.join(', ')}` : ''}`)
  return failed.length > 0 ? 1 : 0
}

process.exitCode = main(process.argv.slice(2))
