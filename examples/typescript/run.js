'use strict'

// All of it in one command: makes the types of opencv.js, compiles main.ts with --strict, runs it.
//
//   node examples/typescript/run.js

const fs = require('node:fs')
const path = require('node:path')
const { execFileSync } = require('node:child_process')

const root = path.join(__dirname, '..', '..')
const node = (...args) => execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

fs.writeFileSync(path.join(__dirname, 'opencv.d.ts'), node('bin/emvm.js', 'types', 'opencv-4.12'))
try {
  node(require.resolve('typescript/bin/tsc'), '--project', __dirname)
} catch (error) {
  process.stdout.write(error.stdout)
  process.exit(1)
}
process.stdout.write(node(path.join(__dirname, 'out', 'main.js')))
