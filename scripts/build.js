'use strict'

// Builds the addon with cargo and puts it where lib/base/binding.js looks first.
//
//   node scripts/build.js [--target <rust triple>] [--debug-assertions]
//
// EMVM_CARGO_FLAGS is appended to cargo's arguments.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { platformName, platformOfTarget } = require('../lib/base/platform')

const root = path.join(__dirname, '..')

function cargoVersion () {
  const { status, stdout } = spawnSync('cargo', ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

function extraFlags () {
  return (process.env.EMVM_CARGO_FLAGS || '').split(/\s+/).filter(Boolean)
}

const assertionFlags = ['debug-assertions', 'overflow-checks'].flatMap((check) => ['--config', `profile.release.package.emvm.${check}=true`])

function libraryName (platform) {
  if (platform.startsWith('win32')) return 'emvm.dll'
  return platform.startsWith('darwin') ? 'libemvm.dylib' : 'libemvm.so'
}

function targetFolder (target) {
  const base = process.env.CARGO_TARGET_DIR ? path.resolve(process.env.CARGO_TARGET_DIR) : path.join(root, 'target')
  return path.join(base, ...(target ? [target] : []), 'release')
}

function isSame (from, to) {
  if (!fs.existsSync(to)) return false
  const [a, b] = [fs.statSync(from), fs.statSync(to)]
  return a.size === b.size && fs.readFileSync(from).equals(fs.readFileSync(to))
}

// A process may have the old binary mapped: it is replaced by renaming, never written over.
function replace (from, to) {
  if (isSame(from, to)) return
  const aside = `${to}.${process.pid}.tmp`
  fs.copyFileSync(from, aside)
  fs.renameSync(aside, to)
}

function build ({ target = '', debugAssertions = false, quiet = false } = {}) {
  const args = ['build', '--release', '--lib']
  if (target) args.push('--target', target)
  // Only the addon's own crate: in another profile every dependency would be built again.
  if (debugAssertions) args.push(...assertionFlags)
  if (quiet) args.push('--quiet')
  const { status, error } = spawnSync('cargo', [...args, ...extraFlags()], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  if (status !== 0) return { status: status || 1 }
  const platform = target ? platformOfTarget(target) : platformName()
  if (!platform) throw new Error(`${target} is not one of emvm's targets`)
  const output = path.join(root, `emvm.${platform}${debugAssertions ? '.debug' : ''}.node`)
  replace(path.join(targetFolder(target), libraryName(platform)), output)
  return { status: 0, output }
}

function main () {
  const { parseArgs } = require('node:util')
  const { values } = parseArgs({ options: { target: { type: 'string' }, 'debug-assertions': { type: 'boolean' } } })
  const { status, output } = build({ target: values.target, debugAssertions: values['debug-assertions'] })
  if (output) console.log(`built ${path.relative(process.cwd(), output)}`)
  process.exitCode = status
}

if (require.main === module) main()

module.exports = { assertionFlags, build, cargoVersion, extraFlags, root }
