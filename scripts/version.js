'use strict'

// The version is kept in package.json alone; every other place is written from it.
//
//   node scripts/version.js           compares all places; ends with 1 and names those that differ
//   node scripts/version.js --write   writes them. `npm version minor` runs this, commits and tags
//   node scripts/version.js --tag v1.2.3   compares, also with the tag that is released
//   node scripts/version.js --notes   prints what CHANGELOG.md says of it

const fs = require('node:fs')
const path = require('node:path')
const { TRIPLES } = require('../lib/base/platform')

const root = path.join(__dirname, '..')
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8')

// The version of the package `emvm` in a manifest or lock file of Cargo's.
const CARGO = /(^name = "emvm"\nversion = ")([^"]*)"/m

const json = (file) => ({
  file,
  read: () => [JSON.parse(read(file)).version],
  write (version) {
    fs.writeFileSync(path.join(root, file), `${JSON.stringify({ ...JSON.parse(read(file)), version }, null, 2)}\n`)
  }
})

const cargo = (file) => ({
  file,
  read: () => [CARGO.exec(read(file))?.[2]],
  write (version) {
    fs.writeFileSync(path.join(root, file), read(file).replace(CARGO, `$1${version}"`))
  }
})

const places = [
  {
    file: 'package-lock.json',
    read () {
      const lock = JSON.parse(read('package-lock.json'))
      return [lock.version, lock.packages[''].version]
    },
    write (version) {
      const lock = JSON.parse(read('package-lock.json'))
      lock.version = lock.packages[''].version = version
      fs.writeFileSync(path.join(root, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`)
    }
  },
  cargo('Cargo.toml'),
  cargo('Cargo.lock'),
  cargo('fuzz/Cargo.lock'),
  ...Object.keys(TRIPLES).map((name) => json(`npm/${name}/package.json`)),
  {
    file: 'CHANGELOG.md',
    // A release is described before it is made; what is not yet released may stand above it.
    read: () => [/^## (?!Unreleased)\[?([^\]\s]+)/m.exec(read('CHANGELOG.md'))?.[1]]
  }
]

const version = () => JSON.parse(read('package.json')).version

// What the change log says of this version.
function notes () {
  const [, ...sections] = `\n${read('CHANGELOG.md')}`.split(/\n## /)
  const own = sections.find((section) => section.startsWith(version()) || section.startsWith(`[${version()}]`))
  return own === undefined ? '' : own.slice(own.indexOf('\n')).trim()
}

// What differs from package.json, one sentence each.
function differences (tag) {
  const wanted = version()
  const found = places.flatMap(({ file, read }) => read().filter((other) => other !== wanted).map((other) => `${file} has ${other}`))
  if (tag !== undefined && tag !== `v${wanted}`) found.push(`the tag is ${tag}`)
  return found
}

function main ([option, tag]) {
  if (option === '--notes') {
    console.log(notes())
    return 0
  }
  if (option === '--write') for (const { write } of places) write?.(version())
  const found = differences(option === '--tag' ? tag ?? '' : undefined)
  if (found.length === 0) return 0
  console.error(`emvm: package.json has version ${version()}, but ${found.join(', ')}: run \`node scripts/version.js --write\` and describe the version in CHANGELOG.md.`)
  return 1
}

if (require.main === module) process.exitCode = main(process.argv.slice(2))

module.exports = { differences, notes }
