'use strict'

// Run by the publishing job: puts the built artefacts into npm/<platform>/ and makes the main package depend on them.
//
//   node scripts/prepublish.js <folder with emvm.<platform>.node files>
//
// The dependency is written here and not kept in the repository: a clone must install before the platform packages exist.

const fs = require('node:fs')
const path = require('node:path')
const { TRIPLES } = require('../lib/base/platform')

const root = path.join(__dirname, '..')
const manifest = path.join(root, 'package.json')

function readJson (file) {
  return JSON.parse(fs.readFileSync(file, 'utf8'))
}

function writeJson (file, value) {
  fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
}

function main (artefacts) {
  const main = readJson(manifest)
  const missing = Object.keys(TRIPLES).filter((name) => !fs.existsSync(path.join(artefacts, `emvm.${name}.node`)))
  if (missing.length) throw new Error(`no artefact for ${missing.join(', ')} in ${artefacts}`)
  for (const name of Object.keys(TRIPLES)) {
    const folder = path.join(root, 'npm', name)
    fs.copyFileSync(path.join(artefacts, `emvm.${name}.node`), path.join(folder, `emvm.${name}.node`))
    const file = path.join(folder, 'package.json')
    writeJson(file, { ...readJson(file), version: main.version })
  }
  main.optionalDependencies = Object.fromEntries(Object.keys(TRIPLES).map((name) => [`emvm-${name}`, main.version]))
  writeJson(manifest, main)
}

if (!process.argv[2]) {
  console.error('usage: node scripts/prepublish.js <folder with the built artefacts>')
  process.exitCode = 2
} else {
  main(path.resolve(process.argv[2]))
}
