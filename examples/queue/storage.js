'use strict'

// Pictures travel beside the queue, not through it: Redis holds their keys. A folder stands here for what would be an object storage.

const fs = require('node:fs/promises')
const path = require('node:path')
const { randomUUID } = require('node:crypto')

class Storage {
  #folder

  constructor (folder) {
    this.#folder = folder
  }

  // A key comes out of a job: it may not lead out of the folder.
  #fileOf (key) {
    const file = path.join(this.#folder, key)
    if (!file.startsWith(this.#folder + path.sep)) throw new Error(`The key '${key}' is not one of this storage.`)
    return file
  }

  read (key) {
    return fs.readFile(this.#fileOf(key))
  }

  // All or nothing: a worker may die at any moment, and two may do the same job.
  async write (key, bytes) {
    const file = this.#fileOf(key)
    const unfinished = `${file}.${randomUUID()}`
    await fs.mkdir(path.dirname(file), { recursive: true })
    await fs.writeFile(unfinished, bytes)
    await fs.rename(unfinished, file)
    return key
  }
}

module.exports = { Storage }
