'use strict'

// Packages made by wasm-bindgen are told by the names that their JavaScript has for the engine.

const NAMES = /\b__wbindgen_|\b__wbg_/

const isBindgen = (text) => NAMES.test(text)
const ofBindgen = ({ module, field }) => NAMES.test(field) || module === 'wbg' || /_bg\.js$/.test(module) || /^__wbindgen/.test(module)

module.exports = { isBindgen, ofBindgen }
