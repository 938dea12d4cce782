'use strict'

// Which prebuilt binary fits this process. Names are napi-rs's: `<platform>-<arch>[-<abi>]`.

const fs = require('node:fs')

const TRIPLES = {
  'linux-x64-gnu': 'x86_64-unknown-linux-gnu',
  'linux-x64-musl': 'x86_64-unknown-linux-musl',
  'linux-arm64-gnu': 'aarch64-unknown-linux-gnu',
  'linux-arm64-musl': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
  'win32-x64-msvc': 'x86_64-pc-windows-msvc'
}

function isMusl () {
  // The report below takes long: it is asked only where musl's loader is there at all.
  const names = { x64: 'x86_64', arm64: 'aarch64' }
  if (!fs.existsSync(`/lib/ld-musl-${names[process.arch]}.so.1`)) return false
  const { report } = process
  if (!report || typeof report.getReport !== 'function') return false
  // Collecting network interfaces would make the report do slow DNS look-ups.
  const before = report.excludeNetwork
  report.excludeNetwork = true
  const { header } = report.getReport()
  report.excludeNetwork = before
  return !header.glibcVersionRuntime
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

module.exports = { TRIPLES, platformName, platformOfTarget }
