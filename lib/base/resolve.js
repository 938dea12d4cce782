'use strict'

// What `import` means by a specifier: Node tells it only of the file that asks itself, and `require.resolve` follows
// other conditions, so that a package with two builds would be there twice.

const fs = require('node:fs')
const path = require('node:path')
const module_ = require('node:module')
const { fileURLToPath, pathToFileURL, URL } = require('node:url')

const CONDITIONS = new Set(['node', 'import', 'node-addons', 'default', ...(process.features.require_module ? ['module-sync'] : [])])

const isRelative = (specifier) => /^\.\.?(\/|$)/.test(specifier)

// The file that an `import` of `specifier` names; undefined for what is no file (built-in modules, `data:`).
function importedFile (from, specifier) {
  if (specifier.startsWith('file:')) return fileURLToPath(specifier)
  if (isRelative(specifier)) return fileURLToPath(new URL(specifier, from.url))
  if (path.isAbsolute(specifier)) return specifier
  if (/^[a-z][a-z0-9+.-]+:/i.test(specifier) || module_.isBuiltin(specifier)) return undefined
  return realPath(throughExports(from.file, specifier) ?? from.require.resolve(specifier))
}

// What Node's own `import` takes to mean the same.
function urlOf (specifier, file) {
  return file === undefined ? specifier : pathToFileURL(file).href
}

function realPath (file) {
  try {
    return fs.realpathSync(file)
  } catch {
    // The file is missing: whoever reads it says so.
    return file
  }
}

// By the `exports` or `imports` of the package that answers; undefined where it has none, or they do not answer.
function throughExports (file, specifier) {
  if (specifier.startsWith('#')) {
    const own = packageFolder(path.dirname(file))
    const imports = own && manifestOf(own)?.imports
    return imports && fileOf(own, match(imports, specifier), file)
  }
  const { name, rest } = partsOf(specifier)
  const folder = selfFolder(file, name) ?? folderOf(name, file)
  const manifest = folder && manifestOf(folder)
  if (!manifest || manifest.exports === undefined || manifest.exports === null) return undefined
  const { exports } = manifest
  const plain = typeof exports === 'string' || Array.isArray(exports) || !Object.keys(exports).some((key) => key.startsWith('.'))
  return fileOf(folder, match(plain ? { '.': exports } : exports, `.${rest}`), file)
}

function selfFolder (file, name) {
  const own = packageFolder(path.dirname(file))
  const manifest = own && manifestOf(own)
  return manifest && manifest.name === name && manifest.exports ? own : undefined
}

// '@scope/name/rest' in its two parts; `rest` begins with a slash or is empty.
function partsOf (specifier) {
  const [name] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier) ?? [specifier]
  return { name, rest: specifier.slice(name.length) }
}

// The entry of `exports` or `imports` for a key: an exact one, else the longest pattern.
function match (table, key) {
  if (Object.hasOwn(table, key) && !key.includes('*')) return { target: table[key], filled: '' }
  let best
  for (const pattern of Object.keys(table)) {
    const star = pattern.indexOf('*')
    if (star < 0) continue
    const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)]
    if (key.length < pattern.length || !key.startsWith(before) || !key.endsWith(after)) continue
    if (best === undefined || star > best.star) best = { star, target: table[pattern], filled: key.slice(star, key.length - after.length) }
  }
  return best
}

function fileOf (folder, found, issuer) {
  const target = found && chosen(found.target)
  if (typeof target !== 'string') return undefined
  const filled = target.replaceAll('*', () => found.filled)
  if (filled.startsWith('./')) return path.join(folder, filled)
  // An entry of `imports` may be another package.
  return throughExports(issuer, filled) ?? module_.createRequire(issuer).resolve(filled)
}

// The first target whose conditions hold.
function chosen (target) {
  if (typeof target === 'string' || target === null || target === undefined) return target
  if (Array.isArray(target)) return target.map(chosen).find((one) => typeof one === 'string')
  for (const [condition, inner] of Object.entries(target)) {
    const value = CONDITIONS.has(condition) ? chosen(inner) : undefined
    if (value !== undefined) return value
  }
  return undefined
}

// The folder of an installed package as a file sees it; undefined where there is none.
function folderOf (name, file) {
  const api = process.versions.pnp && /** @type {any} */ (module_).findPnpApi?.(file)
  if (api) {
    try {
      return api.resolveToUnqualified(name, file, { considerBuiltins: false }) ?? undefined
    } catch {
      return undefined
    }
  }
  for (const place of module_.createRequire(file).resolve.paths(name) ?? []) {
    const folder = path.join(place, name)
    if (fs.existsSync(folder)) return realPath(folder)
  }
  return undefined
}

// The folder of the package that a file in `folder` belongs to: the nearest that has a manifest with a name, or what is
// directly below `node_modules`.
function packageFolder (folder) {
  const modules = folder.lastIndexOf(`${path.sep}node_modules${path.sep}`)
  const inside = modules < 0 ? '' : folder.slice(modules + `${path.sep}node_modules${path.sep}`.length)
  const top = modules < 0 ? undefined : folder.slice(0, folder.length - inside.length) + inside.split(path.sep, inside.startsWith('@') ? 2 : 1).join(path.sep)
  for (let at = folder; ; at = path.dirname(at)) {
    if (manifestOf(at)?.name) return at
    if (at === top) return top
    if (at === path.dirname(at)) return undefined
  }
}

const manifests = new Map()

// The package.json of a folder, read once.
function manifestOf (folder) {
  if (!manifests.has(folder)) {
    let read
    try {
      read = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
    } catch { /* none here, or none that can be read */ }
    manifests.set(folder, read !== null && typeof read === 'object' ? read : undefined)
  }
  return manifests.get(folder)
}

module.exports = { importedFile, urlOf, folderOf, packageFolder, manifestOf, isRelative }
