#!/usr/bin/env node
'use strict'

// cargo's RUSTC_WORKSPACE_WRAPPER of scripts/coverage.js: it counts what runs of emvm's own crate, so that no dependency
// is built again.

const { spawnSync } = require('node:child_process')

const [, , rustc, ...args] = process.argv
const own = args[args.indexOf('--crate-name') + 1] === 'emvm'
const { status, error } = spawnSync(rustc, own ? [...args, '-Cinstrument-coverage'] : args, { stdio: 'inherit' })
if (error) throw error
process.exit(status === null ? 1 : status)
