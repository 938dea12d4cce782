// @ts-nocheck: of these packages, one is installed at most.
/* eslint-disable n/no-missing-require, no-useless-catch */
'use strict'

// Each name stands here as it is, so that tools that trace or bundle a program's files find its package; within `try`, since
// those of other platforms are not installed, which they then do not mind.
function required (name) {
  try {
    switch (name) {
      case 'linux-x64-gnu': return require('emvm-linux-x64-gnu')
      case 'linux-x64-musl': return require('emvm-linux-x64-musl')
      case 'linux-arm64-gnu': return require('emvm-linux-arm64-gnu')
      case 'linux-arm64-musl': return require('emvm-linux-arm64-musl')
      case 'darwin-x64': return require('emvm-darwin-x64')
      case 'darwin-arm64': return require('emvm-darwin-arm64')
      case 'win32-x64-msvc': return require('emvm-win32-x64-msvc')
    }
  } catch (error) {
    throw error
  }
  throw Object.assign(new Error(`Cannot find module 'emvm-${name}'`), { code: 'MODULE_NOT_FOUND' })
}

module.exports = { required }
