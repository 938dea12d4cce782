'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

// A folder that is gone after the test.
function scratch (t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  return {
    folder,
    write (name, content) {
      const file = path.join(folder, name)
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, content)
      return file
    }
  }
}

module.exports = { scratch }
