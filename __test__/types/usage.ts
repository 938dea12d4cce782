// Compiled by types.test.js with --strict; never run.
import { open, inspect, capabilities, Sandbox, EmvmError, CppException, OptionError, TrapError } from '../..'
import type { OpenOptions, Stats, Leak, Inspection, Capabilities } from '../..'

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
    onProgress: ({ phase, done, total }) => { const share: number = done / total; void [phase, share] }
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
  if (error instanceof CppException) return Number(error) + error.ptr + error.type.length
  if (error instanceof OptionError) return error.option.length + error.accepted.length
  if (error instanceof TrapError) return error.wasmStack.length
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
void [typed, errors, wrong, inspection, found]
