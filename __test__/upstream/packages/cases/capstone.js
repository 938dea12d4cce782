'use strict'

const CODE = {
  CS_ARCH_X86: ['CS_MODE_64', '554889e54883ec10897dfcc745f800000000eb0a8b45f80fafc08945f883450801837dfc0a7ef08b45f8c9c3'],
  CS_ARCH_ARM: ['CS_MODE_ARM', '04e02de504d04de20030a0e3000083e5080090e80080bde81eff2fe1'],
  CS_ARCH_MIPS: ['CS_MODE_32', '9700100c0000000002002400'],
  CS_ARCH_AARCH64: ['CS_MODE_ARM', 'ff4300d1e00f00b9e00f40b900040011c0035fd6']
}

module.exports = {
  package: 'capstone-wasm',
  source: 'capstone-wasm/dist/index.cjs',
  options: ({ at }) => ({ wasm: at('capstone-wasm/dist/capstone.wasm') }),
  wrapper: { file: 'capstone-wasm/dist/index.cjs', factory: 'await capstone$1(' },
  async job (wrapper, { at, read, tools }) {
    await wrapper.loadCapstone({ wasmBinary: read('capstone-wasm/dist/capstone.wasm'), locateFile: () => at('capstone-wasm/dist/capstone.wasm') })
    const { Capstone, Const } = wrapper
    const out = [Capstone.version()]
    for (const [arch, [mode, hex]] of Object.entries(CODE)) {
      if (Const[arch] === undefined) continue
      const machine = tools.attempt(() => new Capstone(Const[arch], Const[mode]))
      if (typeof machine === 'string') {
        out.push(machine)
        continue
      }
      out.push(machine.disasm(Buffer.from(hex, 'hex'), { address: 0x1000 }).map(({ address, mnemonic, opStr, size, bytes }) => [address, mnemonic, opStr, size, Array.from(bytes)]))
      out.push([1, 2, 3].map((id) => [machine.getRegName(id), machine.getInsnName(id)]))
      machine.close()
    }
    out.push(tools.attempt(() => new Capstone(99, 0)))
    return out
  }
}
