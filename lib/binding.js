'use strict'

const path = require('node:path')
const { install } = require('./in-flight')
const { platformName } = require('./platform')
const { required } = require('./platform-packages')

const root = path.join(__dirname, '..')

// In order: an explicit path, a build made in place, the platform's package.
function candidates (name = platformName()) {
  if (process.env.EMVM_BINDING) return [path.resolve(process.env.EMVM_BINDING)]
  return [path.join(root, `emvm.${name}.node`), packageName(name)]
}

const packageName = (name = platformName()) => `emvm-${name}`

function isAbsent (error, candidate) {
  return error.code === 'MODULE_NOT_FOUND' && error.message.includes(candidate)
}

let loaded

function load () {
  if (loaded === undefined) {
    loaded = find()
    install(loaded)
    loaded.watchThread()
  }
  return loaded
}

function find () {
  const tried = []
  for (const candidate of candidates()) {
    try {
      return candidate === packageName() ? required(platformName()) : require(candidate)
    } catch (cause) {
      const why = isAbsent(cause, candidate) ? 'not found' : firstLine(cause.message)
      tried.push({ what: shorten(candidate), why, cause })
    }
  }
  const list = tried.map(({ what, why }) => `${what} (${why})`).join(', ')
  const error = Object.assign(new Error(
    `emvm has no native binary for ${platformName()} on Node ${process.version}: tried ${list}; ` +
    `reinstall emvm without --omit=optional, or install Rust and run \`node ${shorten(path.join(root, 'scripts', 'install.js'))}\`.`), { code: 'EMVM_ERR_BINDING' })
  // That a file is not there has been said.
  const cause = tried.map(({ cause }) => cause).find((cause) => cause.code !== 'MODULE_NOT_FOUND')
  if (cause) error.cause = cause
  throw error
}

function shorten (candidate) {
  if (!path.isAbsolute(candidate)) return candidate
  const relative = path.relative(process.cwd(), candidate)
  return relative && !relative.startsWith('..') ? relative : candidate
}

function firstLine (text) {
  return String(text).split('\n', 1)[0]
}

module.exports = { candidates, load }
