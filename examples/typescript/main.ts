// emvm from TypeScript, with types that `emvm types opencv.js > opencv.d.ts` makes of the module.
//
//   node examples/typescript/run.js

import { open, Pool } from 'emvm'

type OpenCV = typeof import('./opencv')

async function main (): Promise<void> {
  const source = require.resolve('opencv-4.12')
  const vm = await open<OpenCV>(source)
  const cv = await vm.isReady()
  const mat = new cv.Mat(2, 3, cv.CV_8UC1)
  const size: number = mat.rows * mat.cols
  vm.dispose()

  const pool = new Pool<OpenCV>(source, { threads: 1 })
  const channels: number = await pool.run((cv, side: number) => new cv.Mat(side, side, cv.CV_8UC4).channels(), 4)
  await pool.close()
  console.log(size, channels)
}

void main()
declare const require: { resolve (id: string): string }
