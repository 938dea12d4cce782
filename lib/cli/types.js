'use strict'

const { typesOf } = require('../types')
const { json } = require('./output')

async function types (source, { json: asJson, ...options }) {
  const made = await typesOf(source, options)
  if (asJson) json(made)
  else process.stdout.write(made.text)
  return 0
}

module.exports = { types }
