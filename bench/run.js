'use strict'

// npm run bench [-- --quick]: every benchmark, one after the other, each in a process of its own.

const { spawnSync } = require('node:child_process')
const path = require('node:path')

for (const name of ['open', 'recycle', 'ops', 'calls', 'pool', 'density', 'soak']) {
  console.log(`\n## ${name}\n`)
  const { status } = spawnSync(process.execPath, ['--expose-gc', path.join(__dirname, `${name}.js`), ...process.argv.slice(2)], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
