'use strict'

// A package of Emscripten's making with JavaScript of the test's own in it, for both hosts: the fixture `emasm`, with another
// body for the EM_JS function that its export `t_state` calls, and more post-js.

const fs = require('node:fs')
const path = require('node:path')

const FIXTURES = path.join(__dirname, '..', 'fixtures')
const PRE = /Module\["preSaw"\].*?Module\["preRan"\]=true\}\);/
const BODY = /function js_state\(\)\s*\{[^}]*\}/

// Writes it with `write` (see `scratch`) and gives the file. `state`: the function's body, whose result must be an integer; `fixture`:
// another one, for its post-js alone.
function packageWith (write, { fixture = 'emasm-O2', name = 'package', state, post = '' } = {}) {
  let glue = fs.readFileSync(path.join(FIXTURES, `${fixture}.js`), 'utf8').replaceAll(`${fixture}.wasm`, `${name}.wasm`)
  if (state !== undefined && !BODY.test(glue)) throw new Error('the fixture has no such function')
  // Modules whose pre-js keeps state are left to their own JavaScript.
  glue = glue.replace(PRE, '')
  if (state !== undefined) glue = glue.replace(BODY, () => `function js_state(){${state}}`)
  write(`${name}.wasm`, fs.readFileSync(path.join(FIXTURES, `${fixture}.wasm`)))
  return write(`${name}.js`, `${glue}\n${post}`)
}

module.exports = { packageWith }
