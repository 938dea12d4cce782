'use strict'

const RESERVED = new Set(('break case catch class const continue debugger default delete do else enum export extends false finally for function if import in ' +
  'instanceof new null return super switch this throw true try typeof var void while with yield let static await implements interface package private ' +
  'protected public arguments eval undefined module').split(' '))
const TYPES = new Set('any unknown never void null undefined string number boolean bigint symbol object'.split(' '))

const isIdentifier = (text) => /^[A-Za-z_$][\w$]*$/.test(text)
const isExportable = (text) => isIdentifier(text) && !RESERVED.has(text)

// A name for a type.
function identifier (text) {
  const legal = text.replace(/[^\w$]+/g, '_').replace(/^(?=\d)/, '_').replace(/_+$/, (tail) => text.endsWith('_') ? tail : '') || '_'
  return RESERVED.has(legal) || TYPES.has(legal) ? `${legal}_` : legal
}

// A name for a property.
const key = (text) => isIdentifier(text) ? text : JSON.stringify(text)

// Names that are handed out once each.
class Names {
  #taken

  constructor (taken = []) {
    this.#taken = new Set(taken)
  }

  give (text) {
    let name = identifier(text)
    while (this.#taken.has(name)) name += '_'
    this.#taken.add(name)
    return name
  }
}

module.exports = { Names, identifier, key, isExportable }
