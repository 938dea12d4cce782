'use strict'

// Setups whose warm-ups another thread can start from, and those that it cannot.

const fs = require('node:fs')

const FILE = process.env.EMVM_TEST_WARMED
let pointer

exports.alike = () => ({
  warmUp: (cv) => {
    fs.appendFileSync(FILE, 'warmed\n')
    cv.FS_createDataFile('/', 'model', 'trained', true, true)
  }
})

exports.outside = () => ({
  warmUp: (cv) => {
    fs.appendFileSync(FILE, 'warmed\n')
    pointer = cv._malloc(64)
    cv.HEAPU8[pointer] = 42
  }
})

exports.object = () => ({
  warmUp: (cv) => {
    fs.appendFileSync(FILE, 'warmed\n')
    void new cv.Mat(4, 4, cv.CV_8UC1)
  }
})

exports.hasModel = async (cv) => {
  await new Promise((resolve) => setTimeout(resolve, 30))
  return cv.FS_createDataFile === undefined ? 'no FS' : hasFile(cv)
}

function hasFile (cv) {
  try {
    cv.FS_createDataFile('/', 'model', 'other', true, true)
    return 'no model'
  } catch ({ code }) {
    return code
  }
}

exports.pointed = async (cv) => {
  await new Promise((resolve) => setTimeout(resolve, 30))
  return cv.HEAPU8[pointer]
}

exports.nothing = () => new Promise((resolve) => setTimeout(resolve, 30, 1))
