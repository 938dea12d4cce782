'use strict'

module.exports = {
  package: '@sctg/sentencepiece-js',
  source: '@sctg/sentencepiece-js/dist/index.cjs',
  wrapper: { file: '@sctg/sentencepiece-js/dist/index.cjs', factory: 'yield createSentencePieceModule(' },
  async job (wrapper, { tools }) {
    const processor = new wrapper.SentencePieceProcessor()
    await processor.loadFromB64StringModel(wrapper.clean_30k_b64)
    return ['Hello world, this is a test.', 'naïve café ✓ 日本語', tools.words(300), ''].map((text) => {
      const clean = wrapper.cleanText(text)
      const ids = processor.encodeIds(clean)
      return [ids, processor.encodePieces(clean), processor.decodeIds(ids)]
    })
  }
}
