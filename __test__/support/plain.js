'use strict'

// Runs a job on a fixture's own JavaScript under plain Node and prints what came of it as JSON:
//   node plain.js <fixture.js> <job.js> [argument as JSON]

const path = require('node:path')

// Old glue takes Node's fetch for a browser's.
delete globalThis.fetch

const [file, jobFile, argument] = process.argv.slice(2)
const lines = []
const write = process.stdout.write.bind(process.stdout)
console.log = (...args) => { lines.push(`out ${args.join(' ')}`) }
console.warn = console.error = (...args) => { lines.push(`err ${args.join(' ')}`) }
// Emscripten's exit() ends the process: here it only ends the call, as what its own JavaScript calls an unwinding.
const { reallyExit } = process
process.exit = () => { throw 'unwind' } // eslint-disable-line no-throw-literal
process.argv.length = 2

async function load () {
  const given = require(path.resolve(file))
  if (typeof given === 'function') return given()
  // Until start-up is over functions may be there that do not work yet.
  while (!given.calledRun) await new Promise((resolve) => setTimeout(resolve, 1))
  return given
}

// Linked modules read their options from the global `Module`, so jobs may ask for some.
async function main () {
  const { job, before } = require(path.resolve(jobFile))
  if (before) before(argument === undefined ? undefined : JSON.parse(argument))
  const module = await load()
  const start = lines.splice(0)
  const result = await job(module, { lines, argument: argument === undefined ? undefined : JSON.parse(argument) })
  process.exitCode = 0
  // Threads of the module would keep the process alive.
  write(JSON.stringify({ start, result, lines }), () => reallyExit.call(process, 0))
}

main().catch((error) => {
  process.stderr.write(`${error && error.stack ? error.stack : error}\n`)
  process.exitCode = 7
})
