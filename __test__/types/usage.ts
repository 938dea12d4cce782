// Compiled by types.test.js with --strict; never run.
import { open, inspect, capabilities, Pool, Sandbox, EmvmError, CppException, MissingImportError, OptionError, TimeoutError, TrapError, WebAssembly } from '../..'
import type { Trap, OpenOptions, Stats, Leak, Inspection, Capabilities, PoolStats } from '../..'

interface Adder { _add (a: number, b: number): number }

async function typed (): Promise<void> {
  const options: OpenOptions<Adder> = {
    host: 'native',
    recycle: { calls: 100, heapBytes: '256mb', onTrap: true },
    memory: { max: '512mb' },
    mounts: { '/data': { path: './data', readonly: true } },
    env: { LANG: 'C' },
    print: (line) => { const text: string = line; void text },
    imports: { env: { now: () => 0 } },
    cache: false,
    warmUp: async (module) => { const sum: number = module._add(1, 2); void sum },
    onProgress: ({ phase, done, total }) => { const share: number = done / total; void [phase, share] },
    onUncaught: (error) => { const reason: unknown = error; void reason }
  }
  const vm: Sandbox<Adder> = await open<Adder>(new URL('file:///adder.js'), options)
  const fresh: Adder = await vm.isReady()
  const again: Adder = vm.recycle()
  const sum: number = fresh._add(1, 2) + again._add(3, 4)
  const text: string = await vm.run(async (module) => String(module._add(sum, 1)))
  const stats: Stats = vm.stats()
  const p99: number = stats.recycleMicros.p99
  const leaks: Leak[] = vm.leaks()
  const host: 'native' | 'glue' = vm.host
  const { isReady } = vm
  await isReady()
  vm.dispose()
  void [text, p99, leaks, host]

  const untyped = await open(new Uint8Array())
  untyped.exports.anything.at.all()
}

function errors (error: unknown): number {
  if (error instanceof CppException) return Number(error) + error.ptr + (error.type ?? '').length
  if (error instanceof OptionError) return error.option.length + error.accepted.length
  if (error instanceof TrapError) {
    const trap: Trap = error.trap
    // @ts-expect-error no such trap
    if (error.trap === 'segfault') return 0
    return error.wasmStack.length + trap.length
  }
  if (error instanceof MissingImportError) return error.imports.filter(({ module, name, signature }) => module + name === signature).length
  if (error instanceof TimeoutError) return error.interrupted ? 0 : error.limit ?? 0
  if (error instanceof EmvmError && error.code === 'EMVM_ERR_STALE') return 1
  return 0
}

async function wrong (): Promise<void> {
  // @ts-expect-error an unknown option
  await open('a.js', { hots: 'native' })
  // @ts-expect-error an unknown value
  await open('a.js', { recycle: 'sometimes' })
  // @ts-expect-error not a source
  await open(42)
  // @ts-expect-error made by open only
  void new Sandbox()
  const vm = await open('a.js')
  // @ts-expect-error readonly
  vm.generation = 3
}

const inspection: Promise<Inspection> = inspect('a.js', { wasm: 'a.wasm' })
const found: Capabilities = capabilities()
const origin: Promise<string | null> = inspection.then(({ wasm }) => wasm.origin === 'beside' ? wasm.path : null)
const memory = new WebAssembly.Memory({ initial: 1 })
memory.grow(1)
memory.dispose()
void [typed, errors, wrong, origin, found]

interface Outline { points: Uint8Array }

async function pooled (): Promise<void> {
  await using pool = new Pool<Adder>('adder.js', { threads: 2, timeout: 500, open: { memory: { max: '64mb' } } })
  await pool.ready()
  const sum: number = await pool.run((module, { a, b }) => module._add(a, b), { a: 1, b: 2 }, { signal: AbortSignal.timeout(10) })
  const slow: string = await pool.run(async (module, text: string, { signal, move }) => {
    void [signal.aborted, move(new ArrayBuffer(3))]
    return text + module._add(1, 2)
  }, 'text')
  const outline = await pool.run<Outline>('./outline.js', slow, { name: 'outline', transferList: [] })
  const first: number = outline.points[0]
  pool.on('drain', () => {}).prependListener('error', (error) => error.message).removeAllListeners()
  // @ts-expect-error no such event
  pool.on('drained', () => {})
  const stats: PoolStats = pool.stats()
  void [sum, first, stats.waitMs.p99, stats.workersLost]
  // @ts-expect-error functions cannot be sent to a thread
  void new Pool('adder.js', { open: { print: () => {} } })
}
void pooled
