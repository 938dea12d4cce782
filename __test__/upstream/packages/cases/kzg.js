'use strict'

module.exports = {
  package: 'kzg-wasm',
  source: 'kzg-wasm/dist/cjs/kzg.js',
  options: ({ at }) => ({ wasm: at('kzg-wasm/dist/wasm/kzg.wasm') }),
  wrapper: { file: 'kzg-wasm/dist/cjs/index.js', glue: 'kzg-wasm/dist/cjs/kzg.js', wrap: (module) => ({ default: async () => module }) },
  async job ({ loadKZG }, { tools }) {
    const kzg = await loadKZG()
    const blob = tools.bytes(131072).map((byte, i) => i % 32 ? byte : 0)
    const hex = `0x${Buffer.from(blob).toString('hex')}`
    const commitment = kzg.blobToKZGCommitment(hex)
    const proof = kzg.computeBlobKZGProof(hex, commitment)
    return [commitment, proof, kzg.verifyBlobKZGProof(hex, commitment, proof)]
  }
}
