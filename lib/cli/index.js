'use strict'

// The command line. Results go to standard output, everything else to standard error.
// Exit codes: 0 it worked, 1 it failed, 2 it was called in a way that makes no sense.

const { Command, CommanderError, InvalidArgumentError, Option } = require('commander')
const path = require('node:path')
const { createRequire } = require('node:module')

const FAILED = 1
const USAGE = 2

// A path, or what `require.resolve` makes of it from the working directory.
function sourceOf (text) {
  const fs = require('node:fs')
  if (text.startsWith('file:') || fs.existsSync(text)) return text
  try {
    return createRequire(path.join(process.cwd(), 'emvm.js')).resolve(text)
  } catch {
    return text
  }
}

function whole (least) {
  return (text) => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < least) throw new InvalidArgumentError(`It must be a whole number from ${least} on.`)
    return value
  }
}

const json = () => new Option('--json', 'print the result as JSON')
const host = () => new Option('--host <host>', 'who answers the imports').choices(['auto', 'native', 'glue']).default('auto')
const wasm = () => new Option('--wasm <file>', 'the .wasm, when it is not in or beside the source')
const cache = () => new Option('--cache <folder>', "where compiled code is kept (default: a folder of the user's cache)")

function program () {
  const emvm = new Command('emvm')
    .description('Runs Emscripten modules outside V8 and gives a fresh instance in microseconds.')
    .version(require('../../package.json').version)
    .showHelpAfterError('(add --help for what is accepted)')
    .enablePositionalOptions()
    .exitOverride()
  const command = (usage, summary, details) => {
    const made = emvm.command(usage).description(summary).exitOverride()
    if (details) made.addHelpText('after', `\n${details}`)
    return made
  }
  const runs = (name) => (...args) => require(`./${name}`)[name](...args)

  command('inspect <source>', 'what a module is: its Emscripten, its host and why, imports, memory, features', 'A source is a .js or .wasm file, or the name of an installed package.')
    .addOption(json()).addOption(wasm()).addOption(host()).addOption(cache())
    .option('--imports', 'list all imports, and who answers them')
    .option('--rewind', 'open it once on the glue host and say whether it can be rewound')
    .action((source, options) => runs('inspect')(sourceOf(source), options))
  command('compile <sources...>', 'compile ahead and fill the cache, for container images')
    .addOption(json()).addOption(wasm()).addOption(cache())
    .option('--image <file>', 'start the one source, and write its state there for open(source, { image })')
    .option('--options <file>', 'with --image: a JavaScript file that gives options of open(), `warmUp` among them')
    .action((sources, options) => runs('compile')(sources.map(sourceOf), options))
  command('types <source>', 'TypeScript declarations of the module, on standard output', 'Example: emvm types opencv.js > opencv.d.ts\nThen: open<typeof import(\'./opencv\')>(...) or open<Module>(...).')
    .addOption(json()).addOption(wasm())
    .option('--name <name>', 'what the interface of the module is called', 'Module')
    .action((source, options) => runs('types')(sourceOf(source), options))
  command('leaks <script> [args...]', 'run a script and show what its modules never freed: blocks and objects, by function and line',
    'malloc, free and their kin are watched from inside the module, which is compiled once more for that.\n' +
    'The script prints to standard error. pprof is gzipped protobuf: emvm leaks --format pprof server.js > leaks.pb.gz')
    .addOption(new Option('--format <format>', 'what goes to standard output').choices(['table', 'json', 'html', 'speedscope', 'pprof']))
    .addOption(json())
    .addOption(new Option('--html <file>', 'also write a flame graph to look at in a browser'))
    .addOption(new Option('--speedscope <file>', 'also write a profile for https://www.speedscope.app'))
    .addOption(new Option('--pprof <file>', 'also write a profile for pprof'))
    .passThroughOptions()
    .action((script, args, options) => runs('leaks')(script, args, options))
  command('bench <source>', 'what opening and recycling this module costs, beside plain Node')
    .addOption(json()).addOption(host())
    .addOption(new Option('--rounds <n>', 'how many fresh instances').argParser(whole(1)).default(20))
    .option('--no-plain', 'leave plain Node out')
    .addOption(new Option('--svg <file>', 'also write a plot with a dot for each round'))
    .action((source, options) => runs('bench')(sourceOf(source), options))
  command('doctor', 'whether this machine is fit for emvm: binary, memory limits, Node, processor, cache folder')
    .addOption(json()).addOption(cache())
    .action((options) => runs('doctor')(options))
  return emvm
}

async function main (argv) {
  // Whoever reads the output may stop reading: `emvm inspect x | head`.
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit(0)
    try {
      console.error(`emvm: the output cannot be written: ${error.message}`)
    } finally {
      process.exit(FAILED)
    }
  })
  const wantsJson = argv.includes('--json')
  try {
    const code = await run(argv)
    // What the module has started may still wait for something; the command has not.
    process.exitCode = code
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE
      return
    }
    if (wantsJson) require('./output').json({ error: { code: error.code, name: error.name, message: error.message } })
    console.error(`emvm: ${error.code ? `${error.code}: ` : ''}${error.message ?? error}`)
    if (process.env.EMVM_DEBUG) console.error(error.stack)
    process.exitCode = error.code === 'EMVM_ERR_OPTION' ? USAGE : FAILED
  }
}

async function run (argv) {
  let code = 0
  const emvm = program()
  for (const command of /** @type {any[]} */ (emvm.commands)) {
    const action = command._actionHandler
    command._actionHandler = async (...args) => { code = (await action(...args)) ?? 0 }
  }
  await emvm.parseAsync(argv)
  return code
}

module.exports = { main, program }
