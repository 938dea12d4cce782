// emvm from an ES module.
import { createRequire } from 'node:module'
import { open, StaleHandleError } from 'emvm'

const vm = await open(createRequire(import.meta.url).resolve('opencv-4.12'))
const cv = vm.exports
const mat = new cv.Mat(2, 3, cv.CV_8UC1)
await vm.isReady()
try {
  mat.rows
} catch (error) {
  console.log(error instanceof StaleHandleError, error.code)
}
vm.dispose()
