'use strict'

// Promises of a generation that has ended: what they are rejected with is nobody's any more, and must not end the
// process. Only those count that the glue made by itself, while starting or from there on; what a caller of the module
// awaits is the caller's.

const { AsyncLocalStorage } = require('node:async_hooks')

// The store is the generation's token: `{ alive }`.
const context = new AsyncLocalStorage()
let watched = 0

// A token lives as long as something asynchronous was begun under it and may still go on.
const collected = new FinalizationRegistry(() => {
  if (--watched === 0) process.removeListener('unhandledRejection', rejected)
})

const adopt = (token, work) => context.run(token, work)

// The process is watched while promises of ended generations may still be rejected.
function orphan (token) {
  if (!token.alive) return
  token.alive = false
  if (watched++ === 0) process.on('unhandledRejection', rejected)
  collected.register(token)
}

function rejected (reason) {
  const token = context.getStore()
  if (token !== undefined && !token.alive) return
  // With a listener of ours Node thinks the rejection is taken care of: others may do so, else what Node would do is done.
  if (process.listenerCount('unhandledRejection') > 1) return
  const mode = modeOf()
  if (mode === 'none') return
  if (mode.startsWith('warn')) {
    process.emitWarning(reason instanceof Error ? reason : String(reason), 'UnhandledPromiseRejectionWarning')
    if (mode === 'warn-with-error-codes') process.exitCode = 1
    return
  }
  const error = reason instanceof Error
    ? reason
    : Object.assign(new Error('This error originated either by throwing inside of an async function without a catch block, or by rejecting a ' +
      `promise which was not handled with .catch(). The promise rejected with the reason "${String(reason)}".`), { code: 'ERR_UNHANDLED_REJECTION' })
  if (!process.emit('uncaughtException', error, 'unhandledRejection')) throw error
}

function modeOf () {
  const given = [...(process.env.NODE_OPTIONS || '').split(/\s+/), ...process.execArgv].join(' ')
  const found = [...given.matchAll(/--unhandled-rejections[= ](\S+)/g)].pop()
  return found ? found[1] : 'throw'
}

module.exports = { adopt, orphan }
