'use strict'

// What the image keeps of an object, and how that is put back: one class for each kind. Each compares before it writes: most
// objects are as they were, and a write costs more than a read. `restore()` gives how much had to be put back.

module.exports = {
  ...require('./object'),
  ...require('./bare'),
  ...require('./array'),
  ...require('./contents'),
  ...require('./bytes')
}
