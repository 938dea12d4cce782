'use strict'

// An HTTP service that runs the scripts it is sent, each in an interpreter of its own, with limits. What a request does to the
// interpreter is gone before the next.
//
//   npm install wasmoon pyodide @php-wasm/node-8-3 @jitl/quickjs-wasmfile-release-sync
//   node examples/interpreters/service.js lua [PORT]
//   curl --data 'return sum({1, 2, 3})' http://localhost:3000
//   node examples/interpreters/service.js python [PORT]
//   curl --data 'json.dumps([mean([1, 2, 4]), math.pi])' http://localhost:3000
//   node examples/interpreters/service.js php [PORT]
//   curl --data 'echo sum([1, 2, 4]), Model3::table();' http://localhost:3000
//   node examples/interpreters/service.js javascript [PORT]
//   curl --data 'sum([1, 2, 4])' http://localhost:3000

const http = require('node:http')
const { interpreters: javascript } = require('../fresh-interpreter')
const { lua } = require('./lua')
const { php } = require('./php')
const { python } = require('./python')

const INTERPRETERS = { lua, python, php, javascript }

async function serve (language, port, options) {
  const { run, vm } = await INTERPRETERS[language](options)
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
  return Object.assign(server, { vm })
}

module.exports = { serve }

if (require.main === module) {
  const [language, port = 3000] = process.argv.slice(2)
  if (INTERPRETERS[language] === undefined) {
    console.error('usage: node examples/interpreters/service.js lua|python|php|javascript [PORT]')
    process.exitCode = 2
  } else {
    serve(language, Number(port)).then((server) => console.log(`http://localhost:${server.address().port}`))
  }
}
