/// <reference lib="esnext.disposable" />

/**
 * emvm runs a module built by Emscripten outside V8 and replaces its instance by a fresh one in microseconds.
 *
 * ```js
 * const { open } = require('emvm')
 * const vm = await open(require.resolve('@techstark/opencv-js'))
 * const cv = await vm.isReady()    // a fresh instance; whatever the last one leaked is back with the system
 * ```
 * @packageDocumentation
 */

/**
 * A module: the path or `file:` URL of an Emscripten `.js` file or of a bare `.wasm` file, or the bytes of either.
 * @since 0.1.0
 */
export type Source = string | URL | Uint8Array

/**
 * Opens a module: reads and compiles it (once per machine, see {@link OpenOptions.cache}), starts it, and takes the
 * image that every later generation starts from. Compiling runs on other threads.
 *
 * @typeParam T - the type of the module object, for example `typeof import('@techstark/opencv-js')`
 * @throws {@link OptionError} for a bad source or option
 * @throws {@link SourceError} when the file cannot be read, is neither Emscripten's JavaScript nor WebAssembly, or has no WebAssembly
 * @throws {@link InvalidWasmError} when the WebAssembly is malformed, truncated, or uses a feature that the engine lacks
 * @throws {@link MissingImportError} when the module has unresolved imports
 * @throws {@link StartError} when the module's own start-up, or `warmUp`, fails
 * @throws {@link UnsupportedError} when the module needs something that emvm does not support
 * @example
 * const vm = await open(require.resolve('@techstark/opencv-js'), { timeout: 500 })
 * @since 0.1.0
 */
export function open<T = any> (source: Source, options?: OpenOptions<T>): Promise<Sandbox<T>>

/**
 * Reads a source without starting it, and says what it is, what it needs and which host would run it, and why.
 *
 * @throws {@link OptionError} for a bad source or option
 * @throws {@link SourceError} when the file cannot be read, is neither Emscripten's JavaScript nor WebAssembly, or has no WebAssembly
 * @throws {@link InvalidWasmError} when the WebAssembly is malformed, truncated, or uses a feature that the engine lacks
 * @example
 * const { host, reasons } = await inspect('./module.js')
 * @since 0.1.0
 */
export function inspect (source: Source, options?: InspectOptions): Promise<Inspection>

/**
 * Stops the call that is running in a sandbox of any thread of the process: it throws {@link TimeoutError} at once. Of a module
 * built with threads it stops what they compute as well, which is the instance's fault.
 * Without a running call nothing happens. Returns false when the sandbox no longer exists.
 *
 * @example
 * worker.on('message', ({ handle }) => setTimeout(() => interrupt(handle), 1000))
 * @since 0.1.0
 */
export function interrupt (handle: number): boolean

/**
 * What this build of emvm can do on this machine.
 *
 * @example
 * if (!capabilities().copyOnWrite) console.warn('recycles copy memory here')
 * @since 0.1.0
 */
export function capabilities (): Capabilities

/**
 * The WebAssembly JavaScript API over emvm's engine instead of V8's. It is made at the first access, belongs to the
 * thread, and its instances live as long as the thread. `docs/webassembly.md` lists the differences from V8's.
 *
 * Its memories can be disposed of: `memory.dispose()` gives their pages back at once. Later use throws {@link DisposedError}.
 *
 * @example
 * const { instance } = await WebAssembly.instantiate(bytes)
 * @since 0.1.0
 */
export const WebAssembly: HostWebAssembly extends { Memory: new (descriptor: infer D) => infer M }
  ? Omit<HostWebAssembly, 'Memory' | keyof PromiseIntegration> & PromiseIntegration & { Memory: { new (descriptor: D): M & DisposableMemory, readonly prototype: M & DisposableMemory } }
  : any

/** The namespace that the program's own type declarations know; with neither `lib.dom` nor `@types/node` there is none. */
type HostWebAssembly = typeof globalThis extends { WebAssembly: infer W } ? W : unknown

/**
 * JavaScript Promise Integration, which is here in every version of Node.js.
 * @since 0.1.0
 */
export interface PromiseIntegration {
  /** An import that suspends the promising call it is called in until what `fn` gives is settled. Elsewhere calling it throws a `SuspendError`. */
  Suspending: new (fn: (...args: any[]) => any) => object
  SuspendError: ErrorConstructor
  /** Makes a function that calls an exported function, which may be suspended meanwhile, and gives a promise of what it returns. */
  promising: (fn: Function) => (...args: any[]) => Promise<any>
}

/**
 * Members that emvm's memories have in addition to V8's.
 * @since 0.1.0
 */
export interface DisposableMemory {
  /** Gives the memory back to the system now. Instances that still use it trap. */
  dispose (): void
  [Symbol.dispose] (): void
}

/**
 * One open module: one live instance at a time, bound to the JavaScript thread that opened it. Made by {@link open}.
 *
 * @example
 * using vm = await open('./module.js')
 * @since 0.1.0
 */
export class Sandbox<T = any> {
  private constructor ()

  /**
   * The module as its own JavaScript would give it (`cv`, `Module` ...). On the native host it is one object for the whole life of
   * the sandbox; on the glue host it changes with the generation. It is never a thenable.
   *
   * On the native host, properties that your code adds stay. What the module's own JavaScript changes on it is
   * undone at each recycle. (If that JavaScript froze something of it, the next generation has another object.)
   * @example
   * vm.exports._malloc(64)
   * @since 0.1.0
   */
  readonly exports: T

  /**
   * The number of the current instance: 1 after `open`, one more after each recycle.
   * @example
   * console.log(vm.generation) // 1
   * @since 0.1.0
   */
  readonly generation: number

  /**
   * What resolves the module's imports: emvm's own runtime, or the package's JavaScript.
   * @example
   * if (vm.host === 'glue') console.log('see inspect() for the reasons')
   * @since 0.1.0
   */
  readonly host: 'native' | 'glue'

