'use strict'

// The server of bench/chaos.js, a process of its own: POST /KIND, answered as lib/chaos-work.js says.

const http = require('node:http')
const { open } = require('../..')
const { FILES, OPTIONS, WORK } = require('./chaos-work')

async function body (request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function main () {
  const sandboxes = {}
  for (const [name, file] of Object.entries(FILES)) sandboxes[name] = await open(file, OPTIONS[name])

  const server = http.createServer(async (request, response) => {
    const work = WORK[request.url.slice(1)]
    if (work === undefined) return response.writeHead(404).end()
    try {
      const input = await body(request)
      const answer = await sandboxes[work.sandbox].run((module) => work.run(module, input))
      response.writeHead(200).end(answer)
    } catch (error) {
      response.writeHead(500).end(JSON.stringify({ name: error && error.name, code: error && error.code, message: String(error && error.message).slice(0, 200) }))
    }
  })

  process.on('message', (message) => {
    if (message === 'stop') {
      server.close()
      server.closeAllConnections()
      for (const vm of Object.values(sandboxes)) vm.dispose()
      process.disconnect()
      return
    }
    const stats = Object.fromEntries(Object.entries(sandboxes).map(([name, vm]) => [name, vm.stats()]))
    process.send({ rss: process.memoryUsage.rss(), heap: process.memoryUsage().heapUsed, stats })
  })

  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port, hosts: Object.values(sandboxes).map((vm) => vm.host) }))
}

main()
