'use strict'

// Opens sandboxes until the system refuses, then shows that the process and the sandboxes it has still work.

const { open } = require('../..')
const { FILE } = require('./peers')

const MOST = 40_000

async function main () {
  const all = []
  try {
    while (all.length < MOST) all.push(await open(FILE, { host: 'native' }))
    console.log(`${all.length} sandboxes, and no limit met`)
  } catch (error) {
    const cv = all.length ? await all[0].isReady() : null
    const works = cv && new cv.Mat(4, 4, cv.CV_8UC1).rows === 4
    console.log(`${all.length} sandboxes, then ${error.code || error.name}: ${error.message.split('\n')[0]}${works ? ' (the others still work)' : ''}`)
    if (error.code !== 'EMVM_ERR_MEMORY') process.exitCode = 1
  }
}

main()
