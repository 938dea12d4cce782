// Compiled by types-of.test.js against what `emvm types` made of opencv.js 4.12; never run.
import cv, { Mat } from './opencv'
import type { Size, KeyPoint } from './opencv'
import { open } from 'emvm'

async function use (): Promise<void> {
  const vm = await open<typeof import('./opencv')>('opencv.js')
  const fresh = await vm.isReady()
  const m: Mat = new fresh.Mat(3, 4, fresh.CV_8UC1)
  const rows: number = m.rows
  m.rows = 4
  const size: Size = { width: 5, height: 5 }
  const target = new cv.Mat(size, cv.CV_8UC4)
  cv.cvtColor(m, target, cv.COLOR_RGBA2GRAY, 0)
  cv.GaussianBlur(m, target, new cv.Size(5, 5), 1.2, 0, cv.BORDER_DEFAULT)
  const four: 24 = cv.CV_8UC4
  const list = new Mat()
  const points = new cv.KeyPointVector()
  const point: KeyPoint = { angle: 0, class_id: 0, octave: 0, pt: { x: 1, y: 2 }, response: 1, size: 2 }
  points.push_back(point)
  const other: Mat = m.clone()
  m.delete()
  const ptr: number = cv._malloc(10)
  // @ts-expect-error there is no such method
  m.nothing()
  // @ts-expect-error a string is no number
  m.rows = 'four'
  // @ts-expect-error too few arguments
  cv.GaussianBlur(m)
  // @ts-expect-error read-only
  m.data = 3
  void [rows, four, list, other, ptr]
}
void use
