'use strict'

const fs = require('node:fs')
const path = require('node:path')
const fastify = require('fastify')
const { emvmEngine, plainEngine } = require('./engines')
const { watch } = require('./figures')
const operations = require('./operations')

const PAGE = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/style.css': ['style.css', 'text/css; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8']
}
const STATUS = { EMVM_ERR_QUEUE_FULL: 503, EMVM_ERR_TIMEOUT: 504 }

async function serve ({ port = 0, host = 'localhost', pool = {}, plain = {}, logger = false } = {}) {
  const engines = { emvm: emvmEngine(pool), plain: plainEngine(plain) }
  await engines.emvm.ready()
  const figures = watch(engines)
  const streams = new Set()
  const app = fastify({ logger, bodyLimit: 20 * 2 ** 20, forceCloseConnections: true })

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('image/jpeg', { parseAs: 'buffer' }, (request, body, done) => done(null, body))

  app.post('/process/:operation', async (request, reply) => {
    const { operation } = request.params
    const mode = request.query.mode === 'plain' ? 'plain' : 'emvm'
    if (!Object.hasOwn(operations, operation)) return reply.code(404).send({ error: `There is no '${operation}': ${Object.keys(operations).join(', ')}.` })
    const started = performance.now()
    try {
      const { picture, found } = await engines[mode].process(operation, request.body)
      const milliseconds = performance.now() - started
      figures.note(mode, milliseconds)
      if (found !== undefined) reply.header('x-found', found)
      reply.header('server-timing', `${mode};dur=${milliseconds.toFixed(1)}`)
      return reply.type('image/jpeg').send(Buffer.from(picture))
    } catch (error) {
      // A trap, a time-out or a file that is no picture costs this request and no other.
      figures.note(mode, 0, true)
      return reply.code(STATUS[error.code] || error.status || 422).send({ error: error.message, code: error.code })
    }
  })

  // Server-sent events: what was, then what is, as it comes.
  app.get('/events', (request, reply) => {
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    const send = (samples) => raw.write(`data: ${JSON.stringify(samples)}\n\n`)
    send(figures.samples)
    const stop = figures.listen((sample) => send([sample]))
    streams.add(raw)
    raw.on('close', () => { stop(); streams.delete(raw) })
  })

  app.get('/stats', () => ({ ...figures.now(), pool: engines.emvm.pool.stats() }))
  app.get('/picture.jpg', (request, reply) => reply.type('image/jpeg').send(fs.readFileSync(path.join(__dirname, '..', 'picture.jpg'))))
  for (const [url, [file, type]] of Object.entries(PAGE)) {
    app.get(url, (request, reply) => reply
      .type(type)
      .header('content-security-policy', "default-src 'self'; img-src 'self' blob: data:")
      .send(fs.readFileSync(path.join(__dirname, 'page', file))))
  }

  app.addHook('preClose', () => { for (const stream of streams) stream.end() })
  app.addHook('onClose', async () => {
    figures.stop()
    engines.plain.close()
    await engines.emvm.close()
  })
  await app.listen({ port, host })
  return app
}

module.exports = { serve }
