'use strict'

// A headless Chromium, spoken to through its DevTools pipe: no driver, no port.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawn } = require('node:child_process')
const { once } = require('node:events')

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

// CHROMIUM_PATH, or what the PATH has; null where there is none.
function findChromium () {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH
  for (const folder of (process.env.PATH || '').split(path.delimiter)) {
    for (const name of NAMES) {
      const file = path.join(folder, name)
      if (fs.existsSync(file)) return file
    }
  }
  return null
}

const NO_CHROMIUM = 'no Chromium here: install one, or name it in CHROMIUM_PATH'

async function launch (executable = findChromium()) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-chromium-'))
  const child = spawn(executable, [
    '--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`, '--no-first-run', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
    '--hide-scrollbars', '--force-color-profile=srgb', 'about:blank'
  ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
  const [input, output] = [child.stdio[3], child.stdio[4]]
  const waiting = new Map()
  const listeners = new Set()
  let serial = 0
  let rest = ''

  input.on('error', () => {})
  output.setEncoding('utf8').on('data', (chunk) => {
    const messages = (rest + chunk).split('\0')
    rest = messages.pop()
    for (const text of messages) receive(JSON.parse(text))
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('Chromium has ended'))
    waiting.clear()
  })

  function receive ({ id, method, params, result, error, sessionId }) {
    if (id === undefined) {
      for (const listener of listeners) listener({ method, params, sessionId })
      return
    }
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error) reject(new Error(`${error.message} ${error.data ?? ''}`))
    else resolve(result)
  }

  function send (method, params = {}, sessionId) {
    return new Promise((resolve, reject) => {
      waiting.set(++serial, { resolve, reject })
      input.write(`${JSON.stringify({ id: serial, method, params, ...(sessionId && { sessionId }) })}\0`)
    })
  }

  return {
    open: (url, options) => openPage({ send, listeners }, url, options),
    async close () {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
      child.kill('SIGKILL')
      await ended
      // Its helper processes write for a while yet.
      fs.rmSync(profile, { recursive: true, force: true, maxRetries: 30, retryDelay: 100 })
    }
  }
}

async function openPage ({ send, listeners }, url, { width = 1280, height = 800, dark = false, scale = 1 } = {}) {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
  const call = (method, params) => send(method, params, sessionId)
  const problems = []
  let loaded
  const load = new Promise((resolve) => { loaded = resolve })
  listeners.add(({ method, params, sessionId: from }) => {
    if (from !== sessionId) return
    if (method === 'Page.loadEventFired') loaded()
    if (method === 'Runtime.exceptionThrown') problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text)
    if (method === 'Log.entryAdded' && params.entry.level === 'error') problems.push(`${params.entry.text} ${params.entry.url ?? ''}`)
  })

  const page = {
    // What went wrong in the page: uncaught errors, failed requests, a breach of its policy.
    problems,
    size: (width, height) => call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile: false }),
    dark: (on) => call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: on ? 'dark' : 'light' }] }),
    async evaluate (expression) {
      const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      return result.value
    },
    async until (expression, ms = 30_000) {
      for (const end = Date.now() + ms; ;) {
        const value = await page.evaluate(expression)
        if (value) return value
        if (Date.now() > end) throw new Error(`Not within ${ms} ms: ${expression}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    async screenshot ({ full = false } = {}) {
      const { data } = await call('Page.captureScreenshot', { format: 'png', captureBeyondViewport: full })
      return Buffer.from(data, 'base64')
    },
    async setFile (selector, file) {
      const { root } = await call('DOM.getDocument')
      const { nodeId } = await call('DOM.querySelector', { nodeId: root.nodeId, selector })
      await call('DOM.setFileInputFiles', { nodeId, files: [file] })
    },
    close: () => send('Target.closeTarget', { targetId })
  }
  await Promise.all(['Page', 'Runtime', 'Log', 'DOM'].map((domain) => call(`${domain}.enable`)))
  await page.size(width, height)
  await page.dark(dark)
  await call('Page.navigate', { url })
  await load
  return page
}

module.exports = { findChromium, launch, NO_CHROMIUM }
