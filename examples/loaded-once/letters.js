'use strict'

// Text recognition (tesseract) whose data is loaded once, and is there for each picture.
//
//   npm install tesseract.js-core @tesseract.js-data/eng
//   node examples/loaded-once/letters.js PICTURE.bmp

const fs = require('node:fs')
const zlib = require('node:zlib')
const { open } = require('../..')

const DATA = '@tesseract.js-data/eng/4.0.0_best_int/eng.traineddata.gz'

// `modules`: where packages are looked for, where not beside this file.
async function letters ({ modules = [__dirname] } = {}) {
  const find = (name) => require.resolve(name, { paths: modules })
  let api
  const vm = await open(find('tesseract.js-core/tesseract-core.js'), {
    host: 'glue',
    rewind: true,
    timeout: 30000,
    module: { TesseractProgress () {} },
    print () {},
    printErr () {},
    warmUp: ({ FS, TessBaseAPI }) => {
      FS.writeFile('/eng.traineddata', zlib.gunzipSync(fs.readFileSync(find(DATA))))
      api = new TessBaseAPI()
      if (api.Init('/', 'eng', 1) !== 0) throw new Error('the data cannot be read')
      return api
    }
  })
  const read = ({ FS }, picture) => {
    FS.writeFile('/input', picture)
    api.SetImageFile(1, 0)
    api.Recognize(null)
    return api.GetUTF8Text()
  }
  return { vm, read: (picture) => vm.run((module) => read(module, picture)) }
}

module.exports = { letters }

if (require.main === module) {
  letters().then(async ({ vm, read }) => {
    console.log(await read(fs.readFileSync(process.argv[2])))
    vm.dispose()
  })
}
