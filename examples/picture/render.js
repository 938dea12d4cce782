'use strict'

// Renders examples/picture.jpg: pebbles, glass marbles and coins on a wooden table, ray traced. Nobody's photograph, so nobody's licence.
//
//   node examples/picture/render.js [width]

const fs = require('node:fs')
const path = require('node:path')
const jpeg = require('jpeg-js')

const SAMPLES = 10
const LIGHT = { at: [-4, 9, 3], radius: 1.3 }
const SKY = [0.62, 0.74, 0.92]

const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
const scale = (a, s) => [a[0] * s, a[1] * s, a[2] * s]
const times = (a, b) => [a[0] * b[0], a[1] * b[1], a[2] * b[2]]
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
const unit = (a) => scale(a, 1 / Math.sqrt(dot(a, a)))
const mix = (a, b, t) => add(scale(a, 1 - t), scale(b, t))
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]

let state = 20250101
function random () {
  state = (state + 0x6D2B79F5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

function lattice (x, y, z) {
  let h = Math.imul(x, 374761393) + Math.imul(y, 668265263) + Math.imul(z, 2147483647 & 1274126177)
  h = Math.imul(h ^ (h >>> 13), 1274126177)
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32
}

function noise ([x, y, z]) {
  const [i, j, k] = [Math.floor(x), Math.floor(y), Math.floor(z)]
  const smooth = (t) => t * t * (3 - 2 * t)
  const [u, v, w] = [smooth(x - i), smooth(y - j), smooth(z - k)]
  const lerp = (a, b, t) => a + (b - a) * t
  const plane = (dz) => lerp(lerp(lattice(i, j, k + dz), lattice(i + 1, j, k + dz), u), lerp(lattice(i, j + 1, k + dz), lattice(i + 1, j + 1, k + dz), u), v)
  return lerp(plane(0), plane(1), w)
}

function cloud (p, octaves) {
  let sum = 0
  for (let i = 0, size = 1, weight = 0.5; i < octaves; i++, size *= 2.03, weight *= 0.5) sum += weight * noise(scale(p, size))
  return sum
}

function wood ([x, , z]) {
  const board = Math.floor(z / 1.6)
  const p = [x * 0.35 + board * 17.3, 0, z * 3.1 + board * 5.7]
  const rings = Math.abs((cloud(p, 4) * 9) % 1 - 0.5) * 2
  const grain = noise([x * 3 + board * 31, 0, z * 60])
  const base = mix([0.34, 0.19, 0.09], [0.66, 0.43, 0.23], 0.55 * rings + 0.3 * grain + 0.15 * lattice(board, 3, 5))
  const seam = Math.abs(z / 1.6 - board - 0.5) > 0.485
  return seam ? scale(base, 0.25) : base
}

const stone = (tint, seed) => (p) => {
  const q = add(scale(p, 3.2), [seed, seed, seed])
  const speckle = noise(scale(q, 9)) > 0.72 ? 0.25 : 0
  const vein = Math.abs(cloud(scale(q, 0.8), 4) - 0.47) < 0.012 ? 0.35 : 0
  return mix(scale(tint, 0.55 + 0.8 * cloud(q, 5)), [0.95, 0.93, 0.9], speckle + vein)
}

function scene () {
  const objects = []
  const free = (x, z, r) => objects.every((o) => Math.hypot(o.at[0] - x, o.at[2] - z) > (o.reach + r) * 1.02)
  const place = (r, make) => {
    for (let tries = 0; tries < 400; tries++) {
      const [x, z] = [(random() - 0.5) * 11, random() * 9 - 1.5]
      if (free(x, z, r)) return objects.push(make(x, z))
    }
  }
  const tints = [[0.5, 0.5, 0.52], [0.62, 0.5, 0.4], [0.36, 0.4, 0.38], [0.72, 0.69, 0.62], [0.45, 0.3, 0.27]]
  const glass = [[0.3, 0.75, 0.5], [0.85, 0.3, 0.25], [0.3, 0.45, 0.9], [0.9, 0.75, 0.3]]
  for (let i = 0; i < 4; i++) {
    const r = 0.55 + random() * 0.15
    place(r, (x, z) => ({ at: [x, r, z], reach: r, squash: 1, r, shine: 0.55, gloss: 220, colour: () => glass[i] }))
  }
  for (let i = 0; i < 9; i++) {
    const r = 0.5
    place(r, (x, z) => ({ at: [x, 0.035, z], reach: r, squash: 0.07, r, shine: 0.28, gloss: 60, colour: coin([x, 0, z], i) }))
  }
  for (let i = 0; i < 26; i++) {
    const r = 0.25 + random() ** 2 * 0.75
    const squash = 0.45 + random() * 0.3
    place(r, (x, z) => ({ at: [x, r * squash, z], reach: r, squash, r, shine: 0.04, gloss: 14, colour: stone(tints[i % tints.length], i * 7.7) }))
  }
  return objects
}

const coin = (at, i) => (p) => {
  const [dx, dz] = [p[0] - at[0], p[2] - at[2]]
  const [r, turn] = [Math.hypot(dx, dz), Math.atan2(dz, dx) + i]
  const metal = i % 3 === 0 ? [0.78, 0.75, 0.7] : [0.8, 0.55, 0.25]
  const rim = r > 0.42 ? 0.75 + 0.25 * Math.sign(Math.sin(turn * 60)) : 1
  const star = r < 0.2 + 0.12 * Math.cos(turn * 5) ? 0.62 : 1
  return scale(metal, rim * star * (0.85 + 0.3 * noise([dx * 14, i, dz * 14])))
}

// Ellipsoids are spheres in a space stretched along y.
function hitObject (o, from, way) {
  const f = sub(from, o.at)
  const [ax, ay, az] = [f[0], f[1] / o.squash, f[2]]
  const [bx, by, bz] = [way[0], way[1] / o.squash, way[2]]
  const a = bx * bx + by * by + bz * bz
  const b = ax * bx + ay * by + az * bz
  const c = ax * ax + ay * ay + az * az - o.r * o.r
  const d = b * b - a * c
  if (d <= 0) return Infinity
  const t = (-b - Math.sqrt(d)) / a
  return t > 1e-4 ? t : Infinity
}

function nearest (objects, from, way) {
  let best = { t: way[1] < -1e-6 ? -from[1] / way[1] : Infinity, object: null }
  for (const object of objects) {
    const t = hitObject(object, from, way)
    if (t < best.t) best = { t, object }
  }
  return best
}

const shadowed = (objects, from, way, far) => objects.some((object) => hitObject(object, from, way) < far)

function sky (way) {
  const window = way[1] > 0 && Math.abs(way[0] / way[1] + 0.5) < 0.5 && Math.abs(way[2] / way[1] - 0.4) < 0.4
  return window ? [2.2, 2.1, 1.9] : scale(SKY, 0.25 + 0.5 * Math.max(0, way[1]))
}

function trace (objects, from, way, depth) {
  const { t, object } = nearest(objects, from, way)
  if (t === Infinity || t > 60) return sky(way)
  const p = add(from, scale(way, t))
  const local = object && sub(p, object.at)
  let normal = object ? unit([local[0], local[1] / object.squash ** 2, local[2]]) : [0, 1, 0]
  if (object && object.shine < 0.1) normal = unit(add(normal, scale([noise(scale(p, 14)) - 0.5, noise(scale(p, 15)) - 0.5, noise(scale(p, 16)) - 0.5], 0.35)))
  const colour = object ? object.colour(p) : wood(p)
  const shine = object ? object.shine : 0.05
  const lamp = add(LIGHT.at, scale([random() - 0.5, random() - 0.5, random() - 0.5], LIGHT.radius * 2))
  const toLamp = sub(lamp, p)
  const far = Math.sqrt(dot(toLamp, toLamp))
  const l = scale(toLamp, 1 / far)
  const start = add(p, scale(normal, 1e-3))
  const lit = dot(normal, l) > 0 && !shadowed(objects, start, l, far) ? dot(normal, l) : 0
  const around = unit(add(normal, [random() - 0.5, random() * 0.8, random() - 0.5]))
  const open = shadowed(objects, start, around, 2.5) ? 0.25 : 1
  let result = times(colour, add([lit * 1.35, lit * 1.25, lit * 1.08], scale(SKY, 0.26 * open)))
  const mirror = sub(way, scale(normal, 2 * dot(way, normal)))
  if (object && lit) result = add(result, scale([1, 0.97, 0.9], Math.max(0, dot(mirror, l)) ** object.gloss * (0.2 + shine)))
  if (depth > 0 && shine > 0.03) {
    const edge = shine + (1 - shine) * (1 + dot(way, normal)) ** 5 * 0.6
    result = mix(result, trace(objects, start, unit(mirror), depth - 1), Math.min(0.9, edge))
  }
  return result
}

function render (width, height) {
  const objects = scene()
  const eye = [0.4, 6.2, -6.4]
  const forward = unit(sub([0, 0, 2.2], eye))
  const right = unit(cross([0, 1, 0], forward))
  const up = cross(forward, right)
  const focus = 7.4
  const data = Buffer.alloc(width * height * 4)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 4) {
      let sum = [0, 0, 0]
      for (let s = 0; s < SAMPLES; s++) {
        const u = (x + random() - width / 2) / height * 0.92
        const v = (height / 2 - y - random()) / height * 0.92
        const lens = add(scale(right, (random() - 0.5) * 0.06), scale(up, (random() - 0.5) * 0.06))
        const target = scale(add(forward, add(scale(right, u), scale(up, v))), focus)
        sum = add(sum, trace(objects, add(eye, lens), unit(sub(target, lens)), 2))
      }
      const grain = (random() - 0.5) * 0.018
      for (let c = 0; c < 3; c++) {
        const exposed = 1 - Math.exp(-1.05 * sum[c] / SAMPLES)
        data[i + c] = Math.max(0, Math.min(255, Math.round(255 * (exposed ** (1 / 2.1) + grain))))
      }
      data[i + 3] = 255
    }
  }
  return { width, height, data }
}

const width = Number(process.argv[2] || 640)
const output = path.join(__dirname, '..', 'picture.jpg')
fs.writeFileSync(output, jpeg.encode(render(width, width * 3 / 4), 88).data)
console.log(`wrote ${path.relative(process.cwd(), output)}`)
