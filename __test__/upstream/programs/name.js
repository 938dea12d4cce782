'use strict'

// Emscripten makes argv[0] of the script's path, whose length moves the stack: the name it has everywhere else.
process.argv[1] = './this.program'
// Old glue takes Node's fetch for a browser's.
delete globalThis.fetch
