'use strict'

// An image service on fastify, with a page to watch it by: pictures are processed by opencv.js in a pool of emvm sandboxes or, with
// the switch on the page, by the plain module, which leaks.
//
//   node examples/service/main.js [port]

const { serve } = require('./server')

async function main () {
  const port = Number(process.argv[2] || process.env.PORT || 3000)
  console.log('Opening opencv.js; the first time takes some seconds ...')
  const app = await serve({ port })
  console.log(`Listening on http://localhost:${app.server.address().port}`)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
