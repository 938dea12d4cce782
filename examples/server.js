'use strict'

// An HTTP service that survives what leaks: POST a JPEG, get it back with its outlines drawn.
//
//   node examples/server.js [port]
//   curl --data-binary @examples/picture.jpg http://localhost:3000 -o outlined.jpg
//
// Requests overlap, so each takes a lease: `vm.run` gives it a fresh instance of its own and the others wait. With a bare
// `await vm.isReady()` a request could have the instance replaced under it while it awaits something else.

const http = require('node:http')
const { once } = require('node:events')
const { open } = require('..')
const { outline } = require('./lib/pipeline')

const MAX_BODY = 20 * 2 ** 20

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

async function serve (port) {
  const vm = await open(require.resolve('opencv-4.12'), { memory: { max: '512mb' }, timeout: 5000 })
  const server = http.createServer(async (request, response) => {
    try {
      const body = await bodyOf(request)
      const { picture } = await vm.run((cv) => outline(cv, body))
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(picture)
    } catch (error) {
      // A trap, a timeout or too large a picture costs this request and no other.
      response.writeHead(error.status || 422, { 'content-type': 'text/plain' }).end(`${error.message}\n`)
    }
  })
  server.on('close', () => vm.dispose())
  server.listen(port)
  await once(server, 'listening')
  return server
}

if (require.main === module) {
  serve(Number(process.argv[2] || 3000)).then((server) => console.log(`Listening on http://localhost:${server.address().port}`))
}

module.exports = { serve }
