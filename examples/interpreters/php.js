'use strict'

// PHP (php-wasm) with a library: PHP itself is started once, and the library's file is there. A script begins anew for each request, as
// in any PHP; what it does to files, to PHP's own state or to its memory is gone before the next.

const fs = require('node:fs')
const path = require('node:path')
const { open } = require('../..')

// What a framework is to its requests, in small: classes of which each script has as many as it asks for.
const LIBRARY = `<?php
${Array.from({ length: 200 }, (_, at) => `class Model${at} { public array $rows = []; function add($row) { $this->rows[] = $row; return $this; } static function table() { return 'model_${at}'; } }`).join('\n')}
function sum(array $values) { return array_sum($values); }`

const SCRIPT = '/request.php'
const OUTPUT = '/output.txt'

// The script's text is PHP without its opening tag; what it prints is the answer.
const programOf = (script) => `<?php require '/library.php';
ob_start(function ($text) { file_put_contents('${OUTPUT}', $text, FILE_APPEND); return ''; });
${script}`

// `modules`: where packages are looked for, where not beside this file.
async function php ({ modules = [__dirname] } = {}) {
  const find = (name) => require.resolve(name, { paths: modules })
  const folder = path.join(path.dirname(find('@php-wasm/node-8-3/package.json')), 'asyncify')
  const version = fs.readdirSync(folder).find((name) => fs.existsSync(path.join(folder, name, 'php_8_3.wasm')))
  let instance
  const vm = await open(path.join(folder, 'php_8_3.js'), {
    host: 'glue',
    rewind: true,
    timeout: 3000,
    memory: { max: '256mb' },
    warmUp: async ({ init }) => {
      instance = await new Promise((resolve, reject) => {
        const made = init('NODE', {
          wasmBinary: fs.readFileSync(path.join(folder, version, 'php_8_3.wasm')),
          ENV: {},
          phpWasmInitOptions: {},
          noInitialRun: true,
          print () {},
          printErr () {},
          onHeaders () {},
          onRuntimeInitialized: () => resolve(made),
          onAbort: reject
        })
      })
      await call('php_wasm_init', null)
      instance.FS.writeFile('/library.php', LIBRARY)
      await run('echo sum([1, 2]), Model7::table();')
      return instance
    }
  })
  return { vm, run: (script) => vm.run(() => run(script)) }

  async function call (name, gives) { return instance.ccall(name, gives, [], [], { async: true }) }

  async function run (script) {
    const { FS } = instance
    FS.writeFile(SCRIPT, programOf(script))
    FS.writeFile(OUTPUT, '')
    instance.ccall('wasm_set_path_translated', null, ['string'], [SCRIPT])
    instance.ccall('wasm_set_skip_shebang', null, ['number'], [0])
    const status = await call('wasm_sapi_handle_request', 'number')
    const text = FS.readFile(OUTPUT, { encoding: 'utf8' })
    if (status !== 0 || /^(PHP )?(Fatal|Parse) error/m.test(text)) throw new Error(text || `the script failed (${status})`)
    return text
  }
}

module.exports = { php }
