'use strict'

// Opens a text as a file of a package of its own, on the glue host.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { open } = require('../..')

// Something of it must run inside: else emvm warns. (module (memory (export "m") 1))
const INSIDE = 'new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 109, 2, 0])));'

async function openFile (text, { name = 'index.js', files = {}, ...options } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-rewind-'))
  const close = () => fs.rmSync(folder, { recursive: true, force: true })
  try {
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "name": "hides-state" }')
    for (const [file, content] of Object.entries({ [name]: `${INSIDE}${text}`, ...files })) fs.writeFileSync(path.join(folder, file), content)
    const reasons = []
    const vm = await open(path.join(folder, name), { host: 'glue', ...options })
    return {
      vm,
      folder,
      why: () => reasons.join('; '),
      close: () => {
        vm.dispose()
        close()
      }
    }
  } catch (error) {
    close()
    throw error
  }
}

module.exports = { openFile, INSIDE }
