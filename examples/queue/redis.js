'use strict'

// A Redis of one's own for trying out: on a free port, in memory, gone at the end.

const net = require('node:net')
const { once } = require('node:events')
const { spawn, spawnSync } = require('node:child_process')

const isInstalled = () => spawnSync('redis-server', ['--version']).status === 0

async function freePort () {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function startRedis () {
  const port = await freePort()
  const child = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${said}`)))
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text
      if (said.includes('Ready to accept connections')) resolve()
    })
  })
  return { url: `redis://127.0.0.1:${port}`, stop: () => child.kill() }
}

module.exports = { isInstalled, startRedis }
