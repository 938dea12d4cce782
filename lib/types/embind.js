'use strict'

const { Names, key } = require('./names')

const VIEWS = ['Int8Array', 'Uint8Array', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array']
const OBJECT = 0
const STRING = 2

const HANDLE = `/** What every object of a C++ class can do. */
export interface ClassHandle {
  clone (): this
  delete (): void
  deleteLater (): this
  isDeleted (): boolean
  isAliasOf (other: ClassHandle): boolean
  [Symbol.dispose] (): void
}`
const HANDLE_MEMBERS = ['clone', 'delete', 'deleteLater', 'isDeleted', 'isAliasOf']
const ENUM = `/** One value of a C++ enum. */
export interface EnumValue<Enum extends string, Value extends number> {
  readonly value: Value
  readonly constructor: Function & { readonly name: \`\${Enum}_\${string}\` }
}`
const BYTES = 'export type Bytes = string | ArrayBuffer | Uint8Array | Uint8ClampedArray | Int8Array'

// `members`: the type of each property of the module; `types`: declarations that they use.
function embindDeclarations ({ description, signatures, module, taken }) {
  const names = new Names([...taken, 'ClassHandle', 'EnumValue', 'Bytes', 'Symbol', 'Function', 'Iterator', 'ArrayBuffer', 'Array', 'Object', 'String', 'Number', ...VIEWS])
  const classNames = description.classes.all().map(({ name }) => names.give(name))
  const enumNames = description.enums.all().map(([name]) => names.give(name))
  const recordNames = signatures.records.map(([, name]) => names.give(name))
  const constructorNames = classNames.map((name) => names.give(`${name}Constructor`))
  const enumObjectNames = enumNames.map((name) => names.give(`${name}Values`))

  // The type of a value that comes out of the module (`into` false) or goes in.
  function typeName (index, into) {
    const [name, kind, detail] = signatures.types[index]
    switch (kind) {
      case 'void': return into ? 'undefined' : 'void'
      case 'bool': return 'boolean'
      case 'number': return 'number'
      case 'bigint': return into ? 'bigint | number' : 'bigint'
      case 'string': return into ? 'Bytes' : 'string'
      case 'wide': return 'string'
      case 'view': return VIEWS[detail] ?? 'any'
      case 'enum': return enumNames[detail]
      case 'record': return recordNames[detail]
      case 'optional': return detail === null ? 'any' : `${typeName(detail, into)} | undefined`
      case 'class': return classNames[detail] + (/\*$/.test(name) ? ' | null' : '')
      default: return 'any'
    }
  }

  const parameters = ([required, , ...types]) => types
    .map((type, i) => `${letter(i)}${i >= required ? '?' : ''}: ${typeName(type, true)}`).join(', ')
  const signature = (callable) => signatures.callables[callable]
  const result = (callable) => signature(callable) ? typeName(signature(callable)[1], false) : 'any'
  // `(a: number) => void`, with `separator` between the two.
  const call = (callable, separator) => signature(callable) ? `(${parameters(signature(callable))})${separator}${result(callable)}` : `(...args: any[])${separator}any`
  const overloads = (table) => pairs(description.tables.at(table).slice(1)).map(([, callable]) => callable)
  const functionType = (callables) => callables.length === 1 ? call(callables[0], ' => ') : `{ ${callables.map((callable) => call(callable, ': ')).join('; ')} }`

  function memberLines (flat) {
    const gives = held(flat)
    return triples(flat).flatMap(([name, isTable, index]) =>
      (isTable ? overloads(index) : [index]).map((callable) => `  ${key(name)} ${name === 'get' && gives ? `(${parameters(signature(callable))}): ${gives}` : call(callable, ': ')}`))
  }

  // What `get` of a registered vector or map gives: an `emscripten::val`, so the type is read from what goes in.
  function held (flat) {
    const own = new Map(triples(flat).filter(([, isTable]) => !isTable).map(([name, , callable]) => [name, signature(callable)]))
    const [get, set, push] = ['get', 'set', 'push_back'].map((name) => own.get(name))
    if (!get || signatures.types[get[1]][1] !== 'val') return null
    if (push && push.length === 3) return `${typeName(push[2], false)} | undefined`
    return set && set.length === 4 ? `${typeName(set[3], false)} | undefined` : null
  }

  function propertyLines (flat) {
    return triples(flat).map(([name, getter, setter]) => `  ${setter < 0 ? 'readonly ' : ''}${key(name)}: ${result(getter)}`)
  }

  const ownNames = ({ methods, properties }) => [...triples(methods), ...triples(properties)].map(([name]) => name)

  function classText (described, index) {
    const { name, base, constructors, methods, statics, properties, staticProperties, iterable } = described
    // A class may have its own, as cv.Mat of OpenCV 4.5.2 has a `clone`.
    const inherited = new Set(HANDLE_MEMBERS)
    for (let at = base; at >= 0; at = description.classes.at(at).base) for (const own of ownNames(description.classes.at(at))) inherited.add(own)
    const changed = ownNames(described).filter((own) => inherited.has(own))
    const above = base < 0 ? 'ClassHandle' : classNames[base]
    const parent = changed.length > 0 ? `Omit<${above}, ${changed.map((own) => `'${own}'`).join(' | ')}>` : above
    const get = iterable && triples(methods).find(([own]) => own === iterable[1])
    const element = held(methods)?.replace(/ \| undefined$/, '') ?? (get ? result(get[1] ? overloads(get[2])[0] : get[2]) : 'any')
    const made = constructors === null
      ? []
      : pairs(constructors).map(([, callable]) => signature(callable) ? `  new (${parameters(signature(callable))}): ${classNames[index]}` : `  new (...args: any[]): ${classNames[index]}`)
    return [
      `/** The C++ class \`${name}\`. */`,
      `export interface ${classNames[index]} extends ${parent} {`,
      ...propertyLines(properties),
      ...memberLines(methods),
      ...(iterable ? [`  [Symbol.iterator] (): Iterator<${element}>`] : []),
      '}',
      `export interface ${constructorNames[index]} {`,
      ...made,
      `  readonly prototype: ${classNames[index]}`,
      ...propertyLines(staticProperties),
      ...memberLines(statics),
      '}'
    ].join('\n')
  }

  function enumText ([name, style, ...flat], index) {
    const values = pairs(flat)
    const type = ([own, value]) => style === STRING ? `'${own}'` : style === OBJECT ? `EnumValue<'${name}', ${value}>` : String(value)
    return [
      `/** The C++ enum \`${name}\`. */`,
      `export type ${enumNames[index]} = ${[...new Set(values.map(type))].join(' | ') || 'never'}`,
      `export interface ${enumObjectNames[index]} {`,
      ...values.map((pair) => `  readonly ${key(pair[0])}: ${type(pair)}`),
      '}'
    ].join('\n')
  }

  function recordText ([isArray, name, ...fields], index) {
    const types = fields.map(([, type]) => typeName(type, false))
    return isArray
      ? `export type ${recordNames[index]} = [${types.join(', ')}]`
      : [`/** The C++ value \`${name}\`. */`, `export interface ${recordNames[index]} {`, ...fields.map(([own], i) => `  ${key(own)}: ${types[i]}`), '}'].join('\n')
  }

  const kinds = {
    f: (index) => functionType([index]),
    t: (index) => functionType(overloads(index)),
    c: (index) => constructorNames[index],
    u: () => 'any',
    e: (index) => enumObjectNames[index],
    k: (index, name) => literal(module[name])
  }
  const members = new Map(description.symbols.map(([name, kind, index]) => [name, kinds[kind](index, name)]))
  const types = [
    ...(description.classes.length > 0 ? [HANDLE] : []),
    ...(description.enums.all().some(([, style]) => style === OBJECT) ? [ENUM] : []),
    BYTES,
    ...signatures.records.map(recordText),
    ...description.enums.all().map(enumText),
    ...description.classes.all().map(classText)
  ]
  const counts = {
    classes: description.classes.length,
    enums: description.enums.length,
    records: signatures.records.length,
    functions: description.symbols.filter(([, kind]) => kind === 'f' || kind === 't').length
  }
  return { types, members, named: new Set(recordNames), counts }
}

function literal (value) {
  if (typeof value === 'number' && Number.isFinite(value)) return Object.is(value, -0) ? '0' : String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'bigint') return `${value}n`
  return value === null ? 'null' : typeof value === 'number' ? 'number' : value === undefined ? 'undefined' : 'any'
}

const letter = (i) => `${String.fromCharCode(97 + (i % 26))}${i >= 26 ? Math.floor(i / 26) : ''}`

const groups = (flat, size) => Array.from({ length: Math.floor(flat.length / size) }, (_, i) => flat.slice(i * size, (i + 1) * size))
const pairs = (flat) => groups(flat, 2)
const triples = (flat) => groups(flat, 3)

module.exports = { embindDeclarations }
