'use strict'

// Glue written by hand, in the shapes that Emscripten gives it, over the small machine of `wasm.js`.

const { MACHINE } = require('./wasm')
const { scratch } = require('./files')

const BASE64 = Buffer.from(MACHINE).toString('base64')

// What a factory does: reads the options, instantiates, tells that it is ready. `more` is JavaScript that sees `Module`.
const body = (more = '') => `
  var bytes = Module.wasmBinary || Buffer.from('${BASE64}', 'base64');
  var print = Module.print || console.log;
  (Module.preRun ? [].concat(Module.preRun) : []).forEach(function (f) { f(Module) });
  Module.ready = WebAssembly.instantiate(bytes, { env: { callback: function (x) { return Module.onBack ? Module.onBack(x) : x } } }).then(function (r) {
    var e = r.instance.exports;
    Object.keys(e).forEach(function (key) { if (key !== 'memory') Module['_' + key] = e[key] });
    Module.HEAPU8 = new Uint8Array(e.memory.buffer);
    Module.calledRun = true;
    ${more}
    if (Module.onRuntimeInitialized) Module.onRuntimeInitialized();
    return Module;
  });
`

const factory = (more) => `function createModule (Module) { Module = Module || {};${body(more)} return Module.ready }\n`

const shapes = {
  commonjs: (more) => `${factory(more)}module.exports = createModule; module.exports.default = createModule;`,
  esm: (more) => `${factory(more)}export default createModule;`,
  script: (more) => `var Module = typeof Module !== 'undefined' ? Module : {};${body(more)}`
}

// A folder for glue, and `write(name, shape, more)`, which gives a file.
function glueFolder (t) {
  const { folder, write } = scratch(t)
  return { folder, write, glue: (name, shape, more) => write(name, shapes[shape](more)) }
}

module.exports = { glueFolder, shapes, BASE64 }