  /**
   * The path of the source (`wasm` when bytes were given) and a number: the name of this sandbox in metrics and in
   * messages of `diagnostics_channel`.
   * @example
   * console.log(vm.name) // '/app/node_modules/@techstark/opencv-js/dist/opencv.js#1'
   * @since 0.1.0
   */
  readonly name: string

  /**
   * Replaces the current instance with a fresh one, as the `recycle` option says, and returns its module. Objects of the old
   * instance are stale from then on: using one throws {@link StaleHandleError}, and views of its memory have length 0.
   * Where requests under way may still use the memory (`fs.read`, `socket.write`, `zlib` ...), they keep it, and
   * the views have length 0 when the requests are over.
   *
   * It is bound: `const { isReady } = vm` works.
   * @throws {@link BusyError} (as a rejection) when called while the module is on the stack
   * @throws {@link DisposedError} (as a rejection) after `dispose`
   * @example
   * const { isReady } = vm
   * const cv = await isReady()
   * @since 0.1.0
   */
  isReady (options?: RecycleOptions & SignalOptions): Promise<T>

  /**
   * Replaces the instance synchronously, whatever the `recycle` option says.
   * @throws {@link NotReadyError} on the glue host when no standby instance is ready yet
   * @throws {@link BusyError} when called while the module is on the stack, or while a lease holds the sandbox
   * @example
   * const cv = vm.recycle()
   * @since 0.1.0
   */
  recycle (options?: RecycleOptions): T

  /**
   * Takes an image of the instance as it is now, which goes on as it is. `isReady({ from })`, `recycle({ from })` and `run(fn, { from })`
   * begin a generation there: memory, files, descriptors, timers and C++ objects are as they were, and handles and streams that were
   * good at the checkpoint are good again. There may be many, in any order. What they have in common with each other is kept once.
   *
   * Files of `mounts` are no part of it, and neither is what your own code remembers.
   * @throws {@link BusyError} while the module is on the stack, a coroutine of C++ is suspended, or the package's own JavaScript waits
   * for a promise
   * @throws {@link UnsupportedError} on the native host for programs that are started anew by each recycle, or whose own JavaScript
   * keeps state in variables; on the glue host without `rewind`, and where the package has made something since the start that cannot be
   * read, a function for example
   * @example
   * vm.exports._load_model()
   * const loaded = vm.checkpoint()
   * await vm.isReady({ from: loaded })
   * @since 0.1.0
   */
  checkpoint (): Checkpoint

  /**
   * A lease: takes a fresh instance, runs `fn` on it, and recycles in any case. Leases of one sandbox wait for each
   * other, so asynchronous requests do not share an instance.
   *
   * What `fn` returns must be plain data: a live handle or view of the module in it, at any depth, is refused with
   * {@link StaleHandleError}. While a lease runs, `isReady` and `recycle` are refused with {@link BusyError}, and within it `dispose` and
   * `run` as well.
   *
   * `signal` gives up a lease that waits or awaits. It cannot fire during a synchronous call into the module, which blocks this
   * thread: there, `timeout` limits the call, and a {@link Pool} has threads that can be stopped.
   * @example
   * const area = await vm.run((cv) => cv.contourArea(points))
   * @since 0.1.0
   */
  run<R> (fn: (module: T) => R | Promise<R>, options?: RecycleOptions & SignalOptions): Promise<R>

  /**
   * Figures of this sandbox at this moment.
   * @example
   * const { recycles, heapBytes } = vm.stats()
   * @since 0.1.0
   */
  stats (): Stats

  /**
   * The live C++ handles of the current generation that were never deleted, by class.
   * @example
   * for (const { className, count } of vm.leaks()) console.log(className, count)
   * @since 0.1.0
   */
  leaks (): Leak[]

  /**
   * The argument of {@link interrupt} in any thread of the process: a number that can be sent in a message.
   * @example
   * parentPort.postMessage({ handle: vm.interruptHandle })
   * @since 0.1.0
   */
  readonly interruptHandle: number

  /**
   * The blocks that this generation allocated and did not free, largest first. What start-up allocated is left out.
   * @throws {@link UnsupportedError} unless opened with `trackLeaks: 'allocations'`
   * @example
   * const [worst] = vm.allocations()
   * @since 0.1.0
   */
  allocations (): Allocation[]

  /**
   * Runs `fn` on a fresh instance and reports what it left behind, by place. Only what `fn` does with the module
   * that it is given counts. That is a twin of this sandbox, opened with `trackLeaks: 'allocations'` at the first call, or this sandbox if it was opened so.
   * @example
   * const { blocks } = await vm.profile((module) => module.parse(text))
   * @since 0.1.0
   */
  profile<R> (fn: (module: T) => R | Promise<R>): Promise<Profile<R>>

  /**
   * Gives memory and JavaScript back now. A sandbox that is kept afterwards refers to nothing of the package.
   * Waiting leases reject with {@link DisposedError}, and later use throws it. Calling it again does nothing.
   * @throws {@link BusyError} while the module is on the stack, or within a lease
   * @example
   * vm.dispose()
   * @since 0.1.0
   */
  dispose (): void

  /**
   * The same as {@link Sandbox.dispose}.
   * @example
   * using vm = await open('./module.js')
   * @since 0.1.0
   */
  [Symbol.dispose] (): void

  /**
   * Waits for the leases that were requested, then disposes.
   * @example
   * await using vm = await open('./module.js')
   * @since 0.1.0
   */
  [Symbol.asyncDispose] (): Promise<void>
}

/**
 * An image of a sandbox's instance, made by {@link Sandbox.checkpoint}. One that nobody has any more is given back when the garbage
 * collector finds it.
 * @example
 * const point = vm.checkpoint()
 * const cv = await vm.isReady({ from: point })
 * @since 0.1.0
 */
