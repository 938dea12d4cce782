'use strict'

const AT_ONCE = 2
const [FEWEST_SECONDS, MOST_SECONDS] = [30, 120]
const MB = 2 ** 20
const LARGEST = 1600

const $ = (id) => document.getElementById(id)
const samples = []
let picture = null
let sending = false

const mode = () => document.querySelector('input[name=mode]:checked').value
const megabytes = (bytes) => `${Math.round(bytes / MB).toLocaleString('en')} MB`
const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
const micros = (value) => value < 1000 ? `${Math.round(value)} µs` : milliseconds(value / 1000)

// --- pictures

// Also shown on the document, where a test can wait for it.
function underWay (change) {
  const { dataset } = document.documentElement
  dataset.underWay = Number(dataset.underWay || 0) + change
}

async function sendOne () {
  underWay(1)
  try {
    await processed()
  } finally {
    underWay(-1)
  }
}

async function processed () {
  const [runs, operation] = [mode(), $('operation').value]
  picture ??= await (await fetch('picture.jpg')).blob()
  const response = await fetch(`process/${operation}?mode=${runs}`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: picture })
  if (!response.ok) {
    tell(`${response.status}: ${(await response.json()).error}`)
    return
  }
  const found = response.headers.get('x-found')
  show(await response.blob(), found === null ? `Processed ${runs === 'emvm' ? 'in emvm' : 'by the plain module'}` : `${found} things outlined ${runs === 'emvm' ? 'in emvm' : 'by the plain module'}`)
}

function show (blob, text) {
  const url = URL.createObjectURL(blob)
  $('result').onload = () => URL.revokeObjectURL(url)
  $('result').src = url
  $('result').alt = text
  tell(text)
}

function tell (text) {
  if ($('told').textContent !== text) $('told').textContent = text
}

async function keepSending () {
  while (sending) {
    try {
      await sendOne()
    } catch (error) {
      tell(String(error.message))
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  }
}

$('traffic').onclick = () => {
  sending = !sending
  $('traffic').setAttribute('aria-pressed', sending)
  $('traffic').textContent = sending ? 'Stop sending' : 'Start sending'
  if (sending) for (let i = 0; i < AT_ONCE; i++) keepSending()
}

// Any picture that the browser reads becomes a JPEG of a moderate size.
$('file').onchange = async () => {
  const [file] = $('file').files
  if (!file) return
  const image = new Image()
  image.src = URL.createObjectURL(file)
  try {
    await image.decode()
    const scale = Math.min(1, LARGEST / Math.max(image.naturalWidth, image.naturalHeight))
    const canvas = document.createElement('canvas')
    canvas.width = Math.round(image.naturalWidth * scale)
    canvas.height = Math.round(image.naturalHeight * scale)
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height)
    picture = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.9))
    await sendOne()
  } catch (error) {
    tell(`${file.name}: ${error.message}`)
  } finally {
    URL.revokeObjectURL(image.src)
  }
}

// --- figures

function figures () {
  const now = samples[samples.length - 1]
  const last = (name) => samples.findLast(({ milliseconds }) => milliseconds[name] !== null)?.milliseconds[name]
  for (const name of ['emvm', 'plain']) {
    const time = last(name)
    $(`rss-${name}`).textContent = now.rss[name] ? `${name} ${megabytes(now.rss[name])}` : name
    $(`ms-${name}`).textContent = time === undefined ? name : `${name} ${milliseconds(time)}`
    $(`count-${name}`).textContent = now.requests[name].toLocaleString('en')
  }
  $('recycles').textContent = now.recycles.toLocaleString('en')
  $('recycle').textContent = now.recycles ? `${micros(now.recycleMicros.p50)} / ${micros(now.recycleMicros.p99)}` : '–'
  $('queue').textContent = `${now.running} / ${now.queued}`
  $('restarts').textContent = now.restarts === 1 ? 'once' : `${now.restarts} times`
}

function tickStep (most) {
  const power = 10 ** Math.floor(Math.log10(most / 3))
  return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= most / 4)
}

// `unit` is what the ticks are round numbers of.
function draw (svg, valueOf, { label, unit, least }) {
  const { width, height } = svg.getBoundingClientRect()
  if (width === 0) return
  const [left, right, top, bottom] = [66, width - 8, 10, height - 22]
  const end = samples[samples.length - 1].seconds
  const span = Math.min(MOST_SECONDS, Math.max(FEWEST_SECONDS, end - samples[0].seconds))
  const shown = samples.filter(({ seconds }) => seconds >= end - span)
  const values = shown.flatMap((sample) => ['emvm', 'plain'].map((name) => valueOf(sample, name)).filter(Boolean))
  const most = Math.max(least, ...values) * 1.08
  const x = (seconds) => right - (right - left) * (end - seconds) / span
  const y = (value) => bottom - (bottom - top) * value / most
  const step = tickStep(most / unit) * unit
  const parts = []
  for (let value = 0; value <= most; value += step) {
    parts.push(`<line class="grid" x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}"/><text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${label(value)}</text>`)
  }
  const every = 10 * Math.ceil(span / (width < 480 ? 40 : 80))
  for (let ago = 0; ago <= span - every / 4; ago += every) {
    parts.push(`<text x="${x(end - ago)}" y="${height - 4}" text-anchor="${ago === 0 ? 'end' : 'middle'}">${ago === 0 ? 'now' : `${ago} s ago`}</text>`)
  }
  for (const name of ['plain', 'emvm']) {
    let path = ''
    let before = null
    for (const sample of shown) {
      const value = valueOf(sample, name)
      if (!value) continue
      // After a while without values a line begins anew.
      path += `${before !== null && sample.seconds - before < 3 ? 'L' : 'M'}${x(sample.seconds).toFixed(1)} ${y(value).toFixed(1)}`
      before = sample.seconds
    }
    if (path) parts.push(`<path class="line ${name}" d="${path}"/>`)
  }
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.innerHTML = parts.join('')
}

function redraw () {
  if (samples.length === 0) return
  figures()
  draw($('memory'), ({ rss }, name) => rss[name], { label: megabytes, unit: MB, least: 400 * MB })
  draw($('latency'), ({ milliseconds }, name) => milliseconds[name], { label: (value) => `${Math.round(value).toLocaleString('en')} ms`, unit: 1, least: 40 })
}

const events = new EventSource('events')
events.onopen = () => { samples.length = 0 }
events.onmessage = ({ data }) => {
  samples.push(...JSON.parse(data))
  while (samples[samples.length - 1].seconds - samples[0].seconds > MOST_SECONDS + 5) samples.shift()
  redraw()
}
addEventListener('resize', redraw)
