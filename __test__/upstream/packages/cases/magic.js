'use strict'

// Its glue reads the real disk; the native host sees of it what it is given.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const folder = path.join(os.tmpdir(), `emvm-magic-${process.pid}`)
const FILES = { 'd.sh': '#!/bin/sh\necho hi\n', 'f.xml': '<?xml version="1.0"?><a/>', 'p.pdf': '%PDF-1.4\n', 't.txt': 'plain text\n' }

function prepare () {
  fs.mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(FILES)) fs.writeFileSync(path.join(folder, name), content)
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
}

module.exports = {
  package: '@npcz/magic',
  source: '@npcz/magic/dist/magic-js.js',
  options: ({ at }) => {
    prepare()
    const dist = at('@npcz/magic/dist')
    return { mounts: { [dist]: { path: dist, readonly: true }, [folder]: { path: folder, readonly: true } } }
  },
  load: ({ at, require }) => {
    prepare()
    return require('@npcz/magic/dist/magic-js.js')({ locateFile: (file) => at(`@npcz/magic/dist/${file}`) })
  },
  native: ({ module }) => module,
  job (m, { at }) {
    const database = at('@npcz/magic/dist/magic.mgc')
    const { MagicBinding } = m
    MagicBinding.init(database, 0)
    const magic = new MagicBinding()
    const files = [...Object.keys(FILES).map((name) => path.join(folder, name)), at('@npcz/magic/dist/magic-js.wasm')]
    return files.map((file) => [-1, 16, 1040].map((flags) => magic.detect(file, flags)).map((text) => text.replaceAll(String(process.pid), 'PID')))
  }
}
