'use strict'

// The native binary: where it may be, and what is wrong where it cannot be loaded.

const path = require('node:path')
const { platformName } = require('./platform')

const root = path.join(__dirname, '..', '..')

// In order: an explicit path, a build made in place, the platform's package.
function candidates (name = platformName()) {
  if (process.env.EMVM_BINDING) return [path.resolve(process.env.EMVM_BINDING)]
  return [path.join(root, `emvm.${name}.node`), packageName(name)]
}

const packageName = (name = platformName()) => `emvm-${name}`

function isAbsent (error, candidate) {
  return error.code === 'MODULE_NOT_FOUND' && error.message.includes(candidate)
}

const failure = (message, cause) => Object.assign(new Error(message), { code: 'EMVM_ERR_BINDING', ...(cause && { cause }) })

let found

function find () {
  found ??= search()
  return found
}

function search () {
  const tried = []
  for (const candidate of candidates()) {
    try {
      return candidate === packageName() ? require('./platform-packages').required(platformName()) : require(candidate)
    } catch (cause) {
      if (cause.code === 'ERR_DLOPEN_DISABLED') throw disabled(cause)
      const why = isAbsent(cause, candidate) ? 'not found' : firstLine(cause.message)
      tried.push({ what: shorten(candidate), why, cause })
    }
  }
  const list = tried.map(({ what, why }) => `${what} (${why})`).join(', ')
  // That a file is not there has been said.
  const cause = tried.map(({ cause }) => cause).find((cause) => cause.code !== 'MODULE_NOT_FOUND')
  throw failure(
    `emvm has no native binary for ${platformName()} on Node ${process.version}: tried ${list}; ` +
    `reinstall emvm without --omit=optional, or install Rust and run \`node ${shorten(path.join(root, 'scripts', 'install.js'))}\`.`, cause)
}

// Node.js was told to load no native binary at all.
function disabled (cause) {
  const { permission } = /** @type {any} */ (process)
  const cure = permission ? 'was started with --permission: add --allow-addons' : 'was started with --no-addons: start it without'
  return failure(`emvm is a native addon, and this Node.js ${cure}.`, cause)
}

function shorten (candidate) {
  if (!path.isAbsolute(candidate)) return candidate
  const relative = path.relative(process.cwd(), candidate)
  return relative && !relative.startsWith('..') ? relative : candidate
}

function firstLine (text) {
  return String(text).split('\n', 1)[0]
}

module.exports = { candidates, failure, find }