export class Checkpoint {
  private constructor ()

  /**
   * Bytes that are kept for it alone: memory that had changed since the checkpoint or start that its generation descends from.
   * 0 after `dispose`.
   * @example
   * console.log(point.bytes)
   * @since 0.1.0
   */
  readonly bytes: number

  /**
   * A number that `open(source, { from })` takes in any thread of the process, for as long as the checkpoint is neither disposed nor
   * collected, and its thread runs.
   * @throws {@link UnsupportedError} where it cannot leave its sandbox: on the glue host, or where it holds a JavaScript value (a C++
   * object that JavaScript has, a function in the table, a device); the message says which
   * @throws {@link DisposedError} after `dispose`
   * @example
   * worker.postMessage({ from: point.handle })
   * @since 0.1.0
   */
  readonly handle: number

  /**
   * Writes it to a file, for `open(source, { image: file })` in another process. What has the file's name is replaced at once, never
   * written to.
   * @throws {@link UnsupportedError} (as a rejection) where it cannot leave its sandbox, as for `handle`
   * @throws {@link OptionError} (as a rejection) when the file cannot be written
   * @example
   * await point.save('/var/cache/app/model.emvm')
   * @since 0.1.0
   */
  save (file: string | URL): Promise<void>

  /**
   * Gives its memory back, but for what other checkpoints and the running generation have of it. A generation that began there goes
   * on. Twice is once.
   * @example
   * point.dispose()
   * @since 0.1.0
   */
  dispose (): void

  /**
   * The same, for `using`.
   * @example
   * using point = vm.checkpoint()
   * @since 0.1.0
   */
  [Symbol.dispose] (): void
}

/**
 * Options of calls that begin a generation.
 * @since 0.1.0
 */
export interface RecycleOptions {
  /**
   * A checkpoint of this sandbox that the generation begins with. Without it, generations begin as after `open`. `isReady` then
   * recycles whatever the `recycle` option says.
   */
  from?: Checkpoint
}

/**
 * Options of calls that wait.
 * @since 0.1.0
 */
export interface SignalOptions {
  /**
   * Gives up a wait. A call that runs in this thread blocks it, so a signal cannot fire meanwhile, unless in a function
   * that the module calls; use the `timeout` option, or {@link interrupt} from another thread.
   */
  signal?: AbortSignal
}

/**
 * Options of {@link open}.
 * @since 0.1.0
 */
export interface OpenOptions<T = any> {
  /**
   * What resolves the module's imports. `'native'`: emvm's runtime in Rust, recycles in microseconds. `'glue'`: the
   * package's own JavaScript, works for everything that Emscripten makes. `'auto'`: the native host when it
   * resolves every import. `'native'` is refused with the reasons that `inspect()` gives; unresolved imports alone
   * are no such reason, they throw when they are called.
   * @default 'auto'
   */
  host?: 'auto' | 'native' | 'glue'

  /** Path, URL or bytes of the `.wasm`. By default in the source or beside it. */
  wasm?: string | URL | Uint8Array | ArrayBuffer

  /**
   * What `isReady()` does: a fresh instance at each call, never, or when one of the limits is reached.
   * @default 'always'
   */
  recycle?: 'always' | 'never' | RecyclePolicy

  /** Limits of the module's memory. */
  memory?: {
    /**
     * The most linear memory, in bytes or as a size like `'512mb'` (1 mb = 1,048,576 bytes); from 65,536 to 4 GiB. Growth
     * beyond it fails in the way that the module expects: `malloc` returns NULL, or the module aborts with {@link MemoryLimitError}.
     * @default the module's own maximum
     */
    max?: number | string
  }

  /**
   * Milliseconds that one call into the module may take. After that the call throws {@link TimeoutError}, also from within a loop.
   * A thread of the module may run as long without rest while no call runs.
   * @default none
   */
  timeout?: number

  /**
   * Native stack for WebAssembly, in bytes or as a size like `'2mb'`; from 65,536 to 1 GiB.
   * @default 1048576
   */
  stack?: number | string

  /**
   * Folders of this machine that the module sees, by their path inside the module. The only access to the real
   * disk. A writable mount must not contain the cache folder, nor lie in it.
   */
  mounts?: Record<string, Mount>

  /**
   * The environment that the module sees. Nothing of the process's own environment is passed to it.
   * @default {}
   */
  env?: Record<string, string>

  /**
   * The arguments of `main`, without the program's name.
   * @default []
   */
  args?: string[]

  /** What the module reads from standard input. Empty by default. */
  stdin?: string | Uint8Array

  /**
   * Called with each line that the module writes to standard output.
   * @default console.log
   */
  print?: (line: string) => void

  /**
   * Called with each line that the module writes to standard error.
   * @default console.warn
   */
  printErr?: (line: string) => void

  /** Your own functions for imports, by module and name: `{ env: { name: fn } }`. They come before emvm's own. */
  imports?: Record<string, Record<string, (...args: any[]) => any>>

  /**
   * Names of dependencies that run inside emvm with the package, recycled and limited with it. Packages that lead
   * to them run inside as well; Node.js loads other dependencies once. By default those whose files contain
   * WebAssembly. An empty list: none. A list with names implies the glue host. With `rewind` all do, but for the package's `peerDependencies`.
   */
  packages?: string[]

  /**
   * Whether the file exports one of Emscripten's factories, which emvm calls for the module. By default its text
   * decides. `false`: what the file exports is the API, and nothing is called.
   */
  factory?: boolean

  /**
   * Glue host: where the package's JavaScript runs. `'shared'`: in the caller's realm, with globals of its own. `'context'`: in a
   * fresh `vm` context for each generation, for glue that writes globals.
   * @default 'shared'
   */
  realm?: 'shared' | 'context'

