'use strict'

// opencv.js as everybody loads it, in a process that tells its memory.

const operations = require('./operations')

const loaded = new Promise((resolve) => {
  require('opencv-4.12').then((cv) => {
    // It is a promise of itself, which would be waited for without end.
    delete cv.then
    resolve({ cv })
  })
})

process.on('message', async ({ id, operation, picture }) => {
  const { cv } = await loaded
  try {
    process.send({ id, result: operations[operation](cv, picture), rss: process.memoryUsage.rss() })
  } catch (error) {
    process.send({ id, error: String(error?.message ?? error), rss: process.memoryUsage.rss() })
  }
})
process.on('disconnect', () => process.exit())
