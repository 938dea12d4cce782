'use strict'

const { spawn } = require('node:child_process')
const path = require('node:path')

const ROOT = path.join(__dirname, '..', '..')

// Runs JavaScript in a process of its own, with `emvm` and `OPENCV` there: { code, signal, stdout, stderr }.
function runScript (body, { timeout = 60_000, args = [], env = {} } = {}) {
  const source = `const emvm = require(${JSON.stringify(ROOT)}); const OPENCV = require.resolve('opencv-4.12');\n${body}`
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args, '-e', source], { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout })
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (chunk) => { output[stream] += chunk })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...output }))
  })
}

module.exports = { runScript }
