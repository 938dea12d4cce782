'use strict'

// Runs when emvm is installed: a binary that loads is all it wants; without one it builds from source.

const { candidates } = require('../lib/base/binary')
const { load } = require('../lib/base/binding')
const { platformName } = require('../lib/base/platform')
const { build, cargoVersion } = require('./build')

function fits () {
  try {
    load()
    return true
  } catch {
    return false
  }
}

function main () {
  if (fits()) return 0
  if (process.env.EMVM_SKIP_BUILD) {
    console.warn(`emvm: no binary for ${platformName()} yet, and EMVM_SKIP_BUILD is set: nothing was built.`)
    return 0
  }
  if (!cargoVersion()) {
    console.error(
      `emvm: there is no prebuilt binary for ${platformName()} (looked for ${candidates().join(', ')}) and no Rust toolchain ` +
      'to build one with: install Rust from https://rustup.rs and install emvm again.')
    return 1
  }
  console.log(`emvm: no prebuilt binary for ${platformName()}; building from source takes some minutes.`)
  const { status } = build()
  if (status !== 0) {
    console.error(`emvm: cargo could not build the addon (exit code ${status}); its output is above.`)
    return status
  }
  load()
  return 0
}

process.exitCode = main()