  /**
   * What a program passes to Emscripten's factory (`print`, `preRun`, `noInitialRun` ...). Glue host: the `Module`
   * of the package's JavaScript. Native host: the module object starts with its properties.
   */
  module?: object

  /**
   * The folder of compiled code, or `false` to compile at each `open`. It holds up to 4 GB, or `EMVM_CACHE_MAX_MB`;
   * beyond that, the code that was not used for the longest time is removed.
   * @default a private folder in the user's cache folder (`EMVM_CACHE_DIR`)
   */
  cache?: string | false

  /**
   * Native host: a checkpoint of another sandbox of the same source, or its `handle` from any thread of the process. The sandbox starts
   * there: neither start-up nor `warmUp` runs, and recycles without `from` go back there. Options that start-up can see (`env`, `args`,
   * `mounts`, `stdin`, `memory.max`, names in `imports`) and the time zone must be those of the checkpoint's sandbox: another one is
   * refused with {@link OptionError}.
   * @default none
   */
  from?: Checkpoint | number

  /**
   * Native host: the same from a file of {@link Checkpoint.save}, also of another process. The file must belong to this user or to root, and
   * nobody else may write to it; a file that is damaged, of another version of emvm or does not fit is refused with {@link OptionError}.
   * Its pages are mapped: it must be replaced, not changed, as long as a process has it open.
   * @default none
   */
  image?: string | URL

  /**
   * Called with the module after start-up, before the image is taken. What it loads is part of every generation,
   * and objects that it makes stay valid. On the glue host it runs again for each generation.
   */
  warmUp?: (module: T) => unknown
  /**
   * Glue host: a recycle restores the package's JavaScript from an image taken after `warmUp`, instead of
   * evaluating it again. `vm.exports` is then the same object in every generation, `warmUp` runs once, and `recycle()` needs no standby.
   * `true`: a package that cannot be rewound is refused, with the reason. `'auto'`: it is evaluated again. The
   * native host always restores its image. See `docs/rewind.md`.
   * @default false
   */
  rewind?: boolean | 'auto'

  /**
   * Glue host: at most so many threads of a module built with `-pthread` at once, those of its pool included. One more than that
   * is an {@link OptionError}, thrown where the module starts it. See `docs/threads.md`.
   * @default 8
   */
  threads?: number

  /**
   * `true` records where each handle was made, for {@link Sandbox.leaks}. That takes a stack trace for each object.
   *
   * `'allocations'` also watches the module's own `malloc`, `free` and similar functions, for {@link
   * Sandbox.allocations}. Its code is compiled once more, and each allocation takes a stack trace. Refused with {@link UnsupportedError} where they cannot be found.
   * @default false
   */
  trackLeaks?: boolean | 'allocations'

  /** Called while the module is compiled, and not when its code comes from the cache. */
  onProgress?: (progress: Progress) => void

  /**
   * Called with failures that no call waits for: an error in a timer or a finalizer of the module, a rejected
   * promise that its JavaScript made for itself. Without it they are an `uncaughtException` or `unhandledRejection`
   * of the process, which ends it unless it has a listener. While the module starts, such a failure makes the start
   * fail.
   */
  onUncaught?: (error: unknown) => void
}

/**
 * `isReady()` recycles as soon as one of these is reached.
 * @since 0.1.0
 */
export interface RecyclePolicy {
  /** Calls into the module. */
  calls?: number
  /**
   * Linear memory and what is kept beside it (files in memory), in bytes or as a size like `'256mb'`. More than a fresh instance has:
   * `open` refuses a limit that would make each `isReady()` recycle.
   */
  heapBytes?: number | string
  /** Milliseconds since the last recycle. */
  ageMs?: number
  /**
   * After a trap, an abort, an exit or a timeout.
   * @default true
   */
  onTrap?: boolean
}

/**
 * A folder that a module sees.
 * @since 0.1.0
 */
export interface Mount {
  /** A folder of this machine; a relative path starts at the working directory of `open`. */
  path: string
  /** @default false */
  readonly?: boolean
}

/**
 * Progress of compiling.
 * @since 0.1.0
 */
export interface Progress {
  /** What is being done. */
  phase: string
  /** Steps that are done. */
  done: number
  /** Number of steps. */
  total: number
}

/**
 * The result of {@link Sandbox.stats}.
 * @since 0.1.0
 */
export interface Stats {
  /** The number of the current instance. */
  generation: number
  /** Recycles since `open`. */
  recycles: number
  /** Calls into the module since `open`. Reading a property that is a plain field of its object may be none. */
  calls: number
  /** Traps, aborts and exits since `open`. */
  traps: number
  /** Calls that were stopped since `open`, by `timeout` or {@link interrupt}. */
  timeouts: number
  /** Length of the linear memory now. */
  heapBytes: number
  /** The largest length of the linear memory in any generation. */
  heapPeakBytes: number
  /** Memory of this sandbox that is in RAM, as the operating system counts it. */
  residentBytes: number
  /** Memory that is private to this sandbox: what this generation has written, and up to 256 KiB that earlier ones have. */
  dirtyBytes: number
  /** Native host: recycles that found the spare region not clean yet, and cleaned the memory in place. */
  cleanedInPlace?: number
  /** Checkpoints of this sandbox that were neither disposed nor collected. */
  checkpoints: number
  /** C++ objects of this generation that were not deleted. */
  liveHandles: number
  /** Generations of this thread whose memory waits for requests under way: files, sockets, crypto, zlib. */
  regionsInFlight: number
  /** Time of recycles, in microseconds. */
  recycleMicros: { last: number, p50: number, p99: number, max: number }
  /** Milliseconds the compiler took before `open` went on, or 0 from the cache. */
  compileMs: number
  /** Whether the compiled code came from the cache. */
  fromCache: boolean
  /**
   * How well the code of this generation is compiled. A large module that is not in the cache starts on `'baseline'` code, which is
   * slower; `'optimised'` code is compiled meanwhile on other threads, and the next recycle after that takes it.
   */
  tier: 'baseline' | 'optimised'
  /** Recycles that put the present instance back to its image (glue host with `rewind`; native host: all of them). */
  rewinds: number
  /** How often the package's own JavaScript was evaluated (native host: 0). */
  evaluations: number
  /**
   * `'on'`: the next recycle rewinds. `'off'`: not asked for. `'native'`: the native host, which needs none. Otherwise
   * the step that failed: the package is evaluated again for each generation. See `docs/rewind.md`.
   */
  rewind: RewindState
  /** What that step found, and where. */
  rewindReason?: string
}

