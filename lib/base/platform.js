'use strict'

const fs = require('node:fs')

// Which prebuilt binary fits this process. Names are napi-rs's: `<platform>-<arch>[-<abi>]`.

const TRIPLES = {
  'linux-x64-gnu': 'x86_64-unknown-linux-gnu',
  'linux-x64-musl': 'x86_64-unknown-linux-musl',
  'linux-arm64-gnu': 'aarch64-unknown-linux-gnu',
  'linux-arm64-musl': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
  'win32-x64-msvc': 'x86_64-pc-windows-msvc'
}

let musl

function isMusl () {
  musl ??= hasMuslLoader() ?? !hasGlibcReport()
  return musl
}

// The loader of musl is its C library, so it is among what is mapped.
function hasMuslLoader () {
  try {
    return /\/(ld-musl-|libc\.musl-)/.test(fs.readFileSync('/proc/self/maps', 'latin1'))
  } catch {
    return undefined
  }
}

// A report waits for every worker to write its part: a worker in a long call would hold it up.
function hasGlibcReport () {
  const report = /** @type {any} */ (process.report)
  if (!report || typeof report.getReport !== 'function') return true
  // Collecting network interfaces would make the report do slow DNS look-ups.
  const before = report.excludeNetwork
  report.excludeNetwork = true
  const { header } = report.getReport()
  report.excludeNetwork = before
  return Boolean(header.glibcVersionRuntime)
}

function platformName (platform = process.platform, arch = process.arch) {
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`
  if (platform === 'win32') return `win32-${arch}-msvc`
  return `${platform}-${arch}`
}

function platformOfTarget (target) {
  const found = Object.entries(TRIPLES).find(([, triple]) => triple === target)
  return found && found[0]
}

const OLDEST_NODE = [20, 4]

// A sentence where this Node is too old: npm only warns of `engines`, and what then fails does so in odd places.
function nodeTooOld (version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number)
  const [oldest, least] = OLDEST_NODE
  if (major > oldest || (major === oldest && minor >= least)) return null
  return `emvm needs Node.js ${OLDEST_NODE.join('.')} or newer, this is ${version}`
}

module.exports = { TRIPLES, platformName, platformOfTarget, nodeTooOld }
