'use strict'

// The interpreters of examples/interpreters: none of the requests sees another, and none goes on for ever.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { serve } = require('../../examples/interpreters/service')

// Where packages are that are not among this one's own.
const modules = process.env.EMVM_TEST_PACKAGES ? [process.env.EMVM_TEST_PACKAGES] : undefined

function has (name) {
  try {
    return Boolean(require.resolve(name, { paths: modules ?? [__dirname] }))
  } catch {
    return false
  }
}

async function answers (t, language, scripts) {
  const server = await serve(language, 0, modules && { modules })
  t.after(() => { server.closeAllConnections(); server.close() })
  const told = await Promise.all(scripts.map(async (body) => {
    const response = await fetch(`http://localhost:${server.address().port}`, { method: 'POST', body })
    return [response.status, (await response.text()).trim()]
  }))
  assert.equal(server.vm.stats().rewind, 'on')
  assert.equal(server.vm.stats().evaluations, 1)
  return told
}

test('Lua', async (t) => {
  const [first, , second, , third, endless, last] = await answers(t, 'lua', [
    'return sum({1, 2, 3})', 'mine = 1 store = nil sum = nil return 1', 'return type(mine) .. store["key 1000"]', 'string.rep = nil return 1',
    'return ("ab"):rep(2)', 'while true do end', 'return sum({4})'
  ])
  assert.deepEqual([first, second, third, last], [[200, '6'], [200, 'nil1000'], [200, 'abab'], [200, '4']])
  assert.equal(endless[0], 408)
})

test('Python', async (t) => {
  const [first, , second, third, failed, endless, last] = await answers(t, 'python', [
    'json.dumps([mean([1, 2, 3]), 1])', 'import sys\nmine = 1\nmath.pi = 3\ndel mean\nsys.modules["json"] = None\nopen("/tmp/mine", "w").write("x")', 'repr(["mine" in globals(), math.pi > 3.1])',
    'import os, json\njson.dumps([mean([2]), os.path.exists("/tmp/mine")])', '1 / 0', 'while True: pass', 'mean([4])'
  ])
  assert.deepEqual([first, second, third, last], [[200, '[2.0, 1]'], [200, '[False, True]'], [200, '[2.0, false]'], [200, '4']])
  assert.equal(failed[0], 422)
  assert.match(failed[1], /ZeroDivisionError/)
  assert.equal(endless[0], 408)
})

test('JavaScript', async (t) => {
  const [first, , second, third] = await answers(t, 'javascript', ['sum([1, 2, 3])', 'globalThis.mine = 1; store.clear()', 'typeof mine + store.size', 'sum([4])'])
  assert.deepEqual([first, second, third], [[200, '6'], [200, '"undefined1000"'], [200, '4']])
})

test('PHP', { skip: !has('@php-wasm/node-8-3/package.json') && '@php-wasm/node-8-3 is not installed' }, async (t) => {
  const [first, , second, failed, endless, last] = await answers(t, 'php', [
    'echo sum([1, 2, 3]), Model7::table();', 'file_put_contents("/mine", "x"); ini_set("precision", "3"); putenv("A=1"); unlink("/library.php"); echo 1;',
    'echo json_encode([file_exists("/mine"), ini_get("precision"), getenv("A"), class_exists("Model9")]);', 'throw new Exception("no");', 'for (;;);', 'echo sum([4]);'
  ])
  assert.deepEqual([first, second, last], [[200, '6model_7'], [200, '[false,"14",false,true]'], [200, '4']])
  assert.equal(failed[0], 422)
  assert.match(failed[1], /Uncaught Exception: no/)
  assert.equal(endless[0], 408)
})
