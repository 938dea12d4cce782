'use strict'

// Whether an error is one of emvm's: a trap, an abort, an exit.
const isFault = (error) => typeof error?.code === 'string' && error.code.startsWith('EMVM_ERR')

module.exports = { isFault }
