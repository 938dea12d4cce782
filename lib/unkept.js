'use strict'

// Says so, once in a process, when compiled code could not be kept in the cache folder: each process then compiles anew.

const { load } = require('./base/binding')
const clock = require('./base/clock')

const LOOK_MS = 500

// Better code of a program comes later, from another thread: until it is there, a look now and then, which holds up neither the
// process nor the program.
function tellUnkept (program) {
  const { isImproving } = program
  tell()
  if (isImproving) lookAgain(new WeakRef(program))
}

function lookAgain (ref) {
  const timer = clock.setTimeout(() => {
    const program = ref.deref()
    if (program !== undefined) tellUnkept(program)
  }, LOOK_MS)
  timer.unref?.()
}

function tell () {
  const why = load().unkeptCode()
  if (why === null) return
  require('./base/warn').warn(`compiled code cannot be kept in ${why}. Each process compiles anew: mend the folder, or set the \`cache\` option, to false where none is to be had`, 'EMVM_WARN_CACHE')
}

module.exports = { tellUnkept }