/**
 * Values of `stats().rewind`.
 * @since 0.1.0
 */
export type RewindState = 'on' | 'off' | 'native' | RewindStep

/**
 * Why a package is evaluated again instead of rewound. See `docs/rewind.md`.
 * @since 0.1.0
 */
export type RewindStep = 'construct' | 'suspended' | 'pending' | 'host-object' | 'foreign' | 'shared-memory' | 'memory-view' | 'wasm' |
  'cost' | 'restore' | 'self-test' | 'growth' | 'realm'

/**
 * C++ objects of one class that were never deleted.
 * @since 0.1.0
 */
export interface Leak {
  /** The C++ class as JavaScript knows it, such as `'Mat'`. */
  className: string
  /** How many of its objects are alive. */
  count: number
  /** With `trackLeaks`: where they were made, one stack for each distinct place. */
  stacks?: string[]
  /** With `trackLeaks`: how many objects were made at each of `stacks`. */
  counts?: number[]
}

/**
 * Blocks of memory from one place that were never freed.
 * @since 0.1.0
 */
export interface Allocation {
  count: number
  bytes: number
  /** The function that allocated: the innermost of `wasmStack` that belongs neither to the allocator nor to the standard library. */
  function: string | null
  /** Functions of the module, innermost first: as C++ names them where there is a name section, else `wasm-function[index]`. */
  wasmStack: string[]
  /** The JavaScript that called the module, as in `Error.stack`. */
  stack: string
}

/**
 * The result of {@link Sandbox.profile}.
 * @since 0.1.0
 */
export interface Profile<R = any> {
  /** What `fn` returned. */
  value: R
  /** Milliseconds it took. */
  ms: number
  /** C++ objects that were not deleted. */
  leaks: Leak[]
  /** Blocks that were allocated and not freed, the most bytes first. */
  blocks: Allocation[]
  /** Which functions of the module were watched, and how they were found. */
  watched: {
    functions: Array<{ name: string, by: 'export' | 'name section' }>
    /** Functions that the module may have, but that cannot be found, since it has no name section. */
    unseen: string[]
    /** Why nothing was watched, and `blocks` is empty. */
    reason?: string
  }
  /** How much the linear memory grew. */
  grownBytes: number
  /** Memory that was written. */
  dirtyBytes: number
}

/**
 * Options of {@link inspect}.
 * @since 0.1.0
 */
export interface InspectOptions extends Pick<OpenOptions, 'wasm' | 'host' | 'imports' | 'cache'> {
  /** Also open it once on the glue host, to see whether it can be rewound. */
  rewind?: boolean
}

/**
 * The result of {@link inspect}: what a source is, without starting it.
 * @since 0.1.0
 */
export interface Inspection {
  /** The file; `null` when bytes were given. */
  source: string | null
  /** Hash of what was read; `null` when no WebAssembly can be found. */
  key: string | null
  /** The host that `open` would use; `null` when the module cannot run here. */
  host: 'native' | 'glue' | null
  /** The reasons, one sentence each. Empty when the native host resolves every import. */
  reasons: string[]
  /** The first and the last version of Emscripten that may have built the module; `null` where it cannot be told. */
  emscripten: { from: string | null, to: string | null }
  wasm: {
    bytes: number
    /** Where the wasm is: the source itself, inside its JavaScript, in a file beside it, in the `wasm` option, or unknown. */
    origin: 'source' | 'embedded' | 'beside' | 'given' | 'hidden'
    /** The file, when `origin` is `'beside'`. */
    path: string | null
    /** The tools that made it, from its `producers` section. */
    producers: Array<{ field: string, name: string, version: string }>
    /** The WebAssembly features that it declares, from its `target_features` section. */
    features: string[]
    /** Whether it has a name section. */
    names: boolean
  }
  /** Limits in pages of 64 KiB; `null` when the module has no memory. */
  memory: { min: number, max: number | null, shared: boolean, memory64: boolean, imported: boolean } | null
  /** Whether a recycle restores the instance in place, or why it starts a new one. */
  recycle: { inPlace: boolean, reason?: string }
  imports: InspectedImport[]
  exports: InspectedExport[]
  /** `null` for a bare `.wasm`. */
  glue: {
    /** Why its names cannot be read back; `null` when they can. */
    minified: string | null
    shape: { modularize: boolean, esm: boolean, commonjs: boolean, wrapped: boolean, api: string[] } | null
    uses: Partial<Record<'asyncify' | 'pthreads' | 'dynamicLinking' | 'embind' | 'nodeFiles' | 'jspi', boolean>>
    /** The keys of the module object. */
    moduleKeys: string[]
    /** How many `EM_ASM` blocks there are. */
    emAsm: number
  } | null
  /** JavaScript that the package adds to its module (pre-js, post-js, library functions). */
  extras: { bytes: number, pre: boolean, post: boolean, freeNames: string[] } | null
  /** With the `rewind` option: whether a recycle can put the package back in place, in how many microseconds, or which step stops it. */
  rewind: { possible: boolean, micros?: number, step?: RewindStep, reason?: string } | null
  /** Milliseconds of compiling, or 0 from the cache. */
  compileMs: number
  fromCache: boolean
}

/**
 * A function that a module imports.
 * @since 0.1.0
 */
