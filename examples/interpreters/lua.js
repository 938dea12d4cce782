'use strict'

// Lua (wasmoon) with a prelude.

const { open } = require('../..')

const PRELUDE = `
  function sum (list) local total = 0 for _, each in ipairs(list) do total = total + each end return total end
  store = {}
  for i = 1, 1000 do store['key ' .. i] = i end`

// `modules`: where packages are looked for, where not beside this file.
async function lua ({ modules = [__dirname] } = {}) {
  const find = (name) => require.resolve(name, { paths: modules })
  let engine
  const vm = await open(find('wasmoon'), {
    host: 'glue',
    rewind: true,
    timeout: 2000,
    memory: { max: '64mb' },
    warmUp: async ({ LuaFactory }) => {
      engine = await new LuaFactory(find('wasmoon/dist/glue.wasm')).createEngine()
      engine.doStringSync(PRELUDE)
      return engine
    }
  })
  // Leases of one sandbox queue up: one request at a time, each on a fresh interpreter.
  return { vm, run: (script) => vm.run(() => String(engine.doStringSync(script))) }
}

module.exports = { lua }
