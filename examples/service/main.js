'use strict'

// An image service with a page to watch it by: pictures are outlined by opencv.js in a pool of emvm sandboxes or, with the switch on
// the page, by the plain module, which leaks.
//
//   node examples/service/main.js [port]

const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { once } = require('node:events')
const { performance } = require('node:perf_hooks')
const { Pool } = require('../..')
const { outline } = require('../lib/pipeline')

const OPENCV = require.resolve('opencv-4.12')
const TASK = path.join(__dirname, '..', 'lib', 'outline-task.js')
const MAX_BODY = 20 * 2 ** 20

let plain

// opencv.js as it is, in this process: nothing ever takes back what a request leaves behind.
function plainModule () {
  plain ??= new Promise((resolve) => {
    require(OPENCV).then((cv) => {
      // It is a promise of itself, which would be waited for without end.
      delete cv.then
      resolve({ cv })
    })
  })
  return plain
}

async function bodyOf (request) {
  const chunks = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > MAX_BODY) throw Object.assign(new Error('the picture is too large'), { status: 413 })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function send (response, status, type, body) {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
}

async function serve (port, options = {}) {
  const pool = new Pool(OPENCV, { timeout: 10_000, maxQueue: 64, ...options })
  await pool.ready()
  const requests = { emvm: 0, plain: 0 }
  const page = fs.readFileSync(path.join(__dirname, 'page.html'))

  async function outlined (picture, mode) {
    requests[mode]++
    if (mode === 'plain') return outline((await plainModule()).cv, picture)
    return pool.run(TASK, picture)
  }

  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    try {
      if (pathname === '/' && request.method === 'GET') return send(response, 200, 'text/html; charset=utf-8', page)
      if (pathname === '/stats') return send(response, 200, 'application/json', JSON.stringify({ rss: process.memoryUsage.rss(), requests, pool: pool.stats() }))
      if (pathname === '/picture') return send(response, 200, 'image/jpeg', fs.readFileSync(path.join(__dirname, '..', 'picture.jpg')))
      if (pathname === '/outline' && request.method === 'POST') {
        const started = performance.now()
        const { picture, found } = await outlined(await bodyOf(request), searchParams.get('mode') === 'plain' ? 'plain' : 'emvm')
        response.setHeader('x-found', found)
        response.setHeader('x-milliseconds', (performance.now() - started).toFixed(1))
        return send(response, 200, 'image/jpeg', picture)
      }
      send(response, 404, 'text/plain', 'There is /, /outline, /picture and /stats.\n')
    } catch (error) {
      const status = error.status || { EMVM_ERR_QUEUE_FULL: 503, EMVM_ERR_TIMEOUT: 504 }[error.code] || 422
      if (!response.headersSent) send(response, status, 'text/plain', `${error.message}\n`)
    }
  })
  server.on('close', () => pool.destroy())
  server.listen(port)
  await once(server, 'listening')
  return server
}

if (require.main === module) {
  serve(Number(process.argv[2] || 3000)).then((server) => console.log(`Listening on http://localhost:${server.address().port}`))
}

module.exports = { serve }
