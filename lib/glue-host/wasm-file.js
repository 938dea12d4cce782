'use strict'

// A `.wasm` file that a package imports, as Node.js 24 has it: the exports of an instance, whose imports are other modules. It is
// made an ES module like the package's others, so that it is evaluated, linked and rewound like them.

const fs = require('node:fs')
const { Buffer } = require('node:buffer')
const { load } = require('../base/binding')
const { compileSync } = require('../webassembly/module')
const native = require('../webassembly/native')

// Lists of the addon: so many entries for each, the first of which counts.
const IMPORT = 4
const EXPORT = 2

function wasmBody (file, cache) {
  const compiled = compileSync(fs.readFileSync(file), `import of ${file}`, cache)
  const modules = [...new Set(every(native.moduleImports(compiled), IMPORT))]
  const names = every(native.moduleExports(compiled), EXPORT)
  const text = [
    ...modules.map((name, at) => `import * as $from${at} from ${JSON.stringify(name)}`),
    'const { Module, Instance, Global } = WebAssembly',
    `const { exports } = new Instance(new Module(require('node:fs').readFileSync(${JSON.stringify(file)})), { ${modules.map((name, at) => `[${JSON.stringify(name)}]: $from${at}`).join(', ')} })`,
    'const $given = (name) => exports[name] instanceof Global ? exports[name].value : exports[name]',
    ...names.map((name, at) => `const $export${at} = $given(${JSON.stringify(name)})`),
    `export { ${names.map((name, at) => `$export${at} as ${JSON.stringify(name)}`).join(', ')} }`
  ].join('\n')
  return load().scriptBody(Buffer.from(text))
}

const every = (list, step) => list.filter((name, at) => at % step === 0)

module.exports = { wasmBody }
