'use strict'

// An HTTP service that runs the JavaScript it is sent, each request in an interpreter (QuickJS) of its own, with limits. The
// interpreter is booted once, with a prelude; what a request does to it is gone before the next.
//
//   node examples/fresh-interpreter.js [PORT]
//   curl --data 'sum([1, 2, 3])' http://localhost:3000

const http = require('node:http')
const { open } = require('..')

const PRELUDE = `
  const sum = (list) => list.reduce((total, each) => total + each, 0)
  const store = new Map()
  for (let i = 0; i < 1000; i++) store.set('key ' + i, i)`

// QuickJS in C: strings go through its memory.
class Interpreter {
  constructor (module) {
    this.module = module
    this.context = module._QTS_NewContext(module._QTS_NewRuntime(), 0)
    this.run(PRELUDE)
  }

  #write (text) {
    const bytes = Buffer.from(`${text}\0`)
    const at = this.module._malloc(bytes.length)
    this.module.HEAPU8.set(bytes, at)
    return [at, bytes.length - 1]
  }

  #read (at) {
    const { HEAPU8 } = this.module
    return Buffer.from(HEAPU8.subarray(at, HEAPU8.indexOf(0, at))).toString()
  }

  // What a script gives, as JSON.
  run (script) {
    const { module, context } = this
    const [code, length] = this.#write(script)
    const [name] = this.#write('request.js')
    const value = module._QTS_Eval(context, code, length, name, 0, 0)
    const error = module._QTS_ResolveException(context, value)
    const text = this.#read(module._QTS_Dump(context, error || value))
    if (error) throw new Error(text)
    return text
  }
}

async function interpreters () {
  let interpreter
  const vm = await open(require.resolve('@jitl/quickjs-wasmfile-release-sync/emscripten-module'), {
    rewind: true,
    timeout: 1000,
    memory: { max: '128mb' },
    warmUp: (module) => { interpreter = new Interpreter(module) }
  })
  return {
    vm,
    // Leases of one sandbox queue up: one request at a time, each on a fresh interpreter.
    run: (script) => vm.run(() => interpreter.run(script))
  }
}

async function serve (port) {
  const { run, vm } = await interpreters()
  const server = http.createServer(async (request, response) => {
    try {
      let script = ''
      for await (const chunk of request) script += chunk
      response.end(`${await run(script)}\n`)
    } catch (error) {
      response.statusCode = error.code === 'EMVM_ERR_TIMEOUT' ? 408 : 422
      response.end(`${error.message}\n`)
    }
  })
  server.on('close', () => vm.dispose())
  await new Promise((resolve) => server.listen(port, resolve))
  return server
}

module.exports = { interpreters, serve }

if (require.main === module) {
  serve(Number(process.argv[2] ?? 3000)).then((server) => console.log(`http://localhost:${server.address().port}`))
}
