'use strict'

// What index.d.ts declares, read by TypeScript, to compare it with values of the running package.

const path = require('node:path')
const ts = require('typescript')

const FILE = path.join(__dirname, '..', '..', 'index.d.ts')

const program = ts.createProgram([FILE], { strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'], types: [] })
const checker = program.getTypeChecker()
const source = program.getSourceFile(FILE)
const exported = new Map(checker.getExportsOfModule(checker.getSymbolAtLocation(source)).map((symbol) => [symbol.name, symbol]))

const isValue = (symbol) => (symbol.flags & ts.SymbolFlags.Value) !== 0

// A member named by a symbol, such as `[Symbol.dispose]`, has a name of TypeScript's own: `__@dispose@12`.
const keyOf = (name) => /^__@(\w+)@\d+$/.test(name) ? `[Symbol.${/^__@(\w+)@/.exec(name)[1]}]` : name

// An exported type, by name; a generic one with `any` for what it is given.
function typeOf (name) {
  const symbol = exported.get(name)
  if (symbol === undefined) throw new Error(`index.d.ts exports no ${name}`)
  return checker.getDeclaredTypeOfSymbol(symbol)
}

// The members of a type: `{ key, optional, own, symbol, type }`. `own`: not inherited from another declaration.
function membersOf (type) {
  return checker.getPropertiesOfType(type).map((symbol) => ({
    key: keyOf(symbol.name),
    optional: (symbol.flags & ts.SymbolFlags.Optional) !== 0,
    own: (symbol.declarations ?? []).some((declaration) => declaration.getSourceFile() === source && declaration.parent.symbol === type.symbol),
    symbol,
    type: checker.getTypeOfSymbolAtLocation(symbol, source)
  }))
}

const shown = (value) => {
  const text = typeof value === 'function' ? 'a function' : JSON.stringify(value, (_, inner) => typeof inner === 'bigint' ? `${inner}n` : inner)
  return text === undefined ? 'undefined' : text.length > 80 ? `${text.slice(0, 80)} ...` : text
}

const PRIMITIVES = [
  [ts.TypeFlags.StringLike, 'string'], [ts.TypeFlags.NumberLike, 'number'], [ts.TypeFlags.BooleanLike, 'boolean'],
  [ts.TypeFlags.BigIntLike, 'bigint'], [ts.TypeFlags.Undefined, 'undefined'], [ts.TypeFlags.Void, 'undefined']
]

// What of a value its declared type does not say, or says otherwise, as sentences. Own enumerable keys count.
function differences (value, type, place, keys = Object.keys) {
  if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.TypeParameter)) return []
  if (type.isUnion()) {
    const each = type.types.map((one) => differences(value, one, place, keys))
    if (each.some((found) => found.length === 0)) return []
    // The nearest one tells most.
    return each.filter((found) => !/ is .*, declared as /.test(found[0])).sort((a, b) => a.length - b.length)[0] ?? [`${place} is ${shown(value)}, declared as ${checker.typeToString(type)}`]
  }
  const wrong = [`${place} is ${shown(value)}, declared as ${checker.typeToString(type)}`]
  if (type.isStringLiteral() || type.isNumberLiteral()) return value === type.value ? [] : wrong
  if (type.flags & ts.TypeFlags.BooleanLiteral) return String(value) === checker.typeToString(type) ? [] : wrong
  if (type.flags & ts.TypeFlags.Null) return value === null ? [] : wrong
  for (const [flag, name] of PRIMITIVES) if (type.flags & flag) return typeof value === name ? [] : wrong
  if (checker.isArrayType(type)) {
    if (!Array.isArray(value)) return wrong
    const [element] = checker.getTypeArguments(type)
    return value.flatMap((item, index) => differences(item, element, `${place}[${index}]`))
  }
  if (type.getCallSignatures().length > 0) return typeof value === 'function' ? [] : wrong
  if (value === null || typeof value !== 'object') return wrong
  const members = new Map(membersOf(type).map((member) => [member.key, member]))
  const rest = type.getStringIndexType()
  const found = []
  for (const key of keys(value)) {
    if (!members.has(key) && rest === undefined) found.push(`${place}.${key} is ${shown(value[key])}, not declared`)
  }
  for (const { key, optional, type: declared } of members.values()) {
    if (key.startsWith('[')) continue
    if (!(key in value)) {
      if (!optional) found.push(`${place}.${key} is not there, declared as ${checker.typeToString(declared)}`)
    } else if (!(optional && value[key] === undefined)) {
      found.push(...differences(value[key], declared, `${place}.${key}`))
    }
  }
  return found
}

// Tags of a declaration's comment, by name.
const tagsOf = (symbol) => new Set(symbol.getJsDocTags(checker).map(({ name }) => name))
const docOf = (symbol) => ts.displayPartsToString(symbol.getDocumentationComment(checker))

module.exports = { exported, isValue, typeOf, membersOf, differences, tagsOf, docOf, checker, ts }
