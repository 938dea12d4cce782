'use strict'

// Preloaded by `npm run test:worker`: runs the test file in a worker of the process that `node --test` made for it.

const Module = require('node:module')
const { Worker, isMainThread } = require('node:worker_threads')

if (isMainThread && /\.test\.js$/.test(process.argv[1])) {
  Module.runMain = (file = process.argv[1]) => {
    new Worker(file)
      .on('error', (error) => { console.error(error); process.exitCode = 1 })
      .on('exit', (code) => { process.exitCode ||= code })
  }
}
