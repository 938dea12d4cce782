'use strict'

// What a task runs: a module's file, or a function sent as its text.

const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { createRequire } = require('node:module')
const { fileURLToPath, pathToFileURL, URL } = require('node:url')
const { OptionError } = require('../base/errors')

const ACCEPTED = 'a function, or the path or file: URL of a module whose default export is one'

const refuse = (value, why) => {
  throw new OptionError(`The task ${why}: expected ${ACCEPTED}.`, { option: 'task', value, accepted: ACCEPTED })
}

// In the pool: a description that can be posted.
function describe (task, name = 'default') {
  if (typeof task === 'function') return { text: textOf(task) }
  let file
  if (task instanceof URL || (typeof task === 'string' && task.startsWith('file:'))) {
    try {
      file = fileURLToPath(task)
    } catch {
      refuse(task, `'${task}' is no file: URL`)
    }
  } else if (typeof task === 'string' && task !== '' && !task.includes('\0')) {
    file = path.resolve(task)
  } else {
    refuse(task, `is ${task === null ? 'null' : typeof task}`)
  }
  return { file, name }
}

const texts = new WeakMap()

function textOf (fn) {
  let text = texts.get(fn)
  if (text === undefined) {
    text = Function.prototype.toString.call(fn)
    if (/\{\s*\[native code\]\s*\}$/.test(text)) refuse(fn, 'is a bound or built-in function, whose text cannot be had')
    if (/^class\b/.test(text)) refuse(fn, 'is a class')
    text = expressionOf(text) || refuse(fn, `'${fn.name}' is a method written in a way that does not stand alone`)
    texts.set(fn, text)
  }
  return text
}

// Methods (`{ run (cv) { ... } }`) have a text that is no expression.
function expressionOf (text) {
  const isExpression = (code) => {
    try {
      return Boolean(new vm.Script(`(${code}\n)`))
    } catch {
      return false
    }
  }
  const found = /^(async\b\s*)?(\*?)\s*(?:[\w$]+|\[[^\]]*\])\s*(\([^]*)$/.exec(text)
  return [text, found && `${found[1] || ''}function${found[2]} ${found[3]}`].find((code) => code && isExpression(code))
}

const compiled = new Map()
const MOST = 1000

// In a worker: the function itself.
async function resolve ({ text, file, name }) {
  if (file !== undefined) return fromFile(file, name)
  let fn = compiled.get(text)
  if (fn === undefined) {
    if (compiled.size >= MOST) compiled.delete(compiled.keys().next().value)
    const from = path.join(process.cwd(), 'emvm-task.js')
    fn = vm.compileFunction(`return (${text}\n)`, ['require', '__filename', '__dirname'], {
      filename: from, importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER
    })(createRequire(from), from, path.dirname(from))
    compiled.set(text, fn)
  }
  return fn
}

async function fromFile (file, name) {
  const key = `${name}\0${file}`
  let fn = compiled.get(key)
  if (fn !== undefined) return fn
  if (!fs.existsSync(file)) refuse(file, `'${file}' does not exist`)
  const module = await import(pathToFileURL(file).href)
  // A CommonJS module's `exports` is its default export; compilers put the real one in `default` of it.
  const exported = module.default
  fn = name === 'default'
    ? (typeof exported === 'function' ? exported : exported?.default)
    : (module[name] ?? exported?.[name])
  if (typeof fn !== 'function') refuse(file, `'${file}' has no function as its ${name === 'default' ? 'default export' : `export '${name}'`}`)
  compiled.set(key, fn)
  return fn
}

module.exports = { describe, resolve, fromFile }