export interface InspectedImport {
  module: string
  /** The name in the wasm, which may be minified. */
  field: string
  /** The name as it was before it was minified. */
  name: string
  /** Parameters and result, such as `'(ii)→i'`. */
  signature: string
  /** What resolves it: emvm, the package's JavaScript, or nothing. */
  by: 'native' | 'glue' | 'nobody'
}

/**
 * What a module exports.
 * @since 0.1.0
 */
export interface InspectedExport {
  /** The name in the wasm, which may be minified. */
  field: string
  /** The name as it was before it was minified. */
  name: string
  kind: 'function' | 'memory' | 'table' | 'global' | 'tag'
  /** Of a function. */
  signature?: string
  /** Of a global. */
  mutable?: boolean
  /** Of a global that is an integer constant. */
  value?: number | null
}

/**
 * The result of {@link capabilities}.
 * @since 0.1.0
 */
export interface Capabilities {
  /** emvm's version. */
  version: string
  /** The engine, and its version. */
  engine: string
  engineVersion: string
  /** The target triple that code is compiled for. */
  target: string
  /** The features of this processor that compiled code uses, such as `'AVX2'`. */
  cpuFeatures: string[]
  /** How memory is recycled on this machine. */
  backend: string
  /** Whether that is by copy-on-write. */
  copyOnWrite: boolean
  /** Why it is not, if it is not: the system has no memory files, forbids them, or an environment variable says so. */
  backendReason: string | null
  /** WebAssembly features, and whether modules may use them. */
  features: Record<
    'simd' | 'relaxedSimd' | 'bulkMemory' | 'exceptions' | 'legacyExceptions' | 'threads' | 'memory64' | 'tailCalls',
    boolean
  >
  /** Whether the addon was built with Rust's debug assertions. */
  debugAssertions: boolean
  /** Versions of Node and V8. */
  node: string
  v8: string
}

/**
 * The base class of all errors of emvm. Match on `code`; `instanceof` works across realms and copies of the package.
 * @since 0.1.0
 */
export class EmvmError extends Error {
  constructor (message: string, fields?: { code?: string, cause?: unknown, [field: string]: unknown })
  /** Stable across versions, such as `'EMVM_ERR_TRAP'`. */
  readonly code: string
}

/**
 * The source cannot be read, is neither Emscripten's JavaScript nor WebAssembly, or has no WebAssembly.
 * @since 0.1.0
 */
export class SourceError extends EmvmError {
  readonly code: 'EMVM_ERR_SOURCE'
}

/**
 * The WebAssembly is malformed, truncated, or uses a feature that the engine lacks, which the message names.
 * @since 0.1.0
 */
export class InvalidWasmError extends EmvmError {
  readonly code: 'EMVM_ERR_INVALID_WASM'
}

/**
 * The module has unresolved imports.
 * @since 0.1.0
 */
export class MissingImportError extends EmvmError {
  readonly code: 'EMVM_ERR_MISSING_IMPORT'
  /** All of them at `open`; the one that was called, when a module that could start without it calls it. */
  readonly imports: MissingImport[]
}

/**
 * An unresolved import.
 * @since 0.1.0
 */
export interface MissingImport {
  module: string
  /** Its name in the `imports` option. */
  name: string
  /** Parameters and result, such as `'(ii)→i'`. */
  signature: string
}

/**
 * An option, or the source given to `open`, is wrong.
 * @since 0.1.0
 */
export class OptionError extends EmvmError {
  readonly code: 'EMVM_ERR_OPTION'
  /** The option's name, with dots for what is inside: `'memory.max'`. */
  readonly option: string
  /** What was given. */
  readonly value: unknown
  /** What is accepted, in words. */
  readonly accepted: string
}

/**
 * The module's start-up failed; `cause` has the error.
 * @since 0.1.0
 */
export class StartError extends EmvmError {
  readonly code: 'EMVM_ERR_START'
}

/**
 * The module trapped. The next `isReady()` gives a working instance.
 * @since 0.1.0
 */
export class TrapError extends EmvmError {
  readonly code: 'EMVM_ERR_TRAP'
  /** What happened. */
  readonly trap: Trap
  /** The wasm functions on the stack, innermost first, by name where the module has names. */
  readonly wasmStack: string[]
}

/**
 * Why a module trapped.
 * @since 0.1.0
 */
export type Trap =
  | 'unreachable'
  | 'out-of-bounds'
  | 'table-out-of-bounds'
  | 'indirect-call'
  | 'stack-overflow'
  | 'divide'
  | 'integer-overflow'
  | 'bad-conversion'
  | 'unaligned-atomic'
  | 'other'

/**
 * The module called `abort`; its text is in the message.
 * @since 0.1.0
 */
export class AbortError extends EmvmError {
  readonly code: 'EMVM_ERR_ABORT'
}

/**
 * The module called `exit`.
 * @since 0.1.0
 */
export class ExitError extends EmvmError {
  readonly code: 'EMVM_ERR_EXIT'
  /** What it was called with. */
  readonly status: number
}

/**
 * The module had not enough memory, or the system has none left for another instance.
 * @since 0.1.0
 */
export class MemoryLimitError extends EmvmError {
  readonly code: 'EMVM_ERR_MEMORY'
  /** In bytes. */
  readonly limit?: number
  /** In bytes. */
  readonly requested?: number
}

/**
 * A call took longer than the `timeout` option allows, or {@link interrupt} or an abort signal stopped it.
 * @since 0.1.0
 */
export class TimeoutError extends EmvmError {
  readonly code: 'EMVM_ERR_TIMEOUT'
  /** In milliseconds. Absent when the call was interrupted. */
  readonly limit?: number
  /** In milliseconds. Absent when the call was interrupted. */
  readonly elapsed?: number
  /** Whether the call was interrupted, and not past its limit. */
  readonly interrupted?: true
}

