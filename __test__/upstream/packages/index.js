'use strict'

// Real packages through their own wrappers, on the native host. Their JavaScript does the same job twice: over the module
// that its glue makes under plain Node, and over `vm.exports`, which it is handed in place of that module; the latter once more
// after a recycle. The packages take more than a gigabyte, so this stands outside `npm test`:
//
//   npm install --ignore-scripts --prefix DIR <packages>
//   node __test__/upstream/packages DIR/node_modules [case,case]

const fs = require('node:fs')
const path = require('node:path')
const { spawn } = require('node:child_process')

const [, , folder = process.env.EMVM_PACKAGES, only] = process.argv
const CASES = path.join(__dirname, 'cases')
const TIMEOUT = 300_000

function run (name, mode) {
  return new Promise((resolve) => {
    const args = [path.join(__dirname, 'one.js'), path.resolve(folder), name, mode]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], timeout: TIMEOUT })
    const out = ['', '', '']
    ;[1, 2, 3].forEach((fd, i) => child.stdio[fd].setEncoding('utf8').on('data', (text) => { out[i] += text }))
    child.on('close', (code, signal) => {
      try {
        resolve(JSON.parse(out[2]))
      } catch {
        resolve({ error: `ended with ${signal || code}: ${out[1].slice(-600)}` })
      }
    })
  })
}

// What is left to the glue host says why.
async function explained () {
  const { inspect } = require('../../..')
  let failed = 0
  for (const [file, reason] of Object.entries(require('./glue'))) {
    if (!fs.existsSync(path.join(folder, file))) {
      console.log(`skip ${file}: not installed`)
      continue
    }
    const { host, reasons } = await inspect(path.join(folder, file))
    const good = host === 'glue' && reason.test(reasons.join('; '))
    if (!good) failed++
    console.log(`${good ? 'ok  ' : 'FAIL'} ${file}: ${host}${reasons.map((text) => `; ${text}`).join('')}`)
  }
  return failed
}

async function main () {
  if (!folder) {
    console.error('say where the packages are: node __test__/upstream/packages DIR/node_modules')
    process.exit(2)
  }
  const wanted = only && new Set(only.split(','))
  let failed = 0
  for (const file of fs.readdirSync(CASES).sort()) {
    const name = path.basename(file, '.js')
    if (wanted && !wanted.has(name)) continue
    const { package: directory } = require(path.join(CASES, file))
    if (!fs.existsSync(path.join(folder, directory))) {
      console.log(`skip ${name}: ${directory} is not installed`)
      continue
    }
    const plain = await run(name, 'plain')
    const native = await run(name, 'native')
    const error = plain.error ? `plain Node: ${plain.error}` : native.error
    const same = !error && native.runs.every((digest) => digest === plain.runs[0])
    if (!same) failed++
    console.log(same ? `ok   ${name} ${plain.runs[0].slice(0, 12)} (${plain.length} bytes)` : `FAIL ${name} ${error || `another result: ${plain.runs[0].slice(0, 12)} became ${native.runs.map((d) => d.slice(0, 12)).join(', ')}`}`)
  }
  if (!wanted) failed += await explained()
  process.exitCode = failed ? 1 : 0
}

main()
