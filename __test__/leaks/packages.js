'use strict'

// Two more packages: one forgets an object, the other forgets nothing of its own.

const path = require('node:path')
const { open } = require('../..')

const MODULES = path.join(__dirname, '..', '..', 'node_modules')
const PICTURE = Buffer.from('/9j/4AAQSkZJRgABAQAAAQABAAD/2wCEAAgICAgJCAkKCgkNDgwODRMREBARExwUFhQWFBwrGx8bGx8bKyYuJSMlLiZENS8vNUROQj5CTl9VVV93cXecnNEBCAgICAkICQoKCQ0ODA4N' +
  'ExEQEBETHBQWFBYUHCsbHxsbHxsrJi4lIyUuJkQ1Ly81RE5CPkJOX1VVX3dxd5yc0f/AABEIAAgACAMBIgACEQEDEQH/xABLAAEBAAAAAAAAAAAAAAAAAAAABBABAAAAAAAAAAAAAAAAAAAAAAEBAAAAAAAAAAAA' +
  'AAAAAAAAABEBAAAAAAAAAAAAAAAAAAAAAP/aAAwDAQACEQMRAD8AnAB//9k=', 'base64')

globalThis.ImageData ??= class ImageData {
  constructor (data, width, height) { Object.assign(this, { data, width, height }) }
}

function unpack (module) {
  const archive = new module.RarArchive() // it has a delete()
  return archive.isDeleted()
}

async function main () {
  const unrar = await open(path.join(MODULES, 'node-unrar-js/dist/js/unrar.js'))
  unpack(await unrar.isReady())
  const jpeg = await open(path.join(MODULES, '@jsquash/jpeg/codec/dec/mozjpeg_dec.js'))
  const { width, height } = (await jpeg.isReady()).decode(PICTURE, false)
  console.log(width, height)
}

main()