/**
 * A C++ exception left the module. The instance goes on working. As a number it is the pointer, so
 * `cv.exceptionFromPtr(error)` works as with the bare pointer that Emscripten throws.
 * @since 0.1.0
 */
export class CppException extends EmvmError {
  readonly code: 'EMVM_ERR_CPP_EXCEPTION'
  /** The C++ type, such as `'cv::Exception'`, where it can be had. */
  readonly type?: string
  /** Where the exception is in the module's memory. */
  readonly ptr: number
  [Symbol.toPrimitive] (hint: 'number'): number
  [Symbol.toPrimitive] (hint: string): number | string
}

/**
 * An object of a past generation was used.
 * @since 0.1.0
 */
export class StaleHandleError extends EmvmError {
  readonly code: 'EMVM_ERR_STALE'
  /** The object's class. */
  readonly class?: string
  /** The generation it belongs to. */
  readonly generation?: number
  /** The generation that is alive. */
  readonly current?: number
}

/**
 * `isReady`, `recycle` or `dispose` was called while the module was on the stack.
 * @since 0.1.0
 */
export class BusyError extends EmvmError {
  readonly code: 'EMVM_ERR_BUSY'
}

/**
 * `recycle()` found no standby instance (glue host); `await isReady()` waits for one.
 * @since 0.1.0
 */
export class NotReadyError extends EmvmError {
  readonly code: 'EMVM_ERR_NOT_READY'
}

/**
 * The sandbox was used after `dispose()`.
 * @since 0.1.0
 */
export class DisposedError extends EmvmError {
  readonly code: 'EMVM_ERR_DISPOSED'
}

/**
 * The module needs something that emvm does not support. The message says what, and what to do.
 * @since 0.1.0
 */
export class UnsupportedError extends EmvmError {
  readonly code: 'EMVM_ERR_UNSUPPORTED'
}

/**
 * All threads of a pool are busy and its queue is as long as `maxQueue` allows.
 * @since 0.1.0
 */
export class QueueFullError extends EmvmError {
  readonly code: 'EMVM_ERR_QUEUE_FULL'
  /** Tasks that wait. */
  readonly queued: number
  /** How many may wait. */
  readonly maxQueue: number
}

/**
 * The worker thread ended while it ran the task; another one takes its place. `cause` says how.
 * @since 0.1.0
 */
export class WorkerError extends EmvmError {
  readonly code: 'EMVM_ERR_WORKER'
}

/**
 * Sandboxes on worker threads. Each task gets a fresh instance of its own; compiled code is shared by all threads.
 *
 * ```js
 * const pool = new Pool(require.resolve('@techstark/opencv-js'), { threads: 4 })
 * const bytes = await pool.run('./outline.js', picture, { timeout: 500, transferList: [picture.buffer] })
 * ```
 *
 * It has the methods of an `EventEmitter`.
 *
 * @example
 * const pool = new Pool('./module.js', { threads: 4 })
 * @since 0.1.0
 */
export class Pool<T = any> {
  /** @throws {@link OptionError} for a bad source or option. The source is read when the first task comes, or by {@link Pool.ready}. */
  constructor (source: Source, options?: PoolOptions)

  /**
   * The most threads there will be.
   * @example
   * pool.maxThreads // 4
   * @since 0.1.0
   */
  readonly maxThreads: number
  /**
   * Threads there are now.
   * @example
   * pool.threads // 1, more as tasks come
   * @since 0.1.0
   */
  readonly threads: number
  /**
   * Tasks that wait for a thread.
   * @example
   * pool.queueSize
   * @since 0.1.0
   */
  readonly queueSize: number
  /**
   * Every thread has a task: whoever makes more should hold back until the event `'drain'`.
   * @example
   * if (pool.needsDrain) await once(pool, 'drain')
   * @since 0.1.0
   */
  readonly needsDrain: boolean

  /**
   * Reads and compiles the source now. Rejects as {@link open} does.
   * @example
   * await pool.ready()
   * @since 0.1.0
   */
  ready (): Promise<void>

  /**
   * Runs a task on a fresh instance in a worker thread. What it gives comes back by structured cloning; views of the module's memory
   * are copied.
   *
   * A function is sent as its source text: it sees its arguments, globals and `require`, but nothing of what surrounds it here.
   *
   * @throws {@link TimeoutError} when `timeout` has passed since it began; the wasm is stopped, the thread lives on
   * @throws the `signal`'s reason when it is aborted, waiting or running
   * @throws {@link QueueFullError} at once, when `maxQueue` tasks wait already
   * @throws {@link WorkerError} when its thread ended under it
   * @throws {@link StaleHandleError} when it gives back an object of the module
   * @throws whatever the task throws
   * @example
   * const sum = await pool.run((module, [a, b]) => module._add(a, b), [1, 2])
   * @since 0.1.0
   */
  run<R, P = unknown> (task: Task<T, P, R>, payload: P, options?: RunOptions): Promise<Awaited<R>>
  /**
   * The same for a function that takes nothing but the module.
   * @example
   * await pool.run((module) => module._main())
   * @since 0.1.0
   */
  run<R> (task: Task<T, undefined, R>): Promise<Awaited<R>>
  /**
   * The same for a file, whose default export (or the one that `name` says) is the task.
   * @example
   * await pool.run('./outline.js', picture)
   * @since 0.1.0
   */
  run<R = any> (file: string | URL, payload?: unknown, options?: RunOptions): Promise<R>

  /**
   * Figures at this moment.
   * @example
   * const { queued, waitMs } = pool.stats()
   * @since 0.1.0
   */
  stats (): PoolStats

