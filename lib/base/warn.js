'use strict'

// Warnings are the program's to show or not: what it has put in their place ends nothing of emvm's.
function warn (text, code) {
  try {
    process.emitWarning(text, { type: 'EmvmWarning', code })
  } catch {
    // Nobody is to be warned.
  }
}

module.exports = { warn }
