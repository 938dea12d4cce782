'use strict'

// node child.js a.out.js [ARGUMENT...]: runs a program under emvm, as it would be at start, then twice by `callMain`
// with a recycle between. Each round begins on standard output with MARK and ends when the event loop has nothing left.

const { open } = require('../../..')

const MARK = '\x1e'
const [js, ...args] = process.argv.slice(2)
const send = (what) => process.stdout.write(`${MARK}${JSON.stringify(what)}${MARK}`)

// What Node does with an error that nobody catches, without ending this process.
function statusOf (error) {
  if (error && error.code === 'EMVM_ERR_EXIT') return error.status
  console.error(error)
  return 1
}

const idle = () => new Promise((resolve) => process.once('beforeExit', () => setImmediate(resolve)))
const failures = []
// Nobody reads any more: saying so would fail again, for ever.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(1))
process.on('uncaughtException', (error) => failures.push(statusOf(error)))
process.on('unhandledRejection', (error) => failures.push(statusOf(error)))

async function round (name, run) {
  failures.length = 0
  send({ round: name })
  let status
  try {
    status = await run()
  } catch (error) {
    status = statusOf(error)
  }
  await idle()
  if (failures.length) status = failures[0]
  send({ end: name, status })
}

async function main () {
  let vm
  await round('at start', async () => {
    vm = await open(js, { host: 'native', args })
  })
  if (vm) vm.dispose()
  vm = undefined
  await round('before main', async () => { vm = await open(js, { host: 'native', module: { noInitialRun: true } }) })
  if (!vm || typeof vm.exports.callMain !== 'function' || typeof vm.exports._main !== 'function') return
  await round('callMain', () => vm.exports.callMain(args))
  await vm.isReady()
  await round('after a recycle', () => vm.exports.callMain(args))
  vm.dispose()
}

main().then(() => process.exit(0))