  /**
   * Ends all threads now; tasks that wait or run are rejected with {@link DisposedError}.
   * @example
   * await pool.destroy()
   * @since 0.1.0
   */
  destroy (): Promise<void>
  /**
   * The same, after all tasks have come to their end.
   * @example
   * await pool.close()
   * @since 0.1.0
   */
  close (): Promise<void>
  /**
   * The same as {@link Pool.close}.
   * @example
   * await using pool = new Pool('./module.js')
   * @since 0.1.0
   */
  [Symbol.asyncDispose] (): Promise<void>

  /**
   * `'needsDrain'` and `'drain'`: {@link Pool.needsDrain} has changed. `'error'`: something was thrown in a worker outside of any
   * task; without a listener it is counted and otherwise ignored.
   * @example
   * pool.on('drain', () => stream.resume())
   * @since 0.1.0
   */
  on: PoolListen<this>
  /**
   * As {@link Pool.on}, for the next event alone.
   * @example
   * pool.once('error', console.error)
   * @since 0.1.0
   */
  once: PoolListen<this>
  /**
   * Takes a listener away.
   * @example
   * pool.off('drain', resume)
   * @since 0.1.0
   */
  off (event: keyof PoolEvents, listener: (...args: any[]) => void): this

  // The rest of what every `EventEmitter` has.
  addListener: PoolListen<this>
  prependListener: PoolListen<this>
  prependOnceListener: PoolListen<this>
  removeListener (event: keyof PoolEvents, listener: (...args: any[]) => void): this
  removeAllListeners (event?: keyof PoolEvents): this
  setMaxListeners (count: number): this
  getMaxListeners (): number
  emit<E extends keyof PoolEvents> (event: E, ...args: PoolEvents[E]): boolean
  eventNames (): Array<string | symbol>
  listenerCount (event: keyof PoolEvents): number
  listeners (event: keyof PoolEvents): Function[]
  rawListeners (event: keyof PoolEvents): Function[]
}

/**
 * The events of a {@link Pool}, and what their listeners get.
 * @since 0.1.0
 */
export interface PoolEvents {
  needsDrain: []
  drain: []
  error: [error: Error]
}

/**
 * Adds a listener to a {@link Pool}.
 * @since 0.1.0
 */
export type PoolListen<This> = <E extends keyof PoolEvents> (event: E, listener: (...args: PoolEvents[E]) => void) => This

/**
 * What a pool runs. `module` is fresh; what it makes is gone afterwards.
 * @since 0.1.0
 */
export type Task<T = any, P = any, R = any> = (module: T, payload: P, context: TaskContext) => R

/**
 * The third argument of a task.
 * @since 0.1.0
 */
export interface TaskContext {
  /** Aborted when the task is to stop: for what it waits for itself. Calls into the module stop anyway. */
  signal: AbortSignal
  /** The number of the instance in its thread. */
  generation: number
  /** Marks an ArrayBuffer (or a view of a whole one) or a MessagePort in the result to be moved instead of copied, and gives it back. */
  move<V extends object> (value: V): V
}

/**
 * Options of {@link Pool.run}.
 * @since 0.1.0
 */
export interface RunOptions {
  /** Gives up on the task: it leaves the queue, or its wasm is stopped. */
  signal?: AbortSignal
  /** What of the payload is moved instead of copied. */
  transferList?: readonly object[]
  /** Milliseconds that the task may run, from when it begins. */
  timeout?: number
  /**
   * The export to call, when the task is a file.
   * @default 'default'
   */
  name?: string
}

/**
 * Options of a {@link Pool}.
 * @since 0.1.0
 */
export interface PoolOptions {
  /** Exactly that many threads; the same as `minThreads` and `maxThreads`. */
  threads?: number
  /** Threads that are kept. @default 1 */
  minThreads?: number
  /** Threads that are started as tasks come. @default the number of processors */
  maxThreads?: number
  /** Milliseconds after which a thread beyond `minThreads` ends when it has nothing to do. @default 60000 */
  idleTimeout?: number
  /** How many tasks may wait; one more is refused with {@link QueueFullError}. @default Infinity */
  maxQueue?: number
  /** Milliseconds that a task may run, unless its own `timeout` says otherwise. @default none */
  timeout?: number
  /**
   * Milliseconds a stopped task has to come to its end; after that, its thread is ended and replaced.
   * @default 1000
   */
  grace?: number
  /** Limits of each thread's JavaScript, as of `worker_threads`. */
  resourceLimits?: { maxYoungGenerationSizeMb?: number, maxOldGenerationSizeMb?: number, codeRangeSizeMb?: number, stackSizeMb?: number }
  /** Options of {@link open} for each thread's sandbox. Functions cannot be among them: see `setup`. */
  open?: Omit<OpenOptions, 'print' | 'printErr' | 'warmUp' | 'imports' | 'onProgress' | 'onUncaught' | 'module'>
  /** A module whose default export is called in each thread, with `open`, and gives further options: `warmUp`, `imports`, `print` ... */
  setup?: string | URL
}

/**
 * What {@link Pool.stats} gives.
 * @since 0.1.0
 */
export interface PoolStats {
  /** Threads there are now. */
  threads: number
  /** Tasks that have a thread. */
  running: number
  /** Tasks that wait for one. */
  queued: number
  /** Tasks that gave a result. */
  completed: number
  /** Tasks that failed, for whatever reason. */
  failed: number
  /** Of these, those that ran for too long. */
  timeouts: number
  /** Of these, those that were aborted. */
  aborted: number
  /** Threads that ended while they ran a task. */
  workersLost: number
  /** From `run` to when the task began, in milliseconds. */
  waitMs: Timings
  /** From when the task began to its end, in milliseconds. */
  runMs: Timings
  /** What recycles cost, in microseconds. */
  recycleMicros: Timings
  /** What opening the sandbox took in each new thread, in milliseconds. */
  openMs: Timings
}

/**
 * How long something took, over the last of them.
 * @since 0.1.0
 */
export interface Timings {
  count: number
  mean: number
  p50: number
  p90: number
  p99: number
  max: number
}

// Nothing else is exported.
export {}
