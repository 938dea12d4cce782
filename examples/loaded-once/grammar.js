'use strict'

// A parser (web-tree-sitter) whose grammar is loaded once.
//
//   npm install --ignore-scripts web-tree-sitter tree-sitter-javascript
//   node examples/loaded-once/grammar.js 'let x = 1'

const fs = require('node:fs')
const { open } = require('../..')

// `modules`: where packages are looked for, where not beside this file.
async function grammar ({ modules = [__dirname] } = {}) {
  const find = (name) => require.resolve(name, { paths: modules })
  let parser
  const vm = await open(find('web-tree-sitter'), {
    host: 'glue',
    rewind: true,
    timeout: 2000,
    warmUp: async ({ Parser, Language }) => {
      await Parser.init({ wasmBinary: fs.readFileSync(find('web-tree-sitter/web-tree-sitter.wasm')) })
      const loaded = await Language.load(fs.readFileSync(find('tree-sitter-javascript/tree-sitter-javascript.wasm')))
      parser = new Parser()
      parser.setLanguage(loaded)
      return [parser, loaded]
    }
  })
  return { vm, parse: (text) => vm.run(() => parser.parse(text).rootNode.toString()) }
}

module.exports = { grammar }

if (require.main === module) {
  grammar().then(async ({ vm, parse }) => {
    console.log(await parse(process.argv[2] ?? 'let x = 1'))
    vm.dispose()
  })
}
