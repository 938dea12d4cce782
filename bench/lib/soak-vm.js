'use strict'

// The other side of the soak, in a process of its own: the `vm` technique under the same traffic, until it passes 2 GB or 2,000 calls.

const fs = require('node:fs')
const { leak } = require('./leak')
const { vmTechnique } = require('./peers')

const [calls, megabytes, limit] = process.argv.slice(2).map(Number)

async function main () {
  const fresh = vmTechnique()
  for (let call = 1; call <= calls; call++) {
    const [cv] = await fresh()
    leak(cv, megabytes)
    const rss = process.memoryUsage.rss()
    fs.writeSync(1, `${call} ${rss}\n`)
    if (rss > limit) break
  }
}

main()
